"""Gaussian constants of nonlinearities: published numbers, closed forms, symmetries, refusals."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special

from deeprmt import nonlinear
from deeprmt.activations import Activation, as_activation
from deeprmt.meanfield import gauss_moment
from deeprmt.nonlinear import constants

# E f, E f^2, Var f, (E f')^2 at a standard normal, to the digits given: 25-digit arithmetic.
TABLE = {
    "linear": ("linear", 0.0, 1.0, 1.0, 1.0),
    "relu": ("relu", 0.39894228040143, 0.5, 0.3408450569081, 0.25),
    "leaky_relu_0.01": ("leaky_relu", 0.39495285759742, 0.50005, 0.34406224027563, 0.255025),
    "leaky_relu_0.2": ("leaky_relu(0.2)", 0.31915382432115, 0.52, 0.41814083642119, 0.36),
    "abs": ("abs", 0.79788456080287, 1.0, 0.36338022763242, 0.0),
    "sign": ("sign", 0.0, 1.0, 1.0, 0.63661977236758),
    "heaviside": ("heaviside", 0.5, 0.5, 0.25, 0.1591549430919),
    "tanh": ("tanh", 0.0, 0.39429449039784, 0.39429449039784, 0.36687916436241),
    "erf": ("erf", 0.0, 0.46455905439754, 0.46455905439754, 0.42441318157839),
    "hard_tanh": ("hard_tanh", 0.0, 0.51605855096171, 0.51605855096171, 0.46606494267439),
    "sigmoid": ("sigmoid", 0.5, 0.29337903585809, 0.043379035858093, 0.042692222822931),
    "softplus": ("softplus", 0.80605918334744, 0.9212459088593, 0.27151450180056, 0.25),
    "gelu": ("gelu", 0.28209479177388, 0.4252214825703, 0.34564401102435, 0.25),
    "swish": ("swish", 0.20662096414191, 0.35577551981735, 0.31308329699442, 0.25),
    "elu": ("elu", 0.16052057226656, 0.64494541749292, 0.61917856337214, 0.5800014946402),
    "selu": ("selu", 0.0, 1.0, 1.0, 0.97068035230071),
    "sin": ("sin", 0.0, 0.43233235838169, 0.43233235838169, 0.36787944117144),
    "cos": ("cos", 0.60653065971263, 0.56766764161831, 0.19978820044686, 0.0),
    "square_centred": ("square_centered", 0.0, 2.0, 2.0, 0.0),
    "cube": ("cube", 0.0, 15.0, 15.0, 9.0),
    "exp": ("exp", 1.6487212707001, 7.3890560989307, 4.6707742704716, 2.718281828459),
    "gauss": ("gauss", 0.70710678118655, 0.57735026918963, 0.077350269189626, 0.0),
}


@pytest.mark.parametrize("name", TABLE)
def test_the_table(name):
    """14 digits are printed: half a unit of the last, and rounding."""
    f, *expected = TABLE[name]
    found = constants(f)
    scale = max(1.0, found.second_moment)
    for value, wanted in zip((found.mean, found.second_moment, found.eta, found.zeta), expected, strict=True):
        assert abs(value - wanted) < 6e-14 * scale
    assert found.nonlinearity == pytest.approx(found.eta - found.zeta, abs=4e-16 * scale)


@pytest.mark.parametrize("declared", [False, True])
@pytest.mark.parametrize("name", [name for name, (f, *_) in TABLE.items() if as_activation("test", f).kinks])
def test_the_table_of_what_has_kinks_as_functions_of_ones_own(name, declared):
    f, mean, second, eta, zeta = TABLE[name]
    known = as_activation("test", f)
    own = Activation(lambda h: known.phi(h), kinks=known.kinks) if declared else (lambda h: known.phi(h))
    found = constants(own)
    for value, wanted in zip(
        (found.mean, found.second_moment, found.eta, found.zeta), (mean, second, eta, zeta), strict=True
    ):
        assert abs(value - wanted) < 1e-13


@pytest.mark.parametrize("sigma", [0.1, 1.0, 3.0])
def test_closed_forms_at_any_variance(sigma):
    q = sigma * sigma
    relu, erf, sine = (constants(f, sigma) for f in ("relu", "erf", "sin"))
    assert relu.eta == pytest.approx(q * (0.5 - 0.5 / math.pi), rel=1e-13)
    assert relu.zeta == pytest.approx(q / 4, rel=1e-13)
    assert erf.eta == pytest.approx(2 / math.pi * math.asin(2 * q / (1 + 2 * q)), rel=1e-13)
    assert erf.zeta == pytest.approx(4 * q / (math.pi * (1 + 2 * q)), rel=1e-13)
    assert sine.eta == pytest.approx(-math.expm1(-2 * q) / 2, rel=1e-13)
    assert sine.zeta == pytest.approx(q * math.exp(-q), rel=1e-13)
    assert relu.eta_prime == pytest.approx(q / 2, rel=1e-13)
    assert erf.eta_prime == pytest.approx(q * gauss_moment("erf", q, derivative=True), rel=1e-13)


@pytest.mark.parametrize("sigma", [1e-3, 1e-5])
def test_what_is_almost_linear_keeps_the_digits_of_what_is_not(sigma):
    """tanh s z = s z - s^3 z^3 / 3 + ...: less its linear part s^6 / 9 E He_3^2, to relative order s^2."""
    found = constants("tanh", sigma)
    # Rounding of tanh, 1e-16 s, beside s^3: squares of it count, and products of it with the rest average out.
    assert found.nonlinearity == pytest.approx(6 * sigma**6 / 9, rel=20 * sigma**2 + 1e-15 / sigma**2)
    assert constants("linear", 7.0).nonlinearity == 0


def test_hermite_coefficients_sum_to_the_second_moment():
    found = constants("gelu")
    squares = sum(found.hermite(k) ** 2 for k in range(40))
    assert found.hermite(0) == pytest.approx(found.mean, rel=1e-14)
    assert found.hermite(1) == pytest.approx(found.slope, rel=1e-14)
    assert squares < found.second_moment
    assert squares == pytest.approx(found.second_moment, rel=1e-4)  # coefficients fall like k^-7/4: phi'' jumps nowhere
    assert constants("abs").hermite(3) == 0
    assert found.mu_star**2 == pytest.approx(found.eta - found.zeta, rel=1e-13)


def test_jumps_have_no_slope_of_finite_mean_square():
    assert constants(np.sign).eta_prime == math.inf
    assert constants("hard_tanh").eta_prime == pytest.approx(math.erf(math.sqrt(0.5)), rel=1e-13)


def test_declared_kinks_are_used():
    """With the kink declared the panels end there: two exact halves."""
    f = Activation(lambda h: np.abs(h - 0.3), lambda h: np.sign(h - 0.3), kinks=[0.3])
    density, below = math.exp(-0.045) / math.sqrt(2 * math.pi), 0.5 * (1 + math.erf(0.3 / math.sqrt(2)))
    assert constants(f).mean == pytest.approx(2 * density + 0.3 * (2 * below - 1), rel=1e-14)


@settings(max_examples=15, deadline=None)
@given(st.floats(-3, 3), st.floats(0.1, 5), st.floats(-2, 2))
def test_scale_and_shift(shift, scale, sign):
    """Of f and c f + b: c^2 eta, c^2 zeta, c mean + b."""
    scale = math.copysign(scale, sign)
    one = constants("relu", 1.3)
    other = constants(Activation(lambda h: scale * np.maximum(h, 0) + shift, kinks=[0.0]), 1.3)
    rounding = 1e-14 * (abs(shift) + abs(scale)) ** 2
    assert other.mean == pytest.approx(scale * one.mean + shift, abs=rounding / (abs(shift) + abs(scale)))
    assert other.eta == pytest.approx(scale**2 * one.eta, rel=1e-13, abs=rounding)
    assert other.zeta == pytest.approx(scale**2 * one.zeta, rel=1e-13, abs=rounding)
    assert 0 <= other.zeta <= other.eta


@pytest.mark.parametrize("f", [lambda h: np.exp(h * h / 4), lambda h: np.exp(h * h / 3), lambda h: np.exp(h * h)])
def test_infinite_moments_are_refused(f):
    activation = Activation(f, kinks=())
    with pytest.raises(ValueError, match="finite Gaussian moments"):
        constants(activation)


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        (("relu", 0.0), ValueError, "sigma must be finite and above 0, got 0.0"),
        (("relu", math.inf), ValueError, "sigma"),
        (("rely", 1.0), ValueError, "one of"),
        ((3.0, 1.0), TypeError, "a name, an Activation or a function, got 3.0"),
        ((lambda h: 0 * h + 2, 1.0), ValueError, "must not be constant"),
        ((lambda h: h + 1j, 1.0), TypeError, "real"),
    ],
)
def test_refuses(arguments, error, says):
    with pytest.raises(error, match=says):
        constants(*arguments)


def test_shows_itself():
    found = constants("tanh")
    assert found.to_dict()["activation"] == "tanh"
    assert set(found.to_dict()) == {"mean", "eta", "zeta", "nonlinearity", "slope", "sigma", "ratio", "activation"}
    assert "tanh" in found._repr_html_()


@pytest.mark.parametrize("height", [1e-3, 1e-5, 1e-9])
def test_small_jumps_have_no_slope_of_finite_square(height):
    f = Activation(lambda z: z + height * np.sign(z), kinks=(0.0,))
    assert constants(f).eta_prime == np.inf
    kinked = Activation(lambda z: z + height * np.abs(z), kinks=(0.0,))
    assert constants(kinked).eta_prime == pytest.approx(1 + height**2, rel=1e-6)


def test_declared_windows_are_seen():
    """z + 1 on a window of 3e-4: the mean is the window's probability."""
    f = Activation(lambda z: z + ((z > 0.5) & (z < 0.5003)), kinks=(0.5, 0.5003))
    assert constants(f).mean == pytest.approx(special.ndtr(0.5003) - special.ndtr(0.5), rel=1e-10)


