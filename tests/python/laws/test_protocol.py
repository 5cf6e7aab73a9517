"""What every law must do, asked of all of them."""

import copy
import math
import pickle
from itertools import pairwise

import numpy as np
import pytest
import scipy.stats as stats

from deeprmt.errors import ConvergenceError
from deeprmt.laws import (
    Bernoulli,
    BerryRobnik,
    Beta,
    Brody,
    Circular,
    Discrete,
    Empirical,
    ErfSlope,
    Exponential,
    FussCatalan,
    Gamma,
    KestenMcKay,
    Law,
    MarchenkoPastur,
    Mixture,
    Point,
    Poisson,
    QuarterCircle,
    Semicircle,
    SemiPoisson,
    Spacing,
    TanhSlope,
    Wachter,
    WignerSurmise,
)

LAWS = [
    MarchenkoPastur(0.3),
    MarchenkoPastur(1.0, 2.0),
    MarchenkoPastur(2.5, 0.7),
    MarchenkoPastur(0.5, singular=True),
    MarchenkoPastur(3.0, singular=True),
    Semicircle(0.8),
    QuarterCircle(1.5),
    Circular(2.0),
    Circular(0.7, part="real"),
    Wachter(0.5, 0.4),
    Wachter(1.5, 0.8),
    Wachter(1.0, 1.0),
    Wachter(1.3, 2.0),
    FussCatalan(2),
    FussCatalan(0.4),
    FussCatalan(7.5),
    KestenMcKay(3),
    KestenMcKay(2),
    KestenMcKay(1.4),
    Point(-1.5),
    Bernoulli(0.3),
    Discrete([-1.0, 0.5, 2.0], [0.25, 0.5, 0.25]),
    Empirical([1.0, 1.0, 2.0, 5.0, 3.5]),
    Gamma(2.5, 0.5),
    Exponential(2.0),
    Poisson(),
    SemiPoisson(),
    Beta(2.0, 3.5),
    Beta(0.4, 0.7),
    ErfSlope(0.5),
    ErfSlope(0.05, unit=False),
    TanhSlope(0.7),
    Brody(0.5),
    BerryRobnik(0.3),
    BerryRobnik(0.0),
    BerryRobnik(1.0),
    WignerSurmise(1),
    Spacing(1),
    Spacing(4),
    Semicircle().shift(0.5).scale(-2.0),
    MarchenkoPastur(2.0).scale(3.0),
    MarchenkoPastur(2.0).power(0.5),
    MarchenkoPastur(0.4).power(-1),
    Semicircle().shift(0.3).power(2),
    Semicircle().shift(0.3).power(3),
    FussCatalan(3).power(0.5),
    Mixture([(0.25, Point(1.0)), (0.45, MarchenkoPastur(2.0)), (0.3, Semicircle(0.2))]),
    Mixture([(0.5, Semicircle(0.3)), (0.5, Semicircle(0.3).shift(4.0))]),
    Mixture([(0.7, Poisson()), (0.3, Beta(2.0, 2.0))]),
]
every = pytest.mark.parametrize("law", LAWS, ids=repr)
continuous = pytest.mark.parametrize("law", [law for law in LAWS if law.support()], ids=repr)
POSITIVE = [law for law in LAWS if law._hull()[0] >= 0 and law.ppf(1.0) > 0]


def inside(law):
    """Points in each interval of the support, close to its ends and far from them."""
    out = []
    for low, high in law.support():
        low, high = (low, high) if np.isfinite(high) else (low, float(law.ppf(0.999)))
        out.append(low + (high - low) * np.array([1e-7, 1e-3, 0.11, 0.37, 0.52, 0.83, 0.999, 1 - 1e-7]))
    return np.concatenate(out) if out else np.array([])


def jumps(law, x):
    return sum((mass * (x == location) for location, mass in law.atoms()), np.zeros_like(x))


@every
def test_support_and_atoms_hold_all_mass(law):
    pieces = law.support()
    assert all(low < high for low, high in pieces)
    assert all(a[1] < b[0] for a, b in pairwise(pieces))
    locations = [location for location, _ in law.atoms()]
    assert locations == sorted(set(locations))
    assert all(0 < mass <= 1 for _, mass in law.atoms())
    assert law.expect(np.ones_like) == pytest.approx(1, rel=2e-12)
    low, high = law._hull()
    assert law.cdf(high) == pytest.approx(1, abs=1e-15)
    assert law.sf(high) == 0
    assert law.cdf(np.nextafter(low, -np.inf)) == 0
    assert law.pdf(high + 1) == 0
    np.testing.assert_array_equal(law.cdf([-np.inf, np.inf]), [0, 1])
    np.testing.assert_array_equal(law.sf([-np.inf, np.inf]), [1, 0])


