import doctest
import math
import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deeprmt.ensembles import haar
from deeprmt.errors import ConvergenceError
from deeprmt.freeprob import compression, free_add, free_multiply, free_power
from deeprmt.freeprob._sources import Series, source
from deeprmt.laws import Discrete, Empirical, FussCatalan, Law, MarchenkoPastur, Semicircle
from reference.freeprob import free_convolution as reference

coin = Empirical([-1.0, 1.0])


def inner_grid(law, n=41):
    """Points inside each interval of the support, also close to its ends."""
    t = (np.arange(n) + 0.5) * math.pi / (2 * n)
    return np.concatenate([low + (high - low) * np.sin(t) ** 2 for low, high in law.support()])


# ---- published numbers ----

tables = {
    "semicircle + two atoms": lambda: free_add(Semicircle(), coin),
    "Marchenko-Pastur + semicircle": lambda: free_add(MarchenkoPastur(1.0), Semicircle()),
    "Marchenko-Pastur x two atoms": lambda: free_multiply(MarchenkoPastur(0.5), Empirical([1.0, 3.0])),
}


@pytest.mark.parametrize("name", tables)
def test_densities_that_cubic_equations_give(name):
    x, density = np.array(reference.densities[name]).T
    np.testing.assert_allclose(tables[name]().pdf(x), density, rtol=0, atol=6e-12)  # half of the last digit printed


def test_edges_to_all_digits_printed():
    (pair,) = free_add(MarchenkoPastur(1.0), Semicircle()).support()
    np.testing.assert_allclose(pair, [-1.4844353317659, 4.4844353317659], rtol=0, atol=6e-14)
    # Semicircle + two atoms: edges at +-3 sqrt(3) / 2, and a density that vanishes at 0 like |x|^(1/3).
    law = free_add(Semicircle(), coin)
    (pair,) = law.support()  # two intervals that touch are one
    np.testing.assert_allclose(pair, [-1.5 * math.sqrt(3), 1.5 * math.sqrt(3)], rtol=0, atol=1e-14)
    assert law.pdf(0.0) == 0
    # Near 0 the cubic equation is G^3 = x, of which the density takes sin(pi/3) / pi.
    x = np.array([-1e-6, 1e-9, 1e-12, 1e-15])
    np.testing.assert_allclose(law.pdf(x), math.sqrt(0.75) / math.pi * np.cbrt(np.abs(x)), rtol=2e-4)


def test_a_chain_of_twenty_layers():
    law = free_multiply(*[MarchenkoPastur(0.8**layer) for layer in range(1, 21)])
    x, density, cdf = np.array(reference.chain).T
    np.testing.assert_allclose(law.pdf(x), density, rtol=1e-11)
    np.testing.assert_allclose(law.cdf(x), cdf, rtol=1e-11)
    assert law.support()[0][1] == pytest.approx(reference.chain_edge, abs=1e-12)
    assert law.report.points > 0
    assert law.report.residual < 1e-13


# ---- closed forms ----


def test_semicircles_add():
    law = free_add(Semicircle(3.0), Semicircle(4.0).shift(1.0))
    assert repr(law) == "Semicircle(sigma=5.0).shift(1.0)"


def test_marchenko_pastur_laws_add():
    """sigma^2 x MP(c) of sample covariances: adding sets of samples adds 1 / c."""
    law = free_add(MarchenkoPastur(0.5, sigma=2.0), MarchenkoPastur(0.25, sigma=math.sqrt(8.0)))  # c sigma^2 = 2
    same = MarchenkoPastur(1 / 6, sigma=math.sqrt(12.0))
    x = inner_grid(same)
    np.testing.assert_allclose(law.support(), same.support(), rtol=1e-14)
    np.testing.assert_allclose(law.pdf(x), same.pdf(x), rtol=1e-11)
    np.testing.assert_allclose(law.cdf(x), same.cdf(x), rtol=0, atol=1e-14)


