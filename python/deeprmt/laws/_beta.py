"""The beta laws."""

from __future__ import annotations

from collections.abc import Callable
from math import inf, prod
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
        # Close to 1 from the other end: 1 - x is exact there, and betainc(a, b, x) is not.
        upper = x > 0.5
        ends = np.where(upper, self.b, self.a), np.where(upper, self.a, self.b), np.where(upper, 1 - x, x)
        mass = special.betainc(*ends)
        return np.asarray(np.where(upper, 1 - mass, mass))

    def _sf(self, x: Array) -> Array:
        below = special.betainc(self.a, self.b, x)  # where it is small, betaincc(a, b, x) is off by up to 1e-10
        return np.asarray(np.where(below < 0.5, 1 - below, special.betaincc(self.a, self.b, x)))

    def _ppf(self, q: Array) -> Array:
        out = np.asarray(special.betaincinv(self.a, self.b, q))
        lost = np.isnan(out) | ((out < 1e-300) & (q > 0))  # SciPy gives up close to the least double
        if lost.any():
            out[lost] = super()._ppf(q[lost])
        return out

    def _expect(self, function: Callable[[Array], Any]) -> Any:
        total: Any = 0.0
        for a, b, mirrored in ((self.a, self.b, False), (self.b, self.a, True)):
            power = min(a, 1.0)

            def integrand(s: Array, a: float = a, b: float = b, mirrored: bool = mirrored, power: float = power) -> Any:
                x = s ** (1 / power)
                weight = np.exp(special.xlogy(a / power - 1, s) + special.xlog1py(b - 1, -x) - special.betaln(a, b))
                return function(1 - x if mirrored else x) * weight / power

            total = total + integrate(integrand, Interval(0.0, 0.5**power))
        return total

    def _stieltjes(self, z: NDArray[np.complex128]) -> NDArray[np.complex128]:
        upper = np.where(z.imag < 0, np.conj(z), z) + 0j
        out = np.array([self._stieltjes_above(complex(each)) for each in upper])
        return np.where(z.imag < 0, np.conj(out), out)

    def _stieltjes_above(self, z: complex) -> complex:
        """From each end to a cut that is far from z; 1 - z has all digits of its distance to that end."""
        if (z == 0 and self.a <= 1) or (z == 1 and self.b <= 1):
            return complex(inf, 0)
        cut = 0.25 if z.real > 0.5 else 0.75
        right = np.conj(from_zero(self.b, self._log_rest(self.a), complex(1 - z.real, z.imag), 1 - cut))
        # In 1 - x the upper half plane is the lower one, and what is a limit from above stays one.
        total = from_zero(self.a, self._log_rest(self.b), z, cut) - right
        return complex(total.real, 0.0) if z.imag == 0 and not 0 < z.real < 1 else complex(total)

    def _log_rest(self, b: float) -> Callable[[Any], Any]:
        """The logarithm of the density without the power at 0."""
        log_beta = special.betaln(self.a, self.b)
        return lambda x: (
            (special.xlog1py(b - 1, -x) if isinstance(x, np.ndarray) else (b - 1) * np.log(1 - x)) - log_beta
        )

    def _stieltjes_derivative(self, z: NDArray[np.complex128]) -> NDArray[np.complex128]:
        return slope_of_narrow(self, z)

    def _moment(self, k: int) -> float:
        return prod((self.a + j) / (self.a + self.b + j) for j in range(k))

    def var(self) -> np.float64:
        """The variance."""
        total = self.a + self.b
        return np.float64(self.a / total * (self.b / total) / (total + 1))
