"""The law of phi'(h)^2 for a Gaussian h: atoms, or panels of Gauss nodes that a solver may refine."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special

from ..activations import Activation
from ..meanfield._moments import mean_of

Array = NDArray[np.float64]

# h beyond 9 standard deviations has a mass of 2e-19.
_reach = 9.0
gauss_nodes, gauss_weights = np.polynomial.legendre.leggauss(16)
_levels = 5
# Where phi' is mapped once for all Gaussians, and the narrowest of these.
_mapped = 64.0
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
            raise TypeError(f"jacobian.law: {self.activation.name}: dphi must be real, got dtype {slope.dtype}")
        return np.asarray(slope**2, dtype=float)

    def panels(self) -> Panels:
        """The nodes for the solver, at five levels of fineness."""
        if self.values is not None and self.masses is not None:
            rows = -(-len(self.values) // 16)
            d, weights = np.full((rows, 16), self.values[0]), np.zeros((rows, 16))
            d.flat[: len(self.values)], weights.flat[: len(self.values)] = self.values, self.masses
            return Panels(d, weights, np.stack([d.min(1), d.max(1)], 1), 1)
        breaks, root = self._breaks(), math.sqrt(self.q)
        for _ in range(6):
            coarse, fine = self._sums(breaks), self._sums(_halved(breaks))
            if np.allclose(coarse, fine, rtol=1e-13, atol=0):
                break
            breaks = _halved(breaks)
        parts: list[tuple[Array, Array, Array]] = []
        falls_to_zero = self.falls_to_zero()
        for _ in range(_levels):
            d, weights = self._level(breaks)
            # Just inside each panel's ends, where a jump has not happened yet.
            nudge = _nudge(breaks, root)
            low, high = breaks[:-1] + nudge[:-1], breaks[1:] - nudge[1:]
            ends = np.stack([self.d(low), self.d(high), d.min(1), d.max(1)], 1)
            ends = np.concatenate([ends, self.d(breaks[:-1])[:, None] if not self.activation.kinks else ends[:, :1]], 1)
            least = ends.min(1)
            if falls_to_zero:  # the zero itself, not what rounding or 9 standard deviations leave of it
                least[np.argmin(least)] = 0.0
            parts.append((d, weights, np.stack([least, ends.max(1)], 1)))
            breaks = _halved(breaks)
        d, weights, ranges = (np.ascontiguousarray(np.concatenate(part)) for part in zip(*parts, strict=True))
        return Panels(d, weights, ranges, _levels)

    def _breaks(self) -> Array:
        """Panels of h: half a unit wide where phi bends, half a standard deviation elsewhere, split at the turns."""
        root = math.sqrt(self.q)
        if self.phase:
            pieces = [np.linspace(a, b, 9) for a, b in pairwise(self.turns)]
            return np.unique(np.concatenate(pieces))
        reach = _reach * root
        wide = np.arange(0.0, _reach + 0.25, 0.5) * root
        near = np.arange(0.0, min(8.0, reach), 0.5)
        far = 8.0 * 1.25 ** np.arange(0, max(0, math.ceil(math.log(max(reach, 8) / 8) / math.log(1.25))))
        marks = np.concatenate([wide, near, far])
        marks = marks[marks <= reach]
        marks = np.unique(np.concatenate([-marks, marks, self.turns]))
        even = np.linspace(0.013, 1, 60) * reach
        if np.array_equal(self.d(even), self.d(-even)):
            marks = marks[marks >= 0]
        marks = marks[np.concatenate([[True], np.diff(marks) > 1e-9 * min(root, 1.0)])]
        # Where phi'^2 falls by more than e^32 over a panel, no polynomial on a sixteenth of it would follow.
        for _ in range(12):
            log_d = np.log(np.maximum(self.d(marks), 1e-300))
            steep = np.abs(np.diff(log_d)) > 32
            # At a zero of phi' the fall is that of a power, which the solver follows.
            steep &= (self.d(marks)[1:] > 0) & (self.d(marks)[:-1] > 0) & ~self._touches_zero(marks)
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

    def _level(self, breaks: Array) -> tuple[Array, Array]:
        half = (breaks[1:] - breaks[:-1])[:, None] / 2
        h = (breaks[1:] + breaks[:-1])[:, None] / 2 + half * gauss_nodes
        weights = half * gauss_weights if self.phase else np.exp(-h * h / (2 * self.q)) * (half * gauss_weights)
        return self.d(h), weights / weights.sum()

    def _sums(self, breaks: Array) -> Array:
        d, weights = self._level(breaks)
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
    if period is not None and q > 1.9 * (period[-1] - period[0]) ** 2:
        return SquaredSlopes(activation, q, None, None, period, phase=True)
    d = SquaredSlopes(activation, q, None, None, np.zeros(0)).d(grid)
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


class Direct:
    """The law of scale phi'(h)^2 itself, for a continuous phi': densities and masses by solving for h.

    `share` of the mass, the rest being at 0.
    """

    def __init__(self, slopes: SquaredSlopes, scale: float, share: float = 1.0) -> None:
        self._slopes, self._scale, self._share = slopes, scale, share
        root = math.sqrt(slopes.q)
        nudged = list(zip(slopes.turns, _nudge(slopes.turns, root), strict=True))
        self._pieces = [(float(a + up), float(b - down)) for (a, up), (b, down) in pairwise(nudged)]
        self._ends = [(float(slopes.d(np.array(a))), float(slopes.d(np.array(b)))) for a, b in self._pieces]
        self.bounds = (
            scale * min(min(pair) for pair in self._ends),
            scale * max(max(pair) for pair in self._ends),
        )

    def expect(self, function: Callable[[Array], Any]) -> Any:
        """The mean of a function, by Gauss nodes in h."""
        d, weights = self._slopes._level(_halved(_halved(self._slopes._breaks())))
        return self._share * np.sum(weights * function(self._scale * d.ravel()).reshape(d.shape))

    def stieltjes(self, z: complex) -> complex:
        """The mean of 1 / (x - z), to rounding, for z away from the support."""
        slopes, scale = self._slopes, self._scale

        def mean(part: Callable[[Any], Any]) -> float:
            return mean_of(slopes.activation, slopes.q, lambda h: part(1 / (scale * slopes.d(h) - z)))

        # The real part changes sign, and is known as well as the whole.
        rest = 0.0 if self._share == 1 else (1 - self._share) / -z
        return self._share * complex(mean(np.real), mean(np.imag)) + rest

    def values(self, normal: Array, uniform: Array) -> Array:
        """From standard normal numbers, and uniform ones that choose the zeros."""
        x = self._scale * self._slopes.d(math.sqrt(self._slopes.q) * normal)
        return x if self._share == 1 else np.where(uniform < self._share, x, 0.0)

    def evaluate(self, x: Array) -> tuple[Array, Array]:
        """Density and distribution function."""
        slopes, root = self._slopes, math.sqrt(self._slopes.q)
        start, period = slopes.turns[0], slopes.turns[-1] - slopes.turns[0]

        def share_below(h: Any) -> Any:
            return (h - start) / period if slopes.phase else special.ndtr(h / root)

        target = x / self._scale
        density, below = np.zeros_like(x), np.zeros_like(x)
        for (a, b), (at_a, at_b) in zip(self._pieces, self._ends, strict=True):
            rising = at_b > at_a
            inside = (target > min(at_a, at_b)) & (target < max(at_a, at_b))
            mass = float(share_below(b) - share_below(a))
            below[target >= max(at_a, at_b)] += mass
            if not inside.any():
                continue
            low, high = np.full(int(inside.sum()), a), np.full(int(inside.sum()), b)
            for _ in range(80):
                middle = (low + high) / 2
                left = (slopes.d(middle) < target[inside]) == rising
                low, high = np.where(left, middle, low), np.where(left, high, middle)
            h = (low + high) / 2
            share = share_below(h) - share_below(a)
            below[inside] += share if rising else mass - share
            # From ln d, whose slope differences give to 1e-12 however small d is; where a zero of phi' is near, from
            # phi', which is smooth there.
            step = 0.004 * min(1.0, root)
            dphi = slopes.activation.dphi
            least = 1e-20 * max(max(pair) for pair in self._ends)
            from_zero = np.minimum(h - a if at_a < least else np.inf, b - h if at_b < least else np.inf)
            close = from_zero < min(1.0, root)

            def slope(function: Callable[[Array], Any], h: Array, step: float = step) -> Any:
                weights = ((1, 3 / 4), (2, -3 / 20), (3, 1 / 60))
                return sum(w * (function(h + k * step) - function(h - k * step)) for k, w in weights) / step

            log_slope = np.zeros_like(h)
            log_slope[close] = 2 * slope(dphi, h[close]) / dphi(h[close])
            log_slope[~close] = slope(lambda h: np.log(slopes.d(h)), h[~close])
            normal = 1 / period if slopes.phase else np.exp(-h * h / (2 * slopes.q)) / math.sqrt(2 * math.pi * slopes.q)
            with np.errstate(divide="ignore"):  # the density is infinite where phi' turns
                density[inside] += normal / (x[inside] * np.abs(log_slope))
        below = np.clip(below, 0, 1)
        return self._share * density, below if self._share == 1 else 1 - self._share * (1 - below)
