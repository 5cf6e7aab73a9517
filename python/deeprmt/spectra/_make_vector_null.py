"""Prints the constants of `_vector_null`: ``python -m deeprmt.spectra._make_vector_null``, about a minute."""

from __future__ import annotations

from math import sqrt

import numpy as np

from .. import _core
from ._vector_null import NAIVE, _independent, distance

__all__ = ["make"]


def make(draws: int = 4_000_000, n: int = 64) -> None:
    """Print what RATIO is made of."""
    naive = []
    for sample in range(draws // 20_000):
        rows = np.empty((20_000, n))
        _core.random.normals(1, sample, 0, 0, rows.reshape(-1))
        rows *= sqrt(n) / np.sqrt((rows * rows).sum(axis=1, keepdims=True))
        naive.append(_independent(distance(rows, "sphere"), n))
    found = np.concatenate(naive)
    for at in NAIVE[1:-1]:
        share = float((found <= at).mean())
        print(f"{at:6.3f} {share / at:.4f} +- {sqrt(share * (1 - share) / found.size) / at:.4f}")


if __name__ == "__main__":
    make()
