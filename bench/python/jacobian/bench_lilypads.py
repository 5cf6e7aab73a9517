"""Linear networks whose layers widen by 1 / 0.8, in the settings of Newton lilypads (arXiv:2111.00841)."""

import numpy as np
from numpy.polynomial import polynomial

from deeprmt.jacobian import law
from deeprmt.networks import MLP
from harness import Table, copy


def network(depth: int) -> MLP:
    """J^T of those networks: weights of variance 1 / rows become ones of variance 1 / columns."""
    return MLP([4**layer * 5 ** (depth - layer) for layer in range(depth + 1)], "linear", sigma_w=1.0)


def nearest_root(depth: int, x: np.ndarray) -> np.ndarray:
    """The baseline: all roots y of (1 + y) prod (1 + a y) = z y as eigenvalues of companion matrices, and of these the
    one nearest to the last: from high above down to the largest x, and along the axis from there. x ascending.

    As fast as NumPy has it: one call for the matrices of all points, which need no homotopy of their own.
    """
    coefficients = np.array([1.0, 1.0])
    for a in 0.8 ** np.arange(1, depth + 1):
        coefficients = polynomial.polymul(coefficients, [1.0, a])

    def roots(z: np.ndarray) -> np.ndarray:
        matrix = np.zeros((z.size, depth + 1, depth + 1), z.dtype)
        matrix[:, np.arange(1, depth + 1), np.arange(depth)] = 1
        matrix[:, 0, :] = -coefficients[-2::-1] / coefficients[-1]
        matrix[:, 0, -2] += z / coefficients[-1]
        return np.linalg.eigvals(matrix)

    height, y = 30.0, 1 / (x[-1] + 30j)
    while height > 1e-3:
        height /= 1.5
        each = roots(np.array([x[-1] + 1j * height]))[0]
        y = each[np.argmin(np.abs(each - y))]
    density = np.empty(x.size)
    for k, each in reversed(list(enumerate(roots(x)))):
        below = each[each.imag <= 0]
        y = below[np.argmin(np.abs(below - y))]
        density[k] = -y.imag / (np.pi * x[k])
    return density


def bench(table: Table) -> None:
    for depth, points in [*((d, 1000) for d in (2, 4, 8, 12, 20, 30, 40)), *((20, n) for n in (100, 500, 1900))]:
        low, high = law(network(depth)).support()[0]
        x = np.linspace(-1, 6, points)
        x = x[(x > low) & (x < high)]

        def density(depth: int = depth, x: np.ndarray = x) -> np.ndarray:
            return law(network(depth)).pdf(x)  # with the making of the solver and its support

        # To 1e-10, but for what rounding of the expanded coefficients does to the roots at depth 40.
        np.testing.assert_allclose(density(), nearest_root(depth, x), rtol=1e-10, atol=1e-10)
        table.add(
            f"lilypads: {depth} layers, {points} points",
            density,
            ceiling=("copy of 1 MB", copy(2**20)),
            peers={"nearest root": lambda depth=depth, x=x: nearest_root(depth, x)},
            lead=10.0 if points >= 500 else None,
        )
