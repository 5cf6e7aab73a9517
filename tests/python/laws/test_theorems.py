"""Laws against theorems, exact constants and finite matrices."""

import math
import time
from fractions import Fraction

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deeprmt import ensembles
from deeprmt.laws import (
    Bernoulli,
    BerryRobnik,
    Beta,
    Brody,
    Circular,
    Discrete,
    ErfSlope,
    Exponential,
    FussCatalan,
    Gamma,
    KestenMcKay,
    Law,
    MarchenkoPastur,
    Mixture,
    Poisson,
    QuarterCircle,
    Semicircle,
    SemiPoisson,
    TanhSlope,
    Wachter,
    WignerSurmise,
    squared_slope,
)


@pytest.mark.parametrize(("p", "a", "b"), [(300, 200, 100), (300, 0, 300), (300, 1200, 0)])
def test_wachter_is_the_limit_of_jacobi_ensembles(p, a, b):
    x = ensembles.jacobi_eigenvalues(p, a, b, beta=2, rng=5)
    law = Wachter(p / (a + p), p / (b + p))
    # Eigenvalues are rigid: each is within about log(p) / p of its place in distribution.
    assert law.ks_distance(x) < math.log(p) / p


@given(st.floats(0.05, 20), st.floats(0.05, 20))
def test_wachter_is_symmetric(one, other):
    if 1 / one + 1 / other > 1.01:
        law, mirror = Wachter(one, other), Wachter(other, one)
        x = np.linspace(0.001, 0.999, 23)
        np.testing.assert_allclose(law.cdf(x), mirror.sf(1 - x), rtol=0, atol=1e-9)
        assert law.mean() == pytest.approx(1 - mirror.mean(), abs=1e-14)


def test_wachter_moments_are_those_of_free_projections():
    # A projection of trace 1/2 compressed by a free one of trace 1/2: the arcsine law, twice.
    law = Wachter(1.0, 1.0)
    assert [law.moment(k) for k in range(1, 5)] == [1 / 2, 3 / 8, 5 / 16, 35 / 128]
    assert law.cdf(0.25) == pytest.approx(1 / 3, rel=1e-15)
    # S = (a + b + w) / (a + w), so 1 / S(0) = a / (a + b).
    assert Wachter(0.5, 0.25).mean() == pytest.approx(2 / 6, rel=1e-15)


@pytest.mark.parametrize("s", [1, 2, 3, 8])
def test_fuss_catalan_moments_are_whole_numbers(s):
    law = FussCatalan(s)
    for k in range(1, 21):
        exact = Fraction(math.comb((s + 1) * k, k), s * k + 1)
        assert exact.denominator == 1
        assert law.moment(k) == pytest.approx(float(exact), rel=1e-14)
    assert law.support() == [(0.0, float(Fraction((s + 1) ** (s + 1), s**s)))]


def test_fuss_catalan_of_order_one_and_two():
    one, law = FussCatalan(1), MarchenkoPastur(1.0)
    x = np.array([1e-200, 1e-9, 0.3, 2.0, 3.99, 4 - 1e-9])
    for method in ("pdf", "cdf", "sf"):
        np.testing.assert_allclose(getattr(one, method)(x), getattr(law, method)(x), rtol=1e-13)
    z = np.array([-1.0, 5.0, 4 + 1e-9, 1 + 1e-6j, -2 - 3j, 1e5j, 1e-9, 3.9, 4 + 1e-7j])
    np.testing.assert_allclose(one.stieltjes(z), law.stieltjes(z), rtol=1e-13)
    np.testing.assert_allclose(one.stieltjes_derivative(z), law.stieltjes_derivative(z), rtol=1e-11)
    np.testing.assert_allclose(one.r_transform([-3.0, 0.2, 0.45]), law.r_transform([-3.0, 0.2, 0.45]), rtol=1e-14)
    # For s = 2 the cubic has a closed solution: K. A. Penson, K. Zyczkowski, Phys. Rev. E 83, 061118 (2011).
    x = np.array([0.01, 0.5, 2.0, 6.0])
    y = (27 + 3 * np.sqrt(81 - 12 * x)) ** (1 / 3)
    exact = (np.cbrt(2) * np.sqrt(3) / (12 * np.pi)) * (np.cbrt(2) * y**2 - 6 * np.cbrt(x)) / (np.cbrt(x) ** 2 * y)
    np.testing.assert_allclose(FussCatalan(2).pdf(x), exact, rtol=1e-13)


