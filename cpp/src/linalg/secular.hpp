// The rank-one step of divide and conquer: eigenvalues of diag(pole) + z z^T, and the first and last rows of
// Q U, where Q belongs to diag(pole) and U to the sum. O(k) memory, O(k^2) time, in pieces that run in any order.
#pragma once

#include <memory>
#include <new>
#include <vector>

#include "deeprmt/core/types.hpp"

namespace deeprmt::linalg {

constexpr Index lanes = 8;  // numbers of one vector: fixed, so that sums are the same on every instruction set

/// Doubles at an address that vector code likes, in whole vectors.
class Lanes {
 public:
  Lanes() = default;
  explicit Lanes(Index size)
      : data_(static_cast<double*>(::operator new(
            static_cast<std::size_t>((size + lanes - 1) / lanes * lanes) * sizeof(double), alignment))) {}
  double& operator[](Index i) { return data_.get()[i]; }
  double operator[](Index i) const { return data_.get()[i]; }
  double* data() { return data_.get(); }
  const double* data() const { return data_.get(); }

 private:
  static constexpr std::align_val_t alignment{64};
  struct Free {
    void operator()(double* p) const { ::operator delete(p, alignment); }
  };
  std::unique_ptr<double, Free> data_;
};

/// Poles ascend strictly, by gaps well above rounding; weights z^2 are positive, well above underflow.
/// Root i lies between pole i and the next one, the last one within the sum of the weights.
struct Secular {
  Secular() = default;
  /// Room for k poles. The caller fills pole, z, first, last up to k, then calls pad().
  explicit Secular(Index k);
  void pad();

  Index size = 0;
  double weight = 0;       // sum of the weights
  Lanes pole, z, squared;  // z^2, later those for which the computed roots are exact
  Lanes first, last;       // entries of the two rows; overwritten by z times them
  Lanes origin, offset;    // root i is origin[i] + offset[i]; the origin is a pole, the offset small and accurate
  Lanes new_first, new_last;

  /// Roots [begin, end). `slack`: absolute error that the caller allows.
  void solve(Index begin, Index end, double slack);
  /// Weights [begin, end) of which the computed roots are the exact ones (Loewner's formula), after all of solve.
  /// Vectors made from them are orthogonal, however close the roots. Gu & Eisenstat, SIAM J. Matrix Anal. Appl. 15,
  /// 1266 (1994).
  void refine(Index begin, Index end);
  /// Rows of Q U, entries [begin, end), after all of refine.
  void rotate(Index begin, Index end);
};

/// A solved equation with its poles in an order of the caller's choice, from which come whole vectors.
class SecularVectors {
 public:
  /// After all of refine, before which `first` was 1 and is now z. Entry p of the vectors belongs to pole place[p].
  SecularVectors(const Secular& q, const std::vector<Index>& place);
  /// Unit vectors of roots[0], ..., roots[count - 1], one a row of `out`.
  template <class T>
  void eigenvectors(const Index* roots, Index count, T* out, Index ld) const;
  /// Unit singular vectors of the matrix of first row z and diagonal `sqrt(pole)` below, pole[0] being 0 and having no
  /// row: `right` as above, and `left`, whose entry for pole 0 is that of the first row.
  template <class T>
  void singular_vectors(const Index* roots, Index count, T* right, T* left, Index ld) const;

 private:
  template <bool both, class T>
  void fill(const Index* roots, Index count, T* right, T* left, Index ld) const;

  const Secular& q_;
  Index first_ = 0;  // where pole 0 went
  Lanes pole_, z_, root_of_pole_;
};

/// Pieces handed to solve and rotate, and to refine, should begin at multiples of this.
constexpr Index secular_block = 64;

}  // namespace deeprmt::linalg
