import math
import pickle

import mpmath
import numpy as np
import pytest

from deeprmt.activations import (
    Activation,
    as_activation,
    elu,
    leaky_relu,
    more_names,
    names,
    rectified_power,
    shifted_relu,
)

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
    np.testing.assert_allclose(by_differences.dphi(h), activation.dphi(h), rtol=0, atol=4e-12)
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


@pytest.mark.parametrize("activation", [*names, leaky_relu(0.25), shifted_relu(1.0), elu(2.0), Activation(np.tanh)])
def test_pickles(activation):
    activation = as_activation("test", activation)
    again = pickle.loads(pickle.dumps(activation))
    assert again == activation
    np.testing.assert_array_equal(again.dphi(points), activation.dphi(points))


more = {
    "cube": lambda h: h**3,
    "elu": lambda h: h if h > 0 else mpmath.expm1(h),
    "exp": mpmath.exp,
    "gauss": lambda h: mpmath.exp(-h * h / 2),
    "heaviside": lambda h: (mpmath.sign(h) + 1) / 2,
    "selu": lambda h: (
        mpmath.mpf("1.0507009873554804934193349852946")
        * (h if h > 0 else mpmath.mpf("1.6732632423543772848170429916717") * mpmath.expm1(h))
    ),
    "sign": mpmath.sign,
    "square": lambda h: h * h,
    "square_centered": lambda h: h * h - 1,
    "step": lambda h: mpmath.mpf(h > 0),
}


@pytest.mark.parametrize("name", more_names)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_other_names(name, dtype):
    activation = as_activation("test", name)
    h = points.astype(dtype)
    with mpmath.workdps(60):
        phi = [float(more[name](mpmath.mpf(float(x)))) for x in h]
        dphi = [float(mpmath.diff(more[name], mpmath.mpf(float(x)))) for x in h]
    tolerance = 1000 * np.finfo(dtype).eps
    assert activation.phi(h).dtype == activation.dphi(h).dtype == dtype
    np.testing.assert_allclose(activation.phi(h), phi, rtol=tolerance, atol=np.finfo(dtype).tiny)
    np.testing.assert_allclose(activation.dphi(h), dphi, rtol=tolerance, atol=np.finfo(dtype).tiny)
    assert np.isnan(activation.phi(np.array([np.nan], dtype))).all()
    assert as_activation("test", activation.name) == activation
    assert pickle.loads(pickle.dumps(activation)) == activation


def test_names_with_a_parameter():
    for made in (leaky_relu(0.2), elu(2.0), shifted_relu(1.0), rectified_power(3)):
        assert as_activation("test", made.name) == made
    with pytest.raises(ValueError, match="parameter of 'elu\\(two\\)' must be a number"):
        as_activation("test", "elu(two)")
    with pytest.raises(TypeError, match=r"order must be a whole number, got 2\.5"):
        as_activation("test", "rectified_power(2.5)")
    with pytest.raises(ValueError, match="one of"):
        as_activation("test", "tanh(2)")


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


@pytest.mark.parametrize("name", names)
def test_finds_kinks_slopes_and_parity_of_its_own(name):
    known = as_activation("test", name)
    for found in (Activation(known.phi), Activation(known.phi, known.dphi)):
        assert (found.kinks, found.slopes) == (known.kinks, known.slopes)
    odd = {"arctan", "erf", "erf_unit", "hard_tanh", "linear", "sin", "tanh"}
    assert known.parity == (-1 if name in odd else 1 if name in {"abs", "cos"} else 0)


@pytest.mark.parametrize(
    ("phi", "kinks", "slopes"),
    [
        (lambda h: np.clip(h, -1 / 3, math.pi), (-1 / 3, math.pi), (0.0, 1.0, 0.0)),
        (lambda h: np.where(h > 1 / 7, 1.0, 0.0), (1 / 7,), (0.0, 0.0)),
        (lambda h: np.heaviside(h, 0.5), (0.0,), (0.0, 0.0)),
        (lambda h: np.maximum(h, -1e4), (-1e4,), (0.0, 1.0)),
        (lambda h: 1.0507 * np.where(h > 0, h, 1.67326 * np.expm1(np.minimum(h, 0))), (0.0,), None),
        (lambda h: h * np.clip(h / 6 + 0.5, 0, 1), (-3.0, 3.0), None),
        (lambda h: np.abs(np.sin(h)) / (1 + h**2) + np.exp(-np.abs(h - 0.1)), None, None),
        (lambda h: np.sqrt(np.abs(h)), (0.0,), None),
        (lambda h: np.sin(100 * h), (), None),
        (lambda h: np.tanh(1000 * h), (), None),
    ],
)
def test_locates_kinks(phi, kinks, slopes):
    found = Activation(phi)
    if kinks is None:  # 0.1, and multiples of pi: the kinks fade like 1 / h^2
        kinks = sorted([0.1, *(math.pi * k for k in range(-6, 7))])
        near = [k for k in found.kinks if abs(k) < 20]
    else:
        near = list(found.kinks)
    # Branches rounded by 1e-16 meet at an angle of at least 1e-2.
    np.testing.assert_allclose(near, kinks, rtol=1e-12, atol=1e-12)
    assert found.slopes == slopes


