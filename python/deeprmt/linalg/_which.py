"""Which of the values of a decomposition come with their vectors."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import SupportsIndex

import numpy as np

from .._arguments import as_count, shown


def as_which(
    function: str, k: SupportsIndex | None, which: str | Sequence[int], full: int, first: str, last: str, limit: str
) -> list[int]:
    """Numbers in 0..full-1: the `k` at the end that `which` names, `first` or `last`, or those that it lists."""
    if isinstance(which, str):
        if which not in (first, last):
            raise ValueError(f"{function}: which must be {first!r}, {last!r} or a list of numbers, got {shown(which)}")
        count = full if k is None else as_count(function, "k", k)
        if count > full:
            raise ValueError(f"{function}: k must be at most {limit} = {full}, got {k}")
        return list(range(count) if which == first else range(full - count, full))
    if k is not None:
        raise ValueError(f"{function}: k must be None where which is a list of numbers, got {shown(k)}")
    try:
        listed = list(which)
        numbers = [operator.index(i) for i in listed]
    except TypeError:
        wish = f"{first!r}, {last!r} or a list of numbers"
        raise TypeError(f"{function}: which must be {wish}, got {shown(which)}") from None
    for i, number in zip(listed, numbers, strict=True):
        if isinstance(i, bool | np.bool_) or not 0 <= number < full:
            raise ValueError(f"{function}: which must hold numbers from 0 to {full - 1}, got {i!r}")
    return numbers
