"""What decompositions have in common: a stack goes in, values, and perhaps vectors, of each matrix come out."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike

from .._arguments import Floats, as_stack, as_threads, refuse_non_finite
from ._complex import is_complex, real_form
from ._room import entries_for_values, refuse_large
from ._which import as_which

_Results = TypeVar("_Results")

_little = 2**15
"""Bytes of a stack that is done in microseconds: less than it takes to ask the system for cores and memory."""


def values_of(function: str, kernel: Callable[[Floats, int], Floats], a: ArrayLike, threads: int | None) -> Floats:
    """`kernel`, which says what is wrong with a single matrix, for (..., m, n)."""
    if is_complex(a):
        return np.ascontiguousarray(values_of(function, kernel, real_form(function, a), threads)[..., ::2])
    stack = as_stack(function, "a", a)
    inner = 1
    if threads is not None or stack.nbytes > _little:
        inner = as_threads(function, threads)
        refuse_large(function, stack, entries_for_values(*stack.shape[-2:]), inner)
    try:
        return kernel(stack, inner)
    except ValueError:
        refuse_non_finite(function, "a", stack)  # with the whole index, and first
        raise


def vectors_of(
    function: str,
    kernel: Callable[[Floats, list[int], int], _Results],
    entries: Callable[[int, int], int],
    a: ArrayLike,
    k: int | None,
    which: str | Sequence[int],
    ends: tuple[str, str],
    threads: int | None,
) -> _Results:
    """The same for a kernel that also takes which vectors are wanted, and `entries(m, n)` beside matrix and results."""
    stack = as_stack(function, "a", a)
    m, n = stack.shape[-2:]
    inner = 1
    try:
        chosen = as_which(function, k, which, min(m, n), *ends, "n" if function == "eigh" else "min(m, n)")
        if threads is not None or stack.nbytes > _little:
            inner = as_threads(function, threads)
            results = math.prod(stack.shape[:-2]) * len(chosen) * (m + n)
            refuse_large(function, stack, entries(m, n), inner, results)
        return kernel(stack, chosen, inner)
    except ValueError:
        refuse_non_finite(function, "a", stack)
        raise
