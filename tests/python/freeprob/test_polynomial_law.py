import math
import pickle
from dataclasses import replace

import numpy as np
import pytest

from deeprmt.errors import ConvergenceError
from deeprmt.freeprob import PolynomialLaw, free_add, free_multiply, law, symbols
from deeprmt.freeprob._substitution import atom_candidates
from deeprmt.laws import Bernoulli, Beta, Discrete, Empirical, FussCatalan, Law, MarchenkoPastur, Point, Semicircle

x, y, z = symbols("x y z")
S = Semicircle()
COIN = Discrete([-1.0, 1.0], [0.5, 0.5])


def check(mu, orders=(1, 2, 3, 4)):
    """Mass, moments and quantiles from the density and the distribution function; moments do not come from them."""
    for k in orders:
        size = float(mu.moment(2 * k)) ** 0.5 + 1e-300
        assert mu.expect(lambda t, k=k: t**k) == pytest.approx(float(mu.moment(k)), abs=1e-8 * size)
    assert mu.report["mass"] == pytest.approx(1, abs=1e-9)
    low, high = mu._hull()
    cdf = mu.cdf(np.linspace(low - 0.1, high + 0.1, 300))
    assert (np.diff(cdf) >= 0).all()
    assert cdf[0] == 0
    assert cdf[-1] == 1


# Densities to the digits printed, computed independently (roots of the cubic equations for G, 30 digits).
TABLES = [
    (x + y, {x: S, y: COIN}, {0.5: 0.20772131693, 1: 0.23709686416, 1.5: 0.23175425857, 2: 0.19298833301}),
    (
        x + y,
        {x: MarchenkoPastur(1), y: S},
        {0.5: 0.25263475769, 1: 0.23709686416, 2: 0.17897912749, 3: 0.1174529763, 4: 0.058117736667},
    ),
    (
        x * y + y * x,
        {x: S, y: S},
        {0.1: 0.31374097994, 0.5: 0.25536555691, 1: 0.19298833301, 2: 0.11390575986, 3: 0.048137434405},
    ),
    (
        1j * (x * y - y * x),  # the same law
        {x: S, y: S},
        {0.1: 0.31374097994, 0.5: 0.25536555691, 1: 0.19298833301, 2: 0.11390575986, 3: 0.048137434405},
    ),
    (
        x * y + y * x + x**2,
        {x: S, y: S},
        {0.5: 0.2309560023, 1: 0.1794698279, 2: 0.1238181723, 4: 0.06477586985, 6: 0.0},
    ),
    (
        y * x * y,  # the free product of Marchenko-Pastur and (delta_1 + delta_3) / 2
        {x: MarchenkoPastur(0.5), y: Discrete([1.0, 3.0**0.5], [0.5, 0.5])},
        {0.5: 0.49322351348, 1: 0.30010543872, 2: 0.15026293942, 3: 0.11430548469, 5: 0.065259160495},
    ),
]


@pytest.mark.parametrize(("expression", "laws", "table"), TABLES, ids=lambda each: repr(each)[:40])
def test_densities_of_the_literature(expression, laws, table):
    mu = law(expression, laws)
    np.testing.assert_allclose(
        mu.pdf(list(table)), list(table.values()), rtol=0, atol=6e-11
    )  # half of the last digit printed
    check(mu)


def test_edges_to_the_last_digits():
    edge = math.sqrt((11 + 5 * math.sqrt(5)) / 2)
    for expression in (x * y + y * x, 1j * (x * y - y * x)):
        ((low, high),) = law(expression, {x: S, y: S}).support()
        assert high == pytest.approx(edge, rel=1e-13)
        assert low == pytest.approx(-edge, rel=1e-13)
    ((low, high),) = law(x + y, {x: MarchenkoPastur(1), y: S}).support()
    assert (low, high) == (pytest.approx(-1.4844353317659, rel=1e-12), pytest.approx(4.4844353317659, rel=1e-12))
    ((low, high),) = law(x + y, {x: S, y: COIN}).support()
    assert high == pytest.approx(math.sqrt(27 / 4), rel=1e-12)
    assert -low == pytest.approx(math.sqrt(27 / 4), rel=1e-12)
    # Between the coins the density falls to 0 like |t|^(1/3), which rounding of t turns into 1e-5 and less.
    assert law(x + y, {x: S, y: COIN}).pdf(0.0) < 1e-3


