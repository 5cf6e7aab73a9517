import numpy as np
from scipy import stats

from deeprmt.spectra import porter_thomas
from harness import Table, copy


def bench(table: Table) -> None:
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(2000, 1000))
    unit = vectors / np.linalg.norm(vectors, axis=0) * np.sqrt(2000)

    def one_by_one() -> object:
        return [stats.kstest(column, "norm").pvalue for column in unit.T]

    # The law of one coordinate differs from the normal one by O(1 / N).
    np.testing.assert_allclose(porter_thomas(vectors, law="normal").p_independent, one_by_one(), rtol=1e-5)
    table.add(
        "Porter-Thomas, 1000 vectors of 2000",
        lambda: porter_thomas(vectors),
        ceiling=("copy", copy(vectors.nbytes)),
        peers={"scipy kstest": one_by_one},
    )
    table.add("the same, one thread", lambda: porter_thomas(vectors, threads=1), ceiling=("copy", copy(vectors.nbytes)))
