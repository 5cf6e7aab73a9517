import numpy as np
import scipy.stats

from deeprmt.ensembles import haar
from harness import Table, gemm, sizes


def bench(table: Table) -> None:
    rng = np.random.default_rng(0)
    for n in sizes(200, 500, 1000, 2000, 4000):
        for dtype in ("float64", "float32"):

            def numpy_qr(n=n, dtype=dtype) -> object:
                q, r = np.linalg.qr(rng.standard_normal((n, n), dtype=dtype))
                return q * np.sign(np.diag(r))

            peers = {"numpy qr": numpy_qr}
            if dtype == "float64" and n <= 2000:
                peers["scipy ortho_group"] = lambda n=n: scipy.stats.ortho_group.rvs(n, random_state=rng)
            table.add(
                f"haar {n} {dtype}",
                lambda n=n, dtype=dtype: haar(n, dtype=dtype),
                ceiling=("GEMM", gemm(n, dtype)),
                peers=peers,
                target=1.0 if n >= 2000 else None,
            )
    for n in sizes(2000):
        table.add(f"haar {n}, method='qr'", lambda n=n: haar(n, method="qr"), ceiling=("GEMM", gemm(n)))
