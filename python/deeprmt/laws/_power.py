"""The law of a power of a value."""

from __future__ import annotations

from collections.abc import Callable
from math import inf, isfinite, log, pi
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._law import Array, Law
from ._mixture import merged
from ._parametric import Parametric
from ._slope import slope_on_circle
from ._stieltjes import stieltjes_above

__all__ = ["Power"]

Complex = NDArray[np.complex128]

_LEAST = 1e-290


class Power(Parametric):
    """The law of ``x**exponent`` where x has the law `base`; made by `Law.power`.

    The map is increasing, decreasing (exponent < 0), or folds the line at 0 (an even exponent and negative values).
    """

    base: Law
    exponent: float
    _folds: bool

    def __init__(self, base: Law, exponent: float) -> None:
        self._set(base=base, exponent=exponent)
        low, high = base._hull()
        whole = float(exponent).is_integer()
        if low < 0 and not (whole and exponent > 0):
            raise ValueError(
                f"{base._name}.power: p must be a whole number above 0 for a law that begins at {low!r} < 0, got"
                f" {exponent!r}"
            )
        if exponent < 0 and any(location == 0 for location, _ in base.atoms()):
            raise ValueError(f"{base._name}.power: p must be above 0 for a law with mass at 0, got {exponent!r}")
        self._set(_folds=low < 0 and int(exponent) % 2 == 0)
        ends = [end for end in (low, high) if isfinite(end) and (end != 0 or exponent > 0)]
        if not all(isfinite(self._image(end)) and (end == 0 or self._image(end) != 0) for end in ends):
            raise ValueError(f"{base._name}.power: values must stay within the range of doubles, got p = {exponent!r}")

    def __repr__(self) -> str:
        return f"{self.base!r}.power({self.exponent!r})"

    @property
    def report(self) -> Any:
        """That of the law whose power it is, if that has one."""
        return self.base.report  # type: ignore[attr-defined]

    def support(self) -> list[tuple[float, float]]:
        """The intervals (low, high) that carry the continuous part, in ascending order."""
        out = []
        for low, high in self.base.support():
            ends = self._image(low), self._image(high)
            out.append((0.0, max(ends)) if low < 0 < high and self._folds else (min(ends), max(ends)))
        return merged(out)

    def atoms(self) -> list[tuple[float, float]]:
        """The points that carry mass of their own: (location, mass), in ascending order."""
        masses: dict[float, float] = {}
        for location, mass in self.base.atoms():
            image = self._image(location)
            masses[image] = masses.get(image, 0.0) + mass
        return sorted(masses.items())

    def _expect(self, function: Callable[[Array], Any]) -> Any:
        return self.base.expect(lambda x: function(self._map(x)))

    def _map(self, x: Array) -> Array:
        p = self.exponent
        if float(p).is_integer() or self.base._hull()[0] >= 0:
            return np.asarray(np.sqrt(x) if p == 0.5 else x * x if p == 2 else x**p)
        return np.sign(x) * np.abs(x) ** p

    def _image(self, x: float) -> float:
        if x == 0 or not isfinite(x):
            size = inf if (x == 0) == (self.exponent < 0) else 0.0
            return -size if x < 0 and not self._folds else size
        with np.errstate(over="ignore", under="ignore"):
            return float(self._map(np.array([x]))[0])

    def _inverse(self, y: Array) -> Array:
        """Back to the base; to its right half if the map folds. Atoms and edges go exactly to where they came from."""
        p = self.exponent
        size = np.abs(y)
        with np.errstate(divide="ignore", over="ignore"):
            root = (
                size * size if p == 0.5 else np.sqrt(size) if p == 2 else np.cbrt(size) if p == 3 else size ** (1 / p)
            )
        x: Array = np.copysign(root, y)
        special = [location for location, _ in self.base.atoms()]
        special += [end for pair in self.base.support() for end in pair if isfinite(end)]
        for point in special if len(special) <= 64 else ():
            x[y == self._image(point)] = abs(point) if self._folds else point
        if len(special) > 64:  # many atoms: the nearest one
            marks = np.unique(np.abs(special) if self._folds else special)
            i = np.clip(np.searchsorted(marks, x), 1, marks.size - 1)
            near = np.where(x - marks[i - 1] < marks[i] - x, marks[i - 1], marks[i])
            x = np.where(self._map(near) == y, near, x)
        return x if self._folds else np.asarray(np.clip(x, *self.base._hull()))

    def _at(self, x: Array) -> Array:
        """The mass of the base's atoms at x."""
        atoms = np.array(self.base.atoms()).reshape(-1, 2)
        if atoms.size == 0:
            return np.zeros_like(x)
        i = np.minimum(np.searchsorted(atoms[:, 0], x), len(atoms) - 1)
        return np.where(atoms[i, 0] == x, atoms[i, 1], 0.0)

    def _pdf(self, y: Array) -> Array:
        x = self._inverse(y)
        inside = self.base.pdf(x) + (self.base.pdf(-x) if self._folds else 0.0)
        with np.errstate(all="ignore"):
            slope = abs(self.exponent) * np.abs(x) ** (self.exponent - 1)
            out = np.where(inside == 0, 0.0, inside / slope)
            if 0 < self.exponent < 1:
                under = (np.abs(x) < _LEAST) & (out != 0)
                out[under] = self._near_zero(y[under])
            return out

    def _near_zero(self, y: Array) -> Array:
        """The density where the root of y is below the least double: the base goes like a power of x there."""
        p = self.exponent
        log_f = np.log(self.base._pdf(np.array([_LEAST, 1e10 * _LEAST])))
        power = (log_f[1] - log_f[0]) / log(1e10)
        outer = (power + 1) / p - 1  # that of y
        if abs(outer) < 1e-9:
            outer = 0.0
        height = log_f[0] - power * log(_LEAST) - log(p)
        return np.asarray(np.exp(height + (outer * np.log(y) if outer else 0.0) + np.zeros_like(y)))

    def _cdf(self, y: Array) -> Array:
        x = self._inverse(y)
        if self._folds:
            return np.asarray(np.maximum(self.base.cdf(x) - self.base.cdf(-x) + self._at(-x), 0.0))
        return np.asarray(self.base._cdf(x) if self.exponent > 0 else self.base._sf(x) + self._at(x))

    def _sf(self, y: Array) -> Array:
        x = self._inverse(y)
        if self._folds:
            return np.asarray(self.base.sf(x) + np.maximum(self.base.cdf(-x) - self._at(-x), 0.0))
        return np.asarray(self.base._sf(x) if self.exponent > 0 else self.base._cdf(x) - self._at(x))

    def _ppf(self, q: Array) -> Array:
        if self._folds or self.exponent < 0:
            return super()._ppf(q)
        x = self.base._ppf(q)
        out = self._map(x)
        return np.where((out == 0) & (x > 0), 5e-324, out)  # 0 would be an atom

    def _moment(self, k: int) -> float:
        order = k * self.exponent
        if order >= 0 and float(order).is_integer():
            return float(self.base.moment(int(order)))
        return super()._moment(k)

    def _stieltjes(self, z: Complex) -> Complex:
        if self._whole:
            return self._sums(z)[0]
        # Off the axis by the quadrature of the base, which may know its density's powers at the ends.
        low, high = self._hull()
        width = high - low if isfinite(high) else 1.0
        away = (np.abs(z.imag) > 1e-6 * width) | (z.real < low - 1e-6 * width) | (z.real > high + 1e-6 * width)
        out = np.empty_like(z)
        out[away] = [self.expect(_pole(each, 1)) for each in z[away]]
        if not away.all():
            out[~away] = super()._stieltjes(z[~away])
        return out

    def _stieltjes_derivative(self, z: Complex) -> Complex:
        return self._sums(z)[1] if self._whole else super()._stieltjes_derivative(z)

    def _log_potential(self, z: Complex) -> Complex:
        """Of a whole power by z - x^n, which is the product of r - x over the n-th roots r of z."""
        out = np.empty_like(z)
        real = z.imag == 0
        plain = ~((z == 0) | self._whole)
        if plain.any():
            out[plain] = super()._log_potential(z[plain])
        live = ~plain & (z != 0)
        total = np.zeros(live.sum(), np.complex128)
        for r in _roots(z[live], int(self.exponent)) if live.any() else ():
            low = r.imag < 0
            value = self.base._log_potential(np.where(low, np.conj(r), r))
            # Arguments of the product and of its factors agree where x is large.
            total = total + np.where(low, np.conj(value) + 1j * pi, value - 1j * pi)
        out[live] = total + 1j * pi
        at = z == 0
        if at.any():
            out[at] = self.exponent * self.base._log_potential(np.zeros(1, np.complex128)).real
        axis = real & (live | at)
        out.imag[axis] = pi * np.asarray(self.sf(z.real[axis]))
        return out

    @property
    def _whole(self) -> bool:
        return float(self.exponent).is_integer() and self.exponent >= 2

    def _sums(self, z: Complex) -> tuple[Complex, Complex]:
        """m and its slope for a whole exponent n.

        1 / (x^n - z) is the sum over the n-th roots r of z of 1 / (n r^(n-1) (x - r)), and dr/dz = 1 / (n r^(n-1)).
        """
        n = int(self.exponent)
        low, high = self._hull()
        m, slope = np.empty_like(z), np.empty_like(z)
        # Near 0 the sum cancels; if the law is far from there the integral is plain.
        plain = np.abs(z) < 1e-3 * low if low > 0 else np.zeros(z.shape, bool)
        m[plain] = [self.expect(_pole(each, 1)) for each in z[plain]]
        slope[plain] = [self.expect(_pole(each, 2)) for each in z[plain]]
        live = ~plain & (z != 0)
        w = np.where(z.imag < 0, np.conj(z), z)[live] + 0j
        total, change = np.zeros_like(w), np.zeros_like(w)
        for j, r in enumerate(_roots(w, n)):
            below = (2 * j == n) & (r.imag == 0)  # the opposite root comes to the axis from below
            inner, outer = self.base._stieltjes(r), self.base._stieltjes_derivative(r)
            inner, outer = np.where(below, np.conj(inner), inner), np.where(below, np.conj(outer), outer)
            with np.errstate(all="ignore"):
                rate = 1 / (n * r ** (n - 1))
                total = total + inner * rate
                change = change + (outer - (n - 1) * inner / r) * rate * rate
        down = z[live].imag < 0
        m[live], slope[live] = np.where(down, np.conj(total), total), np.where(down, np.conj(change), change)
        at = z == 0
        if at.any():
            inside = any(a < 0 < b for a, b in self.base.support()) and self.base.pdf(0.0) > 0
            if inside and not self._folds:  # the density is infinite there
                m[at] = slope[at] = inf
            else:
                m[at], slope[at] = stieltjes_above(self, 0j), slope_on_circle(self, z[at])
        off = (z.imag == 0) & ((z.real < low) | (z.real > high))
        m.imag[off] = slope.imag[off] = 0.0
        return m, slope


def _roots(w: Complex, n: int) -> list[Complex]:
    """The n-th roots of w in the closed upper half plane; the first is near the axis, its height with all digits."""
    mirrored = (w.real < 0) & (n % 2 == 1)
    size, angle = np.abs(w) ** (1 / n), np.angle(np.where(mirrored, -np.conj(w), w)) / n
    first = size * (np.cos(angle) + 1j * np.sin(angle))
    first = np.where(mirrored, -np.conj(first), first)
    turns = [-1 if 2 * j == n else complex(np.cos(2 * pi * j / n), np.sin(2 * pi * j / n)) for j in range(n)]
    return [first * turn + 0j for turn in turns]


def _pole(z: complex, power: int) -> Callable[[Array], Any]:
    return lambda x: 1 / (x - z) ** power
