import numpy as np

from deeprmt.linalg import eigh, eigvalsh
from harness import Table, gemm, sizes

try:
    import torch
except ImportError:
    torch = None


def bench(table: Table) -> None:
    for dtype in ("float64", "float32"):
        for n in sizes(64, 256, 1000, 2000, 3000):
            a = np.random.default_rng(0).normal(size=(n, n)).astype(dtype)
            a += a.T
            # Both are backward stable: a few eps of the norm, about 2.8 sqrt(n).
            bound = 60 * np.sqrt(n) * np.finfo(dtype).eps
            np.testing.assert_allclose(eigvalsh(a), np.linalg.eigvalsh(a), atol=bound)
            values = {"numpy": lambda a=a: np.linalg.eigvalsh(a)}
            vectors = {"numpy": lambda a=a: np.linalg.eigh(a)}
            if torch:
                tensor = torch.from_numpy(a)
                values["torch"] = lambda tensor=tensor: torch.linalg.eigvalsh(tensor)
                vectors["torch"] = lambda tensor=tensor: torch.linalg.eigh(tensor)
            target = 2.0 if n >= 2000 else None
            ceiling = ("GEMM", gemm(n, dtype))
            table.add(f"eigvalsh {n} {dtype}", lambda a=a: eigvalsh(a), ceiling=ceiling, peers=values, lead=target)
            table.add(
                f"eigh {n} {dtype}, all vectors", lambda a=a: eigh(a), ceiling=ceiling, peers=vectors, lead=target
            )
            table.add(f"eigh {n} {dtype}, 10 vectors", lambda a=a: eigh(a, k=10), ceiling=ceiling)
