"""Laws at the ends of doubles, at their own ends and atoms, and at what is next to them."""

import numpy as np
import pytest

from deeprmt.errors import ConvergenceError
from deeprmt.laws import (
    Beta,
    Circular,
    ErfSlope,
    Exponential,
    FussCatalan,
    Gamma,
    MarchenkoPastur,
    Mixture,
    Point,
    QuarterCircle,
    Semicircle,
    Spacing,
    TanhSlope,
)
from every_law import every


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


@pytest.mark.parametrize(
    "law",
    [ErfSlope(100.0, unit=False), TanhSlope(1e4), ErfSlope(40.0).power(3.0), ErfSlope(100.0).scale(0.01), Gamma(1e-3)],
    ids=repr,
)
def test_quantiles_below_the_least_double_are_no_atoms(law):
    q = np.linspace(0, 0.05, 11)
    x = law.ppf(q)
    assert x[0] == 0
    assert (x[1:] > 0).all()
    # Up to the next double, to which the least ones may be rounded, and rounding of the level.
    assert (law.cdf(np.nextafter(x[1:], 1)) >= q[1:] - 1e-14).all()
    assert (law.rvs(1000, rng=0) > 0).all()


@pytest.mark.parametrize("q", [1e-12, 1e-6, 0.1, 10.0])
def test_quantiles_next_to_the_top_never_fall(q):
    short = np.geomspace(1e-16, 0.5, 5000)[::-1]
    assert (np.diff(TanhSlope(q).ppf(1 - short)) >= 0).all()