@continuous
def test_the_distribution_function_is_the_integral_of_the_density(law):
    x = inside(law)
    f = law.cdf(x)
    assert np.all(np.diff(f) >= 0)
    # Rounding of cdf and of sf: a few 1e-16 each.
    np.testing.assert_allclose(f + law.sf(x), 1, rtol=0, atol=5e-15)
    # Three-point Gauss between neighbours on a fine grid of the middle; the densities bend on a scale of the support.
    for low, high in law.support():
        high = high if np.isfinite(high) else float(law.ppf(0.99))
        a, b = low + 0.3 * (high - low), low + 0.301 * (high - low)
        if any(a <= location <= b for location, _ in law.atoms()):
            continue
        nodes, weights = np.polynomial.legendre.leggauss(8)
        mass = (b - a) / 2 * (law.pdf((a + b) / 2 + (b - a) / 2 * nodes) @ weights)
        assert law.cdf(b) - law.cdf(a) == pytest.approx(mass, rel=1e-9, abs=1e-14)
    with np.errstate(divide="ignore"):
        np.testing.assert_allclose(law.logpdf(x), np.log(law.pdf(x)), rtol=1e-9, atol=1e-12)


@every
def test_quantiles(law):
    x = inside(law)
    x = x[law.pdf(x) > 0]
    f = law.cdf(x)
    # Rounding of the level, and of x relative to the ends, moves x by 1e-16 / pdf and by 1e-16 of the ends.
    back = law.ppf(f)
    end = law._hull()[1] if np.isfinite(law._hull()[1]) else 1.0
    assert np.all(np.abs(back - x) <= 1e-13 * (np.abs(x) + abs(end)) + 1e-14 / law.pdf(x))
    q = np.array([1e-12, 1e-3, 0.2, 0.5, 0.77, 0.999, 1 - 1e-12])
    y = law.ppf(q)
    assert np.all(np.diff(y) >= 0)
    up, down = law.cdf(y), law.cdf(y) - jumps(law, y)
    slope = np.where(np.isfinite(law.pdf(y)), law.pdf(y), 1 / np.sqrt(np.spacing(np.abs(y) + 1e-300)))
    loose = 1e-13 + 4 * np.spacing(np.abs(y)) * slope
    assert np.all(up >= q - loose)
    assert np.all(down <= q + loose)
    assert (law.ppf(0.0), law.ppf(1.0)) == law._hull()
    assert np.isnan(law.ppf(np.nan))


@every
def test_moments(law):
    for k in (0, 1, 2, 3, 6, 13, 20):
        size = law.expect(lambda x, k=k: np.abs(x) ** k)
        assert law.moment(k) == pytest.approx(law.expect(lambda x, k=k: x**k), rel=1e-11, abs=1e-12 * size)
    assert law.mean() == law.moment(1)
    assert law.var() == pytest.approx(law.expect(lambda x: (x - law.mean()) ** 2), rel=1e-10, abs=1e-15)
    assert law.std() == pytest.approx(np.sqrt(law.var()), rel=1e-15)


@every
def test_stieltjes(law):
    low, high = law._hull()
    top = high if np.isfinite(high) else float(law.ppf(0.99))
    width = max(top - low, 1.0)
    z = np.array([low - width + 0j, low - 0.01 * width, (low + top) / 2 + 0.3j * width, top - 0.05j * width])
    z = np.append(z, [low + 0.2 * width + 0.02j * width, 1e6 * width])
    if not np.isfinite(high):
        z = z[:-1]
    quadrature = np.array([law.expect(lambda x, w=w: 1 / (x - w)) for w in z])
    np.testing.assert_allclose(law.stieltjes(z), quadrature, rtol=1e-9)
    slope = np.array([law.expect(lambda x, w=w: 1 / (x - w) ** 2) for w in z])
    np.testing.assert_allclose(law.stieltjes_derivative(z), slope, rtol=1e-8)
    np.testing.assert_allclose(law.stieltjes(np.conj(z)), np.conj(law.stieltjes(z)), rtol=1e-12)
    real = law.stieltjes([low - 0.3 * width, low - 2 * width])
    np.testing.assert_array_equal(real.imag, 0)
    assert law.stieltjes(np.inf) == 0
    assert np.isnan(law.stieltjes(np.nan))


