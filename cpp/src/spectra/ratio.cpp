#include "deeprmt/spectra/ratio.hpp"

#include <algorithm>
#include <cmath>

#include "deeprmt/core/check.hpp"
#include "deeprmt/core/parallel.hpp"

namespace deeprmt::spectra {

template <class T>
void spacing_ratio(MatIn<T> levels, MatOut<T> out, int threads) {
  check::at_least("spacing_ratio", "the number of levels", levels.cols(), 3);
  check::shape("spacing_ratio", "out", out, levels.rows(), levels.cols() - 2);
  check::apart("spacing_ratio", "levels", levels, "out", out);
  check::ascending_rows("spacing_ratio", "levels", levels);
  parallel_for(levels.rows(), threads, [&](Index r) {
    for (Index i = 0; i < out.cols(); ++i) {
      const T a = levels(r, i + 1) - levels(r, i), b = levels(r, i + 2) - levels(r, i + 1);
      check::that(std::isfinite(a + b),
                  "spacing_ratio: levels must be so close that their differences do not overflow, row ", r,
                  " at position ", i);
      out(r, i) = std::min(a, b) / std::max(a, b);  // 0/0 is NaN on purpose
    }
  });
}

template void spacing_ratio<float>(MatIn<float>, MatOut<float>, int);
template void spacing_ratio<double>(MatIn<double>, MatOut<double>, int);

}  // namespace deeprmt::spectra