@pytest.mark.parametrize("p", [1, 2, 5])
def test_fuss_catalan(p):
    """MP(1) to the power p: moments C((p+1) k, k) / (p k + 1), and the density along its parametrisation."""
    law = free_power(MarchenkoPastur(1.0), p, kind="product")
    for k in range(1, 21):
        assert law.moment(k) == pytest.approx(math.comb((p + 1) * k, k) / (p * k + 1), rel=1e-14)
    t = np.linspace(0.02, 0.98, 49) * math.pi / (p + 1)
    x = np.sin((p + 1) * t) ** (p + 1) / (np.sin(t) * np.sin(p * t) ** p)
    density = np.sin(t) ** 2 * np.sin(p * t) ** (p - 1) / (math.pi * np.sin((p + 1) * t) ** p)
    np.testing.assert_allclose(law.pdf(x), density, rtol=1e-10)
    assert law.support()[0] == pytest.approx((0, (p + 1) ** (p + 1) / p**p), rel=1e-14)
    assert law.pdf(0.0) == math.inf


def test_two_coins_make_an_arcsine():
    law = free_add(coin, Empirical([-1.0, 1.0]))
    x = np.linspace(-1.99, 1.99, 101)
    np.testing.assert_allclose(law.pdf(x), 1 / (math.pi * np.sqrt(4 - x * x)), rtol=1e-12)
    np.testing.assert_allclose(law.cdf(x), 0.5 + np.arcsin(x / 2) / math.pi, rtol=0, atol=1e-14)
    np.testing.assert_allclose(law.support(), [(-2, 2)], rtol=0, atol=1e-14)
    assert law.pdf(2.0) == math.inf
    # Not by name either: two laws that the solver sees apart.
    other = free_add(coin, Empirical([-1.0, 1.0, 1.0, -1.0]))
    np.testing.assert_allclose(other.pdf(x), law.pdf(x), rtol=1e-11)
    np.testing.assert_allclose(other.support(), [(-2, 2)], rtol=0, atol=1e-10)


@pytest.mark.parametrize("degree", [1.5, 2.0, 2.5, 4.0, 10.0])
def test_powers_of_a_coin_are_kesten_mckay(degree):
    """The tree with d branches at a node: d sqrt(4 (d-1) - x^2) / (2 pi (d^2 - x^2)), and atoms at +-d if d < 2."""
    law = free_power(coin, degree)
    edge = 2 * math.sqrt(degree - 1)
    assert law.support()[0] == pytest.approx((-edge, edge), rel=1e-13)
    x = np.linspace(-0.999, 0.999, 51) * edge
    expected = degree * np.sqrt(edge**2 - x * x) / (2 * math.pi * (degree**2 - x * x))
    np.testing.assert_allclose(law.pdf(x), expected, rtol=1e-11)
    mass = 1 - degree / 2
    assert law.atoms() == ([(-degree, mass), (degree, mass)] if degree < 2 else [])
    assert law.cdf(0.0) == pytest.approx(0.5, abs=1e-14)


@pytest.mark.parametrize(("a", "b"), [(0.5, 0.5), (0.3, 0.6), (0.8, 0.7)])
def test_products_of_projections(a, b):
    """Atoms (1 - min(a, b)) at 0, (a + b - 1)+ at 1, and sqrt((x - r)(s - x)) / (2 pi x (1 - x)) between."""
    n = 10
    first, second = (Empirical([1.0] * round(n * t) + [0.0] * round(n * (1 - t))) for t in (a, b))
    law = free_multiply(first, second)
    root = math.sqrt(4 * a * b * (1 - a) * (1 - b))
    low, high = a + b - 2 * a * b - root, a + b - 2 * a * b + root
    assert law.support()[0] == pytest.approx((low, high), abs=1e-13)
    x = np.linspace(low, high, 23)[1:-1]
    expected = np.sqrt((x - low) * (high - x)) / (2 * math.pi * x * (1 - x))
    np.testing.assert_allclose(law.pdf(x), expected, rtol=1e-11)
    atoms = dict(law.atoms())
    assert atoms[0.0] == pytest.approx(1 - min(a, b))
    assert atoms.get(1.0, 0.0) == pytest.approx(max(a + b - 1, 0), abs=1e-14)
    assert law.cdf(1.0) == 1
    assert law.cdf(0.0) == pytest.approx(1 - min(a, b))


