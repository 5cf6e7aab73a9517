import numpy as np

from deeprmt import _core
from harness import Table, divisions


def bench(table: Table) -> None:
    rng = np.random.default_rng(0)
    n = 1000
    at, mass = rng.normal(size=n), np.full(n, 1 / n)
    w = rng.normal(size=n) + 1j * rng.random(n)
    sums, arguments = _core.freeprob.atom_sums, _core.freeprob.atom_arguments
    # The ceiling: one division for each atom and point, one after the other.
    table.add(
        "G and G' of 1000 atoms at 1000 points",
        lambda: sums(at, mass, w, 1),
        ceiling=("divisions", divisions(n)),
        peers={"numpy": lambda: ((t := mass / (w[:, None] - at)).sum(axis=1), (t / (w[:, None] - at)).sum(axis=1))},
    )
    table.add(
        "mean of arg(w - a) of 1000 atoms at 1000 points",
        lambda: arguments(at, mass, w, 1),
        ceiling=("divisions", divisions(n)),
        peers={"numpy": lambda: np.angle(w[:, None] - at) @ mass},
    )
