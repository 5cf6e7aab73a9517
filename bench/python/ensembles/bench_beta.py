"""The ceiling as in linalg/bench_tridiagonal: n^2 divisions on one thread, as fast as NumPy does them in the cache."""

import numpy as np
from scipy.linalg.lapack import dsterf

from deeprmt.ensembles import hermite_eigenvalues, jacobi_eigenvalues, laguerre_eigenvalues
from harness import Table, divisions, sizes


def bench(table: Table) -> None:
    rng = np.random.default_rng(0)
    for n in sizes(100, 2000, 20000):

        def by_sterf(n: int = n) -> object:
            d = rng.normal(size=n) * np.sqrt(2 / n)
            return dsterf(d, np.sqrt(rng.chisquare(np.arange(n - 1, 0, -1)) / n))

        for name, draw in (
            ("hermite", lambda n=n: hermite_eigenvalues(n, 1)),
            ("laguerre, soft edges,", lambda n=n: laguerre_eigenvalues(2 * n, n, 1)),
            ("laguerre, hard edge,", lambda n=n: laguerre_eigenvalues(n, n, 1)),
            ("jacobi, hard edges,", lambda n=n: jacobi_eigenvalues(n, 0, 0, 1)),
        ):
            table.add(
                f"{name} {n}",
                draw,
                ceiling=("n^2 divisions", divisions(n)),
                peers={"numpy + sterf": by_sterf} if name == "hermite" else {},
                most={2000: 0.05, 20000: 4.0}.get(n) if name == "hermite" else None,
            )
