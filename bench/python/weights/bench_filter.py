"""Filtering a matrix beside the decompositions that it takes, and NumPy's way to the same."""

import numpy as np

from deeprmt.linalg import svd, svdvals
from deeprmt.signal import fit_bulk, rotation_invariant
from deeprmt.weights import filter
from harness import Table, best, sizes


def by_numpy(a):
    u, s, vt = np.linalg.svd(a, full_matrices=False)
    keep = s > 2.858 * np.median(s)
    return (u[:, keep] * s[keep]) @ vt[keep]


def bench(table: Table) -> None:
    rng = np.random.default_rng(0)
    for n in sizes(500, 1000, 2000):
        a = rng.normal(size=(n, n)) + rng.normal(size=(n, 10)) @ rng.normal(size=(10, n))
        s = svdvals(a)
        values, vectors = best(lambda a=a: svdvals(a)), best(lambda a=a: svd(a))
        few = values + best(lambda a=a: svd(a, k=10))
        table.add(
            f"filter hard, n = {n}, 10 spikes",
            lambda a=a: filter(a),
            ceiling=("svdvals + svd(k=10)", few),
            peers={"numpy": lambda a=a: by_numpy(a)},
            target=1.3,
        )
        table.add(
            f"filter ledoit-peche, n = {n}",
            lambda a=a: filter(a, method="ledoit-peche"),
            ceiling=("svdvals + svd", values + vectors),
            target=1.5,
        )
        table.add(
            f"fit_bulk, n = {n}", lambda s=s, n=n: fit_bulk(s, (n, n)).ks, ceiling=("svdvals", values), target=0.1
        )
        table.add(
            f"rotation_invariant, n = {n}",
            lambda s=s, n=n: rotation_invariant(s, (n, n), 1.0),
            ceiling=("svdvals", values),
            target=1.0,
        )
