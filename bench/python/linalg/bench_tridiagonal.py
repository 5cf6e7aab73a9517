"""The ceiling: n^2 divisions, one for each pair of a pole and a root, as fast as NumPy divides in the cache."""

import numpy as np
from scipy.linalg import eigvalsh_tridiagonal as scipy_values
from scipy.linalg.lapack import dsterf

from deeprmt.linalg import eigvalsh_tridiagonal
from harness import Table, divisions, sizes


def bench(table: Table) -> None:
    rng = np.random.default_rng(0)
    for n in sizes(20, 100, 500, 2000, 20000):
        d, e = rng.normal(size=n) * np.sqrt(2), np.sqrt(rng.chisquare(np.arange(n - 1, 0, -1)))
        peers = {"sterf": lambda d=d, e=e: dsterf(d, e)}
        if n <= 2000:
            peers["stemr"] = lambda d=d, e=e: scipy_values(d, e, lapack_driver="stemr")
            peers["stebz"] = lambda d=d, e=e: scipy_values(d, e, lapack_driver="stebz")
        for threads in (1, None):
            table.add(
                f"eigvalsh_tridiagonal {n}{', one thread' if threads else ''}",
                lambda d=d, e=e, t=threads: eigvalsh_tridiagonal(d, e, threads=t),
                ceiling=("n^2 divisions", divisions(n)),
                peers=peers if threads else {},
            )
