"""Spacings between those of independent levels and those of a random matrix: Brody, Berry and Robnik."""

from __future__ import annotations

from math import exp, gamma, inf, lgamma, pi, sqrt

import numpy as np
from scipy import special

from .._arguments import as_number
from ._law import Array
from ._parametric import Parametric

__all__ = ["BerryRobnik", "Brody"]


class Brody(Parametric):
    """Brody's law of spacings: ``(1 + q) b s^q exp(-b s^(1 + q))`` with mean 1 [1]_.

    Parameters
    ----------
    q : float
        The repulsion, in (-1, 10]: 0 is `Poisson`, 1 the Wigner surmise of beta = 1.

    References
    ----------
    .. [1] T. A. Brody, Lett. Nuovo Cimento 7, 482 (1973).

    Examples
    --------
    >>> round(float(Brody(0.5).pdf(1.0)), 14)
    0.54567500601302
    """

    q: float
    _rate: float

    def __init__(self, q: float) -> None:
        q = as_number("Brody", "q", q, above=-1)
        if not -0.9 <= q <= 10:
            raise ValueError(f"Brody: q must be in [-0.9, 10], got {q!r}")
        self._set(q=q, _rate=gamma((2 + q) / (1 + q)) ** (1 + q))

    def __repr__(self) -> str:
        return f"Brody(q={self.q!r})"

    def support(self) -> list[tuple[float, float]]:
        """The intervals (low, high) that carry the continuous part, in ascending order."""
        return [(0.0, inf)]

    def _grown(self, x: Array) -> Array:
        with np.errstate(over="ignore"):
            return np.asarray(self._rate * x ** (1 + self.q))

    def _logpdf(self, x: Array) -> Array:
        with np.errstate(divide="ignore"):
            return np.asarray(np.log((1 + self.q) * self._rate) + special.xlogy(self.q, x) - self._grown(x))

    def _pdf(self, x: Array) -> Array:
        return np.exp(self._logpdf(x))

    def _cdf(self, x: Array) -> Array:
        return -np.expm1(-self._grown(x))

    def _sf(self, x: Array) -> Array:
        return np.exp(-self._grown(x))

    def _ppf(self, q: Array) -> Array:
        with np.errstate(divide="ignore"):
            return np.asarray((-np.log1p(-q) / self._rate) ** (1 / (1 + self.q)))

    def _moment(self, k: int) -> float:
        step = 1 / (1 + self.q)
        if k <= 20 and k * step < 100:
            return gamma(1 + k * step) / gamma(1 + step) ** k
        return exp(lgamma(1 + k * step) - k * lgamma(1 + step))


class BerryRobnik(Parametric):
    """Spacings of a level sequence that is part regular, part chaotic, after Berry and Robnik [1]_; mean 1.

    The gap probability of the superposition of independent levels of density `rho` and levels of density q = 1 - rho
    that follow the Wigner surmise is ``exp(-rho s) erfc(sqrt(pi) q s / 2)``; its second derivative is the density.

    Parameters
    ----------
    rho : float
        The regular share, in [0, 1]: 1 is `Poisson`, 0 the surmise.

    References
    ----------
    .. [1] M. V. Berry, M. Robnik, J. Phys. A 17, 2413 (1984).

    Examples
    --------
    >>> round(float(BerryRobnik(0.25).pdf(0.5)), 14)
    0.59337178419205
    """

    rho: float

    def __init__(self, rho: float) -> None:
        rho = as_number("BerryRobnik", "rho", rho, least=0)
        if rho > 1:
            raise ValueError(f"BerryRobnik: rho must be in [0, 1], got {rho!r}")
        self._set(rho=rho)

    def __repr__(self) -> str:
        return f"BerryRobnik(rho={self.rho!r})"

    def support(self) -> list[tuple[float, float]]:
        """The intervals (low, high) that carry the continuous part, in ascending order."""
        return [(0.0, inf)]

    def _parts(self, x: Array) -> tuple[Array, Array]:
        """exp(-rho s) times erfc(sqrt(pi) q s / 2), and times exp(-pi q^2 s^2 / 4)."""
        q = 1 - self.rho
        half = sqrt(pi) / 2 * q * x
        with np.errstate(under="ignore", over="ignore"):
            # erfc by erfcx, which loses nothing in the tail.
            both = np.exp(-self.rho * x - half * half)
            return np.asarray(both * special.erfcx(half)), np.asarray(both)

    def _logpdf(self, x: Array) -> Array:
        rho, q = self.rho, 1 - self.rho
        half = sqrt(pi) / 2 * q * x
        with np.errstate(divide="ignore", over="ignore"):
            share = np.log(rho * rho * special.erfcx(half) + 2 * rho * q + pi / 2 * q**3 * x)
            return np.asarray(share - rho * x - half * half)

    def _pdf(self, x: Array) -> Array:
        rho, q = self.rho, 1 - self.rho
        gap, tail = self._parts(x)
        return np.asarray(rho * rho * gap + (2 * rho * q + pi / 2 * q**3 * x) * tail)

    def _sf(self, x: Array) -> Array:
        gap, tail = self._parts(x)
        return np.asarray(self.rho * gap + (1 - self.rho) * tail)

    def _cdf(self, x: Array) -> Array:
        rho, q = self.rho, 1 - self.rho
        half = sqrt(pi) / 2 * q * x
        # 1 - sf term by term; where these are small, all are positive but the last, which is smaller.
        drop = -np.expm1(-rho * x)
        return np.asarray(
            rho * (drop + (1 - drop) * special.erf(half)) + q * (drop - (1 - drop) * np.expm1(-half * half))
        )

    def _moment(self, k: int) -> float:
        return 1.0 if k == 1 else super()._moment(k)

    def var(self) -> np.float64:
        """The variance."""
        # E s^2 is twice the integral of the gap probability, (1 - e^(u^2) erfc(u)) / rho with u = rho / (sqrt(pi) q).
        rho, q = self.rho, 1 - self.rho
        if rho == 1:
            return np.float64(1.0)
        u = rho / (sqrt(pi) * q)
        if u > 0.05:
            return np.float64(2 * (1 - float(special.erfcx(u))) / rho - 1)
        # The difference as a series, divided by u.
        series = sum((-u) ** n / gamma((n + 1) / 2 + 1) for n in range(20))
        return np.float64(2 * series / (sqrt(pi) * q) - 1)
