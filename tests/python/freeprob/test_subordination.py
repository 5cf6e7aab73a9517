import math

import numpy as np
import pytest

from deeprmt import _core
from deeprmt.freeprob import free_add, free_multiply
from deeprmt.freeprob._solver import Additive, Equations, Multiplicative, State
from deeprmt.freeprob._sources import source
from deeprmt.laws import Discrete, MarchenkoPastur, Semicircle
from reference.freeprob import subordination as reference

COIN = ([-1.0, 1.0], [0.5, 0.5])
SKEW = ([-1.0, 0.0, 2.0], [0.3, 0.4, 0.3])
ABOVE = ([1.0, 2.0, 5.0], [0.3, 0.4, 0.3])
WITH_ZERO = ([0.0, 0.5, 3.0], [0.25, 0.25, 0.5])


@pytest.mark.parametrize(
    ("product", "atoms", "known"),
    [
        (False, [(COIN, 1.0), (SKEW, 1.0)], []),
        (False, [(SKEW, 2.5)], []),
        (False, [(SKEW, 1.0)], [("semicircle", 0.7, 1.0)]),
        (False, [(COIN, 1.0), (SKEW, 1.5)], [("marchenko_pastur", 0.5, 1.3, 1.0), ("semicircle", 0.2, 2.0)]),
        (False, [], [("semicircle", 0.2, 1.0), ("marchenko_pastur", 2.0, 1.0, 1.0)]),
        (True, [(ABOVE, 1.0), (WITH_ZERO, 1.0)], []),
        (True, [(ABOVE, 3.0)], []),
        (True, [(WITH_ZERO, 1.0)], [("marchenko_pastur", 0.5, 1.3, 1.0)]),
    ],
)
def test_against_iteration(product, atoms, known):
    rng = np.random.default_rng(1)
    z = rng.uniform(-2, 4, 10) + 1j * rng.uniform(1, 2, 10)
    laws = [(reference.atoms(*law), t) for law, t in atoms]
    laws += [(getattr(reference, name)(*numbers[:-1]), numbers[-1]) for name, *numbers in known]
    exact = [reference.subordination(product, laws, each) for each in z]
    rows = []
    for name, *numbers in known:
        t = numbers[-1]
        rows.append((math.inf, numbers[0], 0.0, t) if name == "semicircle" else (*numbers[:2], numbers[1], t))
    equations = _core.freeprob.Subordination(product, rows, 1.0)
    for law, t in atoms:
        equations.add(np.array(law[0]), np.array(law[1]), t)
    place = np.log(z) if product else z
    # A start within a tenth of what is wanted.
    c = np.array([each for each, _ in exact])
    p = np.array([[each[i] for _, each in exact] for i in range(len(atoms))]).reshape(len(atoms), z.size)
    found, points, good, count = equations.newton(place, c * (1 + 0.05j), p * (0.95 + 0.02j), 30, 1)
    assert good.all()
    assert z.size < count < 30 * z.size
    # The reference stops at rounding of numbers of the order 1 to 10, which stable equations keep.
    np.testing.assert_allclose(found, c, rtol=1e-13)
    np.testing.assert_allclose(points, p, rtol=1e-13)


@pytest.mark.parametrize("product", [False, True])
def test_the_same_as_in_arrays(product):
    """The solver for any laws, on the axis, from rough starts and for as many steps: it gives up at the same places."""
    laws = [MarchenkoPastur(0.5), Discrete(*ABOVE), Discrete(*WITH_ZERO)]
    equations = Equations(Multiplicative if product else Additive, [(source(law), 1.0) for law in laws])
    rng = np.random.default_rng(0)
    place = np.log(rng.uniform(0.1, 30, 200)) + 0j if product else rng.uniform(0, 14, 200) + 0j
    start = State(rng.random(200) * 2 + 1j * rng.uniform(0.1, 2, 200), rng.random((2, 200)) + 1j * rng.random((2, 200)))
    found, good = equations.newton(place, start, 12)
    steps = equations.count.iterations
    equations._compiled, equations.count.iterations = None, 0
    expected, sound = equations.newton(place, start, 12)
    assert 20 < sound.sum() < 200
    # Chaotic starts: a few may round to the other side of a bound.
    assert (good != sound).sum() <= 2
    assert steps == pytest.approx(equations.count.iterations, rel=0.05)
    both = good & sound
    # Closest to an edge half of the digits are left.
    np.testing.assert_allclose(found.c[both], expected.c[both], rtol=1e-7)
    assert np.median(np.abs(found.c[both] / expected.c[both] - 1)) < 1e-14


@pytest.mark.parametrize("threads", [2, 3])
def test_threads_change_no_bit(threads):
    rng = np.random.default_rng(0)
    equations = _core.freeprob.Subordination(False, [], 1.0)
    for _ in range(2):
        equations.add(rng.normal(size=300), np.full(300, 1 / 300), 1.0)
    place = rng.normal(size=300) + 0.5j
    start = place, np.array([place, place])
    for one, other in zip(
        equations.newton(place, *start, 10, 1), equations.newton(place, *start, 10, threads), strict=True
    ):
        np.testing.assert_array_equal(one, other)


