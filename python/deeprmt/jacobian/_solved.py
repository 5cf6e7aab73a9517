"""Laws on [0, inf) that the solver of explicit maps evaluates: density, distribution function, quantiles, means."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import _core
from .._arguments import available_threads
from ..errors import ConvergenceError
from ..laws import Law
from ..laws._quadrature import Interval, integrate
from ..laws._quantile_table import tabled
from ..laws._reports import Reported

Array = NDArray[np.float64]
# What stands for 0 where a limit is taken. The squares of a continuous law's small slopes would underflow earlier.
_least = 1e-140
# What `expect` aims at. At an end where the density diverges the rounding of x alone costs 1e-8 of the mass.
_settled = 1e-10


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
            return solver.support()
        intervals, low = [], 0.0
        for start, end, _ in solver.gaps():
            # Panels end at 9 standard deviations: a gap below the least slope there is none if phi' goes on to 0.
            if start == 0 and self._thins_out_to_zero:
                continue
            if start > low * (1 + 1e-12):
                intervals.append((low, start))
            low = end
        return intervals

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
        # Below the range of doubles there may be a little mass.
        return density, np.where(x > 0, np.maximum(cdf, at_zero), at_zero)

    def _pdf(self, x: Array) -> Array:
        solver = self._solver
        if isinstance(solver, Law):
            return solver._pdf(x)
        density, report = solver.density(_off_zero(x), available_threads())
        self._check(report, "x", x.size)
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

    def _rvs(self, count: int, key: int) -> Array:
        return self._solver._rvs(count, key) if isinstance(self._solver, Law) else super()._rvs(count, key)

    def _expect(self, function: Callable[[Array], Any]) -> Any:
        """In ln x towards 0, where mass piles up."""
        if isinstance(self._solver, Law):
            return self._solver._expect(function)
        total: Any = sum(mass * function(np.array([location]))[0] for location, mass in self.atoms())
        for low, high in self.support():
            if low > 0:
                total = total + integrate(lambda x: function(x) * self._pdf(x), Interval(low, high), rtol=_settled)
                continue
            middle = high / 4
            least, more = np.array([_least]), np.array([_least * 1e40])
            rest = self._cdf(least)[0] - dict(self.atoms()).get(0.0, 0.0)  # the mass below the range of doubles
            lowest = function(least)[0] * max(rest, _least * self._pdf(least)[0])
            total = total + function(least)[0] * rest
            total = total + integrate(
                lambda t: function(np.exp(t)) * self._pdf(np.exp(t)) * np.exp(t),
                Interval(math.log(_least), math.log(middle)),
                rtol=_settled,
            )
            total = total + integrate(lambda x: function(x) * self._pdf(x), Interval(middle, high), rtol=_settled)
            if abs(lowest) > 1e-9 * abs(total) and abs(function(least)[0]) > 1e3 * abs(function(more)[0]):
                raise ConvergenceError(f"{self._name}.expect: the mean is infinite, or rests on values below 1e-290")
        return total

    @property
    def lambda_max(self) -> float:
        """The right end: of the support, or the last atom."""
        return self._hull()[1]

    def _ppf(self, q: Array) -> Array:
        if isinstance(self._solver, Law):
            return self._solver._ppf(q)
        return tabled(self, q, 50)


def _off_zero(x: Array) -> Array:
    """At 0 the limit, which may be infinite; the least doubles stay what they are."""
    return np.ascontiguousarray(np.where(x > 0, x, _least))
