"""Laws on [0, inf) that the solver of explicit maps evaluates: density, distribution function, quantiles, means."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from .. import _core
from .._arguments import available_threads
from ..errors import ConvergenceError
from ..laws import Law
from ..laws._quadrature import Interval, integrate
from ..laws._quantile_table import tabled
from ..laws._reports import Reported
from ._mean_check import check_mean, check_other_words

Array = NDArray[np.float64]
# What stands for 0 where a limit is taken. The squares of a continuous law's small slopes would underflow earlier.
_least = 1e-140
# Below this level rounding of the distribution function is seen.
_rounding = 1e-11
# What it varies by from one batch of points to another.
_noise = 1e-15
# Where z is so far from the law that 1 / (z - x) is a series of this ratio, moments up to that order give its mean.
_far, _moments = 0.1, 16
# Below it quantiles are doubles counted through: they have few digits, and the mass may begin beyond them.
_resolved = 1e-300
_least_double = 5e-324
# What `expect` aims at. At an end where the density diverges the rounding of x alone costs 1e-8 of the mass.
_settled = 1e-10
# Means over intervals whose ends have a smaller ratio are taken in ln x.
_wide = 1e-6
# What an interval beside an atom has if it is none.
_no_mass = 1e-13


class SolvedLaw(Reported):
    """A law on [0, inf) given by a chain of free products and affine maps (`_core.freeprob.ExplicitLaw`)."""

    @property
    @abstractmethod
    def _solver(self) -> Law | _core.freeprob.ExplicitLaw:
        """What evaluates the law: where there is nothing to solve, the law itself in other words."""

    @property
    @abstractmethod
    def _known_atoms(self) -> tuple[tuple[float, float], ...]:
        """(location, mass), ascending."""

    @property
    def _thins_out_to_zero(self) -> bool:
        """Whether mass goes down to 0 though the solver, which sees 9 standard deviations, may find a gap there."""
        return False

    @property
    def _has_thin_tail(self) -> bool:
        """Whether the density is known to fall off towards 0."""
        return False

    def support(self) -> list[tuple[float, float]]:
        """The intervals that carry the continuous part."""
        return list(self._support)

    @cached_property
    def _support(self) -> list[tuple[float, float]]:
        solver = self._solver
        if isinstance(solver, Law):
            check_other_words(self._name, solver, self._known_mean)
            return solver.support()
        intervals, low = [], 0.0
        for start, end, _ in solver.gaps():
            # Panels end at 9 standard deviations: a gap below the least slope there is none if phi' goes on to 0.
            if start == 0 and self._thins_out_to_zero:
                continue
            if start > low * (1 + 1e-12) and (low, start) not in self._without_mass:
                intervals.append((low, start))
            low = end
        check_mean(self._name, self._cdf, intervals, self._known_atoms, self._known_mean)
        return intervals

    @property
    def _known_mean(self) -> float:
        """From the factors alone."""
        try:
            return self._moment(1)
        except OverflowError:
            return math.inf

    @cached_property
    def _without_mass(self) -> dict[tuple[float, float], float]:
        """Between gaps on both sides of an atom, where rounding leaves room, and the distribution function there."""
        solver = self._solver
        if isinstance(solver, Law):
            return {}
        out = {}
        for (before, low, below), (high, _, above) in pairwise(solver.gaps()):
            mass = above - below - math.fsum(m for x, m in self._known_atoms if before < x <= high)
            if low < high and abs(mass) < _no_mass and any(x in (low, high) for x, _ in self._known_atoms):
                out[low, high] = above
        return out

    def atoms(self) -> list[tuple[float, float]]:
        """The points that carry mass of their own: (location, mass), in ascending order."""
        return list(self._known_atoms)

    def _evaluate_both(self, x: Array) -> tuple[Array, Array]:
        """Density and distribution function at x >= 0."""
        solver = self._solver
        if isinstance(solver, Law):
            return solver._pdf(x), solver._cdf(x)
        at_zero = dict(self._known_atoms).get(0.0, 0.0)
        density, cdf, report = solver.evaluate(_off_zero(x), available_threads())
        self._check(report, "x", x.size)
        for (low, high), level in self._without_mass.items():
            inside = (x >= low) & (x < high)
            density, cdf = np.where(inside, 0.0, density), np.where(inside, level, cdf)
        # Below the range of doubles there may be a little mass.
        return density, np.where(x > 0, np.maximum(cdf, at_zero), at_zero)

    def _pdf(self, x: Array) -> Array:
        solver = self._solver
        if isinstance(solver, Law):
            return solver._pdf(x)
        density, report = solver.density(_off_zero(x), available_threads())
        self._check(report, "x", x.size)
        for low, high in self._without_mass:
            density = np.where((x >= low) & (x < high), 0.0, density)
        at_zero = x == 0
        if at_zero.any() and self._diverges:
            density = np.where(at_zero, np.inf, density)
        return density

    @cached_property
    def _diverges(self) -> bool:
        """Whether the density grows without end towards 0, as a power then: judged far above the least doubles."""
        low, high = self.support()[0] if self.support() else (1.0, 1.0)
        if low > 0:
            return False
        if self._has_thin_tail:
            return False
        near, far = self._evaluate_both(high * np.array([1e-20, 1e-10]))[0]
        return bool(near > 1e3 * far > 0)

    def _cdf(self, x: Array) -> Array:
        return self._evaluate_both(x)[1]

    def _stieltjes(self, z: NDArray[np.complex128]) -> NDArray[np.complex128]:
        if isinstance(self._solver, Law):
            return self._solver._stieltjes(z)
        upper = np.where(z.imag < 0, np.conj(z), z)
        upper = np.where(upper == 0, -_least, upper)  # the limit from the left, which may be infinite
        g, report = self._solver.resolvent([complex(each) for each in upper], available_threads())
        self._check(report, "|z|", z.size)
        return -np.where(z.imag < 0, np.conj(g), g)

    def _means_beside(self, centre: float, t: float) -> tuple[float, float]:
        """From the resolvent, which costs one solution; its digits are lost where z is far away: there by moments."""
        if isinstance(self._solver, Law):
            return super()._means_beside(centre, t)
        low, high = self._hull()
        reach = abs(t) * max(high - centre, centre - low)
        if reach < _far:
            moments = self._centred(centre)
            numerator = float(moments[1:] @ t ** np.arange(moments.size - 1))
            return numerator, 1 + t * numerator
        z = np.array([complex(centre + 1 / t)])
        denominator = -float(self._stieltjes(z)[0].real) / t
        return (denominator - 1) / t, denominator

    def _centred(self, centre: float) -> Array:
        """E (x - centre)^k, k = 0, 1, ..."""
        known: dict[float, Array] = vars(self).setdefault("_centred_moments", {})
        if centre not in known:
            raw = [1.0] + [self._moment(k) for k in range(1, _moments + 1)]
            known[centre] = np.array(
                [
                    math.fsum(math.comb(k, j) * raw[j] * (-centre) ** (k - j) for j in range(k + 1))
                    for k in range(_moments + 1)
                ]
            )
        return known[centre]

    def _rvs(self, count: int, key: int) -> Array:
        solver = self._solver
        return self._not_zero(solver._rvs(count, key)) if isinstance(solver, Law) else super()._rvs(count, key)

    def _expect(self, function: Callable[[Array], Any]) -> Any:
        """In ln x towards 0, where mass piles up."""
        if isinstance(self._solver, Law):
            return self._solver._expect(function)
        total: Any = sum(mass * function(np.array([location]))[0] for location, mass in self.atoms())
        for low, high in self.support():
            if low > _wide * high:
                total = total + integrate(lambda x: function(x) * self._pdf(x), Interval(low, high), rtol=_settled)
                continue
            if low > 0:
                total = total + integrate(
                    lambda t: function(np.exp(t)) * self._pdf(np.exp(t)) * np.exp(t),
                    Interval(math.log(low), math.log(high)),
                    rtol=_settled,
                )
                continue
            middle = high / 4
            least, more = np.array([_least]), np.array([_least * 1e40])
            rest = self._cdf(least)[0] - dict(self.atoms()).get(0.0, 0.0)  # the mass below the range of doubles
            lowest = function(least)[0] * max(rest, _least * self._pdf(least)[0])
            total = total + function(least)[0] * rest
            total = total + integrate(
                lambda x: function(x) * self._pdf(x), Interval(middle, high), rtol=_settled, size=float(abs(total))
            )
            # Towards 0 there may be next to nothing, known to rounding: what counts is its share of the whole.
            total = total + integrate(
                lambda t: function(np.exp(t)) * self._pdf(np.exp(t)) * np.exp(t),
                Interval(math.log(_least), math.log(middle)),
                rtol=_settled,
                size=float(abs(total)),
            )
            if abs(lowest) > 1e-9 * abs(total) and abs(function(least)[0]) > 1e3 * abs(function(more)[0]):
                raise ConvergenceError(f"{self._name}.expect: the mean is infinite, or rests on values below 1e-290")
        return total

    @property
    def lambda_max(self) -> float:
        """The right end: of the support, or the last atom."""
        return self._hull()[1]

    # Next to an end at which the density is infinite a unit in the last place of x holds 1e-8 of the mass.
    _rounding = 1e-6

    def _not_zero(self, x: Array) -> Array:
        """What underflows is the least double: 0 itself stays without mass if the law has none there."""
        return x if dict(self._known_atoms).get(0.0, 0.0) > 0 else np.maximum(x, _least_double)

    def _ppf(self, q: Array) -> Array:
        if isinstance(self._solver, Law):
            found = self._solver._ppf(q)
            return np.where(q > 0, self._not_zero(found), found)
        if self._thins_out_among_doubles and (q == 0).any():
            out = np.full_like(q, self._hull()[0])
            if (q > 0).any():
                out[q > 0] = self._ppf(q[q > 0])
            return out
        rare = (q < _rounding) & self._thins_out_among_doubles
        if not rare.any():
            to_zero = self._hull()[0] == 0 and dict(self._known_atoms).get(0.0, 0.0) == 0
            return self._at_least_doubles(q) if to_zero and not self._thins_out_among_doubles else tabled(self, q, 50)
        out = np.empty_like(q)
        out[~rare] = tabled(self, q[~rare], 50)
        out[rare] = self._rare_quantiles(q[rare])
        return out

    @cached_property
    def _thins_out_among_doubles(self) -> bool:
        """Whether the thin tail, if there is one, ends above the least doubles, to rounding."""
        return self._has_thin_tail and bool(self._cdf(np.array([_resolved]))[0] < _rounding)

    def _rare_quantiles(self, q: Array) -> Array:
        """Where rounding hides the distribution function: the density, added up on a grid of ln x. Three digits."""
        seen_at, least = float(tabled(self, np.array([_rounding]), 50)[0]), float(q.min())
        step, high = 5 * math.log(10), math.log(seen_at)
        # Narrow laws fall by as much over less: no more than a few e-folds at once.
        enough = 1e-6 * least / seen_at
        while step > 1e-6 and self._pdf(np.array([math.exp(high - step)]))[0] * math.exp(-step) < enough:
            step /= 2
        t, there = high, math.inf
        while there > 1e-4 * least and t > math.log(_least):
            t -= step
            there = float(self._pdf(np.array([math.exp(t)]))[0]) * math.exp(t)
        grid = np.linspace(t, high, 12 * max(1, round((high - t) / step)) + 1)
        size = self._pdf(np.exp(grid)) * np.exp(grid)
        seen = size > 1e-8 * q.min()
        grid, log_size = grid[seen], np.log(size[seen])
        fine = np.linspace(grid[0], grid[-1], 30 * grid.size)
        size = np.exp(CubicSpline(grid, log_size)(fine))
        each = (size[1:] + size[:-1]) / 2 * np.diff(fine)
        mass = np.concatenate([[0.0], np.cumsum(each)])
        keep = np.concatenate([[False], np.diff(mass) > 0])
        # No more than what the distribution function itself gives for more.
        out = np.minimum(np.exp(np.interp(np.log(q), np.log(mass[keep]), fine[keep])), seen_at)
        return np.asarray(out, dtype=np.float64)

    def _at_least_doubles(self, q: Array) -> Array:
        """Quantiles of a law down to 0, whose mass may begin below the least double: there doubles are counted through.

        Close to the least doubles x has few digits. What lies below all of them has the least as its quantile.
        """
        least, resolved = self._cdf(np.array([_least_double, _resolved]))
        out = np.where(q > 0, _least_double, 0.0)
        above, tiny = q > resolved, (q > least) & (q <= resolved)
        if above.any():
            out[above] = tabled(self, q[above], 50)
        if tiny.any():
            out[tiny] = self._counted(q[tiny])
        return out

    def _counted(self, q: Array) -> Array:
        """Quantiles from the least double to 1e-300: between doubles that are neighbours, or as close as rounding."""
        grid = np.geomspace(_least_double, _resolved, 33)
        mass = np.maximum.accumulate(self._cdf(grid))
        k = np.clip(np.searchsorted(mass, q), 1, grid.size - 1)
        ends, values = np.stack([grid[k - 1], grid[k]]), np.stack([mass[k - 1], mass[k]])
        for step in range(200):
            counts = ends.view(np.int64)
            apart = (ends[1] - ends[0]) / ends[1]
            live = (counts[1] - counts[0] > 1) & (apart > 4e-13)
            live &= (apart > 1e-3) | (values[1] - values[0] > 4 * _noise)
            if not live.any():
                break
            (low, high), count, (below, above) = ends[:, live], counts[:, live], values[:, live]
            if step % 4 == 3:
                tried = (count.sum(axis=0) // 2).view(np.float64)[None]
            else:  # between two points on both sides of where a straight line in ln x has the level
                t, width = np.log(low), np.log(high / low)
                rise = np.maximum(above - below, 1e-300)
                share = (q[live] - below) / rise
                beside = np.minimum(np.maximum(width / 8, _noise / rise) * width, width / 3)
                tried = np.exp(t + np.clip(share, 0, 1) * width + np.stack([-beside, beside]))
            tried = np.clip(tried.view(np.int64), count[0] + 1, count[1] - 1).view(np.float64)
            for x, cdf in zip(tried, self._cdf(tried.ravel()).reshape(tried.shape), strict=True):
                reached = cdf >= q[live]
                inside = (x > ends[0, live]) & (x < ends[1, live])
                for end, which in ((0, inside & ~reached), (1, inside & reached)):
                    ends[end, live] = np.where(which, x, ends[end, live])
                    values[end, live] = np.where(which, cdf, values[end, live])
        return np.asarray(ends[1], dtype=np.float64)


def _off_zero(x: Array) -> Array:
    """At 0 the limit, which may be infinite; the least doubles stay what they are."""
    return np.ascontiguousarray(np.where(x > 0, x, _least))
