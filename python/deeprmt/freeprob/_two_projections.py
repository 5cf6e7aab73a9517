"""Two free projections of any traces, in closed form.

Projections p and q of traces alpha and beta, in general position, are direct sums of (1, 1), (1, 0), (0, 1), (0, 0), of
the masses that their ranges and kernels share, and of p = (1 0; 0 0), q = (c^2 cs; cs s^2), with c and s the cosine and
sine of an angle. That of free projections has the law

    sqrt((c+^2 - c^2) (c^2 - c-^2)) / (pi c s),     c+- = sqrt(alpha (1 - beta)) +- sqrt(beta (1 - alpha))

(the spectrum of pqp, Voiculescu), whose integral is elementary. Eigenvalues of an expression in p and q are those of
2 x 2 matrices at each angle. Nothing is solved, and atoms that nearly vanish and gaps that nearly close keep their
digits: with d = |alpha - beta| and e = |alpha + beta - 1| the differences are c- = d / c+ and s+ = e / s-.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..laws import Law
from ..laws._mixture import merged
from ..laws._quadrature import Interval, integrate
from ._symbols import Expression, Inverse, Letter

__all__ = ["TwoProjections", "atoms_of_two"]

Array = NDArray[np.float64]
Complex = NDArray[Any]
Jet = tuple[Complex, Complex]

_LEAST_MASS = 1e-14  # of what ranges share: less is rounding
_FLAT = 1e-13  # of the size: eigenvalues that vary less do not at all
_GRID = 48  # points for each letter of the longest word, on which turns are looked for
_CLOSER = 8.0  # from one mark to the next, towards an end that is nearly 0
_SETTLED = 1e-12


def atoms_of_two(law: Law) -> list[tuple[float, float]] | None:
    """The atoms of a law that has just two, and nothing else."""
    atoms = law.atoms()
    if len(atoms) != 2 or law.support():
        return None
    return atoms


class _Angle:
    """The law of the angle, by the smaller of two: of sine c in chart 0, and of sine s in chart 1."""

    def __init__(self, d: float, e: float, alpha: float, beta: float, mass: float) -> None:
        high_c = math.sqrt(alpha * (1 - beta)) + math.sqrt(beta * (1 - alpha))
        high_s = math.sqrt(alpha * beta) + math.sqrt((1 - alpha) * (1 - beta))
        low_c, low_s = d / high_c, e / high_s
        self.mass = mass
        self.weights = ((d, e), (e, d))
        # The least and the largest angle in each chart, and the slopes of the arcs whose sum is the mass.
        low, high = (low_c, high_c), (low_s, high_s)
        self.ends = (
            (math.atan2(low_c, high_s), math.atan2(high_c, low_s)),
            (math.atan2(low_s, high_c), math.atan2(high_s, low_c)),
        )
        self.ratios = tuple(
            (mine[1] / mine[0] if mine[0] > 0 else 0.0, other[0] / other[1])
            for mine, other in ((low, high), (high, low))
        )

    def density(self, chart: int, w: Array) -> Array:
        low, high = self.ends[chart]
        out = np.full(w.shape, 1 / math.pi)
        with np.errstate(divide="ignore", invalid="ignore"):
            if low > 0:
                out = out * np.sqrt(np.maximum(np.sin(w - low) * np.sin(w + low), 0.0)) / np.sin(w)
            if self.weights[chart][1] > 0:
                out = out * np.sqrt(np.maximum(np.sin(high - w) * np.sin(high + w), 0.0)) / np.cos(w)
        return out

    def below(self, chart: int, w: Array) -> Array:
        """The mass of angles from the least of the chart up to w."""
        low, high = self.ends[chart]
        with np.errstate(divide="ignore", invalid="ignore"):
            r = np.sqrt(
                np.maximum(np.sin(w - low) * np.sin(w + low), 0.0)
                / np.maximum(np.sin(high - w) * np.sin(high + w), 0.0)
            )
            total = np.arctan(r)
            for weight, ratio in zip(self.weights[chart], self.ratios[chart], strict=True):
                if weight > 0:
                    total = total - weight * np.arctan(ratio * r)
        return np.asarray(np.clip(total / math.pi, 0.0, self.mass))


class _Piece:
    """A stretch of angles on which one eigenvalue is monotone."""

    def __init__(self, chart: int, sign: int, a: float, b: float, u: float, v: float, mass: float) -> None:
        self.chart, self.sign, self.a, self.b, self.u, self.v, self.mass = chart, sign, a, b, u, v, mass


class TwoProjections:
    """The law of an expression in two free letters with two atoms each: support, atoms, density and mass below."""

    def __init__(
        self,
        expression: Expression,
        atoms: Mapping[Letter, list[tuple[float, float]]],
        corners: Mapping[tuple[int, int], float] | None = None,
    ) -> None:
        """`corners` are the values at pairs of atoms, where they are known better than from the expression."""
        self.expression = expression
        self.corners = corners
        self.letters = tuple(atoms)
        self.places = [[at for at, _ in atoms[letter]] for letter in self.letters]
        (q0, p0), (r0, s0) = ([mass for _, mass in atoms[letter]] for letter in self.letters)
        alpha, beta = p0, s0
        # Differences of masses as they were given, where 1 - mass would round.
        shared = {(1, 1): alpha - r0, (0, 0): q0 - beta, (1, 0): alpha - beta, (0, 1): q0 - r0}
        self.shared = {key: mass for key, mass in shared.items() if mass > _LEAST_MASS}
        d = max(self.shared.get((1, 0), 0.0), self.shared.get((0, 1), 0.0))
        e = max(self.shared.get((1, 1), 0.0), self.shared.get((0, 0), 0.0))
        self.angle = _Angle(d, e, alpha, beta, max((1 - d - e) / 2, 0.0))
        self.points, self.iterations = 0, 0

    # ---- the eigenvalues ----

    def _jet(self, terms: Mapping[Any, complex], letters: Mapping[Letter, Jet], shape: Any) -> Jet:
        """The matrices of an expression and their derivatives to the angle."""
        total, slope = np.zeros(shape, np.complex128), np.zeros(shape, np.complex128)
        for word, c in terms.items():
            value, change = np.broadcast_to(np.eye(shape[-1]) * complex(c), shape), np.zeros(shape)
            for each in word:
                if isinstance(each, Inverse):
                    inner, bend = self._jet(each.of.terms, letters, shape)
                    inner = np.linalg.inv(inner)
                    more, bend = inner, -inner @ bend @ inner
                else:
                    more, bend = letters[each]
                value, change = value @ more, change @ more + value @ bend
            total, slope = total + value, slope + change
        return total, slope

    def eigenvalues(self, chart: int, w: Array) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
        """(lower, upper) eigenvalue and their slopes."""
        small, large = np.sin(w), np.cos(w)
        c, s = (small, large) if chart == 0 else (large, small)
        turn = 1.0 if chart == 0 else -1.0  # dc/dw = s, or -s
        shape = (w.size, 2, 2)
        p, q, bend = np.zeros(shape), np.empty(shape), np.empty(shape)
        p[:, 0, 0] = 1.0
        q[:, 0, 0], q[:, 1, 1], q[:, 0, 1], q[:, 1, 0] = c * c, s * s, c * s, c * s
        bend[:, 0, 0], bend[:, 1, 1] = 2 * turn * c * s, -2 * turn * c * s
        bend[:, 0, 1] = bend[:, 1, 0] = turn * (s - c) * (s + c)
        (x0, x1), (y0, y1) = self.places
        one = np.eye(2)
        known = {
            self.letters[0]: (x0 * (one - p) + x1 * p + 0j, np.zeros(shape, np.complex128)),
            self.letters[1]: (y0 * (one - q) + y1 * q + 0j, (y1 - y0) * bend + 0j),
        }
        m, dm = self._jet(self.expression.terms, known, shape)
        mean, slope = (m[:, 0, 0] + m[:, 1, 1]).real / 2, (dm[:, 0, 0] + dm[:, 1, 1]).real / 2
        half, rise = (m[:, 0, 0] - m[:, 1, 1]).real / 2, (dm[:, 0, 0] - dm[:, 1, 1]).real / 2
        off, drift = m[:, 0, 1], dm[:, 0, 1]
        root = np.hypot(half, np.abs(off))
        with np.errstate(divide="ignore", invalid="ignore"):
            change = (half * rise + (np.conj(off) * drift).real) / root
        change = np.where(root > 0, change, np.hypot(rise, np.abs(drift)))  # where the two meet, for larger angles
        # The smaller of the two from their product, where the difference would cancel.
        side = np.where(mean >= 0, 1.0, -1.0)
        large, tilt = mean + side * root, slope + side * change
        product = (m[:, 0, 0] * m[:, 1, 1] - np.conj(off) * off).real
        bend = (dm[:, 0, 0] * m[:, 1, 1] + m[:, 0, 0] * dm[:, 1, 1] - 2 * np.conj(off) * drift).real
        with np.errstate(divide="ignore", invalid="ignore"):
            little = np.where(large != 0, product / large, 0.0)
            lean = np.where(large != 0, (bend - little * tilt) / large, slope - side * change)
        # Where the two meet they may be taken as they are.
        lean = np.where(root > 0, lean, slope - side * change)
        up = side > 0
        lower, upper = np.where(up, little, large), np.where(up, large, little)
        return (lower, upper), (np.where(up, lean, tilt), np.where(up, tilt, lean))

    def _at_corner(self, key: tuple[int, int]) -> float:
        """The value where both letters are numbers."""
        if self.corners is not None:
            return self.corners[key]
        values = {
            letter: (np.array([[[self.places[k][key[k]] + 0j]]]), np.zeros((1, 1, 1), np.complex128))
            for k, letter in enumerate(self.letters)
        }
        return float(self._jet(self.expression.terms, values, (1, 1, 1))[0].real.item())

    @cached_property
    def size(self) -> float:
        """The largest value of an eigenvalue, about."""
        top = [abs(self._at_corner(key)) for key in self.shared]
        for chart, a, b in self._stretches:
            (low, high), _ = self.eigenvalues(chart, np.linspace(a, b, 33))
            top.append(float(max(np.abs(low).max(), np.abs(high).max())))
        return max(max(top), 1e-300)

    @cached_property
    def _stretches(self) -> list[tuple[int, float, float]]:
        """(chart, least, largest angle)."""
        if self.angle.mass <= _LEAST_MASS:
            return []
        out = []
        for chart in (0, 1):
            low, high = self.angle.ends[chart]
            if low < math.pi / 4:
                out.append((chart, low, min(high, math.pi / 4)))
        return out

    @cached_property
    def _found(self) -> tuple[list[_Piece], list[tuple[float, float]]]:
        """Pieces, and atoms of all angles."""
        pieces, atoms = [], []
        count = _GRID * (2 + max(_length(word) for word in self.expression.terms))
        for sign in (0, 1):
            values: list[float] = []
            mine = []
            for chart, a, b in self._stretches:
                grid = a + (b - a) * np.sin(np.linspace(0, math.pi / 2, count)) ** 2
                grid[-1] = b
                every, slopes = self.eigenvalues(chart, grid)
                values += every[sign].tolist()
                marks = [a, *self._turns(chart, sign, grid, slopes[sign]), b]
                at = self.eigenvalues(chart, np.array(marks))[0][sign]
                mass = self.angle.below(chart, np.array(marks))
                mine += [
                    _Piece(chart, sign, s, t, float(u), float(v), float(n - m))
                    for (s, t), (u, v), (m, n) in zip(
                        pairwise(marks), pairwise(at.tolist()), pairwise(mass.tolist()), strict=True
                    )
                ]
            if values and max(values) - min(values) <= _FLAT * self.size:
                atoms.append((float(np.median(values)), self.angle.mass))
                continue
            if len(self._stretches) == 2:  # both charts end in the same angle
                first = [piece for piece in mine if piece.chart == 0][-1]
                [piece for piece in mine if piece.chart == 1][-1].v = first.v
            pieces += [piece for piece in mine if piece.u != piece.v]
        return pieces, atoms

    def _turns(self, chart: int, sign: int, grid: Array, slope: Array) -> list[float]:
        """Where the eigenvalue turns, or has a kink that turns it."""
        rounding = _FLAT * self.size
        sure = np.flatnonzero(np.abs(slope) > rounding)
        k = np.flatnonzero(np.sign(slope[sure][1:]) != np.sign(slope[sure][:-1]))
        low, high, start = grid[sure[k]].copy(), grid[sure[k + 1]].copy(), np.sign(slope[sure[k]])
        for _ in range(60 if k.size else 0):
            middle = (low + high) / 2
            same = np.sign(self.eigenvalues(chart, middle)[1][sign]) == start
            low, high = np.where(same, middle, low), np.where(same, high, middle)
        return [float(each) for each in (low + high) / 2]

    # ---- the law ----

    @cached_property
    def atoms(self) -> list[tuple[float, float]]:
        """(location, mass), ascending; what lies at the same place is one."""
        every = sorted([(self._at_corner(key), mass) for key, mass in self.shared.items()] + self._found[1])
        out: list[tuple[float, float]] = []
        for at, mass in every:
            if abs(at) <= _FLAT * self.size:
                at = 0.0
            if out and at - out[-1][0] <= _FLAT * self.size:
                out[-1] = (out[-1][0], out[-1][1] + mass)
            else:
                out.append((at, mass))
        return out

    @cached_property
    def support(self) -> list[tuple[float, float]]:
        """Intervals, ascending."""
        return merged([(min(piece.u, piece.v), max(piece.u, piece.v)) for piece in self._found[0]])

    @property
    def mass(self) -> float:
        """Of all atoms and pieces: 1 but for rounding."""
        return sum(mass for _, mass in self.atoms) + sum(piece.mass for piece in self._found[0])

    @property
    def turns(self) -> list[float]:
        """Values inside the support at which an eigenvalue turns, and the density is infinite."""
        pieces, intervals = self._found[0], self.support
        ends = {
            end
            for piece in pieces
            for end, w in ((piece.u, piece.a), (piece.v, piece.b))
            if abs(self.eigenvalues(piece.chart, np.array([w]))[1][piece.sign][0]) <= _FLAT * self.size
        }
        return sorted(end for end in ends if any(low < end < high for low, high in intervals))

    def _inverse(self, piece: _Piece, y: Array) -> Array:
        """The angle of a value on a piece: Newton's method inside a bracket that shrinks."""
        rising = piece.v > piece.u
        self.points += y.size
        low, high = np.full(y.shape, piece.a), np.full(y.shape, piece.b)
        w = (low + high) / 2
        live = np.arange(y.size)
        for _ in range(400):
            at = w[live]
            values, slopes = self.eigenvalues(piece.chart, at)
            excess = (values[piece.sign] - y[live]) * (1 if rising else -1)
            low[live], high[live] = np.where(excess <= 0, at, low[live]), np.where(excess >= 0, at, high[live])
            with np.errstate(all="ignore"):
                new = at - excess / np.abs(slopes[piece.sign])
            inside = np.isfinite(new) & (new > low[live]) & (new < high[live])
            new = np.where(inside | (excess == 0), np.where(excess == 0, at, new), (low[live] + high[live]) / 2)
            w[live] = new
            self.iterations += live.size
            live = live[(np.abs(new - at) > 4e-16 * at) & (high[live] - low[live] > 4e-16 * high[live])]
            if live.size == 0:
                break
        return np.asarray(w)

    def _angles(self, piece: _Piece, y: Array) -> tuple[NDArray[np.bool_], Array]:
        """Which values lie on a piece, ends included, and their angles."""
        inside = (y >= min(piece.u, piece.v)) & (y <= max(piece.u, piece.v))
        here = y[inside]
        w: Array = np.where(here == piece.u, piece.a, piece.b)
        rest = (here != piece.u) & (here != piece.v)
        if rest.any():
            w[rest] = self._inverse(piece, here[rest])
        return inside, w

    def pdf(self, y: Array) -> Array:
        """The density; infinite where an eigenvalue turns."""
        out = np.zeros(y.shape)
        for piece in self._found[0]:
            inside, w = self._angles(piece, y)
            if not inside.any():
                continue
            slope = np.abs(self.eigenvalues(piece.chart, w)[1][piece.sign])
            turns = (w == piece.a) | (w == piece.b)
            slope = np.where(turns & (slope <= _FLAT * self.size), 0.0, slope)
            density = self.angle.density(piece.chart, w)
            with np.errstate(divide="ignore", invalid="ignore"):
                each = np.where(density > 0, density / slope, 0.0)
            # Where pieces meet, at a chart's end or where eigenvalues cross, each has half.
            at = y[inside]
            shared = ((at == piece.u) | (at == piece.v)) & np.any(
                [(at > low) & (at < high) for low, high in self.support], axis=0
            )
            out[inside] += np.where(shared, each / 2, each)
        return out

    def below(self, y: Array) -> Array:
        """The mass up to y, y itself included."""
        out = np.zeros(y.shape)
        for piece in self._found[0]:
            out[y > max(piece.u, piece.v)] += piece.mass
            inside, w = self._angles(piece, y)
            if inside.any():
                start, end = (self.angle.below(piece.chart, np.array([each]))[0] for each in (piece.a, piece.b))
                here = self.angle.below(piece.chart, w)
                out[inside] += here - start if piece.v > piece.u else end - here
        for at, mass in self.atoms:
            out[y >= at] += mass
        return np.clip(out, 0.0, 1.0)

    def expect(self, function: Callable[[Array], Any]) -> Any:
        """The mean of a function."""
        total: Any = sum(mass * function(np.array([at]))[0] for at, mass in self.atoms)
        for piece in self._found[0]:
            marks = [piece.a]
            while 0 < marks[-1] * _CLOSER < piece.b:
                marks.append(marks[-1] * _CLOSER)
            for a, b in pairwise([*marks, piece.b]):

                def integrand(w: Array, piece: _Piece = piece) -> Any:
                    values = self.eigenvalues(piece.chart, w)[0][piece.sign]
                    return function(values) * self.angle.density(piece.chart, w)

                total = total + integrate(integrand, Interval(a, b), rtol=_SETTLED)
        return total


def _length(word: Any) -> int:
    return sum(
        1 + max((_length(each) for each in letter.of.terms), default=0) if isinstance(letter, Inverse) else 1
        for letter in word
    )
