"""The kernel of random features: published values, the Gaussian double integral, exact geometry, scale."""

import numpy as np
import pytest

from deeprmt.activations import Activation, as_activation
from deeprmt.meanfield import gauss_moment, gauss_product, nngp
from deeprmt.nonlinear import feature_kernel

# At squared lengths 1.2 and 0.8 and inner product 0.5, standard normal weights.
VALUES = {
    "linear": 0.5,
    "relu": 0.3017237069322,
    "abs": 0.7068948277287,
    "erf": 0.2183758228673,
    "heaviside": 0.3352347363376,
    "sign": 0.3409389453504,
    "cos": 0.4148304099305,
    "sin": 0.1917002497821,
    "gauss": 0.5191741316512,
    "square": 1.46,
}


@pytest.mark.parametrize("name", VALUES)
def test_published_values(name):
    x = np.array([[np.sqrt(1.2), 0.0]])
    y = np.array([[0.5 / np.sqrt(1.2), np.sqrt(0.8 - 0.25 / 1.2)]])
    # One unit of the 13th digit.
    assert feature_kernel(x, y, activation=name, sigma_w=2**0.5)[0, 0] == pytest.approx(VALUES[name], abs=2e-13)


@pytest.mark.parametrize("name", ["relu", "erf", "gauss", "heaviside", "tanh", "gelu", "hard_tanh", "elu"])
def test_is_the_double_integral(name):
    from deeprmt.activations import elu

    f = elu(1.5) if name == "elu" else as_activation("test", name)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(6, 4))
    x[1], x[2], x[3], x[4] = x[0], -x[0], 3 * x[0], x[0] + 1e-7
    if name == "elu":  # whose double integrals are slow
        x = x[[0, 2, 5]]
    found = feature_kernel(x, activation=f, sigma_w=1.3)
    q = 1.69 / 4 * np.sum(x * x, axis=1)
    c = np.clip(1.69 / 4 * (x @ x.T) / np.sqrt(np.outer(q, q)), -1, 1)
    expected = gauss_product(f, q[:, None], q[None], c)
    size = np.sqrt(np.outer(gauss_moment(f, q), gauss_moment(f, q)))
    # The series is cut at 2e-12; close to c = 1 a rounding of c by 1e-16 turns angles by 1e-8, and jumps by as much.
    assert (np.abs(found - expected) <= (3e-12 if name != "heaviside" else 1e-7) * size).all()
    np.testing.assert_array_equal(found, found.T)
    # The diagonal does not go by way of an angle at all.
    np.testing.assert_allclose(np.diag(found), gauss_moment(f, q), rtol=1e-13)
    np.testing.assert_allclose(feature_kernel(x, x[:2], activation=f, sigma_w=1.3), found[:, :2], rtol=0, atol=1e-7)


def test_is_the_mean_of_many_features():
    rng = np.random.default_rng(3)
    x = rng.normal(size=(5, 3))
    w = rng.normal(size=(200_000, 3)) / np.sqrt(3)
    z = np.tanh(x @ w.T)
    products = z[:, None] * z[None]
    found = feature_kernel(x, activation="tanh")
    # Five sigma of each mean.
    assert (np.abs(products.mean(-1) - found) < 5 * products.std(-1) / 200_000**0.5 + 1e-12).all()


def test_zero_and_far_samples():
    x = np.array([[0.0, 0.0], [1e-160, 0.0], [1e100, 0.0]])
    found = feature_kernel(x, activation="relu")
    assert (found[0] == 0).all()
    assert np.isfinite(found).all()
    with pytest.raises(ValueError, match="overflow"):
        feature_kernel(x * 1e100, activation="relu")


@pytest.mark.parametrize("name", ["sign", "heaviside", "step", "cos", "swish", "square", "exp"])
def test_samples_of_length_zero_have_the_value_at_zero(name):
    """As features do: of w.x = 0 they are f(0), beside the mean of f at the other sample."""
    rng = np.random.default_rng(2)
    x = rng.normal(size=(5, 3))
    x[1] = x[3] = 0
    f = as_activation("test", name)
    at_zero, q = float(f.phi(np.zeros(1))[0]), np.sum(x * x, axis=1) / 3
    found, between = feature_kernel(x, activation=name), feature_kernel(x, x[:2].copy(), activation=name)
    mean = gauss_moment(f, q[[0, 2, 4]], power=1)
    np.testing.assert_allclose(found[1, [0, 2, 4]], at_zero * mean, rtol=1e-13, atol=1e-15)
    np.testing.assert_array_equal(found[[1, 1, 3], [1, 3, 3]], at_zero**2)
    np.testing.assert_array_equal(found, found.T)
    np.testing.assert_allclose(found[:, :2], between, rtol=0, atol=1e-12 * np.abs(found).max())
    np.testing.assert_allclose(found[[0, 2, 4], [0, 2, 4]], gauss_moment(f, q[[0, 2, 4]]), rtol=1e-12)


def test_is_the_kernel_of_a_network_of_one_layer():
    x = np.random.default_rng(4).normal(size=(9, 5))
    for name in ("relu", "sign", "gauss", "tanh", "leaky_relu(0.2)", "rectified_power(2)"):
        k = nngp(x, depth=2, activation=name, sigma_w=1.5)
        np.testing.assert_allclose(feature_kernel(x, activation=name, sigma_w=1.5), k / 2.25, rtol=1e-14, atol=1e-15)


def test_kinks_off_zero_and_curved_between():
    """Mehler's series, and the double integral near correlation 1, against the mean over many features."""
    swish_like = Activation(lambda h: h * np.clip(h / 6 + 0.5, 0, 1), name="hard_swish")
    rng = np.random.default_rng(5)
    x = rng.normal(size=(9, 3))
    found = feature_kernel(x, activation=swish_like, sigma_w=3.0)
    q = 3 * np.sum(x * x, axis=1)
    for i, j in ((0, 0), (0, 1), (2, 7)):
        c = 1.0 if i == j else 3 * x[i] @ x[j] / np.sqrt(q[i] * q[j])
        expected = gauss_product(swish_like, q[i], q[j], c)
        assert abs(found[i, j] - expected) < 3e-12 * np.sqrt(found[i, i] * found[j, j])  # the series ends at 2e-12


def test_threads_do_not_matter():
    x = np.random.default_rng(1).normal(size=(70, 9))
    for name in ("relu", "swish"):
        one, four = (feature_kernel(x, activation=name, threads=t) for t in (1, 4))
        np.testing.assert_array_equal(one, four)


def test_ones_own_and_positive():
    cube = Activation(lambda h: h**3, lambda h: 3 * h**2, name="cube")
    x = np.random.default_rng(1).normal(size=(40, 6))
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    found = feature_kernel(x, activation=cube, sigma_w=6**0.5)
    c = x @ x.T
    np.testing.assert_allclose(found, 9 * c + 6 * c**3, rtol=0, atol=1e-11)
    assert np.linalg.eigvalsh(found).min() > -1e-12


@pytest.mark.parametrize(
    ("x", "options", "says"),
    [
        ([1.0, 2.0], {}, "x must be a matrix"),
        ([[1.0, np.nan]], {}, "x must be finite"),
        ([[1.0]], {"y": [[1.0, 2.0]]}, "y must have 1 columns, got 2"),
        ([[1.0]], {"sigma_w": 0.0}, "sigma_w must be finite and above 0"),
        ([[1.0]], {"activation": "no"}, "heaviside"),
    ],
)
def test_refuses(x, options, says):
    with pytest.raises(ValueError, match=says):
        feature_kernel(x, **options)
