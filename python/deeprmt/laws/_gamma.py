"""The gamma laws: among them the spacings of independent levels."""

from __future__ import annotations

from collections.abc import Callable
from math import gamma, inf, lgamma, prod
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from .._arguments import as_number
from ._law import Array
from ._parametric import Parametric
from ._power_end import from_zero
from ._quadrature import Interval, integrate
from ._slope import slope_of_narrow
from ._stieltjes import less, pole_between

__all__ = ["Exponential", "Gamma", "Poisson", "SemiPoisson"]


class Gamma(Parametric):
    """The gamma law: density ``x^(shape - 1) exp(-x / scale) / (Gamma(shape) scale^shape)`` on [0, inf).

    Parameters
    ----------
    shape : float
        In [0.001, 1e9].
    scale : float, default 1.0
        Above 0. The mean is ``shape * scale``.

    Examples
    --------
    >>> Gamma(0.5, 2.0).mean()  # chi-square of one degree of freedom
    np.float64(1.0)
    """

    shape: float
    _scale: float

    def __init__(self, shape: float, scale: float = 1.0) -> None:
        shape = as_number("Gamma", "shape", shape, above=0)
        self._set(shape=shape, _scale=as_number("Gamma", "scale", scale, above=0))
        if not 1e-3 <= shape <= 1e9:
            raise ValueError(f"Gamma: shape must be in [0.001, 1e9], got {shape!r}")

    def __repr__(self) -> str:
        return f"Gamma(shape={self.shape!r}, scale={self._scale!r})"

    def support(self) -> list[tuple[float, float]]:
        """The intervals (low, high) that carry the continuous part, in ascending order."""
        return [(0.0, inf)]

    def _logpdf(self, x: Array) -> Array:
        y = x / self._scale
        with np.errstate(divide="ignore"):
            out = special.xlogy(self.shape - 1, y) - y - lgamma(self.shape) - np.log(self._scale)
            return np.where(np.isinf(y), -inf, out)

    def _pdf(self, x: Array) -> Array:
        return np.exp(self._logpdf(x))

    def _cdf(self, x: Array) -> Array:
        return np.asarray(special.gammainc(self.shape, x / self._scale))

    def _sf(self, x: Array) -> Array:
        return np.asarray(special.gammaincc(self.shape, x / self._scale))

    def _ppf(self, q: Array) -> Array:
        x = self._scale * special.gammaincinv(self.shape, q)
        return np.where((x == 0) & (q > 0), 5e-324, x)  # there is no atom at 0

    def _moment(self, k: int) -> float:
        return prod(self._scale * (self.shape + j) for j in range(k))

    def var(self) -> np.float64:
        """The variance."""
        return np.float64(self.shape * self._scale * self._scale)

    def _expect(self, function: Callable[[Array], Any]) -> Any:
        if self.shape >= 1:
            return super()._expect(function)

        # In s = (x / scale)^shape the density has no pole; above 1 it needs no such variable, which moves ever faster.
        def at_pole(s: Array) -> Any:
            y = s ** (1 / self.shape)
            return function(self._scale * y) * np.exp(-y) / gamma(1 + self.shape)

        def beyond(y: Array) -> Any:
            return function(self._scale * y) * np.exp(special.xlogy(self.shape - 1, y) - y) / gamma(self.shape)

        return integrate(at_pole, Interval(0.0, 1.0)) + integrate(beyond, Interval(1.0, inf, 1.0))

    def _stieltjes(self, z: NDArray[np.complex128]) -> NDArray[np.complex128]:
        # From shape a - 1 to a: m_a = (1 + y m_(a-1)) / (a - 1), which loses nothing to speak of while y is small.
        y = z / self._scale
        if self.shape not in (1.0, 2.0):
            out = np.empty_like(z)
            if self.shape > 1:
                return super()._stieltjes(z)
            left = z.real < 0
            out[left] = [self._expect(_pole(complex(at))) for at in z[left]]
            upper = [self._stieltjes_above(complex(at.real, abs(at.imag))) for at in y[~left]]
            out[~left] = np.where(z.imag[~left] < 0, np.conj(upper), upper) / self._scale
            return out
        m = _exponential(y)
        if self.shape == 2:
            m = np.where(np.abs(y) > 40, _asymptotic(y, 1), 1 + y * m)
            m[y == 0] = 1
        return m / self._scale

    def _stieltjes_above(self, y: complex) -> complex:
        """Of scale 1 and a shape below 1, for Re y >= 0: the pole of the density by itself, as far from y as can be."""
        if y == 0:
            return complex(inf, 0)
        log_gamma = lgamma(self.shape)

        def density(x: Array) -> Array:
            return np.asarray(np.exp(special.xlogy(self.shape - 1, x) - x - log_gamma))

        cut = 2.0 if y.real < 1 else 0.5
        total = from_zero(self.shape, lambda x: -x - log_gamma, y, cut)
        if y.real >= 1:  # a window around y, and what is beyond
            top = 2 * y.real - cut
            height = float(density(np.array([y.real]))[0])
            window = Interval(cut, top)
            total += integrate(less(density, height, y), window, split=(y.real,), rtol=1e-12, size=height)
            total += height * pole_between(cut, top, y)
            cut = top
        return complex(total + integrate(less(density, 0.0, y), Interval(cut, inf, 1.0), rtol=1e-12))

    def _stieltjes_derivative(self, z: NDArray[np.complex128]) -> NDArray[np.complex128]:
        return slope_of_narrow(self, z)


