import numpy as np

from deeprmt.laws import MarchenkoPastur
from harness import Table, copy


def bench(table: Table) -> None:
    law = MarchenkoPastur(0.5)
    low, high = law.support()[0]
    x = np.linspace(low, high, 1_000_000)

    def numpy_pdf() -> object:
        return np.sqrt((high - x) * (x - low)) / (np.pi * x)

    def numpy_cdf() -> object:
        s = np.sqrt(np.maximum(x - low, 0) / np.maximum(high - x, 1e-300))
        root = np.sqrt(np.maximum((high - x) * (x - low), 0))
        return (root + 3 * np.arctan(s) - np.arctan(s * np.sqrt(high / low))) / np.pi

    np.testing.assert_allclose(law.cdf(x), numpy_cdf(), atol=1e-14)
    ceiling = ("copy", copy(2 * x.nbytes))
    table.add("marchenko_pastur pdf 10^6", lambda: law.pdf(x), ceiling=ceiling, peers={"numpy": numpy_pdf})
    table.add("marchenko_pastur cdf 10^6", lambda: law.cdf(x), ceiling=ceiling, peers={"numpy": numpy_cdf})
    q = np.random.default_rng(0).uniform(size=100_000)
    table.add("marchenko_pastur ppf 10^5", lambda: law.ppf(q), ceiling=("copy", copy(2 * q.nbytes)))