@continuous
def test_stieltjes_at_the_axis_is_the_density(law):
    x = inside(law)
    x = x[[not any(abs(x - location) < 1e-6 for location, _ in law.atoms()) for x in x]]
    # 1e-7 of the width from an edge that is a rounded number the density itself is known to 1e-9.
    np.testing.assert_allclose(law.stieltjes(x).imag, np.pi * law.pdf(x), rtol=2e-8, atol=1e-13)


@every
def test_r_transform(law):
    low, high = law._hull()
    top = high if np.isfinite(high) else float(law.ppf(0.99))
    width = max(top - low, 1.0)
    assert law.r_transform(0.0) == pytest.approx(law.mean(), rel=1e-10, abs=1e-12)
    for z in [low - 0.2 * width] + ([high + 0.5 * width] if np.isfinite(high) else []):
        g = -law.stieltjes(z).real
        assert law.r_transform(g) + 1 / g == pytest.approx(z, rel=1e-8, abs=1e-9)


@pytest.mark.parametrize("law", POSITIVE, ids=repr)
def test_s_transform(law):
    high = law._hull()[1]
    top = high if np.isfinite(high) else float(law.ppf(0.99))
    assert law.s_transform(0.0) == pytest.approx(1 / law.mean(), rel=1e-10)
    for z in [-0.2 * top] + ([1.5 * high] if np.isfinite(high) else []):
        m = -z * law.stieltjes(z).real - 1
        assert law.s_transform(m) == pytest.approx((1 + m) / (m * z), rel=1e-8)


@every
def test_samples(law):
    x = law.rvs(500, rng=7)
    # P(sqrt(n) D > 2) = 6.7e-4 for one law (fewer with atoms); the seed is fixed.
    assert law.ks_distance(x) < 2 / np.sqrt(500)
    if not law.atoms():
        assert stats.kstest(x, law.cdf).statistic == pytest.approx(law.ks_distance(x), abs=1e-15)
    osm, osr = stats.probplot(x, dist=law, fit=False)
    np.testing.assert_array_equal(osr, np.sort(x))
    np.testing.assert_array_equal(osm, law.ppf(stats.probplot(x, dist=stats.uniform, fit=False)[0]))


@every
def test_shapes_and_missing_values(law):
    x = np.array([[0.3, np.nan], [1.2, -4.0]])
    for method in (law.pdf, law.cdf, law.sf, law.logpdf, law.stieltjes, law.stieltjes_derivative):
        out = method(x)
        assert out.shape == (2, 2)
        assert np.isnan(out[0, 1])
        assert not np.isnan(out[[0, 1, 1], [0, 0, 1]]).any()
        assert method([]).shape == (0,)
        assert np.isscalar(method(0.3))
    np.testing.assert_array_equal(law.cdf(np.float32(0.25)), law.cdf(0.25))
    assert law.cdf(np.asfortranarray(np.full((3, 2), 0.3))).shape == (3, 2)
    assert law.rvs((2, 0, 3), rng=1).shape == (2, 0, 3)


@every
def test_copies(law):
    twin = pickle.loads(pickle.dumps(law))
    assert repr(twin) == repr(law)
    assert twin == law
    assert hash(twin) == hash(law)
    assert twin != law.scale(2.0)
    assert copy.deepcopy(law) == copy.copy(law) == law
    np.testing.assert_array_equal(twin.cdf([0.2, 1.0]), law.cdf([0.2, 1.0]))


def test_pictures():
    pytest.importorskip("matplotlib").use("Agg")
    from matplotlib import pyplot as plt

    ax = plt.figure().subplots()
    for law in LAWS:
        assert law.plot(ax=ax) is ax
        assert type(law).__name__ in law._repr_html_()
    plt.close()
    without_mean = MarchenkoPastur(1.0).power(-1)
    assert "power(-1" in without_mean._repr_html_()


