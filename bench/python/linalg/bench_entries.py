"""One pass over the entries: the ceiling is to copy them."""

from __future__ import annotations

import numpy as np

from deeprmt import _core
from harness import Table, copy, sizes


def bench(table: Table) -> None:
    for n in sizes(400, 4000):
        a = np.random.default_rng(0).normal(size=(n, n)).astype(np.float32)
        ceiling = "copy", copy(a.nbytes)
        table.add(
            f"sums over the entries, n = {n}, float32", lambda a=a: _core.linalg.entry_sums(a, 1.0), ceiling=ceiling
        )  # type: ignore[misc]
        table.add(f"largest entry, n = {n}, float32", lambda a=a: _core.linalg.largest_magnitude(a), ceiling=ceiling)  # type: ignore[misc]
