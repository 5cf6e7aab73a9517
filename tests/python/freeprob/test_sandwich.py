"""u^k v u^k with a density that is steep at 0: solved as a free product."""

import numpy as np
import pytest

from deeprmt.freeprob import PolynomialLaw, free_multiply, law, symbols
from deeprmt.laws import Bernoulli, Beta, FussCatalan, MarchenkoPastur, Semicircle

x, y = symbols("x y")


@pytest.mark.parametrize("steep", [FussCatalan(10), Beta(0.2, 3)], ids=repr)
@pytest.mark.parametrize("other", [Semicircle(), MarchenkoPastur(1.0), Bernoulli(0.5)], ids=repr)
def test_all_mass_is_found(steep, other):
    mu = law(x * y * x, {x: steep, y: other})
    assert mu.expect(np.ones_like) == pytest.approx(1, abs=1e-10)
    # tau(x y x) = m_2 a_1 and tau(x y x^2 y x) = m_2^2 (a_2 - a_1^2) + m_4 a_1^2 with moments m of x and a of y
    m2, m4 = float(steep.moment(2)), float(steep.moment(4))
    a1, a2 = float(other.moment(1)), float(other.moment(2))
    second = m2**2 * (a2 - a1**2) + m4 * a1**2
    assert mu.expect(lambda t: t) == pytest.approx(m2 * a1, rel=1e-10, abs=1e-10 * m2)
    assert mu.expect(lambda t: t**2) == pytest.approx(second, rel=1e-10)
    assert mu.atoms() == ([(0.0, 0.5)] if isinstance(other, Bernoulli) else [])


def test_which_expressions_are_products():
    steep, mild = FussCatalan(10), MarchenkoPastur(1.0)
    assert isinstance(law(x * y * x, {x: mild, y: mild}), PolynomialLaw)
    same = free_multiply(steep.power(4), mild).scale(-2.0)
    at = -np.geomspace(1e-3, 1e3, 5)
    np.testing.assert_allclose(law(-2 * x * x * y * x * x, {x: steep, y: mild}).cdf(at), same.cdf(at), rtol=1e-12)