@every
def test_high_moments(law):
    """Of any order, within the range of doubles: against quadrature in units of the far end."""
    low, high = law._hull()
    size = max(abs(low), abs(high))
    for k in (101, 1000):
        value = float(law.moment(k))
        if np.isinf(size):
            assert value > 0
            continue
        share = float(law.expect(lambda x, k=k: (x / size) ** k))
        # The power of a rounded size: k times 1e-16; odd moments of symmetric laws are 0 up to rounding.
        if k * np.log(size) + np.log(abs(share) + 1e-300) > 709.7:
            assert np.isinf(value)
        elif abs(share) > 1e-13:
            logarithm = k * np.log(size) + np.log(abs(share))
            assert np.log(abs(value)) == pytest.approx(logarithm, abs=1e-10) if logarithm > -700 else value == 0


def test_moments_that_overflow_on_the_way():
    with pytest.raises(ValueError, match="moment 999 is beyond the range of doubles"):
        Semicircle().shift(0.5).scale(-2.0).moment(999)
    # Catalan numbers beyond the range of doubles, times powers that undo that.
    k = 1000
    logarithm = math.lgamma(2 * k + 1) - math.lgamma(k + 1) - math.lgamma(k + 2) + k * math.log(0.25)
    for law in (MarchenkoPastur(1.0, 0.5), MarchenkoPastur(1.0).scale(0.25)):
        assert np.log(law.moment(k)) == pytest.approx(logarithm, abs=1e-11)
    # By quadrature, at both ends of the family, where closed forms are known.
    assert BerryRobnik(0.0).moment(200) == pytest.approx(WignerSurmise(1).moment(200), rel=1e-11)
    assert BerryRobnik(1.0).moment(150) == pytest.approx(Poisson().moment(150), rel=1e-11)


@every
def test_log_potential(law):
    z = np.array([0.3 + 0.4j, -1 - 1j])
    mean = [law.expect(lambda x, w=w: np.log(w - x)) for w in z]
    np.testing.assert_allclose(law.log_potential(z), mean, rtol=1e-9, atol=1e-11)
    np.testing.assert_array_equal(law.log_potential([np.inf, -np.inf]), [np.inf, complex(np.inf, np.pi)])


@every
def test_affine_images(law):
    image = law.scale(2.0)
    assert image.mean() == pytest.approx(2 * law.mean(), rel=1e-12, abs=1e-14)
    x = np.array([0.2, 0.8, 1.4])
    np.testing.assert_array_equal(image.cdf(2 * x), law.cdf(x))  # a power of two is exact
    z = np.array([0.3 + 0.4j, -1 - 1j])
    np.testing.assert_allclose(image.stieltjes(2 * z), law.stieltjes(z) / 2, rtol=1e-12)


# ---- hostile points ----


def ends(law):
    finite = [end for pair in law.support() for end in pair if np.isfinite(end)]
    return sorted({*finite, *(location for location, _ in law.atoms())})


def hostile(law):
    """The ends of doubles, the ends of the law and its atoms, and their neighbours; in order."""
    x = [0.0, 5e-324, 1e-308, 1e-12, 1e308, np.inf]
    x += [-each for each in x]
    for end in ends(law):
        x += [end, np.nextafter(end, np.inf), np.nextafter(end, -np.inf), end + 1e-12, end - 1e-12]
    return np.unique(x)


@every
def test_distribution_at_hostile_points(law):
    x = hostile(law)
    f, above, height = law.cdf(x), law.sf(x), law.pdf(x)
    assert np.all(np.diff(f) >= 0)
    assert np.all(np.diff(above) <= 0)
    np.testing.assert_allclose(f + above, 1, rtol=0, atol=1e-14)  # rounding of each
    assert np.all(height >= 0)
    assert not np.isnan(law.logpdf(x)).any()
    assert np.isnan(law.cdf(np.nan))
    np.testing.assert_array_equal(law.cdf(-0.0), law.cdf(0.0))
    for each in ([], [1, 2], np.array([1, 2]), np.array(0.3), np.float32(0.3), np.ones((1, 1), np.float32), True):
        assert np.shape(law.pdf(each)) == np.shape(law.stieltjes(np.asarray(each) - 30.0)) == np.shape(each)
    q = np.array([0.0, 5e-324, 1e-308, 1e-100, 1e-16, 0.3, 0.7, 1 - 1e-10, 1 - 2.0**-53, 1.0])
    y = law.ppf(q)
    assert not np.isnan(y).any()
    # Where the cdf is a difference, levels below its rounding have no order.
    assert np.all(np.diff(y) >= -1e-15 * np.abs(y[1:]) - 1e-40)


