"""What free convolution asks of a law: its Cauchy transform, the slope of it, and its logarithmic potential.

All three at points of the closed upper half-plane, a real point standing for the limit from above:

    G(w) = int mu(dx) / (w - x),  G'(w),  U(w) = int log(w - x) mu(dx)
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import _core
from .._arguments import available_threads
from ..errors import ConvergenceError
from ..laws import Beta, Law, MarchenkoPastur, Mixture, Semicircle
from ..laws._affine import Affine
from ..laws._mixture import merged
from ..laws._power import Power
from ..laws._squared_slope import Falling, power_of_slope

__all__ = ["Atoms", "Mixed", "Scaled", "Series", "Slopes", "Solved", "Source", "source"]

Array = NDArray[np.float64]
Complex = NDArray[np.complex128]

_SOLVED = ("deeprmt.freeprob._free_laws", "deeprmt.freeprob._split_product")
_MOST_COEFFICIENTS = 4096
_SETTLED = 1e-13
_RESOLVED = 1e-11
_BEYOND = 39.0  # deviations, where nothing is left of a Gaussian
_SHRINKING = 0.5 ** np.arange(0, 54)
_EVEN = np.linspace(0.0, _BEYOND, 105)
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(16)


class Source:
    """A law as the solvers see it."""

    gaps: list[tuple[float, float]]
    """The open intervals free of mass, ascending, the first from -inf and the last to inf."""
    atoms: list[tuple[float, float]]
    accuracy: float = 0.0
    """How well the law is resolved, as far as that is not rounding."""

    def __init__(self, law: Law) -> None:
        self.law = law
        self.atoms = [(float(at), float(mass)) for at, mass in law.atoms()]
        pieces = sorted([*law.support(), *((at, at) for at, _ in self.atoms)])
        self.gaps, last = [], -math.inf
        for low, high in pieces:
            if low > last:
                self.gaps.append((last, low))
            last = max(last, high)
        self.gaps.append((last, math.inf))

    @property
    def pieces(self) -> list[tuple[float, float]]:
        """The intervals between the gaps; single points are atoms."""
        return [(before[1], after[0]) for before, after in pairwise(self.gaps)]

    @property
    def hull(self) -> tuple[float, float]:
        """The least interval that carries all mass."""
        return self.gaps[0][1], self.gaps[-1][0]

    def resolvent(self, w: Complex) -> tuple[Complex, Complex]:
        """G and G'."""
        return -self.law._stieltjes(w), -self.law._stieltjes_derivative(w)

    def moments(self, w: Complex) -> tuple[Complex, Complex, Complex]:
        """1 + M, M and M' with M = w G - 1."""
        g, slope = self.resolvent(w)
        one = w * g
        return one, one - 1, g + w * slope

    def argument(self, w: Complex) -> Array:
        """The imaginary part of U: the mean of arg(w - x), in [0, pi]."""
        return np.asarray(self.law._log_potential(w).imag)


class _Sums:
    """Sums of mass / (w - at)."""

    def __init__(self, at: Array, mass: Array) -> None:
        self._at, self._mass = np.ascontiguousarray(at), np.ascontiguousarray(mass)

    def sums(self, w: Complex) -> tuple[Complex, Complex]:
        """And their derivative."""
        threads = available_threads() if w.size * self._at.size > 10_000 else 1  # to ask takes longer than such sums
        return _core.freeprob.atom_sums(self._at, self._mass, np.ascontiguousarray(w), threads)


class Atoms(Source):
    """A law of atoms alone, few or many."""

    def __init__(self, law: Law) -> None:
        super().__init__(law)
        pairs = np.array(self.atoms)
        self._at, self._mass = np.ascontiguousarray(pairs[:, 0]), np.ascontiguousarray(pairs[:, 1])
        away = self._at != 0
        self._at_zero = float(self._mass[~away].sum())
        self._all = _Sums(self._at, self._mass)
        self._others = self._all if away.all() else _Sums(self._at[away], self._mass[away])
        self._weighted = _Sums(self._at[away], self._mass[away] * self._at[away])
        self._cores: dict[bool, _core.freeprob.Subordination] = {}

    def resolvent(self, w: Complex) -> tuple[Complex, Complex]:
        """G and G'."""
        return self._all.sums(w)

    def moments(self, w: Complex) -> tuple[Complex, Complex, Complex]:
        """1 + M, M and M'."""
        # M = sum m a / (w - a) without the atom at 0, next to which nothing else of w G could be seen.
        y, slope = self._weighted.sums(w)
        one = 1 + y
        small = np.abs(one) < 0.25
        if small.any():  # and 1 + M, where that is small, without the difference
            one[small] = self._at_zero + w[small] * self._others.sums(w[small])[0]
        return one, y, slope

    def alone(self, product: bool) -> _core.freeprob.Subordination:
        """The law for the core, which knows its p, c and u on the axis."""
        if product not in self._cores:
            self._cores[product] = _core.freeprob.Subordination(product, [], 1.0)
            self._cores[product].add(self._at, self._mass, 1.0)
        return self._cores[product]

    def threads(self, count: int) -> int:
        """For sums at so many points: to ask takes longer than a few."""
        return available_threads() if count * self._at.size > 10_000 else 1

    def argument(self, w: Complex) -> Array:
        """The mean of arg(w - x)."""
        return _core.freeprob.atom_arguments(self._at, self._mass, np.ascontiguousarray(w), available_threads())


