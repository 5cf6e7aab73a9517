"""Density, distribution function and means of a free convolution."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ConvergenceError
from ..laws._quadrature import Interval, integrate
from ..laws._quantile_table import tabled
from ._at_zero import AtZero

__all__ = ["Values"]

Array = NDArray[np.float64]

_GAUSS = np.polynomial.legendre.leggauss(16)
_SETTLED = 1e-11  # what quadrature aims at where the rule in an angle does not settle


class Values(AtZero):
    """A free convolution with a density."""

    def _both(self, x: Array) -> tuple[Array, Array]:
        """The density, and the mass of (x, inf)."""
        kept = getattr(self, "_last", None)
        if kept is not None and kept[0].shape == x.shape and (kept[0] == x).all():
            return kept[1], kept[2]
        density = np.zeros(x.shape)
        above = np.zeros(x.shape)
        for gap in self._gaps:
            above[(x >= gap.low) & (x < gap.high)] = gap.sf
        for i, (low, high, *_) in enumerate(self._intervals_with_sf):
            inside = (x >= low) & (x <= high)
            if not inside.any():
                continue
            here = x[inside]
            for attempt in range(6):
                try:
                    density[inside], above[inside] = self._values_in(i, here)
                    break
                except ConvergenceError:
                    if i in self._far_ends and (attempt == 5 or not self._retreat(i)):
                        raise
                    self._far_ends.add(i)
        self._last = x.copy(), density, above
        return density, above

    def _values_in(self, i: int, here: Array) -> tuple[Array, Array]:
        """Density and mass above at points of interval i."""
        low, high, top, rest = self._intervals_with_sf[i]
        to_zero = self._rule.product and low == 0
        f, s = np.zeros(here.shape), np.zeros(here.shape)
        # An end itself costs nothing where what the density does there is known.
        known = np.zeros(here.shape, bool)
        for edge, side in ((low, 0), (high, 1)):
            at_end = here == edge
            value = self._at_end(i, side) if at_end.any() and not (to_zero and side == 0) else None
            if value is not None:
                f[at_end], s[at_end] = value, rest if side else top - self._mass_at(low)
                known |= at_end
        close_high = ~known & (high - here < self._near(i, 1, (high - here)[~known]))
        below = self._least if to_zero else self._near(i, 0, (here - low)[~known])
        close_low = ~known & (here - low < below)
        middle = ~close_low & ~close_high & ~known
        if middle.any():
            f[middle], s[middle] = self._inner(i, here[middle])
        if close_low.any():
            if self._rule.product and low == 0:
                f[close_low], mass = self._towards_zero(here[close_low])
            else:
                f[close_low], mass = self._power_law(i, 0, here[close_low] - low)
            s[close_low] = top - self._mass_at(low) - mass
        if close_high.any():
            f[close_high], mass = self._power_law(i, 1, high - here[close_high])
            s[close_high] = rest + mass + self._mass_at(high) * (here[close_high] < high)
        return f, s

    def _pdf(self, x: Array) -> Array:
        return self._both(x)[0].copy()

    def _sf(self, x: Array) -> Array:
        return self._both(x)[1].copy()

    def _cdf(self, x: Array) -> Array:
        return 1 - self._both(x)[1]

    def _ppf(self, q: Array) -> Array:
        return tabled(self, q, 1000)

    def _expect(self, function: Callable[[Array], Any]) -> Any:
        """In an angle, or in ln x towards 0."""
        total: Any = sum(mass * function(np.array([at]))[0] for at, mass in self.atoms())
        for i, (low, high) in enumerate(self._pieces):
            if self._rule.product and low == 0:
                end = math.sqrt(math.log(high / self._least))

                def in_logarithm(t: Array, high: float = high) -> Any:
                    t = np.maximum(t, 1e-5)  # up to the edge the integrand is smooth, but x is rounded
                    x = high * np.exp(-t * t)
                    return function(x) * self._pdf(x) * 2 * t * x

                total = total + integrate(in_logarithm, Interval(0.0, end), rtol=_SETTLED)
                total = total + self._mean_beside_zero(function)
                continue
            value = None if self._rule.product and high > 1e3 * low else self._by_cosines(function, low, high)
            if value is not None and not self._is_smooth(i):
                value = self._by_distance(function, i)
            if value is None and self._rule.product and high > 1e3 * low:
                value = integrate(
                    lambda t: function(np.exp(t)) * self._pdf(np.exp(t)) * np.exp(t),
                    Interval(math.log(low), math.log(high)),
                    rtol=_SETTLED,
                )
            if value is None:
                value = integrate(lambda x: function(x) * self._pdf(x), Interval(low, high), rtol=_SETTLED)
            total = total + value
        return total

    @cached_property
    def _smooth(self) -> dict[int, bool]:
        return {}

    def _is_smooth(self, i: int) -> bool:
        """Whether the rule in an angle finds all mass of an interval: none hides next to an end."""
        if i not in self._smooth:
            low, high, above, rest = self._intervals_with_sf[i]
            mass = above - rest - sum(mass for at, mass in self._atoms if low <= at <= high)
            found = self._by_cosines(np.ones_like, low, high)
            self._smooth[i] = found is not None and abs(float(found) - mass) < 1e-10
        return self._smooth[i]

    def _by_distance(self, function: Callable[[Array], Any], i: int) -> Any:
        """An integral over an interval in the logarithm of the distance from either end."""
        low, high, *_ = self._intervals_with_sf[i]
        total: Any = 0.0
        for side, end in ((0, low), (1, high)):
            least = max(1e-25 * (high - low), 4 * math.ulp(end))
            edges = np.linspace(math.log(least), math.log((high - low) / 2), 60)
            half = np.diff(edges)[:, None] / 2
            distance = np.exp((edges[:-1, None] + half + half * _GAUSS[0]).ravel())
            x = low + distance if side == 0 else high - distance
            weight = (half * _GAUSS[1]).ravel() * distance
            total = total + (function(x) * self._pdf(x) * weight).sum()
        return total

    def _by_cosines(self, function: Callable[[Array], Any], low: float, high: float) -> Any:
        """An integral over an interval by the midpoint rule in an angle, if that settles."""
        before: Any = None
        for n in (16, 32, 64, 128, 256, 512):
            t = math.pi * (np.arange(n) + 0.5) / n
            sine, cosine = np.sin(t / 2) ** 2, np.cos(t / 2) ** 2
            x = np.where(t > math.pi / 2, low + (high - low) * cosine, high - (high - low) * sine)
            terms = function(x) * self._pdf(x) * ((high - low) / 2 * np.sin(t) * math.pi / n)
            value, size = terms.sum(), float(np.abs(terms).sum())
            if not math.isfinite(size):
                return None
            if before is not None and abs(value - before) <= 1e-14 * size:
                return value
            before = value
        return None
