"""Free products with a mass at 0, which splits off: against exact laws, algebraic equations and moments."""

import math
import pickle

import numpy as np
import pytest
from scipy.optimize import brentq

from deeprmt import jacobian, meanfield
from deeprmt.freeprob import free_add, free_multiply, free_power
from deeprmt.laws import Bernoulli, Beta, Discrete, MarchenkoPastur, Mixture, Point, Semicircle, Wachter
from deeprmt.networks import MLP


def real_root(aspects, z):
    """m at z < 0: z = (1 + y) prod (1 + a y) / y, which falls from 0 to -inf as y grows from -1 / max(a) to 0."""
    least = -1 / max(*aspects, 1.0)

    def excess(y):
        return (1 + y) * math.prod(1 + a * y for a in aspects) - z * y

    return -(1 + brentq(excess, least, 0.0, xtol=1e-300, rtol=1e-15)) / z


@pytest.mark.parametrize(
    "aspects",
    [(2, 1), (5, 1), (20, 1), (50, 1), (1000, 1), (1e6, 1), (20, 20), (100, 100), (1e4, 1e4), (20, 10), (2, 3, 4, 5)],
)
def test_the_transform_on_the_negative_axis_is_the_real_root(aspects):
    law = free_multiply(*[MarchenkoPastur(float(a)) for a in aspects])
    z = np.array([-1e5, -1.0, -0.01, -1e-3, -1e-14])
    np.testing.assert_allclose(law.stieltjes(z), [real_root(aspects, each) for each in z], rtol=1e-12)


@pytest.mark.parametrize("aspects", [(0.5, 0.5), (50, 1), (50, 50), (1000, 1), (1e-3, 1e3, 1e3)])
def test_the_transform_solves_its_equation(aspects):
    law = free_multiply(*[MarchenkoPastur(float(a)) for a in aspects])
    z = np.array([-0.5 + 0.1j, 1j, -30 + 1e-6j, 1e5j])
    m = law.stieltjes(z)
    y = -1 - z * m
    # y and the brackets lose digits to 1, as many as they are smaller: up to 6.
    np.testing.assert_allclose(np.prod([1 + a * y for a in aspects], axis=0) * (1 + y) / y, z, rtol=1e-8)
    assert (m.imag > 0).all()


def test_the_transform_next_to_zero():
    law = free_multiply(MarchenkoPastur(0.5), MarchenkoPastur(0.5))
    assert law.stieltjes(1e-300j).real == pytest.approx(4, rel=1e-12)  # means of 1 / x, 1 / (1 - a) each
    split = free_multiply(MarchenkoPastur(2.0), MarchenkoPastur(1.0))
    assert split.stieltjes(1e-300j) == pytest.approx(0.5j / 1e-300)
    assert split.stieltjes(0.0) == math.inf


@pytest.mark.parametrize("a", [5.0, 20.0, 100.0, 200.0, 1000.0])
def test_a_coin_cuts_a_block_out(a):
    """MP(a) x Bernoulli(1/a) is (1 - 1/a) delta_0 + MP(1) / a."""
    law, block = free_multiply(MarchenkoPastur(a), Bernoulli(1 / a)), MarchenkoPastur(1.0)
    assert law.atoms() == [(0.0, pytest.approx(1 - 1 / a))]
    assert law.support() == [(0.0, 4.0)]
    x = np.r_[0, np.geomspace(1e-30, 3.999, 300)]
    np.testing.assert_allclose(law.pdf(x[1:]), block.pdf(x[1:]) / a, rtol=1e-12)
    np.testing.assert_allclose(law.sf(x), block.sf(x) / a, rtol=1e-12)
    assert (np.diff(law.cdf(x)) >= 0).all()
    assert law.expect(np.ones_like) == pytest.approx(1, abs=1e-13)
    q = np.array([0.1, 0.5, 0.9])
    # The part of a level above the mass at 0 is rounded to 1e-16 of 1, in units of 1 / a.
    np.testing.assert_allclose(law.ppf(1 - 1 / a + q / a), block.ppf(q), rtol=1e-14 * a)
    assert law.ppf(0.5) == 0
    assert (law.rvs(1000, rng=1) > 0).mean() == pytest.approx(1 / a, abs=5 * math.sqrt(1 / a / 1000))


