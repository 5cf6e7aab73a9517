import math
import pickle

import numpy as np
import pytest
import scipy.stats as stats
from hypothesis import given
from hypothesis import strategies as st
from mpmath import mp

from deeprmt.laws import Law, MarchenkoPastur
from reference.laws import marchenko_pastur as reference

# aspect, edges, F(0.5), F(1), F(2), pdf(1), median, 90% quantile; 13 digits are printed
TABLE = [
    (0.1, 0.46754446796632, 1.7324555320337, 0.014221150825558, 0.53363737205363, 1.0, 0.9939223010441,
     0.96656514740282, 1.4616620989594),
    (0.25, 0.25, 2.25, 0.18637840824218, 0.55339008127534, 0.96563002196556, 0.6164044440615,
     0.91600407068661, 1.751422829074),
    (0.5, 0.085786437626905, 2.9142135623731, 0.31830988618379, 0.57600421510387, 0.88119131167302, 0.42108439934779,
     0.83046588158136, 2.0926948420789),
    (1.0, 0.0, 4.0, 0.44059565583651, 0.60899778104423, 0.81830988618379, 0.2756644477109,
     0.65277594163357, 2.5945712078975),
    (2.0, 0.17157287525381, 5.8284271247462, 0.56770427963368, 0.6591549430919, 0.78800210755193, 0.1591549430919,
     0.0, 3.3216745587171),
]  # fmt: skip
# aspect, first four moments, int dF / (x + 0.1)
MOMENTS = [
    (0.1, 1.0, 1.1, 1.31, 1.661, 0.99019513592785),
    (0.25, 1.0, 1.25, 1.8125, 2.890625, 1.1383571472171),
    (0.5, 1.0, 1.5, 2.75, 5.625, 1.4833147735479),
    (1.0, 1.0, 2.0, 5.0, 14.0, 2.7015621187164),
    (2.0, 1.0, 3.0, 11.0, 45.0, 5.4221443851124),
]
ASPECTS = [1e-6, 0.01, 0.1, 0.5, 0.9, 0.999999, 1.0, 1.000001, 1.5, 4.0, 1e4]
DIGITS = 2e-13


@pytest.mark.parametrize("row", TABLE)
def test_published_values(row):
    c, low, high, *f, density, median, ninety = row
    law = MarchenkoPastur(c)
    np.testing.assert_allclose(law.support(), [(low, high)], rtol=DIGITS)
    np.testing.assert_allclose(law.cdf([0.5, 1.0, 2.0]), f, rtol=DIGITS)
    np.testing.assert_allclose(law.sf([0.5, 1.0, 2.0]), 1 - np.array(f), rtol=0, atol=DIGITS)
    assert law.pdf(1.0) == pytest.approx(density, rel=DIGITS)
    assert law.median() == pytest.approx(median, rel=DIGITS)  # at aspect 2 just the atom's mass is 1/2
    assert law.ppf(0.9) == pytest.approx(ninety, rel=DIGITS)


def test_published_medians():
    found = [MarchenkoPastur(c).median() for c in (0.2, 0.75)]
    np.testing.assert_allclose(found, [0.93291547660044, 0.7429484870075], rtol=DIGITS)


@pytest.mark.parametrize("row", MOMENTS)
def test_published_moments(row):
    c, *moments, g = row
    law = MarchenkoPastur(c)
    np.testing.assert_allclose([law.moment(k) for k in range(1, 5)], moments, rtol=1e-14)
    assert law.stieltjes(-0.1) == pytest.approx(g, rel=DIGITS)
    assert law.mean() == 1
    assert law.var() == pytest.approx(c, rel=1e-14)


@pytest.mark.parametrize("c", ASPECTS)
@pytest.mark.parametrize("singular", [False, True])
def test_against_quadrature_up_to_the_edges(c, singular):
    sigma = 1.25
    law = MarchenkoPastur(c, sigma, singular=singular)
    low, high = law.support()[0]
    steps = np.array([1e-15, 1e-12, 1e-7, 1e-3, 0.05, 0.2, 0.5, 0.8, 1 - 1e-3, 1 - 1e-7, 1 - 1e-12])
    x = low + (high - low) * steps
    x = x[(x > low) & (x < high)]

    def eigenvalue(x):  # exact: a square of a double has 106 bits
        with mp.workdps(reference.DIGITS):
            return mp.mpf(float(x)) ** 2 if singular else mp.mpf(float(x))

    atom = max(0.0, 1 - 1 / c)
    below = np.array([float(reference.mass(0, eigenvalue(t), c, sigma)) for t in x])
    above = np.array([float(reference.sf(eigenvalue(t), c, sigma)) for t in x])
    # The part above an edge is good to a few roundings of itself; at moderate aspects of 1 - sqrt(c) the arctangents
    # cancel by a factor of at most 6.
    np.testing.assert_allclose(law.sf(x)[x > low + 0.5 * (high - low)], above[x > low + 0.5 * (high - low)], rtol=4e-15)
    np.testing.assert_allclose(law.cdf(x) - atom, below, rtol=1e-14, atol=4e-16 * (atom > 0))
    np.testing.assert_allclose(law.sf(x), above, rtol=1e-14)
    density = [float(reference.pdf(eigenvalue(t), c, sigma) * (2 * t if singular else 1)) for t in x]
    np.testing.assert_allclose(law.pdf(x), density, rtol=2e-15)


