import math

import mpmath
import numpy as np
import pytest

from deeprmt import meanfield
from deeprmt.activations import Activation
from deeprmt.errors import ConvergenceError
from deeprmt.meanfield._dual_strips import gap_by_strips, mean_by_strips
from deeprmt.meanfield._products import _panels

hard_swish = Activation(
    lambda h: h * np.clip(h + 3, 0, 6) / 6,
    lambda h: np.where(np.abs(h) < 3, (2 * h + 3) / 6, np.where(h > 0, 1.0, 0.0)),
    name="hard_swish",
    kinks=(-3.0, 3.0),
)
late_square = Activation(
    lambda h: np.where(h > 1, (h - 1) ** 2, 0.0), lambda h: np.where(h > 1, 2 * (h - 1), 0.0), kinks=(1.0,)
)
cut_cosine = Activation(
    lambda h: np.where(h > 0.5, np.cos(h), 0.0), lambda h: np.where(h > 0.5, -np.sin(h), 0.0), kinks=(0.5,)
)
bent_tanh = Activation(
    lambda h: np.tanh(h) + 0.5 * np.abs(h - 0.7),
    lambda h: 1 / np.cosh(h) ** 2 + 0.5 * np.sign(h - 0.7),
    kinks=(0.7,),
)


def late_square_mean(a, b, c):
    """E (u - 1)_+^2 (v - 1)_+^2, the mean over v in closed form, in 30 digits."""
    with mpmath.workdps(30):
        root_a, root_b, c = mpmath.sqrt(a), mpmath.sqrt(b), mpmath.mpf(c)
        s = root_b * mpmath.sqrt(1 - c * c)

        def inner(z):
            m = root_b * c * z - 1
            return (m * m + s * s) * mpmath.ncdf(m / s) + m * s * mpmath.npdf(m / s)

        bends = [1 / root_a, 1 / (root_b * c), 1 / (root_b * c) + 4 * s, 1 / (root_b * c) - 4 * s]
        edges = sorted({z for z in bends if 1 / root_a <= z < 12} | {mpmath.mpf(4), mpmath.mpf(8), mpmath.mpf(14)})
        return float(mpmath.quad(lambda z: mpmath.npdf(z) * (root_a * z - 1) ** 2 * inner(z), edges))


@pytest.mark.parametrize(("a", "b"), [(2.0, 2.0), (3.0, 0.4)])
def test_high_precision(a, b):
    for c in (0.3, 0.995, -0.5):
        found = meanfield.gauss_product(late_square, a, b, c)
        size = math.sqrt(meanfield.gauss_moment(late_square, a) * meanfield.gauss_moment(late_square, b))
        # What the docstring promises.
        assert abs(found - late_square_mean(a, b, c)) <= 1e-13 * size


@pytest.mark.parametrize("activation", [hard_swish, late_square, cut_cosine, bent_tanh])
def test_strips_and_panels_agree(activation):
    for a, b, c in [(2.0, 2.0, 0.999), (5.0, 0.5, -0.97)]:
        for function in (activation.phi, activation.dphi):
            one = np.ones(1)
            found, done = mean_by_strips(
                function, activation.kinks, activation.parity, a * one, b * one, (1 - abs(c)) * one, np.sign(c) * one
            )
            size = math.sqrt(_panels(activation, function, a, a, 1.0) * _panels(activation, function, b, b, 1.0))
            # 1e-13 each; rounding of 1 - |c| moves a product of phi' by 1e-16 over the angle.
            assert done.all()
            assert abs(found[0] - _panels(activation, function, a, b, c)) <= 2e-13 * size


def test_gaps_of_nearly_parallel_pairs_keep_their_digits():
    # Of one length, to first order in the gap: q E phi'^2 / E phi^2, plus the root of the gap for what bends.
    q, gap = np.full(3, 2.0), np.array([1e-8, 1e-12, 1e-16])
    size = np.sqrt(meanfield.gauss_moment(hard_swish, 2.0))
    found, done = gap_by_strips(hard_swish.phi, hard_swish.kinks, 0, q, q, gap, (np.full(3, size), np.full(3, size)))
    slope = 2 * meanfield.gauss_moment(hard_swish, 2.0, derivative=True) / size**2
    assert done.all()
    # A rounding of phi is one of the angle, 2e-16 / 1.4e-8 at the smallest; bends count for the root of the gap.
    np.testing.assert_array_less(np.abs(found / gap / slope - 1), np.sqrt(gap) + 4e-16 / np.sqrt(gap))


