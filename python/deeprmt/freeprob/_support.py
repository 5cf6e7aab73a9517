"""The support of a free sum or product: found first, from the real axis alone.

A gap of the convolution is where every omega_i is real, outside the support of its law: each omega_i runs through a
piece of a gap of mu_i on which c_i (see `_solver`) is monotone. On such pieces, one of each law, c is a coordinate,

    P = sum t_i p_i(c) - (T - 1) c,     dP/dc = sum t_i u_i - (T - 1),     u_i = dp_i/dc,

and x(c) belongs to a gap exactly where dP/dc > 0: there the real omega's are the attracting fixed points of the
subordination equations (Denjoy and Wolff), of which there is one at each x. Edges are where dP/dc = 0. x is stationary
there, so that half of the digits of omega give all digits of the edge.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from ._solver import Equations
from ._sources import Atoms, Source

__all__ = ["Gap", "gaps"]

Array = NDArray[np.float64]

_END = 34.0  # logistic(-34) is the rounding of doubles
_FAR = 14.0  # how far beyond the support omega is followed, as a logarithm
_MANY = 40  # gaps of one law, above which narrow ones are looked at only if they can matter
_FEW = 4  # roots, up to which numbers are faster than arrays
_COARSE = np.linspace(-16, 16, 33)
_BASE = np.unique(np.concatenate([np.linspace(-_END, _END, 69), np.linspace(-6, 6, 49)]))


@dataclass
class Gap:
    """An open interval free of mass; `sf` is the mass above it, `omega` a point of each subordination function."""

    low: float
    high: float
    sf: float
    key: tuple[int, ...]


_Part = tuple[float, float, float, tuple[int, ...], bool, bool]
"""A part of a gap: low, high, the mass above, which gaps of the laws, and whether it ends at a seam."""


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
    many: bool = False  # of a sum of many copies

    def omega(self, s: Array) -> Array:
        """The point of the gap."""
        if math.isinf(self.high):
            return self.low + self._far * np.exp(s)
        if math.isinf(self.low):
            return self.high - self._far * np.exp(-s)
        width, half = self.high - self.low, 0.5 * np.exp(-np.abs(s)) / (0.5 + 0.5 * np.exp(-np.abs(s)))
        return np.where(s < 0, self.low + width * half, self.high - width * half)

    @property
    def _far(self) -> float:
        low, high = self.source.hull
        return max(high - low, 1e-3 * abs(low), 1e-3 * abs(high), 1e-300)

    def value(self, s: Array) -> tuple[Array, Array, Array, Array]:
        """p, c, u = dp/dc and 1 - u."""
        if isinstance(self.source, Atoms) and not self.many:
            threads = self.source.threads(s.size)
            p, c, u = self.source.alone(self.product).on_gap(
                self.low, self.high, self._far, np.ascontiguousarray(s), threads
            )
            return p, c, u, 1 - u
        w = self.omega(s)
        with np.errstate(all="ignore"):
            if not self.product:
                g, slope = (each.real for each in self.source.resolvent(w.astype(np.complex128)))
                u = g * g / -slope
                v, c = 1 - u, 1 / g
                if self.many and (out := self.source.is_far(w)).any():
                    less, v[out] = self.source.excess(w[out])
                    u[out], c[out] = 1 - v[out], w[out] - less
                return w, c, u, v
            one, y, slope = (each.real for each in self.source.moments(w.astype(np.complex128)))
            u = -y * one / (w * slope)
            return np.log(np.abs(w)), np.log(np.abs(one / y)), u, 1 - u

    def grid(self) -> Array:
        """Values of s, dense towards ends that are seams."""
        base = _BASE if len(self.source.gaps) <= _MANY else _COARSE
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
        if isinstance(self.source, Atoms) and not self.many:
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
        if isinstance(self.source, Atoms) and not self.many:
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
        return np.asarray(source.alone(self.product).where(self.low, self.high, self._far, *arrays, threads))

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
            return np.asarray(self._far * np.exp(s))
        if math.isinf(self.low):
            return np.asarray(self._far * np.exp(-s))
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

    def less(self, p: Array, c: Array) -> Array:
        """p - c, from c alone where that saves digits."""
        if self.numbers is None and self.many:
            out = p - c
            if (far := self.source.is_far(p)).any():
                out[far] = self.source.excess(p[far])[0]
            return np.asarray(out)
        if self.numbers is None or (self.product and self.cell == "mid"):
            return p - c
        a, s2, *mean = self.numbers
        with np.errstate(all="ignore"):
            if self.product:
                out = np.log(s2 * np.abs((1 - a) - a / np.expm1(-c)))
            else:
                out = mean[0] + (s2 / c if math.isinf(a) else a * s2 * s2 / (c - a * s2))
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
                    p = c + (rest[0] + a * s2 * s2 / d)
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


def bracketed(
    function: Callable[[Array, Any], Array], a: Array, b: Array, fa: Array, fb: Array, enough: Any = 0.0
) -> Array:
    """Roots between a and b, all at once: inverse quadratic steps within a bracket (Chandrupatla, 1997).

    Where the function has fallen to `enough` that will do.
    """
    if a.size <= _FEW:
        return _few_bracketed(function, a, b, fa, fb, enough)
    a, b, fa, fb = (np.array(x, dtype=np.float64) for x in (a, b, fa, fb))
    enough = np.broadcast_to(enough, a.shape)
    c, fc = a.copy(), fa.copy()
    t = np.full(a.shape, 0.5)
    out = np.where(np.abs(fa) < np.abs(fb), a, b)
    live = np.flatnonzero((fa * fb < 0) | ((np.sign(fa) * np.sign(fb) < 0) & np.isfinite(fa) & np.isfinite(fb)))
    for _ in range(100):
        if live.size == 0:
            break
        x = a[live] + t[live] * (b[live] - a[live])
        fx = function(x, live)
        fx = np.where(np.isfinite(fx), fx, 0.0)
        same = np.sign(fx) == np.sign(fa[live])
        c[live] = np.where(same, a[live], b[live])
        fc[live] = np.where(same, fa[live], fb[live])
        b[live] = np.where(same, b[live], a[live])
        fb[live] = np.where(same, fb[live], fa[live])
        a[live], fa[live] = x, fx
        best = np.where(np.abs(fa[live]) < np.abs(fb[live]), a[live], b[live])
        out[live] = best
        width = np.abs(b[live] - a[live])
        tolerance = (4e-16 * np.abs(best) + 1e-17) / np.where(width > 0, width, 1)
        done = (tolerance >= 0.5) | (np.abs(fx) <= enough[live])
        with np.errstate(all="ignore"):
            xi = (a[live] - b[live]) / (c[live] - b[live])
            phi = (fa[live] - fb[live]) / (fc[live] - fb[live])
            smooth = (phi**2 < xi) & ((1 - phi) ** 2 < 1 - xi)
            alpha = (c[live] - a[live]) / (b[live] - a[live])
            step = fa[live] / (fb[live] - fa[live]) * fc[live] / (fb[live] - fc[live])
            step += alpha * fa[live] / (fc[live] - fa[live]) * fb[live] / (fc[live] - fb[live])
        step = np.where(smooth & np.isfinite(step), step, 0.5)
        t[live] = np.clip(step, tolerance, 1 - tolerance)
        live = live[~done]
    return out


def _few_bracketed(
    function: Callable[[Array, Any], Array], a: Array, b: Array, fa: Array, fb: Array, enough: Any
) -> Array:
    """The same, bit for bit, in plain numbers, which are faster than arrays of few."""
    roots = [_Bracket(*each) for each in zip(*(x.tolist() for x in (a, b, fa, fb)), strict=True)]
    limits = np.broadcast_to(enough, a.shape).tolist()
    live = [k for k, root in enumerate(roots) if root.fa * root.fb < 0 or root.opposite]
    for _ in range(100):
        if not live:
            break
        values = function(np.array([roots[k].next for k in live]), np.array(live)).tolist()
        live = [k for k, value in zip(live, values, strict=True) if not roots[k].step(value, limits[k])]
    return np.array([root.best for root in roots])


class _Bracket:
    """One root between a and b."""

    def __init__(self, a: float, b: float, fa: float, fb: float) -> None:
        self.a, self.b, self.c, self.fa, self.fb, self.fc = a, b, a, fa, fb, fa
        self.t = 0.5
        self.best = a if abs(fa) < abs(fb) else b

    @property
    def opposite(self) -> bool:
        """Whether signs differ, where the product of the values is too little to tell."""
        return math.isfinite(self.fa) and math.isfinite(self.fb) and (self.fa > 0 > self.fb or self.fa < 0 < self.fb)

    @property
    def next(self) -> float:
        return self.a + self.t * (self.b - self.a)

    def step(self, fx: float, enough: float) -> bool:
        """Takes in the value at `next`; whether that is all."""
        x = self.next
        if not math.isfinite(fx):
            fx = 0.0
        if (fx > 0 and self.fa > 0) or (fx < 0 and self.fa < 0) or fx == self.fa == 0:
            self.c, self.fc = self.a, self.fa
        else:
            self.c, self.fc, self.b, self.fb = self.b, self.fb, self.a, self.fa
        self.a, self.fa = x, fx
        a, b, c, fa, fb, fc = self.a, self.b, self.c, self.fa, self.fb, self.fc
        self.best = a if abs(fa) < abs(fb) else b
        width = abs(b - a)
        tolerance = (4e-16 * abs(self.best) + 1e-17) / (width if width > 0 else 1)
        self.t = 0.5
        try:
            xi, phi = (a - b) / (c - b), (fa - fb) / (fc - fb)
            if phi * phi < xi and (1 - phi) * (1 - phi) < 1 - xi:
                step = fa / (fb - fa) * fc / (fb - fc) + (c - a) / (b - a) * fa / (fc - fa) * fb / (fc - fb)
                if math.isfinite(step):
                    self.t = step
        except ZeroDivisionError:
            pass
        self.t = min(max(self.t, tolerance), 1 - tolerance)
        return tolerance >= 0.5 or abs(fx) <= enough


# ---- pieces of one law ----


def _windows(source: Source, product: bool) -> list[tuple[int, float, float]]:
    """(gap, low, high) of the intervals of omega to look at; for products 0 is a border."""
    out = []
    for i, (low, high) in enumerate(source.gaps):
        if product and low < 0 < high:
            out += [(i, low, 0.0), (i, 0.0, high)]
        elif not product or high <= 0 or low >= 0:
            out.append((i, low, high))
    return out


def _cells(product: bool, w: Array, g: Array) -> Array:
    """The cell of each point: 0 or 1 for the sign of g; 0, 1, 2 for y above 0, in (-1, 0), and below -1."""
    if not product:
        return np.where(g > 0, 0, 1)
    y = w * g - 1
    return np.where(y > 0, 0, np.where(y > -1, 1, 2))


_NAMES = {False: ("plus", "minus"), True: ("up", "mid", "down")}


def pieces(equations: Equations, source: Source, windows: list[tuple[int, float, float]]) -> list[Piece]:
    """All pieces of a law within some of its gaps."""
    product = equations.rule.product
    numbers = equations.rule.explicit(source)
    out = []
    many = equations.many
    far = max(_FAR, math.log(equations.total) / 2 + 10) if many else _FAR + _beyond(equations, source)
    for gap, low, high in windows:
        begin, end = -_END, _END
        if math.isinf(high):
            end = far
        if math.isinf(low):
            begin = -far
        elif product and 0 < low < high < math.inf:  # a logarithm: as close to low, next to low, as elsewhere
            begin -= max(0.0, math.log(high / low - 1)) if high > 2 * low else 0.0
        whole = Piece(source, product, numbers, gap, low, high, "", begin, end, (False, False), many)
        s = _BASE[(begin <= _BASE) & (end >= _BASE)]
        s = np.concatenate([np.arange(begin, -_END), s, np.arange(_END + 1, end)])
        w = whole.omega(s)
        with np.errstate(all="ignore"):
            g = source.resolvent(w.astype(np.complex128))[0].real
        fine = np.isfinite(g)
        s, w, g = s[fine], w[fine], g[fine]
        if s.size < 2:
            continue
        cell = _cells(product, w, g)
        marks: list[tuple[float, bool]] = [(float(s[0]), math.isinf(low))]
        for k in np.flatnonzero(np.diff(cell)):
            for level in (0.0, -1.0) if product else (0.0,):
                crossing = _crossing(whole, s[k : k + 2], level)
                if crossing is not None:
                    marks.append((crossing, True))
        marks.append((float(s[-1]), math.isinf(high)))
        marks.sort()
        for (a, first), (b, last) in pairwise(marks):
            if b - a < 1e-12:
                continue
            middle = np.array([(a + b) / 2])
            w = whole.omega(middle)
            g = source.resolvent(w.astype(np.complex128))[0].real
            name = _NAMES[product][int(_cells(product, w, g)[0])]
            # An outer piece of a product ends at 0 with c infinite too.
            out.append(Piece(source, product, numbers, gap, low, high, name, a, b, (first, last), many))
    return out


def _beyond(equations: Equations, source: Source) -> float:
    """How much further, as a logarithm, omega goes than for laws as wide as this one: in a sum as far as the others."""
    if equations.rule.product:
        return 0.0
    low, high = source.hull
    mine = max(high - low, 1e-3 * abs(low), 1e-3 * abs(high), 1e-300)
    widest = max(other.hull[1] - other.hull[0] for other, _ in equations.parts)
    if not (math.isfinite(mine) and math.isfinite(widest) and widest > mine):
        return 0.0
    return min(math.log(widest) - math.log(mine), 300.0)


def _crossing(piece: Piece, s: Array, level: float) -> float | None:
    """Where M, or G for a sum, passes a level between two s."""

    def above(t: Array, _: Any) -> Array:
        w = piece.omega(t)
        g = piece.source.resolvent(w.astype(np.complex128))[0].real
        return np.asarray(w * g - 1 - level if piece.product else g)

    first, last = above(s[:1], None), above(s[1:], None)
    if first[0] * last[0] > 0 or first[0] == last[0]:
        return None
    return float(bracketed(above, s[:1], s[1:], first, last)[0])


# ---- gaps of the convolution ----


@np.errstate(over="ignore", invalid="ignore")  # a place beyond the range of doubles is none
def gaps(equations: Equations) -> list[Gap]:
    """The gaps, ascending; the first begins at -inf (0 for a product), the last ends at inf."""
    product = equations.rule.product
    parts = equations.parts
    if product and not equations.implicit:
        return _gaps_of_explicit(equations)
    outer = []
    for source, _ in parts:
        windows = [each for each in _windows(source, product) if _is_outer(source, each)]
        outer.append(pieces(equations, source, windows))
    options = []
    for i, (source, _) in enumerate(parts):
        windows = [each for each in _windows(source, product) if not _is_outer(source, each)]
        if len(windows) > _MANY:
            windows = _that_matter(equations, i, windows, outer)
        options.append(outer[i] + pieces(equations, source, windows))
    found: list[_Part] = []
    for cell in _NAMES[product]:
        for chosen in _tuples(options, [t for _, t in parts], cell, product):
            found += _gaps_of(chosen, [t for _, t in parts], cell)
    return _joined(found, product, equations)


def _is_outer(source: Source, window: tuple[int, float, float]) -> bool:
    """Whether a window is of the gap below, or above, all mass: for products that below is cut at 0."""
    return window[0] in (0, len(source.gaps) - 1)


def _gaps_of_explicit(equations: Equations) -> list[Gap]:
    """Of a product of Marchenko-Pastur laws: dP/dc = 1 - sum t v, v = a y (1 + y) / (1 + a y), is monotone."""
    a, s2 = (np.array([numbers[k] for *_, numbers in equations.explicit]) for k in (0, 1))
    t = np.array([power for _, power, _ in equations.explicit])
    order = np.argsort(-a)
    a, s2, t = a[order], s2[order], t[order]
    key = (0,) * a.size

    def x(y: float, one: float) -> float:
        # (1 - a) + a * one is 1 + a y, whose digits high powers need where y is small
        factors = np.log(s2) + (np.log1p(a * y) if y > 0 else np.log(np.abs((1 - a) + a * one)))
        return math.exp(t @ factors + math.log(abs(one / y)))

    def slope(y: float, one: float) -> float:
        return 1 - float(t @ (a * y * one / ((1 - a) + a * one)))

    top = 1.0
    while slope(top, 1 + top) > 0:
        top *= 2
    y = brentq(lambda y: slope(y, 1 + y), 0.0, top, xtol=1e-300, rtol=1e-14)
    out = [Gap(x(y, 1 + y), math.inf, 0.0, key)]
    if a[0] < 1:  # y = -1 - s, as far as 1 + a y is above 0; in u, for which differences from 1 keep their digits

        def lower(u: float) -> tuple[float, float]:
            s = float((1 - a[0]) / a[0] * u)
            factors = (1 - a) - a * s
            factors[0] = (1 - a[0]) * (1 - u)
            place = float(np.exp(t @ np.log(s2 * factors))) * s / (1 + s)
            return max(1 - float(t @ (a * (1 + s) * s / factors)), -1e300), place

        u = brentq(lambda u: lower(u)[0], 0.0, 1 - 1e-12, xtol=1e-300, rtol=1e-14)
        out.insert(0, Gap(0.0, lower(u)[1], 1.0, key))
    elif a[0] > 1 and t[0] == 1:  # an atom at 0, and a gap next to it
        # y = -(1 / a_0 + width s) between the two largest poles, or -1; differences keep their digits in s.
        top = max(1.0, float(a[1:2].max(initial=1.0)))
        width = (a[0] - top) / a[0] / top
        if width > 0:

            def between(s: float) -> tuple[float, float]:
                factors = (top - a) / top + a * width * (1 - s)
                factors[0] = -a[0] * width * s
                y, one = -(1 / a[0] + width * s), (top - 1) / top + width * (1 - s)
                place = float(np.exp(t @ np.log(s2 * np.abs(factors)))) * abs(one / y)
                return 1 - float(t @ (a * y * one / factors)), place

            s = brentq(lambda s: between(s)[0], 1e-15, 1 - 1e-15, xtol=1e-300, rtol=1e-14)
            out.insert(0, Gap(0.0, between(s)[1], float(1 / a[0]), key))
    return out


def _tuples(options: list[list[Piece]], powers: list[float], cell: str, product: bool) -> list[list[Piece]]:
    """One piece of each law, all in one cell; in the middle cell one omega is above 0, the others below."""
    mine = [[piece for piece in each if piece.cell == cell] for each in options]
    out: list[list[Piece]] = []
    if product and cell == "mid":
        for i, t in enumerate(powers):
            if t == 1 and all(_below(mine[j]) for j in range(len(mine)) if j != i):
                for piece in mine[i]:
                    if piece.low >= 0:
                        out.append([piece if j == i else _below(mine[j])[0] for j in range(len(mine))])
        return out

    def extend(begun: list[Piece], room: float) -> None:
        if len(begun) == len(mine):
            out.append(begun)
            return
        for piece in mine[len(begun)]:
            if product and piece.low < 0:
                continue
            rest = room - powers[len(begun)] * _least_v(piece)
            if rest > 0:
                extend([*begun, piece], rest)

    extend([], 1.0 + 1e-9)
    return out


def _below(each: list[Piece]) -> list[Piece]:
    return [piece for piece in each if piece.high <= 0]


def _least_v(piece: Piece) -> float:
    """A lower bound of 1 - u on a piece, nearly: what leaves room for others."""
    if not hasattr(piece, "_least"):
        v = piece.values()[1][3]
        v = v[np.isfinite(v)]
        piece._least = max(0.0, float(v.min()) - 0.1) if v.size else 1.0  # type: ignore[attr-defined]
    return float(piece._least)  # type: ignore[attr-defined]


def _gaps_of(chosen: list[Piece], powers: list[float], cell: str) -> list[_Part]:
    """The parts of gaps on one choice of pieces: (low, high, sf, key, seam at low, seam at high)."""
    sign = -1.0 if cell == "mid" else 1.0
    ranges = [piece.table()[1] for piece in chosen if piece.numbers is None]
    if any(c.size < 2 for c in ranges):
        return []
    first = next((i for i, piece in enumerate(chosen) if piece.numbers is None), 0)
    order = sorted(range(len(chosen)), key=lambda i: (not isinstance(chosen[i].source, Atoms), i != first))
    master = order[0]
    lead = chosen[master]

    def evaluate(s: Array, known: Any = None) -> tuple[Array, Array, Array]:
        """P, sign dP/dc, and the size of what nearly cancels in dP/dc = 1 - sum t v, v = 1 - u."""
        p, c, u, v = lead.value(s) if known is None else known
        place = c + powers[master] * lead.less(p, c)
        slope = u if powers[master] == 1 else 1 - powers[master] * v
        terms = [powers[master] * np.abs(v)]
        for i, piece in enumerate(chosen):
            if i != master:
                p, u, v = piece.inverse(c)
                place = place + powers[i] * piece.less(p, c)
                slope = slope - powers[i] * v
                terms.append(powers[i] * np.abs(v))
        size = sum(terms) - np.max(terms, axis=0) if len(terms) > 1 else np.ones(s.shape)
        return place, sign * slope, size

    s, known = lead.values()
    on_grid = evaluate(s, known)
    whole = s
    # Where the range of another law's c ends, look closely too.
    ends = [end for i, piece in enumerate(chosen) if i != master for end in _ends(piece)]
    if ends:
        marks = lead.place(np.array(ends))
        marks = marks[np.isfinite(marks)]
        steps = np.concatenate([[0.0], 0.5 ** np.arange(0, 46, 2)])
        close = np.concatenate([marks[:, None] + steps, marks[:, None] - steps], axis=None)
        close = np.unique(close[(close > s[0]) & (close < s[-1])])
        places = np.argsort(np.concatenate([s, close]), kind="stable")
        s = np.concatenate([s, close])[places]
        more = evaluate(close)
        place, good, size = (np.concatenate([on_grid[k], more[k]])[places] for k in range(3))
    else:
        place, good, size = on_grid
    fine = np.isfinite(place) & np.isfinite(good) & (size > 1e-20)
    s, place, good, size = s[fine], place[fine], good[fine], size[fine]
    if s.size < 2:
        return []
    # The two outer gaps of a law are one, through infinity.
    key = tuple(piece.gap % (len(piece.source.gaps) - 1) for piece in chosen)
    whole_s, whole_size, whole_place, whole_share = s, size, place, good / size
    s, good, place = _peaks(evaluate, s, good, size, place)
    # Where 1 - u of another law is a difference, it is known to rounding of 1.
    several = sum(piece.numbers is None for piece in chosen) > 1
    positive = good > 1e-14 * (np.interp(s, whole_s, whole_size) + several)
    if not positive.any():
        top = int(np.argmax(whole_share))
        if several or whole_share[top] < -1e-9:
            return []
        at = math.exp(whole_place[top]) if lead.product else float(whole_place[top])  # a gap that has just closed
        return [(at, at, _above(chosen, powers, master, float(whole_s[top]), cell), key, True, True)]
    change = np.flatnonzero(positive[1:] != positive[:-1])
    enough = 1e-11 * np.maximum(np.abs(good[change]), np.abs(good[change + 1]))
    roots = bracketed(lambda t, _: evaluate(t)[1], s[change], s[change + 1], good[change], good[change + 1], enough)
    at_roots = evaluate(roots)[0] if roots.size else roots
    seam_begin, seam_end = s[0] == whole[0] and lead.seams[0], s[-1] == whole[-1] and lead.seams[1]
    out = []
    begin = 0
    borders = [*change.tolist(), s.size - 1]
    for k, last in enumerate(borders):
        if positive[last]:
            low_at = place[0] if k == 0 else at_roots[k - 1]
            high_at = place[-1] if k == len(borders) - 1 else at_roots[k]
            seams = (k == 0 and seam_begin, k == len(borders) - 1 and seam_end)
            if lead.seams[0] and _is_far(lead, s[0] if k == 0 else roots[k - 1]):
                low_at = _beside_seam(chosen, powers, lead, lead.begin, float(low_at), evaluate)
            if lead.seams[1] and _is_far(lead, s[-1] if k == len(borders) - 1 else roots[k]):
                high_at = _beside_seam(chosen, powers, lead, lead.end, float(high_at), evaluate)
            middle = (s[begin] + s[last]) / 2 if begin < last else s[last]
            sf = _above(chosen, powers, master, float(middle), cell)
            if high_at < low_at:
                low_at, high_at, seams = high_at, low_at, seams[::-1]
            if lead.product:
                low_at, high_at = math.exp(min(low_at, 700.0)), math.exp(min(high_at, 700.0))
            out.append((float(low_at), float(high_at), sf, key, *seams))
        begin = last + 1
    return out


def _small(piece: Piece, c: Array) -> Array:
    """What goes to 0 where c becomes infinite, and what P is smooth in: 1 / c for sums, exp(-|c|) for products."""
    return np.exp(-np.abs(c)) if piece.product else piece._far / c


def _is_far(lead: Piece, s: float) -> bool:
    """Whether c is so large that dP/dc is rounding."""
    return abs(float(_small(lead, lead.value(np.array([s]))[1])[0])) < 1e-3


def _beside_seam(
    chosen: list[Piece],
    powers: list[float],
    lead: Piece,
    at: float,
    near: float,
    evaluate: Callable[[Array], tuple[Array, Array, Array]],
) -> float:
    """The end of a gap where c is infinite or nearly so: of P = P_0 + b g + k g^2, g as in `_small`, with P_0 known."""
    s, c = lead.table()
    upper = bool(c[-1] > 0 if abs(s[-1] - at) < abs(s[0] - at) else c[0] > 0)
    start = _at_seam(chosen, powers, lead, upper)
    scale = 1.0 if lead.product else lead._far
    if start is None or abs(start - near) > 1e-3 * scale:
        return near
    g = np.array([0.005, 0.01, 0.015, 0.02, 0.03, 0.04])
    wanted = -np.log(g) if lead.product else lead._far / g
    s = lead.place(wanted if upper else -wanted)
    if not np.isfinite(s).all():
        return near
    g = _small(lead, lead.value(s)[1])
    slopes = np.polynomial.polynomial.polyfit(g, (evaluate(s)[0] - start) / g, 5)
    if not np.isfinite(slopes).all() or slopes[1] == 0:
        return start
    top = -slopes[0] / (2 * slopes[1])
    return float(start + slopes[0] * top / 2) if 0 < top / g[0] < 1 else start


def _at_seam(chosen: list[Piece], powers: list[float], lead: Piece, upper: bool) -> float | None:
    """P where c is infinite, above 0 or below: one omega stays there, and others go to infinity, or to 0, as means say.

    None if it is not one that stays.
    """
    total, stays = 0.0, 0
    for piece, t in zip(chosen, powers, strict=True):
        if piece.product and not upper:
            leaves = piece.low == 0 or piece.high == 0
        else:
            leaves = math.isinf(piece.high) or math.isinf(piece.low)
        law = piece.source.law
        if leaves and piece.product:
            size = float(law.mean()) if upper else 1 / abs(float(law.stieltjes(0.0).real))
            if size == 0:
                return None
            total += t * math.log(size)
        elif leaves:
            total += t * float(law.mean())
        else:
            s, c = piece.table()
            if t != 1 or c.size < 2:
                return None
            beside = s[-1] if (c[-1] > 0) == upper and abs(c[-1]) > abs(c[0]) else s[0]
            first = abs(beside - piece.begin) < abs(beside - piece.end)
            if not piece.seams[0 if first else 1]:
                return None
            omega = float(piece.omega(np.array([piece.begin if first else piece.end]))[0])
            total += math.log(abs(omega)) if piece.product else omega
            stays += 1
    return total if stays == 1 else None


def _ends(piece: Piece) -> list[float]:
    """The finite ends of the range of c."""
    if piece.numbers is not None:
        a, s2, *_ = piece.numbers
        if not piece.product:
            root = math.sqrt(s2)
            if math.isinf(a):
                return [root if piece.cell == "plus" else -root]
            return [a * s2 + math.sqrt(a) * s2, a * s2 - math.sqrt(a) * s2]
        y = [1 / math.sqrt(a), -1 / math.sqrt(a), -1 / a]
        return [math.log(abs((1 + each) / each)) for each in y if each != -1.0]
    c = piece.table()[1]
    return [float(c[0]), float(c[-1])] if c.size else []


def _peaks(
    evaluate: Callable[[Array], tuple[Array, Array, Array]], s: Array, good: Array, size: Array, place: Array
) -> tuple[Array, Array, Array]:
    """Adds the tops of humps that come close to 0 from below: gaps narrower than the grid."""
    inner = np.flatnonzero((good[1:-1] <= 0) & (good[1:-1] >= good[:-2]) & (good[1:-1] >= good[2:])) + 1
    inner = inner[good[inner] > -0.3 * size[inner]]
    if inner.size == 0 or inner.size > 8:  # so many humps are rounding
        return s, good, place
    a, b, d = s[inner - 1].copy(), s[inner].copy(), s[inner + 1].copy()
    fb, scale = good[inner].copy(), size[inner].copy()
    tops: list[tuple[Array, Array]] = []
    for _ in range(60):  # the longer side is cut at the golden section
        right = d - b > b - a
        x = np.where(right, b + 0.381966 * (d - b), b - 0.381966 * (b - a))
        fx = evaluate(x)[1]
        better = fx > fb
        a = np.where(better & right, b, np.where(~better & ~right, x, a))
        d = np.where(better & ~right, b, np.where(~better & right, x, d))
        b, fb = np.where(better, x, b), np.where(better, fx, fb)
        # A top is flat: once the bracket is short, what is clearly below 0 stays there.
        keep = (fb <= 0) & (d - a > 1e-8) & ((d - a > 1e-3) | (fb > -1e-5 * scale))
        tops.append((b[~keep], fb[~keep]))
        a, b, d, fb, scale = a[keep], b[keep], d[keep], fb[keep], scale[keep]
        if b.size == 0:
            break
    tops.append((b, fb))
    b = np.concatenate([each for each, _ in tops])
    s = np.concatenate([s, b])
    order = np.argsort(s)
    top, value, _ = evaluate(b)
    return s[order], np.concatenate([good, value])[order], np.concatenate([place, top])[order]


def _above(chosen: list[Piece], powers: list[float], master: int, s: float, cell: str) -> float:
    """The mass above a gap: sum t sf(omega) - (T - 1) where c, or y, has turned to the other side."""
    at = np.array([s])
    p, c, _, _ = chosen[master].value(at)
    outer = cell in ("plus", "up")
    total = 0.0 if outer else 1.0
    for i, piece in enumerate(chosen):
        where = p if i == master else piece.inverse(c)[0]
        if piece.product:
            where = np.exp(where) * (-1 if piece.high <= 0 else 1)
        mass = _mass_above(piece, float(where[0]))
        total += powers[i] * (mass if outer else mass - 1)
    return min(max(total, 0.0), 1.0)


def _mass_above(piece: Piece, omega: float) -> float:
    low, high = piece.source.gaps[piece.gap]
    if math.isinf(high):
        return 0.0
    if math.isinf(low):
        return 1.0
    return float(piece.source.law.sf(min(max(omega, low), math.nextafter(high, low))))


def _joined(found: list[_Part], product: bool, equations: Equations) -> list[Gap]:
    """Parts of one gap that meet at a seam become one; the outermost reach to the ends."""
    scale, unit = equations.size, equations.unit
    found = sorted(each for each in found if each[1] >= each[0])
    out: list[Gap] = []
    last_seam = False
    for low, high, sf, key, first, last in found:
        if low == high:
            continue
        before = out[-1] if out else None
        meets = before is not None and before.key == key and (first or last_seam)
        near = 1e-4 * (high - low + before.high - before.low) + 1e-12 * unit(low) if before is not None else 0.0
        if before is not None and meets and low - before.high <= near:
            before.high = max(before.high, high)
        else:
            out.append(Gap(low, high, sf, key))
        last_seam = last
    out = [gap for gap in out if gap.high - gap.low > 1e-12 * unit(gap.high)]
    # Closed gaps, where two parts of the support touch: away from open ones, for there rounding invents some.
    for low, high, sf, key, *_ in found:
        if low == high and all(not gap.low - 1e-6 * unit(low) <= low <= gap.high + 1e-6 * unit(low) for gap in out):
            out.append(Gap(low, high, sf, key))
    out.sort(key=lambda gap: gap.low)
    if not out or out[-1].sf > 1e-15:
        raise _lost("above all mass")
    out[-1].high = math.inf
    if product:
        if out[0].sf > 1 - 1e-12 or out[0].low < 1e-12 * min(out[0].high, scale):
            out[0].low = 0.0
        elif all(source.hull[0] > 0 for source, _ in equations.parts):
            raise _lost("below all mass")
    else:
        if out[0].sf < 1 - 1e-15:
            raise _lost("below all mass")
        out[0].low = -math.inf
    return out


def _lost(where: str) -> Exception:
    from ..errors import ConvergenceError

    return ConvergenceError(f"free convolution: the gap {where} was not found")


# ---- laws with many gaps ----


def _that_matter(
    equations: Equations, i: int, windows: list[tuple[int, float, float]], outer: list[list[Piece]]
) -> list[tuple[int, float, float]]:
    """Those gaps of a law with very many that may leave something open: most are closed by far.

    Next to the other laws' outer pieces a gap stays open where t u exceeds t - 1 + sum t (1 - u) of the others.
    """
    source, power = equations.parts[i]
    product = equations.rule.product
    low, high = (np.array([each[k] for each in windows]) for k in (1, 2))
    width = high - low
    # First by the nearest neighbours alone, which bound |G'| from below.
    spread = _spread(equations, i)
    if isinstance(source, Atoms) and spread > 0:
        # Eight atoms to each side; there are none beyond the ends.
        at = np.concatenate([np.full(8, -np.inf), source._at, np.full(8, np.inf)])
        mass = np.concatenate([np.zeros(8), source._mass, np.zeros(8)])
        left = np.searchsorted(at, (low + high) / 2) - 1
        bound = np.zeros(width.size)
        for k in range(8):
            bound += mass[left - k] / (high - at[left - k]) ** 2 + mass[left + 1 + k] / (at[left + 1 + k] - low) ** 2
        if product:
            bound *= low * low
        keep = bound * spread < 100
        windows = [each for each, mine in zip(windows, keep, strict=True) if mine]
        low, high = low[keep], high[keep]
        width = high - low
    if not windows:
        return windows
    w = (low[:, None] + width[:, None] * np.array([0.25, 0.5, 0.75])).ravel()
    with np.errstate(all="ignore"):
        g, slope = (each.real for each in source.resolvent(w.astype(np.complex128)))
        if product:
            one = w * g
            y = one - 1
            c, u = np.log(np.abs(one / y)), -y * one / (w * (g + w * slope))
        else:
            c, u = 1 / g, g * g / -slope
    cell = _cells(product, w, g)
    shut = np.full(w.size, max(power - 1, 0.0) / power)
    for j, (_, t) in enumerate(equations.parts):
        if j == i:
            continue
        v = np.full(w.size, 1.0)
        for number, name in enumerate(_NAMES[product]):
            for piece in outer[j]:
                mine = cell == number
                if piece.cell == name and mine.any():
                    v[mine] = np.minimum(v[mine], piece.about(c[mine]))
        shut += t * v / power
    ratio = np.where(np.isfinite(u), np.abs(u) / np.maximum(shut, 1e-300), np.inf).reshape(-1, 3).max(axis=1)
    open_enough = (ratio > 0.4) | (np.abs(u).reshape(-1, 3).max(axis=1) > 0.3)
    return [each for each, mine in zip(windows, open_enough, strict=True) if mine]


def _spread(equations: Equations, i: int) -> float:
    """The variance of the other laws together, relative to the means for a product."""
    total = 0.0
    for j, (source, t) in enumerate(equations.parts):
        if j != i:
            mean, var = float(source.law.mean()), float(source.law.var())
            total += t * (var / mean**2 if equations.rule.product else var)
    return total
