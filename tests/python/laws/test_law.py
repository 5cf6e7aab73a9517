"""The generic half of a law: everything from a support, a density and a distribution function."""

import math
import pickle

import mpmath
import numpy as np
import pytest
import scipy.special as special
import scipy.stats as stats
from hypothesis import given
from hypothesis import strategies as st

from deeprmt.errors import ConvergenceError
from deeprmt.laws import Beta, Empirical, FussCatalan, Gamma, Law, MarchenkoPastur, Mixture, Point, Semicircle


class Wrapped(Law):
    """A scipy.stats distribution: the reference for everything generic."""

    def __init__(self, frozen):
        self.frozen = frozen

    def support(self):
        return [tuple(map(float, self.frozen.support()))]

    def _pdf(self, x):
        return self.frozen.pdf(x)

    def _cdf(self, x):
        return self.frozen.cdf(x)

    def _sf(self, x):
        return self.frozen.sf(x)


class Mixed(Law):
    """1/4 uniform on (-1, 0), an atom of 1/4 at 0.5, an atom of 1/8 at 1, 3/8 uniform on (1, 2)."""

    def support(self):
        return [(-1.0, 0.0), (1.0, 2.0)]

    def atoms(self):
        return [(0.5, 0.25), (1.0, 0.125)]

    def _pdf(self, x):
        return np.where((x >= -1) & (x <= 0), 0.25, np.where((x >= 1) & (x <= 2), 0.375, 0.0))

    def _cdf(self, x):
        return 0.25 * np.clip(x + 1, 0, 1) + 0.25 * (x >= 0.5) + 0.125 * (x >= 1) + 0.375 * np.clip(x - 1, 0, 1)


class Coin(Law):
    """0 or 1, the latter with probability p: no continuous part at all."""

    def __init__(self, p):
        self.p = p

    def support(self):
        return []

    def atoms(self):
        return [(0.0, 1 - self.p), (1.0, self.p)]

    def _pdf(self, x):
        return np.zeros_like(x)

    def _cdf(self, x):
        return np.where(x >= 1, 1.0, np.where(x >= 0, 1 - self.p, 0.0))


KNOWN = {
    "semicircle": stats.semicircular(),
    "quarter power edges": stats.beta(0.25, 2.75),
    "arcsine": stats.arcsine(loc=0.5, scale=2.0),
    "uniform": stats.uniform(-1, 3),
    "exponential": stats.expon(),
    "normal": stats.norm(1.0, 2.0),
    "gamma below a wall": stats.weibull_max(2.0, loc=3.0),
}
every = pytest.mark.parametrize("known", KNOWN.values(), ids=KNOWN.keys())


@every
def test_values_outside_inside_and_missing(known):
    law = Wrapped(known)
    x = np.concatenate([np.linspace(-6, 6, 50), [-np.inf, np.inf, np.nan]])
    # Other points share the call, so that other vector instructions may round differently.
    np.testing.assert_allclose(law.cdf(x), known.cdf(x), rtol=1e-14)
    np.testing.assert_allclose(law.sf(x), known.sf(x), rtol=1e-14)
    np.testing.assert_allclose(law.pdf(x[:-3]), known.pdf(x[:-3]), rtol=1e-14)
    np.testing.assert_array_equal(law.pdf([-np.inf, np.inf]), 0)
    assert np.isnan(law.pdf(np.nan))
    assert np.isnan(law.logpdf(np.nan))
    assert law.logpdf(-1e9) < -1e8
    for method in (law.pdf, law.logpdf, law.cdf, law.sf):
        assert isinstance(method(0.7), np.float64)
        assert method([[0.7, 0.8]]).shape == (1, 2)
        assert method([]).shape == (0,)


