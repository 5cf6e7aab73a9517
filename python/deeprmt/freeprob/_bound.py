"""Bounds of the norm of an expression in free variables."""

from __future__ import annotations

from collections.abc import Mapping

from ..laws import Law
from ._symbols import Expression, Inverse, Letter

__all__ = ["bound_of"]


def bound_of(expression: Expression, sizes: Mapping[Letter, float], laws: Mapping[Letter, Law]) -> float:
    """A bound of the norm, with at least some distance to 0."""
    total = 0.0
    for word, c in expression.terms.items():
        size = abs(c)
        for each in word:
            size *= _inverse_bound(each, laws) if isinstance(each, Inverse) else sizes[each]
        total += size
    return total if total > 0 else 1.0


def _inverse_bound(inverse: Inverse, laws: Mapping[Letter, Law]) -> float:
    """One over the distance of the spectrum from 0."""
    from ._law_of import law_of

    inner = law_of(inverse.of, laws)
    ends = [*inner.support(), *((x, x) for x, _ in inner.atoms())]
    least = min(0.0 if low <= 0 <= high else min(abs(low), abs(high)) for low, high in ends)
    if not least > 1e-10 * max(max(abs(low), abs(high)) for low, high in ends):
        raise ValueError(f"freeprob.law: {inverse.of!r} must be invertible, but 0 belongs to the spectrum of its law")
    return 1 / least