def test_exact_moments():
    mu = law(x * y + y * x + x**2, {x: S, y: S})
    assert [mu.moment(k) for k in range(1, 6)] == pytest.approx([1, 4, 14, 60, 267], rel=1e-13)
    mu = law(x * y + y * x, {x: S, y: S})
    assert [mu.moment(k) for k in range(1, 7)] == pytest.approx([0, 2, 0, 10, 0, 66], abs=1e-12)
    assert mu.var() == pytest.approx(2, rel=1e-13)
    # A projection of mass t cuts x down: the moments are t^(k + 1) times those with all free cumulants divided by t.
    t = 0.4
    mu = law(y * x * y, {x: S, y: Discrete([0.0, 1.0], [1 - t, t])})
    assert [mu.moment(k) for k in (2, 4)] == pytest.approx([t**2, 2 * t**3], rel=1e-13)


def test_two_coins_make_the_arcsine_law():
    mu = law(x + y, {x: COIN, y: COIN})
    t = np.array([-1.999, -1.0, 0.0, 0.3, 1.9])
    np.testing.assert_allclose(mu.pdf(t), 1 / (math.pi * np.sqrt(4 - t * t)), rtol=1e-11)
    np.testing.assert_allclose(mu.cdf(t), 0.5 + np.arcsin(t / 2) / math.pi, rtol=0, atol=1e-12)
    assert mu.support() == [(pytest.approx(-2, rel=1e-14), pytest.approx(2, rel=1e-14))]
    assert mu.atoms() == []


def test_projections_have_atoms():
    p, q = Discrete([0.0, 1.0], [0.6, 0.4]), Discrete([0.0, 1.0], [0.3, 0.7])
    mu = law(x * y + y * x, {x: p, y: q})
    # Kernels that meet: x = 1 and y = 1 in 0.1, x = 0 and y = 1 in 0.3. In general position with c = the cosine of
    # the angle, whose square has the law of x y x, the eigenvalues are c^2 + c and c^2 - c.
    assert mu.atoms() == [(0.0, pytest.approx(0.3, abs=1e-12)), (pytest.approx(2.0), pytest.approx(0.1, abs=1e-12))]
    ((a, b),) = law(x * y * x, {x: p, y: q}).support()
    a, b = math.sqrt(a), math.sqrt(b)
    (low, middle), (right, high) = mu.support()
    assert low == pytest.approx(-0.25, rel=1e-9)
    assert middle == pytest.approx(max(a * a - a, b * b - b), rel=1e-9)
    assert (right, high) == (pytest.approx(a * a + a, rel=1e-9), pytest.approx(b * b + b, rel=1e-9))
    check(mu)
    mass = 0.6
    mu = law(x * y * x, {x: p, y: MarchenkoPastur(0.5)})
    assert mu.atoms() == [(0.0, pytest.approx(mass, abs=1e-12))]
    assert mu.cdf([-1e-9, 0.0, 0.1]) == pytest.approx([0, mass, mass], abs=1e-12)
    assert mu.ppf(0.3) == 0
    check(mu)
    # An atom inside an interval: y x y with a projection y and a semicircle x.
    mu = law(y * x * y, {x: S, y: p})
    assert mu.atoms() == [(0.0, pytest.approx(0.6, abs=1e-8))]
    t = np.array([-0.7, 0.2, 1.0])
    # On the range of y it is a semicircle of variance 0.4: Nica and Speicher's compression.
    np.testing.assert_allclose(mu.pdf(t), 0.4 * Semicircle(0.4**0.5).pdf(t), rtol=0, atol=1e-11)
    np.testing.assert_allclose(mu.cdf(t), 0.4 * Semicircle(0.4**0.5).cdf(t) + 0.6 * (t > 0), rtol=0, atol=1e-9)


def test_many_intervals():
    mu = law(x + y, {x: np.arange(4.0), y: S.scale(0.1)})
    assert len(mu.support()) == 4
    np.testing.assert_allclose(mu.cdf([0.5, 1.5, 2.5]), [0.25, 0.5, 0.75], rtol=0, atol=1e-12)
    check(mu)


