import numpy as np

from deeprmt.spectra import spacing_ratio
from harness import Table, copy


def bench(table: Table) -> None:
    levels = np.sort(np.random.default_rng(0).normal(size=(256, 4096)))

    def numpy_ratio() -> object:
        s = np.diff(levels)
        return np.minimum(s[:, 1:], s[:, :-1]) / np.maximum(s[:, 1:], s[:, :-1])

    np.testing.assert_array_equal(spacing_ratio(levels), numpy_ratio())
    table.add(
        "spacing_ratio 256 x 4096",
        lambda: spacing_ratio(levels),
        ceiling=("copy", copy(2 * levels.nbytes)),
        peers={"numpy": numpy_ratio},
    )
