import numpy as np

from deeprmt._arguments import available_threads
from deeprmt._core.linalg import multiply, multiply_itself
from harness import Table, gemm, sizes


def bench(table: Table) -> None:
    for n in sizes(500, 2000):
        for dtype in ("float64", "float32"):
            a = np.random.default_rng(0).normal(size=(n, n)).astype(dtype)
            table.add(
                f"thread-independent product {n} {dtype}",
                lambda a=a: multiply(a, a, available_threads()),
                ceiling=("GEMM", gemm(n, dtype)),
            )
            table.add(
                f"product with its own transpose {n} {dtype}",
                lambda a=a, n=n: multiply_itself(a, 0, n, available_threads()),
                ceiling=("GEMM", gemm(n, dtype)),
                peers={"NumPy": lambda a=a: a @ a.T},
            )
