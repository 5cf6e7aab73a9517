"""Linear networks whose layers widen by 1 / 0.8, in the settings of Newton lilypads (arXiv:2111.00841)."""

import numpy as np

from companions import Companions
from deeprmt.jacobian import law
from deeprmt.networks import MLP
from harness import Table, copy


def network(depth: int) -> MLP:
    """J^T of those networks: weights of variance 1 / rows become ones of variance 1 / columns."""
    return MLP([4**layer * 5 ** (depth - layer) for layer in range(depth + 1)], "linear", sigma_w=1.0)


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
