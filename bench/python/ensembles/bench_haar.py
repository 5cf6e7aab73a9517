import numpy as np
import scipy.stats

from deeprmt.ensembles import HaarOperator, haar
from harness import Table, copy, gemm, sizes

try:
    import torch
except ImportError:
    torch = None


def numpy_qr(n: int, dtype: str) -> object:
    q, r = np.linalg.qr(np.random.default_rng(0).standard_normal((n, n), dtype=dtype))
    return q * np.sign(np.diag(r))


def torch_orthogonal(n: int, dtype: str) -> object:
    return torch.nn.init.orthogonal_(torch.empty(n, n, dtype=getattr(torch, dtype)))


def memory(n: int, dtype: str) -> str:
    """Of the forms of one matrix, in MiB: the matrix, the reflectors that are kept, a block of them that is not."""
    size = np.dtype(dtype).itemsize / 2**20
    forms = {"matrix": n * n, "reflectors": n * (n + 96) / 2, "block": 192 * n}
    return ", ".join(f"{name} {count * size:.1f} MiB" for name, count in forms.items())


def bench(table: Table) -> None:
    for n in sizes(200, 500, 1000, 2000, 4000):
        seconds = {}
        for dtype in ("float64", "float32"):
            peers = {"numpy qr": lambda n=n, dtype=dtype: numpy_qr(n, dtype)}
            if torch:
                peers["torch orthogonal_"] = lambda n=n, dtype=dtype: torch_orthogonal(n, dtype)
            if dtype == "float64" and n <= 2000:
                peers["scipy ortho_group"] = lambda n=n: scipy.stats.ortho_group.rvs(n)
            seconds[dtype] = table.add(
                f"haar {n} {dtype}",
                lambda n=n, dtype=dtype: haar(n, dtype=dtype),
                ceiling=("GEMM", gemm(n, dtype)),
                peers=peers,
                target=1.0 if n >= 2000 else None,
                memory=("from deeprmt.ensembles import haar; haar(200)", f"haar({n}, dtype=np.{dtype})"),
            )
        if n >= 2000:
            table.ratio(f"haar {n}, float32 to float64", seconds["float32"] / seconds["float64"], 0.6)
    for n in sizes(500, 2000):
        table.add(f"haar {n}, method='qr'", lambda n=n: haar(n, method="qr"), ceiling=("GEMM", gemm(n)))
        table.add(
            f"haar {n} complex128",
            lambda n=n: haar(n, field="complex"),
            ceiling=("GEMM", gemm(n, "complex128")),
            peers={"scipy unitary_group": lambda n=n: scipy.stats.unitary_group.rvs(n)},
        )
        for dtype in ("float64", "float32"):
            print(f"    n = {n}, {dtype}: {memory(n, dtype)}")
            block = np.random.default_rng(0).standard_normal((n, n)).astype(dtype)
            kept, drawn = (HaarOperator(n, dtype=dtype, rng=0, store=store) for store in (True, False))
            for side in ("left", "right"):
                table.add(
                    f"HaarOperator n x n, {side} {n} {dtype}",
                    lambda kept=kept, block=block, side=side: kept.apply(block, side=side),
                    ceiling=("GEMM", gemm(n, dtype)),
                    target=1.3 if n >= 2000 else None,
                )
            table.add(
                f"HaarOperator n x n, drawn anew {n} {dtype}",
                lambda drawn=drawn, block=block: drawn.apply(block),
                ceiling=("GEMM", gemm(n, dtype)),
            )
            # Both triangles of reflectors are read once: at best the time to copy half as much.
            reads = ("copy", copy(n * n * block.itemsize // 2))
            table.add(
                f"HaarOperator n x 1 {n} {dtype}",
                lambda kept=kept, block=block: kept.apply(block[:, 0]),
                ceiling=reads,
            )
            table.add(
                f"HaarOperator n x 1, drawn anew {n} {dtype}",
                lambda drawn=drawn, block=block: drawn.apply(block[:, 0]),
                ceiling=reads,
            )
