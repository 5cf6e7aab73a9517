"""Activations with a given linear part."""

import math
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deeprmt.nonlinear import constants, gram_eigenvalues, hermite_activation, isospectral_activation, leaky_family

# zeta of f_alpha, 14 digits.
FAMILY = {-1: 1.0, -0.5: 0.96119134128933, 0: 0.73347110346213, 0.25: 0.49766358859193, 0.5: 0.23416889211368, 1: 0.0}


@pytest.mark.parametrize("alpha", FAMILY)
def test_the_published_family(alpha):
    found = constants(leaky_family(alpha))
    assert found.mean == pytest.approx(0, abs=2e-15)
    assert found.eta == pytest.approx(1, rel=2e-14)
    assert found.zeta == pytest.approx(FAMILY[alpha], abs=2e-14)


@pytest.mark.parametrize("base", ["relu", "tanh", "gelu", "cos", "softplus", "hard_tanh", lambda h: h**3])
@pytest.mark.parametrize(("zeta", "sigma"), [(0.0, 1.0), (0.0, 2.5), (0.4, 0.5), (1 - 1e-9, 1.0)])
def test_any_base_any_linear_part(base, zeta, sigma):
    f = isospectral_activation(base, zeta=zeta, sigma=sigma)
    found = constants(f, sigma)
    # What is not linear in tanh(z / 2) is a tenth of it: rounding grows by so much.
    assert found.mean == pytest.approx(0, abs=3e-14)
    assert found.eta == pytest.approx(1, abs=3e-13)
    assert found.zeta == pytest.approx(zeta, abs=3e-13)
    h = np.linspace(-2, 2, 9) + 0.01
    slope = (f.phi(h + 1e-6) - f.phi(h - 1e-6)) / 2e-6
    np.testing.assert_allclose(f.dphi(h), slope, rtol=0, atol=1e-7)


def test_relu_without_its_linear_part_is_the_absolute_value():
    f, h = isospectral_activation("relu"), np.linspace(-3, 3, 12)
    assert pickle.loads(pickle.dumps(f)).phi(1.0) == f.phi(1.0)
    np.testing.assert_allclose(f.phi(h), leaky_family(1.0).phi(h), rtol=0, atol=1e-14)
    assert f.slopes == pytest.approx(leaky_family(1.0).slopes)


@settings(max_examples=20, deadline=None)
@given(st.dictionaries(st.integers(1, 8), st.floats(-3, 3), min_size=1), st.floats(0.3, 3))
def test_hermite_coefficients_are_kept(coefficients, sigma):
    size = math.hypot(*coefficients.values())
    if size < 1e-3:
        return
    f = hermite_activation(coefficients, sigma=sigma)
    found = constants(f, sigma)
    assert found.eta == pytest.approx(1, rel=1e-11)
    assert found.zeta == pytest.approx((coefficients.get(1, 0.0) / size) ** 2, abs=1e-11)
    for k in (2, 5):
        assert found.hermite(k) == pytest.approx(coefficients.get(k, 0.0) / size, abs=1e-11)


def test_without_a_linear_part_the_data_do_not_show():
    """Marchenko-Pastur's edge, up to 5 Tracy-Widom widths, m^(-2/3) (1 + sqrt c)^(4/3) c^(-1/6), and the 1 / n bias."""
    top = gram_eigenvalues(isospectral_activation("tanh"), 300, 300, 600, trials=2, rng=0)[:, -1]
    width = (1 + math.sqrt(0.5)) ** (4 / 3) * 0.5 ** (-1 / 6) * 600 ** (-2 / 3)
    assert (np.abs(top - (1 + math.sqrt(0.5)) ** 2) < 6 * width).all()


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda: isospectral_activation("linear"), ValueError, "base must not be linear, got linear"),
        (lambda: isospectral_activation("tanh", zeta=1.0), ValueError, "zeta must be at most 1 - 1e-12, got 1.0"),
        (lambda: isospectral_activation("tanh", zeta=-0.1), ValueError, "zeta"),
        (lambda: isospectral_activation("tanh", sigma=0), ValueError, "sigma"),
        (lambda: leaky_family(math.nan), ValueError, "alpha"),
        (lambda: hermite_activation([1.0]), ValueError, "must have one for k >= 1"),
        (lambda: hermite_activation("abc"), TypeError, "a mapping or a sequence"),
        (lambda: hermite_activation({-1: 1.0}), ValueError, "k must be at least 0"),
        (lambda: hermite_activation({2: math.inf}), ValueError, r"coefficients\[2\]"),
    ],
)
def test_refuses(call, error, says):
    with pytest.raises(error, match=says):
        call()


def test_errors_name_the_base():
    with pytest.raises(ValueError, match="isospectral_activation: base must be an Activation or one of"):
        isospectral_activation("spam")
    with pytest.raises(ValueError, match="isospectral_activation: base must not be constant"):
        isospectral_activation(np.zeros_like)
