"""Two laws with two atoms each: sums, products and polynomials in closed form."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose

from deeprmt import laws
from deeprmt.freeprob import free_add, free_multiply, law, symbols
from deeprmt.freeprob._free_laws import FreeProduct, FreeSum
from deeprmt.freeprob._polynomial_law import PolynomialLaw

x, y = symbols("x y")
half = laws.Discrete([0, 1], [0.5, 0.5])
first = laws.Discrete([-1, 2], [0.3, 0.7])
second = laws.Discrete([0.5, 1.5], [0.45, 0.55])


def test_a_gap_of_two_billionths_keeps_its_digits():
    """At a distance s from 1 the density is sqrt(s^2 - d^2) / (pi s sqrt(1 - s^2)) and d is the masses' difference."""
    masses = np.array([0.5 + 1e-9, 0.5 - 1e-9])
    found = free_add(laws.Discrete([0, 1], masses), half)
    d = (masses[0] - masses[1]) / 2
    end = found.support()[1][0]
    assert abs(end - 1 - d) <= 3e-16
    points = end + np.array([0.0, 1e-12, 1e-11, 1e-10, 1e-9, 1e-7, 1e-3])
    s = points - 1
    # s is known to the rounding of the points and of the end, by which the density moves as sqrt(s^2 - d^2) / s does.
    exact = np.sqrt(np.maximum(s * s - d * d, 0.0) / (1 - s * s)) / (np.pi * s)
    rounding = 5e-16 * d / np.maximum(s * np.maximum(s * s - d * d, 1e-40) ** 0.5, 1e-300)
    assert (np.abs(found.pdf(points)[1:] - exact[1:]) <= rounding[1:] + 1e-12).all()
    assert found.pdf(end) == 0
    assert (np.diff(found.cdf(np.linspace(1 - 4e-9, 1 + 4e-9, 2001))) >= -2e-16).all()
    assert_allclose(found.atoms(), [(0.0, 1e-9), (1.0, 1e-9)], rtol=0, atol=2e-16)


def test_the_anticommutator_of_two_projections():
    """Its eigenvalues are c^2 +- c with c the cosine of a uniform angle: no atoms, an inverse square root at 0-."""
    found = law(x * y + y * x, {x: half, y: half})
    assert found.atoms() == []
    assert_allclose(found.support(), [(-0.25, 2.0)], rtol=0, atol=2e-16)
    points = np.array([-1e-30, -1e-12, -1e-9, -0.01, -0.2, 0.3, 1.9])
    # Below x: of c^2 - c the angles with c between the roots of c^2 - c = x, which add to 1, and of c^2 + c those with
    # c below its root.
    small = 2 * np.abs(points) / (1 + np.sqrt(1 + 4 * points))
    share = (np.pi / 2 - 2 * np.arcsin(np.sqrt(small / 2)) - np.arcsin(small)) / np.pi
    exact = np.where(points < 0, share, 0.5 + np.arcsin(small) / np.pi)
    assert_allclose(found.cdf(points), exact, rtol=0, atol=1e-15)
    assert_allclose(found.cdf([-1e-12, -1e-9]), [0.49999955, 0.49998576], rtol=0, atol=1e-8)
    assert found.expect(lambda t: t**2) == pytest.approx(found.moment(2), abs=1e-13)


@pytest.mark.parametrize("mass", [0.5, 0.4, 0.3, 0.05])
def test_atoms_of_a_corner_are_exact(mass):
    p = laws.Discrete([0, 1], [1 - mass, mass])
    found = law(x * y * x, {x: p, y: p})
    assert_allclose(found.atoms(), [(0.0, 1 - mass)], rtol=0, atol=4e-16)
    # p q p is the free product p q.
    points = np.linspace(0.01, 1, 17)
    assert_allclose(found.cdf(points), free_multiply(p, p).cdf(points), rtol=0, atol=1e-14)


@pytest.mark.parametrize(
    "expression",
    [x + y, x * y * x + y, 1j * (x * y - y * x), x * y + y * x + x**2 + y**2, (x + y + 3).inverse()],
    ids=str,
)
def test_the_solver_of_polynomials_agrees(expression):
    given = {x: first, y: second}
    found = law(expression, given)
    solved = PolynomialLaw(expression, {letter: given[s] for s in (x, y) for letter in s.letters})
    assert_allclose(found.support(), solved.support(), rtol=0, atol=1e-11)
    assert_allclose(found.atoms(), solved.atoms(), rtol=0, atol=1e-9)
    points = np.linspace(*found._hull(), 23)[1:-1]
    assert_allclose(found.cdf(points), solved.cdf(points), rtol=0, atol=1e-10)
    assert_allclose(found.pdf(points), solved.pdf(points), rtol=1e-9, atol=1e-11)
    assert found.report["mass"] == pytest.approx(1, abs=1e-14)
    assert found.expect(np.ones_like) == pytest.approx(1, abs=1e-12)


def test_sums_and_products_agree_with_subordination():
    for found, kind in ((free_add(first, second), FreeSum), (free_multiply(half, second), FreeProduct)):
        solved = kind(list(found.parts))
        assert_allclose(found.support(), solved.support(), rtol=0, atol=1e-12)
        assert_allclose(found.atoms(), solved.atoms(), rtol=0, atol=1e-15)
        points = np.linspace(*found._hull(), 40)[1:-1]
        assert_allclose(found.cdf(points), solved.cdf(points), rtol=0, atol=1e-12)
        assert_allclose(found.pdf(points), solved.pdf(points), rtol=1e-9, atol=1e-11)
        assert_allclose(found.expect(lambda t: 1 / (t - 1j)), found.stieltjes(1j), rtol=0, atol=1e-12)
        assert repr(found) == repr(solved)
        assert pickle.loads(pickle.dumps(found)).cdf(0.7) == found.cdf(0.7)


def test_the_arcsine_law():
    coins = laws.Empirical([-1.0, 1.0])
    found = free_add(coins, coins)
    points = np.array([-1.5, 0.0, 0.3, 1.99])
    assert_allclose(found.pdf(points), 1 / (np.pi * np.sqrt(4 - points**2)), rtol=1e-14)
    assert_allclose(found.cdf(points), 0.5 + np.arcsin(points / 2) / np.pi, rtol=0, atol=1e-15)
    assert np.isinf(found.pdf([-2.0, 2.0])).all()


def test_large_matrices_agree():
    """Eigenvalues of p q p + q of order 400 lie within n^-1 times a few of the law's quantiles."""
    rng = np.random.default_rng(3)
    n = 400
    basis = np.linalg.qr(rng.normal(size=(n, n)))[0]
    p = np.diag(np.repeat([-1.0, 2.0], [int(0.3 * n), n - int(0.3 * n)]))
    q = (basis * np.repeat([0.5, 1.5], [int(0.45 * n), n - int(0.45 * n)])) @ basis.T
    values = np.linalg.eigvalsh(p @ q @ p + q)
    found = law(x * y * x + y, {x: first, y: second})
    values = values[np.min([np.abs(values - at) for at, _ in found.atoms()], axis=0) > 1e-9]
    share = sum(mass for _, mass in found.atoms())
    assert values.size == round((1 - share) * n)
    # Eigenvalues repel: counts differ from n times the law by O(sqrt(log n)), far below ten.
    below = (found.cdf(values) - [sum(m for at, m in found.atoms() if at < v) for v in values]) * n
    assert np.abs(below - np.arange(values.size) - 0.5).max() < 5
