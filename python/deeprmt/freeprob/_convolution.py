"""What free sums, products and powers have in common as laws, and their transforms off the axis."""

from __future__ import annotations

import math
from contextlib import suppress
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ..errors import ConvergenceError
from ._end_series import EndSeries, end_series
from ._solver import State
from ._values import Values

__all__ = ["Convolution"]

Array = NDArray[np.float64]
Complex = NDArray[np.complex128]

_FAR_OUT, _MOMENTS = 1e3, 5  # radii, beyond which that many moments are exact to 1e-18
_BESIDE = 1e-7  # of the room that an end has: closer to it the transform comes from a series


class Convolution(Values):
    """A law that the equations of `_solver` describe; see `FreeSum` and `FreeProduct`."""

    # ---- far out, where w G - 1 is little next to 1, and would be known by its difference alone ----

    @cached_property
    def _outlook(self) -> tuple[float, Array]:
        """The radius of the law about 0, and its first moments in units of that."""
        radius = max(abs(end) for end in self._hull())
        with np.errstate(over="ignore", invalid="ignore"):
            return radius, np.array([float(self.moment(k)) / np.float64(radius) ** k for k in range(1, 1 + _MOMENTS)])

    def _far_out(self, z: Complex) -> NDArray[np.bool_]:
        """Where the first moments say all."""
        far = np.abs(z) > _FAR_OUT * max(abs(end) for end in self._hull())
        return far if not far.any() or np.isfinite(self._outlook[1]).all() else np.zeros(z.shape, bool)

    def _expanded(self, z: Complex) -> tuple[Complex, Complex, Complex]:
        """sum m_k / z^k, sum k m_k / z^k and sum m_k / (k z^k)."""
        radius, scaled = self._outlook
        order = np.arange(1, 1 + _MOMENTS)
        powers = (radius / z)[:, None] ** order
        return powers @ scaled, powers @ (scaled * order), powers @ (scaled / order)

    # ---- as a factor of another one ----

    def _resolvent(self, w: Complex) -> tuple[Complex, Complex]:
        """G and G' in the closed upper half-plane, from one solution."""
        far = self._far_out(w)
        g, slope = np.empty(w.shape, np.complex128), np.empty(w.shape, np.complex128)
        if far.any():
            at = w[far]
            small, bent, _ = self._expanded(at)
            g[far], slope[far] = (1 + small) / at, -(1 + small + bent) / at / at
        if not far.all():
            points, _, gap = self._raised(w[~far])
            _, state = self._at(points)
            here = self._rule.cauchy(points, state.c)
            change = self._rule.cauchy_slope(points, state.c, self._equations.slope(state))
            g[~far] = np.where(gap, here.real + 0j, here)
            slope[~far] = np.where(gap, change.real + 0j, change)
        return g, slope

    def _resolvent_moments(self, w: Complex) -> tuple[Complex, Complex, Complex]:
        """1 + M, M and M' with M = w G - 1."""
        g, slope = self._resolvent(w)
        one, change = w * g, g + w * slope
        small, far = one - 1, self._far_out(w)
        if far.any():
            small[far], bent, _ = self._expanded(w[far])
            change[far] = -bent / w[far]
        return one, small, change

    def _mean_argument(self, w: Complex) -> Array:
        """The mean of arg(w - x)."""
        far, out = self._far_out(w), np.empty(w.shape)
        if far.any():
            out[far] = np.angle(w[far]) - self._expanded(w[far])[2].imag
        if not far.all():
            out[~far] = self._argument(self._at(self._raised(w[~far])[0])[1])
        return out

    # ---- off the axis ----

    def _at(self, z: Complex) -> tuple[Complex, State]:
        """Places and solutions in the open upper half-plane, or a hair above the axis in a gap."""
        place = self._rule.place(z)
        state, good = self._equations.solve(place)
        self._refuse_unsolved(z, good)
        self._equations.note(place, state)
        return place, state

    def _refuse_unsolved(self, z: Complex, good: NDArray[np.bool_]) -> None:
        if not good.all():
            first = complex(z[~good][0])
            raise ConvergenceError(
                f"{self._name}: the Cauchy transform did not converge at z = {first!r}", self.report.to_dict()
            )

    def _in_gap(self, z: Complex) -> NDArray[np.bool_]:
        """Which points lie on the axis outside the support."""
        inside = np.zeros(z.shape, bool)
        for low, high in self.support():
            inside |= (z.real > low) & (z.real < high)
        return np.asarray((z.imag == 0) & ~inside)

    def _raised(self, z: Complex) -> tuple[Complex, NDArray[np.bool_], NDArray[np.bool_]]:
        """z in the upper half-plane, where it was mirrored, and where it lies in a gap: lifted off the axis there."""
        below = z.imag < 0
        z = np.where(below, np.conj(z), z) + 0j
        gap = self._in_gap(z)
        ends = np.array([end for pair in self.support() for end in pair] + [at for at, _ in self._atoms])
        away = np.abs(z.real[:, None] - ends).min(axis=1)
        least = 1e-11 * np.full(z.shape, self._scale)
        if self._rule.product:  # which has its digits next to 0
            least = np.where(z == 0, least, np.minimum(least, 1e-11 * np.abs(z)))
        lift = np.where(gap, np.maximum(1e-8 * away, least), 0.0)
        z = z + 1j * lift
        return z, below, gap

    # ---- next to the ends ----

    @cached_property
    def _ends(self) -> list[tuple[float, float]]:
        """Ends of the support, and the room that each has: how far off the next is, or an atom."""
        ends = [end for pair in self._pieces for end in pair if end != 0 or not self._rule.product]
        marks = np.unique([*ends, *(at for at, _ in self._atoms), *(gap.low for gap in self._gaps[1:])])
        out = []
        for end in sorted(set(ends)):
            others = np.abs(marks[marks != end] - end)
            out.append((end, min(self._equations.unit(end), float(others.min(initial=math.inf)))))
        return out

    @cached_property
    def _known_series(self) -> dict[float, EndSeries | None]:
        return {}

    def _end_series(self, end: float, room: float) -> EndSeries | None:
        """The series next to an end; None at an atom, and where none fits."""
        if end not in self._known_series:
            series = None
            if all(at != end for at, _ in self._atoms):
                with suppress(ConvergenceError):
                    series = end_series(self._direct, end, room)
            self._known_series[end] = series
        return self._known_series[end]

    def _transform_at(self, z: Complex, slope: bool) -> Complex:
        """m or its derivative, next to ends by series, elsewhere by solving."""
        upper = np.where(z.imag < 0, np.conj(z), z) + 0j
        far = self._far_out(upper)
        out, rest = np.empty_like(upper), ~far
        if far.any():
            at = upper[far]
            small, bent, _ = self._expanded(at)
            out[far] = (1 + small + bent) / at / at if slope else -(1 + small) / at
        hull = self._hull()
        if (np.abs(upper.imag) < _BESIDE * max(self._scale, hull[1] - hull[0])).any():
            for end, room in self._ends:
                close = rest & (np.abs(upper - end) <= _BESIDE * room)
                series = self._end_series(end, room) if close.any() else None
                if series is not None:
                    at = upper[close]
                    if series.first == 0:  # an end is known to its rounding, of which a root is much
                        at[np.abs(at - end) <= 4 * math.ulp(end)] = end
                    out[close] = series(at, slope=slope)
                    rest &= ~close
        gap = self._in_gap(upper)
        if rest.any():
            out[rest] = self._direct(upper[rest], slope)
        out = np.where(gap & np.isfinite(out), out.real + 0j, out)
        if not slope:
            out.imag = np.maximum(out.imag, 0.0)
        return np.where(z.imag < 0, np.conj(out), out)

    def _direct(self, z: Complex, slope: bool = False) -> Complex:
        """The same by solving alone; points that resist inside an interval are reached along the axis."""
        points = self._raised(z)[0]
        place = self._rule.place(points)
        state, good = self._equations.solve(place)
        for k in np.flatnonzero(~good):
            for i, (low, high) in enumerate(self._pieces):
                if points[k].imag == 0 and low < points[k].real < high:
                    state.put(slice(k, k + 1), self._solve(i, points[k : k + 1].real))
                    good[k] = True
        self._refuse_unsolved(points, good)
        self._equations.note(place, state)
        if slope:
            return np.asarray(-self._rule.cauchy_slope(points, state.c, self._equations.slope(state)))
        return np.asarray(-self._rule.cauchy(points, state.c))

    def _stieltjes(self, z: Complex) -> Complex:
        m = self._transform_at(z, slope=False)
        for at, _ in self._atoms:
            m[z == at] = complex(math.inf, 0)
        if self._rule.product and (z == 0).any() and self._pieces[0][0] == 0 and np.isfinite(m[z == 0]).all():
            near, far = self._direct(np.array([-1.0, -1e4], np.complex128) * max(self._least, 1e-20 * self._scale)).real
            m[z == 0] = near if near < 1.01 * far else math.inf  # the mean of 1 / x, where there is one
        return m

    def _stieltjes_derivative(self, z: Complex) -> Complex:
        return self._transform_at(z, slope=True)
