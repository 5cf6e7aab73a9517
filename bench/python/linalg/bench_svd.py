import time

import numpy as np
import scipy.linalg

import harness
from deeprmt.linalg import svd, svdvals
from harness import Table, gemm, peak_memory, sizes

try:
    import torch
except ImportError:
    torch = None

ORDERS = (
    2,
    3,
    4,
    5,
    8,
    13,
    16,
    30,
    32,
    64,
    100,
    128,
    200,
    256,
    320,
    479,
    480,
    500,
    512,
    1000,
    1024,
    2000,
    2048,
    4096,
    8192,
)


def rounds(functions, seconds):
    """Least time of one call of each, in turns, so that what else the machine does hits all alike. Short calls are
    repeated until a turn takes 2 ms."""
    repeats = []
    for function in functions:
        function()  # warm-up
        start = time.perf_counter()
        function()
        repeats.append(1 if harness.quick else max(1, int(2e-3 / max(time.perf_counter() - start, 1e-7))))
    best = [np.inf] * len(functions)
    end = time.perf_counter() + seconds
    while True:
        for i, (function, repeat) in enumerate(zip(functions, repeats, strict=True)):
            start = time.perf_counter()
            for _ in range(repeat):
                function()
            best[i] = min(best[i], (time.perf_counter() - start) / repeat)
        if harness.quick or time.perf_counter() > end:
            return best


def peers(a):
    """Who else gives the singular values of a."""
    found = {"numpy": lambda: np.linalg.svd(a, compute_uv=False)}
    if a.ndim == 2:
        found["scipy"] = lambda: scipy.linalg.svdvals(a)
    if torch:
        tensor = torch.from_numpy(a)
        found["torch"] = lambda: torch.linalg.svdvals(tensor)
    return found


def curve(table: Table) -> None:
    """One line an order: the ratio to a product of the same order, and of each peer to ours."""
    rng = np.random.default_rng(0)
    seconds_of = {}
    for dtype in ("float64", "float32"):
        for n in sizes(*ORDERS):
            for count in (0, 1000) if n <= 32 else (0,):
                a = rng.normal(size=(count, n, n) if count else (n, n)).astype(dtype)
                others = peers(a)
                expected = others["numpy"]()
                eps = np.finfo(dtype).eps
                assert np.abs(svdvals(a) - expected).max() < 2 * (n + 20) * eps * expected.max()
                ours, product, *theirs = rounds(
                    [lambda a=a: svdvals(a), lambda a=a: a @ a, *others.values()], 0.5 if n < 1000 else 3.0
                )
                name = f"svdvals {n} {dtype}" + (f", stack of {count}" if count else "")
                row = {"name": name, "seconds": ours, "ceiling": "GEMM", "ratio": ours / product}
                row["target"] = 2.5 if n >= 2000 else None
                line = f"{name:<36} {ours * 1e6:12.1f} us  {ours / product:7.2f} x GEMM"
                for peer, seconds in zip(others, theirs, strict=True):
                    row[peer] = seconds
                    line += f"   {seconds / ours:6.2f} x faster than {peer}"
                if not count:
                    seconds_of[n, dtype] = ours
                if n >= 1000:
                    row["memory"] = peak_memory(SETUP.format(n=n, dtype=dtype), "svdvals(a)")
                    line += f"   peak memory {row['memory'] / a.nbytes:.2f} matrices"
                table.rows.append(row)
                print(line, flush=True)
    for n in sizes(2000, 4096, 8192):
        ratio = seconds_of[n, "float32"] / seconds_of[n, "float64"]
        table.ratio(f"svdvals {n}, float32 to float64", ratio, 0.6)


# Nothing beside a itself is large before the call.
SETUP = """
from deeprmt.linalg import svd, svdvals
a = np.empty(({n}, {n}), "{dtype}")
rng = np.random.default_rng(0)
for row in a:
    row[:] = rng.normal(size={n})
svdvals(a[:300, :300])
"""


def bench(table: Table) -> None:
    curve(table)
    rng = np.random.default_rng(0)
    for m, n in ((1000, 5), (5, 1000), (300, 30), (2000, 100)):
        c = rng.normal(size=(m, n))
        table.add(
            f"svdvals {m} x {n}",
            lambda c=c: svdvals(c),
            ceiling=("GEMM", gemm(min(m, n))),
            peers={"numpy": lambda c=c: np.linalg.svd(c, compute_uv=False)},
        )
    for n in sizes(200, 600, 1000, 2000, 3000):
        for dtype in ("float64", "float32"):
            b = rng.normal(size=(n, n)).astype(dtype)
            others = {
                "numpy": lambda b=b: np.linalg.svd(b, full_matrices=False),
                "scipy": lambda b=b: scipy.linalg.svd(b, full_matrices=False),
            }
            if torch:
                tensor = torch.from_numpy(b)
                others["torch"] = lambda tensor=tensor: torch.linalg.svd(tensor, full_matrices=False)
            table.add(
                f"svd {n} {dtype}, all vectors",
                lambda b=b: svd(b),
                ceiling=("GEMM", gemm(n, dtype)),
                peers=others,
                lead=2.0 if n >= 2000 else None,
                memory=(SETUP.format(n=n, dtype=dtype), "svd(a)"),
            )
            table.add(f"svd {n} {dtype}, 10 vectors", lambda b=b: svd(b, k=10), ceiling=("GEMM", gemm(n, dtype)))
