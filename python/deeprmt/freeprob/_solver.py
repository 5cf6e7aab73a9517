"""The equations of free convolution, solved by Newton's method for many points at once.

A free sum of mu_1, ..., mu_n, each to a free convolution power t_i (1 if nothing is said), has subordination points
omega_i with

    F_i(omega_i) = F  for all i,     z = sum t_i omega_i - (T - 1) F,     T = sum t_i,  F = 1/G,

and a free product has, with y = M_i(omega_i) and E = y / (1 + y), ln z = sum t_i ln omega_i + (T - 1) ln E. Both are

    P(z) = sum t_i p_i - (T - 1) c,     c_i(p_i) = c,

with p = omega, c = F for sums and p = ln omega, c = -ln E for products: one solver serves both. In the upper
half-plane, the real axis included, there is at most one solution with every Im p_i > 0 (Denjoy and Wolff; Belinschi
and Bercovici, arXiv:math/0605763): whatever Newton's method finds there is the right branch.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import _core
from .._arguments import available_threads
from ..laws import MarchenkoPastur, Semicircle
from ..laws._affine import Affine
from ._far import Far
from ._sources import Atoms, Source

__all__ = ["Additive", "Equations", "Multiplicative", "State"]

_MANY = 64.0
_NARROW = 64.0

Array = NDArray[np.float64]
Complex = NDArray[np.complex128]


def _log1p(z: Complex) -> Complex:
    """Of small numbers; NumPy's own rounds 1 + z first."""
    return np.asarray(0.5 * np.log1p(z.real * (2 + z.real) + z.imag * z.imag) + 1j * np.angle(1 + z))


@dataclass
class State:
    """Solutions at some points: c is (k,), p is (implicit sources, k)."""

    c: Complex
    p: Complex

    def __getitem__(self, index: Any) -> State:
        return State(self.c[index], self.p[:, index])

    def put(self, index: Any, other: State) -> None:
        """Overwrite some points."""
        self.c[index], self.p[:, index] = other.c, other.p


@dataclass
class Count:
    """What a solver has done so far."""

    points: int = 0
    iterations: int = 0
    continued: int = 0
    residual: float = 0.0
    failed: int = 0


class Additive:
    """p = omega, c = F = 1 / G."""

    product = False
    ceiling = math.inf  # of Im p

    @staticmethod
    def place(z: Complex) -> Complex:
        """P(z)."""
        return z

    @staticmethod
    def value(source: Source, p: Complex) -> tuple[Complex, Complex]:
        """c and dc/dp of one source."""
        g, slope = source.resolvent(p)
        c = 1 / g
        return c, -slope * c * c

    @staticmethod
    def explicit(source: Source) -> tuple[float, ...] | None:
        """The numbers (a, s2, mean) of a law whose p is explicit in c: R(g) = mean + a s2^2 g / (1 - a s2 g), or None.

        The semicircle, R(g) = s2 g, has a = inf here.
        """
        law, offset = source.law, 0.0
        if isinstance(law, Affine) and law.factor == 1:
            offset = law.offset
            law = law.base
        if isinstance(law, Semicircle):
            return math.inf, law.sigma**2, offset
        if isinstance(law, MarchenkoPastur) and not law.singular:
            return law.aspect, law.sigma**2, law.sigma**2 + offset
        return None

    @staticmethod
    def beyond(numbers: tuple[float, ...], c: Complex) -> tuple[Complex, Complex]:
        """p - c, which many copies add up, and its derivative to c."""
        a, s2, mean = numbers
        if math.isinf(a):
            return mean + s2 / c, -s2 / (c * c)
        d = c - a * s2
        return (mean - s2) + s2 * c / d, -a * s2 * s2 / (d * d)  # no mean that c next to 0 would cancel

    @staticmethod
    def explicit_argument(numbers: tuple[float, ...], c: Complex) -> Array:
        """Im U of such a law, less Im log F."""
        a, s2, _ = numbers
        g = 1 / c
        if math.isinf(a):
            return np.asarray((s2 * g * g / 2).imag)
        u = a * s2 * g
        q = 1 - u
        out = (np.log(q) + u / q).imag
        small = np.abs(u) < 0.03
        if small.any():  # sum u^k (1 - 1/k)
            v, total = u[small], np.zeros(int(small.sum()), np.complex128)
            for k in range(11, 1, -1):
                total = (total + (1 - 1 / k)) * v
            out[small] = (total * v).imag
        return np.asarray(out / a)

    @staticmethod
    def shared_argument(c: Complex) -> Array:
        """What U loses for each source above one: Im log F."""
        return np.angle(c)

    @staticmethod
    def cauchy(z: Complex, c: Complex) -> Complex:
        """G(z)."""
        return 1 / c

    @staticmethod
    def cauchy_slope(z: Complex, c: Complex, dc: Complex) -> Complex:
        """G'(z) where dc = dc/dP."""
        return -dc / (c * c)


