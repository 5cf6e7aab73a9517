"""Traces of words in matrices, and what freeness predicts for them."""

import itertools
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deeprmt.ensembles import HaarOperator, goe, haar
from deeprmt.freeprob import Moments, free_mixed_moment, mixed_moment
from deeprmt.laws import MarchenkoPastur, Semicircle

rng = np.random.default_rng(7)
A, B = rng.normal(size=(2, 12, 12))
D = rng.normal(size=12)


# ---- words in matrices ----


@pytest.mark.parametrize(
    ("word", "truth"),
    [
        ("A", A),
        ("A B", A @ B),
        ("A B.T A^2 B'", A @ B.T @ A @ A @ B.T),
        ("A* B.H", A.T @ B.T),
        ("D A D A.T D", np.diag(D) @ A @ np.diag(D) @ A.T @ np.diag(D)),
        ("D D", np.diag(D * D)),
        ("D^3", np.diag(D**3)),
    ],
)
def test_agrees_with_numpy(word, truth):
    # Sums of at most 12^5 products: a thousand roundings of the largest.
    assert mixed_moment(word, {"A": A, "B": B, "D": D}) == pytest.approx(np.trace(truth) / 12, rel=1e-12, abs=1e-12)


def test_matrices_may_stand_in_the_word_and_may_be_complex_or_not_square():
    z = rng.normal(size=(5, 8)) + 1j * rng.normal(size=(5, 8))
    assert mixed_moment([z, z.conj().T]) == pytest.approx(np.sum(np.abs(z) ** 2) / 5)
    assert mixed_moment("Z Z.H D", {"Z": z, "D": np.ones(5)}) == mixed_moment(["Z", z.conj().T], {"Z": z})
    assert mixed_moment("Z.T Z", {"Z": z}) == pytest.approx(np.trace(z.T @ z) / 8)
    assert mixed_moment([]) == 1.0


def test_threads_do_not_change_it():
    a = rng.normal(size=(150, 150))
    assert mixed_moment("A A.T A A", {"A": a}, threads=1) == mixed_moment("A A.T A A", {"A": a}, threads=2)


def test_probes_have_honest_errors():
    q, d = HaarOperator(200, rng=1), np.linspace(-1, 2, 200)
    exact = mixed_moment("Q D Q.T D D", {"Q": q.to_dense(), "D": d})
    estimate = mixed_moment("Q D Q.T D D", {"Q": q, "D": d}, probes=400, rng=3)
    assert abs(estimate.value - exact) < 5 * estimate.stderr
    # Hutchinson: the variance of one form is that of the off-diagonal part of the symmetric part, 2 |.|^2 / n^2.
    m = q.to_dense() @ np.diag(d) @ q.to_dense().T @ np.diag(d * d)
    sym = (m + m.T) / 2
    sd = np.sqrt(2 * (np.sum(sym**2) - np.sum(np.diag(sym) ** 2))) / 200
    assert estimate.stderr == pytest.approx(sd / 20, rel=0.2)  # five times 1 / sqrt(2 400)
    assert mixed_moment("Q Q.T", {"Q": q}).value == pytest.approx(1, rel=1e-12)


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda: mixed_moment("A C", {"A": A}), ValueError, "found 'C'"),
        (lambda: mixed_moment("A+B", {"A": A}), ValueError, r"found 'A\+B'"),
        (lambda: mixed_moment(3, {"A": A}), TypeError, "got 3"),
        (lambda: mixed_moment("A R", {"A": A, "R": np.ones((3, 4))}), ValueError, "letters must fit"),
        (lambda: mixed_moment("R", {"R": np.ones((3, 4))}), ValueError, "letters must fit"),
        (lambda: mixed_moment("A", {"A": np.full((2, 2), np.nan)}), ValueError, "finite"),
        (lambda: mixed_moment("A", {"A": "x"}), TypeError, "must be a matrix"),
        (lambda: mixed_moment("A A", {"A": 1e200 * np.eye(2)}), ValueError, "overflows"),
        (lambda: mixed_moment("A A", 3), TypeError, "matrices must be a mapping of names to matrices, got 3"),
        (lambda: mixed_moment("A A", A), TypeError, "matrices must be a mapping of names to matrices, got array"),
        (lambda: mixed_moment("A", {"A": A}, probes=0), ValueError, "probes must be at least 1"),
        (lambda: free_mixed_moment("A", {"A": Moments([])}), ValueError, "order 1"),
        (lambda: free_mixed_moment("A", {"A": "gauss"}), ValueError, "'haar' or 'circular'"),
        (lambda: free_mixed_moment("A" + " A" * 40, {"A": A}), ValueError, "at most 40 letters, got 41"),
        (lambda: free_mixed_moment("A", [{"A": A, "B": Semicircle()}]), TypeError, "several names"),
        (lambda: free_mixed_moment("A", [{"A": A}, {"A": B}]), ValueError, "share names"),
        (lambda: free_mixed_moment([A], {"A": A}), TypeError, "of names"),
    ],
)
def test_refuses(call, error, says):
    with np.errstate(over="ignore", invalid="ignore"), pytest.raises(error, match=says):
        call()


# ---- what freeness predicts ----


