"""Makes the table of `_noise_table`: ``python -m deeprmt.weights._make_noise_table``, half an hour on one core."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from ..ensembles import laguerre_eigenvalues
from ._noise_table import COLUMNS, KNOTS, PLACE, ROOTS, SAMPLES, SHORT, Array, reduced
from ._null import of_levels


def simulated(short: int, long: int, count: int, seed: int) -> Array:
    """(count, COLUMNS) reduced metrics of noise."""
    draws = laguerre_eigenvalues(long, short, 1, size=(count, 1), rng=seed, threads=1)
    table = np.array([of_levels(np.maximum(each, 1e-300), short, long) for each in draws])
    return reduced(table, short, long)


def count_of(short: int) -> int:
    """How many matrices are simulated: fewer of the large ones, which scatter less from shape to shape."""
    return 799 if short <= 160 else 599 if short <= 800 else 399 if short <= 2048 else 199


def make(path: Path = PLACE, shorts: tuple[int, ...] = SHORT, roots: tuple[float, ...] = ROOTS) -> None:
    """Quantiles of each metric at each shape, and who goes with whom."""
    probabilities = KNOTS / (SAMPLES + 1)
    quantiles = np.empty((len(shorts), len(roots), COLUMNS, len(KNOTS)), np.float32)
    order = np.empty((len(shorts), len(roots), COLUMNS, SAMPLES), np.uint8)
    for i, short in enumerate(shorts):
        for j, root in enumerate(roots):
            found = simulated(short, round(short / root**2), count_of(short), 1000 * short + j)
            quantiles[i, j] = np.quantile(found, probabilities, axis=0, method="weibull").T
            order[i, j] = found[:SAMPLES].argsort(axis=0, kind="stable").argsort(axis=0, kind="stable").T
        print(short, file=sys.stderr, flush=True)
    np.savez_compressed(path, quantiles=quantiles, order=order[1::4, ::3])


if __name__ == "__main__":
    make()
