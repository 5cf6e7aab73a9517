import numpy as np

from deeprmt.ensembles import goe
from deeprmt.freeprob import free_mixed_moment, freeness_test, mixed_moment
from deeprmt.laws import MarchenkoPastur, Semicircle
from harness import Table, gemm, sizes


def bench(table: Table) -> None:
    for n in sizes(200, 1000):
        a, b = goe(n, size=2, rng=0)
        table.add(
            f"trace of A B A B A B, n = {n}",
            lambda a=a, b=b: mixed_moment("A B A B A B", {"A": a, "B": b}),
            ceiling=("GEMM", gemm(n)),
            target=5 if n >= 1000 else None,  # four products and a trace
            peers={"numpy": lambda a=a, b=b: np.trace(a @ b @ a @ b @ a @ b)},
        )
        table.add(
            f"freeness test of degree 4, 16 rotations, n = {n}",
            lambda a=a, b=b: freeness_test([a, b], rotations=16, rng=1),
            ceiling=("17 x 10 GEMM", 170 * gemm(n)),
        )
    laws = {"A": MarchenkoPastur(1.0), "B": Semicircle().shift(1.0)}
    table.add(
        "prediction for a word of 12 letters", lambda: free_mixed_moment("A B " * 6, laws), ceiling=("1 ms", 1e-3)
    )