def test_shapes_are_checked():
    equations = _core.freeprob.Subordination(False, [], 1.0)
    with pytest.raises(ValueError, match="equal lengths, got 2 and 1"):
        equations.add(np.zeros(2), np.zeros(1), 1.0)
    equations.add(np.zeros(1), np.ones(1), 1.0)
    one, two = np.zeros(1, complex), np.zeros((1, 2), complex)
    with pytest.raises(ValueError, match="one p of each law"):
        equations.newton(one, one, two, 3, 1)


def test_two_coins_make_an_arcsine():
    """Of a free sum of two coins: 1 / (pi sqrt(4 - x^2))."""
    x = np.linspace(-1.999, 1.999, 401)
    coin = Discrete(*COIN)
    np.testing.assert_allclose(free_add(coin, coin.scale(-1)).pdf(x), 1 / (np.pi * np.sqrt(4 - x * x)), rtol=1e-12)


@pytest.mark.parametrize("bad", [math.nan, math.inf, 0.0])
def test_starts_that_lead_nowhere_are_no_solutions(bad):
    equations = _core.freeprob.Subordination(False, [], 1.0)
    equations.add(np.array(COIN[0]), np.array(COIN[1]), 1.0)
    place = np.array([0.5 + 0j])
    good = equations.newton(place, np.array([bad + 0j]), np.array([[bad + 0j]]), 30, 1)[2]
    assert not good.any()


def test_mixed_with_other_laws_nothing_is_compiled():
    law = free_add(Discrete(*COIN), Semicircle(0.5))
    assert law._equations._compiled is not None
    assert free_multiply(Discrete(*ABOVE), Semicircle(0.1).shift(1))._equations._compiled is None


def one_law(product, at, mass):
    equations = _core.freeprob.Subordination(product, [], 1.0)
    equations.add(np.array(at), np.array(mass), 1.0)
    return equations


GAPS = [(-math.inf, 1.0), (1.0, 2.0), (2.0, 5.0), (5.0, math.inf)]


@pytest.mark.parametrize("gap", GAPS)
@pytest.mark.parametrize("product", [False, True])
def test_on_the_axis_between_atoms(product, gap):
    low, high = gap
    s = np.linspace(-6, 6, 25)
    p, c, u = one_law(product, *ABOVE).on_gap(low, high, 2.0, s, 1)
    if low == -math.inf:
        omega = high - 2 * np.exp(-s)
    else:
        omega = low + (2 * np.exp(s) if high == math.inf else (high - low) / (1 + np.exp(-s)))
    g = np.array([reference.atoms(*ABOVE)(w) for w in omega])
    slope = np.array([sum(-m / (w - a) ** 2 for a, m in zip(*ABOVE, strict=True)) for w in omega])
    if product:
        omega_c = np.log(np.abs(omega * g / (omega * g - 1)))
        np.testing.assert_allclose(p, np.log(np.abs(omega)), rtol=1e-12, atol=1e-14)
        dc = g + omega * slope
        dc = omega * dc * (1 / (omega * g) - 1 / (omega * g - 1))
    else:
        omega_c, dc = 1 / g, -slope / g**2
        np.testing.assert_allclose(p, omega, rtol=1e-13)
    # omega is e^-6 from an atom at least, so that differences lose three digits; zeros of G lose one or two more.
    np.testing.assert_allclose(c, omega_c, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(u, 1 / dc, rtol=1e-9)


@pytest.mark.parametrize("product", [False, True])
@pytest.mark.parametrize("gap", [GAPS[0], GAPS[3]])
def test_where_c_has_given_values(product, gap):
    low, high = gap
    equations = one_law(product, *ABOVE)
    # Beyond the atoms, and for a product to one side of 0, c is monotone.
    table = np.linspace(-8, 10, 37) if high == math.inf else np.linspace(-8, 0.6 if product else 8, 37)
    p, c, u = equations.on_gap(low, high, 2.0, table, 1)
    speed = 2 * np.exp(table if high == math.inf else -table)
    omega = high - speed if low == -math.inf else low + speed
    rate = speed / u / (omega if product else c)
    order = slice(None) if c[-1] > c[0] else slice(None, None, -1)
    ascending = [np.ascontiguousarray(each[order]) for each in (table, c, rate)]
    assert (np.diff(ascending[1]) > 0).all()
    s = np.linspace(table[0], table[-1], 101)
    p, c, u = equations.on_gap(low, high, 2.0, s, 1)
    goal = np.concatenate([c, [ascending[1][0] - 1, ascending[1][-1] + 1, math.nan]])
    found = equations.where(low, high, 2.0, *ascending, goal, 1)
    assert np.isnan(found[:, 101:]).all()
    found = found[:, :101]
    # c is met to 1e-11, p after one more step of Newton's to rounding: of omega too, of which a part in 4000 is left.
    np.testing.assert_allclose(found[2], c, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(found[1] + found[3] * (c - found[2]), p, rtol=1e-13, atol=1e-13)
    np.testing.assert_array_equal(equations.where(low, high, 2.0, *ascending, goal, 3)[:, :101], found)


def test_the_axis_needs_a_law_and_a_table():
    empty = np.zeros(0)
    nothing = _core.freeprob.Subordination(False, [], 1.0)
    with pytest.raises(ValueError, match="no law of atoms"):
        nothing.on_gap(0.0, 1.0, 1.0, empty, 1)
    with pytest.raises(ValueError, match="at least 2"):
        one_law(False, *COIN).where(0.0, 1.0, 1.0, empty, empty, empty, empty, 1)
