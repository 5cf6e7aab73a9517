import math
import pickle
from functools import cache

import numpy as np
import pytest
import scipy.stats as stats
from hypothesis import given
from hypothesis import strategies as st

from deeprmt.ensembles import hermite_eigenvalues
from deeprmt.laws import TracyWidom
from deeprmt.laws._tables import determinants
from reference.laws import tracy_widom as reference

BETAS = pytest.mark.parametrize("beta", [1, 2, 4])
# F. Bornemann, arXiv:0904.1581, table 3: mean, variance, skewness, excess kurtosis.
MOMENTS = {
    1: (-1.206533574582, 1.607781034581, 0.2934645240867, 0.1652429384528),
    2: (-1.771086807412, 0.8131947928329, 0.2240842036107, 0.09344808765919),
    4: (-2.306884893241, 0.5177237207726, 0.1655094943525, 0.04919515659177),
}
QUANTILES = {
    0.01: (-3.895432673064, -3.7244459464, -3.894441520339),
    0.05: (-3.180379976938, -3.194166732158, -3.455314177468),
    0.1: (-2.782427905695, -2.901350938476, -3.214705285288),
    0.5: (-1.268574616581, -1.804912408937, -2.326817697446),
    0.9: (0.4501432890583, -0.5968512971173, -1.37324841808),
    0.95: (0.9793160534696, -0.232474469764, -1.090401013089),
    0.99: (2.02344928138, 0.4776360473908, -0.5446944257847),
    0.999: (3.272196059002, 1.314419480086, 0.09038132333449),
}
VALUES = {
    -4.0: (0.007567678598784, 0.003544553595506, 0.006319555940344),
    -3.0: (0.06960011886736, 0.08031955293933, 0.167708038198),
    -2.0: (0.2743201979092, 0.4132241425051, 0.6735086715586),
    -1.0: (0.5837898955197, 0.8072142419993, 0.9607515364557),
    0.0: (0.831908066203, 0.9693728283553, 0.9985741973582),
    1.0: (0.9514212369115, 0.9975054381494, 0.9999823971366),
    2.0: (0.9895975710848, 0.9998875536983, 0.9999999166662),
}


@BETAS
def test_published_values(beta):
    law, i = TracyWidom(beta), (1, 2, 4).index(beta)
    # To the digits printed: 13 significant ones.
    for s, values in VALUES.items():
        assert law.cdf(s) == pytest.approx(values[i], rel=2e-12)
    for q, values in QUANTILES.items():
        assert law.ppf(q) == pytest.approx(values[i], rel=1e-11)
    mean, variance, skewness, kurtosis = MOMENTS[beta]
    assert law.mean() == pytest.approx(mean, rel=1e-12)
    assert law.var() == pytest.approx(variance, rel=1e-12)
    deviation = math.sqrt(variance)
    assert law.expect(lambda x: ((x - mean) / deviation) ** 3) == pytest.approx(skewness, rel=2e-11)
    assert law.expect(lambda x: ((x - mean) / deviation) ** 4) - 3 == pytest.approx(kurtosis, rel=2e-10)


@pytest.mark.parametrize(
    ("beta", "s", "nodes", "digits"),
    [
        (1, -2, 44, 40),
        (2, -5, 60, 45),
        pytest.param(2, 3, 50, 60, marks=pytest.mark.slow),
        (4, -1, 44, 40),
        pytest.param(2, -14, 130, 120, marks=pytest.mark.slow),
    ],
)
def test_determinants(beta, s, nodes, digits):
    """Another form of each determinant than the tables come from, at 40 digits and more."""
    law, value = TracyWidom(beta), reference.cdf(beta, s, nodes=nodes, digits=digits)
    # The logarithm is rounded: to 1e-16 of its size, 5 to 230 here, and of that of the terms it is summed from.
    rounding = 4e-16 * (10 - float(np.log(float(value))))
    assert float(law.cdf(s) / value - 1) == pytest.approx(0, abs=rounding)
    assert float(law.sf(s) / (1 - value) - 1) == pytest.approx(0, abs=1e-14)


@pytest.mark.parametrize(("beta", "s"), [(1, 16.5), (2, 12.5), (2, 40.0), (4, 11.5), (4, 30.0)])
def test_right_tail(beta, s):
    """By traces, to 1e-300: pieces up to 16, the expansion beyond."""
    law = TracyWidom(beta)
    survival, density = reference.far(beta, s)
    # d log sf / ds is sqrt(s) times up to 2 sqrt(2): rounding of s and of a logarithm of 690 is 690 * 2e-16, twice.
    assert float(law.sf(s) / survival - 1) == pytest.approx(0, abs=3e-13)
    assert float(law.pdf(s) / density - 1) == pytest.approx(0, abs=3e-13)
    assert law._log("sf", np.array([s]))[0] == pytest.approx(float(reference.log(survival)), rel=1e-15)


@cache
def far_left(s, digits):
    return determinants.airy(reference.mpf(s), digits, 120)


