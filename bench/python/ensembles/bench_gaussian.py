import numpy as np

from deeprmt.ensembles import ginibre, goe, gue, heavy_tailed, wishart
from harness import Table, copy, gemm


def bench(table: Table) -> None:
    n = 2000
    rng = np.random.default_rng(0)
    ceiling = ("copy", copy(8 * n * n))

    def numpy_goe() -> object:
        a = rng.standard_normal((n, n))
        return (a + a.T) / np.sqrt(2 * n)

    def numpy_wishart() -> object:
        a = rng.standard_normal((n, n)) / np.sqrt(n)
        return a @ a.T

    table.add(f"ginibre {n}", lambda: ginibre(n), ceiling=ceiling, peers={"numpy": lambda: rng.standard_normal((n, n))})
    table.add(f"goe {n}", lambda: goe(n), ceiling=ceiling, peers={"numpy": numpy_goe})
    table.add(f"gue {n}", lambda: gue(n), ceiling=("copy", copy(16 * n * n)))
    table.add(f"wishart {n}", lambda: wishart(n, n), ceiling=("GEMM", gemm(n)), peers={"numpy": numpy_wishart})

    def numpy_pareto() -> object:
        return rng.pareto(1.5, (n, n)) * rng.choice([-1.0, 1.0], (n, n))

    table.add(f"heavy_tailed {n}", lambda: heavy_tailed(n, n, 1.5), ceiling=ceiling, peers={"numpy": numpy_pareto})
