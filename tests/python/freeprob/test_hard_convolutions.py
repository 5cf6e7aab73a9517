"""Free convolutions where rounding, atoms or scales conspire: coinciding atoms, laws far from 0, points at edges."""

import math

import mpmath
import numpy as np
import pytest
from scipy.optimize import brentq, minimize_scalar

from deeprmt import _core
from deeprmt.errors import ConvergenceError
from deeprmt.freeprob import _piece, _support, compression, free_add, free_multiply, free_power
from deeprmt.freeprob._sources import source
from deeprmt.laws import (
    Bernoulli,
    Beta,
    Discrete,
    Empirical,
    ErfSlope,
    FussCatalan,
    Gamma,
    MarchenkoPastur,
    Mixture,
    Semicircle,
    TanhSlope,
    TracyWidom,
)

coin = Empirical([-1.0, 1.0])


def check(law, *, quantiles=1e-12, mass=1e-12):
    """Quantiles and distribution function are inverse, the density integrates to what the atoms leave."""
    q = np.linspace(0.001, 0.999, 21)
    x = law.ppf(q)
    off = np.abs(law.cdf(x) - q)
    for at, _ in law.atoms():
        off[x == at] = 0
    assert off.max() <= quantiles
    assert law.expect(np.ones_like) == pytest.approx(1, abs=mass)
    # Points next to the ends, inside and outside, have a density, none that is not a number.
    for low, high in law.support():
        for distance in (1e-16, 1e-13, 1e-12, 1e-9):
            step = distance * (high - low)
            assert (law.pdf([low + step, high - step, low - step, high + step]) >= 0).all()
    report = law.report
    assert report.points > 0
    assert report.residual < 1e-9


def test_atoms_that_coincide_with_unequal_masses():
    """Projections p and q: p + q = 1 +- cos(angle), with cos^2 from the product of projections on [0.04, 1]."""
    law = free_add(Discrete([0, 1], [0.6, 0.4]), Discrete([0, 1], [0.4, 0.6]))
    np.testing.assert_allclose(law.support(), [(0.0, 0.8), (1.2, 2.0)], rtol=0, atol=1e-13)
    assert law.support()[0][0] == 0
    assert law.atoms() == [(1.0, pytest.approx(0.2))]
    x = np.array([1e-12, 1e-6, 0.1, 0.5, 0.79])
    c = (1 - x) ** 2  # of density sqrt((c - r)(s - c)) / (2 pi c (1 - c)), s = 1, and |dc/dx| = 2 (1 - x)
    density = np.sqrt((c - 0.04) * (2 * x - x * x)) / (2 * math.pi * c * (2 * x - x * x)) * 2 * (1 - x)
    # c counts the range of one projection, which is 0.4 of all; x and 2 - x share what is left.
    np.testing.assert_allclose(law.pdf(x), density, rtol=1e-9)
    check(law, mass=1e-11)


@pytest.mark.parametrize("seed", [0, 2])
def test_samples_with_few_values_at_an_end(seed):
    """Gaps next to 0, where the bound of the other factor counts: each is found, and no point lies in one unseen."""
    rng = np.random.default_rng(seed)
    law = free_multiply(Empirical(rng.random(200)), MarchenkoPastur(0.5))
    check(law)
    (low, _), *_ = law.support()
    x = np.geomspace(low, 10 * low, 300)
    assert (np.diff(law.cdf(x)) >= -1e-13).all()
    check(free_add(Empirical(rng.normal(size=30)), Empirical(rng.normal(size=30))))


def test_many_copies_far_from_zero():
    t = 1e4
    law = free_power(MarchenkoPastur(0.5), t)
    same = MarchenkoPastur(0.5 / t, sigma=math.sqrt(t))  # t samples more: aspect and variance
    np.testing.assert_allclose(law.support(), same.support(), rtol=1e-15)
    check(law)
    corner = compression(MarchenkoPastur(0.5), 1 / t)
    (low, high) = MarchenkoPastur(0.5 / t).support()[0]
    # x itself is known to 1e-16, of a width of 0.028.
    x = np.linspace(low, high, 9)[1:-1]
    np.testing.assert_allclose(corner.pdf(x), MarchenkoPastur(0.5 / t).pdf(x), rtol=1e-12)
    np.testing.assert_allclose(corner.cdf(x), MarchenkoPastur(0.5 / t).cdf(x), rtol=0, atol=1e-12)
    check(corner)


