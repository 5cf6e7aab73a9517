"""Laws of any density in free convolutions: jumps, powers, tails; and products with laws on both sides of 0."""

import math

import numpy as np
import pytest

from deeprmt import _core
from deeprmt.errors import ConvergenceError
from deeprmt.freeprob import compression, free_add, free_multiply, free_power, law, symbols
from deeprmt.freeprob._panels import Panels
from deeprmt.laws import (
    Beta,
    Circular,
    Discrete,
    Empirical,
    Exponential,
    FussCatalan,
    Gamma,
    Law,
    MarchenkoPastur,
    QuarterCircle,
    Semicircle,
    TracyWidom,
    WignerSurmise,
)
from reference.freeprob import panels as reference


class Uniform(Law):
    """On [0, 1]."""

    def support(self):
        return [(0.0, 1.0)]

    def _pdf(self, x):
        return np.ones_like(x)

    def _cdf(self, x):
        return x.copy()


class Cauchy(Law):
    """Without moments."""

    def support(self):
        return [(-math.inf, math.inf)]

    def _pdf(self, x):
        return 1 / (math.pi * (1 + x * x))

    def _cdf(self, x):
        return 0.5 + np.arctan(x) / math.pi


class Noisy(Uniform):
    """A density that no polynomial follows."""

    def _pdf(self, x):
        return 1 + np.sin(1e9 * x * x)


DENSITIES = [
    QuarterCircle(),
    Beta(0.7, 2.0),
    Gamma(2.5),
    Exponential(),
    WignerSurmise(1),
    Circular(),
    TracyWidom(2),
    Semicircle(),
    MarchenkoPastur(2.0),
]


@pytest.mark.parametrize("base", DENSITIES, ids=repr)
def test_transforms_against_those_of_the_law(base):
    panels = Panels(base)
    assert panels.accuracy < 3e-13
    z = np.array([0.3 + 0.5j, -2 + 0.01j, 1.7 + 1e-3j, 0.9 + 1e-6j, 0.5 + 2j])
    g, slope = panels.resolvent(z)
    # The laws' own transforms are quadratures, some of them, to 1e-9 next to the axis.
    np.testing.assert_allclose(g, -base.stieltjes(z), rtol=1e-8)
    h = 1e-4 * z.imag
    # Central differences: h^2 over the distance to the axis squared, 1e-8, and the rounding of values over h.
    np.testing.assert_allclose(
        slope, (panels.resolvent(z + h)[0] - panels.resolvent(z - h)[0]) / (2 * h), rtol=1e-5, atol=1e-6
    )
    np.testing.assert_allclose(panels.argument(z), base.log_potential(z).imag, rtol=0, atol=1e-9)


def test_uniform_to_rounding():
    panels = Panels(Uniform())
    z = np.array([0.3 + 0.5j, 1e-12 + 1e-13j, 0.5 + 0j, 1 + 1e-9, -1e-6 + 0j, 30 + 2j])
    np.testing.assert_allclose(panels.resolvent(z)[0], np.log(z / (z - 1 + 0j)), rtol=1e-13)
    np.testing.assert_allclose(panels.resolvent(z)[1], 1 / z - 1 / (z - 1), rtol=1e-11)
    inside = z[[0, 2]]
    expected = (inside * np.log(inside) - (inside - 1) * np.log(inside - 1 + 0j)).imag
    np.testing.assert_allclose(panels.argument(inside), expected, rtol=0, atol=1e-14)


SUMS = {
    "jump + Marchenko-Pastur": lambda: free_add(QuarterCircle(), MarchenkoPastur(0.5)),
    "jump + jump": lambda: free_add(Uniform(), Discrete([0.0, 3.0], [0.5, 0.5])),
    "tail + semicircle": lambda: free_add(Gamma(2.5), Semicircle()),
    "tail + tail": lambda: free_add(TracyWidom(1), WignerSurmise(2)),
    "powers + powers": lambda: free_add(Beta(0.7, 2.0), Beta(2.0, 3.0)),
    "mirrored": lambda: free_add(Beta(2.0, 3.0).scale(-2.0).shift(1.0), Semicircle()),
    "tail x Marchenko-Pastur": lambda: free_multiply(Exponential(), MarchenkoPastur(0.5)),
    "jump x Marchenko-Pastur": lambda: free_multiply(Uniform(), MarchenkoPastur(1.0)),
    "corner": lambda: compression(Gamma(2.5), 0.3),
    "power": lambda: free_power(QuarterCircle(), 2.5),
}


