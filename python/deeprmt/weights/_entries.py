"""What the entries tell beside the spectrum: their fourth moment, and on how many rows and columns vectors sit."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class Entries(NamedTuple):
    """Sums over the entries: of their fourth powers, and of the squares in each row and in each column."""

    fourth: float
    rows: Array
    columns: Array


def sums(weight: NDArray[Any], scale: float) -> Entries:
    """Of the entries over scale: fourth powers of small or large ones alone need not be numbers."""
    rows, columns, fourth = np.empty(weight.shape[0]), np.zeros(weight.shape[1]), 0.0
    step = max(1, 2**15 // weight.shape[1])  # stay in the cache
    for begin in range(0, weight.shape[0], step):
        squares = np.square(np.divide(weight[begin : begin + step], scale, dtype=np.float64))
        fourth += float(np.einsum("ij,ij", squares, squares))
        rows[begin : begin + step] = squares.sum(axis=1)
        columns += squares.sum(axis=0)
    return Entries(fourth, rows, columns)


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
