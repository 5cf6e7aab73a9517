import numpy as np

from deeprmt._core.random import normals
from harness import Table, copy


def bench(table: Table) -> None:
    rng = np.random.default_rng(0)
    for dtype in ("float64", "float32"):
        out = np.empty(1_000_000, dtype)
        table.add(
            f"normals 10^6 {dtype}, one thread",
            lambda out=out: normals(1, 0, 0, 0, out),
            ceiling=("copy", copy(out.nbytes)),
            peers={"numpy": lambda out=out: rng.standard_normal(out=out, dtype=out.dtype)},
        )
