"""Kernels of infinitely wide networks: published recursions, exact values, and what must hold for every activation."""

import numpy as np
import pytest

from deeprmt.activations import leaky_relu, rectified_power
from deeprmt.meanfield import kernels, nngp, ntk
from reference.meanfield import kernels as reference


def pair(square_x, square_y, cosine, width=2):
    """Two inputs of given |x|^2 / n_0 and angle."""
    x, y = np.sqrt(square_x * width), np.sqrt(square_y * width)
    return np.array([[x, 0.0], [y * cosine, y * np.sqrt(1 - cosine**2)]])


# (activation, sigma_w^2, sigma_b^2, |x|^2 / n_0, |y|^2 / n_0, cosine), then K and Theta of layer 6 as (xx, yy, xy): the
# recursions of arXiv:1711.00165 and arXiv:1806.07572 in high precision, printed with 12 digits.
TABLE = [
    (("relu", 2.0, 0.0, 1.0, 1.0, 0.5), (2, 2, 1.62090840201), (12, 12, 4.92578626492)),
    (
        ("relu", 1.5, 0.1, 1.0, 0.64, 0.3),
        (0.684765625, 0.55662109375, 0.540831546547),
        (3.023828125, 2.2549609375, 1.3141742797),
    ),
    (
        ("erf", 2.25, 0.09, 1.0, 1.0, 0.5),
        (1.2222264187, 1.2222264187, 0.591097954226),
        (12.6140381389, 12.6140381389, 2.70089198162),
    ),
    (
        ("erf", 1.7, 0.2, 1.0, 0.64, -0.2),
        (0.986841426546, 0.985736870042, 0.576062254877),
        (5.91290432892, 5.68498165199, 1.37651988798),
    ),
]


@pytest.mark.parametrize(("case", "k", "theta"), TABLE)
def test_values_of_the_recursion(case, k, theta):
    activation, weight, bias, x, y, cosine = case
    found = kernels(pair(x, y, cosine), depth=6, activation=activation, sigma_w=weight**0.5, sigma_b=bias**0.5)
    for kernel, wanted in zip(found, (k, theta), strict=True):
        values = kernel[0, 0], kernel[1, 1], kernel[0, 1]
        np.testing.assert_allclose(values, wanted, rtol=2e-11)  # the table's last digit
        assert kernel[0, 1] == kernel[1, 0]


CLOSED = [
    ("linear", (1, 1)),
    ("relu", (0, 1)),
    ("abs", (-1, 1)),
    (leaky_relu(0.25), (0.25, 1)),
    (leaky_relu(-0.5), (-0.5, 1)),
    ("step", "step"),
    (rectified_power(2), "square"),
    *((name, name) for name in ("erf", "erf_unit", "sin", "cos", "gelu")),
]


@pytest.mark.parametrize("bias", [0.0, 0.25])
@pytest.mark.parametrize(("activation", "same"), CLOSED, ids=lambda each: str(each))
def test_closed_forms_at_every_angle(activation, same, bias):
    """Against 40 digits: parallel, nearly parallel, antiparallel and other pairs, of equal and of different length."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=6)
    y = [scale * x + eps * rng.normal(size=6) for scale in (1, 0.5, -1, -2) for eps in (0, 1e-15, 1e-8, 1e-3, 0.2)]
    depth = 2 if same == "step" else 4  # the step takes an angle's error to its root in each further layer
    options = {"depth": depth, "activation": activation, "sigma_w": 1.25, "sigma_b": bias**0.5, "layers": "all"}
    found = kernels(x[None], np.array(y), **options)
    own = [kernels(np.array([x, *y]), **options)[i].diagonal(axis1=1, axis2=2) for i in (0, 1)]
    for j, other in enumerate(y):
        wanted = np.array(reference.kernels(x, other, depth, same, 1.25**2, bias), dtype=float)
        for i, digits in ((0, 4), (1, 8)):
            # A few roundings in each of the layers, also where the kernel has a cusp in the angle.
            size = np.sqrt(own[i][:, 0] * own[i][:, 1 + j])
            error = np.abs(found[i][:, 0, j] - wanted[:, i])
            assert (error <= digits * depth * 2.2e-16 * size).all()


def test_each_kernel_alone_is_that_of_both():
    x = np.random.default_rng(0).normal(size=(5, 3))
    options = {"depth": 3, "activation": "gelu", "sigma_w": 1.3, "sigma_b": 0.2, "layers": "all"}
    k, theta = kernels(x, **options)
    np.testing.assert_array_equal(nngp(x, **options), k)
    np.testing.assert_array_equal(ntk(x, **options), theta)


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        ({"x": [1.0, 2.0]}, ValueError, "x must have the shape"),
        ({"x": [[1.0, np.nan]]}, ValueError, "x must be finite, found nan"),
        ({"y": [[1.0, 2.0, 3.0]]}, ValueError, "of one width"),
        ({"depth": 0}, ValueError, "depth must be at least 1"),
        ({"depth": 1.5}, TypeError, "depth must be a whole number"),
        ({"sigma_w": -1.0}, ValueError, "sigma_w must be finite and at least 0"),
        ({"sigma_b": -0.1}, ValueError, "sigma_b must be finite and at least 0"),
        ({"activation": "rellu"}, ValueError, "activation must be"),
        ({"layers": "some"}, ValueError, "layers must be one of"),
        ({"out": np.empty((2, 3))}, ValueError, "out must have shape"),
        ({"out": [[0.0]]}, TypeError, "out must be an ndarray"),
        ({"sigma_w": 1e100}, ValueError, "leaves the range of float64 in layer"),
        ({"parametrization": "standard"}, ValueError, "widths must be given"),
        ({"widths": 3}, ValueError, "widths must be left out"),
        ({"parametrization": "standard", "widths": [3, 4]}, ValueError, "the 4 hidden layers, got 2"),
    ],
)
def test_refuses(change, error, says):
    arguments = {"x": [[1.0, 2.0]], "depth": 5, "activation": "relu", "sigma_w": 1.0} | change
    with pytest.raises(error, match=says):
        ntk(arguments.pop("x"), arguments.pop("y", None), **arguments)
