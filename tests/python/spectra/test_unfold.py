import mpmath
import numpy as np
import pytest
import scipy.stats as stats
from hypothesis import given
from hypothesis import strategies as st

from deeprmt import laws
from deeprmt.spectra import spacings, unfold, wigner_surmise
from reference.spectra import unfold as reference

LITERAL = [0.1, 0.35, 0.5, 0.8, 1.0, 1.15, 1.5, 1.9, 2.0, 2.4, 3.0, 3.3]
UNFOLDED = [
    1.494374727484, 2.463773253259, 3.076029865782, 4.250508853186, 4.971785413407, 5.48036330447, 6.570855447224,
    7.673754670633, 7.929011925129, 8.890523958663, 10.21493870787, 10.79722103768,
]  # fmt: skip


def test_literal():
    np.testing.assert_allclose(unfold(LITERAL, window=3), UNFOLDED, rtol=0, atol=1e-11)


def test_literal_with_forty_digits():
    n, a = len(LITERAL), 3
    with mpmath.workdps(40):
        x = [mpmath.mpf(v) for v in LITERAL]
        width = [(x[min(k + a, n - 1)] - x[max(k - a, 0)]) / 2 for k in range(n)]
        exact = [float(sum(mpmath.ncdf((x[i] - x[k]) / width[k]) for k in range(n))) for i in range(n)]
    # n terms of at most 2e-16 each
    np.testing.assert_allclose(unfold(LITERAL, window=3), exact, rtol=0, atol=2e-16 * n)


@given(
    st.lists(st.floats(-1e3, 1e3, allow_subnormal=False) | st.integers(-3, 3).map(float), min_size=1, max_size=60),
    st.integers(1, 100),
)
def test_matches_the_reference(values, window):
    levels = sorted(values)
    np.testing.assert_allclose(
        unfold(levels, window=window), reference.unfold_gaussian(levels, window), rtol=0, atol=1e-13
    )


@pytest.mark.parametrize("draw", ["normal", "standard_cauchy", "integers", "geometric ladder"])
def test_long_rows_match_the_reference(draw):
    """Over several blocks of targets, with outliers whose broadening covers all, and with degeneracies."""
    rng = np.random.default_rng(1)
    if draw == "geometric ladder":
        levels = 1.02 ** np.arange(1500.0)
    elif draw == "integers":
        levels = np.sort(rng.integers(0, 60, 1500)).astype(float)
    else:
        levels = np.sort(getattr(rng, draw)(size=1500))
    x = levels[:, None] - levels
    k = np.arange(1500)
    width = (levels[np.minimum(k + 15, 1499)] - levels[np.maximum(k - 15, 0)]) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        expected = np.where(width > 0, stats.norm.cdf(x / width), (1 + np.sign(x)) / 2).sum(axis=1)
    np.testing.assert_allclose(unfold(levels), expected, rtol=0, atol=1e-14 * 1500)


def test_equal_levels_are_steps():
    np.testing.assert_array_equal(unfold([2.0] * 5), 2.5)
    np.testing.assert_array_equal(unfold([7.0]), 0.5)


@given(st.lists(st.integers(-1000, 1000), min_size=2, max_size=40), st.integers(-900, 900))
def test_scale_and_shift_do_not_matter(values, exponent):
    levels = np.sort(np.array(values, float))
    np.testing.assert_array_equal(unfold(levels * 2.0**exponent), unfold(levels))
    np.testing.assert_allclose(unfold(levels + 64), unfold(levels), rtol=0, atol=1e-13)
    # Mirrored levels count from the other end.
    np.testing.assert_allclose(unfold(-levels[::-1])[::-1], len(values) - unfold(levels), rtol=0, atol=1e-13)


@pytest.mark.parametrize("levels", [[-1.7e308, 0.0, 1.7e308], [0.0, 5e-324, 1e-300], [0.0, 1e-200, 1.0]])
def test_extreme_ranges(levels):
    xi = unfold(levels, window=1)
    assert np.all(np.diff(xi) >= 0)
    assert np.all((xi >= 0) & (xi <= 3))


def test_even_levels_stay_even():
    """Far from the ends a ladder is its own counting function; a sum over a lattice of a smooth function is exact."""
    xi = unfold(np.arange(400.0) * 0.3, window=8)
    np.testing.assert_allclose(np.diff(xi)[100:300], 1, rtol=0, atol=1e-12)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_threads_do_not_matter(threads):
    levels = np.sort(np.random.default_rng(3).normal(size=(2, 3000)), axis=1)
    np.testing.assert_array_equal(unfold(levels, threads=threads), [unfold(row, threads=1) for row in levels])


