import numpy as np
import scipy.linalg

from deeprmt.linalg import svd, svdvals
from harness import Table, gemm, sizes


def bench(table: Table) -> None:
    rng = np.random.default_rng(0)
    for n in sizes(32, 64, 128, 256, 500, 1000, 2000):
        for dtype in ("float64", "float32"):
            a = rng.normal(size=(n, n)).astype(dtype)
            expected = np.linalg.svd(a, compute_uv=False)
            assert np.abs(svdvals(a) - expected).max() < 1e3 * np.finfo(dtype).eps * expected[0]
            table.add(
                f"svdvals {n} {dtype}",
                lambda a=a: svdvals(a),
                ceiling=("GEMM", gemm(n, dtype)),
                peers={"numpy": lambda a=a: np.linalg.svd(a, compute_uv=False)},
                target=2.5 if n >= 2000 else None,
            )
    a = rng.normal(size=(500, 64, 64))
    table.add(
        "svdvals, stack of 500 x 64 x 64",
        lambda: svdvals(a),
        ceiling=("500 GEMM", 500 * gemm(64)),
        peers={"numpy": lambda: np.linalg.svd(a, compute_uv=False)},
    )
    b = rng.normal(size=(1000, 1000))
    table.add(
        "svd with vectors 1000",
        lambda: svd(b),
        ceiling=("GEMM", gemm(1000)),
        peers={
            "numpy": lambda: np.linalg.svd(b, full_matrices=False),
            "scipy": lambda: scipy.linalg.svd(b, full_matrices=False),
        },
    )
