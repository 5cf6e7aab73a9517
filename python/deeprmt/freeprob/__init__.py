"""Free probability: spectra of sums, products and polynomials of large matrices in general position."""

from ._free_moment import Moments, free_mixed_moment
from ._freeness import FreenessTest, freeness_test
from ._words import mixed_moment

__all__ = ["FreenessTest", "Moments", "free_mixed_moment", "freeness_test", "mixed_moment"]