@every
def test_quantiles(known):
    law = Wrapped(known)
    q = np.array([1e-60, 1e-30, 1e-8, 0.01, 0.25, 0.5, 0.75, 0.99, 1 - 1e-8, 1 - 2**-53])
    # The level is crossed within a few units in the last place of x (and of the larger end, where x is counted from
    # it), as far as SciPy's cdf and sf resolve it: those of the semicircle are only good to a few 1e-17.
    ends = np.array(known.support())
    near = 4 * np.spacing(np.abs(ends[np.isfinite(ends)]).max(initial=0)) * (ends[0] != 0)
    x = law.ppf(q)
    step = 1e-14 * np.abs(x) + near
    assert np.all(known.cdf(x + step) >= q * (1 - 1e-13) - 1e-16 * (ends[0] != 0))
    assert np.all(known.cdf(x - step) <= q * (1 + 1e-13) + 1e-16 * (ends[0] != 0))
    np.testing.assert_array_equal(law.ppf([0, 1, np.nan]), [*known.support(), np.nan])
    assert law.median() == law.ppf(0.5)


@every
def test_moments(known):
    law = Wrapped(known)
    for k in range(7):
        # SciPy integrates: to 1.5e-8 of the absolute moment at worst.
        assert law.moment(k) == pytest.approx(known.moment(k) if k else 1, rel=2e-8, abs=1e-10)
    assert law.mean() == pytest.approx(known.mean(), rel=1e-12, abs=1e-13)
    assert law.var() == pytest.approx(known.var(), rel=1e-12)
    assert law.std() == pytest.approx(known.std(), rel=1e-12)


@pytest.mark.parametrize("k", range(1, 9))
def test_moments_in_closed_form(k):
    def rising(a):
        return math.prod(a + i for i in range(k))

    assert Wrapped(stats.expon()).moment(k) == pytest.approx(math.factorial(k), rel=1e-13)
    # x^(-3/4) at 0 and (1 - x)^(7/4) at 1: powers that the angle does not smooth.
    assert Wrapped(stats.beta(0.25, 2.75)).moment(k) == pytest.approx(rising(0.25) / rising(3.0), rel=1e-12)
    assert Wrapped(stats.arcsine()).moment(k) == pytest.approx(rising(0.5) / rising(1.0), rel=1e-13)
    even = math.prod(range(1, 2 * k, 2))
    assert Wrapped(stats.norm()).moment(2 * k) == pytest.approx(even, rel=1e-13)
    assert Wrapped(stats.norm()).moment(2 * k - 1) == pytest.approx(0, abs=1e-12 * even)


def semicircle_stieltjes(z):
    root = np.sqrt(z - 1) * np.sqrt(z + 1)  # the semicircle on [-1, 1]
    return -2 * (z - root)


def test_stieltjes():
    law = Wrapped(KNOWN["semicircle"])
    z = np.array([2.0, -1.5, 0.3j, 1 + 1e-3j, 0.2 - 1e-6j, -0.9 + 1e-9j, 3 - 2j])
    np.testing.assert_allclose(law.stieltjes(z), semicircle_stieltjes(z), rtol=1e-10)
    x = np.linspace(-0.99, 0.99, 9)
    np.testing.assert_allclose(law.stieltjes(x).imag, np.pi * law.pdf(x), rtol=1e-10)
    np.testing.assert_allclose(law.stieltjes(x).real, -2 * x, rtol=0, atol=1e-10)  # the Hilbert transform
    assert np.isnan(law.stieltjes(complex(np.nan, 0)))
    assert isinstance(law.stieltjes(2.0), np.complex128)


