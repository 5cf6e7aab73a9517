"""Sums, products and polynomials of two free laws with two atoms each: those of two projections, in closed form."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..laws import Law
from ._free_laws import FreeProduct, FreeSum
from ._polynomial_law import PolynomialLaw
from ._report import Report
from ._symbols import Expression, Letter
from ._two_projections import TwoProjections, atoms_of_two

__all__ = ["TwoAtomPolynomial", "TwoAtomProduct", "TwoAtomSum", "are_two"]

Array = NDArray[np.float64]

_X, _Y = Letter("x"), Letter("y")


def are_two(parts: list[tuple[Law, float]]) -> bool:
    """Whether the parts of a convolution are two laws with two atoms each, or one such law twice."""
    if sorted(t for _, t in parts) not in ([1.0, 1.0], [2.0]):
        return False
    return all(atoms_of_two(law) is not None for law, _ in parts)


class _Closed(Law):
    """What is known of such laws without a solver; the transforms off the axis are those of the class beside it."""

    _known: TwoProjections

    def support(self) -> list[tuple[float, float]]:
        """The intervals (low, high) that carry the continuous part, in ascending order."""
        return list(self._known.support)

    def atoms(self) -> list[tuple[float, float]]:
        """The points that carry mass of their own: (location, mass), in ascending order."""
        return list(self._known.atoms)

    def _pdf(self, x: Array) -> Array:
        return self._known.pdf(x)

    def _cdf(self, x: Array) -> Array:
        return self._known.below(x)

    def _sf(self, x: Array) -> Array:
        return 1 - self._known.below(x)

    def _expect(self, function: Callable[[Array], Any]) -> Any:
        return self._known.expect(function)


def _pair(parts: tuple[tuple[Law, float], ...]) -> list[list[tuple[float, float]]]:
    found = [atoms_of_two(law) or [] for law, _ in parts]
    return found if len(found) == 2 else found * 2


class _ClosedConvolution(_Closed):
    """A convolution among them."""

    @property
    def report(self) -> Report:
        """What solving took so far: points whose angle was found, and steps that took."""
        other: Report = super().report  # type: ignore[misc]
        known = self._known
        return replace(other, points=other.points + known.points, iterations=other.iterations + known.iterations)


class TwoAtomSum(_ClosedConvolution, FreeSum):
    """The free sum of two laws with two atoms each."""

    @property
    def _name(self) -> str:
        return FreeSum.__name__

    @cached_property
    def _known(self) -> TwoProjections:  # type: ignore[override]
        first, second = _pair(self.parts)
        return TwoProjections(Expression({(_X,): 1.0, (_Y,): 1.0}), {_X: first, _Y: second})


class TwoAtomProduct(_ClosedConvolution, FreeProduct):
    """The free product of two laws with two atoms each, at least 0."""

    @property
    def _name(self) -> str:
        return FreeProduct.__name__

    @cached_property
    def _known(self) -> TwoProjections:  # type: ignore[override]
        first, second = _pair(self.parts)
        roots = [(math.sqrt(at), mass) for at, mass in first]
        corners = {(i, j): first[i][0] * second[j][0] for i in (0, 1) for j in (0, 1)}
        return TwoProjections(Expression({(_X, _Y, _X): 1.0}), {_X: roots, _Y: second}, corners)


class TwoAtomPolynomial(_Closed, PolynomialLaw):
    """The law of an expression in two free variables whose laws have two atoms each."""

    @cached_property
    def _known(self) -> TwoProjections:  # type: ignore[override]
        return TwoProjections(
            self.expression, {letter: atoms_of_two(law) or [] for letter, law in self._by_letter.items()}
        )

    @property
    def report(self) -> dict[str, Any]:
        """How the law was solved: see `PolynomialLaw.report`; iterations are those that invert eigenvalues."""
        return {
            "size": self._pencil.size,
            "unknowns": self._solver.unknowns,
            "iterations": self._known.iterations,
            "residual": 0.0,
            "density_defect": 0.0,
            "edge_uncertainty": 0.0,
            "mass": self._known.mass,
        }

    def _singular_points(self) -> list[float]:
        """Where an eigenvalue turns."""
        return self._known.turns

    @staticmethod
    def fits(expression: Expression, laws: dict[Letter, Law]) -> bool:
        """Whether there are two letters, with two atoms each."""
        return len(expression.letters) == 2 and all(
            atoms_of_two(laws[letter]) is not None for letter in expression.letters
        )
