// Singular values of long products of matrices, on a logarithmic scale, and Lyapunov exponents.
#pragma once

#include <vector>

#include "deeprmt/core/types.hpp"
#include "deeprmt/linalg/qr.hpp"

namespace deeprmt::linalg {

/// A positive number m 2^e with 1 <= m < 2, or zero: products of any length neither overflow nor lose digits.
struct Scaled {
  double m = 1;
  std::int64_t e = 0;

  void multiply(double factor);
  double log() const;
};

/// x / y. Underflows to 0; y must not be zero.
double ratio(const Scaled& x, const Scaled& y);

/// The product P of a chain of factors, never multiplied out: P = Q D T with Q orthonormal, D diagonal and graded, T
/// with unit "diagonal" and well-conditioned. Each factor costs one QR decomposition, whose columns are sorted by norm
/// first: stratification as in Loh & Gubernatis (1992) and Tomas, Chang, Scalettar & Bai, IPDPS (2012).
///
/// Error of a log singular value: rounding in the T of each step is a relative perturbation T^-1 E of P from the right,
/// at most eps n cond(T) a step; rounding in Q is a perturbation of the factor of size eps n relative to its columns in
/// the frame Q, to which the values are as sensitive as they are. T changes no more once the values lie apart.
///
/// Rows and columns of a factor that are small as a whole keep their digits. Exact zeros are kept: a row or column of
/// zeros takes its rank away, and the logarithm is then -infinity. Memory: Q's reflectors, T (r, n_0) and a factor, r
/// the smallest size so far; the same again while a factor is taken.
template <class T>
class LogProduct {
 public:
  explicit LogProduct(Index n_0);

  /// P <- a P. a (m, rows()) must be finite. Any scale, any shape.
  void push(MatIn<T> a, int threads);

  /// P is a (rows(), n_0) matrix of rank at most rank().
  Index rows() const { return rows_; }
  Index rank() const { return static_cast<Index>(d_.size()); }

  /// Natural logarithms of all min(rows(), n_0) singular values, descending, -infinity for zeros.
  Vec<double> log_values(int threads) const;

 private:
  Mat<T> frame(int threads) const;  // Q (rows(), rank())
  void take(Mat<T> b, int threads);
  void weigh_rows(const Vec<T>& weights, int threads);

  Index n_0_, rows_;
  std::vector<Index> live_;  // rows of P that are not identically zero, in the order in which Q's reflectors have them
  std::vector<BlockReflector<T>> q_;
  bool identity_ = true;  // Q and T are
  std::vector<Scaled> d_;
  Mat<T> t_;
};

/// One step of QR re-orthogonalisation for each (m, n) matrix a of a stack: frame <- Q, out.row(c) = log |diag R|,
/// where a frame = Q R. If m != n the stack must hold one matrix. Zeros on the diagonal give -infinity.
/// @param frame  (n, k), columns orthonormal; returns (m, k), k <= m
template <class T>
Mat<T> lyapunov_steps(const T* stack, Index count, Index m, Index n, Mat<T> frame, Eigen::Ref<Mat<double>> out,
                      int threads);

}  // namespace deeprmt::linalg
