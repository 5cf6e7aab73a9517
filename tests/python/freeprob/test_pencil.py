import numpy as np
import pytest

from deeprmt import _core
from deeprmt.freeprob import symbols
from deeprmt.freeprob._letter_law import _general, letter_law
from deeprmt.freeprob._linearise import factored, linearise
from deeprmt.laws import Discrete, MarchenkoPastur, Semicircle
from reference.freeprob import pencil as reference

x, y, z = symbols("x y z")

MASSES = {
    x: Discrete([-1.0, 0.5, 2.0], [0.3, 0.5, 0.2]),
    y: Discrete([0.0, 1.0], [0.4, 0.6]),
    z: Discrete([-0.5, 0.7], [0.5, 0.5]),
}


def solver(expression, laws, reach=30.0, general=False):
    made = linearise(expression)
    constant = made.constant.astype(complex)
    frames, cores, letters = [], [], []
    for letter, matrix in made.coefficients.items():
        law = laws[letter.name]
        each = _general(letter.name, law, *law._hull()) if general else letter_law(letter.name, law)
        constant += each.offset * matrix
        frame, core = factored(each.factor * matrix)
        frames.append(np.ascontiguousarray(frame, dtype=complex))
        cores.append(np.ascontiguousarray(core, dtype=complex))
        letters.append(each.core)
    return _core.freeprob.Pencil(constant, frames, cores, letters, reach)


@pytest.mark.parametrize(
    "expression",
    [x + y, x * y + y * x, 1j * (x * y - y * x) + z, x * y * x + z, x * y * z + z * y * x, (x + 3) ** -1 + y],
)
def test_matches_the_plain_iteration(expression):
    laws = {letter.name: MASSES[symbols(letter.name)] for letter in expression.letters}
    made = linearise(expression)
    points = [0.4 + 1.2j, -0.7 + 1.5j]
    found, report = solver(expression, laws).resolvent(points, 1)
    assert report["failed"] == 0
    masses = [np.array(laws[letter.name].atoms()).T for letter in made.coefficients]
    for point, value in zip(points, found, strict=True):
        exact = reference.green(made.constant, list(made.coefficients.values()), masses, point)
        assert value == pytest.approx(exact, abs=1e-11)  # the iteration stops at steps of 1e-14 and contracts


@pytest.mark.parametrize("expression", [x * y + y * x + x**2, x * y * x - y, 1j * (x * y * z - z * y * x) + y])
def test_closed_forms_and_series_agree(expression):
    laws = {"x": Semicircle(1.3).shift(0.2), "y": MarchenkoPastur(0.3), "z": MarchenkoPastur(2.5, 0.7).scale(-1)}
    points = np.linspace(-9, 9, 40)
    closed = solver(expression, laws, 40.0).evaluate(points, 1)
    series = solver(expression, laws, 40.0, general=True).evaluate(points, 1)
    np.testing.assert_array_equal(closed[2], series[2])
    np.testing.assert_allclose(
        closed[0], series[0], rtol=0, atol=1e-10
    )  # the series stop at 1e-14, near edges to its root
    np.testing.assert_allclose(closed[1], series[1], rtol=0, atol=1e-10)


def test_the_distribution_function_is_the_integral_of_the_density():
    pencil = solver(x * y + y * x + x**2, {"x": Semicircle(), "y": MASSES[y]})
    a, b = 0.3, 1.1
    nodes, weights = np.polynomial.legendre.leggauss(40)
    density, _, bulk, _ = pencil.evaluate((a + b) / 2 + (b - a) / 2 * nodes, 1)
    assert bulk.all()
    low, high = pencil.evaluate(np.array([a, b]), 1)[1]
    assert (b - a) / 2 * weights @ density == pytest.approx(high - low, abs=1e-11)


def test_threads_and_order_do_not_matter():
    pencil = solver(x * y + y * x, {"x": MASSES[x], "y": Semicircle()})
    points = np.random.default_rng(0).permutation(np.linspace(-5, 5, 300))
    one, three = pencil.evaluate(points, 1), pencil.evaluate(points, 3)
    for a, b in zip(one[:3], three[:3], strict=True):
        np.testing.assert_array_equal(a, b)
    assert one[3] == three[3]
    backwards = pencil.evaluate(np.ascontiguousarray(points[::-1]), 2)
    np.testing.assert_array_equal(backwards[0][::-1], one[0])
    g = pencil.resolvent([1 + 1j, 2 + 0.1j, 9.0], 1)[0]
    np.testing.assert_array_equal(pencil.resolvent([1 + 1j, 2 + 0.1j, 9.0], 2)[0], g)


def test_refuses_what_it_cannot_take():
    law = _core.freeprob.LetterLaw.semicircle(1.0)
    one, frame = np.zeros((1, 1), complex), np.ones((1, 1), complex)
    make = _core.freeprob.Pencil
    with pytest.raises(ValueError, match="variance must be above 0"):
        _core.freeprob.LetterLaw.semicircle(-1.0)
    with pytest.raises(ValueError, match="mean and jump"):
        _core.freeprob.LetterLaw.poisson(1.0, 0.0)
    with pytest.raises(ValueError, match=r"mass must be 1, got 0.5"):
        _core.freeprob.LetterLaw.general(np.zeros(1), np.full(1, 0.5), np.zeros((0, 2)), [])
    with pytest.raises(ValueError, match="must have a radius and a series"):
        _core.freeprob.LetterLaw.general(np.zeros(0), np.zeros(0), np.zeros((1, 2)), [[1.0]])
    with pytest.raises(ValueError, match="one each a variable, got 0, 0 and 0"):
        make(one, [], [], [], 1.0)
    with pytest.raises(ValueError, match="cores must be finite and invertible"):
        make(one, [frame], [one], [law], 1.0)
    with pytest.raises(ValueError, match="reach must be above 0"):
        make(one, [frame], [frame], [law], 0.0)
    with pytest.raises(ValueError, match="must be finite"):
        make(one * np.nan, [frame], [frame], [law], 1.0)
    pencil = make(one, [frame], [frame], [law], 2.0)
    assert pencil.unknowns == 1
    with pytest.raises(ValueError, match="x must be finite"):
        pencil.evaluate(np.array([np.nan]), 1)
    with pytest.raises(ValueError, match="not below the real axis"):
        pencil.resolvent([-1j], 1)
