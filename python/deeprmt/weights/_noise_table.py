"""Metrics of noise of any shape within a table, without a simulation.

The table holds quantiles of the metrics in simulated noise, at a grid of shapes; between shapes they are smooth once
what is known of their limits is divided out. Which values go together (a large alpha with a large stable rank, say) is
taken from simulations of a shape nearby. Made by ``python -m deeprmt.weights._make_noise_table``.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

Array = NDArray[np.float64]

PLACE = Path(__file__).with_name("noise_table.npz")
SAMPLES = 199
SHORT = (10, 14, 20, 28, 40, 57, 80, 113, 160, 226, 320, 512, 800, 1280, 2048, 4096)
"""Smaller sides."""
ROOTS = (0.01, 0.02, 0.04, 0.08, 0.15, 0.25, 0.35, 0.5, 0.65, 0.8, 0.9, 0.95, 1.0)
"""Square roots of the smaller side over the larger one."""
COLUMNS = 6
_LOW_KNOTS = np.array([1, 2, 3, 4, 6, 8, 11, 15, 20, 27, 36, 48, 62, 80])
_HIGH_KNOTS = np.array([120, 138, 152, 164, 173, 180, 185, 189, 192, 194, 196, 197, 198, 199])
KNOTS = np.concatenate([_LOW_KNOTS, [100], _HIGH_KNOTS])
"""Of the order statistics of 199 samples."""


def reduced(table: Array, short: int, long: int) -> Array:
    """Rows of `Noise` in numbers that vary slowly from shape to shape."""
    alpha, stable_rank, entropy, softrank, _, crossing, power_sum = table.T
    root = np.sqrt(short / long)
    rows = [
        np.log((alpha - 1) * root),
        np.log(short / stable_rank) / root,
        (1 - entropy) * np.log(short) / root**2,
        softrank,
        crossing / short,
        power_sum + alpha * np.log10(stable_rank),  # of the eigenvalues over the largest
    ]
    return np.stack(rows, axis=1)


def expanded(rows: Array, short: int, long: int) -> Array:
    """Back from `reduced`, with no outliers: of noise at most one matrix in hundreds has one."""
    root = np.sqrt(short / long)
    alpha = 1 + np.exp(rows[:, 0]) / root
    stable_rank = short * np.exp(-rows[:, 1] * root)
    entropy = 1 - rows[:, 2] * root**2 / np.log(short)
    power_sum = rows[:, 5] - alpha * np.log10(stable_rank)
    return np.stack(
        [alpha, stable_rank, entropy, rows[:, 3], np.zeros(len(rows)), rows[:, 4] * short, power_sum], axis=1
    )


@lru_cache(maxsize=1)
def _table() -> tuple[Array, NDArray[np.uint8]]:
    with np.load(PLACE) as found:
        return found["quantiles"].astype(np.float64), found["order"]


def covers(short: int, long: int) -> bool:
    """Whether a shape lies within the grid."""
    return SHORT[0] <= short <= SHORT[-1] and ROOTS[0] ** 2 * long <= short <= long


def tabulated(short: int, long: int) -> Array:
    """Rows of `Noise`, 199 of them, of one matrix of a shape that the table covers."""
    quantiles, order = _table()
    at_short, by_short = _cubic(np.log(SHORT), np.log(short))
    at_root, by_root = _cubic(np.array(ROOTS), np.sqrt(short / long))
    here = quantiles[at_short : at_short + 4, at_root : at_root + 4]
    knots = np.sort(np.einsum("i,j,ijck->ck", by_short, by_root, here), axis=1)
    levels, every = ndtri(KNOTS / (SAMPLES + 1)), ndtri(np.arange(1, SAMPLES + 1) / (SAMPLES + 1))
    columns = np.array([np.interp(every, levels, each) for each in knots])
    i = int(np.abs(np.log(np.array(SHORT[1::4]) / short)).argmin())
    j = int(np.abs(np.array(ROOTS[::3]) - np.sqrt(short / long)).argmin())
    return expanded(np.take_along_axis(columns, order[i, j].astype(np.intp), axis=1).T, short, long)


def _cubic(grid: Array, x: float) -> tuple[int, Array]:
    """Of the polynomial through the four points around x: where they begin, and their weights."""
    first = int(np.clip(np.searchsorted(grid, x) - 2, 0, grid.size - 4))
    points = grid[first : first + 4]
    weights = [np.prod((x - np.delete(points, k)) / (points[k] - np.delete(points, k))) for k in range(4)]
    return first, np.array(weights)
