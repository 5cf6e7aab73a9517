"""Wigner's surmise for the spacing of neighbouring levels."""

from __future__ import annotations

from math import gamma, inf

import numpy as np
from scipy.special import gammainc, gammaincc, gammaincinv, gammaln, xlogy

from .._arguments import as_beta
from ._law import Array
from ._parametric import Parametric

__all__ = ["WignerSurmise"]


class WignerSurmise(Parametric):
    """Wigner's surmise: ``p(s) = a s^beta exp(-b s^2)`` with mean 1; made by `deeprmt.spectra.wigner_surmise`.

    Parameters
    ----------
    beta : {1, 2, 4}
        Dyson's index.

    Examples
    --------
    >>> round(float(WignerSurmise(1).sf(1.0)), 12)  # exp(-pi / 4)
    0.455938127766
    """

    beta: int
    _shape: float
    _rate: float

    def __init__(self, beta: int) -> None:
        index = as_beta("wigner_surmise", beta, (1, 2, 4))
        shape = (index + 1) / 2
        rate = (gamma(shape + 0.5) / gamma(shape)) ** 2  # b; makes the mean 1
        self._set(beta=index, _shape=shape, _rate=rate)

    def __repr__(self) -> str:
        return f"WignerSurmise(beta={self.beta})"

    def support(self) -> list[tuple[float, float]]:
        """The intervals (low, high) that carry the continuous part, in ascending order."""
        return [(0.0, inf)]

    def _logpdf(self, x: Array) -> Array:
        constant = np.log(2) + self._shape * np.log(self._rate) - gammaln(self._shape)
        return np.asarray(constant + xlogy(self.beta, x) - self._rate * x * x)

    def _pdf(self, x: Array) -> Array:
        constant = 2 * self._rate**self._shape / gamma(self._shape)
        x = np.minimum(x, 1e3)  # beyond that it is 0, and powers would overflow
        return np.asarray(constant * x**self.beta * np.exp(-self._rate * x * x))

    def _cdf(self, x: Array) -> Array:
        return np.asarray(gammainc(self._shape, self._rate * x * x))

    def _sf(self, x: Array) -> Array:
        return np.asarray(gammaincc(self._shape, self._rate * x * x))

    def _ppf(self, q: Array) -> Array:
        return np.asarray(np.sqrt(gammaincinv(self._shape, q) / self._rate))

    def _moment(self, k: int) -> float:
        # Gamma(shape + k/2) / Gamma(shape) / b^(k/2), by steps of 2 from the mean or from 1.
        value = 1.0
        for j in range(2 + k % 2, k + 1, 2):
            value *= (self._shape + j / 2 - 1) / self._rate
        return value

    def var(self) -> np.float64:
        """The variance."""
        return np.float64(self._shape / self._rate - 1)