class Multiplicative:
    """p = ln omega, c = -ln(y / (1 + y))."""

    product = True
    ceiling = math.pi

    @staticmethod
    def place(z: Complex) -> Complex:
        """P(z)."""
        return np.log(z + 0j)

    @staticmethod
    def value(source: Source, p: Complex) -> tuple[Complex, Complex]:
        """c and dc/dp of one source."""
        w = np.exp(p)
        one, y, slope = source.moments(w)
        # -ln(y / (1 + y)) with its argument in (0, pi): y and 1 + y lie in the lower half-plane
        return np.log(one / y), -w * slope / (y * one)

    @staticmethod
    def explicit(source: Source) -> tuple[float, ...] | None:
        """The numbers (a, s2) of S(y) = 1 / (s2 (1 + a y))."""
        law = source.law
        if isinstance(law, MarchenkoPastur) and not law.singular:
            return law.aspect, law.sigma**2
        return None

    @staticmethod
    def beyond(numbers: tuple[Any, ...], c: Complex) -> tuple[Complex, Complex]:
        """p - c and its derivative to c."""
        a, s2 = numbers
        y, one = 1 / np.expm1(c), -1 / np.expm1(-c)
        q = (1 - a) + a * one  # 1 + a y where y is close to -1
        return np.log(s2) + np.where(np.abs(a * y) < 0.5, _log1p(a * y), np.log(q)), np.asarray(-a * y * one / q)

    @staticmethod
    def explicit_argument(numbers: tuple[float, ...], c: Complex) -> Array:
        """Im U of such a law, plus Im ln y."""
        a, _ = numbers
        y, one = 1 / np.expm1(c), -1 / np.expm1(-c)
        return np.asarray(y.imag + (1 - 1 / a) * np.angle((1 - a) + a * one))

    @staticmethod
    def shared_argument(c: Complex) -> Array:
        """What U loses for each source above one: -Im ln y."""
        return -np.angle(1 / np.expm1(c))

    @staticmethod
    def cauchy(z: Complex, c: Complex) -> Complex:
        """G(z) = (1 + y) / z."""
        return -1 / np.expm1(-c) / z

    @staticmethod
    def cauchy_slope(z: Complex, c: Complex, dc: Complex) -> Complex:
        """G'(z) where dc = dc/dP: dy/dc = -y (1 + y)."""
        y, one = 1 / np.expm1(c), -1 / np.expm1(-c)
        return (-y * one * dc - one) / (z * z)


