"""The beta laws."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np
from scipy import special

from .._arguments import as_number, shown
from ._law import Array
from ._parametric import Parametric
from ._quadrature import Interval, integrate

__all__ = ["Beta"]


class Beta(Parametric):
    """The beta law: density ``x^(a - 1) (1 - x)^(b - 1) / B(a, b)`` on [0, 1].

    Parameters
    ----------
    a, b : float
        In [0.001, 1e9].

    Examples
    --------
    >>> Beta(0.5, 0.5).moment(2)  # the arcsine law
    np.float64(0.375)
    """

    a: float
    b: float

    def __init__(self, a: float, b: float) -> None:
        self._set(a=as_number("Beta", "a", a, above=0), b=as_number("Beta", "b", b, above=0))
        for name, value in (("a", self.a), ("b", self.b)):
            if not 1e-3 <= value <= 1e9:
                raise ValueError(f"Beta: {name} must be in [0.001, 1e9], got {value!r}")

    def __repr__(self) -> str:
        return f"Beta(a={self.a!r}, b={self.b!r})"

    def support(self) -> list[tuple[float, float]]:
        """The intervals (low, high) that carry the continuous part, in ascending order."""
        return [(0.0, 1.0)]

    def _logpdf(self, x: Array) -> Array:
        with np.errstate(divide="ignore"):
            return np.asarray(
                special.xlogy(self.a - 1, x) + special.xlog1py(self.b - 1, -x) - special.betaln(self.a, self.b)
            )

    def _pdf(self, x: Array) -> Array:
        return np.exp(self._logpdf(x))

    def _cdf(self, x: Array) -> Array:
        return np.asarray(special.betainc(self.a, self.b, x))

    def _sf(self, x: Array) -> Array:
        return np.asarray(special.betaincc(self.a, self.b, x))

    def _ppf(self, q: Array) -> Array:
        out = np.asarray(special.betaincinv(self.a, self.b, q))
        lost = np.isnan(out) | ((out < 1e-300) & (q > 0))  # SciPy gives up close to the least double
        if lost.any():
            out[lost] = super()._ppf(q[lost])
        return out

    def expect(self, function: Callable[[Array], Any]) -> Any:
        """The mean of a vectorised function, real or complex, by quadrature.

        In powers of x and of 1 - x that leave no singular factor, each on its half.
        """
        if not callable(function):
            raise TypeError(f"{self._name}.expect: function must be callable, got {shown(function)}")
        total: Any = 0.0
        for a, b, mirrored in ((self.a, self.b, False), (self.b, self.a, True)):
            power = min(a, 1.0)

            def integrand(s: Array, a: float = a, b: float = b, mirrored: bool = mirrored, power: float = power) -> Any:
                x = s ** (1 / power)
                weight = np.exp(special.xlogy(a / power - 1, s) + special.xlog1py(b - 1, -x) - special.betaln(a, b))
                return function(1 - x if mirrored else x) * weight / power

            total = total + integrate(integrand, Interval(0.0, 0.5**power))
        return np.asarray(total)[()]

    def _moment(self, k: int) -> float:
        return prod((self.a + j) / (self.a + self.b + j) for j in range(k))

    def var(self) -> np.float64:
        """The variance."""
        total = self.a + self.b
        return np.float64(self.a / total * (self.b / total) / (total + 1))
