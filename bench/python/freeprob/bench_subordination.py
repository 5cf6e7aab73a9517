import numpy as np

from deeprmt import _core
from deeprmt.freeprob._solver import Additive, Equations, State
from deeprmt.freeprob._sources import source
from deeprmt.laws import Discrete
from harness import Table, divisions


def bench(table: Table) -> None:
    laws = [Discrete([-1.0, 0.0, 2.0], [0.3, 0.4, 0.3]), Discrete([0.0, 1.0, 3.0], [0.5, 0.25, 0.25])]
    in_arrays = Equations(Additive, [(source(law), 1.0) for law in laws])
    in_arrays._compiled = None
    equations = _core.freeprob.Subordination(False, [], 1.0)
    for law in laws:
        equations.add(law.locations, law.masses, 1.0)
    place = np.linspace(-1, 5, 1000) + 0.1j
    start = place + 1j, np.array([place + 1j, place + 1j])
    steps = equations.newton(place, *start, 30, 1)[3]
    # The ceiling: one division for each atom, step and point.
    table.add(
        "Newton for two laws of three atoms at 1000 points",
        lambda: equations.newton(place, *start, 30, 1),
        ceiling=("divisions", divisions(round((6 * steps) ** 0.5))),
        peers={"the same in arrays": lambda: in_arrays.newton(place, State(*start), 30)},
    )
