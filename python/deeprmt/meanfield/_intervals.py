"""The intervals of a support, from a density and a distribution function that can be had anywhere."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Solve = Callable[[Array], tuple[Array, Array]]
# An interval that begins below this part of the size may as well begin at the lower bound.
_finest = 1e-30
# Where the trapezoidal rule is wrong by this part of the mass between two points there, or next to it, may be a gap.
_wrong, _narrowest = 0.03, 1e-12


class Intervals:
    """Finds the intervals between `low` and `high` where the density is above `least`.

    `solve` gives density and distribution function. Points where it has no density are compared by their distribution
    function, which is exact: where that rises by more than `rise` between two of them there is a narrow interval, or an
    atom. What has no more than 10 `rise` is no interval. Where it does not rise as the density between two points has
    it there may be a narrow gap.
    """

    def __init__(
        self, solve: Solve, low: float, high: float, atoms: Iterable[float], least: float, rise: float = 1e-10
    ) -> None:
        self._solve, self._low, self._high = solve, low, high
        self._atoms, self._least, self._rise = np.array(list(atoms), dtype=float), least, rise

    def find(self) -> list[tuple[float, float]]:
        """The intervals, ascending; ends to about 1e-11 of their interval where the density goes like a root there."""
        low, high = self._low, self._high
        size = high - low
        if size <= 0:
            return []
        x: Array = low + size * np.unique(np.concatenate([np.geomspace(1e-13, 1, 160), np.linspace(0.003, 1, 240)]))
        density, cdf = self._solve(x)
        if density[0] > self._least and x[0] > 4 * low:  # it may go on far below, on the scale of x itself
            least = max(low, _finest * size)
            x = np.concatenate([np.geomspace(least, x[0], 70)[:-1], x])
            more, below = self._solve(x[:69])
            density, cdf = np.concatenate([more, density]), np.concatenate([below, cdf])
        for _ in range(50):
            inside = density > self._least
            rises = (np.diff(cdf) > self._rise) & ~inside[1:] & ~inside[:-1] & (np.diff(x) > 1e-13 * size)
            if self._atoms.size:
                rises &= ~((x[:-1, None] < self._atoms) & (self._atoms <= x[1:, None])).any(axis=1)
            look = rises | self._unlike(x, density, cdf, inside)
            if not look.any():
                break
            middle = (x[1:] + x[:-1])[look] / 2
            more, below = self._solve(middle)
            order = np.argsort(np.concatenate([x, middle]))
            x, density, cdf = (np.concatenate(pair)[order] for pair in ((x, middle), (density, more), (cdf, below)))
        inside = density > self._least
        starts = np.flatnonzero(inside & ~np.concatenate([[False], inside[:-1]]))
        ends = np.flatnonzero(inside & ~np.concatenate([inside[1:], [False]]))
        out = []
        for i, j in zip(starts, ends, strict=True):
            left = (low, low) if i == 0 else (float(x[i - 1]), float(x[i]))
            right = (high, high) if j == x.size - 1 else (float(x[j + 1]), float(x[j]))
            a, b = self._interval(left, right)
            below = self._solve(a + (b - a) * np.array([0.01, 0.99]))[1]
            if below[1] - below[0] > 10 * self._rise:  # what has no mass is rounding
                out.append((a, b))
        return out

    def _unlike(self, x: Array, density: Array, cdf: Array, inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Between which neighbours, both inside, the density may fall to 0: there, or next to it, the two disagree."""
        width, both = np.diff(x), inside[1:] & inside[:-1]
        expected = (density[1:] + density[:-1]) / 2 * width
        wide = width > _narrowest * np.maximum(x[1:], 1e-3 * (self._high - self._low))
        if self._atoms.size:
            both &= ~((x[:-1, None] < self._atoms) & (self._atoms <= x[1:, None])).any(axis=1)
        unlike = both & (np.abs(np.diff(cdf) - expected) > _wrong * expected)
        unlike &= expected > 100 * max(self._rise, 1e-15)  # what rounding leaves of the difference
        beside = unlike.copy()
        beside[1:] |= unlike[:-1]
        beside[:-1] |= unlike[1:]
        return np.asarray(beside & both & wide)

    def _interval(self, left: tuple[float, float], right: tuple[float, float]) -> tuple[float, float]:
        """An interval from (outside, inside) of both ends; where the two are one that is the end."""
        for _ in range(40):
            goal = 2e-4 * (right[1] - left[1])
            rough = left[1] - left[0] > min(goal, 2e-4 * left[1]), right[0] - right[1] > goal
            if not any(rough):
                break
            left = self._narrowed(left) if rough[0] else left
            right = self._narrowed(right) if rough[1] else right
        return self._end(left), self._end(right)

    def _narrowed(self, bracket: tuple[float, float]) -> tuple[float, float]:
        """A bracket of an end, 32 times as narrow."""
        x = np.linspace(*bracket, 33)
        positive = self._solve(x)[0] > self._least
        positive[0], positive[-1] = False, True
        first = int(np.argmax(positive))
        return float(x[first - 1]), float(x[first])

    def _end(self, bracket: tuple[float, float]) -> float:
        """Where the squared density, an analytic function, reaches 0: by a polynomial through points inside."""
        outside, inside = bracket
        if outside == inside:
            return inside
        step = inside - outside
        k = np.arange(7.0)
        squares = self._solve(inside + k * step)[0] ** 2
        if squares[0] > squares[-1]:  # no root: the density diverges at this end
            return outside
        fit = np.polynomial.Polynomial.fit(k, squares, 6)
        slope, root = fit.deriv(), -0.5
        for _ in range(30):
            root = min(max(root - float(fit(root) / slope(root)), -1.0), 0.0)
        return inside + root * step
