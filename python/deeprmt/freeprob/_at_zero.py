"""The density of a free product next to 0, where its support begins there."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ConvergenceError
from ._at_ends import EMPTY, AtEnds

__all__ = ["AtZero"]

Array = NDArray[np.float64]

_GAUSS = np.polynomial.legendre.leggauss(16)
_ANGLES = 10.0  # of what omegas on the axis may have by rounding
_TINY = 1e-150  # below it a product's values are as good as 0
_LOST = 1e-7  # of mass: more than that is an error


class AtZero(AtEnds):
    """A free convolution that knows its density next to 0."""

    @cached_property
    def _least(self) -> float:
        """Below it the power law of the density at 0 takes over: `_aim`, or where an angle is lost to rounding.

        Between factors whose densities vanish at 0 the angles fall like powers of x, or faster.
        """
        aim = self._aim
        if self._pieces[0][0] > 0:
            return aim
        planned = self._nodes(0)
        self._guess(0, planned[:1])  # makes the table
        nodes, _, state = self._tables[0]
        if nodes[0] <= 1.01 * planned.min():
            return aim
        height = np.minimum(state.c.imag, state.p.imag.min(axis=0, initial=np.inf))
        seen = nodes[height > _ANGLES * self._equations.floor]
        return max(aim, float(seen[0] if seen.size else nodes[-1]))

    @cached_property
    def _beside_zero(self) -> tuple[float, float, float]:
        """The density of a product at `_least`, the exponent of its power law below, and the mass there."""
        unit = self._least
        ratio = 16.0 if unit > 1e-14 * self._scale else 1e4
        ratio = min(ratio, (self._pieces[0][1] / unit) ** 0.25)
        (near, far), (above, _) = self._inner(0, np.array([1.0, ratio]) * unit)
        power = max(float(np.log(far / near)) / math.log(ratio), -1 + 1e-3)
        below = self._below_least(0, float(above))
        if below > 1e-6:  # mass that piles up towards 0, like one over a logarithm
            power = near * unit / below - 1
        if abs(power) < 1e-3:
            power = 0.0
        return float(near), power, below if below > 1e-6 else float(near) * unit / (1 + power)

    def _towards_zero(self, x: Array) -> tuple[Array, Array]:
        """The density of a product close to 0 where the support begins there, and the mass below."""
        near, power, below = self._beside_zero
        with np.errstate(divide="ignore"):
            f = near * (x / self._least) ** power
        return f, below * np.where(x > 0, (x / self._least) ** (1 + power), 0.0)

    def _below_least(self, i: int, above: float) -> float:
        """The mass of an interval that begins at 0 below `_least`, where the mass above that is known."""
        below = self._intervals_with_sf[i][2] - self._at_zero - above
        if below < -_LOST:
            raise ConvergenceError(
                f"{self._name}: above x = {self._least:.3g} there is more mass than there can be, by {-below:.3g}: the"
                " factors have masses at 0 that are too close to each other for the digits of doubles",
                {**self.report.to_dict(), "x": self._least, "mass": -below},
            )
        return max(below, 0.0)

    def _mean_beside_zero(self, function: Callable[[Array], Any]) -> Any:
        """An integral from 0 to `_least`, by the power law there: a share e^-(1 + power) v is below e^-v."""
        least = self._least
        _, power, mass = self._beside_zero
        if mass > EMPTY:  # the difference of masses is the better one
            mass = self._below_least(0, float(self._inner(0, np.array([least]))[1][0]))
        if least <= _TINY:
            return function(np.array([least]))[0] * mass
        most = math.log(least / _TINY)
        edges = most * np.linspace(0.0, 1.0, 129) ** 2
        half = np.diff(edges)[:, None] / 2
        v = (edges[:-1, None] + half + half * _GAUSS[0]).ravel()
        weight = (half * _GAUSS[1]).ravel() * (1 + power) * np.exp(-(1 + power) * v)
        values = function(np.append(least * np.exp(-v), _TINY))
        return (values * np.append(weight, math.exp(-(1 + power) * most))).sum() * mass
