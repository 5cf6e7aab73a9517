"""Edges to twice the digits of a double, so that distances to them have all of theirs."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal, localcontext

import numpy as np
from numpy.typing import NDArray

__all__ = ["Edge", "precise", "root"]

Edge = tuple[float, float]
"""The number head + rest, rest below the last digit of head."""


def precise(formula: Callable[..., Decimal], *arguments: float) -> Edge:
    """The value of a formula, which gets its arguments as decimals of 60 digits."""
    with localcontext() as context:
        context.prec = 60
        value = formula(*map(Decimal, arguments))
        head = float(value)
        return head, float(value - Decimal(head))


def root(z: NDArray[np.complex128], low: Edge, high: Edge) -> NDArray[np.complex128]:
    """sqrt(z - low) sqrt(z - high), which is like z far out and has its cut between the two."""
    z = z + 0j  # -0.0 in the imaginary part is the lower half plane to a square root
    out: NDArray[np.complex128] = np.sqrt((z - low[0]) - low[1]) * np.sqrt((z - high[0]) - high[1])
    return out
