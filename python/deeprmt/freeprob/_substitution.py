"""Expressions with numbers in place of some variables, and the atoms that they lead to."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..laws import Law
from ._symbols import Expression, Inverse, Letter

__all__ = ["atom_candidates", "substituted"]


def atom_candidates(expression: Expression, laws: Mapping[Letter, Law]) -> list[float]:
    """Values that are left where some variables are at atoms of theirs and the others do not matter.

    Eigenspaces in general position meet in what their masses exceed the number of others by. Laws without atoms lead to
    laws without atoms: Shlyakhtenko, Skoufranis, Trans. Amer. Math. Soc. 367 (2015).
    """
    choices: list[list[tuple[Letter, float, float] | None]] = []
    for letter, each in laws.items():
        largest = sorted(each.atoms(), key=lambda atom: -atom[1])[:16]
        choices.append([None, *((letter, location, mass) for location, mass in largest)])
    found: set[float] = set()
    for chosen in itertools.islice(itertools.product(*choices), 3000):
        taken = [each for each in chosen if each is not None]
        if taken and sum(mass - 1 for _, _, mass in taken) + 1 > 1e-9:
            rest = substituted(expression, {letter: location for letter, location, _ in taken})
            value = None if rest is None else rest._constant()
            if value is not None:
                found.add(float(np.real(value)))
    return sorted(found)


def substituted(expression: Expression, given: Mapping[Letter, float]) -> Expression | None:
    """Numbers in place of some variables; None where that divides by 0. Rounding next to 0 is 0."""
    terms: dict[Any, complex] = {}
    size = 0.0
    for word, c in expression.terms.items():
        left: list[Letter | Inverse] = []
        for each in word:
            if isinstance(each, Inverse):
                inner = substituted(each.of, given)
                if inner is None:
                    return None
                value = inner._constant()
                if value == 0:
                    return None
                if value is None:
                    left.append(Inverse(inner))
                else:
                    c = c / value
            elif each in given:
                c = c * given[each]
            else:
                left.append(each)
        size = max(size, abs(c))
        terms[tuple(left)] = terms.get(tuple(left), 0) + c
    return Expression({word: c for word, c in terms.items() if not word or abs(c) > 1e-13 * size})
