// What number variance and rigidity share: a window that slides over a row, from one event to the next.
#pragma once

#include <algorithm>
#include <cmath>

#include "deeprmt/core/check.hpp"
#include "deeprmt/core/interrupt.hpp"
#include "deeprmt/core/types.hpp"

namespace deeprmt::spectra {

inline void check_windows(const char* function, const MatIn<double>& levels, const VecIn<double>& lengths, Index pieces,
                          bool zero) {
  check::at_least(function, "the number of levels", levels.cols(), 2);
  check::at_least(function, "pieces", pieces, 1);
  check::ascending_rows(function, "levels", levels);
  for (Index r = 0; r < levels.rows(); ++r) {
    const double span = levels(r, levels.cols() - 1) - levels(r, 0);
    check::that(std::isfinite(span), function, ": levels must be so close that their differences do not overflow, row ",
                r);
    for (Index k = 0; k < lengths.size(); ++k)
      check::that((zero ? lengths[k] >= 0 : lengths[k] > 0) && lengths[k] < span, function, ": lengths must be ",
                  zero ? "at least 0" : "above 0", " and below the span of the levels, ", span, " in row ", r, ", got ",
                  lengths[k]);
  }
}

/// Calls step(gap, leaves) for each stretch of positions without an event, from E = begin to end: its length, and
/// whether the event at its end is a level that the window leaves behind (1) or one that enters it (0). At the last one
/// nothing more happens. `low` is the first level >= E, `high` the first one > E + L.
template <class Step>
inline void slide(const double* x, Index n, double length, double begin, double end, Index low, Index high,
                  const Step& step) {
  double at = begin;
  for (Index count = 0;; ++count) {
    if ((count & 0xffff) == 0xffff) check_interrupt();
    const double leaving = low < n ? x[low] : end, entering = high < n ? x[high] - length : end;
    const bool leaves = leaving <= entering;
    const double next = std::max(leaves ? leaving : entering, at);  // rounding must not turn back
    if (!(next < end)) break;
    step(next - at, leaves ? 1 : 0);
    at = next;
    low += leaves;
    high += !leaves;
  }
  step(end - at, 0);
}

/// Where piece `p` of the positions begins.
inline double piece_begin(double first, double positions, Index p, Index pieces) {
  return first + positions * (static_cast<double>(p) / static_cast<double>(pieces));
}

}  // namespace deeprmt::spectra
