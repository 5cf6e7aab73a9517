import numpy as np

from deeprmt._arguments import available_threads
from deeprmt._core.linalg import qr
from harness import Table, gemm, sizes


def bench(table: Table) -> None:
    for n in sizes(500, 2000):
        a = np.random.default_rng(0).normal(size=(n, n))
        table.add(
            f"QR with Q {n}",
            lambda a=a: qr(a, available_threads()),
            ceiling=("GEMM", gemm(n)),
            peers={"numpy": lambda a=a: np.linalg.qr(a)},
        )