@pytest.mark.parametrize("off", [1e-12, -1e-12, 1e-7, -1e-7, 1e-3, -1e-3, 0.3, -0.3])
def test_masses_at_zero_that_are_close_to_each_other(off):
    """MP(a) x Bernoulli(p) is (1 - p) delta_0 + p MP(a p)."""
    p = 0.01 * (1 + off)
    law, block = free_multiply(MarchenkoPastur(100.0), Bernoulli(p)), MarchenkoPastur(100 * p)
    assert law.atoms()[0][1] == pytest.approx(max(0.99, 1 - p), abs=1e-15)
    assert law.expect(np.ones_like) == pytest.approx(1, abs=1e-12)
    x = np.geomspace(1.1 * law.support()[0][0], 3.9 * (1 + off) if off < 0.1 else 4.0, 50)
    np.testing.assert_allclose(law.pdf(x), p * block.pdf(x), rtol=1e-6 if abs(off) < 1e-6 else 1e-10)
    np.testing.assert_allclose(law.sf(x), p * block.sf(x), rtol=1e-9)


@pytest.mark.parametrize(("a", "b"), [(100.0, 100.0), (200.0, 200.0), (1000.0, 1000.0), (1e5, 1e5), (1000.0, 1.0)])
def test_large_aspects_are_roots_of_a_cubic(a, b):
    """(1 + y) (1 + a y) (1 + b y) = x y with y = u / a: all three terms are of order one in u."""
    law = free_multiply(MarchenkoPastur(a), MarchenkoPastur(b))
    ((low, high),) = law.support()
    x = np.linspace(low, high, 9)[1:-1]
    density = []
    for each in x:
        cubic = np.poly1d([1 / a, 1]) * np.poly1d([1, 1]) * np.poly1d([b / a, 1]) - np.poly1d([each / a, 0])
        density.append(np.abs(cubic.roots.imag).max() / a / (math.pi * each))
    np.testing.assert_allclose(law.pdf(x), density, rtol=1e-8)
    assert law.expect(np.ones_like) == pytest.approx(1, abs=1e-12)
    for k in (1, 2, 3):
        assert law.expect(lambda x, k=k: x**k) == pytest.approx(law.moment(k), rel=1e-11)
    q = 1 - np.array([0.9, 0.5, 0.1]) / a
    np.testing.assert_allclose(a * law.sf(law.ppf(q)), [0.9, 0.5, 0.1], rtol=1e-14 * a + 1e-11)
    assert law.rvs(20, rng=3).shape == (20,)


@pytest.mark.parametrize(
    "other",
    [
        Discrete([0, 1, 3], [0.99, 0.005, 0.005]),
        Discrete([0, 1, 3], [0.9899, 0.005, 0.0051]),
        Mixture([(0.99, Point(0.0)), (0.01, MarchenkoPastur(0.5))]),
        Mixture([(0.5, Discrete([0, 2.0], [0.98, 0.02])), (0.5, Point(0.0))]),
    ],
)
def test_what_splits_off_leaves_mass_and_moments(other):
    law = free_multiply(MarchenkoPastur(100.0), other)
    assert law.expect(np.ones_like) == pytest.approx(1, abs=1e-12)
    for k in (1, 2, 3, 4):  # the moments come from those of the factors
        assert law.expect(lambda x, k=k: x**k) == pytest.approx(law.moment(k), rel=1e-10)
    x = np.r_[0, np.geomspace(1e-25, 1e-3, 200)]
    assert (np.diff(law.cdf(x)) >= 0).all()
    assert law.cdf(0.0) == pytest.approx(0.99)


@pytest.mark.parametrize("other", [Discrete([1, 3], [0.5, 0.5]), Wachter(0.3, 0.6), Beta(2, 3), Bernoulli(0.3)])
def test_nothing_lies_between_the_atom_and_the_interval(other):
    law = free_multiply(MarchenkoPastur(100.0), other)
    low, high = law.support()[0]
    np.testing.assert_allclose(law.cdf([-1.0, 0.0, 1e-25, 1e-8, low]), [0, 0.99, 0.99, 0.99, 0.99], rtol=1e-14)
    assert low < law.ppf(0.995) < high