def test_many_projections_with_a_vanishing_atom():
    """A million projections of trace 1 - 1e-6: x = ((1 + y) / y) ((y + p) / (1 + y))^n, near exp(-1 / (1 + y))."""
    n, p = 1e6, 1 - 1e-6
    law = free_power(Bernoulli(p), n, "product")
    y = -0.5 - 0.7j  # a point on no axis, and the z that belongs to it
    z = np.exp(np.log((1 + y) / y) + n * np.log1p((p - 1) / (1 + y)))
    z = z if z.imag > 0 else np.conj(z)
    y = y if (np.exp(np.log((1 + y) / y) + n * np.log1p((p - 1) / (1 + y)))).imag > 0 else np.conj(y)
    assert -z * law.stieltjes(z) - 1 == pytest.approx(y, rel=1e-8)
    # Rounding is a million times that of one factor.
    check(law, quantiles=1e-7, mass=1e-6)


def test_a_light_atom_far_from_its_noise():
    law = free_add(Discrete([0, 1], [1 - 1e-4, 1e-4]), Semicircle(0.01))
    assert len(law.support()) == 2
    check(law)
    check(free_add(coin, Semicircle(1e-5)), quantiles=1e-10, mass=1e-10)
    check(free_add(MarchenkoPastur(0.5).shift(1e6), coin.scale(0.1)), quantiles=1e-8, mass=1e-9)


def test_points_at_the_edges_of_many_bumps():
    law = free_add(Empirical(np.random.default_rng(3).normal(size=20)), Semicircle(0.1))
    assert len(law.support()) > 8
    check(law)


def test_residuals_are_those_of_the_equations():
    for law in (
        free_multiply(MarchenkoPastur(2.0), MarchenkoPastur(2.0)),
        free_multiply(MarchenkoPastur(1.0), Bernoulli(1 - 1e-12)),
        free_add(coin, Semicircle(1e-5)),
    ):
        law.ppf(np.linspace(0.05, 0.95, 9))
        assert law.report.residual < 1e-13
        assert law.expect(np.ones_like) == pytest.approx(1, abs=1e-10)


def test_two_equal_zeros():
    """MP(2) to the power 2: G z = 1 + y and x = 4 (y + 1/2)^2 (1 + y) / y, down to where y is -1/2 to the last bit."""
    law = free_multiply(MarchenkoPastur(2.0), MarchenkoPastur(2.0))
    x = np.array([1e-18, 1e-12, 1e-6, 1e-3])
    # 4 (y + 1/2)^2 = x y / (1 + y), y -> -1/2: Im (1 + y) = sqrt(x) / 2 to first order.
    np.testing.assert_allclose(law.pdf(x), 0.5 / (math.pi * np.sqrt(x)), rtol=2e-3)


def test_intervals_that_touch_are_one():
    assert len(free_add(Semicircle(), coin).support()) == 1
    assert free_add(Semicircle(), coin).pdf(0.0) == 0
    third = free_add(coin.shift(1.0), Semicircle())
    assert third.cdf(1.0) == pytest.approx(0.5, abs=1e-13)
    assert len(third.support()) == 1


def test_a_scaled_result_keeps_its_report():
    law = compression(coin, 0.3)
    law.pdf(0.1)
    assert law.report.points > 0
    with pytest.raises(AttributeError):
        _ = Semicircle().shift(1.0).report


def test_products_stay_between_the_products_of_the_ends():
    law = free_multiply(Discrete([0.5, 1.0], [0.1, 0.9]), Discrete([0.25, 2.0], [0.9, 0.1]))
    (low, _), *_, (_, high) = law.support()
    assert low >= 0.125
    assert high <= 2
    check(law)


def test_fuss_catalan_powers_of_fractions():
    law = free_power(MarchenkoPastur(1.0), 2.5, "product")
    np.testing.assert_allclose(law.pdf([0.1, 1.0, 5.0]), FussCatalan(2.5).pdf([0.1, 1.0, 5.0]), rtol=1e-10)


