"""Whether the work on matrices fits into memory."""

from __future__ import annotations

import math

from .._arguments import Floats, refuse_beyond_memory


def refuse_large(function: str, matrices: Floats, each: int, threads: int, results: int = 0) -> None:
    """For work on (..., m, n) that takes `each` entries for a matrix it is at, and `results` for its results."""
    *stack, m, n = matrices.shape
    count = math.prod(stack)
    at_once = threads if count >= threads else 1
    what = f"{at_once} matrices at once, each {m} x {n}," if at_once > 1 else f"a {m} x {n} matrix"
    refuse_beyond_memory(function, (at_once * each + results) * matrices.itemsize, f"the work on {what}", threads)


def entries_for_values(m: int, n: int) -> int:
    """What singular values or eigenvalues of an (m, n) matrix take beside it: a copy, and blocks of reflectors."""
    small, large = sorted((m, n))
    blocks = 320 * (m + n) if small >= 480 else 0  # in one stage there are none
    if large > 10 * small:  # by chunks of rows
        return 2 * min(large, max(8 * small, 1024)) * small + 3 * small**2 + blocks
    return m * n + (small**2 if 2 * large > 3 * small else 0) + blocks


def entries_for_vectors(m: int, n: int) -> int:
    """What an SVD with vectors takes beside matrix and results."""
    small, large = sorted((m, n))
    panels = min(small, 64) * (3 if small > 64 else 1)
    return 2 * m * n + 9 * small**2 + (panels * large if 2 * large > 3 * small else 0)
