import numpy as np

from deeprmt.spectra import number_variance, rigidity
from empyrical import beside_empyrical
from harness import Table, copy


def bench(table: Table) -> None:
    levels = np.sort(np.random.default_rng(0).uniform(0, 1e5, size=100_000))
    lengths = np.geomspace(0.5, 100, 20)
    ceiling = ("copy", copy(levels.nbytes * lengths.size))

    def random_windows() -> object:
        """What is done elsewhere: 200 windows a length, drawn at random."""
        rng = np.random.default_rng(1)
        begin = rng.uniform(levels[0], levels[-1] - 100, size=(lengths.size, 200))
        numbers = np.searchsorted(levels, begin + lengths[:, None]) - np.searchsorted(levels, begin)
        return numbers.var(axis=1)

    def both() -> object:
        return number_variance(levels, lengths), rigidity(levels, lengths)

    table.add(
        "number variance 10^5, 20 lengths, exact",
        lambda: number_variance(levels, lengths),
        ceiling=ceiling,
        peers={"200 random windows": random_windows},
    )
    table.add("number variance and rigidity, the same", both, ceiling=ceiling, most=0.1)
    # scikit-rmt has no number variance.
    beside_empyrical(table, "number variance", number_variance, "levelvariance", "level_number_variance")
