"""Eigenvalues of random 2 x 2 matrices diag(p, q) + w w^T, the squares of both entries of w independent."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ..laws import Law, MarchenkoPastur, Point
from ..laws._mixture import merged
from ..laws._quadrature import Interval, integrate

__all__ = ["Pairs", "Part"]

Array = NDArray[np.float64]
# p and q are one number where they differ by less: eigenvalues between them cannot be told apart.
_same = 1e-14


def _double_exponential() -> tuple[Array, Array, Array]:
    """Nodes t in (0, 1), 1 - t, and weights: for integrands with any power at both ends."""
    step = 4.4 / 60
    s = step * np.arange(-60, 61)
    w = math.pi / 2 * np.sinh(s)
    t, rest = 1 / (1 + np.exp(-2 * w)), 1 / (1 + np.exp(2 * w))
    return t, rest, step * math.pi * np.cosh(s) * t * rest


def _pieces(which: NDArray[np.bool_]) -> Iterator[NDArray[np.intp]]:
    """Those that are true, by 2048: for memory."""
    (places,) = np.nonzero(which)
    for begin in range(0, places.size, 2048):
        yield places[begin : begin + 2048]


_t, _left, _weights = _double_exponential()


@dataclass(frozen=True)
class Part:
    """offset + scale times a Marchenko-Pastur value of mean 1 and aspect at most 1."""

    offset: float
    scale: float
    aspect: float

    @cached_property
    def noise(self) -> MarchenkoPastur:
        """The law of the value times scale."""
        return MarchenkoPastur(self.aspect, math.sqrt(self.scale))

    @property
    def low(self) -> float:
        """The lower end of `noise`; 0 too where there is none."""
        return self.noise.support()[0][0] if self.scale > 0 else 0.0

    def law(self) -> Law:
        """The law of offset + scale times the value."""
        if self.scale == 0:
            return Point(self.offset)
        return self.noise.shift(self.offset) if self.offset else self.noise

    def moments(self, k: int) -> list[float]:
        """Those of `noise`, 0 to k."""
        return [float(self.noise.moment(j)) for j in range(k + 1)]


class Pairs(Law):
    """The law of both eigenvalues x of diag(p, q) + w w^T: u / (x - p) + v / (x - q) = 1, u and v independent.

    One lies between p and q, and the other above both. Given v and x, u is at most y (1 - v / (x - q)), y = x - p,
    where x is above both, and at least that in between.
    """

    def __init__(self, one: Part, other: Part) -> None:
        lower, upper = (one, other) if one.offset <= other.offset else (other, one)
        self.p, self.q = lower.offset, upper.offset
        self.apart = self.q - self.p
        if self.apart <= _same * self.q:
            self.p, self.apart = self.q, 0.0
        self.u, self.v = lower, upper
        self._u, self._v = lower.noise, upper.noise

    def __repr__(self) -> str:
        return f"Pairs(p={self.p!r}, q={self.q!r}, u={self._u!r}, v={self._v!r})"

    def _root(self, u: float, v: float) -> tuple[float, float]:
        """Both eigenvalues: y^2 - y (apart + u + v) + u apart = 0."""
        total = self.apart + u + v
        larger = (total + math.hypot(u + v - self.apart, 2 * math.sqrt(self.apart * v))) / 2
        return self.p + (u * self.apart / larger if larger else 0.0), self.p + larger

    @cached_property
    def _corners(self) -> list[tuple[float, float]]:
        """Eigenvalues at the ends of u and v: both low, (low, high), (high, low), both high."""
        (a, b), (c, d) = self._u.support()[0], self._v.support()[0]
        return [self._root(u, v) for u, v in ((a, c), (a, d), (b, c), (b, d))]

    @cached_property
    def _point(self) -> float | None:
        """Where the lower eigenvalue is, if its interval is so narrow that it is a number."""
        (_, _), (first, _), (last, _), (_, _) = self._corners
        return None if self.apart and first < last else first

    @cached_property
    def _bulks(self) -> list[tuple[float, float]]:
        (_, low), (first, _), (last, _), (_, high) = self._corners
        return merged([*([(first, last)] if self._point is None else []), (low, high)])

    def support(self) -> list[tuple[float, float]]:
        """Between p and q, and above."""
        return self._bulks

    def atoms(self) -> list[tuple[float, float]]:
        """p, where it is q."""
        return [] if self._point is None else [(self._point, 0.5)]

    def _singular_points(self) -> list[float]:
        return [part.offset for part in (self.u, self.v) if part.low == 0]

    def _intervals(self) -> list[Interval]:
        """The support, cut where the density has corners."""
        marks = [*(x for pair in self._corners for x in pair), self.p, self.q]
        return [Interval(*ends) for low, high in self.support() for ends in pairwise(_cuts(low, high, marks))]

    def _over_v(self, x: Array, function: Callable[[Array, Array, Array], Array]) -> tuple[Array, Array, Array]:
        """The integral over v where u(v) is inside its support, of function(x, u, v) dF(v), and the ends of that v."""
        (a, b), (c, d) = self._u.support()[0], self._v.support()[0]
        y, e = x - self.p, x - self.q
        # u = y (1 - v / e) is a at one end and b at the other.
        at_a, at_b = e * (1 - a / y), e * (1 - b / y)
        above = e > 0
        low, high = np.where(above, at_b, at_a), np.where(above, at_a, at_b)
        starts, ends = np.clip(low, c, d), np.clip(high, c, d)
        u_low = np.where(low >= c, np.where(above, b, a), np.clip(y * (1 - c / e), a, b))
        u_high = np.where(high <= d, np.where(above, a, b), np.clip(y * (1 - d / e), a, b))
        width, rise = (ends - starts)[:, None], (u_high - u_low)[:, None]
        near = _t < 0.5
        v = np.where(near, starts[:, None] + width * _t, ends[:, None] - width * _left)
        u = np.where(near, u_low[:, None] + rise * _t, u_high[:, None] - rise * _left)
        values = np.asarray(self._v.pdf(v)) * function(x[:, None], u, v)
        values[~np.isfinite(values)] = 0.0  # nodes that round to an end at which a density is infinite: without weight
        return width[:, 0] * (values @ _weights), starts, ends

    def _masses(self, x: Array) -> tuple[Array, Array]:
        """Below x and above it, of the eigenvalue that is on x's side of q; it grows with u on both sides."""
        u, v = self._u, self._v
        lower, starts, ends = self._over_v(x, lambda x, u_, v_: np.asarray(u.cdf(u_)))
        upper, _, _ = self._over_v(x, lambda x, u_, v_: np.asarray(u.sf(u_)))
        above = x > self.q
        first, last = np.asarray(v.cdf(starts)), np.asarray(v.sf(ends))
        lower += np.where(above, first, last)
        upper += np.where(above, last, first)
        return np.minimum(lower, 1.0), np.minimum(upper, 1.0)

    def _density(self, x: Array) -> Array:
        def slope(x: Array, u: Array, v: Array) -> Array:
            part = v / (x - self.q)
            return np.asarray(self._u.pdf(u)) * (1 - part + part * (x - self.p) / (x - self.q))

        return self._over_v(x, slope)[0]

    def _pdf(self, x: Array) -> Array:
        out = np.zeros_like(x)
        inside = np.any([(x >= low) & (x <= high) for low, high in self._bulks], axis=0)
        poles = np.isin(x, self._singular_points())
        out[inside & poles] = np.inf
        for which in _pieces(inside & ~poles & (x != self.p) & (x != self.q)):
            out[which] = self._density(x[which]) / 2
        return out

    def _both(self, x: Array) -> tuple[Array, Array]:
        """The mass below x and above it: of the lower eigenvalue and of the upper one."""
        least = self.p if self._point is None else self._point
        below = np.where(x < least, 0.0, 0.5)
        lower, upper = below.copy(), 1 - below
        if self._point is None:
            at_p = x == self.p
            lower[at_p], upper[at_p] = 0.0, 1.0
        go = (x > self.q) if self._point is not None else (x > self.p) & (x != self.q)
        for which in _pieces(go):
            under, over = self._masses(x[which])
            above = x[which] > self.q
            lower[which] = np.where(above, 0.5, 0.0) + under / 2
            upper[which] = np.where(above, 0.0, 0.5) + over / 2
        # A narrow v is lost in the rounding of x: at the end itself all is known.
        ended = x >= self._bulks[-1][1]
        lower[ended], upper[ended] = 1.0, 0.0
        return lower, upper

    def _cdf(self, x: Array) -> Array:
        return self._both(x)[0]

    def _sf(self, x: Array) -> Array:
        return self._both(x)[1]

    def _moment(self, k: int) -> float:
        """Half the trace of the k-th power: sums of products of moments, without a negative term.

        The power is [[a, c r], [c r, d]], r^2 = u v, with polynomials a, c and d in u and v.
        """
        p, q = self.u.offset, self.v.offset
        a, c, d = (np.zeros((k + 1, k + 1)) for _ in range(3))
        a[0, 0] = d[0, 0] = 1.0
        for _ in range(k):
            a, c, d = (
                p * a + _up(a, 0) + _up(_up(c, 0), 1),
                a + q * c + _up(c, 1),
                q * d + _up(d, 1) + _up(_up(c, 0), 1),
            )
        return float(np.array(self.u.moments(k)) @ (a + d) @ np.array(self.v.moments(k))) / 2

    def var(self) -> np.float64:
        """The variance: half the trace of the square, less the mean."""
        (first, mean_u), (second, mean_v) = ((part.offset, float(part.noise.mean())) for part in (self.u, self.v))
        mean = (first + mean_u + second + mean_v) / 2
        squares = (first + mean_u - mean) ** 2 + (second + mean_v - mean) ** 2 + 2 * mean_u * mean_v
        return np.float64((float(self._u.var()) + float(self._v.var()) + squares) / 2)

    def _stieltjes_above(self, z: complex) -> complex:
        """By v's own transform m at w = (z - q) (1 - u / (z - p)): the mean over u of 1 / (p - z) + w' m(w).

        That is also 1 / (q - z) + 1 / (p + u - z) + (w' / w) (1 + w m(w)), which loses less where w is large.
        """
        y, e = z - self.p, z - self.q
        if (e == 0 and self.v.low == 0) or (y == 0 and (self.u.low == 0 or not self.apart)):
            return complex(math.inf, 0)
        y = y or complex(max(1e-100, 4 * math.ulp(self.p)))
        (a, b), (c, d) = self._u.support()[0], self._v.support()[0]
        scale, aspect = self.v.scale, self.v.aspect

        def mean(u: Array) -> Array:
            w = e * (1 - u / y)
            m = np.asarray(self._v.stieltjes(w))
            slope = 1 - u * self.apart / y / y
            m = np.where((w.imag == 0) & (slope.real < 0), np.conj(m), m)
            near = slope * m - 1 / y
            if (far := np.abs(w) > 2 * d).any():
                whole = scale * m[far] / (1 + aspect * scale * m[far])  # 1 + w m(w)
                first, last = 1 / e, 1 / (y - u[far])
                near[far] = (first - 1 / y + last) * whole - first - last
            return np.asarray(near * self._u.pdf(u))

        marks = [float(((1 - edge / e) * y).real) for edge in (c, d)] if e else []
        return complex(sum(integrate(mean, Interval(*ends)) for ends in pairwise(_cuts(a, b, marks)))) / 2


def _cuts(low: float, high: float, marks: Iterable[float]) -> list[float]:
    """An interval's ends, and those of the marks inside that are apart by more than rounding."""
    out = [low]
    for mark in sorted(marks):
        if out[-1] + 1e-14 * abs(high) < mark < high - 1e-14 * abs(high):
            out.append(mark)
    return [*out, high]


def _up(polynomial: Array, axis: int) -> Array:
    """Times the variable of that axis; the last power is never needed."""
    out: Array = np.roll(polynomial, 1, axis)
    np.moveaxis(out, axis, 0)[0] = 0.0
    return out
