import math
import pickle
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad

from deeprmt.ensembles import hermite_eigenvalues
from deeprmt.laws import Law, Semicircle
from deeprmt.laws._tables import determinants
from deeprmt.spectra import spacing_law, spacings, unfold, wigner_surmise
from reference.laws import spacing as reference

BETAS = pytest.mark.parametrize("beta", [1, 2, 4])
# s, beta, p(s), F(s), E(0; s)
TABLE = [
    (0.25, 1, 0.3877794555, 0.04991055342635, 0.7542081179365),
    (0.5, 1, 0.6561841265, 0.1837287888439, 0.5320106846283),
    (1.0, 1, 0.7018226476, 0.5481733944884, 0.2141667876266),
    (1.5, 1, 0.3930620746, 0.8260933423104, 0.06432566842865),
    (2.0, 1, 0.139211494, 0.9526488432936, 0.01432143720204),
    (3.0, 1, 0.005499851558, 0.9987070957158, 0.0002857825043732),
    (0.25, 2, 0.1894168236, 0.01631478440623, 0.7510364942158),
    (0.5, 2, 0.5932301585, 0.113055386941, 0.5150733950729),
    (1.0, 2, 0.9029037896, 0.5338985666677, 0.1702174213792),
    (1.5, 2, 0.414602028, 0.8733636568662, 0.03266000736406),
    (2.0, 2, 0.08129815415, 0.9822895567758, 0.003497325149169),
    (3.0, 2, 0.0003540453322, 0.9999505587331, 6.603942158352e-06),
    (0.25, 4, 0.03916628274, 0.002039740396251, 0.7500871567919),
    (0.5, 4, 0.4105027648, 0.04858805656926, 0.5044779274511),
    (1.0, 4, 1.207566723, 0.5234188106811, 0.1292617724209),
    (1.5, 4, 0.3604301617, 0.9302477873786, 0.01169703130152),
    (2.0, 4, 0.02123864624, 0.9972746937452, 0.0003254131774834),
    (3.0, 4, 1.111880583e-06, 0.9999999138583, 6.487556640726e-09),
]
SECOND = {1: 1.285530655731, 2: 1.179993877692, 4: 1.104098422225}
# Where the distribution functions of the law and of the surmise are farthest apart, and how far.
DISTANCE = {1: (0.696, 0.006567037), 2: (0.733, 0.0015520133), 4: (0.824, 0.00046446717)}


def gap(law, s):
    """E(0; s), the integral of sf."""
    ends = [s, s + 0.5, s + 1, s + 2, s + 4, s + 12]
    return sum(quad(law.sf, a, b, epsabs=0, epsrel=1e-13)[0] for a, b in pairwise(ends))


@pytest.mark.parametrize(("s", "beta", "density", "probability", "empty"), TABLE)
def test_published_values(s, beta, density, probability, empty):
    law = spacing_law(beta)
    assert law.pdf(s) == pytest.approx(density, rel=1e-9)
    assert law.cdf(s) == pytest.approx(probability, rel=1e-12)
    assert gap(law, s) == pytest.approx(empty, rel=2e-12)


@BETAS
def test_moments(beta):
    law = spacing_law(beta)
    assert law.mean() == 1
    assert Law._moment(law, 1) == pytest.approx(1, rel=1e-13)
    assert law.moment(2) == pytest.approx(SECOND[beta], rel=5e-13)
    assert law.var() == pytest.approx(SECOND[beta] - 1, rel=5e-12)
    # E s^k = k int s^(k-1) sf(s) ds, by Gauss-Legendre panels: a table of its own.
    nodes, weights = np.polynomial.legendre.leggauss(20)
    s = (np.arange(36)[:, None] + (1 + nodes) / 2).ravel()
    w = np.tile(weights / 2, 36)
    for k in range(1, 21):
        assert law.moment(k) == pytest.approx((k * w * s ** (k - 1) * law.sf(s)).sum(), rel=1e-12)