def test_the_transform_next_to_an_atom_at_zero():
    """m + p / z is the mean of 1 / x off 0; both halves of the rule agree where they meet."""
    law = free_multiply(MarchenkoPastur(5.0), Discrete([1, 3], [0.5, 0.5]))
    low = law.support()[0][0]
    inverse = law.expect(lambda x: np.where(x > 0, 1 / np.maximum(x, low / 2), 0))
    z = 1e-5 * low * np.array([-1, 1, 0.05, -0.05])
    # Next to the atom 5 digits of 16 are left for the rest, 7 closer by.
    np.testing.assert_allclose(law.stieltjes(z).real + 0.8 / z, inverse * np.ones(4), rtol=1e-4)
    z = np.array([-1e-14, 1e-14 + 1e-15j, 1e-300j])
    np.testing.assert_allclose(law.stieltjes(z), -0.8 / z, rtol=1e-12)
    np.testing.assert_allclose(law.stieltjes_derivative([-1e-9, 1e-9j]), [0.8e18, -0.8e18], rtol=1e-12)


def test_a_split_product_is_a_factor_and_a_term():
    law = free_multiply(MarchenkoPastur(5.0), Bernoulli(0.2))
    assert repr(law) == "FreeProduct(MarchenkoPastur(aspect=5.0, sigma=1.0), Bernoulli(p=0.2))"
    assert len(free_multiply(law, MarchenkoPastur(0.5)).parts) == 3
    copy = pickle.loads(pickle.dumps(law))
    assert copy.cdf(1.0) == law.cdf(1.0)
    assert law.report.to_dict()["failed"] == 0
    same = Mixture([(0.8, Point(0.0)), (0.2, MarchenkoPastur(1.0))])
    x = np.array([-1.0, 0.3, 1.2, 2.5])
    total, reference = free_add(law, Semicircle()), free_add(same, Semicircle())
    np.testing.assert_allclose(total.pdf(x), reference.pdf(x), rtol=1e-8)
    np.testing.assert_allclose(total.cdf(x), reference.cdf(x), rtol=0, atol=1e-9)
    z = np.array([1 + 1j, -0.5, 5.0])
    np.testing.assert_allclose(law.log_potential(z), same.log_potential(z), rtol=1e-12)
    np.testing.assert_allclose(law.s_transform(-0.1), same.s_transform(-0.1), rtol=1e-10)


def test_powers_split():
    """MP(3) to the power 5/2: moments, and the density by another split."""
    law = free_power(MarchenkoPastur(3.0), 2.5, kind="product")
    assert law.atoms() == [(0.0, pytest.approx(2 / 3))]
    for k in (0, 1, 2, 3):
        assert law.expect(lambda x, k=k: x**k) == pytest.approx(law.moment(k), rel=1e-9)


@pytest.mark.parametrize("a", [5.0, 100.0, 1000.0])
def test_equal_masses_that_do_not_split(a):
    """With a third factor the equations have both masses at 0, and the power law stands where digits are lost."""
    law = free_multiply(MarchenkoPastur(a), Bernoulli(1 / a), Discrete([1, 3], [0.5, 0.5]))
    assert law.expect(np.ones_like) == pytest.approx(1, abs=1e-8)
    assert law.expect(lambda x: x) == pytest.approx(law.mean(), rel=1e-8)
    # One over the root of x towards 0.
    assert law.pdf(1e-20) == pytest.approx(1e5 * law.pdf(1e-10), rel=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("other", [MarchenkoPastur(0.5), Discrete([1, 3], [0.5, 0.5])])
def test_densities_that_fall_faster_than_powers_at_zero(other):
    """Singular values of a Jacobian of tanh: next to 0 the angles of the equations drown in rounding."""
    point = meanfield.critical_point("tanh", q_star=0.5)
    net = MLP([10] * 4, "tanh", weights="haar", sigma_w=point.sigma_w, sigma_b=point.sigma_b)
    law = free_multiply(jacobian.law(net, singular=True), other)
    assert law.expect(np.ones_like) == pytest.approx(1, abs=1e-11)
    assert law.expect(lambda x: x**2) == pytest.approx(law.moment(2), rel=1e-10)
