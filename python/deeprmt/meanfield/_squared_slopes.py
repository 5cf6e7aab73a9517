"""The law of phi'(h)^2 for a Gaussian h: atoms, or panels of Gauss nodes that a solver may refine."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special

from .. import _core
from .._pieces import Derivative
from ..activations import Activation
from ..errors import ConvergenceError
from ._moments import gauss_moment

Array = NDArray[np.float64]

# h beyond 9 standard deviations has a mass of 2e-19.
_reach = 9.0
gauss_nodes, gauss_weights = np.polynomial.legendre.leggauss(16)
# Where phi' is mapped once for all Gaussians, and the narrowest of these.
_mapped = 64.0
# A phi' that is known from phi alone has more rounding: phi'^2 that varies by less is a number.
_rounding_from_phi = 3e-14
_narrowest = 0.05
# Narrower Gaussians have few periods of anything.
_period_reach = 4.0


@dataclass(frozen=True)
class Panels:
    """What `_core.freeprob.SquaredSlopes` takes."""

    d: Array
    weights: Array
    ranges: Array
    levels: int


@dataclass(frozen=True)
class SquaredSlopes:
    """phi'(h)^2 with h ~ N(0, q): `values` and `masses` where it is a sum of atoms, else both are None."""

    activation: Activation
    q: float
    values: Array | None
    masses: Array | None
    turns: Array
    """Where phi'^2 turns or jumps, from one end of h to the other: it is monotone in between."""
    phase: bool = False
    """Whether h is uniform between the first turn and the last, a period of phi'^2: a wide Gaussian, wrapped."""

    def d(self, h: Array) -> Array:
        """phi'(h)^2."""
        slope = np.asarray(self.activation.dphi(h))
        if slope.dtype.kind == "c":
            raise TypeError(f"{self.activation.name}: dphi must be real, got dtype {slope.dtype}")
        return np.asarray(slope**2, dtype=float)

    def panels(self, levels: int = 5) -> Panels:
        """The nodes for the solver, at that many levels of fineness; it makes what is finer itself, at a cost."""
        if self.values is not None and self.masses is not None:
            rows = -(-len(self.values) // 16)
            d, weights = np.full((rows, 16), self.values[0]), np.zeros((rows, 16))
            d.flat[: len(self.values)], weights.flat[: len(self.values)] = self.values, self.masses
            return Panels(d, weights, np.stack([d.min(1), d.max(1)], 1), 1)
        breaks, root = self._breaks, math.sqrt(self.q)
        for _ in range(6):
            coarse, fine = self._sums(breaks), self._sums(_halved(breaks))
            if np.allclose(coarse, fine, rtol=1e-13, atol=0):
                break
            breaks = _halved(breaks)
        grids = [breaks]
        for _ in range(levels - 1):
            grids.append(_halved(grids[-1]))
        # Just inside each panel's ends, where a jump has not happened yet, and at its start, which may be a turn.
        low, high = (np.concatenate(ends) for ends in zip(*((each[:-1], each[1:]) for each in grids), strict=True))
        inner = [low + _nudge(low, root), high - _nudge(high, root)]
        ends = inner if self.activation.kinks else [*inner, low]
        d, weights = self._level(low, high)
        at_ends = [self.d(each) for each in ends]
        least = np.minimum.reduce([d.min(1), *at_ends])
        starts = np.cumsum([0, *(len(each) - 1 for each in grids)])
        if self.falls_to_zero():  # the zero itself, not what rounding or 9 standard deviations leave of it
            for first, last in pairwise(starts):
                least[first + np.argmin(least[first:last])] = 0.0
        for first, last in pairwise(starts):
            weights[first:last] /= weights[first:last].sum()
        return Panels(d, weights, np.stack([least, np.maximum.reduce([d.max(1), *at_ends])], 1), levels)

    @cached_property
    def _breaks(self) -> Array:
        """Panels of h: a unit wide where phi bends, a standard deviation elsewhere, split at the turns."""
        root = math.sqrt(self.q)
        if self.phase:
            pieces = [np.linspace(a, b, 9) for a, b in pairwise(self.turns)]
            return np.unique(np.concatenate(pieces))
        reach = _reach * root
        wide = np.arange(0.0, _reach + 0.5) * root
        near = np.arange(0.0, min(8.0, reach))
        far = 8.0 * 1.25 ** np.arange(0, max(0, math.ceil(math.log(max(reach, 8) / 8) / math.log(1.25))))
        marks = np.concatenate([wide, near, far])
        marks = marks[marks <= reach]
        marks = np.unique(np.concatenate([-marks, marks, self.turns]))
        even = np.linspace(0.013, 1, 60) * reach
        if np.array_equal(self.d(even), self.d(-even)):
            marks = marks[marks >= 0]
        marks = marks[np.concatenate([[True], np.diff(marks) > 1e-9 * min(root, 1.0)])]
        # Where phi'^2 falls by more than e^16 over a panel, no polynomial on a part of it would follow.
        for _ in range(12):
            d = self.d(marks)
            steep = np.abs(np.diff(np.log(np.maximum(d, 1e-300)))) > 16
            # At a zero of phi' the fall is that of a power, which the solver follows; what underflows is no zero.
            less, more = np.minimum(d[1:], d[:-1]), np.maximum(d[1:], d[:-1])
            steep &= ((less > 0) | (more < 1e-20 * d.max())) & ~self._touches_zero(marks)
            if not steep.any():
                break
            marks = np.sort(np.concatenate([marks, ((marks[1:] + marks[:-1]) / 2)[steep]]))
        return np.asarray(marks)

    def _touches_zero(self, marks: Array) -> NDArray[np.bool_]:
        """The panels that end where phi' goes through 0."""
        top = self.d(self.turns).max()
        inner = self.turns[1:-1]
        zeros = inner[self.d(inner) < 1e-20 * top]
        ends = np.isin(marks, zeros)
        return np.asarray(ends[1:] | ends[:-1])

    def nodes(self, breaks: Array) -> tuple[Array, Array]:
        """phi'^2 and masses, of sum 1, at the Gauss nodes of panels."""
        d, weights = self._level(breaks[:-1], breaks[1:])
        return d, weights / weights.sum()

    def _level(self, low: Array, high: Array) -> tuple[Array, Array]:
        half = (high - low)[:, None] / 2
        h = (high + low)[:, None] / 2 + half * gauss_nodes
        return self.d(h), half * gauss_weights if self.phase else np.exp(-h * h / (2 * self.q)) * (half * gauss_weights)

    def _sums(self, breaks: Array) -> Array:
        d, weights = self.nodes(breaks)
        top = self.d(self.turns).max()
        return np.array([np.sum(weights * f) for f in (d, d * d, d / (d + 0.2 * top), 1 / (d + 0.05 * top))])

    def infimum(self) -> float:
        """The greatest lower bound of phi'^2 over all h, however rare."""
        far = np.geomspace(1e-3, 1e6, 400)
        return float(self.d(np.concatenate([-far, far, self.turns])).min())

    def falls_to_zero(self) -> bool:
        """Whether a continuous law reaches down to 0."""
        return self.values is None and self.infimum() < 1e-6


@lru_cache(maxsize=64)
def squared_slopes(activation: Activation, q: float) -> SquaredSlopes:
    """The law of phi'(h)^2, h ~ N(0, q)."""
    q = max(q, 1e-200)  # at 0 the limit from above
    root = math.sqrt(q)
    if activation.slopes is not None:
        edges = np.array([-math.inf, *activation.kinks, math.inf]) / root
        # Each tail from its own side, so that a small mass keeps its digits.
        low, high = edges[:-1], edges[1:]
        tail = special.ndtr(-low) - special.ndtr(-high)
        masses = np.where(low >= 0, tail, special.ndtr(high) - special.ndtr(low))
        return _atoms(activation, q, np.square(activation.slopes), masses)
    period = _period(activation) if root > _period_reach else None
    if _narrowest <= root and _reach * root <= _mapped and period is None:
        known = _map(activation)
        if known is not None:
            reach = _reach * root
            inner = known[np.abs(known) < reach * (1 - 1e-9)]
            return SquaredSlopes(activation, q, None, None, np.concatenate([[-reach], inner, [reach]]))
    grid = np.unique(np.concatenate([np.linspace(-_reach, _reach, 2001) * root, *_around(activation, root)]))
    # Apart by what phi can tell, be the Gaussian ever so wide.
    grid = grid[np.concatenate([[True], np.diff(grid) > 1e-6 * min(root, 1.0)])]
    if period is not None and phases(activation, q) is not None:
        return SquaredSlopes(activation, q, None, None, period, phase=True)
    d = SquaredSlopes(activation, q, None, None, np.zeros(0)).d(grid)
    if np.ptp(d) <= (_rounding_from_phi if isinstance(activation.dphi, Derivative) else 1e-15) * d.max():
        return _atoms(activation, q, [d[np.abs(grid).argmin()]], [1.0])
    if len(np.unique(d)) <= 16:  # piecewise linear, though it does not say so
        middle = (grid[1:] + grid[:-1]) / 2
        ends = grid[1:-1][np.diff(activation.dphi(middle)) != 0]
        edges = np.array([-math.inf, *ends, math.inf]) / root
        between = np.concatenate([[grid[0]], (ends[1:] + ends[:-1]) / 2, [grid[-1]]]) if len(ends) else grid[:1]
        return _atoms(activation, q, activation.dphi(between) ** 2, np.diff(special.ndtr(edges)))
    kinks = [kink for kink in activation.kinks if grid[0] < kink < grid[-1]]
    return SquaredSlopes(
        activation, q, None, None, np.unique([grid[0], *kinks, *_turns(activation, grid, d), grid[-1]])
    )


@lru_cache(maxsize=64)
def _map(activation: Activation) -> Array | None:
    """The turns and kinks of phi'^2 in |h| < 64, whatever the Gaussian; None if phi' has a few values only."""
    grid = np.unique(np.concatenate([np.linspace(-_mapped, _mapped, 12801), np.array(activation.kinks)]))
    grid = grid[np.concatenate([[True], np.diff(grid) > 1e-6])]
    d = SquaredSlopes(activation, 1.0, None, None, np.zeros(0)).d(grid)
    if not np.isfinite(d).all() or len(np.unique(d)) <= 16:
        return None
    kinks = [kink for kink in activation.kinks if abs(kink) < _mapped]
    return np.unique([*kinks, *_turns(activation, grid, d)])


def _turns(activation: Activation, grid: Array, d: Array) -> list[float]:
    """Where d, phi'^2 on the grid, has its extrema."""
    rise = np.sign(np.diff(d))
    return [
        _turn(activation, grid[i - 1], grid[i], grid[i + 1], rise[i - 1])
        for i in np.flatnonzero(rise[1:] * rise[:-1] < 0) + 1
    ]


@lru_cache(maxsize=64)
def _period(activation: Activation) -> Array | None:
    """The turns of phi'^2 over one period, its ends among them, if it has a period of at most 8.

    A Gaussian of standard deviation s, wrapped to a period P, is uniform up to 2 exp(-2 (pi s / P)^2): below rounding
    for s^2 > 1.9 P^2. Whatever the number of periods under a wider one, one period is enough.
    """
    if activation.kinks:
        return None
    grid = np.linspace(-12, 12, 2401)
    d = np.asarray(activation.dphi(grid) ** 2, dtype=float)
    turns = np.array(_turns(activation, grid, d))
    probes, size = np.linspace(-3.9, 4.1, 37), d.max()
    for count in range(2, len(turns), 2):
        start = np.argmin(np.abs(turns + 4))
        if start + count >= len(turns):
            break
        one = turns[start : start + count + 1]
        shifts = (one[-1] - one[0]) * np.array([[1], [7], [100]])
        if one[-1] - one[0] <= 8 and np.allclose(
            activation.dphi(probes + shifts) ** 2, activation.dphi(probes) ** 2, rtol=0, atol=1e-5 * size
        ):
            return one
    return None


def phases(activation: Activation, q: float, *, both_signs: bool = False) -> tuple[float, float] | None:
    """The ends of one period of phi'^2, or of phi', over which h ~ N(0, q) is uniform to rounding."""
    period = _period(activation) if math.sqrt(q) > _period_reach else None
    if period is None:
        return None
    start, end = float(period[0]), float(period[-1])
    end += (end - start) * both_signs  # phi' may change its sign from one period of its square to the next
    return (start, end) if q > 1.9 * (end - start) ** 2 else None


def _nudge(h: Array, root: float) -> Array:
    """A step off h that phi' does not notice and that rounding does not swallow."""
    return np.asarray(1e-13 * min(root, 1.0) + 4 * np.spacing(np.abs(h)))


def _around(activation: Activation, root: float) -> tuple[Array, ...]:
    """Grid points where phi bends, should that be much finer than the Gaussian, and at the kinks."""
    near = np.linspace(-8, 8, 1601)
    return near[np.abs(near) < _reach * root], np.array([k for k in activation.kinks if abs(k) < _reach * root])


def _turn(activation: Activation, a: float, b: float, c: float, sign: float) -> float:
    """The extremum of phi'^2 in (a, c)."""
    if activation.dphi(np.array(a)) * activation.dphi(np.array(c)) < 0:  # phi' goes through 0: wanted to rounding
        return float(optimize.brentq(lambda h: float(activation.dphi(np.array(h))), a, c, xtol=1e-300, rtol=1e-15))
    if abs(b) < 1e-12 * (c - a):
        return 0.0

    def height(h: float) -> float:
        return float(-sign * activation.dphi(np.array(h)) ** 2)

    return float(optimize.minimize_scalar(height, bracket=(a, b, c), tol=1e-10).x)


def _atoms(activation: Activation, q: float, values: Any, masses: Any) -> SquaredSlopes:
    distinct, which = np.unique(values, return_inverse=True)
    total = np.bincount(which, weights=masses)
    keep = total > 0
    return SquaredSlopes(activation, q, distinct[keep].astype(float), total[keep].astype(float), np.zeros(0))


def _halved(breaks: Array) -> Array:
    return np.sort(np.concatenate([breaks, (breaks[1:] + breaks[:-1]) / 2]))


@dataclass(frozen=True)
class Factor:
    """Diagonals of one variance: S(y) = S_d(width y)^power; width is n_L / n_l, power their number."""

    slopes: SquaredSlopes
    power: float
    width: float
    levels: int = 5

    @cached_property
    def core(self) -> _core.freeprob.SquaredSlopes:
        """For the solver."""
        panels = self.slopes.panels(self.levels)
        if self.slopes.values is None:  # quadrature of its own, which finds narrow places: did the panels see them too?
            level = len(panels.d) // (2**panels.levels - 1)
            seen, mean = float(np.sum(panels.d[:level] * panels.weights[:level])), self.moments(1)[0]
            if not abs(seen - mean) <= 1e-8 * mean:
                raise ConvergenceError(
                    f"the law of phi'(h)^2 with {self.slopes.activation.name} at q = {self.slopes.q:g} is not resolved",
                    {"mean": mean, "mean of the panels": seen},
                )
        return _core.freeprob.SquaredSlopes(panels.d, panels.weights, panels.ranges, panels.levels)

    def moments(self, count: int) -> Array:
        """E d^k for k = 1 .. count."""
        slopes = self.slopes
        if slopes.values is not None and slopes.masses is not None:
            return np.array([float(np.sum(slopes.masses * slopes.values**k)) for k in range(1, count + 1)])
        known: list[float] = vars(self).setdefault("_known", [])
        for k in range(len(known) + 1, count + 1):
            known.append(float(gauss_moment(slopes.activation, slopes.q, power=2 * k, derivative=True)))
        return np.array(known[:count])

    @cached_property
    def nodes(self) -> tuple[Array, Array]:
        """Values and weights, for sums far from the axis."""
        slopes = self.slopes
        if slopes.values is not None and slopes.masses is not None:
            return slopes.values, slopes.masses
        return slopes.nodes(slopes._breaks)

    @cached_property
    def relative_variance(self) -> float:
        """Var d / (E d)^2, without cancellation."""
        d, weights = self.nodes
        if len(d) == 2 and self.slopes.values is not None and d[0] == 0:
            return float(weights[0] / weights[1])
        mean = np.sum(weights * d)
        return float(np.sum(weights * (d - mean) ** 2) / mean**2)

    @cached_property
    def mean_log(self) -> float:
        """E ln d."""
        d, weights = self.nodes
        with np.errstate(divide="ignore"):
            return float(np.sum(weights * np.log(d if self.slopes.values is not None else np.maximum(d, 1e-300))))
