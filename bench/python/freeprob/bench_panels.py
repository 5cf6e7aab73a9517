import numpy as np

from deeprmt.freeprob._panels import Panels
from deeprmt.laws import FussCatalan
from harness import Table, divisions


def bench(table: Table) -> None:
    core = Panels(FussCatalan(2)).core
    w = np.linspace(-1, 8, 1000) + 0.1j
    # The ceiling: about ten nodes a point, each with series of twenty terms in the time of three divisions.
    table.add(
        "the transform of 130 panels and its slope at 1000 points",
        lambda: core.sums(w, 1),
        ceiling=("divisions", 30 * divisions(w.size)),
    )
