import numpy as np

from deeprmt.jacobian import singular_values
from deeprmt.networks import MLP
from harness import Table, gemm, sizes


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

    depth = 8
    for n in sizes(100, 1000, 2000):
        trials = {100: 64, 1000: 2, 2000: 1}[n]
        mlp = MLP([n] * (depth + 1), "tanh", weights="haar", sigma_w=1.1)
        table.add(
            f"Jacobian singular values, Haar, width {n} depth {depth} x {trials}",
            lambda mlp=mlp, trials=trials: singular_values(mlp, trials=trials, output="activation"),
            ceiling=("depth GEMM", trials * depth * gemm(n)),
            target=1.4 + 2.5 / depth if n >= 2000 else None,  # 1.4 depth GEMM and the singular values
            peers={"numpy": lambda n=n, t=trials: [numpy_jacobian(n, depth) for _ in range(t)]},
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
            target=1.4 + 2.5 / 16,
            once=True,
        )
