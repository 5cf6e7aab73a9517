"""Whether the work on matrices fits into memory."""

from __future__ import annotations

import math

from .._arguments import Floats, refuse_beyond_memory


def refuse_large(function: str, matrices: Floats, copies: float, threads: int, results: int = 0) -> None:
    """For work on (..., m, n) that takes `copies` of each matrix it is at, and `results` entries for its results."""
    *stack, m, n = matrices.shape
    count = math.prod(stack)
    at_once = threads if count >= threads else 1
    entries = at_once * math.ceil(copies * m * n) + results
    what = f"{at_once} matrices at once, each {m} x {n}," if at_once > 1 else f"a {m} x {n} matrix"
    refuse_beyond_memory(function, entries * matrices.itemsize, f"the work on {what}")
