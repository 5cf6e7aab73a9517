import numpy as np

from deeprmt.spectra import rigidity
from empyrical import beside_empyrical
from harness import Table, copy


def bench(table: Table) -> None:
    levels = np.sort(np.random.default_rng(0).uniform(0, 1e5, size=100_000))
    lengths = np.geomspace(0.5, 100, 20)

    def random_windows() -> object:
        """What is done elsewhere: 200 windows a length, drawn at random; here at least inside the data."""
        rng = np.random.default_rng(1)
        out = []
        for length in lengths:
            total = 0.0
            for begin in rng.uniform(levels[0], levels[-1] - length, 200):
                y = levels[slice(*np.searchsorted(levels, [begin, begin + length]))] - (begin + length / 2)
                n, s1, s2 = y.size, y.sum(), y @ y
                moment = (n - 1 - 2 * np.arange(n)) @ y
                total += n * n / 16 - (s1 / length) ** 2 + 1.5 * n * s2 / length**2 - 3 * s2**2 / length**4
                total += moment / length
            out.append(total / 200)
        return out

    table.add(
        "rigidity 10^5, 20 lengths, exact",
        lambda: rigidity(levels, lengths),
        ceiling=("copy", copy(levels.nbytes * lengths.size)),
        peers={"200 random windows": random_windows},
    )
    table.add(
        "rigidity, one thread", lambda: rigidity(levels, lengths, threads=1), ceiling=("copy", copy(levels.nbytes))
    )
    # scikit-rmt and other packages of its kind have no rigidity.
    beside_empyrical(table, "rigidity", rigidity, "rigidity", "spectral_rigidity")
