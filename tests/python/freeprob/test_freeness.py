"""Tests of freeness: calibrated where families are free, powerful where they are not."""

import concurrent.futures

import numpy as np
import pytest
from scipy import stats

from deeprmt.ensembles import ginibre, goe, haar
from deeprmt.freeprob import freeness_test, mixed_moment
from deeprmt.networks import MLP


def draw_goe(g):
    return list(goe(16, size=2, rng=g))


def test_p_values_of_one_sample_are_uniform_where_families_are_free():
    runs = []
    for seed in range(120):
        a, b = goe(24, size=2, rng=seed)
        runs.append(freeness_test([a, b @ b], rotations=16, rng=1000 + seed, threads=1))
    p = np.array([each.p_values for each in runs])
    # A Kolmogorov-Smirnov test a word, each at 1e-4: with 7 words one in 1400 would be called wrong.
    for k in range(p.shape[1]):
        assert stats.kstest(p[:, k], "uniform").pvalue > 1e-4, runs[0].words[k]
    # Corrected for the number of words, at most the level is rejected: 120 x 0.05 plus five sigma of a binomial.
    assert sum(each.p_value < 0.05 for each in runs) <= 6 + 5 * np.sqrt(120 * 0.05 * 0.95)


def test_p_values_of_trials_are_uniform_where_families_are_free():
    p = np.array(
        [freeness_test(draw_goe, 3, trials=5, rotations=1, rng=seed, threads=1).p_values for seed in range(60)]
    )
    for column in p.T:
        assert stats.kstest(column, "uniform").pvalue > 1e-4


@pytest.mark.parametrize(
    "families",
    [
        pytest.param(lambda a, b, d: [a, a @ a - a], id="a matrix and its square"),
        pytest.param(lambda a, b, d: [d, np.roll(d, 1)], id="independent, but they commute"),
        pytest.param(lambda a, b, d: [a, a + 0.5 * b], id="a sum"),
        pytest.param(lambda a, b, d: [[a, b], a @ b + b @ a], id="a polynomial of a family"),
    ],
)
def test_what_is_not_free_is_found(families):
    a, b = goe(60, size=2, rng=3)
    test = freeness_test(families(a, b, np.sign(np.random.default_rng(1).normal(size=60)) + 0.1), rng=1)
    assert not test.free
    assert test.p_value < 1e-6


def test_commuting_signs_need_degree_four():
    """Two diagonals of signs, uncorrelated: the trace of their product is 0, that of [A][B][A][B] is 1 and not 0."""
    d, e = np.tile([1.0, 1, -1, -1], 25), np.tile([1.0, -1, 1, -1], 25)
    test = freeness_test([d, e], rotations=16, rng=1)
    assert test.values[test.words.index("[A][B][A][B]")] == pytest.approx(1, abs=1e-12)
    assert not test.free
    assert freeness_test([d, e], degree=2, rng=1).free


def test_layers_of_a_network_are_free_from_its_slopes():
    """Collins and Hayase: weights and all slopes of a network with Haar or Gaussian weights, L = 3."""
    for weights in ("haar", "gaussian"):
        mlp = MLP([120] * 4, "tanh", weights=weights, sigma_w=1.4674, sigma_b=0.38855)
        net = mlp.sample(rng=5)
        x, slopes = np.ones(120) * 0.5, []
        for w, b in zip(net.weights, net.biases, strict=True):
            h = w @ x + b
            x, d = np.tanh(h), 1 - np.tanh(h) ** 2
            slopes.append(d)
        test = freeness_test([net.weights[1], slopes[:2]], rotations=24, rng=2)
        assert test.free, test


