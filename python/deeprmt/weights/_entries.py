"""What the entries tell beside the spectrum: their fourth moment, and on how many rows and columns vectors sit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .. import _core

Array = NDArray[np.float64]


class Entries(NamedTuple):
    """Sums over the entries: of their fourth powers, and of the squares in each row and in each column."""

    fourth: float
    rows: Array
    columns: Array


def sums(weight: NDArray[Any], scale: float) -> Entries:
    """Of the entries over scale: fourth powers of small or large ones alone need not be numbers."""
    if weight.flags.c_contiguous:
        return Entries(*_core.linalg.entry_sums(weight, scale))
    if weight.flags.f_contiguous:
        fourth, columns, rows = _core.linalg.entry_sums(weight.T, scale)
        return Entries(fourth, rows, columns)
    rows, columns, fourth = np.empty(weight.shape[0]), np.zeros(weight.shape[1]), 0.0
    for piece, begin in _pieces(weight):
        some, rows[begin : begin + len(piece)], here = _core.linalg.entry_sums(piece, scale)
        fourth += some
        columns += here
    return Entries(fourth, rows, columns)


def largest(weight: NDArray[Any]) -> float:
    """The largest magnitude; NaN if an entry is."""
    if weight.flags.c_contiguous or weight.flags.f_contiguous:
        return _core.linalg.largest_magnitude(weight if weight.flags.c_contiguous else weight.T)
    return float(np.max([_core.linalg.largest_magnitude(piece) for piece, _ in _pieces(weight)]))


def _pieces(weight: NDArray[Any]) -> Iterator[tuple[NDArray[Any], int]]:
    """Some rows at a time, one entry after the other."""
    step = max(1, 2**20 // max(1, weight.shape[1]))
    for begin in range(0, weight.shape[0], step):
        yield np.ascontiguousarray(weight[begin : begin + step]), begin


def localization(norms: Array, levels: Array) -> float | None:
    """How far the singular vectors of one side sit on single rows: 1 if each is on one, 2 / (n + 2) for noise.

    The variance of the n squared row norms over that of the n eigenvalues of W W^T, of which they are the diagonal:
    equal where that matrix is diagonal, and never larger. Rotations spread variance off the diagonal. None where all
    eigenvalues are equal, for then any vectors are singular vectors.
    """
    n, total = norms.size, float(levels.sum())
    mean = total / n
    of_levels = float(((levels - mean) ** 2).sum()) + (n - levels.size) * mean**2
    if of_levels <= 1e-9 * n * mean**2:
        return None
    return min(1.0, float(((norms - norms.sum() / n) ** 2).sum()) / of_levels)
