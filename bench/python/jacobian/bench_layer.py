import numpy as np

from deeprmt import _core
from deeprmt._arguments import available_threads
from harness import Table, gemm


def bench(table: Table) -> None:
    for n_out, n_in in ((1000, 1000), (2000, 1000), (1000, 2000)):
        w, b = np.empty((n_out, n_in)), np.empty(n_out)
        for kind in ("gaussian", "haar"):
            table.add(
                f"one {kind} layer {n_out} x {n_in}",
                lambda w=w, b=b, kind=kind: _core.jacobian.layer(
                    1, 0, 1, kind == "haar", 1.0, 0.1, w, b, available_threads()
                ),
                ceiling=("GEMM of 1000", gemm(1000)),
            )