def test_products_of_networks():
    # J J^T of J = W_2 D W_1 with circular W_2, w = W_1 W_1^T: the S-transform gives x = (1 + y)^2 (y + p) / y.
    w, e = symbols("w"), symbols("e", selfadjoint=False)
    p, half = 0.7, Semicircle(0.5**0.5)
    mu = law(e * z * w * z * e.H, {w: MarchenkoPastur(1), e: (half, half), z: Discrete([0.0, 1.0], [1 - p, p])})
    for t in (0.1, 0.5, 1.0, 2.0, 4.0):
        roots = (np.poly1d([1, 2, 1]) * np.poly1d([1, p]) - np.poly1d([t, 0])).roots
        exact = np.abs(roots.imag).max() / (math.pi * t)
        assert mu.pdf(t) == pytest.approx(exact, rel=1e-11)
    assert mu.atoms() == [(0.0, pytest.approx(1 - p, abs=1e-9))]
    assert mu.mean() == pytest.approx(p, rel=1e-12)


def test_inverses():
    mp = MarchenkoPastur(0.1)
    mu = law(1 / x + y, {x: mp, y: S})
    assert mu.mean() == pytest.approx(1 / 0.9, rel=1e-10)  # E 1/x = 1 / (1 - aspect)
    assert mu.var() == pytest.approx(1 + 0.1 / 0.9**3, rel=1e-9)  # E 1/x^2 = 1 / (1 - aspect)^3
    check(mu, ())
    # (x^{-1} + y^{-1})^{-1} by two routes: parallel sum, and x - x (x + y)^{-1} x.
    laws = {x: mp, y: MarchenkoPastur(0.2)}
    one, two = law(1 / (1 / x + 1 / y), laws), law(x - x / (x + y) * x, laws)
    t = np.array([0.3, 0.5, 0.7])
    np.testing.assert_allclose(one.pdf(t), two.pdf(t), rtol=1e-9)
    assert one.support()[0] == pytest.approx(two.support()[0], rel=1e-9)


def test_one_variable_is_the_image_of_its_law():
    mu = law(x**2, {x: S})
    mp = MarchenkoPastur(1)
    t = np.array([0.1, 1.0, 3.0])
    np.testing.assert_allclose(mu.pdf(t), mp.pdf(t), rtol=1e-13)
    mu = law(x**3 - 3 * x, {x: S})
    assert mu.support() == [(-2.0, 2.0)]  # the Chebyshev polynomial folds three times
    assert [mu.moment(k) for k in (1, 2, 4)] == pytest.approx([0, 5 - 12 + 9, _chebyshev_fourth()])
    assert mu.cdf(0.0) == pytest.approx(0.5, abs=1e-14)
    cdf = mu.cdf(np.linspace(-2, 2, 100))
    assert (np.diff(cdf) > 0).all()
    values = np.array([-2.0, -1.0, 0.5, 1.0])
    mu = law(1 / (3 + x) + x**2, {x: values})
    assert [a for a, _ in mu.atoms()] == pytest.approx(sorted(1 / (3 + values) + values**2))
    assert law(2 * x + 1, {x: S}).support() == [(-3.0, 5.0)]
    assert mu.stieltjes(1j) == pytest.approx(np.mean(1 / (1 / (3 + values) + values**2 - 1j)))


def _chebyshev_fourth():
    nodes, weights = np.polynomial.legendre.leggauss(60)
    angle = (nodes + 1) * math.pi / 2
    t = 2 * np.cos(angle)
    return np.sum(weights * math.pi / 2 * (t**3 - 3 * t) ** 4 * 2 * np.sin(angle) ** 2 / math.pi)


def test_constants():
    assert law(3, {}).atoms() == [(3.0, 1.0)]
    assert law(x - x, {x: S}).atoms() == [(0.0, 1.0)]
    assert law(x * y * x, {x: Point(2.0), y: S}).support() == [(-8.0, 8.0)]
    assert law(x * y + y * x, {x: Point(2.0), y: Point(3.0)}).atoms() == [(12.0, 1.0)]
    assert isinstance(law(x + y, {x: S, y: S, z: COIN}), PolynomialLaw)