class Scaled(Source):
    """The law of factor * x + offset."""

    def __init__(self, law: Affine, base: Source | None = None) -> None:
        super().__init__(law)
        self._base, self._factor, self._offset = base or source(law.base), law.factor, law.offset
        self.accuracy = self._base.accuracy
        ends = [(law._image(low), law._image(high)) for low, high in self._base.gaps]
        self.gaps = ends if law.factor > 0 else [(high, low) for low, high in reversed(ends)]

    def resolvent(self, w: Complex) -> tuple[Complex, Complex]:
        """G and G'."""
        inner = (w - self._offset) / self._factor
        g, slope = self._base.resolvent(inner if self._factor > 0 else np.conj(inner))
        if self._factor < 0:
            g, slope = np.conj(g), np.conj(slope)
        return g / self._factor, slope / self._factor**2

    def moments(self, w: Complex) -> tuple[Complex, Complex, Complex]:
        """1 + M, M and M'."""
        if self._offset != 0 or self._factor < 0:
            return super().moments(w)
        one, y, slope = self._base.moments(w / self._factor)  # with the digits that the base has of M
        return one, y, slope / self._factor

    def argument(self, w: Complex) -> Array:
        """The mean of arg(w - x)."""
        inner = (w - self._offset) / self._factor
        if self._factor > 0:
            return self._base.argument(inner)
        return math.pi - self._base.argument(np.conj(inner))


class Solved(Source):
    """A law that brings its own G and mean argument: another free convolution."""

    def __init__(
        self,
        law: Law,
        resolvent: Callable[[Complex], tuple[Complex, Complex]],
        moments: Callable[[Complex], tuple[Complex, Complex, Complex]],
        argument: Callable[[Complex], Array],
    ) -> None:
        super().__init__(law)
        self._resolvent, self._moments, self._argument = resolvent, moments, argument

    def resolvent(self, w: Complex) -> tuple[Complex, Complex]:
        """G and G'."""
        return self._resolvent(w)

    def moments(self, w: Complex) -> tuple[Complex, Complex, Complex]:
        """1 + M, M and M'."""
        return self._moments(w)

    def argument(self, w: Complex) -> Array:
        """The mean of arg(w - x)."""
        return self._argument(w)


class Mixed(Source):
    """A mixture: the parts' transforms, added up. Where parts overlap, the sum is not smooth at their ends."""

    def __init__(self, law: Mixture) -> None:
        super().__init__(law)
        self._parts = [(weight, source(part)) for weight, part in law.parts]
        self.accuracy = sum(weight * part.accuracy for weight, part in self._parts)
        # As the parts have their ends: what has none is cut.
        pieces = merged((low, high) for _, part in self._parts for low, high in part.pieces)
        ends = [-math.inf, *(end for pair in pieces for end in pair), math.inf]
        self.gaps = list(zip(ends[::2], ends[1::2], strict=True))

    def _sum(self, values: Callable[[Source], Any]) -> Any:
        return sum(weight * np.asarray(values(part)) for weight, part in self._parts)

    def resolvent(self, w: Complex) -> tuple[Complex, Complex]:
        """G and G'."""
        g, slope = self._sum(lambda part: part.resolvent(w))
        return g, slope

    def moments(self, w: Complex) -> tuple[Complex, Complex, Complex]:
        """1 + M, M and M'."""
        one, y, slope = self._sum(lambda part: part.moments(w))
        return one, y, slope

    def argument(self, w: Complex) -> Array:
        """The mean of arg(w - x)."""
        return np.asarray(self._sum(lambda part: part.argument(w)))


