"""u^k v u^k, which has the law of a free product: used where a density that is steep at 0 is beyond a polynomial's.

With v at least 0 its spectrum is that of v^(1/2) u^(2 k) v^(1/2); with v even, its square's comes from squares.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..laws import Law
from ._operations import free_multiply, is_even
from ._symbols import Expression, Letter

__all__ = ["sandwich"]

_STEEP = -0.7  # exponents below it: those of two Marchenko-Pastur factors, -2/3, the solver of polynomials resolves


def sandwich(expression: Expression, laws: Mapping[Letter, Law]) -> Law | None:
    """The law of c u^k v u^k with a law that is steep at 0; None for everything else."""
    if len(expression.terms) != 1 or len(expression.letters) != 2:
        return None
    ((word, c),) = expression.terms.items()
    k = len(word) // 2
    outer, inner = word[0], word[k]
    if len(word) % 2 == 0 or not isinstance(outer, Letter) or not isinstance(inner, Letter):
        return None
    if any(each != outer for each in (*word[:k], *word[k + 1 :])):
        return None
    u, v = laws[outer], laws[inner]
    if not (_is_steep(u) or _is_steep(v)) or not (v._hull()[0] >= 0 or is_even(v)):
        return None
    return free_multiply(u.power(2 * k), v).scale(float(np.real(c)))


def _is_steep(law: Law) -> bool:
    """Whether the density diverges at 0 like a power below `_STEEP`."""
    for low, high in law.support():
        for end in (low, high):
            if end == 0:
                x = (high + low) * np.array([1e-12, 1e-10])
                density = law._pdf(x)
                if (density > 0).all() and np.log(density[1] / density[0]) < _STEEP * np.log(100.0):
                    return True
    return False