@pytest.mark.parametrize("name", SUMS)
def test_mass_variance_and_quantiles(name):
    mu = SUMS[name]()
    assert mu.expect(np.ones_like) == pytest.approx(1, abs=1e-11)
    # Of tails 1e-13 of the mass are cut, at x of about 35.
    mean = float(mu.mean())
    assert mu.expect(lambda x: (x - mean) ** 2) == pytest.approx(float(mu.var()), rel=1e-9)
    q = np.array([0.001, 0.2, 0.5, 0.9, 0.999])
    np.testing.assert_allclose(mu.cdf(mu.ppf(q)), q, rtol=0, atol=1e-13)
    assert mu.report.residual < 1e-10


def test_the_sum_of_two_uniform_laws():
    """G = ln(w / (w - 1)) has R(g) = 1 / (1 - e^-g) - 1 / g; twice that at one point of the sum."""
    mu = free_add(Uniform(), Uniform())
    g = -mu.stieltjes(0.7 + 0.2j)
    assert 2 * (1 / (1 - np.exp(-g)) - 1 / g) + 1 / g == pytest.approx(0.7 + 0.2j, rel=1e-12)


def test_what_cannot_be_resolved_is_refused():
    with pytest.raises(ValueError, match=r"the tails of .*Cauchy.* are too heavy"):
        free_add(Cauchy(), Semicircle()).support()
    with pytest.raises(ConvergenceError, match=r"is not resolved|too rough"):
        free_add(Noisy(), Semicircle()).support()


def test_products_with_an_even_law():
    """b^(1/2) a b^(1/2): against the polynomial y x y, which is solved by other means."""
    b = MarchenkoPastur(0.5)
    mu = free_multiply(Semicircle(), b)
    x, y = symbols("x y")
    other = law(y * x * y, {x: Semicircle(), y: b.power(0.5)})
    t = np.array([-2.2, -0.4, 0.1, 1.0, 2.5])
    np.testing.assert_allclose(mu.pdf(t), other.pdf(t), rtol=0, atol=1e-9)
    np.testing.assert_allclose(mu.cdf(t), other.cdf(t), rtol=0, atol=1e-9)
    np.testing.assert_allclose(mu.support()[0], other.support()[0], rtol=1e-9)
    assert mu.var() == pytest.approx(1, rel=1e-12)  # the variance times the square of the mean
    coins = free_multiply(Discrete([-1.0, 1.0], [0.5, 0.5]), Discrete([0.0, 1.0], [0.3, 0.7]))
    # 0.7 x MP-like: the compression of a coin to 0.7 of the space has atoms of mass 0.2 at +-1, and 0.3 is at 0.
    assert dict(coins.atoms()) == pytest.approx({-1.0: 0.2, 0.0: 0.3, 1.0: 0.2})


def test_products_with_a_law_on_both_sides_of_zero():
    a, b = Empirical([-1.0, 2.0, 2.0]), MarchenkoPastur(0.5)
    mu = free_multiply(b, a, Discrete([1.0, 2.0], [0.5, 0.5]))
    assert mu.mean() == pytest.approx(1.5, rel=1e-10)
    # E (ab)^2 = var(a) E(b)^2 + E(a)^2 E b^2; b stands for both factors, of mean 1.5 and second moment 2.5 + 9/4 / 2.
    assert mu.moment(2) == pytest.approx(2 * 2.25 + 1 * (2.25 * (1 + 0.5 + 1 / 9)), rel=1e-9)
    assert free_multiply(a, Empirical([3.0])).atoms() == a.scale(3.0).atoms()
    assert free_multiply(b, Empirical([-2.0])).support() == b.scale(-2.0).support()
    assert free_multiply(a, Empirical([0.0])).atoms() == [(0.0, 1.0)]


