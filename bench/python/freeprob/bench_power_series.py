import numpy as np

from deeprmt import _core
from harness import Table, divisions


def bench(table: Table) -> None:
    rng = np.random.default_rng(0)
    n = 1000
    f, v = rng.normal(size=n), np.exp(2j * np.pi * rng.random(n))
    # The ceiling: eight multiplications and additions in the time of a division.
    table.add(
        "a series of 1000 terms and its slope at 1000 points",
        lambda: _core.freeprob.power_series(f, v, 1),
        ceiling=("divisions", divisions(n)),
        peers={"numpy": lambda: np.polynomial.polynomial.polyval(v, f)},
    )