def test_known_formulas():
    a, b = Moments([2.0, 7, 30, 151]), Moments([3.0, 11, 47, 220])
    both = {"A": a, "B": b}
    assert free_mixed_moment("A B", both) == 6
    assert free_mixed_moment("A^2 B^2 A B", both) == pytest.approx(30 * 11 * 3 + 7 * 2 * (47 - 11 * 3))
    # phi(abab) = phi(a^2) phi(b)^2 + phi(a)^2 phi(b^2) - phi(a)^2 phi(b)^2.
    assert free_mixed_moment("A B A B", both) == pytest.approx(7 * 9 + 4 * 11 - 4 * 9)
    # phi(a1 b1 a2 b2) with three families: all different but b.
    assert free_mixed_moment("A B C B", {**both, "C": Moments([5.0])}) == pytest.approx(2 * 5 * 11)


def test_words_in_free_semicirculars_count_pairings():
    """tr of a word in free semicirculars is its number of non-crossing pairings of equal letters."""

    def pairings(word):
        if not word:
            return 1
        return sum(pairings(word[1:k]) * pairings(word[k + 1 :]) for k in range(1, len(word), 2) if word[k] == word[0])

    laws = {name: Semicircle() for name in "ABC"}
    for word in itertools.product("ABC", repeat=6):
        assert free_mixed_moment(list(word), laws) == pytest.approx(pairings(word), abs=1e-12)
    assert free_mixed_moment("A A B C C B B B A A C C", laws) == pytest.approx(pairings("AABCCBBBAACC"))


def test_powers_of_a_product_have_the_moments_of_the_free_product():
    """MP boxtimes MP is Fuss-Catalan: the k-th moment of its square is C(3k, k) / (2k + 1)."""
    both = {"A": MarchenkoPastur(1.0), "B": MarchenkoPastur(1.0)}
    for k in range(1, 7):
        assert free_mixed_moment("A B " * k, both) == pytest.approx(comb(3 * k, k) / (2 * k + 1), rel=1e-12)


def test_haar_and_circular_words():
    d = {"D": Moments([0.3, 0.5, 0.2, 0.7])}
    # u D u* is free from D.
    assert free_mixed_moment("U D U.T D", {"U": "haar", **d}) == pytest.approx(0.09)
    assert free_mixed_moment("U D U D", {"U": "haar", **d}) == 0
    # The circular c c* is MP(1); c D c* D has trace phi(D)^2, (c D c* D)^2 by pairings m1^2 m2 + m2 m1^2.
    assert free_mixed_moment("C C.T C C.T C C.T", {"C": "circular"}) == 5
    assert free_mixed_moment("C D C.T D", {"C": "circular", **d}) == pytest.approx(0.09)
    assert free_mixed_moment("C D C.T D C D C.T D", {"C": "circular", **d}) == pytest.approx(2 * 0.09 * 0.5)


def test_one_family_has_the_moments_of_its_matrices():
    word = "A B.T A^2 B D"
    matrices = {"A": A, "B": B, "D": D}
    assert free_mixed_moment(word, [matrices]) == pytest.approx(mixed_moment(word, matrices), rel=1e-12)


@pytest.mark.parametrize("word", ["A B A B", "A C B A C B", "A A.T B C A B A.T C", "A B C D A B C D"])
def test_large_rotated_matrices_agree_with_the_prediction(word):
    """Traces of matrices turned by independent Haar matrices are off by O(1/n)."""
    n = 300
    r = np.random.default_rng(11)
    x, y = r.normal(size=(2, n, n)) / np.sqrt(n) + 0.7 * np.eye(n)
    s = goe(n, rng=5) + np.eye(n)
    u = haar(n, rng=6)
    # {A, C} and {B, D}: each family has moments of its own, B and D do not commute with anything.
    first, second = {"A": x, "C": s @ s}, {"B": u @ y @ u.T, "D": u @ (y + y.T) @ u.T}
    truth = mixed_moment(word, {**first, **second})
    size = mixed_moment(word.replace("B", "A").replace("C", "A").replace("D", "A"), {"A": np.full(1, 2.5)})
    # Fluctuation and bias are a few 1/n in units of the operators' sizes (at most 2.7 each; 2.5 on average).
    assert abs(free_mixed_moment(word, [first, second]) - truth) < 5 * size / n


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sampled_from("ABC"), min_size=1, max_size=8), st.integers(0, 2**32 - 1))
def test_invariances(word, seed):
    r = np.random.default_rng(seed)
    m = {name: r.normal(size=(3, 3)) for name in "ABC"}
    families = [{"A": m["A"]}, {"B": m["B"], "C": m["C"]}]
    value = free_mixed_moment(word, families)
    scale = np.prod([np.linalg.norm(m[name]) for name in word]) + 1
    # Traces do not mind where a word begins, nor that all is read backwards and transposed.
    turned = free_mixed_moment([*word[1:], word[0]], families)
    back = free_mixed_moment([f"{name}.T" for name in reversed(word)], families)
    assert abs(value - turned) < 1e-11 * scale
    assert abs(value - back) < 1e-11 * scale
    # Alternating products of centred elements have trace 0.
    centred = [{"A": m["A"] - np.trace(m["A"]) / 3 * np.eye(3)}, {"B": m["B"] - np.trace(m["B"]) / 3 * np.eye(3)}]
    assert abs(free_mixed_moment("A B " * 4, centred)) < 1e-11 * (np.linalg.norm(m["A"]) * np.linalg.norm(m["B"])) ** 4
