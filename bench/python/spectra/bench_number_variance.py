import numpy as np

from deeprmt.spectra import number_variance, rigidity
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
    peers(table)


def peers(table: Table) -> None:
    """empyricalRMT needs numba; scikit-rmt has no number variance. At the size that the peer can bear."""
    levels = np.sort(np.random.default_rng(2).uniform(0, 1e4, size=10_000))
    lengths = np.linspace(1, 20, 20)
    try:
        from empyricalRMT.observables.levelvariance import level_number_variance
    except ImportError as error:
        print(f"no empyricalRMT: {error}")
        return
    table.add(
        "number variance 10^4, 20 lengths, exact",
        lambda: number_variance(levels, lengths),
        ceiling=("copy", copy(levels.nbytes * lengths.size)),
        peers={"empyricalRMT": lambda: level_number_variance(levels, L=lengths, show_progress=False)},
    )
