"""Mixtures of nonlinearities: published numbers, one kind as a special case, given inputs, a simulation."""

import numpy as np
import pytest

from deeprmt import nonlinear
from deeprmt.errors import ConvergenceError
from deeprmt.nonlinear import mixture_errors


def test_published_traces():
    mixed = mixture_errors([0.01, 0.1, 1.0], [0.5, 0.5], [1.0, 1.0], [0.0, 1.0], 0.75, 1.5)
    np.testing.assert_allclose(mixed.g, [51.181343261859, 5.8404426302056, 0.78843054321108], rtol=2e-14)
    single = mixture_errors([0.01, 0.1, 1.0], 1.0, 1.0, 0.5, 0.75, 1.5)
    np.testing.assert_allclose(single.g, [51.108585511235, 5.8173595964747, 0.78798341911059], rtol=2e-14)
    other = mixture_errors(0.1, [0.3, 0.7], [1.0, 2.0], [0.2, 1.5], 0.75, 1.5, signal=0.8)
    np.testing.assert_allclose(
        [other.g, other.k, other.train, other.test],
        [5.6032895511, 3.8822163657, 0.37547041714, 1.1958854846],
        rtol=2e-11,
    )


@pytest.mark.parametrize(
    ("weights", "eta", "zeta", "train", "test"),
    [
        ([1], [1], [0.9], 0.021159817071, 0.56870850148),
        ([1], [1], [0.875], 0.021207598866, 0.66649942305),
        ([1], [1], [0.925], 0.021418063958, 0.47212204303),
        ([0.45, 0.55], [1, 1], [0, 1], 0.019997739582, 0.73430488984),
        ([1], [1], [1], 0.050360647883, 0.19403833137),
        ([1], [1], [0], 0.049937616944, 5.5187305029),
    ],
)
def test_published_errors(weights, eta, zeta, train, test):
    found = mixture_errors(0.01, weights, eta, zeta, 0.5, 0.5, signal=0.9)
    assert float(found.train) == pytest.approx(train, rel=5e-11)
    assert float(found.test) == pytest.approx(test, rel=5e-11)


