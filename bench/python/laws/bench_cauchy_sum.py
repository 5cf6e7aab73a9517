import numpy as np

from deeprmt import _core
from deeprmt.laws import Empirical
from harness import Table, copy


def bench(table: Table) -> None:
    rng = np.random.default_rng(0)
    law = Empirical(rng.standard_normal(10_000))
    z = rng.standard_normal(1000) + 0.01j

    def plain() -> np.ndarray:
        return np.array([np.mean(1 / (law.values - w)) for w in z])

    np.testing.assert_allclose(law.stieltjes(z), plain(), rtol=1e-10)
    # The matrix of differences that a vectorised formula would write once.
    ceiling = ("copy", copy(2 * 8 * law.values.size * z.size))
    table.add(
        "stieltjes of 10^4 values at 10^3 points", lambda: law.stieltjes(z), ceiling=ceiling, peers={"numpy": plain}
    )
    x, p = law.locations, law.masses
    table.add("its derivative", lambda: _core.laws.cauchy_sum(x, p, z, 2, 1), ceiling=ceiling)