def test_stacks_and_types():
    levels = np.sort(np.random.default_rng(4).normal(size=(2, 3, 50)).astype(np.float32))
    xi = unfold(levels)
    assert xi.shape == (2, 3, 50)
    assert xi.dtype == np.float64
    np.testing.assert_array_equal(xi[1, 2], unfold(levels[1, 2].astype(float)))
    assert unfold(levels[:0]).shape == (0, 3, 50)
    assert unfold(levels, laws.Semicircle(3.0)).shape == (2, 3, 50)


def test_unfolding_by_a_law():
    law = laws.MarchenkoPastur(0.5)
    levels = law.ppf((np.arange(20) + 0.5) / 20)
    np.testing.assert_allclose(unfold(levels, law), np.arange(20) + 0.5, rtol=0, atol=1e-13)


def test_spacings_of_noise_follow_the_surmise():
    x = np.random.default_rng(5).normal(size=(8, 200, 400))
    levels = np.linalg.svd(x / np.sqrt(400), compute_uv=False)[:, ::-1]
    s = spacings(unfold(levels))[:, 15:-15].ravel()
    assert s.mean() == pytest.approx(1, abs=0.03)  # window / n = 0.075 smooths the density's edges
    # The distance of the exact law to the surmise is 0.0066; spacings repel, so 1.36 / sqrt(n) is on the safe side.
    assert stats.kstest(s, wigner_surmise(1).cdf).statistic < 0.0066 + 1.36 / np.sqrt(s.size)
    by_law = spacings(unfold(levels, laws.MarchenkoPastur(0.5, singular=True)))[:, 15:-15].ravel()
    assert stats.kstest(by_law, wigner_surmise(1).cdf).statistic < 0.0066 + 1.36 / np.sqrt(s.size)


def test_spacings():
    levels = np.array([[0, 1, 3], [2, 2, 5]], np.float32)
    np.testing.assert_array_equal(spacings(levels), [[1, 2], [0, 3]])
    assert spacings(levels).dtype == np.float32
    assert spacings(np.zeros((2, 3, 4))).shape == (2, 3, 3)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: unfold([]), "unfold: the number of levels must be at least 1, got 0"),
        (lambda: unfold([2, 1]), "unfold: levels must ascend, got a descent in row 0 at position 1"),
        (lambda: unfold([2, 1], laws.Semicircle()), "unfold: levels must ascend"),
        (lambda: unfold([1, np.nan]), "unfold: levels must be finite, found nan"),
        (lambda: unfold([1, 2], "wavelet"), "unfold: method must be one of 'gaussian', .* or a Law, got 'wavelet'"),
        (lambda: unfold([1, 2], window=0), "unfold: window must be at least 1"),
        (lambda: unfold(1.0), "unfold: levels must have at least one axis"),
        (lambda: spacings([1.0]), "spacings: the number of levels must be at least 2, got 1"),
        (lambda: spacings([2.0, 1.0]), "spacings: levels must ascend"),
        (lambda: spacings([-1.7e308, 1.7e308]), "spacings: differences of levels must be within the range of float64"),
        (lambda: wigner_surmise(3), "wigner_surmise: beta must be 1, 2 or 4, got 3"),
    ],
)
def test_refuses(call, says):
    with pytest.raises(ValueError, match=says):
        call()


def test_the_trusted_length_follows_shifts_scales_and_joins():
    u = unfold(np.sort(np.random.default_rng(1).normal(size=100)), window=20)
    assert u.trust == 10
    for same in (u - u[0], 1 + u, u[5:] + np.float64(2), np.concatenate([u[:50], u[50:]]), np.stack([u, u])):
        assert same.trust == 10
    assert (u / 4).trust == 2.5
    assert (-3 * u).trust == 30
    assert (u / np.diff(u).mean()).trust == pytest.approx(10 / np.diff(u).mean())
    shorter = unfold(np.arange(100.0), window=6)
    assert np.concatenate([u, shorter]).trust == np.vstack([u, shorter, np.arange(100.0)]).trust == 3
    u *= 2
    assert u.trust == 20
    for plain in (np.diff(u), u - shorter, u * u, u**2, 1 / u, np.sqrt(u), u * 0, u > 3, u.mean(), u + np.ones(100)):
        assert not hasattr(plain, "trust")