def test_corners():
    law = compression(MarchenkoPastur(0.5), 0.25)  # a corner of samples with fewer dimensions
    same = MarchenkoPastur(0.125)
    x = inner_grid(same)
    np.testing.assert_allclose(law.pdf(x), same.pdf(x), rtol=1e-11)
    np.testing.assert_allclose(law.support(), same.support(), rtol=1e-14)
    half = compression(coin, 0.5)  # half of a random reflection: the arcsine law on [-1, 1]
    np.testing.assert_allclose(half.cdf([-0.5, 0.0, 0.5]), [1 / 3, 0.5, 2 / 3], rtol=0, atol=1e-14)


# ---- the plain reference, and matrices ----

two_steps = Empirical([0.0, 0.0, 1.0])
some = {
    "atoms + atoms": (two_steps, Empirical([0.0, 0.0, 0.0, 3.0])),
    "Marchenko-Pastur with an atom": (MarchenkoPastur(2.0), Empirical([0.0, 1.0, 4.0])),
    "semicircle and quarter circle": (Semicircle(0.3).shift(1.0), MarchenkoPastur(0.5, singular=True)),
    "mirrored": (MarchenkoPastur(0.7).scale(-2.0).shift(8.0), MarchenkoPastur(1.0)),
}


@pytest.mark.parametrize("name", some)
@pytest.mark.parametrize("operation", ["add", "multiply"])
def test_off_the_axis_against_plain_iteration(name, operation):
    a, b = some[name]
    law = free_add(a, b) if operation == "add" else free_multiply(a, b)
    slow = reference.stieltjes_of_sum if operation == "add" else reference.stieltjes_of_product
    for z in (0.5 + 1j, 2 + 0.5j, -1 + 0.3j):
        expected = slow(lambda w: complex(a.stieltjes(w)), lambda w: complex(b.stieltjes(w)), z)
        assert complex(law.stieltjes(z)) == pytest.approx(expected, rel=1e-11)
        assert complex(law.stieltjes(z.conjugate())) == pytest.approx(expected.conjugate(), rel=1e-11)


@pytest.mark.parametrize("name", some)
@pytest.mark.parametrize("operation", ["add", "multiply"])
def test_density_distribution_moments_and_transform_agree(name, operation):
    a, b = some[name]
    law = free_add(a, b) if operation == "add" else free_multiply(a, b)
    assert law.expect(np.ones_like) == pytest.approx(1, abs=1e-10)
    assert law.mean() == pytest.approx(
        a.mean() + b.mean() if operation == "add" else a.mean() * b.mean(), rel=1e-12, abs=1e-13
    )
    for k in (2, 3, 6):
        assert law.expect(lambda x, k=k: x**k) == pytest.approx(law.moment(k), rel=1e-10)
    x = inner_grid(law)
    assert (np.diff(law.cdf(np.sort(x))) > 0).all()
    np.testing.assert_allclose(law.stieltjes(x).imag / math.pi, law.pdf(x), rtol=1e-9)
    # The distribution function, from the logarithmic potential, has the density as its slope: central differences of
    # step h are right to h^2 f'' / 6 + 1e-16 / h.
    for low, high in law.support():
        at, h = low + (high - low) * np.array([0.3, 0.5, 0.8]), 3e-6 * (high - low)
        np.testing.assert_allclose((law.cdf(at + h) - law.cdf(at - h)) / (2 * h), law.pdf(at), rtol=2e-8)
    z = np.array([0.3 + 0.4j, 2 - 1j, -3.0, 40.0])
    h = 1e-4
    slope = (law.stieltjes(z + h) - law.stieltjes(z - h)) / (2 * h)
    np.testing.assert_allclose(law.stieltjes_derivative(z), slope, rtol=1e-5)
    q = np.linspace(0.01, 0.99, 25)
    inside = np.array(
        [all(abs(law.cdf(at) - p) > 1e-9 and not 0 <= law.cdf(at) - p <= m for at, m in law.atoms()) for p in q]
    )
    np.testing.assert_allclose(law.cdf(law.ppf(q[inside])), q[inside], rtol=0, atol=1e-12)


