import numpy as np
from scipy.special import ndtr

from deeprmt.laws import MarchenkoPastur
from deeprmt.spectra import unfold
from harness import Table, copy


def bench(table: Table) -> None:
    levels = np.sort(np.random.default_rng(0).normal(size=100_000))
    ceiling = ("copy", copy(2 * levels.nbytes))

    def polynomial() -> object:
        """What a common package does instead: a fit of degree 11 to the staircase."""
        return np.polynomial.Chebyshev.fit(levels, np.arange(levels.size), 11)(levels)

    table.add(
        "unfold gaussian 10^5, window 15",
        lambda: unfold(levels),
        ceiling=ceiling,
        peers={"numpy polynomial": polynomial},
        target=0.03 / ceiling[1],  # 30 ms
    )
    table.add("unfold gaussian 10^5, one thread", lambda: unfold(levels, threads=1), ceiling=ceiling)
    law = MarchenkoPastur(0.5)
    noise = np.sort(law.rvs(100_000, rng=1))
    table.add("unfold by MarchenkoPastur 10^5", lambda: unfold(noise, law), ceiling=ceiling)

    # The same sum over all pairs, at a size where that is bearable.
    few = levels[::50]

    def dense() -> object:
        k = np.arange(few.size)
        width = (few[np.minimum(k + 15, few.size - 1)] - few[np.maximum(k - 15, 0)]) / 2
        return ndtr((few[:, None] - few) / width).sum(axis=1)

    np.testing.assert_allclose(unfold(few), dense(), atol=1e-14 * few.size)
    table.add(
        "unfold gaussian 2000",
        lambda: unfold(few),
        ceiling=("copy", copy(2 * few.nbytes)),
        peers={"scipy dense": dense},
    )
    peers(table)


def peers(table: Table) -> None:
    """empyricalRMT's polynomial against ours of the same degree; scikit-rmt has no unfolding."""
    levels = np.sort(MarchenkoPastur(0.5).rvs(10_000, rng=2))
    try:
        from empyricalRMT.smoother import Smoother
    except ImportError as error:
        print(f"no empyricalRMT: {error}")
        return
    table.add(
        "unfold polynomial 10^4, degree 5",
        lambda: unfold(levels, "polynomial", degree=5),
        ceiling=("copy", copy(2 * levels.nbytes)),
        peers={"empyricalRMT": lambda: Smoother(levels).fit(degree=5)},
    )
