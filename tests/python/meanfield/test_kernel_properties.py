"""What holds of every kernel of infinite width, whatever the inputs: drawn by hypothesis."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from deeprmt.meanfield import kernels, nngp

ACTIVATIONS = ("relu", "abs", "erf", "gelu", "sin", "cos", "gauss", "sign", "step", "rectified_power(2)", "linear")
HOMOGENEOUS = {"linear": 1, "relu": 1, "abs": 1, "leaky_relu(0.2)": 1, "sign": 0, "square": 2, "cube": 3}

# From nothing to far, with many ties: parallel, antiparallel and equal rows, zeros.
entries = st.sampled_from([0.0, 1.0, -1.0, 0.5, 3.0, 1e-12, 1e-4, 1 + 1e-9, -(1 + 1e-15), 30.0, -1e3])
inputs = arrays(np.float64, st.tuples(st.integers(1, 6), st.integers(1, 3)), elements=entries)
networks = st.fixed_dictionaries(
    {
        "depth": st.integers(1, 5),
        "activation": st.sampled_from(ACTIVATIONS),
        "sigma_w": st.sampled_from([0.3, 1.0, 1.5]),
        "sigma_b": st.sampled_from([0.0, 0.2, 1.0]),
    }
)
few = settings(max_examples=60, deadline=None)


@few
@given(inputs, networks)
def test_symmetric_and_positive(x, network):
    for found in kernels(x, **network):
        np.testing.assert_array_equal(found, found.T)
        assert np.isfinite(found).all()
        assert (np.diag(found) >= 0).all()
        # Cauchy's inequality, and eigenvalues, but for tens of roundings of the largest entry.
        roots = np.sqrt(np.diag(found))  # first: the product of two may be below the least double
        size = np.outer(roots, roots)
        assert (np.abs(found) <= size * (1 + 1e-13) + 1e-300).all()
        assert np.linalg.eigvalsh(found)[0] >= -1e-13 * len(x) * found.max()


@few
@given(inputs, networks, st.randoms(use_true_random=False))
def test_the_order_of_inputs_and_a_rotation_of_them_change_nothing(x, network, random):
    order = list(range(len(x)))
    random.shuffle(order)
    for found, other in zip(kernels(x, **network), kernels(x[order][:, ::-1], **network), strict=True):
        whole = found[np.ix_(order, order)]
        # A rounding of an angle is its root where a kernel jumps or bends, once more with each layer of steps.
        steps = network["activation"] in ("sign", "step")
        slack = 1e-3 if steps and network["depth"] > 2 else 1e-6 if steps else 1e-11
        np.testing.assert_allclose(other, whole, rtol=0, atol=slack * np.abs(found).max())


@few
@given(inputs, st.sampled_from(sorted(HOMOGENEOUS)), st.sampled_from([0.25, 2.0, 64.0]), st.integers(1, 4))
def test_of_homogeneous_activations_scale_passes_through(x, activation, scale, depth):
    one, other = (nngp(each, depth=depth, activation=activation, sigma_w=1.2) for each in (x, scale * x))
    power = 2 * HOMOGENEOUS[activation] ** (depth - 1) if depth > 1 else 2
    # Powers of two: the same bits, but where a variance is too small for its root.
    np.testing.assert_allclose(other, scale**power * one, rtol=1e-13, atol=1e-250)


@settings(max_examples=30, deadline=None)
@given(networks, st.lists(st.floats(0, np.pi), min_size=2, max_size=8))
def test_covariances_ascend_with_correlation(network, angles):
    """Of inputs of one length, for positive correlations: all coefficients of Mehler's series are squares."""
    angles = np.sort(np.array(angles)) / 2
    y = np.sqrt(2) * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    found = nngp(np.array([[np.sqrt(2), 0.0]]), y, **network)[0]
    assert (np.diff(found) <= 1e-13 * found.max()).all()


@few
@given(
    arrays(np.float64, (3, 2), elements=st.floats(allow_nan=True, allow_infinity=True, width=64)),
    networks,
)
def test_hostile_inputs_are_refused_or_served(x, network):
    try:
        found = kernels(x, **network)
    except ValueError:  # an assertion or a warning, which is an error here, is none
        return
    for kernel in found:
        assert np.isfinite(kernel).all()
        np.testing.assert_array_equal(kernel, kernel.T)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_two_calls_are_one_of_both(activation):
    x = np.random.default_rng(0).normal(size=(7, 3))
    options = {"depth": 3, "activation": activation, "sigma_w": 1.3, "sigma_b": 0.1}
    whole = nngp(x, **options)
    np.testing.assert_allclose(nngp(x[:3], x[3:], **options), whole[:3, 3:], rtol=0, atol=1e-13 * whole.max())


@pytest.mark.parametrize("least", [0.1, 1e-4, 1e-12])
def test_waves_of_inputs_of_other_sizes(least):
    """E sin(u) sin(v) = e^-(a + b)/2 sinh(c), to rounding however small one of the variances is."""
    found = nngp(np.array([[1.0], [least]]), depth=2, activation="sin", sigma_w=0.3, sigma_b=0.0)[0, 1]
    a, b, c = 0.09, 0.09 * least**2, 0.09 * least
    assert found == pytest.approx(0.09 * np.exp(-(a + b) / 2) * np.sinh(c), rel=1e-14)
