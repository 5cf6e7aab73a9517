import numpy as np
import scipy.stats as stats

from deeprmt.laws import Semicircle
from harness import Table, copy


def bench(table: Table) -> None:
    law, peer = Semicircle(0.5), stats.semicircular()
    x = np.linspace(-1, 1, 1_000_000)
    np.testing.assert_allclose(law.cdf(x), peer.cdf(x), atol=1e-14)
    ceiling = ("copy", copy(2 * x.nbytes))
    table.add("semicircle pdf 10^6", lambda: law.pdf(x), ceiling=ceiling, peers={"scipy": lambda: peer.pdf(x)})
    table.add("semicircle cdf 10^6", lambda: law.cdf(x), ceiling=ceiling, peers={"scipy": lambda: peer.cdf(x)})