@given(st.floats(1e-3, 1e3), st.floats(1e-3, 1e3), st.floats(0, 1), st.booleans())
def test_a_quantile_crosses_its_level(c, sigma, q, singular):
    law = MarchenkoPastur(c, sigma, singular=singular)
    x = law.ppf(q)
    low, high = law.support()[0]
    assert x == 0 or low <= x <= high
    if 0 < q < 1:
        step = 4 * np.spacing(x) + 4 * np.spacing(low)
        # Both functions are good to a few roundings of 1.
        assert law.cdf(x + step) >= q - 2e-15
        assert law.cdf(x - step) <= q + 2e-15


@given(st.floats(0.01, 100), st.floats(0.01, 100), st.floats(-1, 7))
def test_singular_values_are_square_roots(c, sigma, s):
    x = s * sigma
    law, roots = MarchenkoPastur(c, sigma), MarchenkoPastur(c, sigma, singular=True)
    if x >= 0:  # the square rounds, which a steep edge turns into some 1e-8
        assert roots.cdf(x) == pytest.approx(law.cdf(x * x), rel=1e-6, abs=1e-12)
    else:
        assert roots.cdf(x) == 0


@given(st.floats(0.01, 100), st.floats(0, 6))
def test_transposition(c, x):
    """X^T X and X X^T share their nonzero eigenvalues: the share p / n of them, and another scale."""
    law, mirror = MarchenkoPastur(c), MarchenkoPastur(1 / c, math.sqrt(c))
    np.testing.assert_allclose(c * law.sf(x), mirror.sf(x), rtol=1e-6, atol=1e-12)


def test_the_hard_edge_and_the_quarter_circle():
    law = MarchenkoPastur(1.0, singular=True)
    x = np.linspace(0, 2, 9)
    np.testing.assert_allclose(law.pdf(x), np.sqrt(4 - x**2) / np.pi, rtol=1e-15)
    assert MarchenkoPastur(1.0).pdf(0.0) == np.inf
    # F = 2 sqrt(x) / pi near 0
    assert MarchenkoPastur(1.0).cdf(1e-200) == pytest.approx(2e-100 / np.pi, rel=1e-14)
    assert MarchenkoPastur(1.0).ppf(1e-100) == pytest.approx((np.pi * 1e-100 / 2) ** 2, rel=1e-13)
    assert law.mean() == pytest.approx(8 / (3 * np.pi), rel=1e-14)


def test_the_atom():
    law = MarchenkoPastur(4.0, 0.5)
    assert law.atoms() == [(0.0, 0.75)]
    assert law.cdf(0.0) == 0.75
    assert law.cdf(-1e-300) == 0
    np.testing.assert_array_equal(law.ppf([0, 0.3, 0.75]), 0)
    assert law.ppf(0.75 + 1e-9) >= law.support()[0][0]
    assert MarchenkoPastur(0.5).atoms() == []
    assert law.stieltjes(0.0).real == np.inf


@pytest.mark.parametrize("c", [0.05, 0.7, 1.0, 3.0])
@pytest.mark.parametrize("singular", [False, True])
def test_closed_forms_match_the_generic_ones(c, singular):
    law = MarchenkoPastur(c, 1.5, singular=singular)
    for k in range(1, 8):
        assert law.moment(k) == pytest.approx(Law._moment(law, k), rel=1e-12)
    assert law.var() == pytest.approx(Law.var(law), rel=1e-12)
    z = np.array([-0.1, 20.0, 1 + 1j, 2 - 0.5j, 1e6 - 3j, -1e-3 + 1e-3j])
    np.testing.assert_allclose(law.stieltjes(z), [law.expect(lambda x, z=z: 1 / (x - z)) for z in z], rtol=1e-10)
    low, high = law.support()[0]
    inside = np.linspace(low, high, 7)[1:-1]
    np.testing.assert_allclose(law.stieltjes(inside).imag, np.pi * law.pdf(inside), rtol=1e-10)
    w = np.array([-0.05, 0.01])
    np.testing.assert_allclose(law.r_transform(w), Law._r_transform(law, w), rtol=1e-10)
    w = np.array([-0.2, 1e-3])
    np.testing.assert_allclose(law.s_transform(w), Law._s_transform(law, w), rtol=1e-10)


