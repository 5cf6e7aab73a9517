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

                # hard_tanh has slopes 0 and 1: an algebraic equation. The others take quadrature.
                table.add(
                    f"density at 1000 points, {name} {kind} L={depth}",
                    density,
                    ceiling=("one E 1/(w-d) in NumPy", once),
                    most=0.02 if name == "hard_tanh" else 0.1,
                )

    different = {
        "3 layers off the fixed point": ([100] * 4, 3.0),
        "1000 layers, all different": ([100] * 1001, 3.0),
        "widths 2:1:4": ([200, 100, 400], None),
    }
    for text, (widths, q0) in different.items():
        mu = law(MLP(widths, "tanh", weights="haar", sigma_w=1.0, sigma_b=0.05 * (q0 is None)), q0=q0)
        x = np.geomspace(1e-6, 0.999, 1000) * mu.lambda_max
        table.add(
            f"density at 1000 points, tanh haar, {text}, solver made",
            lambda mu=mu, x=x: mu.pdf(x),
            ceiling=("one E 1/(w-d) in NumPy", once),
        )
    for name in ("hard_tanh", "tanh"):
        mu = law(network(name, "haar", 50))
        table.add(
            f"10^4 draws, {name} haar L=50",
            lambda mu=mu: law(mu.mlp).rvs(10_000, rng=0),
            ceiling=("one E 1/(w-d) in NumPy", once),
            most=0.2,
        )