@BETAS
def test_left_tail(beta):
    """Determinants of many digits where the tables hold the expansion, for beta 4 a mix of two."""
    s, digits = -13.5, 70
    minus, plus = far_left(s, digits)
    with reference.mp.workdps(digits):
        value = reference.log({1: minus, 2: minus * plus, 4: (minus + plus) / 2}[beta])
    x = np.array([s / law_factor(beta)])
    # Rounding of x: 1e-16 * |x| times the slope, s^2 / 4 at most.
    assert TracyWidom(beta)._log("cdf", x)[0] == pytest.approx(float(value), rel=1e-15, abs=2e-16 * abs(s) ** 3 / 4)


def test_left_tail_in_the_expansion_for_beta_4():
    """From -20 on in the variable of the determinants: the first terms, by their known constants (arXiv:0704.3636)."""
    s = 26.0  # next is x^(-3/2) times less than 1
    zeta = -0.16542114370045092  # zeta'(-1)
    x = s * math.sqrt(2)
    wanted = -(x**3) / 24 + x**1.5 / (3 * math.sqrt(2)) - math.log(x) / 16
    wanted += math.log(2) / 48 + zeta / 2 + math.log(2) / 4 - math.log(2)
    assert TracyWidom(4)._log("cdf", np.array([-s]))[0] == pytest.approx(wanted, abs=x**-1.5)


def law_factor(beta):
    return math.sqrt(2) if beta == 4 else 1.0


@given(st.floats(-17, 6))
def test_the_three_laws_are_bound_together(s):
    """F_4(s / sqrt 2) = (F_1(s) + F_2(s) / F_1(s)) / 2: three tables of their own."""
    one, two, four = TracyWidom(1).cdf(s), TracyWidom(2).cdf(s), TracyWidom(4).cdf(s / math.sqrt(2))
    # F_2 / F_1 keeps the relative errors of 1e-14 and of rounding of s, as in the left tail.
    assert four == pytest.approx((one + two / one) / 2, rel=2e-14 + 2e-16 * abs(s) ** 3)


@BETAS
def test_moments(beta):
    """E X^k = k int_0^inf x^(k-1) (sf(x) + (-1)^k cdf(-x)) dx: tables of their own, by Gauss-Legendre panels."""
    law = TracyWidom(beta)
    nodes, weights = np.polynomial.legendre.leggauss(20)
    x = (np.arange(110)[:, None] + (1 + nodes) / 2).ravel()
    w = np.tile(weights / 2, 110)
    above, below = law.sf(x), law.cdf(-x)
    for k in range(1, 21):
        terms = k * w * x ** (k - 1) * np.stack([above, (-1) ** k * below])
        # Both sides have relative errors of some 1e-14 in all that they sum.
        assert law.moment(k) == pytest.approx(terms.sum(), rel=0, abs=2e-13 * np.abs(terms).sum())
    assert law.var() == pytest.approx(law.moment(2) - law.mean() ** 2, rel=1e-12)


@BETAS
def test_density_is_the_slope(beta):
    law, h = TracyWidom(beta), 1e-3
    x = np.linspace(-12, 20, 400)
    # A difference of the sixth order: an error of h^6 / 140 times the seventh derivative, 1e-17, and rounding
    # over h.
    for function, sign in (("cdf", 1), ("sf", -1)):
        f = getattr(law, function)
        slope = sum(w * (f(x + k * h) - f(x - k * h)) for k, w in ((1, 45), (2, -9), (3, 1))) / (60 * h)
        np.testing.assert_allclose(sign * slope, law.pdf(x), atol=5e-13, rtol=1e-10)


@BETAS
def test_no_seams(beta):
    """Pieces and expansions meet: what jumps is a few units of rounding of the logarithm."""
    law = TracyWidom(beta)
    for name in ("cdf", "sf", "pdf"):
        table = law._table(name)
        ends = table.low + np.arange(table.coefficients.shape[1] + 1.0)
        ends = ends[(1 if table.left is None else 0) : (-1 if table.right is None else None)]
        below, above = (table(np.nextafter(ends, side)) for side in (-np.inf, np.inf))
        np.testing.assert_allclose(below, above, rtol=3e-15, atol=2e-15)  # d log f / dx is up to s^2 / 4


@BETAS
@given(st.floats(0, 1))
def test_quantiles(beta, q):
    law = TracyWidom(beta)
    x = law.ppf(q)
    if q in (0, 1):
        assert x == (-np.inf if q == 0 else np.inf)
        return
    # Rounding of x times the slope of the logarithm, as before.
    rounding = 1e-14 + 4e-16 * abs(x) ** 3
    side, mass = (law.cdf, q) if q < 0.5 else (law.sf, 1 - q)
    assert side(x) == pytest.approx(mass, rel=rounding, abs=1e-310)