@pytest.mark.parametrize("s", [0.05, 0.5, 2, 3.7, 40, 1000])
def test_fuss_catalan_solves_its_equation(s):
    law = FussCatalan(s)
    edge = law.support()[0][1]
    z = edge * np.array([0.3, 0.999999, 1.000001, 2, -0.5, 0.5 + 1e-4j, 1 + 1e-8j, -1 + 1j, 0.01 + 1e-3j, 3 - 1j])
    m = law.stieltjes(z)
    y = -z * m - 1
    # (s+1) log(1 + y) = log z + log y: the sum of logarithms rounds like its terms.
    size = (s + 1) * np.abs(np.log1p(y)) + np.abs(np.log(z)) + np.abs(np.log(y)) + 1
    # Far away y = -1 - z m is a small difference of numbers close to 1.
    rounding = 4e-14 * size.max() + 4e-16 / np.abs(y).min()
    np.testing.assert_allclose(np.exp((s + 1) * np.log1p(y) - np.log(z) - np.log(y)), 1, rtol=0, atol=rounding)
    q = np.array([1e-8, 0.01, 0.5, 0.99, 1 - 1e-9])
    x = law.ppf(q[law.ppf(q) > 1e-290])
    np.testing.assert_allclose(law.cdf(x), q[-x.size :], rtol=1e-12)


@pytest.mark.parametrize("s", [0.4, 2.5, 40.3])
@pytest.mark.parametrize("distance", [1e-13, 1e-9, 1e-5])
def test_fuss_catalan_beside_edges_that_are_no_doubles(s, distance):
    """(1 + y)^(s+1) = x y in 40 digits: what counts is the distance of x from the edge, not from its double."""
    law = FussCatalan(s)
    edge = law.support()[0][1]
    for x in (edge * (1 - distance), edge * (1 + distance)):
        m = complex(law.stieltjes(x))
        with mpmath.workdps(40):
            power = mpmath.mpf(s) + 1
            y = mpmath.findroot(lambda y, x=x, power=power: power * mpmath.log(1 + y) - mpmath.log(x * y), -x * m - 1)
            exact = -(1 + y) / x
        # Rounding of a logarithm that is s times one of the size 1 / s, and of y beside 1.
        assert m.real == pytest.approx(float(exact.real), rel=1e-14)
        assert m.imag == pytest.approx(float(exact.imag), rel=1e-13)
        assert law.pdf(x) == pytest.approx(float(exact.imag) / math.pi, rel=1e-13)


def test_products_of_gaussian_matrices():
    rng = np.random.default_rng(3)
    n = 200
    product = np.linalg.multi_dot([ensembles.ginibre(n, n, rng=rng) for _ in range(3)])
    # Edges move by n^(-2/3), the lowest values by more: the bulk within 2 / sqrt(n).
    assert FussCatalan(3).power(0.5).ks_distance(np.linalg.svd(product, compute_uv=False)) < 0.03


def test_kesten_mckay_counts_walks():
    assert [KestenMcKay(3).moment(k) for k in range(1, 9)] == [0, 3, 0, 15, 0, 87, 0, 543]  # OEIS A089022
    law = KestenMcKay(2)  # arcsine
    assert law.moment(20) == math.comb(20, 10)
    np.testing.assert_allclose(law.pdf([0.0, 1.0]), [1 / (2 * np.pi), 1 / (np.pi * np.sqrt(3))], rtol=1e-15)


@pytest.mark.parametrize("d", [1.3, 2.0, 3.0, 7.5])
def test_kesten_mckay_is_a_free_power_of_the_coin(d):
    # R-transforms add: that of the coin, d times, in the small.
    w = np.array([-0.1, 0.02, 0.2])
    coin = Discrete([-1.0, 1.0]).r_transform(w)
    np.testing.assert_allclose(KestenMcKay(d).r_transform(w), d * coin, rtol=1e-11)


@given(st.floats(0.0, 1.0), st.floats(-0.5, 0.5))
def test_transforms_of_a_coin(p, w):
    law = Bernoulli(p)
    assert law.r_transform(w) == pytest.approx(Law._r_transform(law, np.array([w]))[0], rel=1e-9, abs=1e-12)


