import numpy as np

from deeprmt._arguments import available_threads
from deeprmt._core.linalg import chebyshev_step
from harness import Table, copy


def bench(table: Table) -> None:
    threads = available_threads()
    for dtype in ("float64", "float32"):
        w, current, previous = np.random.default_rng(0).normal(size=(3, 8, 100_000)).astype(dtype)

        def numpy_step(w=w, current=current, previous=previous) -> object:
            following = 0.5 * (w - 0.25 * current) - previous
            return np.einsum("pn,pn->p", following, current), np.einsum("pn,pn->p", following, following)

        # Three arrays read, one written.
        table.add(
            f"chebyshev step, 8 x 100000 {dtype}",
            lambda w=w, current=current, previous=previous: chebyshev_step(w, current, previous, 0.25, 4.0, 2, threads),
            ceiling=("2 copy", 2 * copy(w.nbytes)),
            peers={"numpy": numpy_step},
        )
