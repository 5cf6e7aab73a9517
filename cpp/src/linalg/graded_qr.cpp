#include "graded_qr.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "deeprmt/core/interrupt.hpp"
#include "deeprmt/core/parallel.hpp"

namespace deeprmt::linalg {
namespace {

constexpr double largest_growth = 1000;

bool greater(const Scaled& x, const Scaled& y) {
  if (x.m == 0 || y.m == 0) return x.m > y.m;
  return x.e != y.e ? x.e > y.e : x.m > y.m;
}

/// The order of column pivoting: in each step the column whose part orthogonal to those before is largest. Gram-Schmidt
/// on the transpose, whose rows lie together; only the order is kept.
template <class T>
std::vector<Index> pivoted_order(const Mat<T>& b, const std::vector<Scaled>& scale, int threads) {
  const Index r = b.cols(), steps = std::min(b.rows(), r);
  Mat<T> columns = b.transpose();
  std::vector<Index> order(static_cast<std::size_t>(r));
  std::iota(order.begin(), order.end(), Index{0});
  std::vector<Scaled> size = scale;
  for (Index i = 0; i < r; ++i) size[i].multiply(static_cast<double>(columns.row(i).norm()));
  for (Index step = 0; step < steps; ++step) {
    check_interrupt();
    const auto best = std::max_element(order.begin() + step, order.end(),
                                       [&](Index i, Index j) { return greater(size[j], size[i]); });
    std::iter_swap(order.begin() + step, best);
    const Index pivot = order[step];
    const T norm = columns.row(pivot).norm();
    if (norm == 0) break;
    columns.row(pivot) /= norm;
    const double work = 6.0 * static_cast<double>((r - step) * b.rows());
    parallel_ranges(r - step - 1, 16, useful_threads(work, threads), [&](Index begin, Index end) {
      for (Index at = step + 1 + begin; at < step + 1 + end; ++at) {
        const Index i = order[at];
        columns.row(i) -= columns.row(pivot).dot(columns.row(i)) * columns.row(pivot);
        size[i] = scale[i];
        size[i].multiply(static_cast<double>(columns.row(i).norm()));
      }
    });
  }
  return order;
}

/// The decomposition in a given order. Returns the largest entry of t, infinite if there is a zero on the diagonal.
template <class T>
double decompose(const Mat<T>& b, const std::vector<Scaled>& scale, GradedQR<T>& out, int threads) {
  const Index m = b.rows(), r = b.cols(), k = std::min(m, r);
  Mat<T> w(m, r), work;
  parallel_ranges(m, 16, useful_threads(4.0 * static_cast<double>(b.size()), threads), [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i)
      for (Index j = 0; j < r; ++j) w(i, j) = b(i, out.order[j]);
  });
  out.q = factor<T>(w.leftCols(k), true, threads);
  for (Index j = 0; r > k && j < static_cast<Index>(out.q.size()); ++j)
    apply_left<T>(out.q[j], 'T', w.bottomRightCorner(out.q[j].size(), r - k), work, threads);
  Index rank = 0;
  while (rank < k && w(rank, rank) != 0 && scale[out.order[rank]].m != 0) ++rank;
  out.d.resize(static_cast<std::size_t>(rank));
  out.t.setZero(rank, r);
  Vec<double> growth = Vec<double>::Zero(rank);
  parallel_ranges(rank, 16, useful_threads(20.0 * static_cast<double>(b.size()), threads), [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      const Scaled& own = scale[out.order[i]];
      out.d[i] = own;
      out.d[i].multiply(std::abs(static_cast<double>(w(i, i))));
      const double pivot = std::abs(static_cast<double>(w(i, i)));
      for (Index j = i; j < r; ++j) {
        const double entry = static_cast<double>(w(i, j)) / pivot * ratio(scale[out.order[j]], own);
        out.t(i, j) = static_cast<T>(entry);
        growth[i] = std::max(growth[i], std::abs(entry));
      }
    }
  });
  if (rank < k &&
      (w.bottomRightCorner(m - rank, r - rank).template triangularView<Eigen::Upper>().toDenseMatrix().array() != 0)
          .any())
    return INFINITY;  // the zero on the diagonal is no zero column: another order leaves none before the last
  return rank == 0 ? 0 : growth.maxCoeff();
}

}  // namespace

template <class T>
Vec<T> largest_of_columns(MatIn<T> a) {
  Vec<T> largest = Vec<T>::Zero(a.cols());
  for (Index i = 0; i < a.rows(); ++i) largest = largest.cwiseMax(a.row(i).transpose().cwiseAbs());
  return largest;
}

template <class T>
GradedQR<T> graded_qr(Mat<T>& b, const std::vector<Scaled>& given, int threads) {
  const Index r = b.cols();
  // QR does not mind the columns' scales: bring each to about 1, by a power of two.
  std::vector<Scaled> scale = given, size(given.size());
  const Vec<T> largest = largest_of_columns<T>(b);
  Vec<T> by(r);
  for (Index j = 0; j < r; ++j) {
    int exponent = 0;
    std::frexp(largest[j], &exponent);
    exponent = std::min(exponent, std::numeric_limits<T>::max_exponent - 2);
    exponent = std::max(exponent, std::numeric_limits<T>::min_exponent + 2);
    by[j] = std::ldexp(T(1), -exponent);
    if (largest[j] == 0)
      scale[j] = {0, 0};
    else
      scale[j].e += exponent;
  }
  Vec<T> squares = Vec<T>::Zero(r);
  for (Index i = 0; i < b.rows(); ++i) {
    b.row(i).array() *= by.transpose().array();
    squares += b.row(i).transpose().cwiseAbs2();
  }
  for (Index j = 0; j < r; ++j) {
    size[j] = scale[j];
    size[j].multiply(std::sqrt(static_cast<double>(squares[j])));
  }
  GradedQR<T> out;
  out.order.resize(static_cast<std::size_t>(r));
  std::iota(out.order.begin(), out.order.end(), Index{0});
  std::stable_sort(out.order.begin(), out.order.end(), [&](Index i, Index j) { return greater(size[i], size[j]); });
  if (decompose(b, scale, out, threads) > largest_growth) {
    out.order = pivoted_order(b, scale, threads);
    decompose(b, scale, out, threads);
  }
  return out;
}

#define DEEPRMT_INSTANTIATE(T)                     \
  template Vec<T> largest_of_columns<T>(MatIn<T>); \
  template GradedQR<T> graded_qr<T>(Mat<T>&, const std::vector<Scaled>&, int);
DEEPRMT_INSTANTIATE(float)
DEEPRMT_INSTANTIATE(double)

}  // namespace deeprmt::linalg
