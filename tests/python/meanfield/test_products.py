import math

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deeprmt.activations import Activation, as_activation, elu, names
from deeprmt.errors import ConvergenceError
from deeprmt.meanfield import _products, gauss_moment, gauss_product
from deeprmt.meanfield._products import _panels
from reference.meanfield import products as reference

correlations = [-1.0, -1 + 1e-12, -0.6, 0.0, 0.3, 0.99, 1 - 1e-9, 1 - 1e-15, 1.0]


def size(activation, q1, q2, derivative):
    return math.sqrt(
        gauss_moment(activation, q1, derivative=bool(derivative))
        * gauss_moment(activation, q2, derivative=bool(derivative))
    )


@pytest.mark.parametrize("name", names)
@pytest.mark.parametrize("derivative", [0, 1])
def test_matches_the_reference(name, derivative):
    for q1, q2, c in [(0.4, 0.4, 0.6), (2.0, 0.3, -0.35), (1.0, 1.0, 0.9)]:
        expected = reference.gauss_product(name, q1, q2, c, derivative)
        # A series of Hermite coefficients, cut where c^k or the coefficients' decay leaves 1e-12 of the size.
        assert abs(gauss_product(name, q1, q2, c, derivative=derivative) - expected) <= 2e-12 * size(
            name, q1, q2, derivative
        )


@pytest.mark.parametrize("name", names)
@pytest.mark.parametrize("derivative", [0, 1])
def test_the_ways_agree(name, derivative):
    """Closed forms, the bivariate normal and the trapezoidal rule against panels."""
    activation = as_activation("test", name)
    function = activation.dphi if derivative else activation.phi
    for q1, q2 in [(1e-6, 1e-6), (0.3, 2.0), (6.0, 30.0)]:
        for c in correlations[:: 1 if q1 == 0.3 else 5]:
            found = gauss_product(name, q1, q2, c, derivative=derivative)
            expected = _panels(activation, function, q1, q2, c)
            assert abs(found - expected) <= 2e-14 * size(name, q1, q2, derivative)


@pytest.mark.parametrize("name", [*names, "own"])
def test_full_correlation_is_the_second_moment(name):
    activation = Activation(lambda h: h * np.tanh(h)) if name == "own" else name
    q = np.array([1e-3, 0.7, 9.0])
    for derivative in (0, 1):
        np.testing.assert_allclose(
            gauss_product(activation, q, derivative=derivative),
            gauss_moment(activation, q, derivative=bool(derivative)),
            rtol=1e-13,
        )


def test_high_precision_values():
    with mpmath.workdps(40):
        for q, c in [(2.0, 1 - 1e-10), (0.3, -0.99), (50.0, 0.5)]:
            exact_q, exact_c = mpmath.mpf(q), mpmath.mpf(c)
            angle = mpmath.acos(exact_c)
            relu = exact_q / (2 * mpmath.pi) * (mpmath.sin(angle) + (mpmath.pi - angle) * mpmath.cos(angle))
            slope = (mpmath.pi - angle) / (2 * mpmath.pi)
            erf = 2 / mpmath.pi * mpmath.asin(2 * exact_q * exact_c / (1 + 2 * exact_q))
            assert gauss_product("relu", q, c=c) == pytest.approx(float(relu), rel=1e-14, abs=1e-16 * q)
            assert gauss_product("relu", q, c=c, derivative=1) == pytest.approx(float(slope), rel=1e-14)
            assert gauss_product("erf", q, c=c) == pytest.approx(float(erf), rel=1e-14)
            # cos of hard_tanh's bivariate tails: a double integral in high precision.
    with mpmath.workdps(20):
        z = mpmath.mpf(3) / 5

        def clipped(u):
            """E[clip(v) | u] for variance 1 and correlation 3/5, in closed form."""
            s = mpmath.sqrt(1 - z * z)
            low, high = (-1 - z * u) / s, (1 - z * u) / s
            inside = mpmath.ncdf(high) - mpmath.ncdf(low)
            return z * u * inside + s * (mpmath.npdf(low) - mpmath.npdf(high)) + mpmath.ncdf(-high) - mpmath.ncdf(low)

        exact = mpmath.quad(lambda u: mpmath.npdf(u) * max(-1, min(1, u)) * clipped(u), [-12, -4, -1, 0, 1, 4, 12])
    assert gauss_product("hard_tanh", 1.0, c=0.6) == pytest.approx(float(exact), rel=1e-14)