@pytest.mark.parametrize("scale", [1e-9, 1e-12, 1e-100])
def test_products_of_scales_far_apart_lose_no_interval(scale):
    """The large half of the eigenvalues is Wishart, and the small one too: a Schur complement of fewer freedoms."""
    law = free_multiply(Discrete([scale, 1.0]), MarchenkoPastur(0.5))
    small, large = MarchenkoPastur(1 / 3).scale(0.75 * scale), MarchenkoPastur(0.25)
    # The halves feel each other to first order in the scale.
    np.testing.assert_allclose(law.support(), [*small.support(), *large.support()], rtol=4 * scale + 1e-13)
    q = np.array([0.1, 0.3, 0.45])
    np.testing.assert_allclose(law.ppf(q), small.ppf(2 * q), rtol=20 * scale + 1e-11)
    np.testing.assert_allclose(law.ppf(0.5 + q), large.ppf(2 * q), rtol=20 * scale + 1e-11)
    assert law.cdf(0.1) == pytest.approx(0.5, abs=1e-14)


def test_small_part_of_a_factor_is_kept():
    parts = MarchenkoPastur(0.5)
    law = free_multiply(Mixture([(0.5, parts.scale(1e-12)), (0.5, parts)]), Discrete([1.0, 2.0]))
    assert len(law.support()) == 2
    assert law.cdf(1e-6) == pytest.approx(0.5, abs=1e-12)
    assert 1e-13 < law.ppf(0.1) < 1e-12


def test_mass_that_doubles_do_not_resolve_is_an_error():
    with pytest.raises(ConvergenceError, match="scales differ by more than doubles resolve"):
        free_add(Discrete([-1e12, 0.0]), Semicircle()).support()


@pytest.mark.parametrize("q", [1e-8, 0.05, 0.3, 5.0])
def test_products_with_squared_slopes(q):
    """With M(w) = sum (1 + pi k q)^(-1/2) w^-k and S = 1 / (1 + y), the upper edge is the least of w (1 + M(w))."""
    law = free_multiply(ErfSlope(q), MarchenkoPastur(1.0))
    k = np.arange(1, 3000.0)
    weights = (1 + math.pi * k * q) ** -0.5
    least = minimize_scalar(lambda w: w * (1 + weights @ w**-k), bounds=(1.02, 2.5), options={"xatol": 1e-9})
    assert law.support()[0] == (0.0, pytest.approx(least.fun, rel=1e-12))
    assert law.expect(lambda x: x**3) == pytest.approx(float(law.moment(3)), rel=1e-11)
    p = np.array([0.01, 0.3, 0.99])
    np.testing.assert_allclose(law.cdf(law.ppf(p)), p, rtol=1e-12)


@pytest.mark.parametrize(
    ("law", "other"), [(TanhSlope(1e-8), "sum"), (TanhSlope(2.0), "sum"), (TanhSlope(2.0), "product")]
)
def test_squared_slopes_in_sums_and_products(law, other):
    found = free_add(law, Semicircle()) if other == "sum" else free_multiply(law, MarchenkoPastur(1.0))
    assert found.expect(lambda x: x**2) == pytest.approx(float(found.moment(2)), rel=1e-10)
    low, high = found.ppf([0.45, 0.95])
    nodes, weights = np.polynomial.legendre.leggauss(60)
    x = (low + high) / 2 + (high - low) / 2 * nodes
    assert (high - low) / 2 * (weights @ found.pdf(x)) == pytest.approx(0.5, abs=1e-9)


def test_aspects_next_to_one():
    """Of the square of an aspect 1 - d the support begins at 4 d^3 / 27, to first order."""
    d = 1e-9
    law = free_power(MarchenkoPastur(1 - d), 2, "product")
    assert law.support()[0][0] == pytest.approx(4 * d**3 / 27, rel=1e-6)
    assert free_multiply(MarchenkoPastur(1 + 1e-12), MarchenkoPastur(0.5)).support()[0][1] > 4


def test_stieltjes_at_an_edge():
    """Of the square of Marchenko-Pastur's law: z = (1 + y)^3 / y, whose edge is at y = 1/2, and m = -(1 + y) / z."""
    law = free_multiply(MarchenkoPastur(1.0), MarchenkoPastur(1.0))
    m = law.stieltjes([1.0, 6.75, 8.0])
    assert m[1] == pytest.approx(-1.5 / 6.75, rel=1e-10)
    assert 0 <= m[1].imag < 1e-8  # sqrt(ulp) at most
    np.testing.assert_allclose(m[[0, 2]], law.stieltjes([1.0, 8.0]), rtol=1e-12)


