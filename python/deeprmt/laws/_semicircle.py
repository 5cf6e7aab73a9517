"""Wigner's semicircle."""

from __future__ import annotations

from math import comb, inf

import numpy as np
from numpy.typing import NDArray

from .. import _core
from .._arguments import as_number, available_threads
from ._law import Array
from ._parametric import Parametric

__all__ = ["Semicircle"]


class Semicircle(Parametric):
    """Wigner's semicircle law: eigenvalues of a large symmetric matrix with independent entries.

    Density ``sqrt(4 sigma^2 - x^2) / (2 pi sigma^2)`` on [-2 sigma, 2 sigma]: the limit for an n x n symmetric or
    Hermitian matrix whose entries have variance ``sigma^2 / n`` [1]_.

    Parameters
    ----------
    sigma : float, default 1.0
        The standard deviation of the law.

    References
    ----------
    .. [1] E. P. Wigner, Ann. Math. 67, 325 (1958).

    Examples
    --------
    >>> law = Semicircle(0.5)
    >>> law.support()
    [(-1.0, 1.0)]
    >>> law.cdf([-1.0, 0.0, 1.0])
    array([0. , 0.5, 1. ])
    """

    sigma: float

    def __init__(self, sigma: float = 1.0) -> None:
        self._set(sigma=as_number("Semicircle", "sigma", sigma, above=0))
        _core.laws.Semicircle(self.sigma)  # refuses what overflows

    def __repr__(self) -> str:
        return f"Semicircle(sigma={self.sigma!r})"

    def support(self) -> list[tuple[float, float]]:
        """The intervals (low, high) that carry the continuous part, in ascending order."""
        return [(-2 * self.sigma, 2 * self.sigma)]

    def _pdf(self, x: Array) -> Array:
        return _core.laws.Semicircle(self.sigma).pdf(x, available_threads())

    def _cdf(self, x: Array) -> Array:
        return _core.laws.Semicircle(self.sigma).cdf(x, available_threads())

    def _sf(self, x: Array) -> Array:
        return _core.laws.Semicircle(self.sigma).sf(x, available_threads())

    def _ppf(self, q: Array) -> Array:
        return np.where(q == 0.5, 0.0, super()._ppf(q))

    def _moment(self, k: int) -> float:
        # The Catalan number over 4^(k/2), which overflows nowhere.
        return 0.0 if k % 2 else comb(k, k // 2) // (k // 2 + 1) / 2**k * (2 * self.sigma) ** k

    def var(self) -> np.float64:
        """The variance."""
        return np.float64(self.sigma * self.sigma)

    def _stieltjes(self, z: NDArray[np.complex128]) -> NDArray[np.complex128]:
        edge = 2 * self.sigma
        z = z + 0j  # -0.0 in the imaginary part is the lower half plane to a square root
        return np.asarray(-2 / (z + np.sqrt(z - edge) * np.sqrt(z + edge)))

    def _stieltjes_derivative(self, z: NDArray[np.complex128]) -> NDArray[np.complex128]:
        edge = 2 * self.sigma
        z = z + 0j
        root = np.sqrt(z - edge) * np.sqrt(z + edge)
        with np.errstate(divide="ignore", invalid="ignore"):  # infinite at the edges
            out = 2 / (root * (z + root))
        return np.where(root == 0, complex(inf, 0), out)

    def _log_potential(self, z: NDArray[np.complex128]) -> NDArray[np.complex128]:
        g = -self._stieltjes(z)
        f = 1 / g  # in the upper half plane, whatever rounding says about its sign there
        return np.log(f.real + 1j * np.abs(f.imag)) + self.sigma**2 * g * g / 2

    def _r_transform(self, w: Array) -> Array:
        return self.sigma**2 * w
