"""E 1 / (f(h) - z) for a Gaussian h, right up to the values of f: quadrature over h that knows its poles.

On panels of h a polynomial follows f. Where f(h) = z close to a panel, the integrand has a pole there, for which the
Gauss rule is corrected: by the residue times what it lacks of the integral of 1 / (h - pole). Next to a turn f is its
value there plus a power of the distance times a polynomial, so that z next to an edge keeps the digits of their
difference.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.polynomial import chebyshev
from numpy.typing import NDArray

from ..errors import ConvergenceError

__all__ = ["Segment", "SlopePoles", "Turn"]

Array = NDArray[np.float64]
Complex = NDArray[np.complex128]
Function = Callable[[Any], Any]

_count = 24
_angles = np.pi * (np.arange(_count) + 0.5) / _count
_points = np.cos(_angles)[::-1]
_to_series = np.linalg.inv(chebyshev.chebvander(_points, _count - 1))
# Two rules, of which a pole takes that whose nodes are further away.
_rules = [np.polynomial.legendre.leggauss(count) for count in (_count, _count + 1)]
_tails = []
for _x, _w in _rules:
    _degrees = np.arange(_x.size - 4, _x.size)
    _tails.append(np.polynomial.legendre.legvander(_x, _x.size - 1)[:, _degrees] * _w[:, None] * (_degrees + 0.5))
# Poles beyond this ellipse are no matter: 2.2^-48 is 4e-17.
_ellipse = 2.2
_circle = np.exp(2j * np.pi * np.arange(96) / 96)
_ring = (_ellipse * _circle + 1 / (_ellipse * _circle)) / 2
_most_panels = 6000
_chunk = 1 << 21


@dataclass(frozen=True)
class Segment:
    """A stretch of h on which f is smooth, and where it turns there; an end may be where f is level."""

    low: float
    high: float
    turns: tuple[float, ...]
    values: tuple[float, ...]
    """Of f at the turns."""
    open_low: bool = False
    """Whether f goes on smoothly beyond that end."""
    open_high: bool = False


@dataclass(frozen=True)
class Turn:
    """f(h) = value + s^order C(s), s = (h - place) / radius in [-1, 1], or on one side."""

    place: float
    value: float
    radius: float
    order: int
    series: Array
    side: int  # 0 for both, 1 above the place, -1 below

    def argument(self, s: Any) -> Any:
        """Of C's Chebyshev series."""
        return s if self.side == 0 else 2 * s - self.side

    def rise(self, s: Any) -> Any:
        """f - value."""
        return s**self.order * chebyshev.chebval(self.argument(s), self.series)

    def slope(self, s: Any) -> Any:
        """df/ds over s^(order - 1)."""
        scale = 1 if self.side == 0 else 2
        at = self.argument(s)
        c, d = chebyshev.chebval(at, self.series), chebyshev.chebval(at, chebyshev.chebder(self.series))
        return self.order * c + scale * s * d

    @property
    def first(self) -> float:
        """C(0)."""
        return float(chebyshev.chebval(self.argument(0.0), self.series))

    def solve(self, rise: Any, turn: complex = 1.0) -> Any:
        """s where f - value is `rise`: the root of that whose s^(1 / order) is in the direction of `turn`."""
        order, first = self.order, self.first
        scale = 1 if self.side == 0 else 2
        slopes = chebyshev.chebder(self.series)
        with np.errstate(all="ignore"):
            goal = turn * (rise / first) ** (1 / order)
            s = goal * 1.0
            for _ in range(30):
                at = self.argument(s)
                ratio = chebyshev.chebval(at, self.series) / first
                root = ratio ** (1 / order)
                bend = scale * chebyshev.chebval(at, slopes) / (order * first * ratio)
                step = (s * root - goal) / (root * (1 + s * bend))
                s = s - step
                if not (np.abs(step) > 4e-16 * np.abs(s)).any():
                    break
        return s


@dataclass(frozen=True)
class _Panel:
    """h = place + radius s, from `low` to `high`; a polynomial in s, or a turn's, is f - value."""

    low: float
    high: float
    place: float
    radius: float
    value: float
    series: Array  # empty for a turn
    turn: Turn | None

    def rise(self, s: Any) -> Any:
        return self.turn.rise(s) if self.turn else chebyshev.chebval(s, self.series)

    def slope(self, s: Any) -> Any:
        """Of f, over s."""
        if self.turn:
            return s ** (self.turn.order - 1) * self.turn.slope(s)
        return chebyshev.chebval(s, chebyshev.chebder(self.series))