def test_commutative_diagrams():
    """The law does not know how an expression is written, nor in which units."""
    laws = {x: MarchenkoPastur(0.5), y: COIN, z: S}
    p = x * y * x + z
    mu = law(p, laws)
    t = np.linspace(*mu._hull(), 9)[1:-1]
    mirrored = law(-7 * p + 2, laws)
    np.testing.assert_allclose(mirrored.pdf(-7 * t + 2) * 7, mu.pdf(t), rtol=1e-9)
    np.testing.assert_allclose(mirrored.cdf(-7 * t + 2), 1 - mu.cdf(t), rtol=0, atol=1e-10)
    other = law(p.substitute({x: x / 3, z: 2 * z - 1}), laws | {x: laws[x].scale(3), z: S.shift(1).scale(0.5)})
    np.testing.assert_allclose(other.pdf(t), mu.pdf(t), rtol=1e-9)


def test_samples_follow():
    p = x * y * z + z * y * x + y
    laws = {x: S, y: MarchenkoPastur(0.5), z: COIN}
    mu = law(p, laws)
    n = 400
    # Eigenvalues are rigid: deviations of the counting function are of order log n / n = 0.015.
    assert mu.ks_distance(p.sample(laws, n, rng=1)) < 0.02
    draws = mu.rvs(300, rng=2)
    assert mu.ks_distance(draws) < 1.95 / 300**0.5  # exceeded with probability 1e-3


def test_stieltjes_transform():
    mu = law(x * y + y * x, {x: S, y: MarchenkoPastur(0.5)})
    w = np.array([0.3 + 0.5j, -2 + 0.1j])
    exact = [mu.expect(lambda t, w=w: 1 / (t - w)) for w in w]
    np.testing.assert_allclose(mu.stieltjes(w), exact, rtol=1e-8)
    np.testing.assert_allclose(mu.stieltjes(w.conj()), np.conj(exact), rtol=1e-8)
    assert mu.stieltjes(0.5).imag / math.pi == pytest.approx(mu.pdf(0.5), rel=1e-12)
    assert mu.stieltjes(99.0).imag == 0


def test_pickles_and_describes_itself():
    mu = law(x * y + y * x, {x: S, y: S})
    before = mu.pdf(0.7)
    again = pickle.loads(pickle.dumps(mu))
    assert again.pdf(0.7) == before
    assert repr(mu).startswith("PolynomialLaw(x*y + y*x, {x: Semicircle")
    assert mu.to_dict()["expression"] == "x*y + y*x"
    assert mu.report["size"] == 3
    assert mu.report["density_defect"] < 1e-8


def test_an_atom_between_two_intervals_close_to_it():
    """The gap on its right is 1e-5 of the norm: no point of a first grid is there. Kernels of x and y meet."""
    a, b = 7.2093, 7.9269
    mu = law(0.02 * y - 0.42 * x * x * x + 1.62 * y * x * x * y, {x: MarchenkoPastur(a), y: MarchenkoPastur(b)})
    assert len(mu.support()) == 2
    ((where, mass),) = mu.atoms()
    assert where == 0
    assert mass == pytest.approx(1 - 1 / a - 1 / b, abs=1e-9)
    assert mu.report["mass_defect"] < 1e-9
    assert mu.cdf(0.0) - mu.cdf(-1e-3) == pytest.approx(mass, abs=1e-9)


@pytest.mark.parametrize("change", [{"atoms": []}, {"atoms": [(0.5, 0.5)]}], ids=["lost", "misplaced"])
def test_a_law_that_lacks_mass_or_has_another_mean_is_refused(change, monkeypatch):
    mu = law(x * y * x, {x: Discrete([0.0, 1.0], [0.5, 0.5]), y: MarchenkoPastur(0.5)})
    found = mu._found()
    assert [mass for _, mass in found.atoms] == pytest.approx([0.5])
    monkeypatch.setattr(mu, "_found", lambda: replace(found, **change))
    for ask in (mu.support, mu.atoms, lambda: mu.cdf(0.3)):
        with pytest.raises(ConvergenceError, match=r"PolynomialLaw: the density on \(.*\) and the atoms at .* mean"):
            ask()
    monkeypatch.undo()
    assert mu.atoms() == [(0.0, pytest.approx(0.5))]