@pytest.mark.parametrize("x", [0.01, 0.3, 1.0, 4.0, 30.0])
def test_stieltjes_on_the_axis_where_the_support_has_no_end(x):
    # Dawson's function is the Hilbert transform of the normal density, the exponential integral that of exp(-x).
    normal = Wrapped(stats.norm()).stieltjes(x)
    assert normal.real == pytest.approx(-np.sqrt(2) * special.dawsn(x / np.sqrt(2)), rel=1e-9)
    assert normal.imag == pytest.approx(np.pi * stats.norm.pdf(x), rel=1e-12)
    below = Wrapped(stats.expon()).stieltjes(x)
    assert below.real == pytest.approx(-np.exp(-x) * special.expi(x), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("law", [Wrapped(KNOWN["semicircle"]), Semicircle(0.5)], ids=["by quadrature", "closed"])
def test_stieltjes_derivative(law):
    z = np.array([0.3, 0.99, 1.01, -5.0, 0.2 + 1e-9j, 1e-3j, 3 - 2j, 0.5 - 1e-5j, 100.0])
    with mpmath.workdps(40):
        exact = np.empty(z.size, complex)
        for i, w in enumerate(z):
            up = mpmath.mpc(w.conjugate() if w.imag < 0 else w)
            root = mpmath.sqrt(up - 1) * mpmath.sqrt(up + 1)
            exact[i] = complex(2 * (up / root - 1))
    exact = np.where(z.imag < 0, exact.conj(), exact)
    # 48 / 5^24 of truncation, and rounding or quadrature (1e-12) times 48 at worst
    np.testing.assert_allclose(law.stieltjes_derivative(z), exact, rtol=1e-10)
    assert law.stieltjes_derivative(2.0).imag == 0
    assert law.stieltjes_derivative(1.0).real == np.inf
    assert np.isnan(law.stieltjes_derivative(complex(np.nan, 0)))
    assert law.stieltjes_derivative(np.inf) == 0
    assert isinstance(law.stieltjes_derivative(2.0), np.complex128)


@given(st.floats(-0.99, 0.99))
def test_r_transform_of_the_semicircle(w):
    # Radius 1, variance 1/4: R(w) = w / 4, for |w| up to G(1) = 2.
    assert Wrapped(KNOWN["semicircle"]).r_transform(1.9 * w) == pytest.approx(1.9 * w / 4, rel=1e-11, abs=1e-13)


@given(st.floats(0.05, 0.95), st.floats(-1, 5))
def test_s_transform_of_a_coin(p, w):
    law = Coin(p)
    if w > -p + 1e-3:
        assert law.s_transform(w) == pytest.approx((1 + w) / (w + p), rel=1e-11)
    elif w < -p - 1e-3:
        with pytest.raises(ValueError, match="range of the transform"):
            law.s_transform(w)
    assert law.s_transform(0.0) == pytest.approx(1 / p)


def test_transforms_satisfy_their_definitions():
    law = Wrapped(stats.beta(1.5, 1.5, loc=1.0, scale=2.0))
    for z in (0.2, -3.0, 3.3, 20.0):
        g = -law.stieltjes(z).real
        m = z * g - 1
        assert law.r_transform(g) + 1 / g == pytest.approx(z, rel=1e-11)
        if not 0 < z < 1:  # between 0 and the support M takes values below -1, which are outside the domain of S
            assert law.s_transform(m) == pytest.approx((1 + m) / (m * z), rel=1e-11)
    with pytest.raises(ValueError, match="range of the transform"):
        law.r_transform(1e3)
    with pytest.raises(ValueError, match=r"live on \[0, inf\)"):
        Wrapped(stats.norm()).s_transform(0.1)


def test_atoms_in_the_distribution_function_and_the_quantiles():
    law = Mixed()
    q = np.array([0.0, 0.125, 0.25, 0.2500001, 0.4, 0.5, 0.5001, 0.625, 0.8125, 1.0])
    np.testing.assert_allclose(law.ppf(q), [-1, -0.5, 0, 0.5, 0.5, 0.5, 1, 1, 1.5, 2], rtol=0, atol=1e-15)
    assert law.mean() == pytest.approx(-0.125 + 0.125 + 0.125 + 0.375 * 1.5, rel=1e-14)
    assert law.stieltjes(1j) == pytest.approx(complex(law.expect(lambda x: 1 / (x - 1j))), rel=1e-12)
    assert law.stieltjes(0.5).real == math.inf


@given(st.floats(0, 1))
def test_a_quantile_is_the_least_point_that_reaches_its_level(q):
    law = Mixed()
    x = law.ppf(q)
    assert law.cdf(x) >= q - 1e-15
    if q > 0:
        assert law.cdf(x - 1e-12) <= q + 1e-12


def test_samples():
    law = Mixed()
    x = law.rvs(20000, rng=1)
    # 1.36 / sqrt(n) is the 5% point of the Kolmogorov statistic; 2.0 / sqrt(n) has p = 7e-4 (seed fixed).
    grid = np.linspace(-1.1, 2.1, 400)
    empirical = np.searchsorted(np.sort(x), grid, side="right") / x.size
    assert np.abs(empirical - law.cdf(grid)).max() < 2 / np.sqrt(x.size)
    np.testing.assert_array_equal(law.rvs((2, 3), rng=5), law.rvs(6, rng=5).reshape(2, 3))
    assert isinstance(law.rvs(rng=1), np.float64)
    assert stats.kstest(Wrapped(stats.norm()).rvs(1000, rng=3), Wrapped(stats.norm()).cdf).pvalue > 1e-3


@pytest.mark.parametrize(("factor", "offset"), [(2.0, 0.0), (-0.5, 0.0), (3.0, -7.0), (-1.5, 2.0)])
def test_affine_laws(factor, offset):
    for base in (Mixed(), Wrapped(stats.beta(1.5, 2.0))):
        law = base.scale(factor).shift(offset)
        x = np.concatenate([base.rvs(200, rng=2), [location for location, _ in base.atoms()]])
        y = factor * x + offset
        below = base.cdf(x) if factor > 0 else base.sf(x) + sum(m * (x == a) for a, m in base.atoms())
        np.testing.assert_allclose(law.cdf(y), below, rtol=0, atol=1e-13)
        np.testing.assert_allclose(law.sf(y), 1 - below, rtol=0, atol=1e-13)
        # Rounding moves y by a few units, which a steep density turns into a relative error.
        np.testing.assert_allclose(law.pdf(y), base.pdf(x) / abs(factor), rtol=1e-9)
        assert law.mean() == pytest.approx(factor * base.mean() + offset, rel=1e-12)
        assert law.var() == pytest.approx(factor**2 * base.var(), rel=1e-12)
        assert law.moment(3) == pytest.approx(base.expect(lambda x: (factor * x + offset) ** 3), rel=1e-11)
        z = np.array([0.3 + 0.2j, 4 - 1j])
        np.testing.assert_allclose(law.stieltjes(z), [law.expect(lambda x, z=z: 1 / (x - z)) for z in z], rtol=1e-10)
        q = law.ppf(np.linspace(0, 1, 11))
        assert np.all(np.diff(q) >= 0)
        np.testing.assert_allclose(law.cdf(q) >= np.linspace(0, 1, 11) - 1e-14, True)
        for w in (*z, 0.45 * factor + offset):
            circle = Law._stieltjes_derivative(law, np.array([w], complex))[0]
            assert law.stieltjes_derivative(w) == pytest.approx(circle, rel=1e-9)
    x = 0.4 * factor + offset
    assert law.stieltjes(x).imag == pytest.approx(np.pi * law.pdf(x), rel=1e-9)
    assert law.r_transform(0.01) == pytest.approx(Law._r_transform(law, np.array([0.01]))[0], rel=1e-11)
    if offset == 0 and factor > 0:
        assert law.s_transform(-0.1) == pytest.approx(Law._s_transform(law, np.array([-0.1]))[0], rel=1e-11)
    assert repr(law).endswith(f"shift({offset})" if offset else f"scale({factor})")


def test_laws_travel():
    law = Mixed().scale(2.0)
    assert pickle.loads(pickle.dumps(law)).cdf(1.0) == law.cdf(1.0)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda law: law.ppf(1.5), r"ppf: q must be in \[0, 1\], got .*1.5"),
        (lambda law: law.moment(-1), "moment: k must be at least 0"),
        (lambda law: law.scale(0), "scale: c must not be 0"),
        (lambda law: law.scale(np.inf), "scale: c must be finite"),
        (lambda law: law.shift(np.nan), "shift: c must be finite"),
        (lambda law: law.rvs(-1), "size must be at least 0"),
    ],
)
def test_refuses_values(call, says):
    with pytest.raises(ValueError, match=f"Mixed.{says}" if not says.startswith("size") else says):
        call(Mixed())


