"""Nonlinear random matrices: the spectrum of f(W X), W and X Gaussian, f acting on each entry.

W is n_1 x n_0, X is n_0 x m, Y = f(W X) is n_1 x m; phi = n_0 / m and psi = n_0 / n_1.
"""

from ._constants import Constants, constants
from ._gram_law import GramLaw, gram_law

__all__ = ["Constants", "GramLaw", "constants", "gram_law"]