class Steep(Law):
    """Mass that a density does not show."""

    def support(self):
        return [(0.0, 1.0)]

    def _pdf(self, t):
        return np.full_like(t, 0.5)

    def _cdf(self, t):
        return t / 2


class Endless(Semicircle):
    def _hull(self):
        return -math.inf, math.inf


@pytest.mark.parametrize(
    ("expression", "laws", "kind", "says"),
    [
        (x * y, {x: S, y: S}, ValueError, r"the coefficient of y\*x must be the conjugate of that of x\*y, 1, got 0"),
        (1j * x, {x: S}, ValueError, "the coefficient of x must be real, got 1j"),
        (x + y, {x: S}, ValueError, "laws must hold one for y, which is missing"),
        (10**400, {x: S}, ValueError, "expression must be in the range of doubles, got 10000"),
        ("x", {}, TypeError, "expression must be made from symbols, got 'x'"),
        (x, {"x": S}, TypeError, "keys of laws must be symbols, got 'x'"),
        (x + y, {x: S, y: Endless()}, ValueError, "the law of y must have bounded support"),
        (x + y, {x: S, y: [1j]}, TypeError, "values must be real"),
        (x + y, {x: "a", y: S}, TypeError, "a Law or an array of real numbers for x, got 'a'"),
        (x + y, {x: S, y: [np.nan]}, ValueError, "values must be finite"),
        (1 / x + y, {x: S, y: S}, ValueError, "must be invertible"),
        (1 / (x + y) + y, {x: S, y: S}, ValueError, r"x \+ y must be invertible, but 0 belongs to the spectrum"),
        (1 / x, {x: [0.0, 1.0]}, ValueError, "must be invertible, but vanishes at 0"),
        (1 / x + y, {x: Point(0.0), y: S}, ValueError, "divides by 0"),
        (x + y, {x: Steep(), y: S}, ConvergenceError, "its mass comes out as 0.5"),
        (symbols("c", selfadjoint=False) + symbols("c", selfadjoint=False).H, {}, ValueError, "one for c"),
        (
            symbols("c", selfadjoint=False) + symbols("c", selfadjoint=False).H,
            {symbols("c", selfadjoint=False): S},
            TypeError,
            "needs a pair of laws",
        ),
    ],
)
def test_refuses(expression, laws, kind, says):
    with pytest.raises(kind, match=says):
        law(expression, laws).support()


def test_arrays_are_laws_of_their_values():
    values = np.random.default_rng(0).normal(size=50)
    t = np.array([0.1, 0.9])
    np.testing.assert_array_equal(law(x + y, {x: values, y: S}).pdf(t), law(x + y, {x: Empirical(values), y: S}).pdf(t))


def test_atoms_that_are_looked_for():
    light, heavy = Discrete([-1.0, 1.0], [0.2, 0.8]), Discrete([0.0, 2.0], [0.7, 0.3])
    (a,), (b,) = x.letters, y.letters
    # y = 0 leaves x; with x = 1 it leaves 1; y = 2 and x = 1 meet too, x = -1 meets nothing
    assert atom_candidates(x * y * x + x, {a: light, b: heavy}) == [1.0, 3.0]
    assert atom_candidates(x * y * x, {a: S, b: heavy}) == [0.0]
    assert atom_candidates(x * y * x + x, {a: S, b: heavy}) == []


@pytest.mark.parametrize("other", [COIN, MarchenkoPastur(0.5), Semicircle(0.3), MarchenkoPastur(3.0)])
def test_sums_and_products_are_the_free_convolutions(other):
    t = np.linspace(-2.5, 6.3, 12)
    a, b = law(x + y, {x: MarchenkoPastur(0.7), y: other}), free_add(MarchenkoPastur(0.7), other)
    np.testing.assert_allclose(a.pdf(t), b.pdf(t), rtol=0, atol=1e-10)
    np.testing.assert_allclose(a.cdf(t), b.cdf(t), rtol=0, atol=1e-10)
    # x y x has the spectrum of the free product of x^2 and y; here y >= 0.
    positive = other.power(2)
    a = law(x * y * x, {x: Discrete([0.5, 2.0], [0.3, 0.7]), y: positive})
    b = free_multiply(Discrete([0.25, 4.0], [0.3, 0.7]), positive)
    t = np.linspace(0.1, 8.3, 12)
    np.testing.assert_allclose(a.pdf(t), b.pdf(t), rtol=0, atol=1e-9)
    np.testing.assert_allclose(a.cdf(t), b.cdf(t), rtol=0, atol=1e-9)