@settings(max_examples=30, deadline=None)
@given(
    st.floats(1e-6, 300),
    st.floats(1e-6, 300),
    st.floats(-1, 1),
    st.sampled_from(["relu", "hard_tanh", "erf", "gelu", "sin", "abs"]),
)
def test_symmetries_and_bounds(q1, q2, c, name):
    for derivative in (0, 1):
        value = gauss_product(name, q1, q2, c, derivative=derivative)
        assert value == pytest.approx(gauss_product(name, q2, q1, c, derivative=derivative), rel=1e-12, abs=1e-15)
        ends = gauss_product(name, np.array([q1, q2]), derivative=derivative)
        # Cauchy and Schwarz, up to rounding.
        assert abs(value) <= math.sqrt(ends[0] * ends[1]) * (1 + 1e-11) + 1e-15
    odd = as_activation("test", name).parity == -1
    if odd:
        most = size(name, q1, q2, 0)
        assert abs(gauss_product(name, q1, q2, -c) + gauss_product(name, q1, q2, c)) <= 2e-13 * most


def test_steps_jumps_and_own_kinks():
    step = Activation(lambda h: np.heaviside(h, 0.0))
    c = np.array([-1, -0.5, 0, 0.5, 1])
    np.testing.assert_allclose(gauss_product(step, 3.0, c=c), 0.25 + np.arcsin(c) / (2 * np.pi), rtol=0, atol=2e-16)
    assert gauss_product(step, 3.0, c=0.2, derivative=1) == 0
    stairs = Activation(lambda h: np.where(h > 0.5, 2 * h, 0.0) - (h < -1))
    for derivative in (0, 1):
        for x in (-1, -0.4, 0.7, 1):
            function = stairs.dphi if derivative else stairs.phi
            assert gauss_product(stairs, 1.3, 0.4, x, derivative=derivative) == pytest.approx(
                _panels(stairs, function, 1.3, 0.4, x), rel=1e-13, abs=1e-14
            )
    own = elu(1.0)
    # By Price's theorem the slope in the covariance is the product of the derivatives.
    slope = (gauss_product(own, 1.0, c=0.5 + 1e-5) - gauss_product(own, 1.0, c=0.5 - 1e-5)) / 2e-5
    assert slope == pytest.approx(gauss_product(own, 1.0, c=0.5, derivative=1), abs=1e-9)


def test_small_variances_keep_their_digits():
    c = np.array([-1, 0.25, 1 - 1e-15, 1])
    for name in ("hard_tanh", "shifted_relu", "erf_unit"):
        for q in (1e-8, 1e-100, 1e-250, 0.0):
            np.testing.assert_allclose(gauss_product(name, q, c=c), q * c, rtol=1e-7 if q == 1e-8 else 1e-14)
    assert gauss_product("relu", 0.0, c=0.5, derivative=1) == pytest.approx(1 / 3, rel=1e-15)


def test_many_correlations_of_one_pair_go_by_a_series(monkeypatch):
    counts = []
    each = _products._each
    monkeypatch.setattr(_products, "_each", lambda *parts: counts.append(len(parts[-1])) or each(*parts))
    c = np.concatenate([np.linspace(-1, 1, 301), 1 - np.geomspace(1e-16, 1e-2, 9)])
    for activation in ("tanh", "swish"):
        for derivative in (0, 1):
            many = gauss_product(activation, 1.5, 0.8, c, derivative=derivative)
            few = [gauss_product(activation, 1.5, 0.8, x, derivative=derivative) for x in c[::37]]
            np.testing.assert_allclose(many[::37], few, rtol=0, atol=2e-14)
    assert max(counts) <= 129


def test_shapes_broadcast():
    out = gauss_product("tanh", np.ones((3, 1)), 2.0, np.zeros(4))
    assert out.shape == (3, 4)
    assert isinstance(gauss_product("relu", 1.0), float)
    assert gauss_product("relu", np.zeros((0,)), c=0.5).shape == (0,)


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda: gauss_product("relu", -1.0), ValueError, "q1 must be finite and at least 0, found -1"),
        (lambda: gauss_product("relu", 1.0, np.nan), ValueError, "q2 must be finite"),
        (lambda: gauss_product("relu", 1.0, c=1.001), ValueError, r"c must be in \[-1, 1\], found .*1.001"),
        (lambda: gauss_product("relu", 1.0, c=math.nan), ValueError, "c must be in"),
        (lambda: gauss_product("relu", 1.0, derivative=2), ValueError, "derivative must be at most 1"),
        (lambda: gauss_product("relu", [1.0, 2.0], [1.0, 2.0, 3.0]), ValueError, "one common shape"),
        (lambda: gauss_product("relu", "1"), TypeError, "q1 must be real"),
    ],
)
def test_refuses(call, error, says):
    with pytest.raises(error, match=says):
        call()


def test_what_does_not_converge_says_so():
    noise = Activation(lambda h: np.modf(1e6 * np.sin(1e6 * h))[0], np.ones_like, kinks=())
    with pytest.raises(ConvergenceError, match="does not converge"):
        gauss_product(noise, 1.0, c=0.5)
