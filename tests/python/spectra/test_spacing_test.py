import numpy as np
import pytest
from scipy import stats

from deeprmt import ensembles, laws
from deeprmt.spectra import (
    ratio_statistics,
    spacing_correlation,
    spacing_law,
    spacing_test,
    spacings,
    unfold,
    wigner_surmise,
)

SHAPE = (240, 120)


def noise(count, seed):
    return np.sqrt(ensembles.laguerre_eigenvalues(*SHAPE, 1.0, size=count, rng=seed))


def test_p_values_of_noise_are_uniform_and_those_of_independent_spacings_are_not():
    found = [spacing_test(x, shape=SHAPE, trials=199) for x in noise(150, 1)]
    for name in ("p_exact", "p_surmise", "p_ratio"):
        p = np.array([getattr(each, name) for each in found])
        # Five sigma of the mean of 150 uniform numbers, and of the null's own 199.
        assert abs(p.mean() - 0.5) < 5 * np.sqrt((1 / 150 + 1 / 199) / 12)
        assert stats.kstest(p, "uniform").statistic < 1.95 * np.sqrt(1 / 150 + 1 / 199) + 0.01  # 0.1 %, and ties
    assert np.mean([each.p_independent for each in found]) > 0.6  # a known failure elsewhere


@pytest.mark.parametrize("method", ["local", "polynomial", laws.MarchenkoPastur(0.5, singular=True)])
def test_every_unfolding_is_calibrated_by_itself(method):
    p = [spacing_test(x, method, shape=SHAPE, degree=5, trials=99).p_exact for x in noise(40, 2)]
    assert abs(np.mean(p) - 0.5) < 5 * np.sqrt((1 / 40 + 1 / 99) / 12)


def test_independent_levels_are_found_out():
    x = np.sort(np.random.default_rng(3).uniform(size=120))
    found = spacing_test(x, trials=99)
    assert found.p_exact == found.p_surmise == 0.01
    assert found.p_ratio <= 0.02
    assert found.ratio.z(0) < 5 < abs(found.ratio.z(1))


def test_numbers_are_those_of_the_parts():
    x = noise(1, 4)[0]
    found = spacing_test(x, shape=SHAPE, window=10, trials=19)
    s = spacings(unfold(x, window=10)[10:-10])
    np.testing.assert_allclose(found.spacings, s / s.mean(), rtol=1e-13)
    assert found.ks_exact == pytest.approx(stats.kstest(found.spacings, spacing_law(1).cdf).statistic, rel=1e-9)
    assert found.ks_surmise == pytest.approx(stats.kstest(found.spacings, wigner_surmise(1).cdf).statistic, rel=1e-9)
    assert found.p_independent == pytest.approx(stats.kstest(found.spacings, spacing_law(1).cdf).pvalue, rel=1e-6)
    assert found.to_dict()["trials"] == 19
    assert "p = " in repr(found)
    # Outliers left out from the top: the noise loses as many.
    part = spacing_test(x[:100], shape=SHAPE[::-1], trials=19, threads=1)
    assert part.p_exact == spacing_test(x[:100], shape=SHAPE, trials=19, threads=2).p_exact
    assert spacing_test(x, drop=5, trials=19, beta=2).spacings.size == 109


def test_ratio_statistics():
    for beta in (1, 2, 4):
        x = ensembles.hermite_eigenvalues(400, beta, size=30, rng=beta)[:, 50:-50]
        assert abs(ratio_statistics(x).z(beta)) < 5
    x = np.sort(np.random.default_rng(1).uniform(size=(60, 200)))
    found = ratio_statistics(x)
    assert abs(found.z(0)) < 5
    # The error against the scatter of 60 rows, known to 1 / sqrt(120).
    rows = [ratio_statistics(row).mean for row in x]
    assert found.stderr == pytest.approx(np.std(rows) / np.sqrt(60), rel=0.35)
    assert found.to_dict()["count"] == 60 * 198
    assert repr(found).startswith("RatioStatistics(0.38")


def test_neighbouring_spacings_have_the_known_correlation():
    """Every second level of beta = 1 is one of beta = 4 (Mehta and Dyson): sums of two spacings have 4 v_4."""
    x = ensembles.hermite_eigenvalues(600, 1, size=60, rng=5)
    s = spacings(unfold(x, laws.Semicircle())[:, 150:450])
    v1, v4 = spacing_law(1).var(), spacing_law(4).var()
    values, stderr = spacing_correlation(s, 3)
    exact = (2 * v4 - v1) / v1
    assert exact == pytest.approx(-0.27084, abs=1e-5)
    assert abs(values[0] - exact) < 5 * stderr[0]
    assert (values < 5 * stderr).all()
    independent, stderr = spacing_correlation(np.random.default_rng(1).exponential(size=20_000))
    assert (np.abs(independent) < 5 * stderr).all()
    assert independent.shape == (5,)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: spacing_test(np.arange(40.0)), "at least 20 without 15 at either end, got 40"),
        (lambda: spacing_test(np.ones((2, 90))), "levels must have one axis, got 2"),
        (lambda: spacing_test(np.ones(90)), "levels must not all be equal"),
        (lambda: spacing_test(np.arange(90.0)[::-1]), "levels must ascend"),
        (lambda: spacing_test(np.arange(90.0), beta=3), "beta must be 1, 2 or 4, got 3"),
        (lambda: spacing_test(np.arange(90.0), trials=3), "trials must be at least 19"),
        (lambda: spacing_test(np.arange(90.0), shape=(90, 50)), "shape must have room for 90 levels"),
        (lambda: spacing_test(np.arange(90.0), shape=90), "shape must be two whole numbers, got 90"),
        (lambda: spacing_test(np.arange(90.0), drop=-1), "drop must be at least 0"),
        (lambda: spacing_test(np.arange(90.0), "wavelet"), "method must be one of"),
        (lambda: ratio_statistics([0.0, 1.0, 2.0]), "at least 8 ratios, got 1"),
        (lambda: ratio_statistics(np.arange(20.0) ** 2).expected(3), "beta must be 0, 1, 2 or 4"),
        (lambda: spacing_correlation([1.0, 2.0]), "above most . 1 = 6, got 2"),
        (lambda: spacing_correlation(np.ones(9)), "spacings must not all be equal"),
        (lambda: spacing_correlation([1.0, np.nan] * 9), "spacings must be finite"),
    ],
)
def test_refuses(call, says):
    with pytest.raises(ValueError, match=says):
        call()


def test_equidistant_levels_have_no_error():
    for levels in (np.linspace(0, 1, 100), np.arange(50.0), 1e3 + np.linspace(0, 1, 100)):
        with pytest.raises(ValueError, match="all ratios are 1 up to rounding"):
            ratio_statistics(levels)
