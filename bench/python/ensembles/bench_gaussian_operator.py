import numpy as np

from deeprmt.ensembles import GaussianOperator, ginibre
from harness import Table, best, sizes


def bench(table: Table) -> None:
    for n in sizes(500, 8000):
        for dtype in ("float64", "float32"):
            a = GaussianOperator(n, dtype=dtype, rng=1)
            drawing = ("drawing it once", best(lambda n=n, dtype=dtype: ginibre(n, dtype=dtype, rng=1)))
            for p in (1, 32):
                x = np.random.default_rng(1).normal(size=(n, p)).astype(dtype)
                for name, operator in (("A", a), ("A^T", a.T)):
                    table.add(
                        f"GaussianOperator {name} x, {n} x {p} {dtype}",
                        lambda operator=operator, x=x: operator @ x,
                        ceiling=drawing,
                    )
