import numpy as np

from deeprmt.linalg import eigh, eigvalsh
from harness import Table, gemm, sizes


def bench(table: Table) -> None:
    for n in sizes(64, 256, 1000, 2000):
        a = np.random.default_rng(0).normal(size=(n, n))
        a += a.T
        np.testing.assert_allclose(eigvalsh(a), np.linalg.eigvalsh(a), atol=1e-10 * np.sqrt(n))
        table.add(
            f"eigvalsh {n}",
            lambda a=a: eigvalsh(a),
            ceiling=("GEMM", gemm(n)),
            peers={"numpy": lambda a=a: np.linalg.eigvalsh(a)},
        )
    for n in sizes(200, 600, 2000):
        a = np.random.default_rng(0).normal(size=(n, n))
        a += a.T
        for k in (None, 10):
            table.add(
                f"eigh {n}, {'all' if k is None else k} vectors",
                lambda a=a, k=k: eigh(a, k=k),
                ceiling=("GEMM", gemm(n)),
                peers={"numpy": lambda a=a: np.linalg.eigh(a)},
            )
