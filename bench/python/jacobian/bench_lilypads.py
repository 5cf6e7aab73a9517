"""Linear networks whose layers widen by 1 / 0.8, in the settings of Newton lilypads (arXiv:2111.00841)."""

import numpy as np
from numpy.polynomial import polynomial

from deeprmt.jacobian import law
from deeprmt.networks import MLP
from harness import Table, copy


def network(depth: int) -> MLP:
    """J^T of those networks: weights of variance 1 / rows become ones of variance 1 / columns."""
    return MLP([4**layer * 5 ** (depth - layer) for layer in range(depth + 1)], "linear", sigma_w=1.0)


class Companions:
    """The baselines: all roots y of (1 + y) prod (1 + a y) = z y as eigenvalues of companion matrices, as fast as NumPy
    has them: one call for the matrices of all points."""

    def __init__(self, depth: int) -> None:
        self.depth, self.coefficients = depth, np.array([1.0, 1.0])
        for a in 0.8 ** np.arange(1, depth + 1):
            self.coefficients = polynomial.polymul(self.coefficients, [1.0, a])

    def roots(self, z: np.ndarray) -> np.ndarray:
        c = self.coefficients
        matrix = np.zeros((z.size, self.depth + 1, self.depth + 1), z.dtype)
        matrix[:, np.arange(1, self.depth + 1), np.arange(self.depth)] = 1
        matrix[:, 0, :] = -c[-2::-1] / c[-1]
        matrix[:, 0, -2] += z / c[-1]
        return np.linalg.eigvals(matrix)

    def neighbours(self, x: np.ndarray, height: float = 0.0) -> np.ndarray:
        """The density at x + i height, ascending x: from high above down to the largest, and along the line from there,
        of all roots the one nearest to the last."""
        y = self.descended(x[-1:], 1e-3)[0]
        density = np.empty(x.size)
        for k, each in reversed(list(enumerate(self.roots(x + 1j * height if height else x)))):
            below = each[each.imag <= 0]
            y = below[np.argmin(np.abs(below - y))]
            density[k] = -((1 + y) / (x[k] + 1j * height)).imag / np.pi
        return density

    def descended(self, x: np.ndarray, height: float) -> np.ndarray:
        """y at x + i height from high above each point, 1.5 times lower a step: the published baseline, Algorithm 1."""
        at, y = 30.0, 1 / (x + 30j)
        while at > height:
            at = max(at / 1.5, height)
            each = self.roots(x + 1j * at)
            y = np.take_along_axis(each, np.argmin(np.abs(each - y[:, None]), axis=1)[:, None], axis=1)[:, 0]
        return y

    def from_above(self, x: np.ndarray, height: float) -> np.ndarray:
        return -((1 + self.descended(x, height)) / (x + 1j * height)).imag / np.pi


def bench(table: Table) -> None:
    for depth, points in [*((d, 1000) for d in (2, 4, 8, 12, 20, 30, 40)), *((20, n) for n in (100, 500, 1900))]:
        net, roots, grid = network(depth), Companions(depth), np.linspace(-1, 6, points)
        low, high = law(net).support()[0]
        x = grid[(grid > low) & (grid < high)]

        def density(net: MLP = net, x: np.ndarray = x) -> np.ndarray:
            return law(net).pdf(x)  # with the making of the solver and its support

        # To 1e-10, but for what rounding of the expanded coefficients does to the roots at depth 40.
        np.testing.assert_allclose(density(), roots.neighbours(x), rtol=1e-10, atol=1e-10)
        table.add(
            f"lilypads: {depth} layers, {points} points, {x.size} of them with a density",
            density,
            ceiling=("copy of 1 MB", copy(2**20)),
            peers={"nearest root": lambda roots=roots, x=x: roots.neighbours(x)},
            lead=10.0,
        )

        if points != 1000 or depth not in (2, 20, 40):
            continue

        def above(net: MLP = net, z: np.ndarray = grid + 1e-4j) -> np.ndarray:
            return law(net).stieltjes(z).imag / np.pi

        peers = {"nearest root": lambda roots=roots, x=grid: roots.neighbours(x, 1e-4)}
        if depth < 40:
            peers["Algorithm 1"] = lambda roots=roots, x=grid: roots.from_above(x, 1e-4)
        for each in peers.values():
            np.testing.assert_allclose(above(), each(), rtol=1e-8, atol=1e-8)
        table.add(
            f"lilypads: {depth} layers, {points} points at Im z = 1e-4",
            above,
            ceiling=("copy of 1 MB", copy(2**20)),
            peers=peers,
        )
