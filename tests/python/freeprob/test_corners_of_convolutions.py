"""Free convolutions where doubles are few: at ends, at cusps, of very many copies, of extreme size."""

from __future__ import annotations

import math

import numpy as np
import pytest

from deeprmt.errors import ConvergenceError
from deeprmt.freeprob import compression, free_add, free_divide, free_multiply, free_power, free_subtract
from deeprmt.laws import (
    Bernoulli,
    Beta,
    Discrete,
    Empirical,
    Exponential,
    Law,
    MarchenkoPastur,
    Semicircle,
    Wachter,
)

coin = Empirical([-1.0, 1.0])


@pytest.mark.parametrize("t", [1e-6, 1e-9, 1e-12, 1e-15, 1e-60, 1e-300])
@pytest.mark.parametrize("law", [Bernoulli(0.5), Bernoulli(0.3), Wachter(0.5, 0.4), free_add(coin, coin)])
def test_compression_to_a_corner_of_few_dimensions(law, t):
    # The free power T = 1/t has T R(w), R = k1 + k2 w + k3 w^2 + O(w^3), w = O(sqrt t). Its centred density in units of
    # the deviation, is the semicircle's and a term with k3 of order sqrt(t); then O(t).
    # The law itself is next to its mean, where doubles run out; the free power has the digits.
    mean, deviation = float(law.mean()), float(law.std())
    power = compression(law, t)
    while hasattr(power, "base"):
        power = power.base
    unit = deviation / math.sqrt(t)
    assert power.std() == pytest.approx(unit, rel=1e-13)
    x = np.array([0.0, 0.7, -0.7])
    third = float(law.expect(lambda x: (x - mean) ** 3)) / deviation**3 * math.sqrt(t)
    # First order in the skewness k: z = 1/w + w + k w^2 moves w by k w^4 / (1 - w^2), w = exp(-i arccos(x / 2)).
    tilt = third * (x**3 - 3 * x) / (4 - x * x)
    plain = Semicircle().pdf(x)
    np.testing.assert_allclose(power.pdf(x * unit) * unit, plain * (1 + tilt), rtol=30 * t + 1e-9)


def test_compression_of_a_coin_is_exact():
    # T copies of a fair coin: Kesten and McKay's law, T sqrt(4 (T - 1) - x^2) / (2 pi (T^2 - x^2)).
    big = 1e12
    law = free_power(coin, big)
    x = math.sqrt(big) * np.array([0.0, 0.5, 1.5, 1.999])
    exact = big * np.sqrt(4 * (big - 1) - x * x) / (2 * math.pi * (big * big - x * x))
    np.testing.assert_allclose(law.pdf(x), exact, rtol=1e-12)
    assert law.support()[0][1] == pytest.approx(2 * math.sqrt(big - 1), rel=1e-14)


@pytest.mark.parametrize("excess", [1e-3, 1e-10, 1e-12, 2**-52])
def test_the_gap_next_to_an_atom_that_is_about_to_vanish(excess):
    # Close to y = -1 the edge is d^2 / 4 with d = aspect - 1, times 1 - aspect of the other factor.
    aspect = 1 + excess
    law = free_multiply(MarchenkoPastur(aspect), MarchenkoPastur(0.5))
    assert law.support()[0][0] == pytest.approx((aspect - 1) ** 2 / 8, rel=excess + 1e-13)
    assert law.atoms() == [(0.0, pytest.approx(1 - 1 / aspect, rel=1e-15))]


def test_three_factors_and_a_gap():
    # By the equation that is not rearranged: y with sum of v = 1, between -1 / 1.2 and -1 / 3.
    a = np.array([3.0, 1.2, 0.4])
    y = np.linspace(-1 / 1.2, -1 / 3.0, 2_000_001)[1:-1]
    place = np.abs(np.prod(1 + a[:, None] * y, axis=0) * (1 + y) / y)
    law = free_multiply(*(MarchenkoPastur(each) for each in a))
    assert law.support()[0][0] == pytest.approx(place.max(), rel=1e-10)


def test_very_many_factors():
    law = free_power(MarchenkoPastur(0.5), 1e300, "product")
    np.testing.assert_allclose(law.cdf([0.5, 1.0, 1e10]), 1.0, rtol=0, atol=1e-12)
    assert law.cdf(0.0) == 0
    # log x = T log(1 + y / 2) + log((1 + y) / y), y = s / T: exp(s / 2) T / s = x, and the mass above is |Im| / (pi T).
    law = free_power(MarchenkoPastur(0.5), 1e15, "product")
    # The density at 1 is Im(1 / s) ... / T; T times it goes to 2 like 1 / log^2.
    assert 1.8 < law.pdf(1.0) * 1e15 < 2


def test_sizes_beyond_squares():
    law = free_add(Exponential(1e300), Semicircle())
    np.testing.assert_allclose(law.cdf([1e299, 1e300]), Exponential(1e300).cdf([1e299, 1e300]), rtol=1e-14)
    small, large = free_add(coin.scale(1e-200), Semicircle(1e-120)), free_add(coin.scale(3e120), Semicircle(3e120))
    one = free_add(coin, Semicircle())
    assert small.support() == Semicircle(1e-120).support()
    assert large.support()[0][1] == pytest.approx(3e120 * one.support()[0][1], rel=1e-14)
    assert large.cdf(1e120) == pytest.approx(one.cdf(1 / 3), rel=1e-13)


