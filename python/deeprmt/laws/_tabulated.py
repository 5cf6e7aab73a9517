"""Laws whose logarithms are tabulated."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from .._arguments import as_beta
from ._law import Array
from ._parametric import Parametric
from ._tables import LogFunction, log_function

__all__ = ["Tabulated"]


class Tabulated(Parametric):
    """A law with tables of log cdf, log sf and log pdf, the first two for the smaller one of cdf and sf alone.

    What a class states: the `_domain` of the tables, the `_factor` that takes a value to their variable, the `_power`
    of x by which the density vanishes at 0 and which the tables leave out, and `_grid`, points between which a quantile
    is interpolated to begin with.
    """

    beta: int
    _domain = ""

    def __init__(self, beta: int, function: str) -> None:
        index = as_beta(function, beta, (1, 2, 4))
        self._set(beta=index)

    def __repr__(self) -> str:
        return f"{self._name}(beta={self.beta})"

    @property
    def _factor(self) -> float:
        return 1.0

    @property
    def _power(self) -> int:
        return 0

    def _grid(self) -> Array:
        raise NotImplementedError

    def _table(self, name: str) -> LogFunction:
        return log_function(self._domain, f"{name}{self.beta}")

    def _log(self, name: str, x: Array) -> Array:
        """A tabulated logarithm, the power of x included."""
        out = self._table(name)(x * self._factor)
        if self._power and name != "sf":
            with np.errstate(divide="ignore"):  # log 0 is -inf on purpose
                out += (self._power + (name == "cdf")) * np.log(x)
        return out

    def _logpdf(self, x: Array) -> Array:
        return self._log("pdf", x)

    def _pdf(self, x: Array) -> Array:
        with np.errstate(under="ignore"):
            # A value whose power overflows has density 0.
            return np.asarray(np.exp(self._table("pdf")(x * self._factor)) * np.minimum(x, 1e30) ** self._power)

    def _smaller(self, x: Array) -> tuple[NDArray[np.bool_], Array]:
        """Whether a value is below the split, and there the cdf, above the sf."""
        below = x * self._factor < self._table("sf").low
        out = np.empty_like(x)
        with np.errstate(under="ignore"):
            if below.any():
                small = x[below]
                power = self._power + 1 if self._power else 0
                out[below] = np.exp(self._table("cdf")(small * self._factor)) * small**power
            if not below.all():
                out[~below] = np.exp(self._table("sf")(x[~below] * self._factor))
        return below, out

    def _cdf(self, x: Array) -> Array:
        below, value = self._smaller(x)
        return np.where(below, value, 1 - value)

    def _sf(self, x: Array) -> Array:
        below, value = self._smaller(x)
        return np.where(below, 1 - value, value)

    def _ppf(self, q: Array) -> Array:
        out = np.empty_like(q)
        lower = q <= 0.5
        if lower.any():
            out[lower] = self._quantile(q[lower], below=True)
        if not lower.all():
            out[~lower] = self._quantile(1 - q[~lower], below=False)  # exact
        low, high = self._hull()
        out[q == 0], out[q == 1] = low, high
        return out

    def _quantile(self, mass: Array, *, below: bool) -> Array:
        """Where the mass below, or above, is the given one: Newton's steps between logarithms.

        These are nearly straight. Interpolation has an error of 1e-3 or less, which three steps turn into rounding.
        """
        places, values = _starts(self, below)
        sign = 1.0 if below else -1.0
        with np.errstate(divide="ignore"):
            goal = np.log(mass)
        x = np.interp(goal, values, places)
        if self._power:
            x = np.exp(x)
        live = np.isfinite(goal)
        for _ in range(3):
            here = self._log_mass(x[live], below)
            with np.errstate(under="ignore", over="ignore"):
                step = sign * (goal[live] - here) * np.exp(here - self._logpdf(x[live]))
                x[live] = x[live] * np.exp(step / x[live]) if self._power else x[live] + step
        return x

    def _log_mass(self, x: Array, below: bool) -> Array:
        """log cdf, or log sf; accurate where that is at most about log 1/2."""
        low = x * self._factor < self._table("sf").low
        out = np.empty_like(x)
        for name, where in (("cdf", low), ("sf", ~low)):
            if where.any():
                value = self._log(name, x[where])
                out[where] = value if (name == "cdf") == below else np.log1p(-np.exp(value))
        return out


@cache
def _starts(law: Tabulated, below: bool) -> tuple[Array, Array]:
    """Places, their logarithms where the law begins at 0, and the logarithm of the mass below or above, ascending."""
    x = law._grid()
    mass = law._log_mass(x, below)
    keep = mass < -0.5
    x, mass = x[keep], mass[keep]
    order = slice(None) if below else slice(None, None, -1)
    return (np.log(x) if law._power else x)[order], mass[order]