def test_high_powers_of_a_product():
    # S = (1 + a y)^-t: the edge is where y = 1 / (a t) nearly, e a t (1 + 3 / (2 t)) for large t
    for t in (1e8, 1e12, 1e300):
        edge = free_power(MarchenkoPastur(0.5), t, "product").support()[-1][1]
        assert edge == pytest.approx(math.e * t / 2 * (1 + 1.5 / t), rel=1e-12)


@pytest.mark.parametrize("short", [1e-5, 1e-6, 1e-7])
def test_a_gap_about_to_close(short):
    # x = w - s w / (1 - w^2) is stationary where (1 - u)^2 = s (1 + u), u = w^2; s = 1 - rest
    sigma = 1 - short
    rest = (1 - sigma) * (1 + sigma)
    b = 3 - rest
    u = 2 * rest / (b + math.sqrt(b * b - 4 * rest))
    edge = math.sqrt(u) * (rest - u) / (1 - u)
    law = free_add(Discrete([-1, 1]), Semicircle(sigma))
    (_, low), (high, _) = law.support()
    # w is known to about 1e-8 where P is flat, P to the rounding of 1
    assert -low == high == pytest.approx(edge, abs=1e-12)
    assert law.pdf(0.0) == 0
    assert law.ppf(0.5) == low
    assert law.cdf(0.0) == pytest.approx(0.5, abs=1e-15)


def test_a_law_without_an_end_where_next_to_nothing_is_left():
    law = free_add(TracyWidom(1), Semicircle(0.1))
    low = law.support()[0][0]
    # The tails of the parts are cut where 1e-13 is left; the law's are no larger than those at a distance of 0.2.
    assert 0 < law.cdf(-8.3) < TracyWidom(1).cdf(-8.1) + 1e-12
    assert 1 - 1e-12 < law.cdf(11.5) <= 1
    assert (np.diff(law.cdf(np.linspace(low - 0.1, low + 1, 50))) >= 0).all()


def test_a_density_that_diverges_at_one():
    law = free_add(Beta(0.5, 0.5), Beta(2, 0.5))
    # G of a beta law is hyp2f1(1, a; a + b; 1/w) / w: dP/dc = 0 solved with 30 digits
    assert law.support()[0][0] == pytest.approx(0.33333336334309610, rel=1e-12)
    assert law.report.accuracy < 1e-12
    assert free_multiply(Beta(2, 0.5), MarchenkoPastur(0.5)).report.accuracy < 1e-12


def test_products_of_many_copies_next_to_a_lower_end_close_to_zero():
    law = free_power(MarchenkoPastur(0.5), 60, "product")
    low, high = law.support()[0]
    # The same law in the words of the solver of explicit maps: ln z = ln(1 + y) - ln y + 60 ln(1 + y / 2).
    other = _core.freeprob.ExplicitLaw([("scale", 0.0), ("pole", 0.5, 60.0)], [], False)
    x = np.concatenate([low * (1 + np.geomspace(1e-12, 1, 40)), np.geomspace(2 * low, high, 400)])[:-1]
    density, cdf, _ = other.evaluate(x, 1)
    # Both are sums of about a hundred angles. Each finds the end, e^-47, to about 1e-14, half of which is felt in the
    # root of the distance from it: 1e-14 / 1e-12 next to it, 1e-14 / 1e-6 from the 20th point on.
    np.testing.assert_allclose(law.cdf(x), cdf, rtol=0, atol=1e-13)
    np.testing.assert_allclose(law.pdf(x), density, rtol=1e-2)
    np.testing.assert_allclose(law.pdf(x[20:]), density[20:], rtol=2e-8)
    assert (np.diff(law.cdf(x)) >= 0).all()
    q = np.array([1e-9, 1e-3, 0.1, 0.5])
    np.testing.assert_allclose(law.cdf(law.ppf(q)), q, rtol=1e-6)
    # Log-determinants add: E ln x = -1 + (1 - 1 / a) ln(1 - a) for one factor.
    assert law.expect(np.log) == pytest.approx(60 * (math.log(2) - 1), rel=1e-12)