class Slopes(Source):
    """The law of a squared slope at a Gaussian, which knows its G as far as the axis.

    The mean argument is an integral over the Gaussian, on panels that shrink towards where x(z) passes w.
    """

    def resolvent(self, w: Complex) -> tuple[Complex, Complex]:
        """G and G'."""
        m, slope = self.law._sums(np.asarray(w, np.complex128))  # type: ignore[attr-defined]
        return -m, -slope

    def centred_moments(self, count: int, unit: float) -> Array:
        """The means of ((x - mean) / unit)^k, k = 1, 2, ...: next to the top by what x falls short of it."""
        law: Any = self.law
        marks = np.linspace(0.0, _BEYOND, 105)
        half = np.diff(marks)[:, None] / 2
        z = (marks[:-1, None] + half + half * _NODES).ravel()
        weight = math.sqrt(2 / math.pi) * (half * _WEIGHTS).ravel() * np.exp(-z * z / 2)
        short = law._short(z)
        x = (float(weight @ short) - short) / unit
        return np.array([float(weight @ x**k) for k in range(1, count + 1)])

    def argument(self, w: Complex) -> Array:
        """The mean of arg(w - x)."""
        w = np.asarray(w, np.complex128)
        w = np.where(w.imag > 0, w, w.real + 0j)
        law: Any = self.law
        high = float(self.hull[1])
        with np.errstate(all="ignore"):
            close = law._poles(np.where(w == 0, 1e-300, w))[0]
            real, height = (np.array([getattr(each, part) for each in close]) for part in ("real", "imag"))
            nearest = np.where(np.isfinite(height), np.abs(height), np.inf).argmin(axis=0)
            middle = np.nan_to_num(np.abs(real[nearest, np.arange(w.size)]), nan=0.0, posinf=_BEYOND)
        out = np.zeros(w.shape)
        for k, centre in enumerate(np.minimum(middle, _BEYOND)):
            marks = np.concatenate([centre - _SHRINKING, [centre], centre + _SHRINKING[::-1], _EVEN])
            marks = np.unique(np.clip(marks, 0.0, _BEYOND))
            half = np.diff(marks)[:, None] / 2
            z = (marks[:-1, None] + half + half * _NODES).ravel()
            weight = (half * _WEIGHTS).ravel() * np.exp(-z * z / 2)
            with np.errstate(all="ignore"):
                short = law._short(z)  # w - x without the rounding of the smaller one
                real_part = np.where(short < high / 2, (w[k].real - high) + short, w[k].real - law._x(z))
            out[k] = math.sqrt(2 / math.pi) * float(weight @ np.arctan2(w[k].imag, real_part))
        return out


class Series(Source):
    """A density as a series of cosines on each interval, and atoms.

    With x = centre + half cos t, a density that vanishes or diverges like a square root at its edges has
    f(t) = density(x) half sin t smooth, even and periodic: f = sum f_k cos kt converges like a power of a number. And
    then G = pi / (half r) sum f_k v^k with A = (w - centre) / half, r = sqrt(A^2 - 1), v = A - r: as exact on the
    support as away from it, and U has a series as well.
    """

    def __init__(self, law: Law, patient: bool = True) -> None:
        super().__init__(law)
        self._pieces = []
        for low, high in law.support():
            coefficients, tail = _cosines(law, low, high, patient)
            self._pieces.append((low, high, coefficients))
            self.accuracy = max(self.accuracy, tail)
        # What rounding, or the tail, took from the mass is given back.
        continuous = 1 - sum(mass for _, mass in self.atoms)
        found = math.pi * sum(float(f[0]) for *_, f in self._pieces)
        if found > 0:
            self.accuracy = max(self.accuracy, abs(found - continuous))
            self._pieces = [(low, high, f * (continuous / found)) for low, high, f in self._pieces]

    def resolvent(self, w: Complex) -> tuple[Complex, Complex]:
        """G and G'."""
        w = w + 0j
        g, slope = np.zeros_like(w), np.zeros_like(w)
        with np.errstate(divide="ignore", invalid="ignore"):
            for at, mass in self.atoms:
                g += mass / (w - at)
                slope -= mass / (w - at) ** 2
            for low, high, f in self._pieces:
                a, r, v = _joukowski(w, low, high)
                total, change = _horner(f, v)
                scale = 2 * math.pi / (high - low)
                g += scale * total / r
                slope -= scale * 2 / (high - low) * (a * total / r + v * change) / r**2
        return g, slope

    def argument(self, w: Complex) -> Array:
        """The mean of arg(w - x)."""
        w = w + 0j
        out = np.zeros(w.shape)
        for at, mass in self.atoms:
            out += mass * np.angle(w - at)
        for low, high, f in self._pieces:
            v = _joukowski(w, low, high)[2]
            weights = f.copy()
            weights[1:] /= np.arange(1, f.size)
            weights[0] = 0
            out -= math.pi * (f[0] * np.angle(v) + _horner(weights, v)[0].imag)
        return out