@pytest.mark.parametrize("power", [2, 3, 4])
def test_powers_of_sums_diverge_where_they_should(power):
    # x + y is a semicircle of variance 2; at 0 its powers have densities like |t|^(1 / power - 1).
    mu, exact = law((x + y) ** power, {x: S, y: S}), Semicircle(2**0.5).power(power)
    t = np.array([1e-6, 1e-3, 0.1, 1.0, 3.0])
    np.testing.assert_allclose(mu.pdf(t), exact.pdf(t), rtol=1e-9)
    np.testing.assert_allclose(mu.cdf(t), exact.cdf(t), rtol=0, atol=1e-11)
    ((low, high),) = mu.support()
    assert high == pytest.approx(exact.support()[0][1], rel=1e-9)
    assert low == pytest.approx(exact.support()[0][0], rel=1e-9, abs=1e-8)


@pytest.mark.parametrize(("offset", "p"), [(0.0, 0.3), (0.5, 0.4), (-2 * math.sqrt(0.4), 0.4)])
def test_next_to_an_atom(offset, p):
    """A corner of x is x with p of its variance: its density stands beside the atom, or ends there."""
    e, x = symbols("e x")
    found = law(e * x * e, {e: Bernoulli(p), x: Semicircle().shift(offset)})
    corner = Semicircle(math.sqrt(p)).shift(offset)
    near = 10.0 ** -np.arange(5, 17)
    at = np.concatenate([-near, [0.0, 1e-300], near])
    # The solver leaves 1e-12 at a millionth of the norm from the atom, where the density is known to 1e-6.
    np.testing.assert_allclose(found.cdf(at), p * corner.cdf(at) + (1 - p) * (at >= 0), rtol=0, atol=3e-12)
    np.testing.assert_allclose(found.pdf(at), p * corner.pdf(at), rtol=0, atol=3e-6)
    assert found.report["mass"] == pytest.approx(1, abs=1e-11)
    assert found.ppf(p * corner.cdf(0.0) + 0.2) == 0.0


def test_hard_edges_are_exact():
    """Of two projections, and two signs: unitaries at a uniform angle, so that the densities diverge at both ends."""
    p, q = symbols("p q")
    found = law(1j * (p * q - q * p), {p: Bernoulli(0.5), q: Bernoulli(0.5)})
    # +- sin(2 angle) / 2: the arcsine law.
    np.testing.assert_allclose(found.support(), [(-0.5, 0.5)], rtol=0, atol=1e-13)
    at = np.array([-0.5, -0.49999, -0.3, 0.2, 0.4999999, 0.5])
    np.testing.assert_allclose(found.cdf(at), 0.5 + np.arcsin(2 * at) / math.pi, rtol=0, atol=1e-11)
    assert found.report["edge_uncertainty"] < 1e-13
    found = law(p * q + q * p + p**2, {p: COIN, q: COIN})  # 1 + 2 cos(angle)
    np.testing.assert_allclose(found.support(), [(-1.0, 3.0)], rtol=0, atol=1e-13)
    assert found.cdf(found.support()[0][1]) == 1
    assert found.cdf(found.support()[0][0]) == 0
    c = symbols("c", selfadjoint=False)
    assert law(c * c.H, {c: (Semicircle(), Semicircle())}).support()[0][0] == 0


@pytest.mark.filterwarnings("error")
def test_sizes_near_the_ends_of_doubles():
    plain = law(x * x + y, {x: S, y: S})
    ends = np.array(plain.support()[0])
    # the same law in other units, to the accuracy of edges
    np.testing.assert_allclose(np.array(law(1e300 * (x * x + y), {x: S, y: S}).support()[0]) / 1e300, ends, rtol=1e-9)
    tiny = law(x * x + y, {x: Semicircle(1e-70), y: Semicircle(1e-140)})
    np.testing.assert_allclose(np.array(tiny.support()[0]) / 1e-140, ends, rtol=1e-9)
    assert tiny.cdf(1e-140) == pytest.approx(plain.cdf(1.0), abs=1e-10)
    with pytest.raises(ValueError, match="range of doubles"):
        law(1e308 * (x * x + y), {x: S, y: S})
    with pytest.raises(ValueError, match="coefficients must be finite"):
        law(1e100 * x * x + y, {x: Semicircle(1e150), y: S})