def test_refuses_types():
    with pytest.raises(TypeError, match="x must be real"):
        Mixed().cdf("a")
    with pytest.raises(TypeError, match="z must be numbers"):
        Mixed().stieltjes("a")
    with pytest.raises(TypeError):
        Law()


def test_an_infinite_moment_says_so():
    with pytest.raises(ConvergenceError, match="may be infinite"):
        Wrapped(stats.pareto(1.0)).mean()


def test_ks_distance_by_hand():
    # One value at the median: the empirical step from 0 to 1 is half away from the law on both sides.
    assert Semicircle().ks_distance([0.0]) == pytest.approx(0.5, abs=1e-15)
    # F - (i-1)/n and i/n - F for three values of the uniform-like law below.
    law = MarchenkoPastur(0.5)
    x = law.ppf([0.1, 0.4, 0.9])
    assert law.ks_distance(x) == pytest.approx(max(0.1, 1 / 3 - 0.1, 0.4 - 1 / 3, 2 / 3 - 0.4, 0.9 - 2 / 3), rel=1e-9)


def test_ks_distance_counts_values_at_an_atom_once():
    law = MarchenkoPastur(2.0)  # half of the mass is at 0
    x = np.r_[np.zeros(500), law.ppf(0.5 + (np.arange(500) + 0.5) / 1000)]
    x[:500] = np.random.default_rng(0).uniform(-1e-15, 1e-15, 500)  # zeros as a computation gives them
    assert law.ks_distance(x) == pytest.approx(0.5 / 1000, rel=1e-6)
    assert law.ks_distance(np.ones(10)) == pytest.approx(max(law.cdf(1.0), 1 - law.cdf(1.0)), rel=1e-12)
    assert Empirical([1.0, 2.0]).ks_distance([1.0, 2.0]) == 0