def _joukowski(w: Complex, low: float, high: float) -> tuple[Complex, Complex, Complex]:
    """A, r = sqrt(A^2 - 1) and v = A - r."""
    half = (high - low) / 2
    above, below = (w - high) / half, (w - low) / half
    r = np.sqrt(above + 0j) * np.sqrt(below + 0j)
    a = (above + below) / 2
    return a, r, 1 / (a + r)


def _horner(f: Array, v: Complex) -> tuple[Complex, Complex]:
    """The polynomial with coefficients f, constant first, and its derivative."""
    threads = available_threads() if v.size * f.size > 10_000 else 1
    total, change = _core.freeprob.power_series(np.ascontiguousarray(f), np.ascontiguousarray(v.ravel()), threads)
    return total.reshape(v.shape), change.reshape(v.shape)


def _cosines(law: Law, low: float, high: float, patient: bool) -> tuple[Array, float]:
    """Coefficients of the density, times dx/dt, on one interval; and the size of what was left out.

    Unless `patient` only those that are seen to fall fast enough.
    """
    n, width, before = 32, high - low, math.inf
    while True:
        t = math.pi * (np.arange(n) + 0.5) / n
        # x falls as t grows; distances from both edges without cancellation
        x = np.where(t > math.pi / 2, low + width * np.cos(t / 2) ** 2, high - width * np.sin(t / 2) ** 2)
        values = law._pdf(x) * (width / 2) * np.sin(t)
        if not np.isfinite(values).all():
            raise ValueError(f"{law!r}: the density must be finite inside ({low}, {high})")
        spectrum = np.fft.rfft(np.concatenate([values, values[::-1]]))[:n]
        f = (spectrum * np.exp(-0.5j * math.pi * np.arange(n) / n)).real / n
        f[0] /= 2
        size = float(np.abs(f).max())
        tail = float(np.abs(f[-n // 4 :]).max())
        # Where coefficients fall like a power, a doubling takes the same factor each time.
        rounds = math.log2(_MOST_COEFFICIENTS / n)
        hopeless = n >= 256 and tail > 0.1 * before and tail * (tail / before) ** rounds * n > _RESOLVED
        before = tail
        if tail <= _SETTLED * size or n >= _MOST_COEFFICIENTS or (hopeless and not patient):
            keep = np.flatnonzero(np.abs(f) > 1e-16 * size)
            return f[: keep[-1] + 1 if keep.size else 1], tail * n if tail > _SETTLED * size else tail
        n *= 2


def source(law: Law) -> Source:
    """The law as a source, made once."""
    try:
        return _cached(law)
    except TypeError:  # a law that cannot be hashed
        return _made(law)


def _overlap(law: Mixture) -> bool:
    """Whether parts with a density have points in common, or one has no end."""
    pairs = sorted(pair for _, part in law.parts for pair in part.support())
    return any(not math.isfinite(end) for pair in pairs for end in pair) or any(
        before[1] >= after[0] for before, after in pairwise(pairs)
    )


def _made(law: Law) -> Source:
    if isinstance(law, Affine):
        base = source(law.base)
        # Far from 0 next to their width, cosines of an angle are better off with edges of their own.
        return Series(law) if isinstance(base, Series) and law.factor == 1 else Scaled(law)
    if not law.support():
        return Atoms(law)
    if isinstance(law, Semicircle) or (isinstance(law, MarchenkoPastur) and not law.singular):
        return Source(law)
    if isinstance(law, Power) and (same := power_of_slope(law.base, law.exponent)) is not None:
        law = same
        if isinstance(law, Affine):
            return Scaled(law)
    if isinstance(law, Falling):
        return Slopes(law)
    from ._panels import Halves, Panels

    if isinstance(law, Mixture) and _overlap(law):
        return Mixed(law)
    if not all(math.isfinite(end) for pair in law.support() for end in pair):
        return Panels(law)
    solves_itself = type(law).__module__ in _SOLVED
    out = Series(law, patient=solves_itself)
    if out.accuracy < _RESOLVED or solves_itself:
        return out
    if isinstance(law, Mixture):  # one part may be known better than by cosines
        return Mixed(law)
    try:
        other: Source = Panels(law) if not isinstance(law, Beta) or law.b >= 1 else Halves(law)
    except ConvergenceError:
        out = Series(law)
        # Nothing closer to an end than the first point is seen.
        out.accuracy = max(out.accuracy, (math.pi / (4 * _MOST_COEFFICIENTS)) ** 2)
        return out
    return other if other.accuracy < out.accuracy else out


_cached = lru_cache(maxsize=64)(_made)