class Equations:
    """The sources of one convolution, and Newton's method for their equations.

    Parameters
    ----------
    rule : type
        Additive or Multiplicative.
    parts : list of (Source, float)
        Each with its power t > 0, the sum at least 1.
    """

    def __init__(self, rule: Any, parts: list[tuple[Source, float]]) -> None:
        self.rule = rule
        self.parts = parts
        self.total = sum(t for _, t in parts)
        self.explicit: list[tuple[Source, float, tuple[float, ...]]] = []
        self.implicit: list[tuple[Source, float]] = []
        for each, t in parts:
            numbers = rule.explicit(each)
            if numbers is None:
                self.implicit.append((each, t))
            else:
                self.explicit.append((each, t, numbers))
        if rule.product and self.explicit:
            # Many Marchenko-Pastur laws in one array operation.
            self._bundle = tuple(np.array([numbers[k] for *_, numbers in self.explicit])[:, None] for k in (0, 1))
            self._weights = np.array([t for _, t, _ in self.explicit])
        self.count = Count()
        low = min(each.hull[0] for each, _ in parts)
        high = max(each.hull[1] for each, _ in parts)
        mean = math.exp(sum(t * math.log(float(s.law.mean())) for s, t in parts)) if rule.product else 0.0
        self.scale = 1.0 if rule.product else max(high - low, abs(sum(t * sum(s.hull) / 2 for s, t in parts)), 1e-300)
        # Of many copies p lies far from all mass, and p - c is little.
        self.many = not rule.product and self.total > _MANY
        if self.many:
            spread = 2 * math.sqrt(sum(t * float(each.law.var()) for each, t in parts))
            self.scale = max(high - low, abs(sum(t * float(each.law.mean()) for each, t in parts)), spread)
        self._far, self.floor = self._seen_from_afar()
        near = [i for i, (each, _) in enumerate(self.implicit) if self.far(each) is None or self.many]
        self._beside_points = bool(self.implicit) and self.floor < 1e-15 * self.scale
        one = len(near) == 1 and (self._beside_points or not rule.product)
        self._leader = near[0] if one else None  # the one law whose p - c is not little, and tells c
        self.size = mean if rule.product else self.scale  # of x
        self._compiled = self._of_atoms()

    def _seen_from_afar(self) -> tuple[dict[int, Far], float]:
        """The sources whose p - c is little, by their id; and the height below which an omega is on the axis.

        Next to a law so narrow the omega of another one comes as close to the axis as the square of its width.
        """
        product, least = self.rule.product, 1e-15 * self.scale
        if self.many:
            return {id(each): Far(each, product=product, narrow=False) for each, _ in self.parts}, least
        found: dict[int, Far] = {}
        if all(isinstance(each, Atoms) for each, _ in self.implicit):
            return found, least
        for each, _ in self.parts:
            low, high = each.hull
            size = low if product else self.scale
            if not (size > 0 and (high - low) * _NARROW < size):
                continue
            far = Far(each, product=product, narrow=True)
            least = min(least, 1e-15 * self.scale * max((far.radius / size) ** 2, 1e-200))
            if self.rule.explicit(each) is None:
                found[id(each)] = far
        return found, least

    def far(self, source: Source) -> Far | None:
        """The source from afar, if that is where its omega mostly is."""
        return self._far.get(id(source))

    def _of_atoms(self) -> _core.freeprob.Subordination | None:
        """The same equations in the core, where what is implicit are laws of atoms; else None."""
        if self.many or len(self.implicit) > 64 or not all(isinstance(each, Atoms) for each, _ in self.implicit):
            return None
        known = [(a, s2, rest[0] if rest else 0.0, t) for _, t, (a, s2, *rest) in self.explicit]
        out = _core.freeprob.Subordination(self.rule.product, known, self.scale)
        for each, t in self.implicit:
            out.add(each._at, each._mass, t)  # type: ignore[attr-defined]
        return out

    def unit(self, x: float) -> float:
        """The size that distances at x are small or large next to: places of products are known relative to x."""
        return min(abs(x), self.size) if self.rule.product else self.size

    # ---- the sum over explicit sources ----

    def _explicit_sums(self, c: Complex) -> tuple[Any, Any, Any]:
        """sum t (p - c), its derivative to c, and the least Im p; a power below 1 is a law of its own."""
        if not self.explicit:
            return 0.0, 0.0, np.inf
        if self.rule.product:
            with np.errstate(all="ignore"):  # of two formulas one is taken, and the other may have a pole
                p, d = self.rule.beyond(self._bundle, c)
            own = np.minimum(self._weights, 1.0)[:, None]
            return self._weights @ p, self._weights @ d, c.imag + (own * p.imag).min(axis=0)
        total, slope, least = 0.0, 0.0, np.full(c.shape, np.inf)
        for _, t, numbers in self.explicit:
            p, d = self.rule.beyond(numbers, c)
            total, slope, least = total + t * p, slope + t * d, np.minimum(least, min(t, 1.0) * p.imag)
        return total, slope, c.imag + least

    # ---- Newton ----

    def _value(self, i: int, p: Complex) -> tuple[Complex, Complex, Complex, Complex]:
        """c and dc/dp of one implicit source, p - c and 1 - dp/dc."""
        each, rule = self.implicit[i][0], self.rule
        c, d = rule.value(each, p)
        less, bend = p - c, 1 - 1 / d
        if (far := self.far(each)) is not None:
            w = np.exp(p) if rule.product else p
            out = far.holds(w)
            if out.any():
                less[out], bend[out] = far.excess(w[out])
                c[out], d[out] = p[out] - less[out], 1 / (1 - bend[out])
        return c, d, less, bend

    def newton(self, place: Complex, start: State, steps: int = 30) -> tuple[State, NDArray[np.bool_]]:
        """Solutions at P = place from a start; which of them converged, within the half-plane."""
        rule = self.rule
        n, k = len(self.implicit), place.size
        if self._compiled is not None:
            goal, c, p = (np.ascontiguousarray(each, dtype=np.complex128) for each in (place, start.c, start.p))
            atoms = sum(each._at.size for each, _ in self.implicit)  # type: ignore[attr-defined]
            threads = available_threads() if k * atoms > 10_000 else 1  # to ask takes longer than so few
            c, p, found, count = self._compiled.newton(goal, c, p, steps, threads)
            self.count.iterations += count
            return State(c, p), found > 0
        out = State(start.c.copy(), start.p.copy())
        good = np.zeros(k, bool)
        live = np.arange(k)
        before = np.full(k, np.inf)
        steps += int(math.log10(1e-15 * self.scale / self.floor))  # damped ones go down by a tenth
        alone = self._leader is not None
        weights = [t for _, t in self.implicit]
        # Of laws seen from afar p - c has its digits: another one leads.
        remote = np.array([1.0 if self.far(each) is None else 1e100 for each, _ in self.implicit])[:, None]
        with np.errstate(all="ignore"):
            for _ in range(steps):
                c, p, goal = out.c[live], out.p[:, live], place[live]
                if self._leader is not None:  # c follows from p, and Newton's method need not know how it diverges
                    only = self._value(self._leader, p[self._leader])
                    c = only[0]
                total, slope, least = self._explicit_sums(c)
                residual, stiffness = total - goal, -slope
                if n == 0:
                    residual, stiffness = residual + c, stiffness - 1
                lead = (np.abs(p) * remote).argmin(axis=0) if n > 1 else 0
                gaps, slopes = [], []
                for i in range(n):
                    ci, di, less, bend = only if i == self._leader else self._value(i, p[i])
                    gap = c - ci
                    rest = less - gap * bend  # p - c, once c_i is c
                    # c once, with what belongs to the least p: where c is infinite, next to a cusp, that keeps digits.
                    whole = (weights[i] - 1) * rest + (p[i] + gap / di)
                    residual = residual + np.where(lead == i, whole, weights[i] * rest)
                    stiffness = stiffness + np.where(lead == i, (weights[i] - 1) * bend - 1 / di, weights[i] * bend)
                    gaps.append(gap)
                    slopes.append(di)
                dc = residual / stiffness
                size = np.abs(dc) / c.imag
                if rule.product and self.explicit:  # next to a pole of ln omega c alone tells little
                    size = np.maximum(size, np.abs(slope * dc))
                damp = np.ones(live.size)
                moves = []
                noise = 1e-15 * (np.abs(c) + np.abs(goal) + sum((np.abs(p[i]) for i in range(n)), np.zeros(live.size)))
                # Next to a narrow law a low omega is no rounding.
                lowest = c.imag if self._beside_points else np.minimum(c.imag, p.imag.min(axis=0, initial=np.inf))
                still = (np.abs(dc) <= noise * (1 + 1 / np.abs(stiffness))) & (lowest < 1e-9 * self.scale)
                for i in range(n):
                    move = (gaps[i] + dc) / slopes[i]
                    still &= np.abs(move) <= noise * (1 + 1 / np.abs(stiffness)) * (1 + 1 / np.abs(slopes[i]))
                    # Next to a narrow law the leader lies closer to the axis than its real part is rounded.
                    felt = np.abs(move.imag) if self._beside_points and i == self._leader else np.abs(move)
                    size = np.maximum(size, felt / p[i].imag)
                    down = -move.imag
                    damp = np.minimum(damp, np.where(down > 0.9 * p[i].imag, 0.9 * p[i].imag / down, 1.0))
                    if math.isfinite(rule.ceiling):
                        room = rule.ceiling - p[i].imag
                        damp = np.minimum(damp, np.where(-down > 0.9 * room, 0.9 * room / -down, 1.0))
                    moves.append(move)
                if not alone:
                    down = -dc.imag
                    damp = np.minimum(damp, np.where(down > 0.9 * c.imag, 0.9 * c.imag / down, 1.0))
                if math.isfinite(rule.ceiling) and self.explicit:  # else c enters linearly, and may lie next to pi
                    room = rule.ceiling - c.imag
                    damp = np.minimum(damp, np.where(-down > 0.9 * room, 0.9 * room / -down, 1.0))
                new_c = c + damp * dc
                out.c[live] = new_c
                height = new_c.imag if n == 0 else np.full(live.size, np.inf)
                for i in range(n):
                    new = p[i] + damp * moves[i]
                    out.p[i, live] = new
                    height = np.minimum(height, new.imag)
                self.count.iterations += int(live.size)
                # Newton's method sees as far as the axis: the next step would be of the order size^2 in these units.
                # Near an edge, and where an omega is far away, rounding keeps steps from shrinking. Where the density
                # is small, imaginary parts are rounding: steps that stay in the half-plane are all there is.
                # A cusp, three solutions that nearly meet, shrinks them by 2/3.
                stalled = size >= before[live] * (0.75 if alone else 0.5)
                done = (damp == 1) & ((size < 1e-8) | ((size < 1e-3) & stalled) | (still & stalled & (size < 0.3)))
                before[live] = size
                finite = np.isfinite(size)
                inside = height > self.floor
                if n == 0 or self.explicit:
                    inside &= least > -1e-9 * self.scale
                good[live[done & finite & inside]] = True
                live = live[~done & finite]
                if live.size == 0:
                    break
        return out, good

    def slope(self, state: State) -> Complex:
        """dc/dP at solutions."""
        stiffness = 1 + self._explicit_sums(state.c)[1]
        for i, (_, t) in enumerate(self.implicit):
            stiffness = stiffness - t * self._value(i, state.p[i])[3]
        return np.asarray(1 / stiffness)

    def moved(self, state: State, step: Complex) -> State:
        """Solutions at places that are `step` further, to first order."""
        dc = self.slope(state) * step
        p = state.p.copy()
        for i, (each, _) in enumerate(self.implicit):
            p[i] += dc / self.rule.value(each, state.p[i])[1]
        return State(state.c + dc, p)

    def residual(self, place: Complex, state: State) -> float:
        """How far the equations are from being met, at most, in units of what a relative change of each unknown does.

        So it is the relative error of an unknown with which they would be met.
        """
        with np.errstate(all="ignore"):
            total, slope, _ = self._explicit_sums(state.c)
            least = 1.0 if self.rule.product else 0.0  # of logarithms: relative changes of what they are taken of
            weight = np.abs(state.c) + least
            residual = state.c + total - place
            size = np.abs(place) + least + np.abs(total) + (1 + np.abs(slope)) * weight
            worst = 0.0
            for i, (_, t) in enumerate(self.implicit):
                p = state.p[i]
                c, d, *_ = self._value(i, p)
                off = np.abs(c - state.c) / (weight + np.abs(d) * (np.abs(p) + least))
                worst = max(worst, float(off.max(initial=0)))
                residual = residual + t * (p - state.c)
                size = size + t * (np.abs(p) + weight)
            return max(worst, float((np.abs(residual) / size).max(initial=0)))

    def note(self, place: Complex, state: State) -> None:
        """Keeps the largest residual of what is returned."""
        self.count.residual = max(self.count.residual, self.residual(place, state))

    def rounding(self, state: State) -> float:
        """What rounding of doubles does to P, at most, at some solutions."""
        with np.errstate(all="ignore"):
            size = np.abs(state.c) + np.abs(self._explicit_sums(state.c)[0])
        for i, (each, t) in enumerate(self.implicit):
            w = np.exp(state.p[i]) if self.rule.product else state.p[i]
            if (far := self.far(each)) is not None and far.holds(w).all():
                size = size + np.abs(state.p[i]) + t * np.abs(far.excess(w)[0])
            else:
                size = size + t * (np.abs(state.p[i]) + np.abs(state.c) + self.rule.product)
        return 2e-16 * float(size.max())

    # ---- from afar ----

    def _afar(self, place: complex) -> State:
        """The solution at one place high up, by the fixed point of the subordination equations."""
        rule = self.rule
        sources = self.parts
        if rule.product and not self.implicit:  # y is nearly mean / z
            y = self.size / np.exp(np.array([place]))
            return State(np.log((1 + y) / y), np.zeros((0, 1), np.complex128))
        p = np.full(len(sources), place, dtype=np.complex128)
        c = p.copy()
        with np.errstate(all="ignore"):
            for _ in range(200):
                c = np.array([rule.value(each, p[i : i + 1])[0][0] for i, (each, _) in enumerate(sources)])
                h = c - p
                for i, (each, _) in enumerate(sources):
                    w = np.exp(p[i]) if rule.product else p[i]
                    if (far := self.far(each)) is not None and far.holds(w):
                        h[i] = -far.excess(w)[0]
                new = place + sum(t * h[i] for i, (_, t) in enumerate(sources)) - h
                if math.isfinite(rule.ceiling):
                    new = new.real + 1j * np.minimum(new.imag, (rule.ceiling + p.imag) / 2)
                change = np.abs(new - p).max()
                p = new
                if change < 1e-3 * self.scale:
                    break
        chosen = [i for i, (each, _) in enumerate(sources) if rule.explicit(each) is None]
        return State(np.array([c.mean()]), p[chosen][:, None])

    def _high(self, place: Complex) -> complex:
        """A place high above the given ones."""
        middle = (place.real.min() + place.real.max()) / 2
        if not self.rule.product:
            return complex(middle, 2 * self.scale)
        return complex(max(place.real.max(), self._upper) + 2, 2.0)

    @cached_property
    def _upper(self) -> float:
        """ln of a point above the support of a product with explicit factors alone: there y is known to be small.

        The upper edge is the least z on y > 0.
        """
        if self.implicit:
            return -math.inf
        (a, s2), t = self._bundle, self._weights[:, None]
        y = np.geomspace(max(1e-3 / max(float((t * a).sum()), 1.0), 1e-300), 1e3, 241)  # least from 1 / sum t a on
        return float((np.log1p(1 / y) + (t * (np.log(s2) + np.log1p(a * y))).sum(axis=0)).min())

    def solve(self, place: Complex, guess: State | None = None) -> tuple[State, NDArray[np.bool_]]:
        """Solutions at P = place in the closed upper half-plane, from a guess where it is good, else from afar."""
        k = place.size
        self.count.points += k
        if guess is not None:
            out, good = self.newton(place, guess, 12)
        else:
            out = State(np.zeros(k, np.complex128), np.zeros((len(self.implicit), k), np.complex128))
            good = np.zeros(k, bool)
        todo = np.flatnonzero(~good)
        if todo.size:
            self.count.continued += int(todo.size)
            state, found = self._continued(place[todo])
            out.put(todo, state)
            good[todo] = found
        return out, good

    def _continued(self, place: Complex) -> tuple[State, NDArray[np.bool_]]:
        """Along straight lines from a place high up: over, then down; a step that fails is halved."""
        high = self._high(place)
        start = self._afar(high)
        begin, ok = self.newton(np.array([high]), start, 100)
        k = place.size
        state = State(np.repeat(begin.c, k), np.repeat(begin.p, k, axis=1))
        done = np.zeros(k, bool)
        if not ok[0]:
            return state, done
        here = np.full(k, high)
        over = place.real + 1j * np.maximum(high.imag, place.imag)
        for target in (over, place):
            # The whole way at once, then less of it.
            part = np.ones(k)
            done = here == target
            for _ in range(200):
                todo = np.flatnonzero(~done & (part > 1e-6))
                if todo.size == 0:
                    break
                # Downwards the height falls by a factor, so that a near end is met with short steps.
                goal = np.where(part[todo] == 1, target[todo], here[todo] + part[todo] * (target[todo] - here[todo]))
                new, good = self.newton(goal, state[todo], 16)
                state.put(todo[good], new[good])
                here[todo[good]] = goal[good]
                done[todo] = good & (goal == target[todo])
                part[todo] = np.where(good, np.minimum(1.0, 4 * part[todo]), part[todo] / 4)
        return state, done