@pytest.mark.parametrize("aspect", [1 - 2**-53, 1 + 2**-52, 1 - 1e-14, 1 + 3e-14, 1 + 1e-13])
@pytest.mark.filterwarnings("error")
def test_aspects_that_round_to_one(aspect):
    """Between 0 and the edge at (1 - aspect)^2 / 4 or so there is no mass that doubles see."""
    two = Discrete([1.0, 2.0], [0.5, 0.5])
    law, square = free_multiply(MarchenkoPastur(aspect), two), free_multiply(MarchenkoPastur(1.0), two)
    x = np.array([1e-20, 1e-10, 0.1, 1.0, 6.5])
    # The edge alone takes its root, 1e-13 / 2, of the mass.
    np.testing.assert_allclose(law.cdf(x), square.cdf(x), rtol=0, atol=2e-13)
    assert law.expect(np.ones_like) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize(("kind", "power"), [("sum", 2.0), ("sum", 1.1), ("product", 2.0)])
def test_gaps_that_are_passed_over_are_closed(monkeypatch, kind, power):
    """Of a law with many atoms only gaps that may stay open are looked at; looking at all finds the same."""
    rng = np.random.default_rng(3)
    law = Empirical(np.concatenate([rng.random(50), 3 + rng.random(30), [8.0, 8.1, 12.0]]))
    quick = free_power(law, power, kind).support()
    for module in (_piece, _support):
        monkeypatch.setattr(module, "MANY", 1000)
    assert len(quick) >= 2
    np.testing.assert_allclose(quick, free_power(law, power, kind).support(), rtol=1e-14)


@pytest.mark.parametrize(
    ("s", "other"), [(2, Bernoulli(0.5)), (3.5, Discrete([0.0, 1.0, 3.0], [0.2, 0.3, 0.5])), (2, FussCatalan(1.5))]
)
def test_sums_with_laws_that_solve_equations_of_their_own(s, other):
    law = free_add(FussCatalan(s), other)
    low, high = law.support()[0][0], law.support()[-1][1]
    assert law.expect(np.ones_like) == pytest.approx(1, abs=1e-12)
    assert law.expect(lambda x: x**2) == pytest.approx(law.moment(2), rel=1e-12)  # by free cumulants of the factors
    # R-transforms add: w = R_1(G) + R_2(G) + 1 / G.
    w = np.array([low - 0.5, high + 0.5, high + 4])
    g = -law.stieltjes(w).real
    np.testing.assert_allclose(FussCatalan(s).r_transform(g) + other.r_transform(g) + 1 / g, w, rtol=1e-10)


def test_a_product_of_square_matrices_and_a_coin_by_two_ways():
    """MarchenkoPastur(1) x MarchenkoPastur(1) is FussCatalan(2)."""
    square, half = MarchenkoPastur(1.0), Bernoulli(0.5)
    one, two = free_add(free_multiply(square, square), half), free_add(FussCatalan(2), half)
    np.testing.assert_allclose(one.support(), two.support(), rtol=1e-12)
    x = np.linspace(0.1, 7, 50)
    np.testing.assert_allclose(one.pdf(x), two.pdf(x), rtol=1e-11)


# ---- rare atoms, and laws of very different widths: edges against roots of polynomials in 60 digits ----


def roots(*factors_and_weights):
    """The real roots of sum weight * prod of polynomials, given by coefficients from the highest on, ascending."""
    mp = pytest.importorskip("mpmath")
    with mp.workdps(60):
        total = [mp.mpf(0)] * 5
        for weight, *factors in factors_and_weights:
            product = [mp.mpf(weight)]
            for factor in factors:
                longer = [mp.mpf(0)] * (len(product) + len(factor) - 1)
                for i, a in enumerate(product):
                    for j, b in enumerate(factor):
                        longer[i + j] += a * b
                product = longer
            for k, each in enumerate(reversed(product)):
                total[4 - k] += each
        companion = mp.matrix(4)
        for k in range(4):
            companion[0, k] = -total[k + 1] / total[0]
            if k < 3:
                companion[k + 1, k] = 1
        found = mp.eig(companion, left=False, right=False)
        return sorted(mp.re(each) for each in found if abs(mp.im(each)) < mp.mpf(10) ** -25)


