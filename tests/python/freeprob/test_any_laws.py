"""Free convolutions of mixtures of semicircles, Marchenko-Pastur laws and atoms, drawn at random."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deeprmt.freeprob import free_add, free_multiply
from deeprmt.laws import Empirical, Law, MarchenkoPastur, Mixture, Semicircle

steps = st.integers(1, 8).map(lambda k: k / 4)
semicircles = st.tuples(steps, steps).map(lambda p: Semicircle(p[0] / 4).shift(p[0] / 2 + p[1]))  # above 0
noises = st.tuples(steps, steps).map(lambda p: MarchenkoPastur(p[0], p[1]))
atoms = st.lists(st.integers(0, 4), min_size=1, max_size=4).map(lambda v: Empirical([*map(float, v), 3.0]))
simple = st.one_of(semicircles, noises, atoms)
mixtures = st.tuples(st.sampled_from([0.25, 0.5]), simple, simple).map(
    lambda p: Mixture([(p[0], p[1]), (1 - p[0], p[2])])
)
laws = st.one_of(simple, mixtures)


class Closed(Law):
    """A law that shows its values, and nothing of how it was made."""

    def __init__(self, inner):
        self.inner = inner

    def support(self):
        return self.inner.support()

    def atoms(self):
        return self.inner.atoms()

    def _pdf(self, x):
        return self.inner._pdf(x)

    def _cdf(self, x):
        return self.inner._cdf(x)

    def _stieltjes(self, z):
        return self.inner._stieltjes(z)

    def _stieltjes_derivative(self, z):
        return self.inner._stieltjes_derivative(z)


@settings(max_examples=6, deadline=None, derandomize=True)
@given(laws, laws, laws, st.sampled_from([free_add, free_multiply]))
def test_associativity(a, b, c, both):
    """All at once, and in either order; where a law in between is met, it is solved for as well."""
    size = 1.0
    for law in (a, b, c):
        size = size * float(law._hull()[1]) if both is free_multiply else size + float(law._hull()[1])
    z = np.linspace(0.05, 1, 7) * size + 0.2j * size
    at_once = both(a, b, c)
    expected = at_once.stieltjes(z)
    assert (expected.imag > 0).all()
    left, right = both(both(a, b), c), both(a, both(b, c))
    for law in (left, right):
        np.testing.assert_allclose(law.stieltjes(z), expected, rtol=1e-11)
    for k in (1, 2, 3):
        assert left.moment(k) == pytest.approx(right.moment(k), rel=1e-12)


@settings(max_examples=4, deadline=None, derandomize=True)
@given(simple, simple, simple, st.sampled_from([free_add, free_multiply]))
def test_associativity_of_densities(a, b, c, both):
    """The law in between as its density alone: known to `accuracy` of its mass, an error of G of accuracy / height.

    The heights are a third of the size of the law, and G is about one over the size.
    """
    size = float(both(a, b, c)._hull()[1])
    z = np.linspace(0.1, 0.9, 5) * size + 0.3j * size
    inner = both(a, b)
    law = both(Closed(inner), c)
    limit = 1e-10 + 10 * law.report.accuracy
    np.testing.assert_allclose(law.stieltjes(z), both(a, b, c).stieltjes(z), rtol=limit)


@settings(max_examples=4, deadline=None, derandomize=True)
@given(laws, simple, st.sampled_from([free_add, free_multiply]))
def test_mass_and_order(a, b, both):
    law, other = both(a, b), both(b, a)
    low, high = law._hull()
    x = np.linspace(low, high, 41)
    cdf = law.cdf(x)
    assert (np.diff(cdf) >= -1e-12).all()
    assert law.cdf(high) == pytest.approx(1, abs=1e-12)
    np.testing.assert_allclose(cdf, other.cdf(x), rtol=0, atol=1e-9)
