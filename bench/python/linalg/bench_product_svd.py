import numpy as np

from deeprmt.linalg import log_svdvals, lyapunov_exponents
from harness import Table, gemm, sizes


def bench(table: Table) -> None:
    rng = np.random.default_rng(0)

    def numpy_chain(factors: np.ndarray) -> object:
        q, logs = np.eye(factors.shape[1]), []
        for factor in factors:
            q, r = np.linalg.qr(factor @ q)
            logs.append(np.log(np.abs(np.diag(r))))
        return np.mean(logs, axis=0)

    for n in sizes(8, 100, 500, 1000):
        depth = {8: 10_000, 100: 200, 500: 20, 1000: 10}[n]
        factors = rng.normal(size=(depth, n, n)) / np.sqrt(n)
        ceiling = ("depth GEMM", depth * gemm(n))
        table.add(f"log_svdvals, width {n} depth {depth}", lambda f=factors: log_svdvals(f), ceiling=ceiling)
        table.add(
            f"lyapunov_exponents, width {n} depth {depth}",
            lambda f=factors: lyapunov_exponents(f),
            ceiling=ceiling,
            peers={"numpy": lambda f=factors: numpy_chain(f)},
        )
