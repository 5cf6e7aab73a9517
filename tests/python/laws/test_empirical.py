import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deeprmt.laws import Empirical, Law


@given(st.lists(st.integers(-20, 20), min_size=1, max_size=40), st.integers(-25, 25), st.floats(0, 1))
def test_counts(values, x, q):
    law = Empirical(values)
    n = len(values)
    assert law.cdf(x) == sum(v <= x for v in values) / n
    assert law.sf(x) == sum(v > x for v in values) / n
    least = min(v for v in values if sum(w <= v for w in values) / n >= q)
    assert law.ppf(q) == least
    assert sum(mass for _, mass in law.atoms()) == pytest.approx(1)
    assert law.mean() == pytest.approx(np.mean(values), abs=1e-13)
    assert law.var() == pytest.approx(np.var(values))
    assert law.moment(3) == pytest.approx(Law._moment(law, 3), abs=1e-9)
    assert law.pdf(x) == 0


def test_stieltjes():
    law = Empirical([1.0, 2.0, 2.0])
    assert law.stieltjes(1j) == pytest.approx((1 / (1 - 1j) + 2 / (2 - 1j)) / 3)
    assert law.stieltjes(2.0).real == np.inf
    assert repr(law) == "Empirical(3 values from 1 to 2)"


def test_refuses():
    for bad in ([], [1.0, np.nan], [-np.inf, 1.0]):
        with pytest.raises(ValueError, match="Empirical: values must be finite and at least one"):
            Empirical(bad)
