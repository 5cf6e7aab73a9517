"""What powers, corners, sums and products of any laws owe each other; the laws are drawn at random."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deeprmt.freeprob import compression, free_add, free_multiply, free_power
from deeprmt.laws import Discrete, MarchenkoPastur, Mixture, Semicircle

quarters = st.integers(1, 8).map(lambda k: k / 4)
semicircles = st.tuples(quarters, quarters).map(lambda p: Semicircle(p[0] / 4).shift(p[0] / 2 + p[1]))  # above 0
noises = st.tuples(quarters, quarters).map(lambda p: MarchenkoPastur(*p))
atoms = st.tuples(st.integers(0, 3), st.integers(1, 9)).map(lambda p: Discrete([p[0], 4.0], [p[1] / 10, 1 - p[1] / 10]))
simple = st.one_of(semicircles, noises, atoms)
laws = st.one_of(simple, st.tuples(simple, simple).map(lambda p: Mixture([(0.25, p[0]), (0.75, p[1])])))
degrees = st.sampled_from([1.25, 2.0, 3.5])

OPERATIONS = {
    "sum": free_power,
    "product": lambda law, t: free_power(law, t, kind="product"),
    "corner": lambda law, t: compression(law, 1 / t),
}
every = pytest.mark.parametrize("operation", OPERATIONS)
few = settings(max_examples=5, deadline=None, derandomize=True)


def same(law, other):
    """By transforms at a height of a fifth of the size, and by moments: both to rounding, ten times over."""
    size = float(np.abs(law._hull()).max())
    z = np.linspace(-0.2, 1, 7) * size + 0.2j * size
    np.testing.assert_allclose(law.stieltjes(z), other.stieltjes(z), rtol=1e-11)
    for k in (1, 2, 3, 5):
        assert law.moment(k) == pytest.approx(other.moment(k), rel=1e-11)


@every
@few
@given(laws, degrees)
def test_mass_order_and_moments(operation, a, t):
    law = OPERATIONS[operation](a, t)
    # A density that bends inside its interval, as one of overlapping laws does, is known to the accuracy reported.
    limit = 1e-8 + 10 * getattr(getattr(law, "report", None), "accuracy", 0.0)
    assert law.expect(np.ones_like) == pytest.approx(1, abs=limit)
    low, high = law._hull()
    cdf = law.cdf(np.linspace(low, high, 41))
    assert (np.diff(cdf) >= 0).all()
    assert cdf[-1] == pytest.approx(1, abs=1e-12)
    for k in (1, 2, 5):
        assert law.expect(lambda x, k=k: x**k) == pytest.approx(law.moment(k), rel=limit)


@pytest.mark.parametrize("aspect", [1.25, 3.0])
@pytest.mark.parametrize("t", [1.25, 1.9, 2.5])
def test_powers_of_noise_that_has_mass_at_zero(aspect, t):
    """z y = (1 + y) (1 + a y)^t; what is off 0 is a product with a power t - 1, which may be below 1."""
    law = free_power(MarchenkoPastur(aspect), t, kind="product")
    ((low, high),) = law.support()
    x = low + (high - low) * np.array([1e-6, 0.01, 0.1, 0.5, 0.9])
    y = -x * law.stieltjes(x) - 1
    np.testing.assert_allclose((1 + y) / y * (1 + aspect * y) ** t, x, rtol=1e-10)
    assert law.atoms() == [(0.0, pytest.approx(1 - 1 / aspect))]
    assert law.expect(np.ones_like) == pytest.approx(1, abs=1e-12)
    assert law.expect(lambda x: x**3) == pytest.approx(law.moment(3), rel=1e-11)


@every
@few
@given(laws, degrees, st.sampled_from([0.3, 2.0, 7.0]))
def test_units(operation, a, t, c):
    of = OPERATIONS[operation]
    same(of(a.scale(c), t), of(a, t).scale(c**t if operation == "product" else c))
    if operation != "product":
        same(of(a.shift(c), t), of(a, t).shift(t * c if operation == "sum" else c))


@few
@given(laws, simple, st.sampled_from([0.3, 7.0]))
def test_units_of_sums_and_products(a, b, c):
    same(free_add(a.scale(c), b.scale(c)), free_add(a, b).scale(c))
    same(free_add(a.shift(c), b), free_add(a, b).shift(c))
    same(free_multiply(a.scale(c), b), free_multiply(a, b.scale(c)))
    same(free_multiply(a.scale(c), b), free_multiply(a, b).scale(c))


@every
@few
@given(laws, degrees, degrees)
def test_powers_of_powers(operation, a, s, t):
    of = OPERATIONS[operation]
    same(of(of(a, s), t), of(a, s * t))
    if operation == "corner":  # A. Nica, R. Speicher, Amer. J. Math. 118, 799 (1996)
        same(of(a, t), free_power(a, t).scale(1 / t))


def test_corners_of_corners_of_laws_that_no_series_resolves():
    law = Mixture([(0.25, Semicircle(0.1875).shift(0.875)), (0.75, Semicircle(0.0625).shift(0.375))])
    same(compression(compression(law, 0.8), 0.8), compression(law, 0.64))


@few
@given(simple, simple, degrees)
def test_powers_distribute(a, b, t):
    same(free_power(free_add(a, b), t), free_add(free_power(a, t), free_power(b, t)))
    product = OPERATIONS["product"]
    same(product(free_multiply(a, b), t), free_multiply(product(a, t), product(b, t)))
    same(compression(free_add(a, b), 1 / t), free_add(compression(a, 1 / t), compression(b, 1 / t)))