def test_traces_of_network_words_shrink_like_one_over_n():
    """tr W2 D1o W2^T D2o of tanh networks at q* = 1: measured s.d. 3.4e-3 (Haar) and 2.5e-3 (Gaussian) at n = 125."""
    for weights, sd in (("haar", 3.4e-3), ("gaussian", 2.5e-3)):
        for n, trials in ((125, 16), (250, 10)):
            mlp = MLP([n] * 3, "tanh", weights=weights, sigma_w=1.46741359163, sigma_b=0.38854167007)
            values = []
            for seed in range(trials):
                net = mlp.sample(rng=seed)
                x = np.random.default_rng(seed).normal(size=n)
                x *= np.sqrt(n * (1 - mlp.sigma_b**2) / mlp.sigma_w**2) / np.linalg.norm(x)
                h1 = net.weights[0] @ x + net.biases[0]
                d1 = 1 / np.cosh(h1) ** 4
                d2 = 1 / np.cosh(net.weights[1] @ np.tanh(h1) + net.biases[1]) ** 4
                values.append(
                    mixed_moment("W A W.T B", {"W": net.weights[1], "A": d1 - d1.mean(), "B": d2 - d2.mean()})
                )
            # The s.d. itself was measured from a few nets, and is estimated here from `trials`: a factor of two.
            scale = sd * 125 / n
            assert np.std(values) < 2 * scale
            assert abs(np.mean(values)) < 5 * 2 * scale / np.sqrt(trials)


def test_same_bits_for_any_executor_and_threads():
    one = freeness_test(draw_goe, trials=4, rng=3)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        two = freeness_test(draw_goe, trials=4, rng=3, executor=pool, threads=2)
    np.testing.assert_array_equal(one.values, two.values)
    np.testing.assert_array_equal(one.expected, two.expected)
    assert one.trials == 4


def test_words_are_told_apart_and_none_comes_twice():
    w, d = haar(20, rng=1), np.linspace(0, 1, 20)
    test = freeness_test([w, d], rotations=8, rng=0)
    # W W^T is the identity, and W^2 W^T is W: neither makes words of its own.
    assert "[A][B][A.T][B]" in test.words
    assert len(set(test.words)) == len(test.words)
    assert not any("A A.T" in word or "A^2 A.T" in word for word in test.words)
    complex_test = freeness_test([haar(20, field="complex", rng=1), d], rotations=8, rng=0)
    assert {"Re [A][B]", "Im [A][B]"} <= set(complex_test.words)


def test_values_are_the_traces_that_words_say():
    a, b = goe(10, size=2, rng=1)
    test = freeness_test([{"X": a}, {"Y": b}], rotations=8, rng=0)

    def centred(m):
        return m - np.trace(m) / 10 * np.eye(10)

    truth = {
        "[X^2][Y]": centred(a @ a) @ centred(b),
        "[X][Y][X][Y]": np.linalg.matrix_power(centred(a) @ centred(b), 2),
    }
    for word, value in truth.items():
        assert test.values[test.words.index(word)] == pytest.approx(np.trace(value) / 10, rel=1e-12)


def test_result_says_what_it_found():
    a, b = goe(30, size=2, rng=1)
    test = freeness_test([a, b], rotations=8, rng=0)
    assert "consistent with freeness" in repr(test)
    assert test.to_dict()["free"] is True
    assert "<table" in test._repr_html_()
    assert np.all(test.adjusted >= test.p_values)
    assert "not free" in repr(freeness_test([a, a], rotations=8, rng=0))


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda a: freeness_test([a]), ValueError, "at least two"),
        (lambda a: freeness_test([a, np.eye(5)]), ValueError, r"families\[1\] must hold more"),
        (lambda a: freeness_test([a, np.ones((4, 4))]), ValueError, "one size"),
        (lambda a: freeness_test([a, np.ones((5, 4))]), ValueError, "square"),
        (lambda a: freeness_test([a, a], 1), ValueError, "degree must be at least 2"),
        (lambda a: freeness_test([a, a], 60), ValueError, "degree must be smaller"),
        (lambda a: freeness_test([a, a], trials=5), TypeError, "unless families is a function"),
        (lambda a: freeness_test([a, a], rotations=1), ValueError, "rotations must be at least 4"),
        (lambda a: freeness_test([a, a], level=1.0), ValueError, "below 1"),
        (lambda a: freeness_test(5), TypeError, "got 5"),
        (lambda a: freeness_test([a, a * 1e150]), ValueError, r"families\[1\]: B must be of a size"),
        (lambda a: freeness_test([a * 1e-150, a]), ValueError, r"families\[0\]: A must be of a size"),
        (lambda a: freeness_test([a, a * np.nan]), ValueError, "finite"),
        (lambda a: freeness_test([np.ones((1, 1)), np.ones((1, 1))]), ValueError, "multiples of the identity"),
    ],
)
def test_refuses(call, error, says):
    with pytest.raises(error, match=says):
        call(ginibre(5, 5, rng=0))
