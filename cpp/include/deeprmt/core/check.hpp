// Argument checks: every message names function, argument, wish and finding.
#pragma once

#include <cmath>
#include <sstream>
#include <stdexcept>

#include "deeprmt/core/types.hpp"

namespace deeprmt::check {

template <class... Parts>
[[noreturn]] void fail(const Parts&... parts) {
  std::ostringstream text;
  (text << ... << parts);
  throw std::invalid_argument(text.str());
}

template <class... Parts>
void that(bool condition, const Parts&... parts) {
  if (!condition) fail(parts...);
}

inline void at_least(const char* function, const char* argument, Index value, Index least) {
  that(value >= least, function, ": ", argument, " must be at least ", least, ", got ", value);
}

template <class Matrix>
void shape(const char* function, const char* argument, const Matrix& m, Index rows, Index cols) {
  that(m.rows() == rows && m.cols() == cols, function, ": ", argument, " must have shape (", rows, ", ", cols,
       "), got (", m.rows(), ", ", m.cols(), ")");
}

/// Refuses an output that shares memory with an input. Blocks of columns of one matrix are told apart.
template <class In, class Out>
void apart(const char* function, const char* input, const In& x, const char* output, const Out& y) {
  if (x.size() == 0 || y.size() == 0) return;
  const auto* begin_x = x.data();
  const auto* begin_y = static_cast<decltype(begin_x)>(y.data());
  const auto span = [](const auto& m) { return (m.rows() - 1) * m.outerStride() + m.cols(); };
  if (begin_x + span(x) <= begin_y || begin_y + span(y) <= begin_x) return;
  if (x.outerStride() == y.outerStride() && x.rows() > 1 && y.rows() > 1) {
    const Index ld = x.outerStride(), column = ((begin_y - begin_x) % ld + ld) % ld;
    if (column >= x.cols() && column + y.cols() <= ld) return;
  }
  fail(function, ": ", output, " must not overlap ", input);
}

/// NaN has no sign worth telling.
template <class T>
T unsigned_nan(T value) {
  return std::isnan(value) ? std::abs(value) : value;
}

/// Names the first entry, in row-major order, that is NaN or infinite.
template <class Matrix>
void finite(const char* function, const char* argument, const Matrix& m) {
  for (Index i = 0; i < m.rows(); ++i)
    for (Index j = 0; j < m.cols(); ++j)
      that(std::isfinite(m(i, j)), function, ": ", argument, " must be finite, found ", unsigned_nan(m(i, j)),
           " at index (", i, ", ", j, ")");
}

/// Each row must be finite and ascend; names the first row and position that does not.
template <class Matrix>
void ascending_rows(const char* function, const char* argument, const Matrix& m) {
  finite(function, argument, m);
  for (Index i = 0; i < m.rows(); ++i)
    for (Index j = 1; j < m.cols(); ++j)
      that(m(i, j - 1) <= m(i, j), function, ": ", argument, " must ascend, got a descent in row ", i, " at position ",
           j);
}

}  // namespace deeprmt::check
