import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deeprmt.laws import Law
from deeprmt.spectra import wigner_surmise

# beta, s, p(s), F(s)
TABLE = [
    (1, 0.25, 0.3738879815, 0.04790207322),
    (1, 0.5, 0.6453812729, 0.178275042),
    (1, 1.0, 0.7161859363, 0.5440618722),
    (1, 1.5, 0.4024847568, 0.8291801638),
    (1, 2.0, 0.1357605282, 0.9567860817),
    (1, 3.0, 0.004012308664, 0.9991485617),
    (2, 0.25, 0.1871415376, 0.01610302554),
    (2, 0.5, 0.5895898719, 0.1119997138),
    (2, 1.0, 0.9075892109, 0.5330502006),
    (2, 1.5, 0.415786809, 0.8744657767),
    (2, 2.0, 0.07962814353, 0.9829498768),
    (2, 3.0, 0.0003079247281, 0.9999580024),
    (4, 0.25, 0.03932626572, 0.002048356622),
    (4, 0.5, 0.4116066561, 0.04874664551),
    (4, 1.0, 1.205927394, 0.5237307689),
    (4, 1.5, 0.3604824932, 0.9298644478),
    (4, 2.0, 0.02169283427, 0.9971863022),
    (4, 3.0, 1.33497539e-06, 0.9999998943),
]
PREFACTOR = {
    1: (math.pi / 2, math.pi / 4),
    2: (32 / math.pi**2, 4 / math.pi),
    4: (2**18 / (3**6 * math.pi**3), 64 / (9 * math.pi)),
}
SECOND = {1: 1.273239544735, 2: 1.178097245096, 4: 1.104466167278}


@pytest.mark.parametrize(("beta", "s", "density", "probability"), TABLE)
def test_published_values(beta, s, density, probability):
    law = wigner_surmise(beta)
    assert law.pdf(s) == pytest.approx(density, rel=1e-9)
    assert law.cdf(s) == pytest.approx(probability, rel=1e-9)
    a, b = PREFACTOR[beta]
    assert law.pdf(s) == pytest.approx(a * s**beta * math.exp(-b * s * s), rel=1e-14)


@pytest.mark.parametrize("beta", [1, 2, 4])
def test_moments_quantiles_and_tails(beta):
    law = wigner_surmise(beta)
    assert law.mean() == 1
    assert law.moment(2) == pytest.approx(SECOND[beta], rel=1e-12)
    assert law.var() == pytest.approx(SECOND[beta] - 1, rel=1e-11)
    for k in range(1, 9):
        assert law.moment(k) == pytest.approx(Law._moment(law, k), rel=1e-12)
    q = np.array([1e-12, 0.1, 0.5, 0.9, 1 - 1e-9])
    np.testing.assert_allclose(law.cdf(law.ppf(q)), q, rtol=1e-12)
    np.testing.assert_allclose(law.ppf(q), Law._ppf(law, q), rtol=1e-12)
    np.testing.assert_array_equal(law.ppf([0, 1]), [0, np.inf])
    assert law.logpdf(50.0) == pytest.approx(math.log(PREFACTOR[beta][0]) + beta * math.log(50) - law._rate * 2500)
    assert law.logpdf(-1.0) == -np.inf
    assert law.stieltjes(-1.0) == pytest.approx(law.expect(lambda s: 1 / (s + 1)))
    assert repr(law) == f"WignerSurmise(beta={beta})"


@given(st.floats(0, 10))
def test_the_first_law_in_elementary_functions(s):
    law = wigner_surmise(1)
    assert law.sf(s) == pytest.approx(math.exp(-math.pi * s * s / 4), rel=1e-13)
    assert law.cdf(s) == pytest.approx(-math.expm1(-math.pi * s * s / 4), rel=1e-13)


def test_refuses_a_truth_value():
    with pytest.raises(ValueError, match="beta must be 1, 2 or 4, got True"):
        wigner_surmise(True)


@pytest.mark.parametrize("beta", [1, 2, 4])
def test_far_out_the_density_is_zero(beta):
    np.testing.assert_array_equal(wigner_surmise(beta).pdf([1e3, 1e160, 1e300, np.inf]), 0)
