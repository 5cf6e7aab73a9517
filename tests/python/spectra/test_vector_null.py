"""The table of p-values of random vectors: what its script makes, and what independent simulations say."""

import numpy as np
import pytest
import scipy.stats as stats

from deeprmt.spectra import _make_vector_null as script
from deeprmt.spectra._vector_null import NAIVE, RATIOS, SIZES


def test_neighbours_that_descend_share_their_mean():
    errors = np.array([2.0, 1.0, 1.0, 1.0, 1.0])
    np.testing.assert_allclose(script.smoothed(np.arange(5.0), errors), np.arange(5.0))
    # Weights 1/4 and 1; then the block and the next, and so on.
    np.testing.assert_allclose(script.smoothed(np.array([6.0, 1, 3, 2.5, 9]), errors), [2, 2, 2.75, 2.75, 9])
    np.testing.assert_allclose(script.smoothed(np.array([3.0, 2, 1]), np.ones(3)), [2, 2, 2])


def test_the_table_is_smooth():
    table = np.array(RATIOS)
    assert (np.diff(table, axis=1) >= 0).all()
    # Raw simulations of 64 and 128 entries with their errors, as `real_ratios` gives them at the three deepest levels.
    for size, raw, errors in [
        (64, [0.8022, 0.7779, 0.8087], [0.0447, 0.0220, 0.0100]),
        (128, [0.8420, 0.8221, 0.8276], [0.0648, 0.0320, 0.0143]),
    ]:
        found = script.smoothed(np.array(raw), np.array(errors))
        np.testing.assert_allclose(RATIOS[SIZES.index(size)][:3], found, rtol=0, atol=1e-4)


@pytest.mark.parametrize("n", [16, 40, 128])
def test_independent_simulations_agree_with_the_table(n):
    """NumPy's stream, SciPy's distribution functions."""
    draws = 120_000 // n
    u = np.random.default_rng(n).normal(size=(draws, n))
    u = np.sort(u / np.linalg.norm(u, axis=1, keepdims=True), axis=1)
    t = stats.beta((n - 1) / 2, (n - 1) / 2, loc=-1, scale=2).cdf(u)  # of one entry of a uniform unit vector
    rank = np.arange(n)
    distance = np.maximum(t - rank / n, (rank + 1) / n - t).max(axis=1)
    naive = stats.kstwo(n).sf(distance)
    for level, ratio in list(zip(NAIVE, RATIOS[SIZES.index(n)], strict=True))[3:-1]:
        share = np.count_nonzero(naive <= level) / draws
        p = level * ratio
        assert abs(share - p) < 5 * np.sqrt(p * (1 - p) / draws) + 1e-3 * p, level


@pytest.mark.slow
def test_the_script_makes_the_table():
    ratios, errors = script.real_ratios(16, 4_000_000)
    np.testing.assert_allclose(script.smoothed(ratios, errors), RATIOS[0][:-1], rtol=0, atol=5.1e-5)