@pytest.mark.parametrize("operation", ["add", "multiply"])
def test_spectra_of_haar_rotated_matrices(operation):
    """Of order n, linear statistics fluctuate by O(1/n): five sigma, from the spread over 8 rotations."""
    n = 120
    a, b = np.repeat([0.0, 1.0, 4.0], n // 3), np.repeat([0.5, 2.0], n // 2)
    law = (free_add if operation == "add" else free_multiply)(Empirical(a), Empirical(b))
    statistics = []
    for u in haar(n, size=8, rng=3, field="complex"):
        rotated = (u * b) @ u.conj().T
        root = np.sqrt(a)
        matrix = np.diag(a) + rotated if operation == "add" else root[:, None] * rotated * root
        x = np.linalg.eigvalsh(matrix)
        statistics.append([x.mean(), (x**2).mean(), (x**3).mean(), np.exp(-x).mean(), (1 / (1 + x * x)).mean()])
    expected = [
        law.moment(1),
        law.moment(2),
        law.moment(3),
        law.expect(lambda x: np.exp(-x)),
        law.expect(lambda x: 1 / (1 + x * x)),
    ]
    values = np.array(statistics)
    error = values.std(axis=0, ddof=1) / math.sqrt(len(values))
    # Unitary rotations have corrections of order 1/n^2, here against numbers of order up to 60.
    assert (np.abs(values.mean(axis=0) - expected) <= 5 * error + 60 / n**2).all()


# ---- what must hold ----

spectra = st.lists(st.sampled_from([0.0, 0.25, 1.0, 2.0, 3.0, 5.5]), min_size=2, max_size=5)


@settings(max_examples=10, deadline=None, derandomize=True)
@given(spectra, spectra, st.sampled_from(["add", "multiply"]))
def test_any_atoms(first, second, operation):
    """Atoms that coincide, outweigh or cancel: mass 1, moments, monotone, and the same from both sides."""
    a, b = Empirical(first), Empirical(second)
    both = free_add if operation == "add" else free_multiply
    law, other = both(a, b), both(b, a)
    assert law.expect(np.ones_like) == pytest.approx(1, abs=1e-8)
    for k in (1, 2, 4):
        assert law.expect(lambda x, k=k: x**k) == pytest.approx(law.moment(k), rel=1e-8)
    x = np.linspace(-0.5, 31, 200)
    assert (np.diff(law.cdf(x)) >= -1e-13).all()
    np.testing.assert_allclose(law.cdf(x), other.cdf(x), rtol=0, atol=1e-9)


def test_associativity():
    a, b, c = MarchenkoPastur(0.5), Empirical([1.0, 2.0, 2.0]), Semicircle(0.5).shift(1.5)
    x = np.linspace(0.1, 9, 50)
    for both in (free_add, free_multiply):
        left, right, at_once = both(both(a, b), c), both(a, both(b, c)), both(a, b, c)
        np.testing.assert_allclose(left.cdf(x), right.cdf(x), rtol=0, atol=1e-13)
        np.testing.assert_allclose(left.cdf(x), at_once.cdf(x), rtol=0, atol=1e-13)
        # And where nothing is taken apart: the law in between as a series.
        inner = Opaque(both(a, c))
        assert isinstance(source(inner), Series)
        np.testing.assert_allclose(both(inner, b).cdf(x), left.cdf(x), rtol=0, atol=1e-11)


class Opaque(Law):
    """A law that does not say what it is made of: what a user may write."""

    def __init__(self, law):
        self.law = law

    def support(self):
        return self.law.support()

    def atoms(self):
        return self.law.atoms()

    def _pdf(self, x):
        return self.law._pdf(x)

    def _cdf(self, x):
        return self.law._cdf(x)


def test_shifts_scales_and_point_masses():
    a, b = MarchenkoPastur(0.5), Empirical([1.0, 3.0])
    x = np.linspace(0.05, 9, 40)
    added, multiplied = free_add(a, b), free_multiply(a, b)
    np.testing.assert_allclose(free_add(a.shift(2.0), b.shift(-1.0)).pdf(x + 1), added.pdf(x), rtol=1e-10)
    np.testing.assert_allclose(free_add(a.scale(-3.0), b.scale(-3.0)).cdf(-3 * x), 1 - added.cdf(x), rtol=0, atol=1e-12)
    np.testing.assert_allclose(free_multiply(a.scale(2.0), b.scale(0.5)).pdf(x), multiplied.pdf(x), rtol=1e-10)
    for point, expected in ((0.0, a), (2.0, a.shift(2.0))):
        np.testing.assert_array_equal(free_add(a, Empirical([point])).pdf(x), expected.pdf(x))
    np.testing.assert_array_equal(free_multiply(Empirical([1.0]), a).pdf(x), a.pdf(x))
    np.testing.assert_allclose(free_multiply(Empirical([2.0]), a).pdf(x), a.scale(2.0).pdf(x), rtol=1e-13)
    assert free_multiply(a, Empirical([0.0])).atoms() == [(0.0, 1.0)]
    assert free_add(Empirical([1.0]), Empirical([2.0])).atoms() == [(3.0, 1.0)]
    assert free_multiply(Empirical([3.0]), Empirical([2.0])).atoms() == [(6.0, 1.0)]
    assert free_power(a, 1) is a
    assert free_power(a, 1, kind="product") is a
    assert compression(a, 1) is a


def test_powers_interpolate():
    law = Empirical([0.5, 1.0, 4.0])
    x = np.linspace(0.3, 12, 60)
    np.testing.assert_allclose(free_power(law, 2).cdf(x), free_add(law, law).cdf(x), rtol=0, atol=1e-13)
    np.testing.assert_allclose(
        free_power(free_power(law, 1.5), 2).cdf(x), free_power(law, 3).cdf(x), rtol=0, atol=1e-13
    )
    np.testing.assert_allclose(
        free_power(law, 2, kind="product").cdf(x), free_multiply(law, Empirical(law.values)).cdf(x), rtol=0, atol=1e-12
    )
    product = free_power(law, 1.7, kind="product")
    assert product.expect(np.ones_like) == pytest.approx(1, abs=1e-11)
    assert product.moment(3) == pytest.approx(product.expect(lambda x: x**3), rel=1e-10)


def test_transforms_add_and_multiply():
    a, b = MarchenkoPastur(0.5), MarchenkoPastur(0.25, singular=True)
    w = np.array([-0.2, 0.1, 0.3])
    law = free_add(a, b)
    np.testing.assert_allclose(law.r_transform(w), a.r_transform(w) + b.r_transform(w), rtol=1e-14)
    g = -law.stieltjes(np.array([-2.0, 6.0, 10.0])).real
    np.testing.assert_allclose(law.r_transform(g) + 1 / g, [-2.0, 6.0, 10.0], rtol=1e-9)
    law = free_multiply(a, b)
    z = np.array([-3.0, 6.0, 10.0])
    y = -z * law.stieltjes(z).real - 1
    np.testing.assert_allclose((1 + y) / (y * law.s_transform(y)), z, rtol=1e-9)


# ---- edges, atoms, points on the axis ----


def test_points_on_and_next_to_edges():
    law = free_add(Empirical([0.0, 4.0]), Semicircle(0.7))
    (a, b), (c, d) = law.support()
    assert a < b < 2 < c < d
    for edge, inwards in ((a, 1), (b, -1), (c, 1), (d, -1)):
        assert law.pdf(edge) == 0
        assert law.pdf(edge - 1e-12 * inwards) == 0
        step = 10.0 ** np.arange(-14, -3)
        density = law.pdf(edge + inwards * step)
        # Square roots; within 1e-12 of an edge x itself is known to 1e-15, which is 1e-3 of the distance.
        np.testing.assert_allclose(density / np.sqrt(step), density[-4] / np.sqrt(step[-4]), rtol=0.05)
    np.testing.assert_allclose(law.cdf([a, b, 2.0, c, d]), [0, 0.5, 0.5, 0.5, 1], rtol=0, atol=1e-12)


def test_a_gap_opens_at_the_critical_width():
    """Semicircles around +-1 touch at sigma = 1; the gap is then (1 - sigma)^(3/2) wide: two real roots more."""
    for sigma in (0.9, 0.99, 0.999):
        law = free_add(Semicircle(sigma), coin)
        assert len(law.support()) == 2
        gap = law.support()[1][0]
        # The edge solves d/dw (w + sigma^2 w / (w^2 - 1)) = 0.
        s2 = sigma**2
        w2 = ((2 + s2) - math.sqrt((2 + s2) ** 2 - 4 * (1 - s2))) / 2
        w = math.sqrt(w2)
        assert gap == pytest.approx(abs(w + s2 * w / (w2 - 1)), abs=1e-12)
    assert len(free_add(Semicircle(1.001), coin).support()) == 1


def test_atoms_of_sums():
    law = free_add(two_steps, Empirical([0.0, 0.0, 0.0, 3.0]))
    assert law.atoms() == [(0.0, pytest.approx(5 / 12)), (1.0, pytest.approx(1 / 12))]
    assert law.cdf(0.0) == pytest.approx(5 / 12, abs=1e-14)
    assert law.cdf(-1e-9) == 0
    assert law.cdf(1.0) - law.cdf(np.nextafter(1.0, 0)) == pytest.approx(1 / 12, abs=1e-12)
    assert law.stieltjes(0.0) == math.inf
    assert law.pdf(0.0) == 0


def test_aspect_exactly_one():
    law = free_multiply(MarchenkoPastur(1.0), Empirical([1.0, 2.0]))
    low, _ = law.support()[0]
    assert low == 0
    assert law.pdf(0.0) == math.inf
    # Near 0 G z = 1 + y with y -> -1: density ~ sqrt(E 1/x) / (pi sqrt x).
    x = 10.0 ** -np.arange(8.0, 200, 40)
    np.testing.assert_allclose(law.pdf(x), math.sqrt(0.75) / (math.pi * np.sqrt(x)), rtol=1e-3)
    assert law.expect(np.ones_like) == pytest.approx(1, abs=1e-10)


def test_ten_thousand_eigenvalues():
    values = MarchenkoPastur(0.25).rvs(10000, rng=1)
    law = free_multiply(Empirical(values), MarchenkoPastur(0.3))
    exact = free_multiply(MarchenkoPastur(0.25), MarchenkoPastur(0.3))
    x = np.linspace(0.15, 3, 100)
    # Independent values: distribution functions differ by O(n^-1/2), and the product smooths.
    assert np.abs(law.cdf(x) - exact.cdf(x)).max() < 5 * 0.5 / math.sqrt(10000)
    assert law.mean() == pytest.approx(values.mean(), rel=1e-12)
    assert np.trapezoid(law.pdf(x), x) == pytest.approx(law.cdf(3.0) - law.cdf(0.15), rel=1e-3)


def test_sums_with_gaps_between_outliers():
    """Noise on outliers: each gets a bump of its own, each bump the mass of one value."""
    values = np.concatenate([Semicircle().ppf((np.arange(500) + 0.5) / 500), [4.0, 6.0, 6.5]])
    law = free_add(Empirical(values), Semicircle(0.5))
    assert len(law.support()) == 4
    np.testing.assert_allclose(law.cdf([3.0, 5.0, 6.25, 7.0]), np.array([500, 501, 502, 503]) / 503, rtol=0, atol=1e-13)


# ---- what is refused ----


def test_errors():
    mp = MarchenkoPastur(0.5)
    with pytest.raises(TypeError, match=r"free_add: b must be a Law, got \[1, 2\]"):
        free_add(mp, [1, 2])
    with pytest.raises(TypeError, match=r"free_multiply: more\[0\] must be a Law"):
        free_multiply(mp, mp, 3)
    with pytest.raises(ValueError, match=r"free_multiply: at most one law may reach below 0.* got b and more\[0\]"):
        free_multiply(mp, Semicircle(), Semicircle())
    with pytest.raises(ValueError, match=r"free_power: t must be finite and at least 1, got 0\.5"):
        free_power(mp, 0.5)
    with pytest.raises(ValueError, match="free_power: kind must be one of 'sum', 'product'"):
        free_power(mp, 2, kind="both")
    with pytest.raises(ValueError, match="compression: t must be at most 1, got 2"):
        compression(mp, 2)
    with pytest.raises(ValueError, match="compression: t must be finite and above 0"):
        compression(mp, 0.0)


def test_failure_says_where(monkeypatch):
    law = free_add(MarchenkoPastur(1.0), Semicircle())
    assert law.support()

    def nothing(self, place, start, steps=30):
        return start, np.zeros(place.size, bool)

    monkeypatch.setattr("deeprmt.freeprob._solver.Equations.newton", nothing)
    with pytest.raises(ConvergenceError, match="no point of the interval") as caught:
        law.pdf(1.0)
    assert caught.value.report["points"] > 0


def test_the_guide_runs():
    guide = Path(__file__).parents[3] / "docs/freeprob.md"
    if not guide.is_file():
        pytest.skip("the documents are not beside the tests")
    assert doctest.testfile(str(guide), module_relative=False, optionflags=doctest.ELLIPSIS).failed == 0


def test_laws_travel():
    law = free_add(MarchenkoPastur(1.0), coin)
    copy = pickle.loads(pickle.dumps(law))
    assert repr(copy) == repr(law)
    assert copy.pdf(0.5) == law.pdf(0.5)
    assert law.report.to_dict()["residual"] < 1e-12


@pytest.mark.parametrize("aspects", [(0.5, 0.3), (1.0, 0.5), (2.0, 0.3), (2.0, 3.0), (2.0, 1.0), (1.5, 2.0, 0.2, 0.2)])
def test_products_of_marchenko_pastur_laws(aspects):
    """Explicit in one unknown; against the same laws as the general solver sees them, in two factors."""
    law = free_multiply(*[MarchenkoPastur(a) for a in aspects])
    general = free_multiply(Opaque(MarchenkoPastur(aspects[0])), *[MarchenkoPastur(a) for a in aspects[1:]])
    assert law.expect(np.ones_like) == pytest.approx(1, abs=1e-9)
    assert dict(law.atoms()).get(0.0, 0.0) == pytest.approx(max(0, 1 - 1 / max(aspects)))
    np.testing.assert_allclose(law.support(), general.support(), rtol=1e-10)
    x = inner_grid(law, 11)[1:]
    np.testing.assert_allclose(law.cdf(x), general.cdf(x), rtol=0, atol=1e-9)


def test_factors_that_share_the_mass_at_zero():
    """The density goes like x^(-1/2) there; rounding hides the last part, for which the power law stands."""
    law = free_power(MarchenkoPastur(3.0), 2, kind="product")
    assert law.expect(np.ones_like) == pytest.approx(1, abs=1e-8)
    assert law.pdf(0.0) == math.inf
    assert law.cdf(0.0) == pytest.approx(2 / 3)


def test_powers_at_zero():
    """Fuss and Catalan's laws diverge at 0 faster than a root: they come in by their own equations."""
    law = free_add(FussCatalan(2), MarchenkoPastur(0.5))
    assert law.expect(np.ones_like) == pytest.approx(1, abs=1e-12)
    assert law.expect(lambda x: x**3) == pytest.approx(law.moment(3), rel=1e-12)
    power = free_multiply(FussCatalan(2), MarchenkoPastur(1.0))
    x = np.linspace(0.1, 9, 7)
    np.testing.assert_allclose(power.pdf(x), FussCatalan(3).pdf(x), rtol=1e-10)


@pytest.mark.parametrize("sigma", [1e-6, 1e-4, 1e-3])
def test_a_gap_that_is_found_from_two_sides_is_one(sigma):
    law = free_add(Discrete([0, 1], [0.5, 0.5]), Semicircle(sigma))
    np.testing.assert_allclose(law.cdf(np.linspace(0.1, 0.9, 4001)), 0.5, rtol=1e-12)
    assert len(law.support()) == 2


def test_ends_are_not_beyond_those_of_the_terms():
    """The arcsine law on [0, 2], and what only laws on [0, inf) may enter."""
    coins = Discrete([0, 1], [0.5, 0.5])
    law = free_add(coins, coins)
    assert law.support()[0][0] == 0
    assert law.pdf(0.0) == math.inf
    assert law.cdf(0.0) == 0
    assert law.s_transform(0.0) == pytest.approx(1, rel=1e-12)
    assert free_multiply(law, MarchenkoPastur(0.5)).moment(2) == pytest.approx(law.moment(2) + 0.5, rel=1e-12)
    assert compression(coins, 0.5).support()[0][0] == 0
