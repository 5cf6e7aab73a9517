"""What a free convolution does next to the ends of its intervals: power laws where nothing can be solved."""

from __future__ import annotations

import math
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ..errors import ConvergenceError
from ._interior import CLOSE, Interior

__all__ = ["EMPTY", "AtEnds"]

Array = NDArray[np.float64]

EMPTY = 1e-10  # of mass, between an end and where a solver that fails in a thin tail stops
_SHRINK = 16.0
_RETREAT = 1e-14  # of mass, that an end's power law may stand for where the solver fails further in


def _exponent(distance: Array, density: Array) -> float:
    """Of the power law through two points; 0 where one of them has no density."""
    if not (density > 0).all():
        return 0.0
    return float(np.log(density[1] / density[0]) / np.log(distance[1] / distance[0]))


def _simple(power: float) -> float:
    """The exponent of an edge that is closest."""
    return min((-2 / 3, -0.5, -1 / 3, 0.0, 1 / 3, 0.5, 2 / 3, 1.0), key=lambda a: abs(a - power))


class AtEnds(Interior):
    """A free convolution that knows the power laws at its ends."""

    @cached_property
    def _edges(self) -> dict[tuple[int, int], tuple[float, float, float, float]]:
        """For the ends (interval, 0 or 1): (least, distance, density there, exponent).

        Closer than `least` the density is const distance^exponent: in units of the end's reach or of the rounding of x,
        further out where rounding keeps the equations from being solved, and as far as 0.1 in a tail next to empty.
        """
        out = {}
        for i, (low, high, *_) in enumerate(self._intervals_with_sf):
            for side, edge in ((0, low), (1, high)):
                reach = self._reach(i, side)
                far = 0.01 * reach
                if side == 0 and low == 0 and self._rule.product:
                    continue  # there x has digits enough
                least = max(self._close(edge) * reach, 64 * math.ulp(edge))
                if i in self._tables:
                    state = self._tables[i][2]
                    noise = self._equations.rounding(state[-1:] if side == 1 else state[:1])
                    least = min(max(least, 256 * noise * (edge if self._rule.product else 1)), 1e-3 * reach)
                while True:
                    step = least * np.array([1.0, 4.0 if least < far else 1.5])
                    x = low + step if side == 0 else high - step
                    try:
                        density = self._inner(i, x, least > 1e-4 * reach)[0]
                    except ConvergenceError:
                        if least > 9 * far:
                            raise
                        least = 8 * least if least <= far / 10 else far if least < far else 10**0.25 * least
                        continue
                    if least >= far and density[1] * step[1] > EMPTY:
                        raise ConvergenceError(
                            f"{self._name}: no point close to the end {edge!r} of the support could be solved",
                            {**self.report.to_dict(), "x": float(x[0])},
                        )
                    if (density > 0).all() or least > 1e-3 * reach:
                        break
                    least *= 8
                power = _exponent(np.abs(x - edge), density)
                # Next to a narrow law an end may feel much less than its reach: go closer while digits last.
                while (
                    (density > 0).all()
                    and abs(_simple(power) - power) > 2e-3
                    and least > _SHRINK * self._floor(i, side)
                ):
                    try:
                        new = edge + (step / _SHRINK if side == 0 else -step / _SHRINK)
                        closer = self._inner(i, new, True)[0]
                    except ConvergenceError:
                        break
                    if not (closer > 0).all():
                        break
                    least, step, x, density = least / _SHRINK, step / _SHRINK, new, closer
                    power = _exponent(np.abs(x - edge), density)
                distance = np.abs(x - edge)  # as rounded
                # Exponents of edges are simple fractions; what rounding blurs is made sharp.
                power = _simple(power) if abs(_simple(power) - power) < 0.05 else max(power, -0.99)
                out[i, side] = least, float(distance[1]), float(density[1]), power
        return out

    def _retreat(self, i: int) -> bool:
        """Begins the power laws at ends further in, where next to no mass is in between; False if it is too much."""
        moved = False
        for side, edge in enumerate(self._pieces[i]):
            if (i, side) not in self._edges:
                continue
            least, *_ = self._edges[i, side]
            for factor in (4.0, 16.0, 64.0, 256.0):
                step = factor * least * np.array([1.0, 4.0])
                x = edge + step if side == 0 else edge - step
                try:
                    density = self._inner(i, x, False)[0]
                except ConvergenceError:
                    continue
                if (density > 0).all() and density[1] * step[1] < _RETREAT:
                    power = max(_exponent(np.abs(x - edge), density), -0.99)
                    self._edges[i, side] = float(step[0]), float(abs(x[1] - edge)), float(density[1]), power
                    moved = True
                    break
        return moved

    def _mass_at(self, end: float) -> float:
        return sum(mass for at, mass in self._atoms if at == end)

    @cached_property
    def _far_ends(self) -> set[int]:
        """Intervals with ends that the solver does not come close to."""
        return set()

    def _near(self, i: int, side: int, distance: Array) -> float:
        """The distance from an end below which the power law stands; looked for only if a point comes close."""
        close = self._reach(i, side) * (0.1 if i in self._far_ends else min(0.01, max(1e-4, self._noise(i, side))))
        return self._edges[i, side][0] if (distance < close).any() else 0.0

    def _noise(self, i: int, side: int) -> float:
        """How far from an end rounding is felt, in its reaches."""
        if i not in self._tables:
            self._guess(i, np.array([sum(self._pieces[i]) / 2]))
        low, high, *_ = self._intervals_with_sf[i]
        state = self._tables[i][2]
        noise = self._equations.rounding(state[-1:] if side == 1 else state[:1])
        return 256 * noise * ((low, high)[side] if self._rule.product else 1) / self._reach(i, side)

    def _at_end(self, i: int, side: int) -> float | None:
        """The density at an end where it vanishes or is infinite, by what it does between the points closest to it."""
        low, high, *_ = self._intervals_with_sf[i]
        self._noise(i, side)  # makes the table
        nodes, _, state = self._tables[i]
        if nodes.size < 8:
            return None
        edge, pick = (high, [-1, -2]) if side else (low, [0, 1])
        away = np.abs(nodes[pick] - edge)
        density = -self._rule.cauchy(nodes[pick] + 0j, state[pick].c).imag
        if away[1] > 0.02 * self._reach(i, side) or not (density > 0).all() or away[0] == 0:
            return None
        power = math.log(density[1] / density[0]) / math.log(away[1] / away[0])
        if abs(abs(power) - 0.5) < 0.12 and self._close(edge) == CLOSE:
            return 0.0 if power > 0 else math.inf
        return None

    def _floor(self, i: int, side: int) -> float:
        """How close to an end points still differ from it, and solutions from rounding."""
        edge = self._intervals_with_sf[i][side]
        state = self._tables[i][2]
        noise = self._equations.rounding(state[-1:] if side == 1 else state[:1])
        return max(64 * math.ulp(edge), 256 * noise * (edge if self._rule.product else 1))

    def _power_law(self, i: int, side: int, distance: Array) -> tuple[Array, Array]:
        """The density at a small distance from an edge, and the mass between."""
        _, unit, density, power = self._edges[i, side]
        with np.errstate(divide="ignore"):
            f = density * (distance / unit) ** power
        mass = density * unit / (1 + power) * (distance / unit) ** (1 + power)
        return f, mass