@every
def test_transforms_at_hostile_points(law):
    """A number, or infinity at atoms and at ends where the density does not vanish, or an error that says where."""
    x = hostile(law)
    x = x[(np.abs(x) > 1e-280) | (x == 0)]  # closer to an end there are closed forms alone
    if isinstance(law, Beta):  # nor does quadrature resolve distances to 1 where the density is infinite
        x = x[(np.abs(x - 1) > 1e-11) | (x == 1)]
    m = law.stieltjes(x)
    assert not np.isnan(m).any()
    assert np.all(m.imag >= -1e-300)
    assert np.all(np.isin(x[np.isinf(m)], [*ends(law), 0.0]))
    assert np.all(m[np.isinf(m)] == complex(np.inf, 0))
    for location, _ in law.atoms():
        assert law.stieltjes(location) == complex(np.inf, 0)
    for low, high in law.support():
        for end in (low, high):
            if np.isfinite(end) and np.isinf(law.pdf(end)):
                assert law.stieltjes(end) == complex(np.inf, 0)
    z = np.array([0.3 + 1e-300j, 1e-12 + 1e-12j, 1e308 + 1e308j, complex(-np.inf, 1), complex(0, 1e308)])
    up, down = law.stieltjes(z), law.stieltjes(np.conj(z))
    np.testing.assert_array_equal(np.isnan(up), False)
    np.testing.assert_array_equal(down, np.conj(up))
    np.testing.assert_allclose(up[[2, 4]] * (z[[2, 4]] / 4), -0.25, rtol=1e-12)
    far = law.log_potential(1e300 + 1e300j)
    assert far == pytest.approx(np.log(1e300) + np.log(2) / 2 + 0.25j * np.pi, rel=1e-14)
    with pytest.raises(ValueError, match="finite"):
        law.r_transform(np.inf)


@every
def test_s_transforms_have_their_range(law):
    if law._hull()[0] < 0:
        with pytest.raises(ValueError, match=r"s_transform: the law must live on \[0, inf\)"):
            law.s_transform(0.1)
        return
    bottom = sum(mass for location, mass in law.atoms() if location == 0) - 1
    with pytest.raises(ValueError, match="s_transform: w must be in the range"):
        law.s_transform(bottom - 0.05)


def test_no_number_is_no_infinity():
    """NaN from a formula is an error, but at an atom or an end where the transform is infinite."""

    class Wrong(Semicircle):
        def _stieltjes(self, z):
            return np.full_like(z, np.nan)

    with pytest.raises(ConvergenceError, match=r"Wrong.stieltjes: the formula gives no number at \(1\+0j\)"):
        Wrong().stieltjes(1.0)
    with pytest.raises(ConvergenceError, match="gives no number at"):
        Mixture([(0.5, Wrong()), (0.5, Point(0.0))]).stieltjes([0.0, 1.0])
    assert Mixture([(0.5, Wrong()), (0.5, Point(0.0))]).stieltjes(0.0) == complex(np.inf, 0)


def test_stieltjes_within_rounding_of_edges():
    # (1 + M)^3 = z M with M = -1 - z m, which is 1/2 - sqrt(z - 6.75) / 3 to first order at the edge.
    w = np.array([1e-16j, 1e-14j, -1e-14, 1e-10 + 1e-10j])
    z = 6.75 + w
    m = FussCatalan(2).stieltjes(z)
    big = -z * m - 1
    np.testing.assert_allclose((1 + big) ** 3 / big, z, rtol=1e-13)
    np.testing.assert_allclose(big - 0.5, -np.sqrt(z - 6.75) / 3, rtol=1e-4)
    # The arcsine law has m = -1 / sqrt(z (z - 1)).
    y = np.array([1e-16, 1e-13, 1e-12 + 1e-12j, 1e-9j, 0.3])
    near = 1 - y
    exact = 1j / np.sqrt(near * (1 - near)) * np.where(near.imag < 0, -1, 1)
    np.testing.assert_allclose(Beta(0.5, 0.5).stieltjes(near), exact, rtol=1e-11)
    # -F(1, a; a + b; 1/z) / z with Gauss's F, here a = 0.4, b = 0.7, z = 2, to 15 digits.
    assert Beta(0.4, 0.7).stieltjes(2.0) == pytest.approx(-0.641608354136777, rel=1e-12)


