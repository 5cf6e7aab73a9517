import numpy as np

from deeprmt.meanfield import critical_point, one_sample_ntk_law
from deeprmt.networks import MLP
from harness import Table, gemm, sizes


def bench(table: Table) -> None:
    for name, weights, depth in (("hard_tanh", "haar", 16), ("relu", "gaussian", 16), ("tanh", "haar", 4)):
        point = critical_point(name, q_star=0.5 if name != "relu" else 1.0)
        mlp = MLP([100] * (depth + 1), name, weights=weights, sigma_w=point.sigma_w, sigma_b=point.sigma_b)
        law = one_sample_ntk_law(mlp)
        low, high = law.support()[0]
        x = low + (high - low) * np.linspace(0.001, 0.999, 1000)
        table.add(
            f"tangent kernel at one input, {name}, {weights}, depth {depth}, 1000 points",
            lambda law=law, x=x: law.pdf(x),
            ceiling=("100 ms", 0.1),
            target=1.0,
        )
    for n in sizes(300, 1000):
        net, x = MLP([n] * 5, "tanh", sigma_w=1.2).sample(rng=0), np.ones(n)
        table.add(
            f"tangent kernel of a network, width {n}, depth 4",
            lambda net=net, x=x: net.one_sample_ntk(x),
            ceiling=("5 GEMM", 5 * gemm(n)),  # two products for each of the last three weights, less one
            target=1.6 if n >= 1000 else None,
        )
