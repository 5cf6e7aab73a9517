import numpy as np

from deeprmt.tails import hill
from harness import Table, best


def bench(table: Table) -> None:
    x = np.random.default_rng(0).pareto(2, 1_000_000) + 1

    def numpy_hill() -> object:
        logs = np.log(np.sort(x)[::-1])
        k = np.arange(1, x.size)
        return np.cumsum(logs)[:-1] / k - logs[1:]

    def steps() -> object:
        return np.cumsum(np.log(np.sort(x)))

    np.testing.assert_allclose(hill(x).xi, numpy_hill(), atol=1e-9)
    table.add(
        "hill 10^6, every k with its error",
        lambda: hill(x),
        ceiling=("sort + log + cumsum", best(steps)),
        peers={"numpy, without errors": numpy_hill},
        target=1.0,
    )
