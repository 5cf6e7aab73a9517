"""Random matrices: samplers that return arrays. Every ensemble has entries of variance 1/n, n the number of columns."""

from ._beta import hermite_eigenvalues, jacobi_eigenvalues, laguerre_eigenvalues
from ._gaussian import ginibre, goe, gue, wishart
from ._gaussian_operator import GaussianOperator
from ._haar import haar
from ._haar_operator import HaarOperator
from ._heavy_tailed import heavy_tailed
from ._spiked import spiked

__all__ = [
    "GaussianOperator",
    "HaarOperator",
    "ginibre",
    "goe",
    "gue",
    "haar",
    "heavy_tailed",
    "hermite_eigenvalues",
    "jacobi_eigenvalues",
    "laguerre_eigenvalues",
    "spiked",
    "wishart",
]