def test_quarter_circle_and_disc():
    law = QuarterCircle()
    assert law.mean() == pytest.approx(8 / (3 * np.pi), rel=1e-15)
    assert law.cdf(1.0) == pytest.approx(MarchenkoPastur(1.0).cdf(1.0), rel=1e-15)
    x = np.linalg.eigvals(ensembles.ginibre(150, 150, rng=1))
    assert Circular().ks_distance(np.abs(x)) < 0.06
    assert Circular(part="real").ks_distance(x.real) < 0.06
    # By mpmath's quadrature.
    for z in (0.7 + 0.2j, -1.0, 4.9 + 0.1j, 5.1 + 0.1j):
        exact = complex(mpmath.quad(lambda x, z=z: mpmath.sqrt(4 - x * x) / mpmath.pi / (x - z), [0, 1, 1.9, 2]))
        assert law.stieltjes(z) == pytest.approx(exact, rel=1e-10)
        exact = complex(mpmath.quad(lambda x, z=z: 2 * x / (x - z), [0, 0.5, 1]))
        assert Circular().stieltjes(z) == pytest.approx(exact, rel=1e-10)


def test_spacings_between():
    assert Brody(0.5).pdf(1.0) == pytest.approx(0.54567500601302, abs=5e-15)
    assert Brody(0.25).pdf(0.5) == pytest.approx(0.65462082418756, abs=5e-15)
    assert Brody(0.8).pdf(2.0) == pytest.approx(0.15135586839422, abs=5e-15)
    assert BerryRobnik(0.5).pdf(1.0) == pytest.approx(0.42756093617904, abs=5e-15)
    assert BerryRobnik(0.25).pdf(0.5) == pytest.approx(0.59337178419205, abs=5e-15)
    assert BerryRobnik(0.8).pdf(2.0) == pytest.approx(0.14106657929904, abs=5e-15)
    s = np.array([1e-9, 0.2, 1.0, 3.0, 8.0])
    for method in ("pdf", "cdf", "sf"):
        for one, other in [
            (Brody(0.0), Poisson()),
            (BerryRobnik(1.0), Exponential()),
            (Brody(1.0), WignerSurmise(1)),
            (BerryRobnik(0.0), WignerSurmise(1)),
        ]:
            np.testing.assert_allclose(getattr(one, method)(s), getattr(other, method)(s), rtol=2e-14)
    for law in (Brody(0.3), BerryRobnik(0.3), BerryRobnik(1e-4), SemiPoisson(), Poisson()):
        assert law.mean() == pytest.approx(1, rel=1e-14)
        assert law.expect(lambda x: x) == pytest.approx(1, rel=1e-12)
    assert SemiPoisson().moment(2) == 1.5
    # The far tail keeps its digits.
    assert BerryRobnik(0.2).sf(40.0) == pytest.approx(
        float(0.2 * mpmath.exp(-8) * mpmath.erfc(mpmath.sqrt(mpmath.pi) * 16) + 0.8 * mpmath.exp(-8 - mpmath.pi * 256)),
        rel=1e-11,
        abs=0,
    )


# P(phi' <= 1/2) for q = 0.2, 0.5, 1, 2: error functions, to 12 digits.
@pytest.mark.parametrize(
    ("q", "tanh", "erf", "hard", "slope"),
    [
        (0.2, 0.0487454689538, 0.0356720866056, 0.0253473186775, 0.85281818249),
        (0.5, 0.212599058437, 0.183991545222, 0.15729920705, 0.726323692063),
        (1.0, 0.378115648859, 0.347506280736, 0.317310507863, 0.605705509602),
        (2.0, 0.533136517574, 0.506509538438, 0.479500122187, 0.480024254336),
    ],
)
def test_squared_slopes(q, tanh, erf, hard, slope):
    assert squared_slope("tanh", q).cdf(0.25) == pytest.approx(tanh, abs=1e-12)
    assert squared_slope("erf_unit", q).cdf(0.25) == pytest.approx(erf, abs=1e-12)
    assert squared_slope("hard_tanh", q).cdf(0.0) == pytest.approx(hard, abs=1e-11)
    assert TanhSlope(q).expect(np.sqrt) == pytest.approx(slope, abs=1e-11)
    for k in range(1, 21):
        assert ErfSlope(q).moment(k) == pytest.approx((1 + math.pi * k * q) ** -0.5, rel=1e-14)
        assert ErfSlope(q, unit=False).moment(k) == pytest.approx(
            (4 / math.pi) ** k * (1 + 4 * k * q) ** -0.5, rel=1e-13
        )


