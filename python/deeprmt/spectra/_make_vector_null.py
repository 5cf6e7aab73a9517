"""Prints the constants of `_vector_null`: ``python -m deeprmt.spectra._make_vector_null``, some minutes."""

from __future__ import annotations

from math import sqrt

import numpy as np

from .. import _core
from ._vector_null import COMPLEX_P, COMPLEX_SIZES, NAIVE, SIZES, Array, _grid, _independent, of_cdf, of_squares

__all__ = ["complex_quantiles", "real_ratios", "smoothed"]

_AT_ONCE = 2**20


def _normals(draws: int, n: int, sample: int) -> Array:
    rows = np.empty((draws, n))
    _core.random.normals(1, sample, 0, 0, rows.reshape(-1))
    return rows


def real_ratios(n: int, draws: int) -> tuple[Array, Array]:
    """The share of random real vectors whose p-value of independent entries is below NAIVE, over NAIVE; errors."""
    counts, done = np.zeros(len(NAIVE) - 1), 0
    step = _AT_ONCE // n
    while done < draws:
        rows = _normals(step, n, done // step)
        rows *= sqrt(n) / np.sqrt((rows * rows).sum(axis=1, keepdims=True))
        rows.sort(axis=1)
        naive = _independent(of_cdf(np.interp(rows, *_grid(n))), n)
        counts += (naive[:, None] <= NAIVE[:-1]).sum(axis=0)
        done += step
    share = counts / done
    return share / NAIVE[:-1], np.sqrt(share * (1 - share) / done) / NAIVE[:-1]


def smoothed(ratios: Array, errors: Array) -> Array:
    """The non-decreasing numbers that are closest in units of the errors: neighbours that descend share their mean.

    The ratios do ascend, and few of the draws are as deep as the first.
    """
    blocks: list[tuple[float, float, int]] = []
    for ratio, error in zip(ratios, errors, strict=True):
        mean, weight, count = float(ratio), float(error) ** -2, 1
        while blocks and blocks[-1][0] > mean:
            before, its_weight, its_count = blocks.pop()
            mean = (before * its_weight + mean * weight) / (its_weight + weight)
            weight, count = weight + its_weight, count + its_count
        blocks.append((mean, weight, count))
    return np.repeat([mean for mean, _, _ in blocks], [count for _, _, count in blocks])


def complex_quantiles(n: int, draws: int) -> Array:
    """Of the distance times sqrt(n), for random complex vectors, at the p-values COMPLEX_P."""
    step = _AT_ONCE // (2 * n)
    found = []
    for sample in range(-(-draws // step)):
        parts = _normals(step, 2 * n, sample)
        squares = parts[:, :n] ** 2 + parts[:, n:] ** 2
        found.append(of_squares(squares / squares.sum(axis=1, keepdims=True)))
    return np.asarray(np.quantile(np.concatenate(found), 1 - np.array(COMPLEX_P)) * sqrt(n))


if __name__ == "__main__":
    for size in SIZES:
        ratios, errors = real_ratios(size, 4_000_000 if size <= 64 else 2_000_000)
        table = smoothed(ratios, errors)
        print(size, *(f"{each:.4f}," for each in table), "+-", *(f"{each:.4f}" for each in errors), flush=True)
    for size in COMPLEX_SIZES:
        print(size, *(f"{each:.4f}," for each in complex_quantiles(size, 2_000_000)), flush=True)