def test_ks_distance_next_to_an_atom():
    """A bulk that comes close to an atom is not part of it; rounding beside an atom is."""
    narrow = Mixture([(1e-20, Point(0.0)), (1 - 1e-20, Semicircle(1e-12).shift(3e-12))])
    values = np.append(narrow.ppf((np.arange(100) + 0.5) / 100), 1.0)
    # The last quantile is at 0.995 and has 99 values of 101 below.
    assert narrow.ks_distance(values) == pytest.approx(0.995 - 99 / 101, abs=1e-12)
    off = np.append(values[:-1] + 3e-12, 1.0)
    below = narrow.cdf(off[:-1]) - np.arange(100) / 101
    assert narrow.ks_distance(off) == pytest.approx(below.max(), abs=1e-12)
    heavy = MarchenkoPastur(2.0)
    values = heavy.rvs(500, rng=1)
    scattered = np.where(values == 0, 1e-17 * np.arange(-250, 250), values)
    assert heavy.ks_distance(scattered) == pytest.approx(heavy.ks_distance(values), abs=1e-14)
    assert heavy.ks_distance(values) < 1.95 / 500**0.5
    assert heavy.ks_distance([0.0, 0.0]) == 0.5
    assert Point(1e12).ks_distance([1.0]) == 1
    assert Point(1e12).ks_distance([1e12]) == 0


def test_beta_beside_one():
    with mpmath.workdps(40):
        for x in (np.nextafter(1, 0), 0.999, 0.75, 0.3):
            exact = float(2 / mpmath.pi * mpmath.asin(mpmath.sqrt(mpmath.mpf(x))))
            assert Beta(0.5, 0.5).cdf(x) == pytest.approx(exact, abs=2e-15)


@given(st.lists(st.floats(-3, 3), min_size=1, max_size=50))
def test_ks_distance_is_that_of_scipy(values):
    law = Semicircle(1.2)  # no atoms: SciPy's statistic is the same
    assert law.ks_distance(values) == pytest.approx(stats.kstest(values, law.cdf).statistic, abs=1e-15)
    assert law.ks_distance(np.array(values[::-1])[None]) == law.ks_distance(values)


@given(st.lists(st.integers(-4, 4), min_size=1, max_size=30), st.lists(st.integers(-4, 4), min_size=1, max_size=30))
def test_ks_distance_from_a_sample(values, sample):
    at = np.arange(-4, 5)[:, None]
    staircases = [np.mean(np.array(each) <= at, axis=1) for each in (values, sample)]
    assert Empirical(sample).ks_distance(values) == pytest.approx(np.abs(np.subtract(*staircases)).max(), abs=1e-15)


def test_ks_distance_refuses():
    law = Semicircle()
    with pytest.raises(ValueError, match=r"Semicircle\.ks_distance: values must be at least one, got none"):
        law.ks_distance([])
    with pytest.raises(
        ValueError, match=r"Semicircle\.ks_distance: values must be finite, found nan at index \(0, 1\)"
    ):
        law.ks_distance([[1.0, np.nan]])
    with pytest.raises(TypeError, match=r"Semicircle\.ks_distance: values must be real"):
        law.ks_distance([1j])