def _pole(z: complex) -> Callable[[Array], Any]:
    return lambda x: 1 / (x - z)


class Exponential(Gamma):
    """The exponential law: density ``exp(-x / scale) / scale`` on [0, inf).

    Parameters
    ----------
    scale : float, default 1.0
        The mean, above 0.

    Examples
    --------
    >>> Exponential(2.0).median()
    np.float64(1.386294361119...)
    """

    def __init__(self, scale: float = 1.0) -> None:
        super().__init__(1.0, as_number("Exponential", "scale", scale, above=0))

    def __repr__(self) -> str:
        return f"Exponential(scale={self._scale!r})"

    def _logpdf(self, x: Array) -> Array:
        return np.asarray(-x / self._scale - np.log(self._scale))

    def _cdf(self, x: Array) -> Array:
        return -np.expm1(-x / self._scale)

    def _sf(self, x: Array) -> Array:
        return np.exp(-x / self._scale)

    def _ppf(self, q: Array) -> Array:
        with np.errstate(divide="ignore"):
            return np.asarray(-self._scale * np.log1p(-q))


class Poisson(Exponential):
    """Spacings of independent levels: the exponential law of mean 1.

    Examples
    --------
    >>> Poisson().moment(2)
    np.float64(2.0)
    """

    def __init__(self) -> None:
        super().__init__(1.0)

    def __repr__(self) -> str:
        return "Poisson()"


class SemiPoisson(Gamma):
    """Semi-Poisson spacings: ``4 s exp(-2 s)``, with linear repulsion and an exponential tail; mean 1 [1]_.

    References
    ----------
    .. [1] E. B. Bogomolny, U. Gerland, C. Schmit, Phys. Rev. E 59, R1315 (1999).

    Examples
    --------
    >>> SemiPoisson().moment(2)
    np.float64(1.5)
    """

    def __init__(self) -> None:
        super().__init__(2.0, 0.5)

    def __repr__(self) -> str:
        return "SemiPoisson()"

    def _sf(self, x: Array) -> Array:
        return np.asarray((1 + 2 * np.minimum(x, 1e300)) * np.exp(-2 * x))


def _exponential(z: NDArray[np.complex128]) -> NDArray[np.complex128]:
    """The integral of e^-x / (x - z) over [0, inf), which is e^-z E1(-z), from above on the axis."""
    w = np.where(z.imag < 0, np.conj(z), z)
    out = np.empty_like(w)
    far = np.abs(w) > 40
    out[far] = _asymptotic(w[far], 0)
    near = w[~far]
    with np.errstate(divide="ignore", invalid="ignore"):
        # SciPy's cut is the negative axis, which it takes from the side of the sign of the zero.
        minus = -near
        minus.imag = -np.abs(near.imag)
        out[~far] = np.exp(-near) * special.exp1(minus)
    out[w == 0] = inf
    out.imag[(z.imag == 0) & (z.real < 0)] = 0
    on = (z.imag == 0) & (z.real > 0)
    out.imag[on] = np.pi * np.exp(-z.real[on])
    return np.where(z.imag < 0, np.conj(out), out)


def _asymptotic(z: NDArray[np.complex128], power: int) -> NDArray[np.complex128]:
    """The integral of x^power e^-x / (x - z) for |z| > 40, to the smallest term: 1e-17 of the first."""
    total = np.zeros_like(z)
    for k in range(36, 0, -1):
        total = (total + 1) * (k + power) / z
    out = -(1 + total) / z
    out.imag[z.imag == 0] = np.where(
        z.real[z.imag == 0] > 0, np.pi * z.real[z.imag == 0] ** power * np.exp(-np.maximum(z.real[z.imag == 0], 0)), 0.0
    )
    return out