def edges_of_sum(p, size, sigma):
    """Of (1 - p) delta_0 + p delta_size and a semicircle: x = w + sigma^2 G(w) is stationary where -sigma^2 G' = 1."""
    mp = pytest.importorskip("mpmath")
    with mp.workdps(60):
        p, size, v = mp.mpf(p), mp.mpf(size), mp.mpf(sigma) ** 2
        w = roots(
            (1, [1, 0], [1, 0], [1, -size], [1, -size]),
            (-v * (1 - p), [1, -size], [1, -size]),
            (-v * p, [1, 0], [1, 0]),
        )
        return sorted(float(each + v * ((1 - p) / each + p / (each - size))) for each in w)


def edges_of_product(p, size, ratio):
    """Of (1 - p) delta_1 + p delta_size and Marchenko-Pastur: the stationary points of Silverstein and Choi (1995)."""
    mp = pytest.importorskip("mpmath")
    with mp.workdps(60):
        p, size, a = mp.mpf(p), mp.mpf(size), mp.mpf(ratio)
        near, far = [1, 1], [size, 1]
        m = roots(
            (1, near, near, far, far),
            (-a * (1 - p), [1, 0], [1, 0], far, far),
            (-a * p * size**2, [1, 0], [1, 0], near, near),
        )
        return sorted(float(-1 / each + a * ((1 - p) / (1 + each) + p * size / (1 + size * each))) for each in m)


@pytest.mark.parametrize("size", [5.0, 100.0])
@pytest.mark.parametrize("p", [1e-5, 1e-7, 1e-8, 1e-9, 1e-10, 1e-12, 1e-14])
def test_rare_atoms_of_a_product_keep_their_gap(p, size):
    law = free_multiply(Discrete([1, size], [1 - p, p]), MarchenkoPastur(0.5))
    found = np.ravel(law.support())
    # Slopes are solved to 1e-11 and x is stationary at edges; the rare part is 1e-7 wide, and more.
    np.testing.assert_allclose(found, edges_of_product(p, size, 0.5), rtol=1e-11)
    assert law.sf((found[1] + found[2]) / 2) == pytest.approx(p, rel=1e-12)


@pytest.mark.parametrize("p", [1e-6, 1e-9, 1e-11, 1e-12, 1e-13, 1e-14])
@pytest.mark.parametrize("sign", [1, -1])
def test_rare_atoms_of_a_sum_keep_their_interval(p, sign):
    law = free_add(Bernoulli(p).scale(100.0 * sign), Semicircle())
    found = np.sort(sign * np.ravel(law.support()))
    np.testing.assert_allclose(found, edges_of_sum(p, 100, 1), rtol=1e-11)
    # Below, masses are differences from 1, known to a few times 1e-16.
    if sign > 0:
        assert law.sf(50.0) == pytest.approx(p, rel=1e-12)
    else:
        assert law.cdf(-50.0) == pytest.approx(p, abs=1e-15)
    if p >= 1e-12 and sign > 0:  # the rare part is nearly a semicircle of variance p
        middle = (found[2] + found[3]) / 2
        assert law.pdf(middle) == pytest.approx(p / (math.pi * math.sqrt(p)), rel=1e-3)


def test_a_rare_part_that_is_too_narrow_is_refused():
    with pytest.raises(ConvergenceError, match="scales differ by more"):
        free_add(Bernoulli(1e-9).scale(1e9), Semicircle()).support()


@pytest.mark.parametrize("sigma", [1e2, 1e5, 1e7, 1e10])
def test_a_narrow_law_and_a_wide_one(sigma):
    law = free_add(Bernoulli(0.5), Semicircle(sigma))
    ((low, high),) = law.support()
    expected = edges_of_sum(0.5, 1, sigma)
    assert (low, high) == pytest.approx((expected[0], expected[-1]), rel=1e-14)
    # To second order in 1 / sigma it is the semicircle around 1/2.
    x = 0.5 + sigma * np.linspace(-1.9, 1.9, 7)
    np.testing.assert_allclose(law.cdf(x), Semicircle(sigma).cdf(x - 0.5), rtol=0, atol=2 / sigma**2 + 1e-13)


