"""Free probability: spectra of sums, products and polynomials of large matrices in general position.

>>> from deeprmt import freeprob, laws
>>> law = freeprob.free_add(laws.Semicircle(), laws.Empirical([-1.0, 1.0]))
>>> law.pdf([0.5, 1.0])
array([0.20772132, 0.23709686])
"""

from ._deconvolution import Deconvolution, free_divide, free_subtract
from ._free_moment import Moments, free_mixed_moment
from ._freeness import FreenessTest, freeness_test
from ._law_of import law
from ._operations import compression, free_add, free_multiply, free_power
from ._polynomial_law import PolynomialLaw
from ._symbols import Expression, symbols
from ._words import mixed_moment

__all__ = [
    "Deconvolution",
    "Expression",
    "FreenessTest",
    "Moments",
    "PolynomialLaw",
    "compression",
    "free_add",
    "free_divide",
    "free_mixed_moment",
    "free_multiply",
    "free_power",
    "free_subtract",
    "freeness_test",
    "law",
    "mixed_moment",
    "symbols",
]
