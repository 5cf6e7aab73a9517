"""Support and atoms of a law whose density and distribution function can be evaluated almost anywhere.

The distribution function is exact, so that no mass can hide between two points: where it grows between points without
density there is an interval or an atom, and points are put there until it is found. What is narrower than a millionth
of the norm is an atom.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

__all__ = ["Structure", "find_structure"]

Array = NDArray[np.float64]
Evaluate = Callable[[Array], tuple[Array, Array, NDArray[np.bool_]]]

# Distribution functions are known to about this.
_MASS = 1e-9
_POINTS = 31
_MOST_STEEP = 8
# As close as this to an atom, against the norm, the solver still has its digits.
_NEAR = 1e-6


@dataclass(frozen=True)
class Structure:
    """Intervals with a density, the distribution function at both ends of each, atoms; how far off an edge may be."""

    intervals: list[tuple[float, float]]
    levels: list[tuple[float, float]]
    atoms: list[tuple[float, float]]
    uncertainty: float
    steep: tuple[float, ...] = ()  # places inside intervals where the density is largest, and may be infinite


def find_structure(evaluate: Evaluate, green: Callable[[Array], Array], reach: float, candidates: Array) -> Structure:
    """What the law on (-reach, reach) is made of.

    `evaluate` gives density, distribution function (NaN where it does not know them) and whether there is a density;
    `green` the mean of 1 / (x - p) in a gap; `candidates` are points that may carry an atom.
    """
    return _Finder(evaluate, green, reach, candidates).find()


@dataclass
class _Points:
    """Ascending, with the values there."""

    x: Array
    density: Array
    cdf: Array
    bulk: NDArray[np.bool_]


class _Finder:
    def __init__(self, evaluate: Evaluate, green: Callable[[Array], Array], reach: float, candidates: Array) -> None:
        self.evaluate, self.green, self.reach, self.candidates = evaluate, green, reach, candidates
        self.uncertainty = 0.0
        self.known_atoms = np.zeros(0)
        self.known_atoms = np.array([c for c in candidates if self.jump(c)[0] > 0])

    def at(self, x: Array) -> _Points:
        """Without those that the solver does not know, which are next to an atom."""
        density, cdf, bulk = self.evaluate(np.ascontiguousarray(x))
        known = np.isfinite(cdf)
        for atom in self.known_atoms:  # closer than this rounding looks like a density
            known &= np.abs(x - atom) > 0.9 * _NEAR * self.reach
        return _Points(x[known], density[known], cdf[known], bulk[known])

    def between(self, a: float, b: float, count: int = _POINTS) -> _Points:
        return self.at(np.linspace(a, b, count + 2)[1:-1])

    def find(self) -> Structure:
        low = self.end(-1.1 * self.reach, 1.1 * self.reach, 0.0)
        high = self.end(1.1 * self.reach, -1.1 * self.reach, 1.0)
        angle = (np.arange(201) / 200) * np.pi
        # Next to atoms too: between one and an interval close by there may be no other point of the gap.
        beside = self.known_atoms[:, None] + _NEAR * self.reach * np.array([-2.0, -1.0, 1.0, 2.0])
        grid = self.at(np.unique(np.append((low + high) / 2 - (high - low) / 2 * np.cos(angle), beside)))
        grid = self.refined(grid)
        # Runs of points without density, cut where an atom is: the distribution function is constant on each.
        x, cdf, bulk = grid.x, grid.cdf, grid.bulk
        jump = ~bulk[:-1] & ~bulk[1:] & (np.diff(cdf) > _MASS)
        gaps: list[tuple[int, int]] = []
        for i in np.flatnonzero(~bulk):
            if gaps and gaps[-1][1] == i - 1 and not jump[i - 1]:
                gaps[-1] = gaps[-1][0], int(i)
            else:
                gaps.append((int(i), int(i)))
        found = Structure([], [], [], 0.0)
        for (a, b), (c, d) in pairwise(gaps):
            left, right = self.level(x[a : b + 1], cdf[a : b + 1]), self.level(x[c : d + 1], cdf[c : d + 1])
            if c == b + 1:
                found.atoms.append((self.pole(float(x[b]), float(x[c])), right - left))
                continue
            low, high = self.edge(float(x[b]), float(x[b + 1])), self.edge(float(x[c]), float(x[c - 1]))
            if (
                found.intervals
                and low - found.intervals[-1][1] < 1e-7 * self.reach
                and not any(x >= found.intervals[-1][1] for x, _ in found.atoms)
            ):
                # No gap, but a point where the density is too steep for the solver.
                found.intervals[-1], found.levels[-1] = (found.intervals[-1][0], high), (found.levels[-1][0], right)
            elif high > low:
                found.intervals.append((low, high))
                found.levels.append((left, right))
        self.add_hidden_atoms(found)
        found.atoms.sort()
        return replace(found, uncertainty=self.uncertainty, steep=tuple(self.steep(grid)))

    def steep(self, grid: _Points) -> list[float]:
        """Where points had to be put ever closer and have a density, the place of the largest one."""
        close = grid.bulk[:-1] & grid.bulk[1:] & (np.diff(grid.x) < 3 * _NEAR * self.reach)
        out: list[float] = []
        k = np.flatnonzero(close)
        for run in np.split(k, np.flatnonzero(np.diff(k) > 1) + 1):
            if run.size == 0 or len(out) >= _MOST_STEEP:
                continue
            a, b = float(grid.x[run[0]]), float(grid.x[run[-1] + 1])
            for _ in range(12):
                x = np.linspace(a, b, _POINTS + 2)
                density = self.evaluate(x)[0]
                top = int(np.argmax(np.where(np.isnan(density), np.inf, density)))
                a, b = float(x[max(top - 1, 0)]), float(x[min(top + 1, x.size - 1)])
                if b - a < 1e-12 * self.reach:
                    break
            out.append((a + b) / 2)
        return out

    @staticmethod
    def level(x: Array, cdf: Array) -> float:
        """The distribution function in a gap, from the point furthest from its ends, rounded where it is 0 or 1."""
        value = float(cdf[np.argmax(np.minimum(x - x[0], x[-1] - x))])
        return 0.0 if abs(value) < 1e-11 else 1.0 if abs(value - 1) < 1e-11 else value

    def end(self, outside: float, inside: float, level: float) -> float:
        """A point beyond all mass, closer to it than a thousandth of what is left to search."""
        start = inside
        for _ in range(40):
            points = self.between(outside, inside)
            touched = points.bulk | (np.abs(points.cdf - level) > _MASS)
            if touched.all():
                inside = float(points.x[0])
            elif touched.any():
                first = int(np.argmax(touched))
                outside, inside = float(points.x[first - 1]), float(points.x[first])
            else:
                outside = float(points.x[-1])
            if abs(inside - outside) < max(1e-3 * abs(start - outside) * 1e-2, 10 * _NEAR * self.reach):
                break
        return outside

    def pole(self, a: float, b: float) -> float:
        """Where an atom between the close points a and b is: a zero of the analytic 1 / G."""
        middle, width = (a + b) / 2, max(b - a, _NEAR * self.reach)
        if self.candidates.size:
            nearest = float(self.candidates[np.argmin(np.abs(self.candidates - middle))])
            if abs(nearest - middle) <= 2 * width:
                return nearest
        x = middle + width * np.array([-3.0, -2.0, -1.0, 1.0, 2.0, 3.0])
        inverse = 1 / self.green(x)
        order = np.argsort(inverse)
        if not np.isfinite(inverse).all() or (np.diff(order) < 0).any():
            return middle
        zero = _neville(inverse, (x - middle) / width)
        return middle + width * zero if abs(zero) < 1 else middle

    def refined(self, grid: _Points) -> _Points:
        """More points where mass hides between points of a gap, or a gap between points with density."""
        for _ in range(60):
            x, cdf, density, bulk = grid.x, grid.cdf, grid.density, grid.bulk
            width, mass = np.diff(x), np.diff(cdf)
            hidden = ~bulk[:-1] & ~bulk[1:] & (mass > _MASS) & (width > 3 * _NEAR * self.reach)
            both = bulk[:-1] & bulk[1:]
            wide = width > _NEAR * self.reach
            mean = width * (density[:-1] + density[1:]) / 2
            odd = both & wide & (np.abs(mass - mean) > 0.5 * np.maximum(mass, mean)) & (np.maximum(mass, mean) > 1e-6)
            # Where a density begins it may account for the mass, or there is an atom before it.
            begins = (bulk[:-1] != bulk[1:]) & wide & (mass > 3 * width * np.maximum(density[:-1], density[1:]) + 1e-6)
            dip = np.zeros_like(hidden)
            lower = bulk[1:-1] & (density[1:-1] < 0.5 * np.minimum(density[:-2], density[2:]))
            dip[:-1] |= lower
            dip[1:] |= lower
            cells = np.flatnonzero(hidden | odd | begins | (dip & both & wide))
            if cells.size == 0:
                break
            new = np.concatenate([np.linspace(x[i], x[i + 1], 12)[1:-1] for i in cells])
            more = self.at(new)
            if more.x.size == 0:
                break
            order = np.argsort(np.concatenate([x, more.x]), kind="stable")
            grid = _Points(
                *(
                    np.concatenate([old, fresh])[order]
                    for old, fresh in zip(
                        (x, density, cdf, bulk), (more.x, more.density, more.cdf, more.bulk), strict=True
                    )
                )
            )
        return grid

    def edge(self, outside: float, inside: float) -> float:
        """Where the density begins, between a point of a gap and a point that has one."""
        best, error = inside, np.inf
        worse = 0
        for _ in range(60):
            if self.ends_at_zero(outside, inside):
                return 0.0
            points = self.between(outside, inside)
            if points.x.size == 0:  # the solver knows nothing here
                break
            first = int(np.argmax(points.bulk)) if points.bulk.any() else points.x.size
            outside, inside = (
                outside if first == 0 else float(points.x[first - 1]),
                inside if first == points.x.size else float(points.x[first]),
            )
            step = inside - outside
            smooth = self.smooth_edge(outside, inside)
            if smooth is not None and smooth[1] < error:
                best, error = smooth
                worse = 0
            elif np.isfinite(error):  # further in, rounding takes the digits, and invents densities beyond the edge
                worse += 1
            if error < 1e-16 * self.reach or worse == 3:
                break
            if abs(step) < 4e-16 * max(abs(outside), abs(inside)) or abs(step) < 1e-17 * self.reach:
                break
        if not np.isfinite(error):
            best, error = inside, abs(inside - outside)
        self.uncertainty = max(self.uncertainty, error)
        return 0.0 if abs(best) < 1e-15 * self.reach else best

    def ends_at_zero(self, outside: float, inside: float) -> bool:
        """Whether a steep density between the two points begins at 0: the mass up to there is a power of x."""
        if not (outside < 0 < inside or inside < 0 < outside) or abs(inside - outside) > 1e-5 * self.reach:
            return False
        x = inside * 10.0 ** -np.arange(1.0, 16.0)
        density, cdf, bulk = self.evaluate(x)
        known = np.isfinite(cdf) & bulk
        if known.sum() < 5 or not known[: known.sum()].all():
            return False
        x, density, cdf = x[known][-4:], density[known][-4:], np.abs(cdf[known][-4:] - (0.0 if inside > 0 else 1.0))
        # The exponent from the mass, and from the density times x over the mass, which an end elsewhere would change.
        powers, shares = np.log(cdf[:-1] / cdf[1:]) / np.log(10), density * np.abs(x) / cdf
        return bool((np.abs(powers / shares[1:] - 1) < 1e-2).all() and (shares < 0.45).all() and (shares > 0).all())

    def smooth_edge(self, outside: float, inside: float) -> tuple[float, float] | None:
        """Where the square of the density, or of its inverse, has its zero, and how far off that may be.

        For most laws one of them is analytic there.
        """
        step = inside - outside
        x = inside + 2 * step * np.arange(1, 8) ** 2
        points = self.at(np.sort(x))
        if points.x.size < x.size or not points.bulk.all():
            return None
        at, square = (points.x - inside) / step, points.density**2
        for values in (square, 1 / square):
            order = np.argsort(values)
            roots = [float(_neville(values[order][:count], at[order][:count])) for count in (5, 6, 7)]
            spread = max(roots) - min(roots)
            if spread < 1e-6 and -1.0 - 1e-6 < roots[-1] < 1e-6:
                return inside + roots[-1] * step, spread * abs(step)
        return None

    def jump(self, x: float) -> tuple[float, float]:
        """The mass of an atom at x, 0 if there is none, and the jump that it was judged by."""
        far = _NEAR * self.reach * np.array([100.0, 10.0, 1.0])
        points = self.at(np.concatenate([x - far, (x + far)[::-1]]))
        if points.x.size < 6:
            return 0.0, 0.0
        jumps = points.cdf[::-1][:3] - points.cdf[:3]
        # mass + c distance^power: Aitken's formula takes the power out.
        first, second = jumps[0] - jumps[1], jumps[1] - jumps[2]
        mass = float(jumps[2] - (second * second / (first - second) if first > second > 0 else 0.0))
        return (mass if mass > 1e-6 and jumps[2] > 0.3 * jumps[1] else 0.0), float(jumps[2])

    def add_hidden_atoms(self, found: Structure) -> None:
        """Jumps of the distribution function at candidates inside or at the ends of intervals."""
        close = 10 * _NEAR * self.reach
        for x in self.known_atoms:
            near = [i for i, (a, b) in enumerate(found.intervals) if a - close <= x <= b + close]
            if not near or any(abs(x - location) <= close for location, _ in found.atoms):
                continue
            mass, _ = self.jump(x)
            if mass == 0:
                continue
            found.atoms.append((float(x), mass))
            for i in near:
                (a, b), (left, right) = found.intervals[i], found.levels[i]
                if abs(x - a) <= close:
                    found.intervals[i], found.levels[i] = (float(x), b), (left + mass, right)
                elif abs(x - b) <= close:
                    found.intervals[i] = (a, float(x))  # the distribution function at its end has the atom


def _neville(x: Array, y: Array) -> float:
    """The value at 0 of the polynomial through (x, y)."""
    table = y.astype(np.float64).copy()
    for k in range(1, len(x)):
        table[:-k] = (x[k:] * table[:-k] - x[:-k] * table[1 : len(table) - k + 1]) / (x[k:] - x[:-k])
    return float(table[0])
