import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deeprmt.freeprob import Expression, symbols
from deeprmt.freeprob._linearise import factored, linearise
from deeprmt.laws import Semicircle

x, y, z = symbols("x y z")
C = symbols("c", selfadjoint=False)
SQUARE = C * C.H


def hermitian(seed, n=4):
    rng = np.random.default_rng(seed)
    a = rng.normal(size=(n, n)) + 1j * rng.normal(size=(n, n))
    return (a + a.conj().T) / 2


MATRICES = {x: hermitian(0), y: hermitian(1), z: hermitian(2)}

words = st.lists(st.sampled_from([x, y, z]), max_size=4)
coefficients = st.complex_numbers(max_magnitude=3, allow_nan=False, allow_infinity=False)


@st.composite
def expressions(draw):
    out = Expression({})
    for word, c in draw(st.lists(st.tuples(words, coefficients), max_size=4)):
        term = Expression({(): 1.0})
        for each in word:
            term = term * each
        out = out + c * term
    return out


@given(expressions(), expressions(), expressions())
@settings(max_examples=40, deadline=None)
def test_algebra_is_that_of_matrices(a, b, c):
    def value(e):
        return e(MATRICES)

    size = 1 + max(np.abs(value(e)).max() for e in (a, b, c))
    # products of up to 12 letters of size 4, in a few dozen roundings of the terms' sizes
    tolerance = 1e-10 * size**3 * 1e3
    np.testing.assert_allclose(value(a * b - c), value(a) @ value(b) - value(c), rtol=0, atol=tolerance)
    np.testing.assert_allclose(value(a.adjoint), value(a).conj().T, rtol=0, atol=tolerance)
    assert (a * b).adjoint.terms.keys() == (b.H * a.H).terms.keys()
    assert (a + a.H).is_selfadjoint
    assert a + b == b + a
    assert pickle.loads(pickle.dumps(a)) == a


def test_expressions_read_as_they_are_written():
    assert repr(x * y + y * x + x**2) == "x**2 + x*y + y*x"
    assert repr(2 * x - 3) == "-3 + 2*x"
    assert repr(1j * x * y) == "1j*x*y"
    assert repr(x - x) == "0"
    assert repr(-x / 2) == "-0.5*x"
    assert repr((1 + x**2).inverse()) == "(1 + x**2).inverse()"
    assert repr(np.float64(2) * x) == "2*x"
    assert {x: 1}[symbols("x")] == 1
    assert x != y
    assert x * 0 == 0
    assert (x**3).degree == 3
    assert [letter.name for letter in (x * y / 2).letters] == ["x", "y"]
    c = symbols("c", selfadjoint=False)
    assert repr(c * c.H) == "c*c.H"
    assert (c * c.H).is_selfadjoint
    assert not (c + 1).is_selfadjoint
    assert (c * c.H).substitute({c: x + 1j * y}) == (x + 1j * y) * (x - 1j * y)


def test_inverses_cancel():
    assert x / x == 1
    assert x**-2 * x**3 == x
    assert (x * y).inverse() == y.inverse() * x.inverse()
    assert 1 / (1 / x) == x
    e = (2 + x * y * x).inverse()
    np.testing.assert_allclose(e(MATRICES) @ (2 + x * y * x)(MATRICES), np.eye(4), rtol=0, atol=1e-12)


CASES = {
    x * y + y * x + x**2: 3,
    1j * (x * y - y * x): 3,
    x * y * x: 3,
    x + 2 * y - 1: 1,
    (x + y) ** 4 + z: 4,  # one variable in disguise: the pencil of a fourth power
    x * y * z * y * x - 3 * x + 2: 5,
    x * (y**2 + 1).inverse() * x + (3 + z**2).inverse() + y: 7,
    (1 / (2 + x**2) + z / (y**2 + 1) + 1 / (1 + y**2) * z + 9).inverse(): 10,
}


