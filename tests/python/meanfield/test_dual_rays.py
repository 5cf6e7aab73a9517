"""Duals of smooth activations under Gaussians of any width, and kernels that took minutes before they had these."""

import math
import time

import mpmath
import numpy as np
import pytest

from deeprmt.activations import Activation, as_activation
from deeprmt.meanfield import gauss_product, kernels, nngp
from deeprmt.meanfield._dual_rays import gap_by_rays, mean_by_rays
from deeprmt.meanfield._products import product


def angle_gap(angle):
    return 2 * math.sin(angle / 2) ** 2


def another(name):
    """Without its closed form."""
    known = as_activation("test", name)
    return Activation(known.phi, known.dphi, name="another", kinks=known.kinks, slopes=known.slopes)


@pytest.mark.parametrize("name", ["erf", "gelu", "relu"])
@pytest.mark.parametrize("derivative", [0, 1])
def test_closed_forms(name, derivative):
    activation = as_activation("test", name)
    function = activation.dphi if derivative else activation.phi
    for a, b, c in [(1, 1, 0.5), (9, 1, -0.3), (1e4, 1e4, 0.3), (1e6, 1e4, 0.99), (1e12, 1, 0.5), (1e-9, 40, -1)]:
        exact = product(activation, *(np.array([float(each)]) for each in (a, b, c)), derivative)[0]
        found = mean_by_rays(function, activation.parity != 0, a, b, 1 - abs(c), math.copysign(1, c))
        size = math.sqrt(
            gauss_product(name, float(a), derivative=derivative) * gauss_product(name, float(b), derivative=derivative)
        )
        assert abs(found - exact) <= 1e-14 * size  # some thousand positive terms, rounded


def erf_mean(a, b, c):
    return 2 / mpmath.pi * mpmath.asin(2 * c * mpmath.sqrt(a * b) / mpmath.sqrt((1 + 2 * a) * (1 + 2 * b)))


@pytest.mark.parametrize(
    ("a", "b", "angle"),
    [(1, 1, 1e-3), (1, 1.5, 1e-6), (1e4, 1e4, 1e-6), (1e6, 1.1e6, 1e-2), (100, 0.01, 1e-4), (1e8, 1e8, 1e-9)],
)
def test_small_gaps_keep_their_digits(a, b, angle):
    with mpmath.workdps(60):
        a_, b_ = mpmath.mpf(a), mpmath.mpf(b)
        cosine = mpmath.cos(mpmath.mpf(angle))
        wanted = float(1 - erf_mean(a_, b_, cosine) / mpmath.sqrt(erf_mean(a_, a_, 1) * erf_mean(b_, b_, 1)))
    # The gap is of the order of angle^2 (1 + root): u and v are known to 1e-16 of themselves.
    assert gap_by_rays(as_activation("test", "erf"), a, b, angle_gap(angle)) == pytest.approx(wanted, rel=1e-11)


def test_widths_beyond_all_scales():
    """What is left is the sign, and half a line for swish."""
    tanh, swish = as_activation("test", "tanh"), as_activation("test", "swish")
    for a, b, c in [(1e300, 1e300, 0.5), (1e300, 1e200, -0.9)]:
        assert mean_by_rays(tanh.phi, True, a, b, 1 - abs(c), math.copysign(1, c)) == pytest.approx(
            2 / math.pi * math.asin(c), rel=1e-13
        )
    root = math.sqrt(1e200) * math.sqrt(1e80)
    wanted = root * gauss_product("relu", 1.0, c=0.3)
    assert mean_by_rays(swish.phi, False, 1e200, 1e80, 0.7, 1.0) == pytest.approx(wanted, rel=1e-13)
    # Slopes of tanh have the mass 2 at one point each: 4 times the density at the origin.
    density = 1 / (2 * math.pi * math.sqrt(1 - 0.3**2)) / root
    assert mean_by_rays(tanh.dphi, True, 1e200, 1e80, 0.7, 1.0) == pytest.approx(4 * density, rel=1e-13)


