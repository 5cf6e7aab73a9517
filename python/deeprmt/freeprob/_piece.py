"""A part of a gap of one law, with p, c and their slopes on it: see `_support`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._bracketed import bracketed
from ._far import Far
from ._sources import Atoms, Source

__all__ = ["BASE", "END", "MANY", "Piece"]

Array = NDArray[np.float64]

END = 34.0  # logistic(-34) is the rounding of doubles
MANY = 128  # gaps of one law, above which narrow ones are looked at only if they can matter
_COARSE = np.linspace(-16, 16, 33)
BASE = np.unique(np.concatenate([np.linspace(-END, END, 69), np.linspace(-6, 6, 49)]))


@dataclass
class Piece:
    """A part of a gap of one law, on which c is monotone."""

    source: Source
    product: bool
    numbers: Any  # of a law whose p is explicit in c
    gap: int
    low: float
    high: float  # the interval of omega that s covers
    cell: str
    begin: float
    end: float  # in s
    seams: tuple[bool, bool]  # whether c is infinite at begin, end
    far: Far | None = None  # the law from afar, if that is where omega mostly is

    def omega(self, s: Array) -> Array:
        """The point of the gap."""
        if math.isinf(self.high):
            return self.low + self.unit * np.exp(s)
        if math.isinf(self.low):
            return self.high - self.unit * np.exp(-s)
        width, half = self.high - self.low, 0.5 * np.exp(-np.abs(s)) / (0.5 + 0.5 * np.exp(-np.abs(s)))
        return np.where(s < 0, self.low + width * half, self.high - width * half)

    @property
    def unit(self) -> float:
        """Of distances from the law, where the gap has no end."""
        low, high = self.source.hull
        return max(high - low, 1e-3 * abs(low), 1e-3 * abs(high), 1e-300)

    def value(self, s: Array) -> tuple[Array, Array, Array, Array]:
        """p, c, u = dp/dc and 1 - u."""
        if isinstance(self.source, Atoms) and self.far is None:
            threads = self.source.threads(s.size)
            p, c, u = self.source.alone(self.product).on_gap(
                self.low, self.high, self.unit, np.ascontiguousarray(s), threads
            )
            return p, c, u, 1 - u
        w = self.omega(s)
        with np.errstate(all="ignore"):
            if not self.product:
                g, slope = (each.real for each in self.source.resolvent(w.astype(np.complex128)))
                u = g * g / -slope
                v, c = 1 - u, 1 / g
                if self.far is not None and (out := self.far.holds(w)).any():
                    less, v[out] = self.far.excess(w[out])
                    u[out], c[out] = 1 - v[out], w[out] - less
                return w, c, u, v
            one, y, slope = (each.real for each in self.source.moments(w.astype(np.complex128)))
            u = -y * one / (w * slope)
            p, c, v = np.log(np.abs(w)), np.log(np.abs(one / y)), 1 - u
            if self.far is not None and (out := self.far.holds(w)).any():
                less, v[out] = self.far.excess(w[out])
                u[out], c[out] = 1 - v[out], p[out] - less
            return p, c, u, v

    def grid(self) -> Array:
        """Values of s, dense towards ends that are seams."""
        base = BASE if len(self.source.gaps) <= MANY else _COARSE
        if self.begin < base[0]:
            base = np.concatenate([np.arange(self.begin, base[0]), base])
        if self.end > base[-1]:
            base = np.concatenate([base, np.arange(base[-1] + 1, self.end)])
        s = base[(self.begin < base) & (self.end > base)]
        steps = 0.5 ** np.arange(1, 21)
        more = [s, [self.begin, self.end]]
        if self.seams[0]:
            more.append(self.begin + steps * min(1.0, self.end - self.begin))
        if self.seams[1]:
            more.append(self.end - steps * min(1.0, self.end - self.begin))
        s = np.unique(np.concatenate(more))
        return s[slice(1 if self.seams[0] else 0, -1 if self.seams[1] else None)]

    def values(self) -> tuple[Array, tuple[Array, Array, Array, Array]]:
        """The grid and the values on it, kept."""
        if not hasattr(self, "_values"):
            s = self.grid()
            self._values = s, self.value(s)
        return self._values

    def table(self) -> tuple[Array, Array]:
        """s and c on the grid, c ascending."""
        if not hasattr(self, "_table"):
            s, (_, c, _, _) = self.values()
            keep = np.isfinite(c)
            s, c = s[keep], c[keep]
            if c.size and c[0] > c[-1]:
                s, c = s[::-1], c[::-1]
            self._table = s, np.maximum.accumulate(c) if c.size else c
        return self._table

    def inverse(self, c: Array) -> tuple[Array, Array, Array]:
        """p, u and 1 - u at c; NaN out of range."""
        if self.numbers is not None:
            return self._explicit(c)
        if isinstance(self.source, Atoms) and self.far is None:
            _, p, near, u = self._where(c)
            v = 1 - u
        else:
            s = self.place(c)
            p, near, u, v = np.full((4, c.size), np.nan)
            known = np.isfinite(s)  # a law that solves equations of its own knows no NaN
            if known.any():
                p[known], near[known], u[known], v[known] = self.value(s[known])
        with np.errstate(invalid="ignore"):
            return p + u * (c - near), u, v

    def place(self, c: Array) -> Array:
        """The s of given c."""
        if isinstance(self.source, Atoms) and self.far is None:
            return np.asarray(self._where(c)[0])
        s, known = self.table()
        out = np.full(c.shape, np.nan)
        if known.size < 2:
            return out
        inside = (c >= known[0]) & (c <= known[-1])
        if inside.any():
            goal = c[inside]
            i = np.clip(np.searchsorted(known, goal), 1, known.size - 1)
            found = np.full(goal.shape, np.nan) if self.product else self._newton(goal, i)
            left = np.flatnonzero(np.isnan(found))
            if left.size:
                i, rest = i[left], goal[left]
                # What is left over is of second order after one more step, in `inverse`.
                found[left] = bracketed(
                    lambda t, k: self.value(t)[1] - rest[k],
                    s[i - 1],
                    s[i],
                    known[i - 1] - rest,
                    known[i] - rest,
                    1e-11 * np.abs(rest),
                )
            out[inside] = found
        return out

    def _where(self, c: Array) -> Array:
        """s, p, c and u at c or next to it, for a law of atoms."""
        s, known = self.table()
        if known.size < 2:
            return np.full((4, c.size), np.nan)
        source: Any = self.source
        arrays = (np.ascontiguousarray(each) for each in (s, known, self._rate(), c))
        threads = source.threads(8 * c.size)
        return np.asarray(source.alone(self.product).where(self.low, self.high, self.unit, *arrays, threads))

    def _newton(self, goal: Array, i: Array) -> Array:
        """The s of c = goal between places i - 1 and i of the table, by Newton's method in log |c|; NaN where it fails.

        It starts from the inverse cubic of c and its slope at both ends.
        """
        s, known = self.table()
        rate = self._rate()
        a, b = s[i - 1], s[i]
        with np.errstate(all="ignore"):
            wide = np.log(known[i] / known[i - 1])
            t = np.log(goal / known[i - 1]) / wide
            up, down = wide / rate[i - 1], wide / rate[i]
            s = a + t * (b - a + (1 - t) * ((1 - t) * (up - (b - a)) - t * (down - (b - a))))
            low, high = np.minimum(a, b), np.maximum(a, b)
            out = np.full(goal.shape, np.nan)
            live = np.flatnonzero(np.isfinite(s))
            s = np.clip(s, low, high)
            for _ in range(6):
                if live.size == 0:
                    break
                w, end = self.omega(s[live]), np.where(s[live] < 0, self.low, self.high)
                _, c, u, _ = self.value(s[live])
                # Next to an end, and where c goes to infinity, rounding of omega is felt.
                size = np.maximum(np.abs(w), np.where(np.isinf(end), 0.0, np.abs(end)))
                enough = 1e-11 + 1e-15 * size / np.abs(c * u)
                good = np.abs(c - goal[live]) <= enough * np.abs(goal[live])
                out[live[good]] = s[live[good]]
                s[live] = np.clip(
                    s[live] - np.log(c / goal[live]) * c * u / self._speed(s[live]), low[live], high[live]
                )
                live = live[~good & np.isfinite(s[live])]
        return out

    def _speed(self, s: Array) -> Array:
        """d omega / d s."""
        if math.isinf(self.high):
            return np.asarray(self.unit * np.exp(s))
        if math.isinf(self.low):
            return np.asarray(self.unit * np.exp(-s))
        half = np.exp(-np.abs(s)) / (1 + np.exp(-np.abs(s)))
        return np.asarray((self.high - self.low) * half * (1 - half))

    def _rate(self) -> Array:
        """The slope of log |c| in s at the table's places; of c for a product."""
        if not hasattr(self, "_rates"):
            s, (_, c, u, _) = self.values()
            with np.errstate(all="ignore"):
                rate = (self._speed(s) / ((self.omega(s) if self.product else c) * u))[np.isfinite(c)]
            self._rates = rate if s[np.isfinite(c)][0] == self.table()[0][0] else rate[::-1]
        return np.asarray(self._rates)

    def about(self, c: Array) -> Array:
        """|1 - u| at c, roughly; 1 out of range."""
        s, known = self.table()
        if known.size < 2:
            return np.ones(c.shape)
        v = np.abs(self.values()[1][3])
        grid = self.values()[0]
        v = np.where(np.isfinite(v), v, 1.0)[np.searchsorted(grid, s)]
        return np.interp(np.arcsinh(c), np.arcsinh(known), v, left=1.0, right=1.0)

    def least_v(self) -> float:
        """A lower bound of 1 - u on the piece, nearly: what leaves room for others."""
        if not hasattr(self, "_least"):
            v = self.values()[1][3]
            v = v[np.isfinite(v)]
            self._least = max(0.0, float(v.min()) - 0.1) if v.size else 1.0
        return self._least

    def less(self, p: Array, c: Array) -> Array:
        """p - c, from c alone where that saves digits."""
        if self.numbers is None and self.far is not None:
            out = p - c
            w = np.exp(p) * (-1 if self.high <= 0 else 1) if self.product else p
            if (out_there := self.far.holds(w)).any():
                out[out_there] = self.far.excess(w[out_there])[0]
            return np.asarray(out)
        if self.numbers is None or (self.product and self.cell == "mid"):
            return p - c
        a, s2, *mean = self.numbers
        with np.errstate(all="ignore"):
            if self.product:
                out = np.log(s2 * np.abs((1 - a) - a / np.expm1(-c)))
            else:
                out = mean[0] + s2 / c if math.isinf(a) else (mean[0] - s2) + s2 * c / (c - a * s2)
        return np.where(np.isfinite(p), out, np.nan)

    def _explicit(self, c: Array) -> tuple[Array, Array, Array]:
        a, s2, *rest = self.numbers
        with np.errstate(all="ignore"):
            if not self.product:
                if math.isinf(a):
                    v = s2 / (c * c)
                    p = c + (rest[0] + s2 / c)
                else:
                    d = c - a * s2
                    v = a * s2 * s2 / (d * d)
                    p = c + ((rest[0] - s2) + s2 * c / d)
                inside = self._holds(p, np.abs(c))
            else:
                middle = self.cell == "mid"
                y = -1 / (1 + np.exp(c)) if middle else 1 / np.expm1(c)
                one = 1 / (1 + np.exp(-c)) if middle else -1 / np.expm1(-c)
                q = (1 - a) + a * one
                v = a * y * one / q
                p = c + np.log(s2 * np.abs(q))
                omega = np.exp(p) * (-1 if self.high <= 0 else 1)
                # The sign of omega is that of q, but where y lies between -1 and 0.
                inside = self._holds(omega, np.abs(omega)) & ((q > 0) != (middle and self.low >= 0))
                inside &= np.isfinite(p)
            # On the piece p grows with c, or falls where a product lies between -1 and 0 with omega above 0.
            rising = 1 - v
            inside &= (rising > 0) if not self.product or self._rises else (rising < 0)
        return np.where(inside, p, np.nan), np.where(inside, 1 - v, np.nan), np.where(inside, v, np.nan)

    def _holds(self, omega: Array, size: Array) -> NDArray[np.bool_]:
        """Whether omega lies in the gap, as far as rounding tells: at an end it is stationary, and `rises` decides."""
        felt = 1e-15 * size
        low, high = (felt * (end != 0 and math.isfinite(end)) for end in (self.low, self.high))
        return np.asarray((omega > self.low - low) & (omega < self.high + high))

    @property
    def _rises(self) -> bool:
        return not (self.cell == "mid" and self.low >= 0)
