import numpy as np

from deeprmt.meanfield import kernels
from harness import Table, copy, gemm, sizes


def closed_form(x: np.ndarray, depth: int, weight: float) -> tuple[np.ndarray, np.ndarray]:
    """Relu without biases, in plain NumPy."""
    k = weight * (x @ x.T) / x.shape[1]
    theta = k.copy()
    for _ in range(depth - 1):
        q = np.sqrt(np.diag(k))
        size = np.outer(q, q)
        cosine = np.clip(k / size, -1, 1)
        angle = np.arccos(cosine)
        theta *= weight * (np.pi - angle) / (2 * np.pi)
        k = weight * size * (np.sqrt(1 - cosine * cosine) + (np.pi - angle) * cosine) / (2 * np.pi)
        theta += k
    return k, theta


def bench(table: Table) -> None:
    rng = np.random.default_rng(0)
    for n in sizes(400, 1000):
        for dtype in ("float32", "float64"):
            x = rng.normal(size=(n, 784)).astype(dtype)
            for name, bias in (("relu", 0.0), ("relu", 0.1), ("erf", 0.1), ("gelu", 0.1), ("tanh", 0.1)):

                def both(x=x, name=name, bias=bias) -> object:
                    return kernels(x, depth=10, activation=name, sigma_w=1.4, sigma_b=bias)

                def plain(x=x) -> object:
                    return closed_form(x, 10, 1.4**2)

                first = name == "relu" and bias == 0
                table.add(
                    f"nngp and ntk, {n} inputs, depth 10, {name}{', biases' if bias else ''}, {dtype}",
                    both,
                    ceiling=("GEMM(1000)", gemm(1000, dtype)),
                    peers={"numpy": plain} if first else None,
                    most=0.04 if first and dtype == "float32" and n == 1000 else None,
                )
    for n in sizes(10_000):
        x = rng.normal(size=(n, 100)).astype(np.float32)
        k, theta = (np.ones((n, n), np.float32) for _ in range(2))  # filled: pages that the system has given
        for name, bias in (("relu", 0.0), ("tanh", 0.1)):

            def into(x=x, out=(k, theta), name=name, bias=bias) -> object:
                return kernels(x, depth=10, activation=name, sigma_w=1.4, sigma_b=bias, out=out)

            table.add(
                f"nngp and ntk, {n} inputs, depth 10, {name}{', biases' if bias else ''}, float32",
                into,
                ceiling=("copy of both", copy(2 * k.nbytes)),
                memory=(
                    "from deeprmt.meanfield import kernels\n"
                    f"x = np.random.default_rng(0).normal(size=({n}, 100)).astype('f')",
                    f"both = kernels(x, depth=10, activation='{name}', sigma_w=1.4, sigma_b={bias})",
                ),
            )
