import numpy as np
from scipy import integrate

from deeprmt.meanfield import critical_line, critical_point, fixed_point, gauss_product
from harness import Table, best


def bench(table: Table) -> None:
    # The ceiling: twenty evaluations of the map on 1000 nodes, which brentq needs near criticality.
    z = np.linspace(-10, 10, 1000)
    density = np.exp(-z * z / 2) / np.sqrt(2 * np.pi)
    twenty = 20 * best(lambda: density @ np.tanh(1.1 * z) ** 2, 0.2)

    def quad() -> object:
        q = 1.0
        for _ in range(100):  # plain iteration, as is commonly done
            q = (
                0.09
                + 2.25
                * integrate.quad(
                    lambda z, q=q: np.exp(-z * z / 2) / np.sqrt(2 * np.pi) * np.tanh(np.sqrt(q) * z) ** 2, -10, 10
                )[0]
            )
        return q

    table.add(
        "meanfield.fixed_point tanh",
        lambda: fixed_point("tanh", 1.5, 0.3),
        ceiling=("20 maps", twenty),
        peers={"quad, 100 iterations": quad},
    )
    table.add(
        "meanfield.critical_point by sigma_b", lambda: critical_point("tanh", sigma_b=0.1), ceiling=("20 maps", twenty)
    )
    rows = best(lambda: np.tanh(np.outer(np.linspace(0.1, 3, 100), z)) ** 2 @ density, 0.2)
    table.add(
        "meanfield.critical_line, 100 sigma_b",
        lambda: critical_line("tanh", sigma_b=np.linspace(0.02, 0.6, 100)),
        ceiling=("20 maps of 100 rows", 20 * rows),
    )
    c = np.linspace(-1, 1, 100_000)
    arc = best(lambda: np.arctan2(c, c[::-1]), 0.2)
    for name in ("relu", "hard_tanh", "erf", "tanh"):
        table.add(
            f"meanfield.gauss_product {name}, 10^5",
            lambda name=name: gauss_product(name, 1.0, c=c),
            ceiling=("arctan2", arc),
        )
