"""Mixtures of nonlinearities: published numbers, one kind as a special case, given inputs, a simulation."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deeprmt import nonlinear
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


def by_many_digits(gamma, share, eta, zeta, phi, psi, signal, levels, near):
    """Training and test error, g and k: Newton's method on the equations as they are, differences of 1e-40 of gamma."""
    mpmath = pytest.importorskip("mpmath")
    with mpmath.workdps(160):
        real = mpmath.mpf
        w = [real(each) / sum(map(real, share)) * real(phi) / real(psi) for each in share]
        kinds = [(a, real(z), real(e) - real(z)) for a, e, z in zip(w, eta, zeta, strict=True)]

        def solve(c):
            def equations(log_g, log_k):
                g, k = mpmath.exp(log_g), mpmath.exp(log_k)
                a, b = (sum(kind[0] * kind[i] / (1 + kind[1] * k + kind[2] * g) for kind in kinds) for i in (1, 2))
                if levels is None:
                    return [a * k + (b + c) * g - 1, 1 + a * g / phi - g / k]
                means = (sum(x**i / (a * x + b + c) for x in map(real, levels)) / len(levels) for i in (0, 1))
                return [mean / each - 1 for mean, each in zip(means, (g, k), strict=True)]

            return [mpmath.exp(each) for each in mpmath.findroot(equations, [mpmath.log(each) for each in near])]

        c, h = real(gamma), real(10) ** -40
        (g, k), up, down = solve(c), solve(c * (1 + h)), solve(c * (1 - h))
        g_c, k_c = ((a - b) / (2 * h * c) for a, b in zip(up, down, strict=True))
        train = -c * c * (real(signal) * k_c + (1 - real(signal)) * g_c)
        return [float(each) for each in (train, train / (c * g) ** 2, g, k)]


@pytest.mark.parametrize("gamma", [1e-30, 1e-16, 0.1])
@pytest.mark.parametrize("levels", [None, [0.0, 0.0, 0.5, 1.5, 2.0, 2.0]])
@pytest.mark.parametrize(
    ("ratios", "kinds"),
    [
        ((0.5, 0.5), ([0.5, 0.5], [1, 1], [0, 1])),  # each kind saturates a part of its own
        ((0.5, 0.45), ([0.2, 0.3, 0.5], [1, 1, 1], [0, 0.5, 1])),
        ((1.0, 1.0), ([0.25, 0.75], [1, 2], [0.5, 2])),
        ((0.3, 3.0), ([0.5, 0.5], [1, 1], [1e-20, 0.9])),
    ],
)
def test_equations_in_many_digits(gamma, levels, ratios, kinds):
    found = mixture_errors(gamma, *kinds, *ratios, signal=0.9, inputs=levels)
    values = [float(each) for each in (found.train, found.test, found.g, found.k)]
    # A few roundings.
    assert values == pytest.approx(by_many_digits(gamma, *kinds, *ratios, 0.9, levels, values[2:]), rel=5e-15)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.floats(0.01, 1), st.floats(1e-3, 1e3), st.sampled_from([0, 1e-9, 0.5, 1])), min_size=1, max_size=4
    ),
    st.sampled_from([1e-10, 0.3, 0.5, 1.0, 2.0, 1e5]),
    st.sampled_from([1e-10, 0.3, 0.5, 1.0, 2.0, 1e5]),
    st.none() | st.lists(st.sampled_from([0.0, 1e-4, 0.5, 1.0, 1.0, 100.0]), min_size=1, max_size=8).filter(any),
)
def test_all_ridges_have_errors_that_grow_with_them(kinds, phi, psi, levels):
    share, eta, zeta = zip(*((a, e, e * z) for a, e, z in kinds), strict=True)
    gamma = np.mean(eta) * np.concatenate([[0.0], np.geomspace(1e-90, 1e90, 13)])
    found = mixture_errors(gamma, share, eta, zeta, phi, psi, signal=0.5, inputs=levels)
    whole = 0.5 + 0.5 * (1.0 if levels is None else np.mean(levels))
    assert (np.diff(found.train) >= -1e-14 * whole).all()
    assert (found.train >= 0).all()
    assert found.train[-1] == pytest.approx(whole)
    assert not np.isnan(found.test).any()