def test_a_narrow_law_next_to_others():
    narrow = free_add(MarchenkoPastur(0.5), Bernoulli(0.5).scale(1e-6)).support()
    assert np.ravel(narrow) == pytest.approx(np.ravel(MarchenkoPastur(0.5).support()) + 5e-7, abs=1e-11)
    wide = free_add(Bernoulli(0.5), MarchenkoPastur(0.5, 500)).support()
    assert np.ravel(wide) == pytest.approx(np.ravel(MarchenkoPastur(0.5, 500).support()) + 0.5, rel=1e-6)


def test_a_tail_below_rounding_does_not_stop_the_rest():
    law = free_add(Gamma(2.0), Semicircle(0.1))
    x = np.linspace(-0.3, 40, 60)
    above = law.sf(x)
    assert (np.diff(above) <= 0).all()
    # The tail falls at a rate below 1, and is moved by r^2 G(x) <= 0.01 / 8 + less, with r = 0.1.
    far = (x > 10) & (x < 20)
    np.testing.assert_allclose(above[far], Gamma(2.0).sf(x[far]), rtol=3e-3, atol=1e-11)
    assert (above[x > 30] < 1e-10).all()


def split_power():
    parts = [(0.25, Semicircle(0.1875).shift(0.875)), (0.75, Semicircle(0.0625).shift(0.375))]
    return free_power(Mixture(parts), 1.25, "product")


@pytest.mark.parametrize("z", [3e3, 7e5, 1e9 + 1j, -1e14, 1e70])
def test_a_product_from_afar_is_its_moments(z):
    law = split_power()
    m1, m2, m3, m4 = (float(law.moment(k)) / z**k for k in (1, 2, 3, 4))
    # The next moment is 1e-17 of the whole at most; what is left are some roundings.
    np.testing.assert_allclose(-z * law.stieltjes(z), 1 + m1 + m2 + m3 + m4, rtol=2e-15)
    slope = law._stieltjes_derivative(np.array([z], np.complex128))[0]
    np.testing.assert_allclose(z * z * slope, 1 + 2 * m1 + 3 * m2 + 4 * m3 + 5 * m4, rtol=2e-15)


def test_a_product_with_noise_added():
    law, noise = split_power(), Semicircle(0.15)
    noisy = free_add(law, noise)
    low, high = noisy.support()[0]
    x = np.linspace(low, high, 7)[1:-1]
    m = noisy.stieltjes(x)
    # m(z) = m_law(z + sigma^2 m(z)); both are solved to some roundings of values up to 5.
    np.testing.assert_allclose(law.stieltjes(x + noise.sigma**2 * m), m, rtol=0, atol=1e-13)
    assert float(noisy.expect(np.ones_like)) == pytest.approx(1, abs=1e-12)


def mixed_g(w):
    """G of the mixture below, in closed form, for Im w > 0."""

    def semicircle(z, sigma):
        return (z - mpmath.sqrt(z - 2 * sigma) * mpmath.sqrt(z + 2 * sigma)) / (2 * sigma**2)

    low, high = (1 - mpmath.sqrt("0.5")) ** 2, (1 + mpmath.sqrt("0.5")) ** 2
    noise = w - mpmath.mpf("0.5") - mpmath.sqrt(w - low) * mpmath.sqrt(w - high)
    return semicircle(w, 1) / 2 + semicircle(w - 1, mpmath.mpf("0.5")) / 4 + noise / w / 4


def test_a_mixture_of_laws_that_overlap_is_exact():
    mixture = Mixture([(0.5, Semicircle()), (0.25, Semicircle(0.5).shift(1.0)), (0.25, MarchenkoPastur(0.5))])
    total = free_add(mixture, Semicircle(0.75))
    low, high = total.support()[0]
    x = np.linspace(low, high, 9)[1:-1]
    with mpmath.workdps(30):
        for at, density, m in zip(x, total.pdf(x), total.stieltjes(x), strict=True):
            g = mpmath.findroot(lambda g, at=at: mixed_g(at - 0.5625 * g) - g, mpmath.mpc(-m))
            assert density == pytest.approx(float(-g.imag / mpmath.pi), abs=1e-14)  # some roundings of at most 0.3
    assert total.report.accuracy == 0


