"""A product with a power that may be beyond the range of doubles by itself."""

from __future__ import annotations

import math

__all__ = ["times_power"]


def times_power(value: float, size: float, k: int) -> float:
    """value * size^k, for a power that may be beyond the range of doubles where the product is not."""
    mantissa, exponent = math.frexp(size)
    whole = exponent * k
    for _ in range(k):
        value *= mantissa
        value, more = math.frexp(value)
        whole += more
    return math.ldexp(value, whole)