def test_plain_functions_do_wherever_names_do():
    """The same numbers as by name, up to what numerical slopes and kernels of unknown functions lose."""
    x = np.random.default_rng(0).normal(size=(12, 5))

    def numbers(f):
        forecast = nonlinear.RandomFeatureForecast(20, f).fit(x, x[:, 0])
        ridge = nonlinear.RandomFeatureRidge(20, f, ridge=0.1, rng=0).fit(x, x[:, 0])
        return [
            nonlinear.mei_montanari(2.0, 3.0, 0.1, f).bias,
            nonlinear.double_descent(3.0, activation=f).best_risk[0],
            nonlinear.optimal_ridge(3.0, 3.0, f, noise=0.2),
            nonlinear.feature_kernel(x, activation=f),
            forecast.errors(0.1).train,
            ridge.predict(x),
            nonlinear.random_feature_errors(x, x[:, 0], features=20, ridge=0.1, activation=f).train,
            nonlinear.heavy_tailed_kernel(6, 5, 7, activation=f, rng=0).eigenvalues,
            nonlinear.fisher_matrix([[1.0]], [[3.0]], [[2.0]], activation=f),
            nonlinear.fisher_spectrum(4, activation=f, rng=0).eigenvalues[-1],
        ]

    for named, plain in zip(numbers("tanh"), numbers(lambda h: np.tanh(h)), strict=True):
        np.testing.assert_allclose(plain, named, rtol=1e-7, atol=1e-12)
    with pytest.raises(TypeError, match="mei_montanari: activation must be a name, an Activation or a function, got 3"):
        nonlinear.mei_montanari(2.0, 3.0, 0.1, 3)


@pytest.mark.parametrize("sigma", [1e-160, 1e-300, 1e160])
def test_sigma_has_a_range(sigma):
    with pytest.raises(ValueError, match="constants: sigma must lie between 1e-70 and"):
        constants("relu", sigma)


def test_functions_of_one_axis_and_of_lists():
    def of_one_axis(h):
        assert h.ndim == 1
        return list(np.tanh(h))

    assert constants(of_one_axis).eta == pytest.approx(constants("tanh").eta, rel=1e-14)
