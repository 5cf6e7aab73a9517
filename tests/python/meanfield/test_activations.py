import pickle

import mpmath
import numpy as np
import pytest

from deeprmt.activations import Activation, as_activation, leaky_relu, names

exact = {
    "abs": abs,
    "arctan": mpmath.atan,
    "cos": mpmath.cos,
    "erf": mpmath.erf,
    "erf_unit": lambda h: mpmath.erf(mpmath.sqrt(mpmath.pi) * h / 2),
    "gelu": lambda h: h * mpmath.ncdf(h),
    "hard_tanh": lambda h: max(mpmath.mpf(-1), min(mpmath.mpf(1), h)),
    "leaky_relu": lambda h: h if h > 0 else h * mpmath.mpf(0.01),
    "linear": lambda h: h,
    "relu": lambda h: max(mpmath.mpf(0), h),
    "shifted_relu": lambda h: max(h + 0.5, mpmath.mpf(0)) - 0.5,
    "sigmoid": lambda h: 1 / (1 + mpmath.exp(-h)),
    "sin": mpmath.sin,
    "softplus": lambda h: mpmath.log(1 + mpmath.exp(h)),
    "swish": lambda h: h / (1 + mpmath.exp(-h)),
    "tanh": mpmath.tanh,
}
points = np.array([-30.25, -9.0, -2.5, -0.7, -0.3, 0.2, 0.8, 1.9, 5.0, 28.0])


def test_every_name_is_tested():
    assert set(exact) == set(names)


@pytest.mark.parametrize("name", names)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_values_and_slopes_against_high_precision(name, dtype):
    activation = as_activation("test", name)
    h = points.astype(dtype)
    with mpmath.workdps(700):  # erf differs from 1 by 1e-313 at the ends
        phi = [float(exact[name](mpmath.mpf(float(x)))) for x in h]
        dphi = [float(mpmath.diff(exact[name], mpmath.mpf(float(x)))) for x in h]
    # A rounding of the argument, at most 30^2 for the Gaussian tails, is multiplied by the condition number.
    tolerance = 1000 * np.finfo(dtype).eps
    tiny = np.finfo(dtype).tiny
    assert activation.phi(h).dtype == dtype
    assert activation.dphi(h).dtype == dtype
    np.testing.assert_allclose(activation.phi(h), phi, rtol=tolerance, atol=tiny)
    np.testing.assert_allclose(activation.dphi(h), dphi, rtol=tolerance, atol=tiny)


@pytest.mark.parametrize("name", names)
def test_differences_stand_in_for_a_missing_derivative(name):
    activation = as_activation("test", name)
    by_differences = Activation(activation.phi, kinks=activation.kinks)
    h = np.concatenate([np.linspace(-4, 4, 57), np.array(activation.kinks), [1e-3, 1.001, -1.001, 0.999]])
    # Seven values of size up to 4, each rounded, over a step of 2^-7: 3e-13; truncation is below 1e-12.
    np.testing.assert_allclose(by_differences.dphi(h), activation.dphi(h), atol=4e-12)
    assert by_differences.dphi(np.float32([0.25])).dtype == np.float32


@pytest.mark.parametrize("name", names)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_huge_and_missing_values(name, dtype):
    activation = as_activation("test", name)
    huge = np.finfo(dtype).max / 4
    h = np.array([-huge, -1e30, 1e30, huge], dtype)
    assert np.isfinite(activation.phi(h)).all()  # a warning is an error here
    assert np.isfinite(activation.dphi(h)).all()
    nan = np.array([np.nan], dtype)
    assert np.isnan(activation.phi(nan)).all()
    assert np.isnan(activation.dphi(nan)).all()
    if name not in ("sin", "cos"):
        assert not np.isnan(activation.dphi(np.array([-np.inf, np.inf], dtype))).any()


@pytest.mark.parametrize("name", names)
def test_kinks_take_the_left_limit_and_slopes_hold_on_the_pieces(name):
    activation = as_activation("test", name)
    for i, kink in enumerate(activation.kinks):
        assert activation.dphi(np.array(kink)) == activation.slopes[i]
        assert activation.dphi(np.array(kink + 1e-9)) == activation.slopes[i + 1]
    if activation.slopes is not None and not activation.kinks:
        np.testing.assert_array_equal(activation.dphi(points), activation.slopes[0])


@pytest.mark.parametrize("activation", [*names, leaky_relu(0.25)])
def test_pickles(activation):
    activation = as_activation("test", activation)
    again = pickle.loads(pickle.dumps(activation))
    assert again == activation
    np.testing.assert_array_equal(again.dphi(points), activation.dphi(points))


def test_scalars_and_calls():
    assert as_activation("test", "tanh")(0.5) == np.tanh(0.5)
    assert float(leaky_relu(0.25).phi(-2.0)) == -0.5
    assert repr(leaky_relu(0.25)) == "Activation('leaky_relu(0.25)')"


@pytest.mark.parametrize(
    ("make", "error", "says"),
    [
        (lambda: as_activation("f", "thanh"), ValueError, "f: activation must be .*tanh.*, got 'thanh'"),
        (lambda: as_activation("f", np.tanh), TypeError, "a name or an Activation"),
        (lambda: Activation(3), TypeError, "phi must be a function"),
        (lambda: Activation(np.tanh, 3), TypeError, "dphi must be a function"),
        (lambda: Activation(np.abs, np.sign, kinks=(1, 0)), ValueError, "kinks must ascend"),
        (lambda: Activation(np.abs, np.sign, kinks=(0,), slopes=(1,)), ValueError, "2 pieces, got 1"),
        (lambda: leaky_relu(np.nan), ValueError, "slope must be finite"),
    ],
)
def test_refuses(make, error, says):
    with pytest.raises(error, match=says):
        make()
