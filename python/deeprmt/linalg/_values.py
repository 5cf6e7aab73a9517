"""What singular values and eigenvalues have in common: a stack goes in, a row of values for each matrix comes out."""

from __future__ import annotations

from collections.abc import Callable

from numpy.typing import ArrayLike

from .._arguments import Floats, as_stack, as_threads, refuse_non_finite
from ._room import entries_for_values, refuse_large

_little = 2**15
"""Bytes of a stack that is done in microseconds: less than it takes to ask the system for cores and memory."""


def values_of(function: str, kernel: Callable[[Floats, int], Floats], a: ArrayLike, threads: int | None) -> Floats:
    """`kernel`, which says what is wrong with a single matrix, for (..., m, n)."""
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
