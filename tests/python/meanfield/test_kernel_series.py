"""Kernels of activations without a closed form: Hermite series, series in the angle, and what is interpolated."""

import math

import numpy as np
import pytest

from deeprmt.activations import Activation, as_activation
from deeprmt.meanfield import _dual_table as tables
from deeprmt.meanfield import _hermite_table as hermite
from deeprmt.meanfield import gauss_product, kernels, nngp
from deeprmt.meanfield._moments import expect_many
from deeprmt.meanfield._variance_nodes import of_many, terms


def under_another_name(name):
    """The same function, of which no closed form is known."""
    known = as_activation("test", name)
    return Activation(known.phi, known.dphi, name="another", kinks=known.kinks)


def inputs(rng, n=40, width=8):
    """Of lengths that differ by a factor of 2 or so, some nearly parallel or antiparallel, some equal."""
    x = rng.normal(size=(n, width))
    x *= np.exp(rng.uniform(-0.5, 0.3, size=(n, 1))) * math.sqrt(width) / np.linalg.norm(x, axis=1, keepdims=True)
    x[0] *= 0.6
    x[1], x[2], x[3] = x[0] + 1e-9 * rng.normal(size=width), -x[0], x[0]
    x[4] = -1.5 * x[0] + 1e-7 * rng.normal(size=width)
    return x


@pytest.mark.parametrize("q", [0.1, 1.0, 3.0])
def test_coefficients_of_sin_and_cos(q):
    """Of degree k exp(-q / 2) q^(k / 2) / k!^(1/2), of every second degree, with signs; squares sum to one."""
    for name, whole, first in (("sin", math.sinh(q), 1), ("cos", math.cosh(q), 0)):
        k = np.arange(first, first + 24, 2)
        size = np.array([q ** (i / 2) / math.sqrt(math.factorial(i)) for i in k]) / math.sqrt(whole)
        found = hermite.hermite_series(as_activation("test", name), np.array([q]), 12)[0]
        np.testing.assert_allclose(found, size * (-1.0) ** (np.arange(12)), rtol=0, atol=1e-15)


