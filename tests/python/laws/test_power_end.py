"""Gamma and beta laws off the axis: densities with a pole at an end, and densities narrow beside their ends."""

import math

import numpy as np
import pytest

from deeprmt.laws import Beta, Gamma

points = np.array(
    [0.1 + 0.25j, 1e-6 + 1e-6j, 1e-3 + 0.1j, -0.3 + 0.2j, 1 + 1e-5j, 3 + 1e-3j, 20 + 0.1j, 0.5 - 0.2j, 1.5, 0.4]
)


@pytest.mark.parametrize("shape", [1e-3, 0.1, 0.9])
def test_gamma_of_small_shape(shape):
    """By parts: shape m_(shape + 1) = 1 + z m_shape, and its derivative. The other side has no pole."""
    law, next_one = Gamma(shape), Gamma(shape + 1)
    m = law.stieltjes(points)
    # Quadrature of both to 1e-12, the slope along a circle to 1e-10, of the terms.
    error = np.abs(shape * next_one.stieltjes(points) - (1 + points * m))
    assert (error <= 1e-11 * (1 + np.abs(points * m))).all()
    few, slope = points[:3], law.stieltjes_derivative(points[:3])
    error = np.abs(shape * next_one.stieltjes_derivative(few) - (m[:3] + few * slope))
    assert (error <= 1e-9 * (np.abs(m[:3]) + np.abs(few * slope))).all()
    np.testing.assert_allclose(m[-2:].imag, math.pi * law.pdf([1.5, 0.4]), rtol=1e-12)
    assert Gamma(shape, 2.0).stieltjes(0.2 + 0.5j) == pytest.approx(m[0] / 2, rel=1e-12)
    assert law.stieltjes(0.0) == complex(math.inf, 0)


@pytest.mark.parametrize(
    ("law", "shifts"),
    [
        (Gamma(100.0), [1j, -6 + 1j, 8 + 0.5j, -9 + 0.5j, 30 + 1j]),
        (Gamma(1000.5), [-15.8 + 1j]),  # the density underflows on the way
        (Gamma(1e4), [1j, -6 + 1j, -6 + 3j, 8j, 8 + 0.5j, -90 + 1j, 300 + 1j, 8 - 1j]),
        (Beta(1e4, 1e4), [1j, 3j, 28j, -6 + 0.5j, 12 + 0.5j, 8 - 1j, -100 + 3j]),
        (Beta(2000.0, 300.0), [1j, 10j, 7 + 0.5j, 15 + 0.5j]),
    ],
)
def test_narrow_laws(law, shifts):
    """Against the trapezoidal rule, which is exact to exp(-2 pi 0.5 / 0.02) half a deviation above the axis."""
    mean, width = float(law.mean()), float(law.std())
    z = mean + width * np.array(shifts)
    x = np.clip(mean + width * np.arange(-14, 20, 0.02), *law.support()[0])
    weight = 0.02 * width * law.pdf(x)  # of a density to 1e-11: logarithms of up to 1e5; slopes cancel by a factor 20
    for k, found in ((1, law.stieltjes(z)), (2, law.stieltjes_derivative(z))):
        expected = [np.sum(weight / (x - each) ** k) for each in z]
        np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_beta_beside_a_pole():
    """Of exponents -1/2 it is the arcsine law, -1 / sqrt(z (z - 1)); of others that add up to -1 a power too."""
    z = np.array([0.5 + 0.1j, 1e-8 + 1e-9j, 1 + 1e-6j, -0.2, 1.3, 0.7])
    for a in (0.1, 0.5, 0.9):
        expected = -((z + 0j) ** (a - 1)) * np.exp(-a * np.log(z - 1 + 0j))
        np.testing.assert_allclose(Beta(a, 1 - a).stieltjes(z), expected, rtol=1e-11)
