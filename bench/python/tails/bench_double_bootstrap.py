import numpy as np

from deeprmt._arguments import available_threads
from deeprmt._core.tails import bootstrap_criterion
from harness import Table, best, sizes


def bench(table: Table) -> None:
    rng = np.random.default_rng(0)
    for n in sizes(500, 10_000, 100_000):
        depth = np.sort(rng.exponential(size=n))
        size = int(n**0.95)

        def numpy_resamples(depth=depth, size=size) -> None:
            for _ in range(10):
                logs = -np.sort(depth[rng.integers(0, depth.size, size)])
                k = np.arange(1, size)
                m1 = np.cumsum(logs)[:-1] / k - logs[1:]
                m2 = np.cumsum(logs**2)[:-1] / k - 2 * logs[1:] * (m1 + logs[1:]) + logs[1:] ** 2
                _ = (m2 - 2 * m1**2) ** 2

        table.add(
            f"double bootstrap, 10 resamples of {size} of {n}",
            lambda depth=depth, size=size: bootstrap_criterion(depth, size, 10, 1, 0, available_threads()),
            ceiling=("10 draws", best(lambda depth=depth, size=size: rng.random(10 * size))),
            peers={"numpy": numpy_resamples},
        )