@pytest.mark.parametrize("zeta", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("ratios", [(0.5, 0.5), (2.0, 1.0), (0.3, 3.0)])
def test_one_kind_is_the_explicit_formula(zeta, ratios):
    gamma = np.geomspace(1e-10, 1e3, 60)
    found = mixture_errors(gamma, [1.0], [1.0], [zeta], *ratios, signal=0.3)
    # Of n1 = m the Jacobian is singular as the root of gamma: 1e-16 over its square, if differentiated.
    rtol = 1e-13 + 1e-16 / gamma * (ratios[0] == ratios[1])
    train = nonlinear.training_error(gamma, 1.0, zeta, *ratios, signal=0.3)
    test = nonlinear.test_error(gamma, 1.0, zeta, *ratios, signal=0.3)
    assert (np.abs(found.train / train - 1) < rtol).all()
    assert (np.abs(found.test / test - 1) < rtol).all()


def test_kinds_that_are_alike_are_one():
    one = mixture_errors([1e-3, 1.0], 1.0, 2.0, 0.7, 0.8, 1.3, signal=0.5)
    two = mixture_errors([1e-3, 1.0], [2.0, 3.0, 0.0], [2.0, 2.0, 9.0], [0.7, 0.7, 1.0], 0.8, 1.3, signal=0.5)
    np.testing.assert_allclose(one.test, two.test, rtol=1e-13)


def test_nearly_linear_kinds():
    """eta - zeta = 1e-20, which the difference does not have; one kind has a formula of its own."""
    found = mixture_errors([1e-22, 1e-18], [1.0], [1.0], [1.0], 0.5, 0.75, signal=0.3, nonlinearity=[1e-20])
    train = nonlinear.training_error([1e-22, 1e-18], 1.0, 1.0, 0.5, 0.75, signal=0.3, nonlinearity=1e-20)
    np.testing.assert_allclose(found.train, train, rtol=1e-9)


def test_given_inputs_are_held_to_gaussian_ones():
    """Eigenvalues of one Gaussian matrix: linear statistics fluctuate by 1 / m."""
    m, n0 = 600, 300
    x = np.random.default_rng(0).normal(size=(n0, m))
    levels = np.linalg.eigvalsh(x.T @ x / n0)
    a = mixture_errors([0.01, 1.0], [0.5, 0.5], [1.0, 1.0], [0.2, 0.9], 0.5, 0.7, signal=0.5)
    b = mixture_errors([0.01, 1.0], [0.5, 0.5], [1.0, 1.0], [0.2, 0.9], 0.5, 0.7, signal=0.5, inputs=levels)
    # Five times 1 / m, with sensitivities of order 2.
    np.testing.assert_allclose(a.test, b.test, rtol=0.02)
    np.testing.assert_allclose(a.g, b.g, rtol=0.01)


def test_a_simulation_is_near():
    """Rows |h| and h: their traces, at n0 = 300, whose bias is of order 1 / n0."""
    rng = np.random.default_rng(2)
    n0, n1, m = 300, 200, 400
    h = rng.normal(size=(n1, n0)) @ rng.normal(size=(n0, m)) / np.sqrt(n0)
    even = (np.abs(h[::2]) - np.sqrt(2 / np.pi)) / np.sqrt(1 - 2 / np.pi)
    y = np.concatenate([even, h[1::2]])
    levels = np.linalg.eigvalsh(y.T @ y / m)
    expected = mixture_errors([0.01, 0.1, 1.0], [0.5, 0.5], [1.0, 1.0], [0.0, 1.0], 0.75, 1.5).g
    for gamma, g in zip((0.01, 0.1, 1.0), expected, strict=True):
        # Five times 1 / n0.
        assert np.mean(1 / (np.maximum(levels, 0) + gamma)) == pytest.approx(g, rel=0.017)


def test_small_and_large_ridges():
    found = mixture_errors(np.geomspace(1e-60, 1e60, 400), [0.5, 0.5], [1.0, 1.0], [0.0, 1.0], 0.75, 0.9)
    assert np.isfinite(found.train).all()
    assert found.train[-1] == pytest.approx(1.0)
    assert found.train[0] == pytest.approx(1 - 0.75 / 0.9, rel=1e-12)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"gamma": 0.0}, "gamma must be above 0"),
        ({"gamma": 1e-300}, "gamma must lie between 1e-100 and 1e.100 times the mean of eta, 1, found 1e-300"),
        ({"phi": 1e300}, "phi must lie between 1e-70 and 1e.70"),
        ({"nonlinearity": [1.0, 0.5]}, "nonlinearity must be eta - zeta to rounding, got 0.5 at index 1"),
        ({"nonlinearity": [1.0]}, "nonlinearity must have one number for each kind"),
        ({"weights": [0.0, 0.0]}, "weights must not all be 0"),
        ({"weights": [1.0]}, "lists of one length"),
        ({"zeta": [0.5, 1.5]}, "zeta must be at most eta, got zeta 1.5 and eta 1 at index 1"),
        ({"phi": -1.0}, "phi must be finite and above 0"),
        ({"signal": 2.0}, r"signal must be in \[0, 1\]"),
        ({"inputs": [-1.0, 2.0]}, "none negative"),
    ],
)
def test_refuses(change, says):
    arguments = {
        "gamma": 0.1, "weights": [0.5, 0.5], "eta": [1.0, 1.0], "zeta": [0.0, 1.0], "phi": 1.0, "psi": 1.0,
    }  # fmt: skip
    with pytest.raises(ValueError, match=says):
        mixture_errors(**(arguments | change))


def test_lost_digits_are_an_error():
    """As many features as samples: traces grow like gamma^(-1/2), and the map's slopes at the fixed point tend to 1."""
    with pytest.raises(ConvergenceError, match="gamma = 1e-60 is so small, where the errors at ridge 0 are singular"):
        mixture_errors(1e-60, [0.5, 0.5], [1.0, 1.0], [0.0, 1.0], 0.5, 0.5)


def test_very_many_features():
    """1e24 features a sample: the trace, 1e-24, is below the last digit of where the iteration starts."""
    found = mixture_errors(1e-3, [1.0], [1.0], [0.5], 1e12, 1e-12)
    assert found.train == pytest.approx(nonlinear.training_error(1e-3, 1.0, 0.5, 1e12, 1e-12), rel=1e-12)
