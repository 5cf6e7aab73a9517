import numpy as np

from deeprmt.nonlinear import gram_eigenvalues, gram_matrix
from harness import Table, gemm, sizes


def written_out(n: int) -> np.ndarray:
    """As it is written in NumPy."""
    rng = np.random.default_rng(0)
    y = np.tanh(rng.normal(size=(n, n)) / np.sqrt(n) @ rng.normal(size=(n, n)))
    return y @ y.T / n


def bench(table: Table) -> None:
    for n in sizes(400, 2000, 8192):
        table.add(
            f"a Gram matrix of tanh(W X), n = {n}",
            lambda n=n: gram_matrix("tanh", n, n, n, rng=0),
            ceiling=("1.5 GEMM", 1.5 * gemm(n)),
            target=2.5,
            peers={"NumPy": lambda n=n: written_out(n)},
        )
        table.add(
            f"the spectrum of tanh(W X), n = {n}",
            lambda n=n: gram_eigenvalues("tanh", n, n, n, rng=0),
            ceiling=("2.2 GEMM", 2.2 * gemm(n)),
            target=2.5,
            peers={"NumPy": lambda n=n: np.linalg.eigvalsh(written_out(n))},
        )