@pytest.mark.parametrize(
    ("beta", "s", "nodes"), [(1, 0.1, 16), (1, 2.5, 24), (2, 0.7, 20), (2, 3.0, 26), (4, 0.02, 16), (4, 1.5, 24)]
)
def test_determinants(beta, s, nodes):
    """Other determinants than those of the tables for beta 2 and 4, at 40 digits."""
    law = spacing_law(beta)
    survival, density = reference.tail(beta, s, nodes=nodes)
    for got, wanted in ((law.sf(s), survival), (law.pdf(s), density), (law.cdf(s), 1 - survival)):
        assert float(got / wanted - 1) == pytest.approx(0, abs=2e-14)


@pytest.mark.parametrize(("beta", "s"), [(1, 13.5), (2, 13.0), (4, 12.5)])
def test_right_tail(beta, s):
    """Determinants of many digits where the tables hold the expansion, down to 1e-150."""
    mp, law, factor = reference.mp, spacing_law(beta), 2 if beta == 4 else 1
    gaps = []
    digits = 190 if beta == 4 else 130
    with mp.workdps(digits + 10):
        h = mp.mpf(10) ** -12
        for k in (-2, -1, 0, 1, 2):
            even, odd = determinants.sine(factor * (s + k * h), digits, 60)
            gaps.append({1: even, 2: even * odd, 4: (even + odd) / 2}[beta])
        a, b, c, d, e = gaps
        survival = (8 * b - a - 8 * d + e) / (12 * h)
        density = (16 * (b + d) - a - e - 30 * c) / (12 * h * h)
    # The logarithm is some (pi s)^2 beta / 16: its rounding, and that of the terms that make it.
    rounding = 1e-14 + 4e-16 * (math.pi * s) ** 2 * beta / 16
    assert float(law.sf(s) / survival - 1) == pytest.approx(0, abs=rounding)
    assert float(law.pdf(s) / density - 1) == pytest.approx(0, abs=rounding)


@pytest.mark.parametrize("s", [0.0, 0.3, 1.0, 1.7, 3.0])
def test_the_three_laws_are_bound_together(s):
    """E_4(s) = (E_1(2 s) + E_2(2 s) / E_1(2 s)) / 2, Mehta and Dyson (1963)."""
    one, two = gap(spacing_law(1), 2 * s), gap(spacing_law(2), 2 * s)
    assert gap(spacing_law(4), s) == pytest.approx((one + two / one) / 2, rel=3e-12)


@BETAS
def test_small_spacings(beta):
    law = spacing_law(beta)
    leading = {1: math.pi**2 / 6, 2: math.pi**2 / 3, 4: 16 * math.pi**4 / 135}[beta]
    for s in (1e-60, 1e-20, 1e-9):  # the next term is smaller by s^2 times 3 or so
        assert law.pdf(s) == pytest.approx(leading * s**beta, rel=1e-14, abs=0)
        assert law.cdf(s) == pytest.approx(leading * s ** (beta + 1) / (beta + 1), rel=1e-14, abs=0)
        assert law.logpdf(s) == pytest.approx(math.log(leading) + beta * math.log(s), rel=1e-14)
    assert law.pdf(0.0) == law.cdf(0.0) == law.cdf(-1.0) == law.cdf(1e-300) == 0
    assert law.logpdf(0.0) == -np.inf
    assert law.sf(0.0) == 1
    if beta == 2:  # from E = 1 - s + pi^2 s^4 / 36 - pi^4 s^6 / 675 + ...: Mehta, appendix A.13
        s = 1e-3
        series = math.pi**2 * s**2 / 3 - 2 * math.pi**4 * s**4 / 45
        assert law.pdf(s) == pytest.approx(series, rel=1e-11)


@BETAS
def test_large_spacings(beta):
    law = spacing_law(beta)
    x = math.pi * 1e5 / 2
    # log E_beta = -beta x^2 / 4 - (1 - beta / 2) x + O(log x) with x = pi s / 2:
    # F. J. Dyson, Commun. Math. Phys. 47, 171 (1976).
    assert law.logpdf(1e5) == pytest.approx(-beta * x**2 / 4 - (1 - beta / 2) * x, rel=1e-8)
    np.testing.assert_array_equal(law.pdf([1e3, 1e200, np.inf]), 0)
    np.testing.assert_array_equal(law.sf([1e3, 1e200, np.inf]), 0)
    assert law.logpdf(1e300) == -np.inf


