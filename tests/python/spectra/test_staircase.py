"""Unfolding by fits to the staircase, and by local averages."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.interpolate import make_smoothing_spline

from deeprmt import ensembles, laws
from deeprmt.spectra import number_variance, spacings, trusted_length, unfold

METHODS = ["gaussian", "local", "polynomial", "spline"]


def noise(n, count, seed):
    return np.sqrt(ensembles.laguerre_eigenvalues(2 * n, n, 1.0, size=count, rng=seed))


@pytest.mark.parametrize("degree", [1, 3, 7])
def test_polynomial_is_the_least_squares_fit(degree):
    x = noise(300, 1, 1)[0]
    fit = np.polynomial.Chebyshev.fit(x, np.arange(300) + 0.5, degree)
    np.testing.assert_allclose(unfold(x, "polynomial", degree=degree), fit(x), rtol=0, atol=1e-10)


def test_polynomials_fit_polynomials_exactly():
    ranks = np.arange(400) + 0.5
    levels = np.cbrt(ranks / 400) + 0.01 * ranks / 400  # its inverse is no polynomial, but nearly one of high degree
    x = np.linspace(1, 3, 400)
    cubic = (x**3 + x) * 13
    np.testing.assert_allclose(np.diff(unfold(x, "polynomial", degree=5)), 1, rtol=0, atol=1e-9)
    assert np.abs(unfold(levels, "polynomial", degree=20) - ranks).max() < 0.5
    assert np.all(np.diff(unfold(cubic, "polynomial")) > 0)


@pytest.mark.parametrize(("method", "setting"), [("polynomial", {"degree": 15}), ("spline", {"freedom": 80.0})])
def test_descent_is_refused(method, setting):
    """A known failure elsewhere: the fit turns down, levels swap, and a sort hides it."""
    rng = np.random.default_rng(1)
    levels = np.sort(np.concatenate([rng.normal(size=100), rng.normal(30, 1, 100)]))  # a wide gap, over which it swings
    with pytest.raises(ValueError, match=r"descends near \d.* would swap levels"):
        unfold(levels, method, **setting)
    if method == "polynomial":
        plain = np.polynomial.Chebyshev.fit(levels, np.arange(200), 15)(np.linspace(levels[0], levels[-1], 5000))
        assert (np.diff(plain) < 0).any()


def test_descent_between_the_levels_is_refused_too():
    """The values at the levels ascend, the curve between them does not."""
    levels = np.array([0.0, 0.05, 0.1, 0.9, 0.95, 1.0])
    values = np.polynomial.Chebyshev.fit(levels, np.arange(6) + 0.5, 4)
    t = np.linspace(0, 1, 999)
    if (np.diff(values(levels)) > 0).all() and (np.diff(values(t)) < 0).any():
        with pytest.raises(ValueError, match="descends near"):
            unfold(levels, "polynomial", degree=4)
    else:
        assert np.all(np.diff(unfold(levels, "polynomial", degree=4)) > 0)


def test_spline_is_the_one_of_scipy():
    x = noise(300, 1, 2)[0]
    t = (x - x[0]) / (x[-1] - x[0])
    lam = 300 / (2 * np.sqrt(2) * (12 - 1)) ** 4
    fit = make_smoothing_spline(t, np.arange(300) + 0.5, lam=lam)
    # A group may hold two levels where runs are cut by rank: here each is its own.
    np.testing.assert_allclose(unfold(x, "spline"), fit(t), rtol=0, atol=1e-6)


def test_spline_of_many_levels_is_that_of_runs():
    x = np.sort(laws.MarchenkoPastur(0.5).rvs(1500, rng=1))
    t = (x - x[0]) / (x[-1] - x[0])
    fit = make_smoothing_spline(t, np.arange(1500) + 0.5, lam=1500 / (2 * np.sqrt(2) * 9) ** 4)
    # The staircase of independent levels is off by some 20; runs of two or three of them move the fit by a hundredth.
    assert np.abs(unfold(x, "spline", freedom=10) - fit(t)).max() < 0.2


def test_freedom_is_the_trace_of_the_smoother():
    """On levels of constant density; the sum over eigenvalues that states it is asymptotic in the freedom."""
    n = 120
    t = np.linspace(0, 1, n)
    for freedom in (6.0, 12.0):
        lam = n / (2 * np.sqrt(2) * (freedom - 1)) ** 4
        trace = sum(make_smoothing_spline(t, np.eye(n)[i], lam=lam)(t[i]) for i in range(n))
        assert trace == pytest.approx(freedom, rel=0.02)


@given(st.lists(st.integers(-50, 50), min_size=1, max_size=40), st.integers(1, 45))
def test_local_average_matches_a_plain_loop(values, window):
    x = np.sort(np.array(values, float))
    xi = [0.5]
    for i in range(x.size - 1):
        low, high = max(i - window, 0), min(i + 1 + window, x.size - 1)
        xi.append(xi[-1] + ((high - low) * (x[i + 1] - x[i]) / (x[high] - x[low]) if x[high] > x[low] else 0.0))
    np.testing.assert_allclose(unfold(x, "local", window=window), xi, rtol=0, atol=1e-11)


@pytest.mark.parametrize("method", METHODS)
def test_noise_has_mean_spacing_one(method):
    x = noise(500, 4, 3)
    s = spacings(unfold(x, method))[:, 40:-40]
    # The counting function of rigid levels is known to one level or so, at both ends.
    assert s.mean() == pytest.approx(1, abs=2 / 420)


@settings(max_examples=20)
@given(st.integers(-900, 900), st.sampled_from(METHODS))
def test_scale_shift_and_mirror_do_not_matter(exponent, method):
    x = noise(60, 1, 4)[0] - 1
    xi = unfold(x, method)
    np.testing.assert_allclose(unfold(x * 2.0**exponent, method), xi, rtol=0, atol=1e-9)
    np.testing.assert_allclose(unfold(x + 64, method), xi, rtol=0, atol=1e-9)
    mirrored = unfold(-x[::-1], method)[::-1]
    np.testing.assert_allclose(
        xi + mirrored, (xi + mirrored)[0], rtol=0, atol=1e-9
    )  # of a local average the ends are free


@pytest.mark.parametrize("method", METHODS)
def test_stacks_ties_and_extremes(method):
    x = np.round(noise(100, 6, 5).reshape(2, 3, 100), 2)
    assert (np.diff(x) == 0).any()
    setting = {"window": 5, "degree": 3, "freedom": 8.0}
    xi = unfold(x.astype(np.float32), method, **setting)
    assert xi.shape == (2, 3, 100)
    assert xi.dtype == np.float64
    assert np.all(np.diff(xi) >= 0)
    assert np.all((np.diff(xi) == 0)[np.diff(x.astype(np.float32)) == 0])
    np.testing.assert_array_equal(xi[1, 2], unfold(x[1, 2].astype(np.float32), method, **setting))
    assert unfold(x[:0], method).shape == (0, 3, 100)
    wide = np.linspace(-1.7, 1.7, 50) * 1e308
    np.testing.assert_allclose(np.diff(unfold(wide, method, **setting))[20:30], 1, rtol=0.01)


@pytest.mark.parametrize(
    ("method", "setting", "least", "most"),
    [("gaussian", {}, 0.88, 0.99), ("local", {}, 0.88, 0.99), ("polynomial", {"degree": 11}, 0.9, 1.0),
     ("spline", {"freedom": 20.0}, 0.9, 1.0)],
)  # fmt: skip
def test_trusted_lengths_are_those_at_which_little_is_lost(method, setting, least, most):
    """At the stated length number variance has lost 4 to 8 %; at four times it, far more."""
    n = 2000
    unfolded = unfold(noise(n, 24, 6), method, **setting)[:, n // 20 : -n // 20]
    trust = unfolded.trust
    assert trust == trusted_length(n, method, **setting)
    at, far = (number_variance(unfolded, length, trust=np.inf).pooled() for length in (trust, 4 * trust))
    error = 5 * float(at.stderr / at.expected())
    assert least - error < float(at / at.expected()) < most + error
    assert float(far / far.expected()) < 0.85
    assert unfold(noise(50, 1, 1)[0], laws.MarchenkoPastur(0.5, singular=True)).trust == np.inf


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: unfold([], "local"), "number of levels must be at least 1, got 0"),
        (lambda: unfold([1.0, 0.0], "local"), "levels must ascend"),
        (lambda: unfold([1.0, 2.0], "polynomial"), r"number of levels must be at least degree \+ 2 = 9, got 2"),
        (lambda: unfold([1.0] * 20, "polynomial"), "levels must not all be equal"),
        (lambda: unfold([1.0] * 20, "spline"), "levels must not all be equal"),
        (lambda: unfold([1.0] * 10 + [2.0] * 10, "polynomial"), "at least degree . 1 = 8 different values"),
        (lambda: unfold([1.0] * 10 + [2.0] * 10, "spline"), "at least 13 different values, got 2"),
        (lambda: unfold(np.arange(99.0), "polynomial", degree=61), "degree must be at most 60, got 61"),
        (lambda: unfold(np.arange(99.0), "polynomial", degree=0), "degree must be at least 1"),
        (lambda: unfold(np.arange(99.0), "spline", freedom=2.0), "freedom must be finite and above 2, got 2"),
        (lambda: unfold(np.arange(9.0), None), "method must be one of"),
        (lambda: trusted_length(0), "trusted_length: n must be at least 1"),
    ],
)
def test_refuses(call, says):
    with pytest.raises(ValueError, match=says):
        call()
