"""The law of an expression in two or more free variables."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import _core
from .._arguments import available_threads
from ..errors import ConvergenceError
from ..laws import Law
from ..laws._quadrature import Interval, integrate
from ._bound import bound_of
from ._corner import Corner
from ._fock import most_moments, polynomial_moments
from ._letter_law import LetterLaw, letter_law
from ._linearise import Linearisation, factored, linearise
from ._structure import Structure, find_structure
from ._substitution import atom_candidates
from ._symbols import Expression, Letter

__all__ = ["PolynomialLaw"]

Array = NDArray[np.float64]

# Newton's method on more unknowns than this takes too long for a density at many points.
_MOST_UNKNOWNS = 1500
_SETTLED = 1e-10
_OWN_MASS = 1e-6  # what a law may lack of its mass, and of its mean against its size, before it is refused
_AT_CORNER = 1e-8  # of the norm: closer to a point where the density is not smooth too
_BESIDE = 1e-6  # of the norm: closer to an atom the solver loses digits
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(16)


class PolynomialLaw(Law):
    """The law of a self-adjoint expression in two or more free variables; made by `law`.

    Attributes
    ----------
    expression : Expression
    laws : dict
        {symbol: Law}.

    Examples
    --------
    >>> from deeprmt.freeprob import law, symbols
    >>> from deeprmt.laws import Semicircle
    >>> x, y = symbols("x y")
    >>> found = law(x * y + y * x, {x: Semicircle(), y: Semicircle()})
    >>> round(float(found.pdf(1.0)), 9), round(float(found.var()), 9)
    (0.192988333, 2.0)
    """

    def __init__(self, expression: Expression, laws: Mapping[Letter, Law]) -> None:
        self.expression = expression
        self.laws = {Expression({(letter,): 1.0}): laws[letter] for letter in expression.letters}
        self._by_letter = {letter: laws[letter] for letter in expression.letters}
        letters = self._letters
        bound = bound_of(
            expression, {letter: max(abs(each.low), abs(each.high)) for letter, each in letters.items()}, laws
        )
        self._order = most_moments(expression) if expression.is_polynomial else 0
        self._centre, self._size = 0.0, bound
        if self._order >= 2:
            _, mean, square = polynomial_moments(expression, letters, 2)
            deviation = math.sqrt(max(square - mean * mean, 0.0))
            if deviation > 1e-13 * bound:
                # Products have their singularities at 0, which should stay where doubles are densest.
                self._centre, self._size = float(mean) if abs(mean) > 10 * deviation else 0.0, deviation
        self._reach = (bound + abs(self._centre)) / self._size
        self._steps = {"iterations": 0, "residual": 0.0, "mass": 0.0, "lacking": math.nan}

    def __repr__(self) -> str:
        named = ", ".join(f"{letter.name}: {law!r}" for letter, law in self._by_letter.items())
        return f"PolynomialLaw({self.expression!r}, {{{named}}})"

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in vars(self).items() if key not in ("_solver", "_letters")}

    @cached_property
    def _letters(self) -> dict[Letter, LetterLaw]:
        return {letter: letter_law(letter.name, each) for letter, each in self._by_letter.items()}

    @cached_property
    def _pencil(self) -> Linearisation:
        scales = {}
        for letter, each in self._letters.items():
            scales[letter] = max(abs(each.low), abs(each.high)) or 1.0
        return linearise((self.expression - self._centre) / self._size, scales)

    @cached_property
    def _solver(self) -> _core.freeprob.Pencil:
        pencil = self._pencil
        constant = pencil.constant.astype(np.complex128)
        frames, cores, laws = [], [], []
        for letter, matrix in pencil.coefficients.items():
            each = self._letters[letter]
            constant = constant + each.offset * matrix
            frame, core = factored(each.factor * matrix)
            if each.core is not None and core.size:
                frames.append(np.ascontiguousarray(frame, dtype=np.complex128))
                cores.append(np.ascontiguousarray(core, dtype=np.complex128))
                laws.append(each.core)
        unknowns = sum(each.size for each in cores)
        if unknowns > _MOST_UNKNOWNS:
            raise ValueError(
                f"freeprob.law: the expression leads to {unknowns} unknowns, and at most {_MOST_UNKNOWNS} are possible"
            )
        return _core.freeprob.Pencil(constant, frames, cores, laws, self._reach)

    # ---- evaluation; y = (x - centre) / size inside ----

    def _values(self, y: Array, *, strict: bool = True) -> tuple[Array, Array, NDArray[np.bool_]]:
        """Density, distribution function and whether there is a density, at any real y that is no atom."""
        density, cdf, bulk, report = self._solver.evaluate(np.ascontiguousarray(y), available_threads())
        self._steps["iterations"] += report["iterations"]
        self._steps["residual"] = max(self._steps["residual"], report["residual"])
        bad = np.isnan(density)
        if strict and bad.any():
            self._between_neighbours(y, density, cdf, bulk)
            bad = np.isnan(density)
        for shift in (1e-11, -1e-11, 1e-8, -1e-8):  # a point where the solution is singular: one beside it
            if not (strict and bad.any()):
                break
            again = self._solver.evaluate(y[bad] + shift * self._reach, available_threads())
            density[bad], cdf[bad], bulk[bad] = again[:3]
            bad = np.isnan(density)
        if strict and bad.any():
            where = float(self._centre + self._size * y[bad][0])
            raise ConvergenceError(
                f"PolynomialLaw: {int(bad.sum())} points did not converge, the first at x = {where:g}",
                {**report, "failed": int(bad.sum()), "first_failure": where, "law": repr(self)},
            )
        return density, cdf, bulk > 0

    def _between_neighbours(self, y: Array, density: Array, cdf: Array, bulk: Array) -> None:
        """Where the density is steep towards 0 and a point is not solved: as power laws through points next to it."""
        left, right = self._solver.reached
        ladder = np.where(y > 0, right, left)
        for k in np.flatnonzero(np.isnan(density) & (ladder > 0) & (np.abs(y) < 1e-6 * self._reach)).tolist():
            around = y[k] * np.array([0.97, 0.985, 1.015, 1.03])
            f, c, b, _ = self._solver.evaluate(around, available_threads())
            good = np.isfinite(f) & (f > 0)
            if good.sum() >= 2:
                first, last = np.flatnonzero(good)[[0, -1]]
                share = math.log(y[k] / around[first]) / math.log(around[last] / around[first])
                density[k] = f[first] * (f[last] / f[first]) ** share
                cdf[k] = c[first] + share * (c[last] - c[first])
                bulk[k] = b[first]

    def _descend_to_zero(self) -> None:
        """Lets the solver come close to 0, where products are singular, if the density seems to be steep there."""
        zero = -self._centre / self._size
        if zero != 0 or self._solver.reached != (0.0, 0.0):
            return
        away = self._reach * np.array([1e-6, 1e-4])
        density = self._values(np.concatenate([-away, away]), strict=False)[0].reshape(2, 2)
        positive = (density > 0).all(axis=1)
        ratio = density[positive, 0] / density[positive, 1]
        # Steeper than an inverse square root, or steep wherever there is a density.
        if (ratio > 100**0.55).any() or (ratio.size and (ratio > 1.5).all()):
            vars(self)["_solver"] = self._solver.descended()

    @cached_property
    def _structure(self) -> Structure:
        vars(self)["_structure"] = found = self._found()  # the density, which is integrated now, needs it
        try:
            self._check_mass(found)
        except BaseException:
            del vars(self)["_structure"]
            raise
        return found

    def _check_mass(self, found: Structure) -> None:
        """Refuses a law whose density and atoms do not add up to 1, or not to the mean that words give exactly."""
        size, centre = self._size, self._centre
        try:
            # Both at once: the mass is the real part, the mean the imaginary one.
            total = complex(self._integrated(lambda x: 1 + 1j * ((x - centre) / size), _OWN_MASS / 100))
        except ConvergenceError:  # the density is not known somewhere, which says nothing about the rest
            return
        mean = None
        if self._order:
            mean = (float(polynomial_moments(self.expression, self._letters, 1)[1]) - centre) / size
        self._steps["lacking"] = abs(1 - total.real)
        off = 0.0 if mean is None else abs(total.imag - mean) / math.hypot(1.0, mean)
        if self._steps["lacking"] <= _OWN_MASS and off <= _OWN_MASS:
            return
        where = ", ".join(f"({centre + size * low:g}, {centre + size * high:g})" for low, high in found.intervals)
        points = ", ".join(f"{centre + size * x:g}" for x, _ in found.atoms)
        raise ConvergenceError(
            f"PolynomialLaw: the density on {where or 'no interval'} and the atoms at {points or 'no point'} have the"
            f" mass {total.real:.9g} in all, and the mean {centre + size * total.imag:.9g}"
            + ("" if mean is None else f", which has to be {centre + size * mean:.9g}"),
            {"mass": total.real, "mean": centre + size * total.imag, "law": repr(self)},
        )

    def _found(self) -> Structure:
        """Support and atoms, before they are held to mass and mean."""
        self._descend_to_zero()
        candidates = (np.array(atom_candidates(self.expression, self._by_letter)) - self._centre) / self._size

        def evaluate(y: Array) -> tuple[Array, Array, NDArray[np.bool_]]:
            return self._values(y, strict=False)

        def green(y: Array) -> Array:
            return np.real(self._solver.resolvent([complex(each) for each in y], available_threads())[0])

        found = find_structure(evaluate, green, self._reach, candidates)
        for low, high in found.intervals:
            # Away from edges and atoms, where the density may diverge, it has to integrate to the growth of the cdf.
            marks = [low, *(x for x, _ in found.atoms if low < x < high), high]
            for a, b in itertools.pairwise(marks):
                self._compare(a + 1e-4 * (b - a), b - 1e-4 * (b - a))
        total = sum(mass for _, mass in found.atoms)
        if not found.intervals and abs(total - 1) > 1e-7:
            raise ConvergenceError(f"PolynomialLaw: only the mass {total:.9g} was found of {self!r}", {"mass": total})
        return found

    def _compare(self, low: float, high: float) -> None:
        """Refuses a distribution function that grows by more than the integral of the density: an atom not found."""
        ends = low + (high - low) * (np.arange(9) / 8) ** 1.1  # not where symmetry would put a singular point
        least = 1e-5 * self._reach
        for _ in range(40):
            cdf = self._values(ends, strict=False)[1]
            a, b = ends[:-1], ends[1:]
            density = self._values(((a + b)[:, None] / 2 + (b - a)[:, None] / 2 * _NODES).ravel(), strict=False)[0]
            mass = (b - a) / 2 * (density.reshape(-1, _NODES.size) @ _WEIGHTS)
            grown = np.diff(cdf)
            rough = ~(np.abs(mass - grown) <= 1e-9)  # where it is not known too
            self._steps["mass"] = max(self._steps["mass"], float(np.abs(mass - grown)[~rough].sum()))
            # In the end there is an atom, or a point where the density diverges: there the jump shrinks with the width.
            for left, right in zip(a[rough & (b - a <= least)], b[rough & (b - a <= least)], strict=True):
                middle, far = (left + right) / 2, right - left
                around = self._values(middle + far * np.array([-100.0, -10.0, -1.0, 1.0, 10.0, 100.0]), strict=False)[1]
                jumps = around[:2:-1] - around[:3]
                if jumps[2] > 1e-6 and jumps[2] > 0.8 * jumps[1] and jumps[1] > 0.8 * jumps[0]:
                    where = self._centre + self._size * middle
                    raise ConvergenceError(
                        f"PolynomialLaw: at {where:g} the distribution function jumps by {jumps[2]:.9g}: there is an"
                        " atom inside the support that was not found",
                        {"location": where, "jump": float(jumps[2]), "law": repr(self)},
                    )
            rough &= b - a > least
            if not rough.any():
                break
            pieces = [np.linspace(u, v, 4) for u, v in zip(a[rough], b[rough], strict=True)]
            # One list of ends for all pieces; what lies between pieces has been settled, and is settled at once again.
            ends = np.unique(np.concatenate(pieces))

    @property
    def report(self) -> dict[str, Any]:
        """How the law was solved.

        The size of the pencil, the number of unknowns at each point, Newton steps so far, by how much the equations are
        not met at most, relative to their terms (rounding, of which the density at an end of the support shows the
        root), the largest difference between the integral of the density and the distribution function, how far off an
        edge may be (where the density is too steep for the solver), the mass in all, and by how much the integral of
        the density and the atoms miss 1 (NaN if it could not be integrated).
        """
        structure = self._structure
        total = sum(mass for _, mass in structure.atoms) + sum(right - left for left, right in structure.levels)
        inside = sum(m for x, m in structure.atoms if any(low < x <= high for low, high in structure.intervals))
        return {
            "size": self._pencil.size,
            "unknowns": self._solver.unknowns,
            "iterations": self._steps["iterations"],
            "residual": self._steps["residual"],
            "density_defect": self._steps["mass"],
            "edge_uncertainty": self._size * structure.uncertainty,
            "mass": float(total - inside),
            "mass_defect": self._steps["lacking"],
        }

    def to_dict(self) -> dict[str, Any]:
        """What the law is made of, its support and its atoms."""
        return {
            "expression": repr(self.expression),
            "laws": {letter.name: repr(law) for letter, law in self._by_letter.items()},
            "support": self.support(),
            "atoms": self.atoms(),
        }

    # ---- the protocol ----

    def support(self) -> list[tuple[float, float]]:
        """The intervals that carry the continuous part."""
        return [
            (self._centre + self._size * low, self._centre + self._size * high)
            for low, high in self._structure.intervals
        ]

    def atoms(self) -> list[tuple[float, float]]:
        """The points that carry mass of their own: (location, mass), in ascending order."""
        return [(self._centre + self._size * x, mass) for x, mass in self._structure.atoms]

    def _within(self, x: Array) -> tuple[Array, NDArray[np.intp], NDArray[np.bool_]]:
        """y, the interval that ends at or after it, and whether it is inside."""
        y = (x - self._centre) / self._size
        intervals = np.array(self._structure.intervals).reshape(-1, 2)
        which = np.searchsorted(intervals[:, 1], y)
        inside = which < len(intervals)
        inside[inside] = y[inside] > intervals[which[inside], 0]
        return y, which, inside

    def _pdf(self, x: Array) -> Array:
        y, _, inside = self._within(x)
        out = np.zeros_like(x)
        if inside.any():
            at = y[inside]
            density = np.empty_like(at)
            away = np.ones(at.shape, bool)
            for location, _ in self._structure.atoms:
                away &= np.abs(at - location) >= _BESIDE * self._reach
            if away.any():
                density[away] = self._solved(at[away])[0]
            for k in np.flatnonzero(~away).tolist():
                density[k] = self._beside_atom(at[k])[0]
            out[inside] = density / self._size
        return out

    @cached_property
    def _beside(self) -> list[tuple[float, list[tuple[float, float, float]]]]:
        """Atoms in or at the end of an interval: location, and on each side density, power and cdf at `_BESIDE`."""
        out = []
        near = _BESIDE * self._reach
        for location, _ in self._structure.atoms:
            sides = []
            for side in (-1.0, 1.0):
                density, cdf, bulk = self._values(location + side * near * np.array([1.0, 4.0]))
                power = math.log(density[1] / density[0]) / math.log(4) if bulk.all() and density.min() > 0 else 0.0
                power = 0.0 if abs(power) < 0.02 else max(power, -0.99)  # rounding of a smooth density
                sides.append((float(density[0]) if bulk[0] else 0.0, power, float(cdf[0])))
            out.append((location, sides))
        return out

    @cached_property
    def _corners(self) -> list[Corner]:
        """Ends of intervals, and points inside at which the solver has few digits: mostly singular ones, and 0."""
        structure = self._structure
        near = max(_AT_CORNER * self._reach, 100 * structure.uncertainty)
        atoms = np.array([location for location, _ in structure.atoms])
        out = []
        for (low, high), (left, right) in zip(structure.intervals, structure.levels, strict=True):
            if high - low < 1e5 * near:
                continue
            marks = [low, high]
            zero = -self._centre / self._size
            around = 1e-7 * self._reach  # what is seen there is seen from 0
            for at in sorted({zero, *(at for at in structure.steep if abs(at - zero) > around)}):
                if low + 1e4 * near < at < high - 1e4 * near:
                    marks.append(at)
            for at in marks:
                if at == 0 and (reached := max(self._solver.reached)) > 0:
                    tries = (self._corner(at, reached * wider, low, high, left, right) for wider in (4, 40, 400))
                    out += next((found for found in tries if found), [])
                    continue
                if atoms.size and np.abs(atoms - at).min() < 2 * _BESIDE * self._reach:
                    continue
                if self._rises(at, near, low, high):
                    if at in (low, high):
                        out += self._steep_end(at, near, low, high, left, right)
                    continue
                # As close as the solver knows both density and distribution function.
                tries = (self._corner(at, near * wider, low, high, left, right) for wider in (1, 10, 100, 1000))
                out += next((found for found in tries if found), [])
        return out

    def _steep_end(self, at: float, near: float, low: float, high: float, left: float, right: float) -> list[Corner]:
        """A corner where the density diverges and distances to the end have no digits left, so that rounding shows."""
        inwards = 1.0 if at == low else -1.0
        last = 4 * math.ulp(max(abs(at), 1e-3 * self._reach))
        steps = np.geomspace(last, near, 60)
        density, cdf, _ = self._values(at + inwards * steps, strict=False)
        if not density[-1] > 1.5 * self._values(np.array([at + inwards * 4 * near]), strict=False)[0][0]:
            return []
        rising = np.isfinite(cdf[1:]) & np.isfinite(density[1:]) & (inwards * np.diff(cdf) > 0)
        rough = np.flatnonzero(~rising)
        clear = 100 * (steps[rough[-1] + 1] if rough.size else last)
        return self._corner(at, min(max(clear, 100 * last), near), low, high, left, right)

    def _rises(self, at: float, near: float, low: float, high: float) -> bool:
        """Whether the solver is as good here as elsewhere: known at points ever closer, and never falling."""
        steps = near * 0.6 ** np.arange(30)
        y = np.concatenate([at - steps, at + steps[::-1]])
        cdf = self._values(y[(y > low) & (y < high)], strict=False)[1]
        return bool(np.isfinite(cdf).all() and (np.diff(cdf) >= 0).all())

    def _corner(self, at: float, near: float, low: float, high: float, left: float, right: float) -> list[Corner]:
        """Its sides; none if the density is smooth there, or not known close by."""
        sides = [side for side in (-1.0, 1.0) if not (at == low and side < 0) and not (at == high and side > 0)]
        x = at + near * np.array([[side, 4 * side] for side in sides])
        density, cdf, _ = (each.reshape(x.shape) for each in self._values(x.ravel(), strict=False))
        if not (np.isfinite(density).all() and (density > 0).all()):
            return []
        power = np.log(density[:, 1] / density[:, 0]) / math.log(4)
        if (power < -0.98).any():
            return []
        if at in (low, high):
            level = left if at == low else right
        else:  # what both sides say: power laws end there
            mass = density[:, 0] * near / (1 + power)
            level = float(np.mean(cdf[:, 0] - np.array(sides) * mass))
            level = min(max(level, float(cdf[0, 0])), float(cdf[1, 0]))
        return [
            Corner(at, side, near, level, float(cdf[k, 0]), float(density[k, 0]), float(power[k]))
            for k, side in enumerate(sides)
        ]

    def _solved(self, y: Array) -> tuple[Array, Array]:
        """Density and distribution function inside intervals, away from atoms."""
        density, cdf = np.empty_like(y), np.empty_like(y)
        rest = np.ones(y.shape, bool)
        for corner in self._corners:
            mine = rest & corner.holds(y)
            if mine.any():
                # The density may have more digits than a power law; the distribution function must not fall.
                known = self._values(y[mine], strict=False)[0]
                plain, cdf[mine] = corner.values(y[mine])
                density[mine] = np.where(known > 0, known, plain)
                rest &= ~mine
        if rest.any():
            density[rest], cdf[rest], _ = self._values(y[rest])
        return density, cdf

    def _beside_atom(self, y: float) -> tuple[float, float]:
        """Density and cdf so close to an atom that it drowns all else: as power laws continue them from further off."""
        location, sides = min(self._beside, key=lambda each: abs(each[0] - y))
        near = _BESIDE * self._reach
        side = 1 if y >= location else 0
        density, power, cdf = sides[side]
        share = abs(y - location) / near
        mass = density * near / (1 + power) * (1 - share ** (1 + power))
        with np.errstate(divide="ignore"):
            f = density * float(np.float64(share) ** power) if density > 0 else 0.0
        return f, cdf - mass if side else cdf + mass

    def _cdf(self, x: Array) -> Array:
        y, which, inside = self._within(x)
        levels = self._structure.levels
        # Outside: the level left of the next interval, less the atoms between.
        tops = np.array([right for _, right in levels])
        base = np.concatenate([[0.0], tops])[which]
        for location, mass in self._structure.atoms:
            x0 = self._centre + self._size * location
            k = int(np.searchsorted([b for _, b in self._structure.intervals], location))
            within = k < len(levels) and self._structure.intervals[k][0] < location
            if not within:
                base = base + np.where((which == k) & (x >= x0), mass, 0.0)
        out = base
        if inside.any():
            at = y[inside]
            away = np.ones(at.shape, bool)
            for location, _ in self._structure.atoms:
                at = np.where(x[inside] == self._centre + self._size * location, location, at)
                away &= np.abs(at - location) >= _BESIDE * self._reach
            cdf = np.empty_like(at)
            if away.any():
                cdf[away] = self._solved(at[away])[1]
            for k in np.flatnonzero(~away).tolist():
                cdf[k] = self._beside_atom(at[k])[1]
            bounds = np.array(levels)[which[inside]]
            end = np.array(self._structure.intervals)[which[inside], 1]
            cdf[at >= end] = 1.0  # clipped to what is there: all of the interval
            out[inside] = np.clip(cdf, bounds[:, 0], bounds[:, 1])
        return np.asarray(np.clip(out, 0.0, 1.0))

    def _stieltjes(self, z: NDArray[np.complex128]) -> NDArray[np.complex128]:
        upper = (np.where(z.imag < 0, np.conj(z), z) - self._centre) / self._size
        g, report = self._solver.resolvent([complex(each) for each in upper], available_threads())
        if report["failed"]:
            where = complex(z[np.isnan(g.real)][0])
            raise ConvergenceError(
                f"PolynomialLaw: {report['failed']} points did not converge, the first at z = {where:g}",
                {**report, "law": repr(self)},
            )
        g = g / self._size
        return -np.where(z.imag < 0, np.conj(g), g)

    def _expect(self, function: Callable[[Array], Any]) -> Any:
        return self._integrated(function, _SETTLED)

    def _integrated(self, function: Callable[[Array], Any], rtol: float) -> Any:
        total: Any = sum(mass * function(np.array([location]))[0] for location, mass in self.atoms())
        for low, high in self.support():
            ends = [low, *(x for x in self._singular_points() if low < x < high), high]
            for a, b in itertools.pairwise(ends):
                total = total + self._integral(function, a, b, rtol)
        return total

    def _integral(self, function: Callable[[Array], Any], low: float, high: float, rtol: float) -> Any:
        """Over a stretch without singular points inside; towards steep ends in a power of the distance."""
        powers = {self._centre + self._size * each.at: each.power for each in self._corners}
        steep = [(end, powers[end]) for end in (low, high) if powers.get(end, 0.0) < -0.6]
        if not steep:
            return integrate(lambda x: function(x) * self._pdf(x), Interval(low, high), rtol=rtol)
        middle = (low + high) / 2
        total: Any = 0.0
        for end in (low, high):
            width = middle - end
            root = 1 / (1 + max(dict(steep).get(end, -0.5), -0.98))

            def in_power(v: Array, end: float = end, width: float = width, root: float = root) -> Any:
                share = np.maximum(v**root, 1e-290)
                x = end + width * share
                return np.where(x == end, 0.0, function(x) * self._pdf(x) * (abs(width) * root * share / v))

            with np.errstate(invalid="ignore"):  # infinite at an end that x has no digits for, where it does not count
                total = total + integrate(in_power, Interval(0.0, 1.0), rtol=rtol)
        return total

    def _singular_points(self) -> list[float]:
        steep = {corner.at for corner in self._corners if corner.power < -0.05}
        inside = [at for at in steep if any(low < at < high for low, high in self._structure.intervals)]
        return sorted(self._centre + self._size * at for at in inside)

    def _moment(self, k: int) -> float:
        if k <= self._order:
            return float(polynomial_moments(self.expression, self._letters, k)[k])
        return super()._moment(k)

    def var(self) -> np.float64:
        """The variance."""
        if self._order >= 2:
            _, mean, square = polynomial_moments(self.expression - self._centre, self._letters, 2)
            return np.float64(square - mean * mean)
        return super().var()