@BETAS
def test_distance_to_the_surmise(beta):
    law, surmise = spacing_law(beta), wigner_surmise(beta)
    s = np.linspace(0, 4, 4001)
    distance = np.abs(law.cdf(s) - surmise.cdf(s))
    place, largest = DISTANCE[beta]
    assert s[distance.argmax()] == pytest.approx(place, abs=0.0011)
    assert distance.max() == pytest.approx(largest, rel=2e-6)  # the grid misses the top by the square of half a step


@BETAS
def test_no_seams(beta):
    law = spacing_law(beta)
    for name in ("cdf", "sf", "pdf"):
        table = law._table(name)
        ends = table.low + np.arange(1, table.coefficients.shape[1] + (name != "cdf"))
        below, above = (table(np.nextafter(ends, side)) for side in (-np.inf, np.inf))
        np.testing.assert_allclose(below, above, rtol=2e-15, atol=2e-15)


@BETAS
@given(st.floats(0, 1))
def test_quantiles(beta, q):
    law = spacing_law(beta)
    x = law.ppf(q)
    if q in (0, 1):
        assert x == (0 if q == 0 else np.inf)
        return
    side, mass = (law.cdf, q) if q < 0.5 else (law.sf, 1 - q)
    # Rounding of the logarithm. Below 1e-300 powers of s lose digits to the end of the range of doubles.
    assert side(x) == pytest.approx(mass, rel=2e-14 - 1e-15 * math.log(mass), abs=1e-310)


@BETAS
def test_spacings_of_matrices(beta):
    n, count = 400, 150
    levels = unfold(hermite_eigenvalues(n, beta, size=count, rng=10 + beta), Semicircle())
    s = spacings(levels[:, n // 4 : -n // 4]).ravel()  # 30,000 of them
    law = spacing_law(beta)
    # Neighbouring spacings repel, so that independent ones would scatter more: Kolmogorov's statistic is above
    # 2.2 / sqrt(N) = 0.0127 for one seed in 8000. The variance has a standard error of sqrt((kurtosis - 1) / N) of
    # itself, 0.9 % for beta 1; the surmise is off by 4.3 %.
    assert law.ks_distance(s) < 2.2 / math.sqrt(s.size)
    assert s.var() == pytest.approx(law.var(), rel=5 * math.sqrt(2.4 / s.size))
    if beta == 1:
        assert abs(s.var() - wigner_surmise(1).var()) > 2 * abs(s.var() - law.var())


@BETAS
def test_transforms(beta):
    law = spacing_law(beta)
    z = np.array([-2.0, -3j, 1 + 2j, 1.5 + 0.1j])
    np.testing.assert_allclose(law.stieltjes(z), [law.expect(lambda x, z=z: 1 / (x - z)) for z in z], rtol=1e-11)
    x = np.array([0.2, 1.0, 2.5])
    np.testing.assert_allclose(law.stieltjes(x).imag, math.pi * law.pdf(x), rtol=1e-11)


def test_is_one_of_three():
    assert spacing_law(1) == spacing_law(1.0) != spacing_law(2)
    assert hash(spacing_law(4)) == hash(spacing_law(4))
    assert repr(spacing_law(2)) == "Spacing(beta=2)"
    assert pickle.loads(pickle.dumps(spacing_law(2))).median() == spacing_law(2).median()
    assert spacing_law(1).rvs((2, 3), rng=1).shape == (2, 3)


@pytest.mark.parametrize("beta", [0, 3, 1.5, True, "1", None, math.nan])
def test_refuses(beta):
    with pytest.raises(ValueError, match="spacing_law: beta must be 1, 2 or 4, got"):
        spacing_law(beta)
