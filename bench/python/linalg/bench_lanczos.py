import numpy as np

from deeprmt._arguments import available_threads
from deeprmt._core.linalg import orthonormal_step
from harness import Table, copy, sizes


def bench(table: Table) -> None:
    threads = available_threads()
    p, used = 8, 50
    for n in (500, *sizes(100_000)):
        for dtype in ("float64", "float32"):
            basis = (np.random.default_rng(0).normal(size=(p, used + 1, n)) / np.sqrt(n)).astype(dtype)
            w = np.random.default_rng(1).normal(size=(p, n)).astype(dtype)

            def numpy_step(basis=basis, w=w) -> object:
                x = w.copy()
                parts = np.einsum("pkn,pn->pk", basis[:, :-1], x, optimize=True)
                x -= np.einsum("pkn,pk->pn", basis[:, :-1], parts, optimize=True)
                return x / np.linalg.norm(x, axis=1, keepdims=True)

            # One pass reads the basis twice, as a copy reads and writes it. These vectors are not quite orthogonal, so
            # the kernel needs no second pass, nor does it in Lanczos' method but where it ends.
            table.add(
                f"orthonormal step, {p} sequences x {used} x {n} {dtype}",
                lambda basis=basis, w=w: orthonormal_step(basis, used, used - 1, used - 2, used, w.copy(), threads),
                ceiling=("copy", copy(basis.nbytes)),
                peers={"numpy": numpy_step},
            )