def test_finds_kinks_next_to_ends_of_cells():
    found = Activation(lambda h: np.clip(np.sin(h), -0.5, 0.5))
    exact = [k * math.pi + sign * math.pi / 6 for k in range(-24, 25) for sign in (-1, 1)]
    # Branches that are known to 2e-13 are carried on to where they meet, at a slope of 0.9: some hundred times that.
    np.testing.assert_allclose(found.kinks, sorted(exact), rtol=0, atol=2e-10)
    assert found.parity == -1


def test_a_derivative_of_interpolants_follows_fast_functions():
    found = Activation(lambda h: np.sin(100 * h))
    h = np.linspace(-3, 3, 101)
    np.testing.assert_allclose(
        found.dphi(h), 100 * np.cos(100 * h), rtol=0, atol=1e-9
    )  # 1e-13 over the cells' width, 1e-3
    assert found.dphi(np.array([100.0])).shape == (1,)


def test_functions_of_one_number_are_applied_to_each():
    soft = Activation(lambda h: math.tanh(h))
    np.testing.assert_array_equal(soft.phi(points), [math.tanh(x) for x in points])
    assert soft.phi(np.float32([0.5])).dtype == np.float32
    bent = Activation(lambda h: h if h > 0 else 0.1 * h, lambda h: 1.0 if h > 0 else 0.1)
    assert (bent.kinks, bent.slopes) == ((0.0,), (0.1, 1.0))
    line = Activation(lambda h: 2 * h, lambda h: 2.0)
    np.testing.assert_array_equal(line.dphi(points), np.full(points.shape, 2.0))
    assert pickle.loads(pickle.dumps(Activation(math.tanh))) == Activation(math.tanh)


@pytest.mark.parametrize(
    ("phi", "error", "says"),
    [
        (np.sqrt, ValueError, "phi must be finite, is nan at h = -7.99"),
        (lambda h: 1 / h, ValueError, "phi must be finite, is inf at h = 0"),
        (lambda h: np.where(np.abs(h) < 40, h, np.nan), ValueError, "phi must be a number everywhere, is nan at h = "),
        (lambda h: h / np.sum(h), ValueError, "phi must act on each entry alone"),
        (lambda h: h[:2], ValueError, "phi must return the shape that it is given"),
        (lambda h: h + 1j, TypeError, "phi must be real, got complex"),
        (lambda h: "high", TypeError, "phi must return real numbers"),
        (lambda h, slope: h * slope, TypeError, "phi must be a function of a NumPy array, and raises TypeError"),
        (lambda h: np.modf(1e6 * np.sin(1e6 * h))[0], ValueError, r"near h = .*; declare kinks"),
    ],
)
def test_refuses_what_is_no_function_of_each_entry(phi, error, says):
    with pytest.raises(error, match=says):
        Activation(phi)


@pytest.mark.parametrize(
    ("phi", "dphi"),
    [(np.tanh, np.cos), (np.tanh, lambda h: 2 / np.cosh(h) ** 2), (lambda h: np.maximum(h, 0), np.ones_like)],
)
def test_wrong_derivatives_are_refused(phi, dphi):
    with pytest.raises(ValueError, match=r"dphi must be the derivative of phi, but at h = .* has the slope"):
        Activation(phi, dphi)


def test_right_derivatives_pass():
    """Steep, rough, in float32, with declared kinks, or too noisy to tell."""
    Activation(lambda h: np.tanh(20 * h) / 20, lambda h: 1 / np.cosh(np.minimum(np.abs(20 * h), 300)) ** 2)
    Activation(lambda h: np.tanh(np.float32(h)), lambda h: 1 / np.cosh(np.float32(np.clip(h, -20, 20))) ** 2)
    Activation(lambda h: 1e30 * h**3, lambda h: 3e30 * h**2)
    Activation(lambda h: np.floor(h) + 0.0, np.zeros_like, kinks=tuple(range(-8, 9)))
    Activation(lambda h: np.modf(1e6 * np.sin(1e6 * h))[0], np.ones_like, kinks=())
