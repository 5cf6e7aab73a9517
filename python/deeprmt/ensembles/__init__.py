"""Random matrices: samplers that return arrays. Every ensemble has entries of variance 1/n, n the number of columns."""

from ._gaussian import ginibre, goe, wishart
from ._gaussian_operator import GaussianOperator
from ._haar import haar

__all__ = ["GaussianOperator", "ginibre", "goe", "haar", "wishart"]
