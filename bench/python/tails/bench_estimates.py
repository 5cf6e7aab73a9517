import numpy as np

from deeprmt.tails import kernel, moment, pickands, qq, rank
from harness import Table, best


def bench(table: Table) -> None:
    x = np.random.default_rng(0).pareto(2, 1_000_000) + 1
    steps = best(lambda: np.cumsum(np.log(np.sort(x))))
    for estimator in (moment, pickands, kernel, qq, rank):
        table.add(
            f"{estimator.__name__} 10^6, every k with its error",
            lambda estimator=estimator: estimator(x),
            ceiling=("sort + log + cumsum", steps),
        )
