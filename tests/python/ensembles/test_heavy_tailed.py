import math

import numpy as np
import pytest
from scipy import stats

from deeprmt import laws, signal, tails
from deeprmt.ensembles import ginibre, heavy_tailed, spiked
from deeprmt.linalg import svdvals


@pytest.mark.parametrize(("mu", "least"), [(3.0, math.sqrt(1 / 3 / 300)), (1.2, 300 ** (-1 / 1.2)), (2.0, 300**-0.5)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_entries_are_pareto_with_random_signs(mu, least, dtype):
    x = heavy_tailed(200, 300, mu, rng=1, dtype=dtype).ravel().astype(float)
    assert stats.kstest(np.abs(x) / least, stats.pareto(mu).cdf).pvalue > 1e-6
    assert abs(np.sign(x).sum()) < 5 * math.sqrt(x.size)
    # sign and size are independent: the mean logarithm of either side, spread 1/mu, five standard errors
    up, down = np.log(x[x > 0]), np.log(-x[x < 0])
    assert abs(up.mean() - down.mean()) < 5 / mu * math.sqrt(4 / x.size)


def test_variance_and_tail_index():
    x = heavy_tailed(1000, 2000, 6.0, rng=2)
    # Var x^2 = E x^4 - 1 / n^2, in units of 1 / n: E x^4 = (mu - 2)^2 / (mu (mu - 4)) = 4/3
    assert abs((2000 * x**2).mean() - 1) < 5 * math.sqrt((4 / 3 - 1) / x.size)
    found = tails.hill(np.abs(heavy_tailed(300, 300, 1.5, rng=3)).ravel())
    assert abs(found.xi[5000] - 1 / 1.5) < 5 * found.stderr[5000]


def test_draws_do_not_depend_on_threads_and_samples_are_streams_of_their_own():
    one = heavy_tailed(300, 500, 1.5, size=2, rng=5, threads=1)
    for threads in (2, 5):
        np.testing.assert_array_equal(heavy_tailed(300, 500, 1.5, size=2, rng=5, threads=threads), one)
    np.testing.assert_array_equal(heavy_tailed(300, 500, 1.5, size=3, rng=5)[:2], one)
    assert abs(one[0] - one[1]).min() > 0


def test_the_least_index_stays_in_range():
    for dtype, mu in ((np.float64, 0.06), (np.float32, 0.42)):
        bound = 2 ** (53 / mu)  # of entries, before they are scaled down
        assert bound < np.finfo(dtype).max
        assert np.isfinite(heavy_tailed(100, 100, mu, dtype=dtype, rng=0)).all()


def test_above_four_moments_the_edge_is_that_of_noise():
    s = svdvals(heavy_tailed(400, 800, 30.0, rng=4))
    edge = 1 + math.sqrt(0.5)  # fluctuations are of order n^(-2/3) = 0.012
    assert abs(s[0] - edge) < 0.06
    assert laws.MarchenkoPastur(0.5).ks_distance(s**2) < 0.02


@pytest.mark.parametrize(("m", "n", "theta"), [(300, 600, 1.5), (600, 300, 2.0), (400, 400, 2.0)])
def test_spikes_stand_where_theory_puts_them(m, n, theta):
    s = np.linalg.svd(spiked(m, n, [theta], size=6, rng=7), compute_uv=False)
    place = math.sqrt((1 + theta**2) * (m / n + theta**2)) / theta
    # fluctuations of a spike are of order 1 / sqrt(n): 0.6 / sqrt(n) for these strengths, plus a bias of order 1 / n
    assert abs(s[:, 0].mean() - place) < 5 * 0.7 / math.sqrt(6 * min(m, n)) + 3 / min(m, n)
    assert (s[:, 1] < 1 + math.sqrt(m / n) + 0.1).all()


def test_spikes_are_found_again():
    theta = [3.0, 2.0]
    a = spiked(400, 800, theta, rng=8)
    bulk = signal.fit_bulk(svdvals(a), a.shape)
    assert bulk.outliers == 2


def test_without_spikes_it_is_noise():
    np.testing.assert_array_equal(spiked(5, 8, [], rng=1).shape, (5, 8))
    noise = ginibre(200, 300, rng=0)
    assert abs(spiked(200, 300, [0.0], rng=0).var() / noise.var() - 1) < 5 * math.sqrt(2 * 2 / noise.size)


def test_directions_are_orthonormal():
    huge = spiked(40, 60, [1e9, 1e8, 1e7], rng=3)
    s = np.linalg.svd(huge, compute_uv=False)
    np.testing.assert_allclose(s[:3], [1e9, 1e8, 1e7], rtol=1e-6)


def test_spiked_draws_do_not_depend_on_threads():
    one = spiked(150, 90, [2.0, 3.0], size=3, rng=5, threads=1)
    np.testing.assert_array_equal(spiked(150, 90, [2.0, 3.0], size=3, rng=5, threads=4), one)
    assert spiked(4, 4, [1.0], dtype=np.float32, rng=0).dtype == np.float32


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda: heavy_tailed(0, 3, 1.0), ValueError, "heavy_tailed: m must be at least 1, got 0"),
        (lambda: heavy_tailed(3, 3, 0.0), ValueError, "tail_index must be at least 0.06 in float64, got 0"),
        (lambda: heavy_tailed(3, 3, 0.3, dtype="f4"), ValueError, "at least 0.42 in float32, got 0.3"),
        (lambda: heavy_tailed(3, 3, np.nan), ValueError, "tail_index must be"),
        (lambda: heavy_tailed(3, 3, "a"), TypeError, "tail_index must be"),
        (lambda: spiked(3, 4, [1, 2, 3, 4]), ValueError, r"spikes must have shape \(k,\) with k <= 3, got \(4,\)"),
        (lambda: spiked(3, 4, 2.0), ValueError, r"got \(\)"),
        (lambda: spiked(3, 4, [-1.0]), ValueError, "spikes must not be negative, got -1"),
        (lambda: spiked(3, 4, [np.inf]), ValueError, "spiked: spikes must be finite"),
        (lambda: spiked(3, 4, ["a"]), TypeError, "spikes must be"),
    ],
)
def test_bad_arguments(call, error, says):
    with pytest.raises(error, match=says):
        call()