@pytest.mark.parametrize("method", ["r_transform", "s_transform"])
def test_transforms_beyond_a_support_without_end_are_refused(method):
    law = Gamma(2.5)
    with pytest.raises(ValueError, match=rf"Gamma.{method}: w must not be positive where the support has no end"):
        getattr(law, method)(0.05)
    assert np.isfinite(getattr(law, method)(-0.05))


@pytest.mark.parametrize("shape", [0.001, 0.1, 0.5, 0.9])
def test_gamma_laws_with_a_pole(shape):
    """Exact: E 1 = 1, E e^(-x/scale) = 2^-shape, and the transform by the incomplete gamma function."""
    mu = Gamma(shape, 2.0)
    assert mu.expect(np.ones_like) == pytest.approx(1, rel=1e-13)
    assert mu.expect(lambda x: np.exp(-x / 2)) == pytest.approx(2**-shape, rel=1e-13)
    for z in (-1.0, -1e-8, -50.0):
        y = -mpmath.mpf(z) / 2
        exact = y ** (shape - 1) * mpmath.exp(y) * mpmath.gammainc(1 - shape, y) / 2
        assert mu.stieltjes(z).real == pytest.approx(float(exact), rel=1e-12)


def test_no_more_than_all_mass():
    for s in (0.01, 0.5, 2.0, 10.0, 100.0):
        mu = FussCatalan(s)
        x = mu.support()[0][1] * (1 - np.geomspace(1e-16, 1, 500))
        assert mu.cdf(x).max() <= 1


def test_beta_tail_close_to_its_lower_end():
    """The arcsine law: sf = 1 - 2 / pi asin(sqrt(x))."""
    x = np.geomspace(1e-300, 0.999, 200)
    assert Beta(0.5, 0.5).sf(x) == pytest.approx(1 - 2 / np.pi * np.arcsin(np.sqrt(x)), rel=1e-13)
    assert Beta(1.0, 1000.0).sf(0.3) == pytest.approx(0.7**1000, rel=1e-11)  # 1000 times the rounding of 0.7


class HardEdges(Law):
    """Density c x^(a - 1) (1 - x)^(b - 1), scaled and shifted, from the distances of x to both ends."""

    def __init__(self, a, b, low, width):
        self.a, self.b, self.low, self.width = a, b, low, width

    def support(self):
        return [(self.low, self.low + self.width)]

    def _pdf(self, x):
        left, right = (x - self.low) / self.width, (self.low + self.width - x) / self.width
        return left ** (self.a - 1) * right ** (self.b - 1) / special.beta(self.a, self.b) / self.width

    def _cdf(self, x):
        return special.betainc(self.a, self.b, (x - self.low) / self.width)


@pytest.mark.parametrize(
    ("a", "b", "low", "width"),
    [(0.5, 0.5, -1.0, 2.0), (0.2, 3.0, 0.25, 1.5), (1.5, 0.5, 0.0, 1.0), (0.05, 0.5, 0.0, 1.0), (1.0, 0.5, -0.5, 1.0)],
)
def test_the_stieltjes_transform_at_hard_edges(a, b, low, width):
    law = HardEdges(a, b, low, width)
    for end, outwards in ((low, -1), (low + width, 1)):
        for k in (7, 14, 20, 27, 33, 40):  # 1e-2 to 1e-12
            d = 2.0**-k
            for step in (d, d * (1 + 1j), d * (-1 + 1j), d * (-1 + 1e-3j), -d):
                z = end + outwards * complex(step).conjugate() if outwards < 0 else end + step
                z = complex(complex(z).real, abs(complex(z).imag))
                with mpmath.workdps(40):
                    inner = (mpmath.mpc(z) - low) / width
                    if z.imag == 0:
                        inner += mpmath.mpc(0, "1e-36")
                    exact = complex(-mpmath.hyp2f1(1, a, a + b, 1 / inner) / inner / width)
                # The quadrature settles to 1e-12, of sizes that the logarithm of the distance multiplies; numbers next
                # to 1 round the distances of nodes, 2^-53 / 2^-40 at most, which the power takes out to first order.
                assert abs(law.stieltjes(z) - exact) < 1e-9 * abs(exact)
