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
  if (live == rows_ && std::is_sorted(live_.begin(), live_.end())) return q;
  Mat<T> out = Mat<T>::Zero(rows_, rank());
  for (Index i = 0; i < live; ++i) out.row(live_[i]) = q.row(i);
  return out;
}

template <class T>
void LogProduct<T>::take(Mat<T> b, int threads) {
  rows_ = b.rows();
  live_.clear();
  Vec<T> size(rows_);
  for (Index i = 0; i < rows_; ++i) {
    size[i] = b.cols() ? b.row(i).cwiseAbs().maxCoeff() : T(0);
    if (size[i] != 0) live_.push_back(i);
  }
  // With large rows first, small rows keep their own digits: Cox & Higham, BIT 38, 34 (1998).
  const auto [least, most] =
      std::minmax_element(live_.begin(), live_.end(), [&](Index i, Index j) { return size[i] < size[j]; });
  const bool graded = !live_.empty() && size[*least] < size[*most] / 16;
  if (graded) std::stable_sort(live_.begin(), live_.end(), [&](Index i, Index j) { return size[i] > size[j]; });
  if (graded || static_cast<Index>(live_.size()) < rows_) b = rows_of(b, live_);
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

/// P <- diag(weights) P. A weight of zero takes a row, and perhaps rank, away exactly.
template <class T>
void LogProduct<T>::weigh_rows(const Vec<T>& weights, int threads) {
  Mat<T> q = frame(threads);
  q.array().colwise() *= weights.array();
  take(std::move(q), threads);
}

template <class T>
void LogProduct<T>::push(MatIn<T> a, int threads) {
  check::that(a.cols() == rows_, "LogProduct: a factor must have ", rows_, " columns, got ", a.cols());
  check_interrupt();
  const blas::Threads single(1);
  using Limits = std::numeric_limits<T>;
  const Vec<T> sizes = largest_of_columns<T>(a);
  const T largest = rows_ ? sizes.maxCoeff() : T(0);
  int magnitude = 0;
  std::frexp(largest, &magnitude);
  // Columns of very different sizes are a factor of their own, so that small ones keep their digits, zeros their rank.
  Mat<T> levelled;
  Index seen = 0;
  T least = largest;
  for (const Index i : live_)
    if (sizes[i] != 0) {
      ++seen;
      least = std::min(least, sizes[i]);
    }
  if (!identity_ && (seen < rank() || least < largest / 4096)) {
    levelled = a;
    Vec<T> weights = Vec<T>::Zero(rows_);
    for (const Index i : live_) {
      if (sizes[i] == 0) continue;
      int up = 0;
      std::frexp(sizes[i], &up);
      up = std::clamp(up - magnitude, Limits::min_exponent + 2, 0);
      levelled.col(i) *= std::ldexp(T(1), -up);
      weights[i] = std::ldexp(T(1), up);
    }
    weigh_rows(weights, threads);
  }
  const MatIn<T> factor = levelled.size() ? MatIn<T>(levelled) : a;
  // Up to where sums of products still do not overflow: entries that are small beside the largest must not underflow.
  const int exponent = std::max(magnitude - Limits::max_exponent * 7 / 8, Limits::min_exponent + 2);
  const T by = std::ldexp(T(1), -exponent);
  Mat<T> b;
  const Index live = static_cast<Index>(live_.size());
  if (identity_) {
    b = factor * by;
  } else if (3 * rank() < 2 * live) {  // a thin frame: fewer flops with Q formed
    b.resize(factor.rows(), rank());
    multiply<T>('N', 'N', by, factor, frame(threads), 0, b, threads);
  } else {
    b.resize(factor.rows(), live);
    for (Index i = 0; i < factor.rows(); ++i)
      for (Index j = 0; j < live; ++j) b(i, j) = by * factor(i, live_[j]);
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