@pytest.mark.parametrize("name", ["sin", "cos", "erf", "gelu"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_against_closed_forms(name, dtype):
    """Odd, even and neither, at all angles and lengths; every layer, of one set of inputs and of two."""
    x = inputs(np.random.default_rng(1)).astype(dtype)
    options = {"depth": 4, "sigma_w": 1.3, "sigma_b": 0.2, "layers": "all"}
    # 1e-12 is what is promised; in single precision some roundings of each of four layers, as the closed forms have.
    close = 1e-12 if dtype == np.float64 else 4e-6
    for y in (None, x[:7]):
        for found, wanted in zip(
            kernels(x, y, activation=under_another_name(name), **options),
            kernels(x, y, activation=name, **options),
            strict=True,
        ):
            for layer, other in zip(found, wanted, strict=True):
                np.testing.assert_allclose(layer, other, rtol=0, atol=close * np.abs(other).max())


@pytest.mark.parametrize("name", ["tanh", "swish", "softplus"])
def test_against_quadrature_of_pairs(name):
    x = inputs(np.random.default_rng(2), 12)
    k, theta = kernels(x, depth=2, activation=name, sigma_w=1.2, sigma_b=0.1)
    first = nngp(x, depth=1, activation=name, sigma_w=1.2, sigma_b=0.1)
    q = first.diagonal()
    for i, j in ((5, 5), (0, 5), (6, 7), (4, 8), (4, 0)):
        c = min(max(first[i, j] / math.sqrt(q[i] * q[j]), -1), 1)
        f, d = (1.44 * gauss_product(name, q[i], q[j], c, derivative=order) for order in (0, 1))
        assert abs(k[i, j] - (f + 0.01)) < 1e-12 * k.max()
        assert abs(theta[i, j] - (f + 0.01 + d * first[i, j])) < 1e-12 * theta.max()


@pytest.mark.parametrize("name", ["tanh", "softplus"])
def test_both_kinds_of_series_agree(name, monkeypatch):
    x = inputs(np.random.default_rng(3), 20)
    x /= np.linalg.norm(x, axis=1, keepdims=True)  # lengths of one size: a few nodes do, and take little time
    x[5] *= 1 + 1e-6
    options = {"depth": 5, "activation": name, "sigma_w": 2.0, "sigma_b": 0.1, "layers": "all"}
    short = kernels(x, **options)
    tables._kept.cache_clear()
    monkeypatch.setattr(tables, "hermite_table", lambda *_: None)
    long = kernels(x, **options)
    tables._kept.cache_clear()
    for found, wanted in zip(short, long, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-12 * wanted.max())


def test_which_series():
    def series(name, low, high, tolerance=3e-14):
        return hermite.hermite_table(as_activation("test", name), low, high, tolerance)

    nodes, (ends, left, right), between = series("tanh", 0.5, 1.0)
    assert ends == list(range(1, len(left) + 1))
    assert left.shape == right.shape == (len(left), len(nodes))
    assert len(left) < 100
    assert between[0][-1] <= len(nodes)
    np.testing.assert_allclose((left * left).sum(axis=0), 1, rtol=0, atol=1e-13)
    assert len(series("tanh", 0.5, 1.0, 2e-8)[1][0]) < 45
    assert series("tanh", 50.0, 60.0) is None  # too many terms
    assert series("elu", 1.0, 1.0) is None
    assert series("tanh", 1e-30, 1.0) is None
    bent = Activation(lambda h: np.tanh(h) + 1e-5 * np.abs(h - 0.5), kinks=())  # where its kink is not known
    assert hermite.hermite_table(bent, 1.0, 1.0, 3e-14) is None


def test_terms_are_the_matrix():
    rng = np.random.default_rng(4)
    u = rng.normal(size=(2, 7))
    series = np.stack([np.outer(u[0], u[0]) - np.outer(u[1], u[1]), np.zeros((7, 7)), np.eye(7)], axis=-1)
    ends, left, right = terms(series, 1e-12)
    assert ends == [2, 2, 9]
    for t, (low, high) in enumerate(zip([0, *ends[:-1]], ends, strict=True)):
        np.testing.assert_allclose(left[low:high].T @ right[low:high], series[:, :, t], rtol=0, atol=1e-13)


@pytest.mark.parametrize("name", ["tanh", "swish", "hard_tanh"])
def test_means_of_many_variances(name):
    activation = as_activation("test", name)
    q = np.sort(np.random.default_rng(5).uniform(0.3, 4, size=300))

    def mean(q):
        return expect_many(activation, q, lambda h, _: activation.phi(h) ** 2, even=True)

    np.testing.assert_allclose(of_many(mean, q), mean(q), rtol=1e-14)
    assert of_many(lambda q: q - 1, q).tolist() == (q - 1).tolist()  # of both signs: not by its logarithm


@pytest.mark.parametrize("activation", ["tanh", "swish", "elu"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_threads_and_rooms_change_nothing(activation, dtype):
    """Tiles of 256 and blocks of columns, the last of them not full; the diagonal of tiles is met twice."""
    x = inputs(np.random.default_rng(6), 301, 5).astype(dtype)
    options = {"depth": 3, "activation": activation, "sigma_w": 1.3, "sigma_b": 0.1}
    out = np.empty((301, 301), dtype), np.empty((301, 301), dtype)
    one = kernels(x, **options, threads=1)
    many = kernels(x, **options, threads=3, out=out)
    for found, again, single, whole in zip(
        one, many, kernels(x[:9], x, **options), kernels(x, x, **options), strict=True
    ):
        np.testing.assert_array_equal(found, again)
        np.testing.assert_array_equal(found, found.T)
        close = 1e-12 if dtype == np.float64 else 3e-6
        np.testing.assert_allclose(found[:9], single, rtol=0, atol=close * found.max())
        np.testing.assert_allclose(found, whole, rtol=0, atol=close * found.max())
    assert one.nngp[0, 0] == one.nngp[0, 3]
    np.testing.assert_array_equal(one.nngp, nngp(x, **options))