@pytest.mark.parametrize("a", [2.0])
def test_a_density_that_vanishes_faster_than_a_root(a):
    # 1 + M of the product at small x has the density of Beta seen through E 1 / factor: f(x) ~ c E factor^-a x^(a-1).
    law = free_multiply(Beta(a, 0.5), Discrete([1.0, 2.0], [0.5, 0.5]))
    x = np.array([1e-12, 1e-9, 1e-6])
    power = np.diff(np.log(law.pdf(x))) / np.diff(np.log(x))
    np.testing.assert_allclose(power, a - 1, rtol=0, atol=2e-3)
    assert law.expect(np.ones_like) == pytest.approx(1.0, abs=1e-11)


def arcsine(z):
    return -1 / (np.sqrt(z - 2) * np.sqrt(z + 2))


@pytest.mark.parametrize("distance", [0.0, 4.5e-16, 1e-13, 1e-10, 3e-8, 1e-6])
def test_stieltjes_next_to_ends(distance):
    law = free_add(coin, coin)
    if distance == 0:
        np.testing.assert_array_equal(law.stieltjes([-2.0, 2.0, 0.0])[:2], complex(math.inf, 0))
        return
    z = np.array([2 + distance, 2 - distance, -2 - distance, 2 + 1j * distance])
    d = np.abs(z.real[:2] - 2)  # as rounded
    m = law.stieltjes(z)
    exact = np.array([-1 / np.sqrt(d[0] * (4 + d[0])), 1j / np.sqrt(d[1] * (4 - d[1]))])
    # A series fitted to values that are good to 1e-16 / 1e-7, next to it rounding of z: 1e-16 over the distance.
    bound = 3e-9 + 1e-16 / max(distance, 1e-7)
    np.testing.assert_allclose(m[:2], exact, rtol=bound)
    assert m[2] == pytest.approx(-m[0], rel=bound)
    assert m[3] == pytest.approx(complex(arcsine(z[3:])[0]) if distance > 1e-12 else m[3], rel=1e-7)


def test_one_end_does_not_spoil_the_array():
    law = free_multiply(Bernoulli(0.5), Bernoulli(0.5))
    below = np.nextafter(1.0, 0.0)
    m = law.stieltjes([0.5, below, 1.0])
    # G = 1 / (2 z) + 1 / (2 sqrt(z (z - 1)))
    assert m[0] == pytest.approx(-1 + 1j, rel=1e-12)
    assert m[1].imag == pytest.approx(0.5 / math.sqrt(below * (1 - below)), rel=1e-7)
    assert m[2] == complex(math.inf, 0)


def test_next_to_a_cusp_digits_stay():
    # omega^2 = 1 - s^2 at 0, G = -omega / s^2: the density is sqrt(s^2 - 1) / (pi s^2).
    for sigma in (1 + 1e-9, 1 + 1e-6, 1.1):
        law = free_add(Semicircle(sigma), coin)
        exact = math.sqrt((sigma - 1) * (sigma + 1)) / sigma**2
        # z = (terms that nearly cancel) + omega^3: what rounding of 1 in G does to z, over the slope 3 omega^2.
        bound = 4e-16 / (3 * exact**2) + 1e-12
        assert law.pdf(0.0) * math.pi == pytest.approx(exact, abs=bound)
        assert abs(law.stieltjes([0.0, 1.0])[0] - 1j * exact) <= bound


class Stubborn(Semicircle):
    """Its solver fails at one number."""

    def _fail(self, x):
        if (np.real(x) == 0.5).any():
            raise ConvergenceError("no", {"x": 0.5})

    def _pdf(self, x):
        self._fail(x)
        return super()._pdf(x)

    def _stieltjes(self, z):
        self._fail(z)
        return super()._stieltjes(z)


def test_a_point_that_fails_is_nan_in_an_array():
    law: Law = Stubborn()
    x = np.linspace(-1, 1, 401)
    assert (x == 0.5).sum() == 1
    for method in ("pdf", "stieltjes"):
        found, plain = getattr(law, method)(x), getattr(Semicircle(), method)(x)
        np.testing.assert_array_equal(np.isnan(found), x == 0.5)
        np.testing.assert_array_equal(found[x != 0.5], plain[x != 0.5])
        with pytest.raises(ConvergenceError, match="no"):
            getattr(law, method)(0.5)
        with pytest.raises(ConvergenceError, match="no"):
            getattr(law, method)(np.full(1000, 0.5))


@pytest.mark.parametrize("product", [False, True])
def test_points_that_deconvolution_refuses_are_nan(product):
    a, b = MarchenkoPastur(0.5), MarchenkoPastur(0.3) if product else Semicircle(0.3)
    height = 0.1 if product else 0.05
    found = (
        free_divide(free_multiply(a, b), b, height=height)
        if product
        else free_subtract(free_add(a, b), b, height=height)
    )
    x = np.linspace(-1, 4, 21)
    density = found.pdf(x)
    refused = np.isnan(density)
    assert 4 < refused.sum() < 15
    assert found.report["refused"] == refused.sum()
    exact = a.stieltjes(x + 1j * height).imag / math.pi
    np.testing.assert_allclose(density[~refused], exact[~refused], rtol=1e-10)
    np.testing.assert_array_equal(np.isnan(found.stderr(x)), refused)
    with pytest.raises(ConvergenceError, match="a larger height is needed"):
        found.pdf(x[refused])
