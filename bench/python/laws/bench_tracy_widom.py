import numpy as np

from deeprmt.laws import TracyWidom
from deeprmt.spectra import spacing_law
from harness import Table, copy


def bench(table: Table) -> None:
    """No peer in SciPy; the targets are 20 ms for 10^5 points and for 10^4 quantiles."""
    for law in (TracyWidom(1), spacing_law(1)):
        q = np.random.default_rng(0).uniform(size=100_000)
        x = law.ppf(q)
        ceiling = ("copy", copy(2 * x.nbytes))
        table.add(f"{law!r} pdf 10^5", lambda law=law, x=x: law.pdf(x), ceiling=ceiling)
        table.add(f"{law!r} cdf 10^5", lambda law=law, x=x: law.cdf(x), ceiling=ceiling)
        table.add(f"{law!r} ppf 10^4", lambda law=law, q=q[:10_000]: law.ppf(q), ceiling=("copy", copy(160_000)))
