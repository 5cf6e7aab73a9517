"""The quarter circle, and the laws of the disc."""

from __future__ import annotations

from collections.abc import Callable
from math import inf, pi, prod

import numpy as np
from numpy.typing import NDArray

from .._arguments import as_choice, as_number
from ._law import Array
from ._marchenko_pastur import MarchenkoPastur
from ._parametric import Parametric
from ._semicircle import Semicircle

__all__ = ["Circular", "QuarterCircle"]

Complex = NDArray[np.complex128]

_TERMS = 40


class QuarterCircle(Parametric):
    """The quarter-circle law: singular values of a large square matrix of noise.

    Density ``sqrt(4 sigma^2 - x^2) / (pi sigma^2)`` on [0, 2 sigma]: the limit for an n x n matrix with independent
    entries of variance ``sigma^2 / n``. It is ``MarchenkoPastur(1, sigma, singular=True)``, with a closed Stieltjes
    transform.

    Parameters
    ----------
    sigma : float, default 1.0
        The square root of the mean square.

    Examples
    --------
    >>> law = QuarterCircle()
    >>> law.moment(2)
    np.float64(1.0)
    >>> law.support()
    [(0.0, 2.0)]
    """

    sigma: float
    _squared: MarchenkoPastur

    def __init__(self, sigma: float = 1.0) -> None:
        sigma = as_number("QuarterCircle", "sigma", sigma, above=0)
        self._set(sigma=sigma, _squared=MarchenkoPastur(1.0, sigma, singular=True))

    def __repr__(self) -> str:
        return f"QuarterCircle(sigma={self.sigma!r})"

    def support(self) -> list[tuple[float, float]]:
        """The intervals (low, high) that carry the continuous part, in ascending order."""
        return [(0.0, 2 * self.sigma)]

    def _pdf(self, x: Array) -> Array:
        return self._squared._pdf(x)

    def _cdf(self, x: Array) -> Array:
        return self._squared._cdf(x)

    def _sf(self, x: Array) -> Array:
        return self._squared._sf(x)

    def _ppf(self, q: Array) -> Array:
        # In units of sigma: squares of small quantiles are below the range of doubles.
        return super()._ppf(q) if self.sigma == 1 else self.sigma * QuarterCircle()._ppf(q)

    def _moment(self, k: int) -> float:
        if k % 2 == 0:
            return Semicircle(self.sigma)._moment(k)
        # (2 sigma)^k (2 / pi) B((k + 1) / 2, 3 / 2)
        return (2 * self.sigma) ** k * 4 / (3 * pi) * prod(j / (j + 1.5) for j in range(1, (k + 1) // 2))

    def _stieltjes(self, z: Complex) -> Complex:
        unit = (
            self if self.sigma == 1 else QuarterCircle()
        )  # high powers of sigma are beyond the range of doubles early
        return _series_or(z / self.sigma, _quarter, [unit._moment(k) for k in range(_TERMS)]) / self.sigma


class Circular(Parametric):
    """The circular law on the line: moduli or real parts of eigenvalues of a large square matrix of noise.

    Eigenvalues of an n x n matrix with independent real or complex entries of variance ``sigma^2 / n`` fill the disc of
    radius sigma evenly [1]_. This is the law of their distance from 0, with distribution function ``x^2 / sigma^2`` on
    [0, sigma], or of their real (or imaginary) part, with density ``2 sqrt(sigma^2 - x^2) / (pi sigma^2)``: a
    semicircle of radius sigma.

    Parameters
    ----------
    sigma : float, default 1.0
        The radius.
    part : {"modulus", "real"}
        Which of the two.

    References
    ----------
    .. [1] V. L. Girko, Theory Probab. Appl. 29, 694 (1985).

    Examples
    --------
    >>> Circular().cdf([0.5, 1.0])
    array([0.25, 1.  ])
    >>> Circular(part="real").support()
    [(-1.0, 1.0)]
    """

    sigma: float
    part: str

    def __init__(self, sigma: float = 1.0, part: str = "modulus") -> None:
        sigma = as_number("Circular", "sigma", sigma, above=0)
        self._set(sigma=sigma, part=as_choice("Circular", "part", part, ("modulus", "real")))
        Semicircle(sigma)  # refuses what overflows

    def __repr__(self) -> str:
        return f"Circular(sigma={self.sigma!r}, part={self.part!r})"

    @property
    def _shadow(self) -> Semicircle | None:
        return Semicircle(self.sigma / 2) if self.part == "real" else None

    def support(self) -> list[tuple[float, float]]:
        """The intervals (low, high) that carry the continuous part, in ascending order."""
        return [(-self.sigma if self.part == "real" else 0.0, self.sigma)]

    def _pdf(self, x: Array) -> Array:
        return self._shadow._pdf(x) if self._shadow else 2 * (x / self.sigma) / self.sigma

    def _cdf(self, x: Array) -> Array:
        return self._shadow._cdf(x) if self._shadow else (x / self.sigma) ** 2

    def _sf(self, x: Array) -> Array:
        return self._shadow._sf(x) if self._shadow else (self.sigma - x) / self.sigma * ((self.sigma + x) / self.sigma)

    def _ppf(self, q: Array) -> Array:
        return self._shadow._ppf(q) if self._shadow else self.sigma * np.sqrt(q)

    def _moment(self, k: int) -> float:
        return self._shadow._moment(k) if self._shadow else 2 / (k + 2) * self.sigma**k

    def var(self) -> np.float64:
        """The variance."""
        return self._shadow.var() if self._shadow else np.float64(self.sigma * self.sigma / 18)

    def _stieltjes(self, z: Complex) -> Complex:
        if self._shadow:
            return self._shadow._stieltjes(z)
        return _series_or(z / self.sigma, _disc, [2 / (k + 2) for k in range(_TERMS)]) / self.sigma

    def _stieltjes_derivative(self, z: Complex) -> Complex:
        return self._shadow._stieltjes_derivative(z) if self._shadow else super()._stieltjes_derivative(z)

    def _r_transform(self, w: Array) -> Array:
        return self._shadow._r_transform(w) if self._shadow else super()._r_transform(w)


def _series_or(z: Complex, closed: Callable[[Complex], Complex], moments: list[float]) -> Complex:
    """The closed form, or where it cancels, |z| > 5, the series in 1 / z of a law on [0, 2]."""
    out = np.empty_like(z)
    far = np.abs(z) > 5
    u = 1 / z[far]
    total = np.zeros_like(u)
    for moment in moments[::-1]:
        total = total * u + moment
    out[far] = -total * u
    value = closed(np.where(z.imag < 0, np.conj(z), z)[~far] + 0j)
    out[~far] = np.where(z[~far].imag < 0, np.conj(value), value)
    return out


def _log(z: Complex) -> Complex:
    """log(-z) for z in the closed upper half plane: its imaginary part is in [-pi, 0]."""
    with np.errstate(divide="ignore"):
        out: Complex = np.log(np.abs(z)) + 1j * (np.angle(z) - pi)
    return out


def _disc(z: Complex) -> Complex:
    """The integral of 2 x / (x - z) over (0, 1)."""
    with np.errstate(invalid="ignore"):
        out = 2 + 2 * z * (_log(z - 1) - _log(z))
    out[z == 0], out[z == 1] = 2, inf
    out.imag[(z.imag == 0) & ((z.real < 0) | (z.real > 1))] = 0
    return out


def _quarter(z: Complex) -> Complex:
    """The integral of sqrt(4 - x^2) / (pi (x - z)) over (0, 2), by that of 1 / ((x - z) sqrt(4 - x^2))."""
    root = -1j * np.sqrt(z - 2) * np.sqrt(z + 2)
    with np.errstate(invalid="ignore"):
        out: Complex = (root * (np.log(2 + root) - _log(z)) - 2) / pi - z / 2
    out[z == 0] = inf
    out.imag[(z.imag == 0) & ((z.real < 0) | (z.real > 2))] = 0
    return out