def test_stieltjes_solves_its_equation():
    # c s^2 z m^2 + (z - s^2 (1 - c)) m + 1 = 0, with no digits lost at either end of the scale
    rng = np.random.default_rng(1)
    for c in (0.3, 1.0, 5.0):
        law = MarchenkoPastur(c, 1.2)
        z = 10.0 ** rng.uniform(-9, 9, 200) * np.exp(2j * np.pi * rng.uniform(size=200))
        m = law.stieltjes(z)
        terms = np.array([c * 1.44 * z * m**2, (z - 1.44 * (1 - c)) * m, np.ones_like(z)])
        assert np.all(np.abs(terms.sum(axis=0)) < 1e-14 * np.abs(terms).max(axis=0))
        assert np.all(m.imag * z.imag >= 0)
        np.testing.assert_array_equal(law.stieltjes(np.conj(z)), np.conj(m))
        assert law.stieltjes(complex(1.0, -0.0)) == law.stieltjes(1.0)


def test_samples_and_real_matrices():
    law = MarchenkoPastur(0.5, 2.0)
    assert stats.kstest(law.rvs(5000, rng=1), law.cdf).pvalue > 1e-3
    np.testing.assert_array_equal(law.rvs(5, rng=1), law.rvs(5, rng=1))
    x = np.random.default_rng(2).normal(scale=2.0, size=(500, 250))
    eigenvalues = np.linalg.eigvalsh(x.T @ x / 500)
    # Eigenvalues are rigid: their number below x has a standard deviation of sqrt(ln(n)) / pi = 0.75. Five of them
    # and a half step of the staircase are 4.2 of 250: 0.017. Independent values would be off by 1 / sqrt(n) = 0.06.
    assert stats.kstest(eigenvalues, law.cdf).statistic < 0.02
    roots = MarchenkoPastur(0.5, 2.0, singular=True)
    assert stats.kstest(np.linalg.svd(x, compute_uv=False) / np.sqrt(500), roots.cdf).statistic < 0.02


def test_many_values_on_many_threads():
    x = np.random.default_rng(3).uniform(0, 3, 50_000)
    law = MarchenkoPastur(0.5)
    np.testing.assert_array_equal(law.cdf(x)[::97], [law.cdf(t) for t in x[::97]])


def test_text_and_travel():
    law = MarchenkoPastur(0.5, 2.0, singular=True)
    assert repr(law) == "MarchenkoPastur(aspect=0.5, sigma=2.0, singular=True)"
    assert pickle.loads(pickle.dumps(law)).cdf(1.0) == law.cdf(1.0)
    assert MarchenkoPastur(2.0).moment(5000) == math.inf


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((0.0,), "aspect must be finite and above 0"),
        ((-1.0,), "aspect"),
        ((np.nan,), "aspect"),
        ((0.5, 0.0), "sigma must be finite and above 0"),
        ((0.5, np.inf), "sigma"),
        ((0.5, 1e200), "range of doubles"),
        ((0.5, 1e-170), "range of doubles"),
    ],
)
def test_refuses(arguments, says):
    with pytest.raises(ValueError, match=f"MarchenkoPastur: .*{says}"):
        MarchenkoPastur(*arguments)
    with pytest.raises(TypeError, match="aspect must be a real number"):
        MarchenkoPastur("a")


def test_ends_of_the_range():
    # The density 1 / (pi sqrt x) of the hard edge, at a number below the normal ones.
    assert MarchenkoPastur(1.0).pdf(1e-320) == pytest.approx(1 / np.pi / np.sqrt(1e-320), rel=1e-12)
    law = MarchenkoPastur(0.5)
    assert law.stieltjes(np.inf) == 0
    assert law.stieltjes(complex(0, np.inf)) == 0
    narrow = MarchenkoPastur(1e-28)  # 180 doubles wide: each of them is a hundredth of the mass
    assert narrow.cdf(narrow.ppf(0.5)) == pytest.approx(0.5, abs=0.02)
    for bad in (9e-29, 1e-40, 1.1e28):
        with pytest.raises(ValueError, match="aspect must be in"):
            MarchenkoPastur(bad)
    with pytest.raises(TypeError, match="singular must be True or False"):
        MarchenkoPastur(0.5, singular="yes")


@pytest.mark.parametrize("aspect", [0.3, 1.0, 2.5])
def test_slope_of_the_stieltjes_transform(aspect):
    law = MarchenkoPastur(aspect, 1.3)
    z = np.array([0.7, 2.0, -0.5, 30.0, 1 + 1e-8j, 2j, 0.05 - 0.01j])
    circle = Law._stieltjes_derivative(law, z.astype(complex))  # good to 48 / 5^24 and 48 times rounding
    np.testing.assert_allclose(law.stieltjes_derivative(z), circle, rtol=1e-11)
    assert np.isinf(MarchenkoPastur(1.0).stieltjes_derivative([0.0, 4.0]).real).all()