def test_potential_where_the_density_of_a_power_diverges():
    base = Semicircle().shift(0.3)
    found = base.power(3).log_potential(0.0)
    assert found.real == pytest.approx(3 * Semicircle().log_potential(-0.3).real, rel=1e-13)
    assert found.imag == pytest.approx(np.pi * base.sf(0.0), rel=1e-13)


def test_values_at_diverging_points():
    assert MarchenkoPastur(1.0).cdf(5e-324) == pytest.approx(2 * np.sqrt(5e-324) / np.pi, rel=1e-12)
    assert MarchenkoPastur(1.0).log_potential(0.0) == pytest.approx(-1 + 1j * np.pi, rel=1e-12)
    assert ErfSlope(1e-12).pdf(5e-324) == 0
    # With u = log(top / x) / rate the density at x is exp(-u / 2) / (x sqrt(2 pi u) rate).
    rate = np.pi * 2 / 2
    u = -np.log(5e-324) / rate
    logpdf = -u / 2 - np.log(5e-324) - np.log(np.sqrt(2 * np.pi * u) * rate)
    assert ErfSlope(2.0).logpdf(5e-324) == pytest.approx(logpdf, rel=1e-13)
    for law, z in [
        (QuarterCircle(), 0.0),
        (Circular(1.3), 1.3),
        (MarchenkoPastur(1.0, singular=True), 0.0),
        (Beta(0.5, 0.5), 0.0),
        (Beta(0.5, 0.5), 1.0),
        (Exponential(), 0.0),
        (Semicircle().shift(0.3).power(3), 0.0),
    ]:
        assert law.stieltjes(z) == complex(np.inf, 0)
    # Means of 1 / x: Gamma(a - 1) / Gamma(a), (a + b - 1) / (a - 1).
    assert Gamma(3.0).stieltjes(0.0) == pytest.approx(1 / 2, rel=1e-10)
    assert Beta(2.0, 3.0).stieltjes(0.0) == pytest.approx(4.0, rel=1e-10)
    assert Beta(2.0, 3.0).stieltjes(1.0) == pytest.approx(-2.0, rel=1e-10)
    assert Exponential().moment(100) == pytest.approx(9.33262154439441e157, rel=1e-13)
    assert Spacing(2).moment(100) > 0


@pytest.mark.parametrize("s", [0.01, 1, 3, 30, 300, 1000])
def test_products_of_any_length(s):
    """The parametrisation x(t), cdf(t) itself, and quantiles through it; below the least double they are rounded up."""
    law = FussCatalan(s)
    u = np.array([0.01, 0.4, 1.0, 1.9, 2.7, 3.0, 3.1, 3.1415])
    t = u / (s + 1)
    log_x = (s + 1) * np.log(np.sin(u)) - np.log(np.sin(t)) - s * np.log(np.sin(s * t))
    below = 1 - (u - s * np.sin(t) * np.sin(u) / np.sin(s * t)) / np.pi
    above = 1 - below
    held = log_x > -708
    q, log_x = below[held], log_x[held]
    # Rounding of the logarithm, whose terms are of the size 7 s, and of the level times d(log x) / d(log q) < s + 1.
    np.testing.assert_allclose(
        np.log(law.ppf(q)), log_x, rtol=0, atol=1e-11 + 1e-14 * (s + 1) / np.minimum(q, 1e3).min()
    )
    np.testing.assert_allclose(law.cdf(np.exp(log_x)), q, rtol=1e-11)
    np.testing.assert_allclose(law.sf(np.exp(log_x)), above[held], rtol=1e-8, atol=1e-12)
    x = law.ppf(np.linspace(0, 1, 101))
    assert np.all(np.diff(x) >= 0)
    assert np.all(x[1:] > 0)
    assert law.log_potential(0.0) == pytest.approx(-s + 1j * np.pi, rel=1e-13)
    z = 2 * law.support()[0][1] + 0.3j
    assert law.log_potential(z) == pytest.approx(law.expect(lambda x: np.log(z - x)), rel=1e-10)


