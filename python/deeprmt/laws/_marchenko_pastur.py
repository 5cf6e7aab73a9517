"""The Marchenko-Pastur law."""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal
from math import comb, inf, isfinite

import numpy as np
from numpy.typing import NDArray
from scipy.special import hyp2f1

from .. import _core
from .._arguments import as_number, available_threads
from ._edges import Edge, precise, root
from ._law import Array
from ._parametric import Parametric

__all__ = ["MarchenkoPastur"]

_LEAST = 1e-290


class MarchenkoPastur(Parametric):
    """The Marchenko-Pastur law: eigenvalues or singular values of a large matrix of noise.

    The limit of the eigenvalues of ``G @ G.T`` where G is m x n with independent entries of variance ``sigma**2 / n``
    and ``aspect = m / n`` [1]_: support from ``sigma^2 (1 - sqrt(aspect))^2`` to ``sigma^2 (1 + sqrt(aspect))^2``,
    density ``sqrt((x - low) (high - x)) / (2 pi sigma^2 aspect x)``, and an atom of mass ``1 - 1/aspect`` at 0 if
    ``aspect > 1``.

    Parameters
    ----------
    aspect : float
        m / n > 0.
    sigma : float, default 1.0
        The standard deviation of the entries of G, times ``sqrt(n)``.
    singular : bool, default False
        Take the law of the square roots instead: the singular values of G (m of them, zeros included).

    Notes
    -----
    The distribution function is the closed one in arctangents. `cdf` near the lower edge and `sf` near the upper one
    are accurate relative to themselves. The S- and R-transforms of the eigenvalues are ``1 / (sigma^2 (1 + aspect y))``
    and ``sigma^2 / (1 - aspect sigma^2 w)``, continued beyond the range where they have a meaning.

    References
    ----------
    .. [1] V. A. Marchenko and L. A. Pastur, Math. USSR Sb. 1, 457 (1967).

    Examples
    --------
    >>> law = MarchenkoPastur(0.25)
    >>> law.support()
    [(0.25, 2.25)]
    >>> law.cdf(1.0)
    np.float64(0.5533900812753...)
    >>> MarchenkoPastur(4.0).atoms()
    [(0.0, 0.75)]
    """

    aspect: float
    sigma: float
    singular: bool
    _edges: tuple[float, float]
    _ends: tuple[Edge, Edge]

    def __init__(self, aspect: float, sigma: float = 1.0, *, singular: bool = False) -> None:
        aspect = as_number("MarchenkoPastur", "aspect", aspect, above=0)
        sigma = as_number("MarchenkoPastur", "sigma", sigma, above=0)
        if not isinstance(singular, bool | np.bool_):
            raise TypeError(f"MarchenkoPastur: singular must be True or False, got {singular!r}")
        self._set(aspect=aspect, sigma=sigma, singular=bool(singular))
        self._set(_edges=(self._kernel.low, self._kernel.high))
        self._set(_ends=(precise(_low, aspect, sigma), precise(_high, aspect, sigma)))

    def __repr__(self) -> str:
        ending = ", singular=True" if self.singular else ""
        return f"MarchenkoPastur(aspect={self.aspect!r}, sigma={self.sigma!r}{ending})"

    @property
    def _kernel(self) -> _core.laws.MarchenkoPastur:
        return _core.laws.MarchenkoPastur(self.aspect, self.sigma, self.singular)

    def support(self) -> list[tuple[float, float]]:
        """The intervals (low, high) that carry the continuous part, in ascending order."""
        return [self._edges]

    def atoms(self) -> list[tuple[float, float]]:
        """The points that carry mass of their own: (location, mass), in ascending order."""
        return [(0.0, 1 - 1 / self.aspect)] if self.aspect > 1 else []

    def _pdf(self, x: Array) -> Array:
        return self._kernel.pdf(x, available_threads())

    def _cdf(self, x: Array) -> Array:
        return self._kernel.cdf(x, available_threads())

    def _sf(self, x: Array) -> Array:
        return self._kernel.sf(x, available_threads())

    def _moment(self, k: int) -> float:
        with suppress(OverflowError):
            value = self._closed_moment(k)
            if isfinite(value) and value > 1e-290:
                return value
        return super()._moment(k)

    def _closed_moment(self, k: int) -> float:
        c = self.aspect
        if self.singular and k % 2:
            # The even case, a hypergeometric polynomial, continued to k / 2; 1/c carries the same continuous part.
            h, d = k / 2, min(c, 1 / c)
            return float(self.sigma**k * max(c, 1.0) ** (h - 1) * hyp2f1(-h, 1 - h, 2, d))
        h = k // 2 if self.singular else k
        narayana = (float(comb(h, r) * comb(h - 1, r) // (r + 1)) for r in range(h))
        return sum(count * c**r for r, count in enumerate(narayana)) * self.sigma ** (2 * h)

    def var(self) -> np.float64:
        """The variance."""
        return super().var() if self.singular else np.float64(self.aspect * self.sigma**4)

    def _stieltjes(self, z: NDArray[np.complex128]) -> NDArray[np.complex128]:
        if self.singular:
            return super()._stieltjes(z)
        c, scale = self.aspect, self.sigma**2
        a, b = (1 - c) * scale - z, root(z, *self._ends)
        # m = (a + b) / (2 c scale z) = 2 / (a - b): whichever does not cancel.
        plus, minus = a + b, a - b
        with np.errstate(divide="ignore", invalid="ignore"):  # z = 0 where it carries mass or is a hard edge
            m = np.where(np.abs(plus) > np.abs(minus), plus / (2 * c * scale * z), 2 / minus)
        if c >= 1:
            m[z == 0] = inf
        return m

    def _stieltjes_derivative(self, z: NDArray[np.complex128]) -> NDArray[np.complex128]:
        if self.singular:
            return super()._stieltjes_derivative(z)
        m, b = self._stieltjes(z), root(z, *self._ends)
        with np.errstate(divide="ignore", invalid="ignore"):  # edges, and 0 where it carries mass
            # m solves c scale z m^2 + (z + (c - 1) scale) m + 1 = 0.
            out: NDArray[np.complex128] = -m * (1 + self.aspect * self.sigma**2 * m) / b
        out[(b == 0) | np.isinf(m)] = inf
        return out

    def _log_potential(self, z: NDArray[np.complex128]) -> NDArray[np.complex128]:
        if self.singular:
            return super()._log_potential(z)
        size = np.abs(z)
        if self.aspect >= 1 and (size < _LEAST).any():  # closer to 0 nothing but the atom counts
            away = np.where(size < _LEAST, _LEAST * np.exp(1j * np.angle(z)), z)
            atom = sum(mass for _, mass in self.atoms())
            with np.errstate(divide="ignore"):  # -inf at the atom
                fall = np.log(np.minimum(size / _LEAST, 1.0)) if atom else np.zeros_like(size)
            return np.asarray(self._log_potential(away) + atom * fall)
        g, scale = -self._stieltjes(z), self.sigma**2
        with np.errstate(divide="ignore", invalid="ignore"):  # z = 0
            f, q = 1 / g, 1 - self.aspect * scale * g  # both in the upper half plane, whatever rounding says
            f, q = f.real + 1j * np.abs(f.imag), q.real + 1j * np.abs(q.imag)
            out = np.log(f) + np.log(q) / self.aspect + scale * g / q
        return np.asarray(out)

    def _r_transform(self, w: Array) -> Array:
        if self.singular:
            return super()._r_transform(w)
        with np.errstate(divide="ignore"):  # the pole
            return self.sigma**2 / (1 - self.aspect * self.sigma**2 * w)

    def _s_transform(self, w: Array) -> Array:
        if self.singular:
            return super()._s_transform(w)
        with np.errstate(divide="ignore"):  # the pole
            return 1 / (self.sigma**2 * (1 + self.aspect * w))


def _low(aspect: Decimal, sigma: Decimal) -> Decimal:
    """The lower edge of the eigenvalues."""
    return (sigma * (1 - aspect.sqrt())) ** 2


def _high(aspect: Decimal, sigma: Decimal) -> Decimal:
    return (sigma * (1 + aspect.sqrt())) ** 2
