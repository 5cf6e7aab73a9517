#include "deeprmt/linalg/entries.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "deeprmt/core/check.hpp"
#include "deeprmt/core/clones.hpp"
#include "deeprmt/core/interrupt.hpp"

namespace deeprmt::linalg {
namespace {

constexpr Index lanes = 32;
constexpr Index together = 64;  // rows whose squares are added up before they count in the columns

template <class T>
DEEPRMT_LEAF void largest_loop(const T* x, Index n, T* largest, T* sum) {
  T most[lanes] = {}, zero[lanes] = {};
  Index i = 0;
  for (; i + lanes <= n; i += lanes)
    for (Index l = 0; l < lanes; ++l) {
      const T size = std::abs(x[i + l]);
      most[l] = size > most[l] ? size : most[l];
      zero[l] += x[i + l] * 0;  // NaN where the entry is, or is infinite
    }
  for (Index l = 0; i < n; ++i, ++l) {
    const T size = std::abs(x[i]);
    most[l] = size > most[l] ? size : most[l];
    zero[l] += x[i] * 0;
  }
  *largest = *std::max_element(most, most + lanes);
  *sum = 0;
  for (Index l = 0; l < lanes; ++l) *sum += zero[l];
}

/// Adds the squares of one row over the scale to `columns`; returns their sum and that of the fourth powers.
template <class T>
DEEPRMT_LEAF void row_loop(const T* x, Index n, double inverse, double* columns, double* squares, double* fourths) {
  constexpr Index width = 16;
  double two[width] = {}, four[width] = {};
  Index j = 0;
  for (; j + width <= n; j += width)
    for (Index l = 0; l < width; ++l) {
      const double y = static_cast<double>(x[j + l]) * inverse, q = y * y;
      columns[j + l] += q;
      two[l] += q;
      four[l] += q * q;
    }
  for (Index l = 0; j < n; ++j, ++l) {
    const double y = static_cast<double>(x[j]) * inverse, q = y * y;
    columns[j] += q;
    two[l] += q;
    four[l] += q * q;
  }
  *squares = *fourths = 0;
  for (Index l = 0; l < width; ++l) *squares += two[l], *fourths += four[l];
}

}  // namespace

template <class T>
T largest_magnitude(const T* entries, Index n) {
  constexpr Index piece = 1 << 20;
  T largest = 0;
  for (Index i = 0; i < n; i += piece) {
    check_interrupt();
    T here, zero;
    clones<largest_loop<T>>(entries + i, std::min(piece, n - i), &here, &zero);
    if (std::isnan(zero))  // which of the two, in the rare case
      for (Index k = i; k < std::min(n, i + piece); ++k)
        if (std::isnan(entries[k])) return std::numeric_limits<T>::quiet_NaN();
    largest = std::max(largest, here);
  }
  return largest;
}

template <class T>
double entry_sums(MatIn<T> a, double scale, VecOut<double> rows, VecOut<double> columns) {
  check::that(rows.size() == a.rows() && columns.size() == a.cols(),
              "entry_sums: rows and columns must have one number for each of a's");
  check::that(scale > 0, "entry_sums: scale must be above 0, got ", scale);
  const double inverse = 1 / scale;
  columns.setZero();
  Vec<double> some = Vec<double>::Zero(a.cols());
  double fourth = 0;
  for (Index begin = 0; begin < a.rows(); begin += together) {
    check_interrupt();
    double here = 0;
    for (Index i = begin; i < std::min(a.rows(), begin + together); ++i) {
      double fourths;
      clones<row_loop<T>>(a.data() + i * a.outerStride(), a.cols(), inverse, some.data(), &rows[i], &fourths);
      here += fourths;
    }
    fourth += here;
    columns += some;
    some.setZero();
  }
  return fourth;
}

#define DEEPRMT_INSTANTIATE(T)                      \
  template T largest_magnitude<T>(const T*, Index); \
  template double entry_sums<T>(MatIn<T>, double, VecOut<double>, VecOut<double>);
DEEPRMT_INSTANTIATE(float)
DEEPRMT_INSTANTIATE(double)

}  // namespace deeprmt::linalg