def falls(mu, places, reach):
    """The most that the distribution function falls by, close to some places and elsewhere."""
    steps = np.geomspace(1e-14, 1e-2, 200)
    around = [place + reach * np.concatenate([-steps, [0.0], steps]) for place in places]
    grid = np.unique(np.concatenate([np.linspace(-reach, reach, 501), *around]))
    return -min(float(np.diff(mu.cdf(grid)).min()), 0.0)


@pytest.mark.parametrize(
    "expression",
    [1j * (x * y - y * x), x + y + x * y + y * x, x * y * x + y],
    ids=["commutator", "one-sided", "sandwich"],
)
def test_distribution_functions_never_fall(expression):
    # Next to singular points the solver has 1e-8 of its digits; what stands there instead is a power law, monotone.
    coin = Discrete([-1.0, 1.0], [0.5, 0.5])
    mu = law(expression, {x: coin, y: coin})
    ends = [end for pair in mu.support() for end in pair]
    # Rounding of the power and of the level.
    assert falls(mu, [*ends, 0.0], max(map(abs, ends))) < 2e-15


def test_ends_that_diverge_beside_an_atom():
    mu = law(1j * (x * y - y * x), {x: Bernoulli(0.5), y: Bernoulli(0.3)})
    ends = [end for pair in mu.support() for end in pair]
    np.testing.assert_allclose(ends, [-0.5, -0.2, 0.2, 0.5], rtol=0, atol=1e-12)
    assert mu.atoms() == [(0.0, pytest.approx(0.4, abs=1e-9))]
    assert np.isfinite(mu.cdf(np.array(ends)[:, None] + np.array([-1e-13, 0.0, 1e-13, 1e-10]))).all()


@pytest.mark.parametrize(
    ("expression", "other", "exact"),
    [
        (x * y * x, MarchenkoPastur(1), FussCatalan(2)),  # x^2 has the law of y
        (-(x * y * x), MarchenkoPastur(1), FussCatalan(2).scale(-1)),
        ((x + y) ** 3, S, Semicircle(2**0.5).power(3)),
        ((x + y) ** 4, S, Semicircle(2**0.5).power(4)),
    ],
    ids=["hard", "mirrored", "inside", "fourth"],
)
def test_steep_densities_keep_their_mass(expression, other, exact):
    """Like |t|^(-2/3) or |t|^(-3/4) at 0: 1e-10 of the mass lies within 1e-30 or less."""
    mu = law(expression, {x: S, y: other})
    steps = np.geomspace(1e-300, 1, 300)
    at = np.concatenate([-steps[::-1], [0.0], steps])
    cdf = mu.cdf(at)
    assert (np.diff(cdf) >= 0).all()
    # From 1e-19 on a power law of the densities at two points stands for a law whose next term is 1e-6 of it there.
    np.testing.assert_allclose(cdf, exact.cdf(at), rtol=0, atol=1e-12)
    np.testing.assert_allclose(mu.support(), exact.support(), rtol=0, atol=1e-11)
    assert mu.expect(np.ones_like) == pytest.approx(1, abs=2e-12)
    assert mu.report["edge_uncertainty"] < 1e-13
    q = np.array([1e-10, 1e-6, 0.01, 0.4, 0.7])
    np.testing.assert_allclose(mu.ppf(q), exact.ppf(q), rtol=2e-5)


def test_a_word_of_eight_letters_to_its_hard_edge():
    """Like t^(-9/10), so that a thousandth of the mass lies below 1e-30; the quantiles must not collapse there."""
    mu = law(x * y**2 * x**2 * y**2 * x, {x: S, y: MarchenkoPastur(1)})
    assert mu.support()[0][0] == 0
    low = mu.ppf([1e-14, 1e-10, 1e-6, 1e-3])
    assert (np.diff(low) > 0).all()
    np.testing.assert_allclose(mu.cdf(low), [1e-14, 1e-10, 1e-6, 1e-3], rtol=1e-9)
    np.testing.assert_allclose(np.diff(np.log(low))[:2], 10 * math.log(1e4), rtol=1e-3)
    assert mu.expect(np.ones_like) == pytest.approx(1, abs=1e-7)


