from deeprmt import _core
from deeprmt.activations import as_activation
from deeprmt.meanfield._squared_slopes import squared_slopes
from harness import Table, best


def bench(table: Table) -> None:
    panels = squared_slopes(as_activation("bench", "tanh"), 0.5).panels()
    law = _core.freeprob.SquaredSlopes(panels.d, panels.weights, panels.ranges, panels.levels)
    level = len(panels.d) // (2**panels.levels - 1)
    d, weights = panels.d[:level].ravel(), panels.weights[:level].ravel()
    # The ceiling: the same sum on the coarsest nodes in NumPy, which is right far from the axis only.
    once = best(lambda: weights @ (d / (0.5 + 1j - d)), 0.2)
    for height in (1.0, 1e-2, 1e-6):
        table.add(
            f"E d/(w-d) of tanh at height {height:g}",
            lambda height=height: law.moments(complex(0.5, height)),
            ceiling=("on the coarsest nodes in NumPy", once),
        )
