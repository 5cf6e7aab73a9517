"""What every law must do, asked of all of them."""

import copy
import math
import pickle
from itertools import pairwise

import numpy as np
import pytest
import scipy.stats as stats

from deeprmt.laws import (
    BerryRobnik,
    MarchenkoPastur,
    Poisson,
    Semicircle,
    WignerSurmise,
)
from every_law import LAWS, POSITIVE, continuous, every


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
