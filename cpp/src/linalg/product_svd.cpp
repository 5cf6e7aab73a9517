#include "deeprmt/linalg/product_svd.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>

#include "deeprmt/core/blas.hpp"
#include "deeprmt/core/check.hpp"
#include "deeprmt/core/interrupt.hpp"
#include "deeprmt/linalg/product.hpp"
#include "graded_qr.hpp"
#include "graded_values.hpp"

namespace deeprmt::linalg {

void Scaled::multiply(double factor) {
  int exponent = 0;
  m = 2 * std::frexp(m * factor, &exponent);
  e += exponent - 1;
}

double Scaled::log() const { return m == 0 ? -INFINITY : std::log(m) + static_cast<double>(e) * std::numbers::ln2; }

double ratio(const Scaled& x, const Scaled& y) {
  if (x.m == 0) return 0;
  return std::ldexp(x.m / y.m, static_cast<int>(std::clamp<std::int64_t>(x.e - y.e, -5000, 5000)));
}

namespace {

/// t <- upper t for upper trapezoidal `upper` (k, r), t (r, n): in place from the top, without blocks that vanish.
template <class T>
void multiply_upper(const Mat<T>& upper, Mat<T>& t, int threads) {
  constexpr Index size = 128;
  const T nothing = std::numeric_limits<T>::epsilon() * std::numeric_limits<T>::epsilon() / 100;
  const Index k = upper.rows(), r = upper.cols();
  Mat<T> rows;
  for (Index top = 0; top < k; top += size) {
    const Index height = std::min(size, k - top);
    Index end = r;
    while (end > top + height &&
           upper.block(top, std::max(end - size, top + height), height, end - std::max(end - size, top + height))
                   .cwiseAbs()
                   .maxCoeff() <= nothing)
      end = std::max(end - size, top + height);
    rows.resize(height, t.cols());
    multiply<T>('N', 'N', 1, upper.block(top, top, height, end - top), t.middleRows(top, end - top), 0, rows, threads);
    t.middleRows(top, height) = rows;
  }
  t.conservativeResize(k, t.cols());
}

/// The entries with the given indices.
template <class T>
Mat<T> rows_of(const Mat<T>& a, const std::vector<Index>& rows) {
  Mat<T> out(static_cast<Index>(rows.size()), a.cols());
  for (Index i = 0; i < out.rows(); ++i) out.row(i) = a.row(rows[i]);
  return out;
}

}  // namespace

template <class T>
LogProduct<T>::LogProduct(Index n_0)
    : n_0_(n_0), rows_(n_0), live_(static_cast<std::size_t>(n_0)), d_(static_cast<std::size_t>(n_0)) {
  std::iota(live_.begin(), live_.end(), Index{0});
}

template <class T>
Mat<T> LogProduct<T>::frame(int threads) const {
  const Index live = static_cast<Index>(live_.size());
  if (identity_) return Mat<T>::Identity(rows_, n_0_);
  Mat<T> q(live, rank());
  form_q<T>(q_, q, threads);
  if (live == rows_) return q;
  Mat<T> out = Mat<T>::Zero(rows_, rank());
  for (Index i = 0; i < live; ++i) out.row(live_[i]) = q.row(i);
  return out;
}

template <class T>
void LogProduct<T>::take(Mat<T> b, int threads) {
  rows_ = b.rows();
  live_.clear();
  for (Index i = 0; i < rows_; ++i)
    if ((b.row(i).array() != 0).any()) live_.push_back(i);
  if (static_cast<Index>(live_.size()) < rows_) b = rows_of(b, live_);
  auto next = graded_qr<T>(b, d_, threads);
  q_ = std::move(next.q);
  d_ = std::move(next.d);
  if (identity_) {
    t_.resize(next.t.rows(), n_0_);
    for (Index j = 0; j < n_0_; ++j) t_.col(next.order[j]) = next.t.col(j);
    identity_ = false;
  } else {
    t_ = rows_of(t_, next.order);
    multiply_upper<T>(next.t, t_, threads);
  }
}

template <class T>
void LogProduct<T>::absorb(Mat<T> b, int threads) {
  check::that(b.cols() == rank(), "LogProduct: a factor times the frame must have ", rank(), " columns, got ",
              b.cols());
  take(std::move(b), threads);
}

/// The rows of P that a factor does not see are dropped before it is taken: so the rank falls exactly.
template <class T>
void LogProduct<T>::keep_rows(const std::vector<Index>& rows, int threads) {
  Mat<T> q = frame(threads);
  std::vector<bool> seen(static_cast<std::size_t>(rows_), false);
  for (const Index i : rows) seen[i] = true;
  for (Index i = 0; i < rows_; ++i)
    if (!seen[i]) q.row(i).setZero();
  take(std::move(q), threads);
}

template <class T>
void LogProduct<T>::push(MatIn<T> a, int threads) {
  check::that(a.cols() == rows_, "LogProduct: a factor must have ", rows_, " columns, got ", a.cols());
  check_interrupt();
  const blas::Threads single(1);
  // Up to where sums of products still do not overflow: entries that are small beside the largest must not underflow.
  constexpr int top = std::numeric_limits<T>::max_exponent * 7 / 8;
  const T largest = a.size() ? a.cwiseAbs().maxCoeff() : T(0);
  int exponent = 0;
  std::frexp(largest, &exponent);
  exponent = std::max(exponent - top, std::numeric_limits<T>::min_exponent + 2);
  const T by = std::ldexp(T(1), -exponent);

  std::vector<Index> seen;
  const Eigen::Matrix<T, 1, Eigen::Dynamic> columns =
      a.rows() ? Eigen::Matrix<T, 1, Eigen::Dynamic>(a.cwiseAbs().colwise().maxCoeff())
               : Eigen::Matrix<T, 1, Eigen::Dynamic>(Eigen::Matrix<T, 1, Eigen::Dynamic>::Zero(a.cols()));
  for (const Index i : live_)
    if (columns[i] != 0) seen.push_back(i);
  if (static_cast<Index>(seen.size()) < rank()) keep_rows(seen, threads);

  Mat<T> b;
  const Index live = static_cast<Index>(live_.size());
  if (identity_) {
    b = a * by;
  } else if (3 * rank() < 2 * live) {  // a thin frame: fewer flops with Q formed
    b.resize(a.rows(), rank());
    multiply<T>('N', 'N', by, a, frame(threads), 0, b, threads);
  } else {
    b.resize(a.rows(), live);
    for (Index j = 0; j < live; ++j) b.col(j) = by * a.col(live_[j]);
    Mat<T> work;
    for (const auto& block : q_) apply_right<T>(block, 'N', b.rightCols(block.size()), work, threads);
    if (rank() < live) b = Mat<T>(b.leftCols(rank()));
  }
  for (Scaled& d : d_) d.e += exponent;
  take(std::move(b), threads);
}

template <class T>
Vec<double> LogProduct<T>::log_values(int threads) const {
  Vec<double> out = Vec<double>::Constant(std::min(rows_, n_0_), -INFINITY);
  const blas::Threads single(1);
  if (identity_)
    out.setZero();
  else
    out.head(rank()) = graded_values(d_, t_.template cast<double>(), threads);
  return out;
}

template <class T>
Mat<T> lyapunov_steps(const T* stack, Index count, Index m, Index n, Mat<T> frame, Eigen::Ref<Mat<double>> out,
                      int threads) {
  const Index k = frame.cols();
  check::that(frame.rows() == n && k <= m, "lyapunov_exponents: a factor of shape (", m, ", ", n,
              ") does not take a frame of shape (", frame.rows(), ", ", k, ")");
  check::that(m == n || count == 1, "lyapunov_exponents: a stack must hold square matrices");
  const blas::Threads single(1);
  Mat<T> image(m, k);
  for (Index c = 0; c < count; ++c) {
    check_interrupt();
    multiply<T>('N', 'N', 1, Eigen::Map<const Mat<T>>(stack + c * m * n, m, n), frame, 0, image, threads);
    const auto blocks = factor<T>(image, true, threads);
    for (Index i = 0; i < k; ++i) out(c, i) = std::log(std::abs(static_cast<double>(image(i, i))));
    frame.resize(m, k);
    form_q<T>(blocks, frame, threads);
  }
  return frame;
}

#define DEEPRMT_INSTANTIATE(T)  \
  template class LogProduct<T>; \
  template Mat<T> lyapunov_steps<T>(const T*, Index, Index, Index, Mat<T>, Eigen::Ref<Mat<double>>, int);
DEEPRMT_INSTANTIATE(float)
DEEPRMT_INSTANTIATE(double)

}  // namespace deeprmt::linalg