@pytest.mark.parametrize("name", ["tanh", "swish", "softplus", "sigmoid"])
def test_wide_gaussians_in_high_precision(name):
    """Where u and v are independent the square of a mean, by mpmath; elsewhere by Price's theorem."""
    activation = as_activation("test", name)
    for q in (1e2, 1e4, 1e6):
        root = math.sqrt(q)
        # Independent u and v: the product of the means, each in one dimension.
        with mpmath.workdps(25):
            phi = {
                "tanh": mpmath.tanh,
                "swish": lambda h: h / (1 + mpmath.exp(-h)),
                "softplus": lambda h: mpmath.log1p(mpmath.exp(-abs(h))) + max(h, 0),
                "sigmoid": lambda h: 1 / (1 + mpmath.exp(-h)),
            }[name]
            edges = [s * e / root for s in (-1, 1) for e in (0.0, 1.0, 4.0, 16.0, 64.0) if e < 6 * root]
            edges = sorted({-12.0, -6.0, -1.5, 1.5, 6.0, 12.0, *edges})
            mean = mpmath.quad(lambda z, phi=phi, root=root: mpmath.npdf(z) * phi(root * z), edges)
            wanted = float(mean * mean)
        size = gauss_product(activation, q)
        assert abs(gauss_product(activation, q, c=0.0) - wanted) <= 1e-13 * size
        # Full correlation by the angle 0, of one dimension, against small angles that are not.
        near = gauss_product(activation, q, c=1 - 1e-15)
        assert abs(near - size) <= 1e-9 * size
        # Price: the slope in the covariance is the dual of the slopes; central differences of the fourth order.
        step = 1e-3
        values = gauss_product(activation, q, c=0.6 + step * np.array([-2, -1, 1, 2]))
        slope = float(values @ np.array([1, -8, 8, -1])) / (12 * step * q)
        # Rounding over the step, and its fourth power.
        assert abs(gauss_product(activation, q, c=0.6, derivative=1) - slope) <= 1e-10 * size / q


def bounded_time(call, seconds=10.0):
    """Of the processor, where others may run: a second or less, what took from 20 seconds to minutes."""
    begin = time.process_time()
    out = call()
    assert time.process_time() - begin < seconds
    return out


def test_parallel_inputs_without_biases():
    lengths = np.array([1, 2, 5, -1, 1e-2, 100])
    x = np.outer(lengths, [1, 2, 3.0])
    options = {"depth": 3, "sigma_w": 1.3, "sigma_b": 0.0}
    found = bounded_time(lambda: nngp(x, activation=another("erf"), **options))
    wanted = nngp(x, activation="erf", **options)
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-12 * wanted.max())


def test_factors_near_the_ends_of_doubles():
    x = np.random.default_rng(0).normal(size=(2, 4))
    x = np.concatenate([1e-160 * x, 1e150 * x, x])
    options = {"depth": 3, "sigma_w": 1.3, "sigma_b": 0.1}
    found = bounded_time(lambda: nngp(x, activation=another("erf"), **options), 20.0)
    wanted = nngp(x, activation="erf", **options)
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-12 * wanted.max())


def test_many_lengths_over_four_decades():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 5)) * 10 ** rng.uniform(-2, 2, size=(40, 1))
    options = {"depth": 3, "sigma_w": 1.3, "sigma_b": 0.1}
    found = bounded_time(lambda: kernels(x, activation=another("gelu"), **options), 15.0)
    wanted = kernels(x, activation="gelu", **options)
    for mine, theirs in ((found.nngp, wanted.nngp), (found.ntk, wanted.ntk)):
        size = np.sqrt(np.outer(theirs.diagonal(), theirs.diagonal()))
        assert np.abs((mine - theirs) / size).max() <= 2e-12


def test_tables_between_variances_far_apart():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 5))
    x *= (np.geomspace(0.1, 10, 40) / (x * x).mean(axis=1))[:, None] ** 0.5
    options = {"depth": 2, "sigma_w": 1.0}
    found = bounded_time(lambda: kernels(x, activation=another("gelu"), **options), 20.0)
    wanted = kernels(x, activation="gelu", **options)
    for mine, theirs in ((found.nngp, wanted.nngp), (found.ntk, wanted.ntk)):
        size = np.sqrt(np.outer(theirs.diagonal(), theirs.diagonal()))
        assert np.abs((mine - theirs) / size).max() <= 1e-12


def test_slopes_of_gauss_near_the_ends_of_doubles():
    x = np.array([[1e150, 0.0], [0.0, 1e150]])
    q = 1e300 / 2
    f, d = (1 + 2 * q) ** -0.5, q / (1 + 2 * q) * (1 + 2 * q) ** -0.5
    found = kernels(x, depth=2, activation="gauss", sigma_w=1.0)
    np.testing.assert_allclose(found.ntk.diagonal(), f + d * q, rtol=1e-14)
