// Ratios of consecutive level spacings: local statistics without unfolding.
#pragma once

#include "deeprmt/core/types.hpp"

namespace deeprmt::spectra {

/// Row by row: min(s_i, s_{i+1}) / max(s_i, s_{i+1}), s_i = x_{i+1} - x_i. Atas et al., PRL 110, 084101 (2013).
/// @param levels   (k, n)    finite and ascending, n >= 3
/// @param out      (k, n-2)  overwritten, NaN where both spacings are 0; must not overlap levels
/// @param threads  >= 1, never changes the result
/// @throws std::invalid_argument on a wrong shape or unordered levels. Cost: O(k n), allocates nothing.
template <class T>
void spacing_ratio(MatIn<T> levels, MatOut<T> out, int threads);

}  // namespace deeprmt::spectra
