"""The law of a rational function of one variable: no freeness is needed."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
from numpy.polynomial import Polynomial
from numpy.typing import NDArray

from ..laws import Law
from ..laws._mixture import merged
from ..laws._reports import as_report
from ._symbols import Expression, Inverse

__all__ = ["PushForward"]

Array = NDArray[np.float64]


class PushForward(Law):
    """The law of f(x), f a rational function without poles in the support of x; made by `law`.

    The line is cut where f turns. On each piece f has an inverse, found by bisection and Newton's method.
    """

    @staticmethod
    def of(expression: Expression, base: Law) -> Law:
        """The law of the expression, in its simplest form."""
        terms = expression.terms
        constant = float(np.real(terms.pop((), 0.0)))
        if len(terms) == 1:
            ((word, c),) = terms.items()
            if not any(isinstance(each, Inverse) for each in word):
                power = base if len(word) == 1 else base.power(len(word))
                out = power if c == 1 else power.scale(float(np.real(c)))
                return out if constant == 0 else out.shift(constant)
        return PushForward(expression, base)

    def __init__(self, expression: Expression, base: Law) -> None:
        self.expression, self.base = expression, base
        self._top, self._bottom = _quotient(expression)
        low, high = base._hull()
        if not math.isfinite(low) or not math.isfinite(high):
            raise ValueError(f"freeprob.law: the law must have bounded support, got {base!r} on ({low}, {high})")
        self._refuse_poles()

    def __repr__(self) -> str:
        return f"PushForward({self.expression!r}, {self.base!r})"

    @property
    def report(self) -> dict[str, Any]:
        """What inverting f took so far, and the report of the law that was mapped, if it has one.

        `residual` is the largest |f(x) - y|, in units of the far end of the law.
        """
        own = {**vars(self).get("_report", {"points": 0, "iterations": 0, "residual": 0.0})}
        base = as_report(self.base)
        return own if base is None else {**own, "base": base}

    def _note(self, x: Array, y: Array, iterations: int) -> None:
        own = vars(self).setdefault("_report", {"points": 0, "iterations": 0, "residual": 0.0})
        own["points"] += x.size
        own["iterations"] += iterations
        size = max(*map(abs, self._hull()), 1e-300)
        own["residual"] = max(own["residual"], float(np.abs(self._map(x) - y).max(initial=0.0)) / size)

    def _refuse_poles(self) -> None:
        ends = [*self.base.support(), *((x, x) for x, _ in self.base.atoms())]
        for root in map(complex, self._bottom.roots()):
            for low, high in ends:
                near = 1e-9 * max(abs(low), abs(high), 1e-300)
                if abs(root.imag) <= near and low - near <= root.real <= high + near:
                    raise ValueError(
                        f"freeprob.law: what is inverted in {self.expression!r} must be invertible, but vanishes at"
                        f" {root.real:g}, which belongs to the spectrum"
                    )

    def _map(self, x: Array) -> Array:
        return np.asarray(self._top(x) / self._bottom(x))

    def _slope(self, x: Array) -> Array:
        top, bottom = self._top(x), self._bottom(x)
        return np.asarray((self._top.deriv()(x) - top / bottom * self._bottom.deriv()(x)) / bottom)

    @cached_property
    def _pieces(self) -> list[tuple[float, float, float, float]]:
        """(a, b, f(a), f(b)) on which f is monotone, in order."""
        derivative = self._top.deriv() * self._bottom - self._top * self._bottom.deriv()
        turns = []
        if derivative.degree() > 0:
            size = max(map(abs, self.base._hull()))
            roots = map(complex, derivative.roots())
            turns = sorted(r.real for r in roots if abs(r.imag) <= 1e-7 * max(abs(r), size))
        out = []
        for low, high in self.base.support():
            marks = [low, *(t for t in turns if low < t < high), high]
            values = self._map(np.array(marks))
            out += [
                (a, b, float(u), float(v)) for a, b, u, v in zip(marks, marks[1:], values, values[1:], strict=False)
            ]
        return out

    def support(self) -> list[tuple[float, float]]:
        """The intervals that carry the continuous part."""
        return merged([(min(u, v), max(u, v)) for _, _, u, v in self._pieces])

    @cached_property
    def _atom_table(self) -> tuple[Array, Array]:
        atoms = np.array(self.base.atoms()).reshape(-1, 2)
        images = self._map(atoms[:, 0])
        order = np.argsort(images, kind="stable")
        images, masses = images[order], atoms[order, 1]
        if images.size == 0:
            return images, masses
        near = 1e-13 * max(float(np.abs(images).max()), 1e-300)
        first = np.flatnonzero(np.concatenate([[True], np.diff(images) > near]))  # equal up to rounding is equal
        return images[first], np.add.reduceat(masses, first)

    def atoms(self) -> list[tuple[float, float]]:
        """The images of the base's atoms: (location, mass), in ascending order."""
        locations, masses = self._atom_table
        return list(zip(locations.tolist(), masses.tolist(), strict=True))

    def _inverse(self, y: Array, a: float, b: float, rising: bool) -> Array:
        """x in [a, b] with f(x) = y, by Newton's method inside a bracket that shrinks."""
        low, high = np.full_like(y, a), np.full_like(y, b)
        x = (low + high) / 2
        iterations = 0
        for _ in range(200):
            iterations += x.size
            excess = (self._map(x) - y) * (1 if rising else -1)
            low, high = np.where(excess <= 0, x, low), np.where(excess >= 0, x, high)
            with np.errstate(all="ignore"):
                new = x - excess / np.abs(self._slope(x))
            inside = np.isfinite(new) & (new > low) & (new < high)
            new = np.where(inside, new, (low + high) / 2)
            done = np.abs(new - x) <= 2e-16 * np.maximum(np.abs(x), 1e-300)
            x = new
            if done.all() or (high - low <= 4e-16 * max(abs(a), abs(b))).all():
                break
        self._note(x, y, iterations)
        return x

    def _pdf(self, y: Array) -> Array:
        out = np.zeros_like(y)
        for a, b, u, v in self._pieces:
            inside = (y > min(u, v)) & (y < max(u, v))
            if inside.any():
                x = self._inverse(y[inside], a, b, v > u)
                with np.errstate(divide="ignore", invalid="ignore"):
                    density = self.base.pdf(x) / np.abs(self._slope(x))
                out[inside] += np.where(np.isnan(density), 0.0, density)
        return out

    def _cdf(self, y: Array) -> Array:
        out = np.zeros_like(y)
        atoms = self.base.atoms()

        def mass(x: Array) -> Array:  # of the continuous part up to x
            total = np.asarray(self.base.cdf(x), dtype=np.float64)
            for location, each in atoms if len(atoms) <= 64 else ():
                total = total - each * (x >= location)
            return total

        for a, b, u, v in self._pieces:
            x = np.where(y >= max(u, v), b if v > u else a, a if v > u else b)
            inside = (y > min(u, v)) & (y < max(u, v))
            if inside.any():
                x[inside] = self._inverse(y[inside], a, b, v > u)
            ends = mass(np.array([a, b]))
            out += mass(x) - ends[0] if v > u else ends[1] - mass(x)
        locations, masses = self._atom_table
        if locations.size:
            out = out + np.concatenate([[0.0], np.cumsum(masses)])[np.searchsorted(locations, y, side="right")]
        return np.clip(out, 0.0, 1.0)

    def _expect(self, function: Callable[[Array], Any]) -> Any:
        return self.base.expect(lambda x: function(self._map(x)))

    def _stieltjes(self, z: NDArray[np.complex128]) -> NDArray[np.complex128]:
        off = z.imag != 0
        out = np.empty_like(z)
        for i in np.flatnonzero(off):
            out[i] = self.expect(_pole(z[i]))
        if not off.all():
            out[~off] = super()._stieltjes(z[~off])
        return out


def _pole(z: complex) -> Callable[[Array], Any]:
    return lambda y: 1 / (y - z)


def _quotient(expression: Expression) -> tuple[Polynomial, Polynomial]:
    """Numerator and denominator as polynomials of the one variable."""
    top, bottom = Polynomial([0.0]), Polynomial([1.0])
    for word, c in expression.terms.items():
        over, under = Polynomial([float(np.real(c))]), Polynomial([1.0])
        for each in word:
            if isinstance(each, Inverse):
                u, o = _quotient(each.of)
                over, under = over * o, under * u
            else:
                over = over * Polynomial([0.0, 1.0])
        if np.array_equal(under.coef, bottom.coef):
            top = top + over
        else:
            top, bottom = top * under + over * bottom, bottom * under
    return top, bottom
