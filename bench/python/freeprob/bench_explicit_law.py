import numpy as np

from deeprmt.jacobian import law
from deeprmt.meanfield import critical_point
from deeprmt.networks import MLP
from harness import Table, best


def network(name: str, weights: str, depth: int) -> MLP:
    point = critical_point(name, q_star=0.5)
    return MLP([100] * (depth + 1), name, weights=weights, sigma_w=point.sigma_w, sigma_b=point.sigma_b)


def bench(table: Table) -> None:
    # The ceiling: one NumPy evaluation of E 1 / (omega - d) on 500 nodes at each of the 1000 points.
    omega = np.linspace(0.5, 2, 1000) + 0.5j
    d = np.linspace(0, 1, 500)
    weights = np.full(500, 1 / 500)
    once = best(lambda: (1 / (omega[:, None] - d)) @ weights, 0.3)

    for name in ("hard_tanh", "tanh"):
        for kind in ("haar", "gaussian"):
            for depth in (2, 50):
                net = network(name, kind, depth)
                low, high = law(net, output="activation").support()[-1]
                x = np.geomspace(max(low, 1e-6 * high), 0.999 * high, 1000)

                def density(net: MLP = net, x: np.ndarray = x) -> object:
                    return law(net, output="activation").pdf(x)  # with the making of the solver and its support

                table.add(
                    f"density at 1000 points, {name} {kind} L={depth}",
                    density,
                    ceiling=("one E 1/(w-d) in NumPy", once),
                    target=0.1 / once,
                )