@pytest.mark.parametrize("base", [Exponential(), Circular(), Beta(0.7, 2.0)], ids=repr)
def test_the_argument_beside_the_support(base):
    """Below all mass it is pi, above it 0: for the law itself and for its panels."""
    z = np.array([-3.0 + 0j, 100.0 + 0j])
    np.testing.assert_allclose(base.log_potential(z).imag, [math.pi, 0.0], rtol=0, atol=1e-12)
    np.testing.assert_allclose(Panels(base).argument(z), [math.pi, 0.0], rtol=0, atol=1e-12)


def halves(count, rng):
    """Panels that shrink towards 0 by halves, and two on their own, with random polynomials that fall."""
    high = np.concatenate([0.5 ** np.arange(count, -1, -1.0), [2.0, 7.0]])
    low = np.concatenate([[0.0], high[:count], [1.5, 6.0]])
    series = rng.normal(size=(high.size, 24)) * 0.25 ** np.arange(24)
    return low, high, series


def test_the_core_against_plain_quadrature():
    low, high, series = halves(12, np.random.default_rng(0))
    core = _core.freeprob.Panels(low, high, series)
    w = np.array([0.3 + 0.2j, 1e-3 + 1e-3j, -0.1 + 0j, 1.2 + 0j, 1.75 - 0.4j, 6.5 + 0.05j, 100 + 3j, -1e5 + 1j])
    value, slope = core.sums(w, 1)
    arguments = core.arguments(w, 1)
    # Each node and each near panel is exact to rounding; sizes of the parts add.
    size = np.abs(series).sum(axis=1) @ (high - low)
    for k, at in enumerate(w):
        exact = reference.transforms(low, high, series, at)
        near = np.min(np.abs(at - np.concatenate([low, high])))
        assert abs(value[k] - exact[0]) < 2e-14 * size / near
        assert abs(slope[k] - exact[1]) < 1e-13 * size / near**2
        assert arguments[k] == pytest.approx(exact[2].imag, abs=2e-14 * size)
    two = core.sums(w, 2)
    np.testing.assert_array_equal(two[0], value)
    np.testing.assert_array_equal(two[1], slope)


def test_where_two_panels_touch_nothing_is_infinite():
    whole = _core.freeprob.Panels(np.array([0.0]), np.array([1.0]), np.array([[1.0]]))
    cut = _core.freeprob.Panels(np.array([0.0, 0.25]), np.array([0.25, 1.0]), np.array([[1.0], [1.0]]))
    w = np.array([0.25 + 0j])
    for one, two in zip(whole.sums(w, 1), cut.sums(w, 1), strict=True):
        np.testing.assert_allclose(two, one, rtol=4e-15)
    np.testing.assert_allclose(cut.arguments(w, 1), whole.arguments(w, 1), rtol=4e-15)
    assert cut.mass == 1.0


def test_fuss_catalan_on_panels():
    """Down to 1e-15, where the density is like x^(-2/3), and at the edge, where the law's own transform is known."""
    base = FussCatalan(2)
    z = np.array([0.3 + 0.5j, 1e-3 + 1e-5j, 0.5, 1e-8, -1e-3, 1e-15, 7 + 1e-9j])
    panels = Panels(base)
    np.testing.assert_allclose(panels.resolvent(z)[0], -base.stieltjes(z), rtol=1e-13)
    np.testing.assert_allclose(panels.argument(z), base.log_potential(z).imag, rtol=0, atol=1e-14)


def test_the_core_refuses():
    make = _core.freeprob.Panels
    one = np.ones((1, 1))
    with pytest.raises(ValueError, match="ascend and be disjoint, but not panel 1"):
        make(np.array([0.0, 0.5]), np.array([1.0, 2.0]), np.ones((2, 1)))
    with pytest.raises(ValueError, match="but not panel 0"):
        make(np.array([1.0]), np.array([1.0]), one)
    with pytest.raises(ValueError, match="at least 1"):
        make(np.zeros(0), np.zeros(0), np.ones((0, 1)))
    with pytest.raises(ValueError, match="a row for each panel"):
        make(np.array([0.0]), np.array([1.0]), np.ones((2, 1)))
    with pytest.raises(ValueError, match="series must be finite"):
        make(np.array([0.0]), np.array([1.0]), one * np.nan)
