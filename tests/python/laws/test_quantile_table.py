"""Quantiles of solved laws from tables: those of the equation, at many levels at once."""

import numpy as np
import pytest

from deeprmt.freeprob import free_add, free_multiply
from deeprmt.laws import Discrete, ErfSlope, MarchenkoPastur, Semicircle, TanhSlope
from deeprmt.laws._quantile_table import tabled
from deeprmt.meanfield import one_sample_ntk_law
from deeprmt.networks import MLP

made = {
    "sum": lambda: free_add(TanhSlope(0.5), ErfSlope(3.0)),
    "product": lambda: free_multiply(MarchenkoPastur(1.0), Discrete([0, 1, 3], [0.2, 0.5, 0.3])),
    "tangent kernel": lambda: one_sample_ntk_law(MLP([100] * 5, "tanh", sigma_w=1.3, sigma_b=0.2)),
}


@pytest.mark.parametrize("name", made)
def test_against_the_equation(name):
    law = made[name]()
    q = np.sort(np.random.default_rng(0).random(1500))
    x = tabled(law, q, 1)
    assert (np.diff(x) >= 0).all()
    atoms = [at for at, _ in law.atoms()]
    np.testing.assert_allclose(
        law.cdf(x)[~np.isin(x, atoms)], q[~np.isin(x, atoms)], rtol=0, atol=1e-11
    )  # 10 x the panels'


def test_intervals_as_narrow_as_rounding():
    law = free_add(Discrete([-1, 1]), Semicircle(1e-9))
    x = law.rvs(2000, rng=0)
    assert (np.abs(np.abs(x) - 1) < 2.1e-9).all()
    # The distribution function rises by 1 / 8e-9 a unit of x: one rounding of x is 1e-7 of it.
    q = np.linspace(0.01, 0.99, 1001)
    np.testing.assert_allclose(law.cdf(law.ppf(q)), q, rtol=0, atol=1e-6)
