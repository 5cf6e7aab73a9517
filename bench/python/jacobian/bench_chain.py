import numpy as np

from deeprmt.jacobian import singular_values
from deeprmt.linalg import svdvals
from deeprmt.networks import MLP
from harness import Table, best, gemm, sizes

try:
    import torch
except ImportError:
    torch = None


def bench(table: Table) -> None:
    rng = np.random.default_rng(0)

    def numpy_jacobian(n: int, depth: int) -> object:
        """What users write today, with QR for the Haar weights."""
        x, j = rng.standard_normal(n), np.eye(n)
        for _ in range(depth):
            q, r = np.linalg.qr(rng.standard_normal((n, n)))
            w = 1.1 * q * np.sign(np.diag(r))
            h = w @ x
            x, j = np.tanh(h), (1 - np.tanh(h) ** 2)[:, None] * (w @ j)
        return np.linalg.svd(j, compute_uv=False)

    def torch_jacobian(n: int, depth: int) -> object:
        """Automatic differentiation of the same network, weights by `orthogonal_`."""
        weights = [1.1 * torch.nn.init.orthogonal_(torch.empty(n, n, dtype=torch.float64)) for _ in range(depth)]

        def network(x):
            for w in weights:
                x = torch.tanh(w @ x)
            return x

        x = torch.randn(n, dtype=torch.float64)
        return torch.linalg.svdvals(torch.func.jacrev(network)(x))

    def values(n: int, dtype: str) -> float:
        """Seconds of the singular values of one matrix, which the target counts by themselves."""
        a = np.random.default_rng(0).normal(size=(n, n)).astype(dtype)
        return best(lambda: svdvals(a))

    depth = 8
    for n in sizes(100, 1000, 2000):
        trials = {100: 64, 1000: 2, 2000: 1}[n]
        for dtype in ("float64", "float32"):
            mlp = MLP([n] * (depth + 1), "tanh", weights="haar", sigma_w=1.1)
            peers = {"numpy": lambda n=n, t=trials: [numpy_jacobian(n, depth) for _ in range(t)]}
            if torch:
                peers["torch"] = lambda n=n, t=trials: [torch_jacobian(n, depth) for _ in range(t)]
            product = gemm(n, dtype)
            table.add(
                f"Jacobian, Haar, {n} wide, {depth} deep, {dtype} x {trials}",
                lambda mlp=mlp, t=trials, d=dtype: singular_values(mlp, trials=t, dtype=d, output="activation"),
                ceiling=("depth GEMM", trials * depth * product),
                # 1.4 depth GEMM and the singular values
                target=1.4 + values(n, dtype) / (depth * product) if n >= 2000 else None,
                peers=peers if dtype == "float64" else None,
            )
        table.add(
            f"the same, Gaussian, width {n}",
            lambda n=n, t=trials: singular_values(MLP([n] * (depth + 1), "tanh", sigma_w=1.1), trials=t),
            ceiling=("depth GEMM", trials * depth * gemm(n)),
        )
    for n in sizes(100, 1000):
        deep = MLP([n] * 101, "tanh", weights="haar", sigma_w=1.1)
        table.add(
            f"logarithms, Haar, width {n} depth 100",
            lambda deep=deep: singular_values(deep, log=True),
            ceiling=("depth GEMM", 100 * gemm(n)),
        )
    for n in sizes(8192):
        wide = MLP([n] * 17, "tanh", weights="haar", sigma_w=1.1)
        table.add(
            f"Haar, width {n} depth 16, float32",
            lambda wide=wide: singular_values(wide, dtype=np.float32),
            ceiling=("depth GEMM", 16 * gemm(n, "float32")),
            target=1.4 + values(n, "float32") / (16 * gemm(n, "float32")),
            once=True,
        )