@pytest.mark.parametrize(
    "call",
    [
        lambda: Wachter(0.0, 1.0),
        lambda: Wachter(2.0, 2.0),
        lambda: Wachter(np.nan, 1.0),
        lambda: Wachter(1e-13, 1.0),
        lambda: FussCatalan(0),
        lambda: FussCatalan(1e4),
        lambda: KestenMcKay(1.0),
        lambda: KestenMcKay(np.inf),
        lambda: QuarterCircle(-1.0),
        lambda: QuarterCircle(1e200),
        lambda: Circular(0.0),
        lambda: Circular(1.0, part="imaginary"),
        lambda: Point(np.nan),
        lambda: Bernoulli(1.5),
        lambda: Bernoulli(-0.1),
        lambda: Discrete([]),
        lambda: Discrete([1.0, 2.0], [0.5]),
        lambda: Discrete([1.0, 2.0], [0.6, 0.6]),
        lambda: Discrete([1.0, 2.0], [-0.5, 1.5]),
        lambda: Discrete([1.0, np.inf]),
        lambda: Gamma(0.0),
        lambda: Gamma(1.0, -1.0),
        lambda: Exponential(0.0),
        lambda: Beta(0.0, 1.0),
        lambda: Beta(1.0, 1e10),
        lambda: ErfSlope(0.0),
        lambda: TanhSlope(-1.0),
        lambda: TanhSlope(1e9),
        lambda: Brody(-1.0),
        lambda: Brody(11.0),
        lambda: BerryRobnik(-0.1),
        lambda: BerryRobnik(1.1),
        lambda: Mixture([(0.5, Poisson())]),
        lambda: Mixture([(-0.5, Poisson()), (1.5, Poisson())]),
        lambda: Mixture([]),
        lambda: Semicircle().power(0.5),
        lambda: Semicircle().power(-1),
        lambda: Semicircle().power(0),
        lambda: Bernoulli(0.5).power(-1),
        lambda: MarchenkoPastur(0.5).power(np.nan),
        lambda: MarchenkoPastur(0.5).power(1e6),
    ],
)
def test_refuses_values(call):
    with pytest.raises(ValueError, match=r"^[\w.]+: "):
        call()


@pytest.mark.parametrize(
    "call",
    [
        lambda: FussCatalan("2"),
        lambda: Wachter(0.5, None),
        lambda: Bernoulli([0.5]),
        lambda: Discrete(["a"]),
        lambda: Mixture([(0.5, 3.0), (0.5, Poisson())]),
        lambda: Mixture([Poisson()]),
        lambda: ErfSlope(0.5, unit=1),
        lambda: Poisson().power("2"),
        lambda: Poisson().expect(3),
        lambda: Discrete([1.0]).expect(3),
        lambda: Poisson().plot(3),
    ],
)
def test_refuses_types(call):
    with pytest.raises(TypeError, match=r"^[\w.]+: "):
        call()


def test_infinite_moments_say_so():
    with pytest.raises(ConvergenceError, match="may be infinite"):
        MarchenkoPastur(1.0).power(-1).mean()
    assert isinstance(MarchenkoPastur(0.5).power(-1), Law)


@pytest.mark.parametrize("law", [FussCatalan(3), FussCatalan(0.5), Semicircle(), MarchenkoPastur(0.3)])
def test_rounding_lets_no_distribution_function_fall(law):
    """Among neighbouring doubles at the ends, where differences are rounding, in any order of the points."""
    ((low, high),) = law.support()
    x = np.concatenate([np.linspace(low, high, 2001)])
    for end in (low, high):
        near = end + np.spacing(end) * np.arange(-40.0, 41.0)
        x = np.concatenate([x, near, end + (high - low) * np.geomspace(1e-17, 1e-2, 300) * (1 if end == low else -1)])
    order = np.argsort(x)
    assert (np.diff(law.cdf(x)[order]) >= 0).all()
    assert (np.diff(law.sf(x)[order]) <= 0).all()


def test_what_falls_by_more_than_rounding_is_shown():
    class Falling(Semicircle):
        def _cdf(self, x):
            return super()._cdf(x) - 1e-12 * (x > 0)

    assert Falling().cdf([-1e-13, 1e-13, np.nan])[1] < 0.5
    assert np.isnan(Falling().cdf([-1e-13, 1e-13, np.nan])[2])