@pytest.mark.parametrize(
    "law", [ErfSlope(0.02), ErfSlope(3.0), ErfSlope(1e-9), ErfSlope(1e4), TanhSlope(0.3)], ids=repr
)
def test_squared_slopes_near_the_axis(law):
    # The trapezoidal rule with its poles is as good on the axis as far away: density and transform agree.
    x = law.ppf(np.array([1e-6, 0.1, 0.3, 0.7, 0.95]))
    x = x[x > 1e-250]
    np.testing.assert_allclose(law.stieltjes(x).imag, np.pi * law.pdf(x), rtol=1e-9)
    # One part in 1e8 of the distance to the ends away, m has moved by about as much.
    step = 1e-8 * np.minimum(x, law.support()[0][1] - x)
    np.testing.assert_allclose(law.stieltjes(x + 1j * step), law.stieltjes(x), rtol=1e-6)


def test_lerch():
    # M of D^2 for erf_unit is Lerch's function: Phi(1/z, 1/2, (1 + pi q) / (pi q)) / (sqrt(pi q) z).
    q, z = 0.8, -1.7
    with mpmath.workdps(30):
        a = (1 + mpmath.pi * q) / (mpmath.pi * q)
        exact = mpmath.lerchphi(1 / mpmath.mpf(z), mpmath.mpf(1) / 2, a) / (mpmath.sqrt(mpmath.pi * q) * z)
    assert -z * ErfSlope(q).stieltjes(z).real - 1 == pytest.approx(float(exact), rel=1e-12)


def test_powers_are_the_laws_they_should_be():
    x = np.linspace(0.001, 3.999, 31)
    for one, other in [
        (Semicircle().power(2), MarchenkoPastur(1.0)),
        (MarchenkoPastur(1.0, singular=True).power(2), MarchenkoPastur(1.0)),
        (QuarterCircle().power(2), MarchenkoPastur(1.0)),
    ]:
        np.testing.assert_allclose(one.pdf(x), other.pdf(x), rtol=1e-12)
        np.testing.assert_allclose(one.cdf(x), other.cdf(x), rtol=0, atol=1e-14)
        np.testing.assert_allclose(one.stieltjes(x[::10]), other.stieltjes(x[::10]), rtol=1e-11)
    assert MarchenkoPastur(2.0).power(0.5).atoms() == [(0.0, 0.5)]
    assert Discrete([-1.0, 1.0, 2.0]).power(2).atoms() == [(1.0, pytest.approx(2 / 3)), (4.0, pytest.approx(1 / 3))]
    assert Beta(2.0, 1.0).power(0.5).moment(2) == pytest.approx(2 / 3, rel=1e-15)
    law = MarchenkoPastur(0.25).power(-1)  # E 1/x = 1 / (1 - aspect)
    assert law.mean() == pytest.approx(4 / 3, rel=1e-12)
    assert Semicircle().power(1) == Semicircle()


def test_mixtures_weigh():
    a, b = Semicircle(), MarchenkoPastur(2.0).shift(3.0)
    law = Mixture([(0.25, a), (0.75, b)])
    x = np.linspace(-3, 10, 40)
    np.testing.assert_allclose(law.cdf(x), 0.25 * a.cdf(x) + 0.75 * b.cdf(x), rtol=0, atol=1e-15)
    assert law.atoms() == [(3.0, 0.375)]
    # The intervals [-2, 2] and 3 + [0.17, 5.8] stay apart, and touching ones join.
    assert len(law.support()) == 2
    assert Mixture([(0.5, Beta(2, 2)), (0.5, Beta(2, 2).shift(1.0))]).support() == [(0.0, 2.0)]


def test_densities_are_fast():
    """1000 points within 20 ms of processor time, on one thread's share of a busy machine."""
    for law in (FussCatalan(2.5), Wachter(0.5, 0.4), KestenMcKay(3), TanhSlope(0.5), MarchenkoPastur(0.4).power(0.5)):
        low, high = law.support()[0]
        x = np.linspace(low, high, 1002)[1:-1]
        best = math.inf
        for _ in range(5):
            start = time.thread_time()
            law.pdf(x)
            best = min(best, time.thread_time() - start)
        assert best < 0.02


@pytest.mark.parametrize("sigma", [1e-100, 1e-30, 1e30, 1e100])
def test_quarter_circles_of_any_size(sigma):
    z = np.array([0.5, 3.0 + 0.5j, 40.0 + 1j])
    np.testing.assert_allclose(QuarterCircle(sigma).stieltjes(z * sigma) * sigma, QuarterCircle().stieltjes(z), 1e-13)


def test_variances_beyond_doubles():
    assert Gamma(1.0, 1e300).var() == math.inf
