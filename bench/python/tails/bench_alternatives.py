"""The ceiling is what one exponential for each value of each of 20 steps takes."""

from __future__ import annotations

import numpy as np

from deeprmt.tails import fit_power_law
from harness import Table, best, sizes


def bench(table: Table) -> None:
    for n in sizes(400, 10_000):
        x = np.random.default_rng(0).lognormal(0, 1, n)
        fit = fit_power_law(x, xmin=float(x.min()))
        u = np.log(fit.tail)
        ceiling = "20 exp", best(lambda u=u: [np.exp(u) for _ in range(20)])  # type: ignore[misc]
        for name in ("lognormal", "truncated_power_law", "stretched_exponential"):
            table.add(f"{name}, n = {n}", lambda name=name, fit=fit: fit.compare(name), ceiling=ceiling)  # type: ignore[misc]