def test_products_that_almost_vanish():
    """The two Gaussians are hardly ever above the kink together: the value is rounding of its size."""
    t = math.pi - 0.01
    x = math.sqrt(2) * np.array([[1, 0], [math.cos(t), math.sin(t)]])
    both = meanfield.kernels(x, depth=2, activation=late_square, sigma_w=1.5)
    assert abs(both.nngp[0, 1]) <= 1e-12 * both.nngp[0, 0]
    assert abs(both.ntk[0, 1]) <= 1e-12 * both.ntk[0, 0]
    for own in (cut_cosine, Activation(lambda h: np.where(h > 0.7, h * h - 0.49, 0.0))):
        assert abs(meanfield.gauss_product(own, 1.0, c=-0.99)) <= 1e-13


@pytest.mark.parametrize("lengths", [0.0, 0.4])
def test_many_inputs_are_as_single_pairs(lengths):
    """Tables, series and strips; of unequal lengths each pair has its own value."""
    rng = np.random.default_rng(3)
    x = rng.normal(size=(40, 5))
    x *= np.exp(lengths * rng.normal(size=(40, 1))) / np.linalg.norm(x, axis=1, keepdims=True)
    network = {"depth": 2, "activation": hard_swish, "sigma_w": 3.0, "sigma_b": 0.4}
    k, theta = meanfield.kernels(x, **network)
    q = np.diag(meanfield.nngp(x, **network | {"depth": 1}))
    first = meanfield.nngp(x, **network | {"depth": 1})
    for i, j in [(0, 1), (7, 30), (12, 39)]:
        c = first[i, j] / math.sqrt(q[i] * q[j])
        mean = _panels(hard_swish, hard_swish.phi, q[i], q[j], c)
        slope = _panels(hard_swish, hard_swish.dphi, q[i], q[j], c)
        assert k[i, j] == pytest.approx(9 * mean + 0.16, rel=0, abs=1e-12 * math.sqrt(k[i, i] * k[j, j]))
        expected = k[i, j] + 9 * slope * first[i, j]
        assert theta[i, j] == pytest.approx(expected, rel=0, abs=1e-12 * math.sqrt(theta[i, i] * theta[j, j]))


def test_few_inputs_and_many_kinks():
    kinks = tuple(k * math.pi + sign * math.pi / 6 for k in range(-7, 8) for sign in (-1, 1))
    wave = Activation(lambda h: np.clip(np.sin(h), -0.5, 0.5), kinks=kinks)
    x = np.random.default_rng(5).normal(size=(3, 8))
    found = meanfield.nngp(x, depth=2, activation=wave, sigma_w=1.3)
    q = 1.69 * np.mean(x * x, axis=1)
    for i, j in [(0, 1), (0, 2), (1, 2)]:
        c = x[i] @ x[j] / math.sqrt((x[i] @ x[i]) * (x[j] @ x[j]))
        exact = 1.69 * meanfield.gauss_product(wave, q[i], q[j], c)
        # What Mehler's series may leave out, and 1e-13 of the product itself.
        assert abs(found[i, j] - exact) <= 3e-13 * math.sqrt(found[i, i] * found[j, j])


def test_what_is_steep_is_seen():
    steep = Activation(lambda h: np.tanh(30 * h), lambda h: 30 / np.cosh(np.clip(30 * h, -300, 300)) ** 2, kinks=())
    theta = meanfield.ntk([[0.5**0.5, 0.0]], depth=2, activation=steep, sigma_w=2**0.5)
    q = 0.5
    slope = meanfield.gauss_moment(steep, q, derivative=True)
    second = meanfield.gauss_moment(steep, q)
    assert theta[0, 0] == pytest.approx(2 * second + 2 * slope * q, rel=1e-12)


def test_waves_of_wide_gaussians_do_not_overflow():
    q = np.array([1e20, 1e20 * (1 + 1e-15), 0.3])
    for name in ("cos", "sin"):
        found = meanfield.gauss_product(name, q[:, None], q)
        assert (np.abs(found) <= 1).all()
        np.testing.assert_allclose(np.diag(found), meanfield.gauss_product(name, q, c=1.0), rtol=1e-15)
    k = meanfield.nngp([[1e-10], [1.0], [1e10]], depth=3, activation="cos", sigma_w=1.2)
    assert (np.abs(k) <= 1.44 * (1 + 1e-15)).all()


def test_what_is_not_found_names_the_call():
    noise = Activation(lambda h: np.modf(1e6 * np.sin(1e6 * h))[0], np.ones_like, name="noise", kinks=())
    with pytest.raises(ConvergenceError, match="nngp: activation noise has a Gaussian mean that is not found"):
        meanfield.nngp([[1.0]], depth=2, activation=noise, sigma_w=1.0)
    with pytest.raises(ConvergenceError, match="kernels: activation exp"):
        meanfield.kernels([[1e3]], [[1.0]], depth=2, activation="exp", sigma_w=1.0)