@BETAS
def test_far_out(beta):
    law, huge = TracyWidom(beta), [-np.inf, -1e308, -1e3, 1e3, 1e308, np.inf]
    np.testing.assert_array_equal(law.pdf(huge), 0)
    np.testing.assert_array_equal(law.cdf(huge), [0, 0, 0, 1, 1, 1])
    np.testing.assert_array_equal(law.sf(huge), [1, 1, 1, 0, 0, 0])
    # The leading terms of the expansions.
    factor = law_factor(beta)
    cube = {1: 24, 2: 12, 4: 24}[beta]
    root = {1: 2 / 3, 2: 4 / 3, 4: 4 / 3}[beta]
    assert law.logpdf(-1e6) == pytest.approx(-((1e6 * factor) ** 3) / cube, rel=1e-8)
    assert law.logpdf(1e6) == pytest.approx(-root * (1e6 * factor) ** 1.5, rel=1e-7)
    assert np.isnan(law.pdf(np.nan))
    assert law.support() == [(-np.inf, np.inf)]


@BETAS
def test_largest_eigenvalues(beta):
    n, count = 100, 1000
    levels = hermite_eigenvalues(n, beta, size=count, rng=beta)[:, -1]
    # With n + 1/2 - 1 / beta in place of n what is left is of order n^(-2/3) = 0.05 (proved for beta 1 and 2: Johnstone
    # and Ma, Ann. Appl. Probab. 22, 1962 (2012)).
    best = n + 0.5 - 1 / beta
    scaled = (levels * math.sqrt(n) - 2 * math.sqrt(best)) * best ** (1 / 6) * (2 ** (1 / 6) if beta == 4 else 1)
    # Kolmogorov's statistic is above 2.2 / sqrt(count) for one seed in 8000; a shift by n^(-2/3) costs its part times
    # the largest density, 0.6.
    assert TracyWidom(beta).ks_distance(scaled) < 2.2 / math.sqrt(count) + 0.6 * n ** (-2 / 3)


@BETAS
def test_transforms(beta):
    law = TracyWidom(beta)
    z = np.array([-3j, 1 + 2j, -1.5 + 0.1j])
    np.testing.assert_allclose(law.stieltjes(z), [law.expect(lambda x, z=z: 1 / (x - z)) for z in z], rtol=1e-11)
    x = np.array([-3.0, -1.0, 0.5])
    np.testing.assert_allclose(law.stieltjes(x).imag, math.pi * law.pdf(x), rtol=1e-11)
    h = 1e-4
    slope = (law.stieltjes(z + h) - law.stieltjes(z - h)) / (2 * h)  # an error of h^2 / 6 times the third derivative
    np.testing.assert_allclose(law.stieltjes_derivative(z), slope, rtol=1e-6)
    with pytest.raises(ValueError, match=r"TracyWidom\.r_transform: the support must have an end"):
        law.r_transform(0.1)
    with pytest.raises(ValueError, match=r"TracyWidom\.s_transform: the law must live on \[0, inf\)"):
        law.s_transform(0.1)


@given(st.floats(0.1, 10), st.floats(-10, 10), st.floats(-8, 8))
def test_the_other_scalings(scale, shift, x):
    law = TracyWidom(4)
    moved = law.scale(scale).shift(shift)
    assert moved.cdf(scale * x + shift) == pytest.approx(law.cdf(x), rel=1e-10, abs=1e-15)
    assert moved.mean() == pytest.approx(scale * law.mean() + shift, rel=1e-10, abs=1e-12)


def test_is_one_of_three():
    assert TracyWidom(1) == TracyWidom(1.0)
    assert TracyWidom(1) != TracyWidom(2)
    assert len({TracyWidom(1), TracyWidom(1), TracyWidom(4)}) == 2
    assert repr(TracyWidom(2)) == "TracyWidom(beta=2)"
    assert pickle.loads(pickle.dumps(TracyWidom(2))).median() == TracyWidom(2).median()
    np.testing.assert_array_equal(TracyWidom(2).rvs(5, rng=1), TracyWidom(2).rvs(5, rng=1))
    with pytest.raises(AttributeError, match="cannot be changed"):
        TracyWidom(1).beta = 2


@pytest.mark.parametrize("beta", [0, 3, 1.5, True, "1", None, math.nan, np.array([1, 2])])
def test_refuses(beta):
    with pytest.raises(ValueError, match="TracyWidom: beta must be 1, 2 or 4, got"):
        TracyWidom(beta)


@BETAS
def test_tests_and_plots_of_scipy_take_it(beta):
    law = TracyWidom(beta)
    x = law.rvs(200, rng=beta)
    assert stats.kstest(x, law.cdf).statistic == pytest.approx(law.ks_distance(x), abs=1e-15)
    places, values = stats.probplot(x, dist=law, fit=False)
    np.testing.assert_array_equal(values, np.sort(x))
    np.testing.assert_array_equal(places, law.ppf(stats.probplot(x, dist=stats.uniform, fit=False)[0]))
    pytest.importorskip("matplotlib").use("Agg")
    from matplotlib import pyplot as plt

    ax = plt.figure().subplots()
    assert law.plot(ax=ax) is ax
    plt.close()