@pytest.mark.parametrize("expression", CASES, ids=repr)
def test_the_pencil_holds_the_resolvent(expression):
    pencil = linearise(expression, dict.fromkeys(expression.letters, 2.0))
    assert pencil.size == CASES[expression]
    point = 0.3 + 1j
    whole = -np.kron(pencil.constant, np.eye(4)).astype(complex)
    for letter, matrix in pencil.coefficients.items():
        np.testing.assert_allclose(matrix, matrix.conj().T, rtol=0, atol=0)
        frame, core = factored(matrix)
        np.testing.assert_allclose(frame @ core @ frame.conj().T, matrix, rtol=0, atol=1e-14 * np.abs(matrix).max())
        whole -= np.kron(matrix, MATRICES[Expression({(letter,): 1.0})])
    whole[:4, :4] += point * np.eye(4)
    wanted = np.linalg.inv(point * np.eye(4) - expression(MATRICES))
    # the pencil's condition is that of products of up to five matrices of size 4
    np.testing.assert_allclose(np.linalg.inv(whole)[:4, :4], wanted, rtol=0, atol=1e-11)


def test_matrices_come_in_stacks_and_samples_follow_laws():
    stack = np.stack([hermitian(3), hermitian(4)])
    np.testing.assert_allclose((x * y)({x: stack, y: MATRICES[y]})[1], stack[1] @ MATRICES[y], rtol=1e-14)
    assert (x * y)({x: np.eye(2, dtype=int), y: np.eye(2, dtype=np.float32)}).dtype == np.float64
    values = (x * y + y * x).sample({x: Semicircle(), y: [1.0, -1.0]}, 300, rng=0)
    # {x, e} has the square sum of squares of entries / n: 4 int over the half that does not cancel; 2 in the limit
    assert np.mean(values**2) == pytest.approx(2, abs=0.05)
    half = Semicircle(0.5**0.5)
    values = SQUARE.sample({C: (half, half)}, 300, rng=0)  # Marchenko-Pastur of aspect 1
    assert np.mean(values**2) == pytest.approx(2, abs=0.05)
    assert values[0] > -1e-12


@pytest.mark.parametrize(
    ("make", "kind", "says"),
    [
        (lambda: symbols("x 2y"), ValueError, "names must be Python names, got '2y'"),
        (lambda: symbols(""), ValueError, "at least one name"),
        (lambda: symbols(3), TypeError, "names must be a text, got 3"),
        (lambda: symbols("x", selfadjoint=1), TypeError, "True or False"),
        (lambda: x * float("nan"), ValueError, "coefficients must be finite"),
        (lambda: x + "y", TypeError, "unsupported"),
        (lambda: np.ones(3) * x, TypeError, "unsupported"),
        (lambda: x * True, TypeError, "unsupported"),
        (lambda: x**1.5, TypeError, "whole number"),
        (lambda: x / 0, ZeroDivisionError, "inverse of 0"),
        (lambda: (1 + x * y).inverse(), ValueError, r"y\*x must be the conjugate of that of x\*y, 1, got 0"),
        (lambda: (x + y + z) ** 15, ValueError, "at most 20000 words"),
        (lambda: (x * y)({x: np.eye(2)}), ValueError, "matrices must hold y"),
        (lambda: (x * y)({x: np.eye(2), y: np.eye(3)}), ValueError, r"one size, got \[2, 3\]"),
        (lambda: x({x: np.ones((2, 3))}), ValueError, r"x must be square, got shape \(2, 3\)"),
        (lambda: x({"x": np.eye(2)}), TypeError, "must be symbols, got 'x'"),
        (lambda: x({2 * x: np.eye(2)}), TypeError, "must be symbols"),
        (lambda: x([1]), TypeError, "must be a dict"),
        (lambda: Expression({})({}), ValueError, "at least one"),
        (lambda: (x * y).sample({x: [1.0], y: [2.0]}, 5), ValueError, "must be self-adjoint"),
        (lambda: SQUARE.sample({C: Semicircle()}, 5), TypeError, "c is not self-adjoint and needs a pair of laws"),
        (lambda: setattr(x, "degree", 3), AttributeError, "cannot be changed"),
    ],
)
def test_refuses(make, kind, says):
    with pytest.raises(kind, match=says):
        make()


def test_an_inverse_that_does_not_exist():
    x = symbols("x")
    with pytest.raises(ValueError, match="x must be invertible, but is singular"):
        (1 / x)({x: np.zeros((2, 2))})
