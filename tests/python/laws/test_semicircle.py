import pickle

import numpy as np
import pytest
import scipy.stats as stats
from hypothesis import given
from hypothesis import strategies as st

from deeprmt.laws import Discrete, Law, QuarterCircle, Semicircle
from reference.laws import semicircle as reference


@given(st.floats(1e-6, 1e6), st.floats(-1, 1), st.integers(0, 15))
def test_against_the_textbook(sigma, t, near):
    edge = 2 * sigma
    x = edge - edge * 10.0**-near if t > 0.5 else -edge + edge * 10.0**-near if t < -0.5 else edge * t
    law = Semicircle(sigma)
    assert law.cdf(x) == pytest.approx(float(reference.cdf(x, sigma)), rel=4e-15)
    assert law.sf(x) == pytest.approx(float(reference.cdf(-x, sigma)), rel=4e-15)
    assert law.pdf(x) == pytest.approx(float(reference.pdf(x, sigma)), rel=2e-15)


def test_known_values():
    law = Semicircle()
    assert law.support() == [(-2.0, 2.0)]
    assert law.atoms() == []
    assert law.cdf(1.0) == pytest.approx(0.5 + np.sqrt(3) / (4 * np.pi) + 1 / 6, rel=1e-15)
    assert law.pdf(0.0) == pytest.approx(1 / np.pi, rel=1e-15)
    assert [law.moment(k) for k in range(9)] == [1, 0, 1, 0, 2, 0, 5, 0, 14]  # Catalan's numbers
    assert law.var() == law.std() == 1
    assert law.median() == pytest.approx(0, abs=1e-15)
    assert law.stieltjes(1j) == pytest.approx((np.sqrt(5) - 1) / 2 * 1j, rel=1e-15)
    np.testing.assert_array_equal(law.cdf([-3, -2, 2, 3, np.inf]), [0, 0, 1, 1, 1])
    np.testing.assert_array_equal(law.logpdf([-2, 2.5]), -np.inf)


@given(st.floats(0.1, 10), st.floats(0, 1))
def test_a_quantile_crosses_its_level(sigma, q):
    law = Semicircle(sigma)
    x = law.ppf(q)
    assert law.cdf(x) == pytest.approx(q, abs=1e-15)
    assert law.ppf(1 - q) == pytest.approx(-law.ppf(1 - (1 - q)), abs=1e-14 * sigma)


def test_closed_forms_match_the_generic_ones():
    law = Semicircle(1.5)
    for k in range(1, 9):
        assert law.moment(k) == pytest.approx(Law._moment(law, k), rel=1e-12, abs=1e-12 * 3.0**k)
    z = np.array([4.0, -3.5, 1 + 1j, 1 - 1e-3j, 1e8j, -1e8 + 1j])
    np.testing.assert_allclose(law.stieltjes(z), Law._stieltjes(law, z), rtol=1e-10)
    x = np.linspace(-2.9, 2.9, 7)
    np.testing.assert_allclose(law.stieltjes(x), -x / 4.5 + 1j * np.pi * law.pdf(x), rtol=1e-13)
    w = np.array([-0.5, 0.0, 0.6])
    np.testing.assert_allclose(law.r_transform(w), Law._r_transform(law, w), rtol=1e-11, atol=1e-13)
    with pytest.raises(ValueError, match=r"live on \[0, inf\)"):
        law.s_transform(0.1)


def test_samples_and_real_matrices():
    law = Semicircle(0.5)
    assert stats.kstest(law.rvs(5000, rng=1), law.cdf).pvalue > 1e-3
    n = 400
    a = np.random.default_rng(2).normal(size=(n, n))
    eigenvalues = np.linalg.eigvalsh((a + a.T) / np.sqrt(2 * n)) / 2
    # Rigid: the number of levels below x has a standard deviation of sqrt(ln(n)) / pi = 0.8. Five of them and a half
    # step of the staircase are 4.5 of 400: 0.011. Independent levels would be off by 1 / sqrt(n) = 0.05.
    assert stats.kstest(eigenvalues, law.cdf).statistic < 0.02


def test_text_travel_and_refusals():
    law = Semicircle(2.0)
    assert repr(law) == "Semicircle(sigma=2.0)"
    assert pickle.loads(pickle.dumps(law)).cdf(1.0) == law.cdf(1.0)
    for bad in (0.0, -1.0, np.nan, np.inf, 1e200, 1e-200):
        with pytest.raises(ValueError, match="Semicircle: sigma must be"):
            Semicircle(bad)


def test_symmetric_median_and_moments_beyond_doubles():
    assert Semicircle(1.0).ppf(0.5) == 0
    assert Semicircle(1e10).moment(100) == np.inf
    assert Semicircle(1e10).scale(-2.0).moment(100) == np.inf
    assert Semicircle(1e10).moment(101) == 0
    # The Catalan number C_1000 overflows, the moment of edges +-1 does not: asymptotically h^(-3/2) / sqrt(pi).
    assert Semicircle(0.5).moment(2000) == pytest.approx(1000**-1.5 / np.sqrt(np.pi), rel=2e-3)


def test_scales_beyond_doubles_are_refused():
    law = Semicircle(1.0)
    for change in (
        lambda: law.scale(1e-300).scale(1e-300),
        lambda: law.scale(1e200).scale(1e200),
        lambda: law.shift(1e308).shift(1e308),
        lambda: law.scale(1.7e308),
    ):
        with pytest.raises(ValueError, match="within the range of doubles"):
            change()
    with pytest.raises(ValueError, match=r"got 1\.1$"):
        law.ppf(1.1)


def test_small_quantiles_of_a_small_quarter_circle():
    # The density next to 0 is 2 / (pi sigma).
    np.testing.assert_allclose(QuarterCircle(1e-150).ppf([1e-15, 1e-12]), [np.pi * 1e-165 / 2, np.pi * 1e-162 / 2])


def test_messages_show_plain_numbers():
    with pytest.raises(ValueError, match=r"must not be negative, found -0\.5"):
        Discrete([1, 2], [-0.5, 1.5])
    with pytest.raises(TypeError, match="at most 64 bits, got a whole number beyond them"):
        Semicircle().cdf(10**400)
    with pytest.raises(TypeError, match="at most 64 bits, got dtype object"):
        Semicircle().cdf(np.array([1.0, None]))