def test_a_mixture_whose_density_cosines_do_not_resolve():
    """The parts have no interval in common, and yet one of them is known better by itself."""
    mixture = Mixture([(0.4, Discrete([0.09, 0.58], [0.3, 0.7])), (0.6, TanhSlope(0.6))])
    z = np.array([0.3 + 0.2j, 1.1 + 0.01j])
    np.testing.assert_allclose(source(mixture).resolvent(z)[0], -mixture.stieltjes(z), rtol=1e-12)
    total = free_add(mixture, Semicircle(0.5))
    w = np.array([0.4 + 0.1j, 0.9 + 0.2j])
    g = -total.stieltjes(w)
    np.testing.assert_allclose(-mixture.stieltjes(w - 0.25 * g), g, rtol=1e-11)
    assert total.expect(np.ones_like) == pytest.approx(1, abs=1e-9)


def test_products_and_multiples_of_mixtures():
    mixture = Mixture([(0.5, MarchenkoPastur(0.5)), (0.5, MarchenkoPastur(0.25, 1.5))])
    plain, scaled = (
        free_multiply(mixture, MarchenkoPastur(0.5)),
        free_multiply(mixture.scale(4.0), MarchenkoPastur(0.5)),
    )
    low, high = plain.support()[0]
    x = np.linspace(low, high, 9)[1:-1]
    np.testing.assert_allclose(4 * scaled.pdf(4 * x), plain.pdf(x), rtol=1e-12)
    z = x[::3] + 0.1j
    y = -z * plain.stieltjes(z) - 1
    w = z / (1 + 0.5 * y)  # omega of the mixture is z S(y), and S of Marchenko-Pastur is 1 / (1 + c y)
    np.testing.assert_allclose(-w * mixture.stieltjes(w) - 1, y, rtol=0, atol=1e-13)


def test_mixtures_of_laws_without_an_end():
    mixture = Mixture([(0.5, Gamma(2.0)), (0.5, Semicircle())])
    total = free_add(mixture, Semicircle(0.5))
    assert float(total.mean()) == pytest.approx(1.0, abs=1e-12)
    # All but 1e-13 of the mass is kept, and the quadrature aims at 1e-11.
    assert float(total.expect(np.ones_like)) == pytest.approx(1.0, abs=1e-10)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("one", "two"),
    [(Beta(1.965, 2.9422), ErfSlope(0.0389)), (TanhSlope(0.0216), FussCatalan(1.0).shift(0.2617))],
)
def test_ends_in_tails_thinner_than_rounding(one, two):
    """Close to the lower end nothing can be solved, but there is no mass either."""
    law = free_add(one, two)
    check(law, quantiles=1e-10, mass=1e-10)
    assert law.expect(lambda x: x) == pytest.approx(float(law.mean()), rel=1e-10)


@pytest.mark.parametrize(("sigma", "seed"), [(2.0, 0), (1.5, 3), (2.0, 1)])
def test_ends_beside_rare_samples_far_out(sigma, seed):
    """Bumps of single samples end where y is small, next to where c is infinite: a series in y holds for small y alone.

    With a Marchenko-Pastur factor of aspect 1/2 the product is x = w (1 + y(w) / 2), whose turns are the ends.
    """
    values = np.sort(np.exp(sigma * np.random.default_rng(seed).normal(size=10_000)))

    def slope(w):
        terms = values / (w - values)
        return 1 + terms.mean() / 2 - w * (values / (w - values) ** 2).mean() / 2

    def end(a, b):  # between a value, where the slope is -inf, and a place in the gap where x rises
        w = brentq(slope, a, b, xtol=1e-13 * abs(a), rtol=1e-14)
        return w * (1 + (values / (w - values)).mean() / 2)

    found = free_multiply(Empirical(values), MarchenkoPastur(0.5)).support()
    top, below = values[-1], values[-2]
    middle = np.linspace(below, top, 1001)[1:-1]
    inside = middle[np.argmax([slope(w) for w in middle])]
    close = 1e-9 * top
    # w is known to 1e-13, and x is flat there: rounding of the sums is left
    np.testing.assert_allclose(found[-1], (end(top - close, inside), end(top + close, 2 * top)), rtol=1e-12)
    np.testing.assert_allclose(found[-2][1], end(below + close, inside), rtol=1e-12)