HARD = {
    "Fuss-Catalan": FussCatalan(2),  # like x^(-2/3) at 0
    "mirrored": FussCatalan(2).scale(-1.0).shift(3.0),
    "both ends": Beta(0.3, 0.4),
    "steep": Beta(0.2, 3.0),
    "far away": Beta(0.5, 2.0).shift(10.0),
}


@pytest.mark.parametrize("name", HARD)
def test_letters_with_hard_edges(name):
    """Sums against free_add, which has another solver; products by their mass and moments."""
    hard = HARD[name]
    low, high = (each + side for each, side in zip(hard._hull(), (-2.0, 2.0), strict=True))
    t = np.linspace(low, high, 9)
    total, other = law(x + y, {x: hard, y: S}), free_add(hard, S)
    np.testing.assert_allclose(total.cdf(t), other.cdf(t), rtol=0, atol=1e-10)
    np.testing.assert_allclose(total.pdf(t), other.pdf(t), rtol=0, atol=1e-8)  # at an end the power laws of two solvers
    both = law(x * y + y * x, {x: hard, y: S})
    second = 2 * (float(hard.moment(2)) + float(hard.mean()) ** 2)  # tau(xyxy) = tau(x)^2, tau(x y^2 x) = tau(x^2)
    assert both.moment(2) == pytest.approx(second, rel=1e-12)
    check(both, (1, 2))


def test_a_product_of_laws_with_hard_edges():
    """x y x with x^2 a Marchenko-Pastur law: the free product of x^2 and y."""
    product = law(x * y * x, {x: MarchenkoPastur(1.0, singular=True), y: FussCatalan(2)})
    same = FussCatalan(3)
    t = np.array([1e-6, 0.1, 1.0, 5.0])
    np.testing.assert_allclose(product.cdf(t), same.cdf(t), rtol=0, atol=1e-9)
    np.testing.assert_allclose(product.pdf(t), same.pdf(t), rtol=1e-8)


def test_a_moment_of_order_twenty():
    """Against whole numbers: the Jacobi coefficients are 0, 1 and 2, and the vectors over words were made of ints."""
    mu = law(x * y + y * x + x**2, {x: S, y: MarchenkoPastur(1)})
    # Two million terms by pairs: 21 roundings at most.
    assert float(mu.moment(20)) == pytest.approx(250529237251252164, rel=21 * 2.3e-16)
    assert float(mu.moment(14)) == 448390941182


def test_the_distribution_function_never_falls_beside_an_end_where_the_density_diverges():
    x, y = symbols("x y")
    steps = 2.0 ** np.arange(-54, -20)
    for expression, letters in (
        (x * y + y * x, {x: Discrete([0, 1], [0.4, 0.6]), y: Discrete([0, 1], [0.3, 0.7])}),
        (x + y, {x: Discrete([-1, 1], [0.5, 0.5]), y: Discrete([-1, 1], [0.5, 0.5])}),
    ):
        found = law(expression, letters)
        low, high = found.support()[0][0], found.support()[-1][1]
        for points in (low + steps * max(1.0, abs(low)), high - steps[::-1] * max(1.0, abs(high))):
            # Up to the rounding of numbers between 0 and 1.
            assert (np.diff(found.cdf(points)) >= -1e-14).all()


def test_the_residual_is_that_of_the_equations():
    """At the ends the density is a root of what the equations leave open: Newton's steps are no measure there."""
    for expression, laws in [
        (x * y + y * x + x**2, {x: S, y: MarchenkoPastur(1.0)}),
        (x * y + y * x, {x: S, y: Beta(2.5, 1.5)}),
    ]:
        mu = law(expression, laws)
        low, high = mu.support()[0][0], mu.support()[-1][1]
        mu.pdf(np.linspace(low, high, 200))
        # Newton's method stops at steps of 1e-5 that rounding keeps from shrinking, and leaves their squares.
        assert 0 < mu.report["residual"] < 1e-10