@pytest.mark.parametrize("zeta", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("ratios", [(0.5, 0.5), (2.0, 1.0), (0.3, 3.0)])
def test_one_kind_is_the_explicit_formula(zeta, ratios):
    gamma = np.geomspace(1e-90, 1e3, 187)
    found = mixture_errors(gamma, [1.0, 2.0], [1.0, 1.0], [zeta, zeta], *ratios, signal=0.3)
    train = nonlinear.training_error(gamma, 1.0, zeta, *ratios, signal=0.3)
    test = nonlinear.test_error(gamma, 1.0, zeta, *ratios, signal=0.3)
    # Either is right to some ten roundings.
    np.testing.assert_allclose(found.train, train, rtol=5e-15)
    np.testing.assert_allclose(found.test, test, rtol=5e-15)


@pytest.mark.parametrize("zeta", [0.0, 0.5, 1.0])
@pytest.mark.parametrize(
    "ratios", [(1.0, 1.0), (0.5, 0.5), (0.5, 0.45), (0.5, 0.75), (1.0, 0.5), (2.0, 1.0), (0.5, 0.5 * (1 + 1e-12))]
)
def test_ridge_zero_and_next_to_it(zeta, ratios):
    """As many features as samples, or inputs, or nearly so: errors are powers of the ridge, and 0 and inf at 0."""
    gamma = [0.0, 1e-90, 1e-60, 1e-30, 1e-16]
    found = mixture_errors(gamma, [0.5, 0.5], [2.0, 2.0], [2 * zeta] * 2, *ratios, signal=0.9)
    train = nonlinear.training_error(gamma, 2.0, 2 * zeta, *ratios, signal=0.9)
    test = nonlinear.test_error(gamma, 2.0, 2 * zeta, *ratios, signal=0.9)
    np.testing.assert_allclose(found.train, train, rtol=5e-15)
    np.testing.assert_allclose(found.test, test, rtol=5e-15)
    # That the ridge has nothing to do with eta when it is 0.
    assert (found.train[0] == 0) == (train[0] == 0)


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
        ({"gamma": -1.0}, "gamma must be at least 0"),
        ({"inputs": [0.0, 0.0]}, "inputs must not all be 0"),
        ({"gamma": 1e-300}, "gamma must be 0 or lie between 1e-100 and 1e.100 times the mean of eta, 1, found 1e-300"),
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


def test_very_many_features():
    """1e24 features a sample: the trace is 1e-24."""
    found = mixture_errors(1e-3, [1.0], [1.0], [0.5], 1e12, 1e-12)
    assert found.train == pytest.approx(nonlinear.training_error(1e-3, 1.0, 0.5, 1e12, 1e-12), rel=1e-12)


@pytest.mark.parametrize("gamma", [1e-20, 1e-28, 1e-30, 1e-60, 1e-90])
def test_linear_features_as_many_as_given_inputs(gamma):
    """To order gamma g = (h / gamma)^(1/2) and the training error is (h gamma)^(1/2) / 2, h the mean of 1 / inputs."""
    levels = np.array([1.5, 0.5, 1.0, 1.0])
    h = np.mean(1 / levels)
    found = mixture_errors(gamma, [1.0], [1.0], [1.0], 0.7, 0.7, inputs=levels)
    # The next order is a part of gamma^(1/2).
    assert found.g == pytest.approx((h / gamma) ** 0.5, rel=1e-9)
    assert found.train == pytest.approx((h * gamma) ** 0.5 / 2, rel=1e-9)
    assert found.test == pytest.approx(0.5 / (h * gamma) ** 0.5, rel=1e-9)


def test_one_signal_and_no_ridge():
    with pytest.raises(TypeError, match="mixture_errors: signal must be one number"):
        mixture_errors(0.1, [1.0], [1.0], [0.5], 0.5, 0.5, signal=[0.5])
    assert repr(mixture_errors([], [1.0], [1.0], [0.5], 0.5, 0.5)) == "MixtureErrors(0 ridges)"
    none = nonlinear.autoencoder_errors([], 1.0, 0.5, 0.5, 0.5, noise=0.1)
    assert repr(none) == "AutoencoderErrors(0 ridges)"