class _TooMany(Exception):
    """Panels."""


class SlopePoles:
    """The resolvent of f(h), h on segments with the density `weight`, which takes complex h too."""

    def __init__(
        self, value: Function, weight: Function, segments: Sequence[Segment], width: float, noise: float = 2e-15
    ) -> None:
        self._value, self._weight, self._width = value, weight, width
        for self._noise in (noise, 50 * noise, 2500 * noise, 1e5 * noise):  # f may have more rounding than is known
            self.turns: list[Turn] = []
            self._panels: list[_Panel] = []
            with suppress(_TooMany):
                for segment in segments:
                    self._cover(segment)
                break
        else:
            raise ConvergenceError("slope_law: phi' is too rough for panels on which it is a polynomial", {})
        panels = self._panels
        self._size = max((abs(v) for segment in segments for v in segment.values), default=0.0)
        rows = []
        for x, w in _rules:
            middle = np.array([(p.low + p.high) / 2 for p in panels])
            half = np.array([(p.high - p.low) / 2 for p in panels])
            h = middle[:, None] + half[:, None] * x
            rise = np.array([p.rise((row - p.place) / p.radius) for p, row in zip(panels, h, strict=True)])
            rows.append((h, rise, weight(h) * half[:, None] * w))
        self._rows, self._masses = rows, rows[0][2].sum(1)
        self._values = np.array([p.value for p in panels])
        centre, reach = [], []
        for p in panels:
            ring = (p.low + p.high) / 2 + (p.high - p.low) / 2 * _ring
            middle = p.rise(((p.low + p.high) / 2 - p.place) / p.radius)
            centre.append(middle)
            reach.append(1.02 * np.abs(p.rise((ring - p.place) / p.radius) - middle).max())
        self._centre, self._reach = np.array(centre), np.array(reach)

    # ---- panels ----

    def _cover(self, segment: Segment) -> None:
        """Panels around each turn, and between."""
        marks = [segment.low, *segment.turns, segment.high]
        at = []
        for i, (place, value) in enumerate(zip(segment.turns, segment.values, strict=True), 1):
            left = math.inf if i == 1 and segment.open_low else place - marks[i - 1]
            right = math.inf if i == len(marks) - 2 and segment.open_high else marks[i + 1] - place
            side = 1 if left == 0 else -1 if right == 0 else 0
            room = right if side == 1 else left if side == -1 else min(left, right)
            turn = self._turn(place, value, min(1.0, 0.49 * room), side)
            if turn is not None:
                self.turns.append(turn)
                at.append(turn)
        edge = segment.low
        for turn in at:
            radius = min(turn.radius, 0.5 * self._width)
            low = turn.place - radius * (turn.side <= 0)
            high = turn.place + radius * (turn.side >= 0)
            low, high = max(low, segment.low), min(high, segment.high)
            if low > edge:
                self._fill(edge, low, at)
            panel = _Panel(low, high, turn.place, turn.radius, turn.value, np.zeros(0), turn)
            self._panels.append(panel)
            edge = high
        if edge < segment.high:
            self._fill(edge, segment.high, at)

    def _turn(self, place: float, value: float, radius: float, side: int) -> Turn | None:
        for _ in range(12):
            s = _points if side == 0 else (_points + side) / 2
            if side == 0:  # the place to rounding
                for _ in range(3):
                    c = _to_series @ self._value(place + radius * s)
                    first, second = (float(chebyshev.chebval(0.0, chebyshev.chebder(c, k))) for k in (1, 2))
                    step = radius * first / second if second != 0 else math.inf
                    if place == 0 or not abs(step) < 1e-6 * radius:
                        break
                    place -= step
            f = self._value(place + radius * s)
            size = np.abs(f - value).max()
            noise = self._noise / 2 * max(abs(value), size)
            for order in (2, 4, 1, 3, 6, 8) if side else (2, 4, 6, 8):
                series = _to_series @ ((f - value) / s**order)
                tail = np.abs(series[-4:]).max()
                first = float(chebyshev.chebval(0.0 if side == 0 else -float(side), series))
                if (
                    tail < max(5 * self._noise * np.abs(series).max(), 30 * noise / np.abs(s).min() ** order)
                    and abs(first) > 1e-3 * np.abs(series).max()
                ):
                    return Turn(place, value, radius, order, series, side) if order > 1 else None
            radius /= 2
        return None

    def _fill(self, low: float, high: float, turns: list[Turn]) -> None:
        """Panels on which f and the density are resolved."""
        steps = max(1, min(400, math.ceil((high - low) / self._width)))
        # Ends where no round number lies.
        inner = np.linspace(low, high, steps + 1)[1:-1] + 0.0618034 * (high - low) / steps
        stack = list(pairwise([low, *inner.tolist(), high]))[::-1]
        while stack:
            a, b = stack.pop()
            middle, half = (a + b) / 2, (b - a) / 2
            panel = self._fitted(a, b, turns)
            if panel is not None or half < 1e-9 * self._width + 8 * math.ulp(middle):
                self._panels.append(panel or self._fitted(a, b, turns, force=True))  # type: ignore[arg-type]
                if len(self._panels) > _most_panels:
                    raise _TooMany
                continue
            split = middle + 0.0123 * half
            stack += [(split, b), (a, split)]

    def _fitted(self, a: float, b: float, turns: list[Turn], *, force: bool = False) -> _Panel | None:
        middle, half = (a + b) / 2, (b - a) / 2
        h = middle + half * _points
        model = next((t for t in turns if max(abs(a - t.place), abs(b - t.place)) <= t.radius), None)
        if model is not None:
            value, rise = model.value, np.asarray(model.rise((h - model.place) / model.radius))
            size = np.abs(rise).max()
        else:
            value, rise = 0.0, np.asarray(self._value(h), dtype=float)
            size = np.abs(rise).max()
        series = _to_series @ rise
        if not force:
            density = self._weight(h)
            tail = np.abs(_to_series @ density)[-3:].max()
            # Below 1e-250 there is soon no full precision.
            rough = size > 1e-250 and np.abs(series[-3:]).max() > self._noise * _rounded(size)
            if rough or tail > 2e-15 * _rounded(density.max()):
                return None
            same = (rise > 0).all() or (rise < 0).all()
            if same and size > 1e-250 and size > 1e3 * np.abs(rise).min() and half > 0.02 * min(1.0, self._width):
                return None
        return _Panel(a, b, middle, half, value, series, None)

    # ---- values ----

    def __call__(self, z: Complex) -> Complex:
        """For Im z >= 0; limits from above on the axis."""
        out = np.zeros(z.shape, complex)
        step = max(1, _chunk // max(1, len(self._panels) * (_count + 1)))
        for start in range(0, z.size, step):
            out[start : start + step] = self._some(z[start : start + step])
        return out

    def _some(self, z: Complex) -> Complex:
        away = z[:, None] - self._values
        near = np.abs(away - self._centre) <= self._reach
        _, rise, weights = self._rows[0]
        # Where there is next to no mass beside that of other panels poles are no matter.
        mass = np.where(near, self._masses, 0)
        idle = near & (mass < 1e-22 * mass.max(1)[:, None])
        with np.errstate(all="ignore"):
            sums = (weights / (rise - away[:, :, None])).sum(2)
        out = np.where(near, 0, sums).sum(1)
        for i in np.flatnonzero(near.any(1)):
            out[i] += self._close(complex(z[i]), np.flatnonzero(near[i] & ~idle[i]))
        return np.asarray(out)

    def _close(self, z: complex, which: NDArray[np.intp]) -> complex:
        """The panels with poles close by."""
        total = 0j
        previous: list[complex] = []
        for index in which:
            panel = self._panels[index]
            roots = self._roots(panel, z)
            # A pole at an end that two panels share is one number for both.
            for k, (h, s) in enumerate(roots):
                for other in previous:
                    if abs(h - other) <= 1e-9 * panel.radius:
                        roots[k] = (other, s)
            previous = [h for h, _ in roots]
            total += self._part(panel, z, panel.low, panel.high, roots, 0)
        return total

    def _roots(self, panel: _Panel, z: complex) -> list[tuple[complex, complex]]:
        """Those known without a search: (h, s)."""
        rise = z - panel.value
        if panel.turn is not None:
            order = panel.turn.order
            turns = [complex(round(math.cos(a), 15), round(math.sin(a), 15)) for a in _turned(order)]
            found = []
            for turn in turns:
                s = complex(panel.turn.solve(rise, turn))
                if np.isfinite(s) and abs(s) < 3:
                    found.append((panel.place + panel.radius * s, s))
            return found
        only = self._newton(panel, rise, _points)
        return [] if only is None else [(panel.place + panel.radius * only, only)]

    def _newton(self, panel: _Panel, rise: complex, starts: Array) -> complex | None:
        values = panel.rise(starts) - rise
        s = complex(starts[np.abs(values).argmin()])
        for _ in range(40):
            slope = panel.slope(s)
            if slope == 0:
                return None
            step = (panel.rise(s) - rise) / slope
            s -= step
            if not abs(s) < 4:
                return None
            if abs(step) <= 4e-16 * max(abs(s), 1e-2):
                return complex(s)
        return complex(s) if abs(step) < 1e-13 else None

    def _part(
        self, panel: _Panel, z: complex, low: float, high: float, roots: list[tuple[complex, complex]], depth: int
    ) -> complex:
        """Over a part of a panel; in halves where the poles that are known are not all that matter."""
        middle, half = (low + high) / 2, (high - low) / 2
        rise = z - panel.value
        poles: list[tuple[complex, complex, complex, float, complex]] = []
        for h, s in roots:
            slope = complex(panel.slope(s)) / panel.radius
            if slope != 0:
                # Distances from the ends, one of which may be a turn.
                ends = [
                    panel.radius * -s if end == panel.place else complex(end - h.real, -h.imag) for end in (low, high)
                ]
                up = math.copysign(1.0, s.imag if s.imag != 0 else slope.real)
                poles.append((complex(self._weight(np.asarray(h))) / slope, ends[0], ends[1], up, (middle - h) / half))
            elif rise == 0:
                return complex(math.inf, 0)
        gaps = [min((np.abs(x + p[4]).min() for p in poles), default=1.0) for x, _ in _rules]
        rule = 0 if gaps[0] >= gaps[1] else 1
        x, w = _rules[rule]
        nodes = middle + half * x
        with np.errstate(all="ignore"):
            rest = self._weight(nodes) / (panel.rise((nodes - panel.place) / panel.radius) - rise)
            total = 0j
            size: float = float(np.abs(rest) @ w) * half
            rounding = 0.0
            for residue, first, last, up, at in poles:
                lack = residue / (half * (x + at))
                rest = rest - lack
                whole = _log(last, up) - _log(first, up)
                total += residue * whole
                size = max(size, abs(residue) * max(1.0, abs(whole)))
                rounding = max(rounding, abs(residue) * panel.radius / half)  # of the pole's place
            tail = np.abs(rest @ _tails[rule]).max() * half
        goal = 50 * self._noise * size + 500 * self._noise * rounding + 1e-16 * self._scale(z)
        if tail <= goal or depth > 12 or not np.isfinite(tail):
            return total + half * complex(rest @ w)
        halves = []
        cut = middle + 0.0123 * half
        if panel.turn is not None and low < panel.place < high:
            cut = panel.place
        for a, b in ((low, cut), (cut, high)):
            known = list(roots)
            starts = ((a + b) / 2 + (b - a) / 2 * _points - panel.place) / panel.radius
            found = self._newton(panel, rise, starts)
            if found is not None and all(abs(found - s) > 1e-8 * max(abs(s), 1e-8) for _, s in known):
                known.append((panel.place + panel.radius * found, found))
            halves.append(self._part(panel, z, a, b, known, depth + 1))
        return sum(halves, 0j)

    def _scale(self, z: complex) -> float:
        """What an integral of all is at least."""
        return 1 / (self._size + abs(z) + 1e-300)


def _rounded(size: float) -> float:
    """What rounding may leave of a number: more if it is the exponential of a large one."""
    return size * max(1.0, abs(math.log(max(size, 1e-300)))) if size > 0 else 0.0


def _turned(order: int) -> list[float]:
    """Directions of the roots of 1."""
    return [2 * math.pi * k / order for k in range(order)]


def _log(gap: complex, up: float) -> complex:
    """log(end - pole), the pole above the path, or below it."""
    if gap == 0:
        return complex(math.log(1e-300), 0)
    angle = math.atan2(gap.imag, gap.real) if gap.imag != 0 else (-up * math.pi if gap.real < 0 else 0.0)
    return complex(math.log(abs(gap)), angle)
