import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deeprmt.ensembles import haar, laguerre_eigenvalues
from deeprmt.laws import TracyWidom
from deeprmt.linalg import svdvals
from deeprmt.signal import fit_bulk, outlier_p_values


def noise(shape, sigma=1.0, rng=0):
    """Singular values of Gaussian noise."""
    short, long = min(shape), max(shape)
    return sigma * np.sqrt(long * laguerre_eigenvalues(long, short, 1, rng=rng)[::-1])


def planted(shape, strengths, seed=0, sigma=1.0):
    k, rng = len(strengths), np.random.default_rng(seed)
    signal = haar(shape[0], k, rng=rng) * strengths @ haar(shape[1], k, rng=rng).T
    return signal + sigma * rng.normal(size=shape)


@pytest.mark.parametrize("shape", [(100, 100), (100, 200), (300, 60)])
def test_sigma_of_noise_has_the_stated_error(shape):
    fits = [fit_bulk(noise(shape, 0.3, rng=i), shape) for i in range(100)]
    z = np.array([(each.sigma - 0.3) / each.stderr for each in fits])
    assert abs(z.mean()) < 5 / 10
    assert abs(z.std() - 1) < 5 / math.sqrt(200)
    assert sum(each.outliers for each in fits) <= 3  # 0.1 expected; more than 3 has a chance of 4e-6
    assert all(each.follows and each.settled for each in fits)


@pytest.mark.parametrize(("shape", "theta"), [((100, 100), 2.0), ((60, 180), 1.7), ((180, 60), 3.0)])
def test_spikes_do_not_move_sigma(shape, theta):
    strengths = theta * math.sqrt(max(shape)) * np.linspace(1, 1.5, 6)
    fits = [fit_bulk(svdvals(planted(shape, strengths, i)), shape) for i in range(20)]
    assert {each.outliers for each in fits} == {6}
    z = np.array([(each.sigma - 1) / each.stderr for each in fits])
    assert abs(z.mean()) < 5 / math.sqrt(20)


def test_huge_spikes_do_not_move_sigma():
    shape = (150, 100)
    for strength in (1e3, 1e9, 1e13):
        bulk = fit_bulk(svdvals(planted(shape, [strength])), shape)
        assert (bulk.outliers, bulk.rank) == (1, 100)
        assert abs(bulk.sigma - 1) < 5 * bulk.stderr + 1e-2 * (strength > 1e12)  # the decomposition rounds by then


def test_zeros_are_told_by_the_precision_of_storage():
    rng = np.random.default_rng(0)
    product = rng.normal(size=(200, 30)) @ rng.normal(size=(30, 100))
    s = svdvals(product.astype(np.float32).astype(np.float64))
    assert fit_bulk(s, (200, 100), precision=2.0**-23).rank == 30
    assert fit_bulk(s, (200, 100)).rank == 100
    dead = rng.normal(size=(200, 100))
    dead[:, :40] = 0
    bulk = fit_bulk(svdvals(dead), (200, 100))
    assert (bulk.rank, bulk.effective_shape) == (60, (200, 60))
    assert abs(bulk.sigma - 1) < 5 * bulk.stderr


def test_there_is_no_bulk_in_a_slope():
    s = np.geomspace(1e4, 1e-4, 100)
    bulk = fit_bulk(s, (100, 100))
    assert not bulk.found
    assert not bulk.follows
    assert "no bulk" in repr(bulk)
    orthogonal = fit_bulk(np.ones(100), (100, 200))
    assert not orthogonal.follows


@given(st.integers(-300, 300), st.booleans())
@settings(max_examples=30)
def test_scale_and_transposition(power, turn):
    shape, s = (60, 40), svdvals(planted((60, 40), [30.0]))
    bulk = fit_bulk(s, shape)
    other = fit_bulk(s * 2.0**power, shape[::-1] if turn else shape)
    # The largest value scales exactly, and with it all that is divided by it.
    assert (other.sigma, other.threshold) == (bulk.sigma * 2.0**power, bulk.threshold * 2.0**power)
    assert (other.outliers, other.ks) == (bulk.outliers, pytest.approx(bulk.ks))


def test_p_values_of_noise_are_uniform():
    # Ma's centring: at 60 x 90 the law of Tracy and Widom is within 0.01 of the largest eigenvalue's.
    shape, trials = (60, 90), 1000
    largest = noise_maxima(shape, trials)
    p = np.sort([outlier_p_values([each], shape, 1.0)[0] for each in largest])
    distance = np.max(np.abs(p - (np.arange(trials) + 0.5) / trials))
    assert distance < 2.0 / math.sqrt(trials) + 0.01  # the Kolmogorov distance exceeds 2 / sqrt(n) in 7 of 10^4


def noise_maxima(shape, trials):
    short, long = min(shape), max(shape)
    return np.sqrt(long * laguerre_eigenvalues(long, short, 1, size=trials, rng=1)[:, -1])


@pytest.mark.parametrize(
    ("n", "p", "centre", "width"),  # with Ma's n - 1/2 and p - 1/2
    [
        (400, 100, 897.7492946702, 15.92991301411),
        (1000, 500, 2912.152857974, 22.89583023666),
        (3072, 512, 6089.848419829, 30.92940952798),
    ],
)
def test_known_centring(n, p, centre, width):
    s = math.sqrt(centre + 0.9793160534696 * width)  # the 0.95 quantile
    assert outlier_p_values([s], (n, p), 1.0)[0] == pytest.approx(0.05, rel=1e-7)
    assert outlier_p_values([s], (p, n), 1.0)[0] == pytest.approx(0.05, rel=1e-7)


def test_the_threshold_is_where_the_p_value_is_the_level():
    for level in (0.001, 0.05):
        bulk = fit_bulk(noise((80, 60), rng=3), (80, 60), level=level)
        # With that value on top, and sigma as it is with it: the quantile of the ratio, so of any one scale.
        moved = replace(bulk, singular_values=np.append(bulk.threshold, bulk.singular_values[1:]))
        assert moved.p_values == pytest.approx([level], rel=1e-9)
    assert float(TracyWidom(1).ppf(0.999)) == pytest.approx(3.272196059002, rel=1e-12)


@pytest.mark.parametrize(("shape", "trials"), [((10, 10), 800), ((10, 30), 200)])
def test_noise_has_an_outlier_as_often_as_stated(shape, trials):
    # Level 0.01, since 0.001 would take more draws; right to a quarter of it, and five sigma.
    draws = laguerre_eigenvalues(max(shape), min(shape), 1, size=trials, rng=4)[:, ::-1]
    fits = [fit_bulk(np.sqrt(max(shape) * each), shape, level=0.01) for each in draws]
    count = sum(each.outliers > 0 for each in fits)
    assert count < 0.0125 * trials + 5 * math.sqrt(0.01 * trials)
    some = sorted(fits, key=lambda each: -each.singular_values[0] / each.threshold)[:40]
    for each in some:
        assert each.outliers == np.count_nonzero(each.singular_values > each.threshold)
        p = each.p_values
        assert (p[: each.outliers] <= 0.01).all()
        assert p[each.outliers] > 0.01


@pytest.mark.slow
@pytest.mark.parametrize(
    ("shape", "trials"), [((10, 10), 60_000), ((12, 12), 40_000), ((20, 20), 30_000), ((100, 100), 8000)]
)
def test_noise_has_an_outlier_in_one_of_a_thousand(shape, trials):
    draws = laguerre_eigenvalues(max(shape), min(shape), 1, size=trials, rng=5)[:, ::-1]
    count = sum(fit_bulk(np.sqrt(max(shape) * each), shape).outliers > 0 for each in draws)
    # 0.6 to 1.6 in 1000, and five sigma.
    assert 6e-4 * trials - 5 * math.sqrt(6e-4 * trials) <= count < 1.6e-3 * trials + 5 * math.sqrt(1.6e-3 * trials)


@pytest.mark.parametrize("k", [10, 40, 80])
def test_many_spikes_leave_sigma_alone(k):
    shape = (200, 300)
    fits = [fit_bulk(svdvals(planted(shape, np.linspace(40, 120, k), i)), shape) for i in range(8)]
    assert {each.outliers for each in fits} == {k}
    z = np.array([(each.sigma - 1) / each.stderr for each in fits])
    assert abs(z.mean()) < 5 / math.sqrt(8) + 0.008 * k / 80 / fits[0].stderr  # a bias of order k / N^2 is known


def test_a_known_sigma_is_the_limit_of_a_small_error():
    values, shape = [28.0, 25.5, 24.0], (100, 150)
    known = outlier_p_values(values, shape, 1.0)
    np.testing.assert_allclose(outlier_p_values(values, shape, 1.0, stderr=1e-7), known, rtol=1e-4)
    with pytest.raises(ValueError, match="stderr must be finite and at least 0"):
        outlier_p_values(values, shape, 1.0, stderr=-1)


def test_p_values_go_down_the_list():
    shape = (200, 100)
    bulk = fit_bulk(svdvals(planted(shape, [60.0, 40.0, 30.0])), shape)
    p = bulk.p_values
    assert p.size == 4
    assert (np.diff(p) > 0).all()
    assert (p[:3] < 1e-3).all()
    assert p[3] > 1e-3
    spikes = bulk.spikes()
    assert (abs(spikes.strengths - [60, 40, 30]) < 5 * spikes.stderr).all()


def test_goodness_is_calibrated():
    p = np.array([fit_bulk(noise((40, 80), rng=i), (40, 80)).goodness(trials=99).p_value for i in range(200)])
    # Uniform on 1/100, ..., 1: within the Kolmogorov distance of 200 draws, the noise of 99 trials and one step.
    assert np.max(np.abs(np.sort(p) - (np.arange(200) + 0.5) / 200)) < 2 / math.sqrt(200) + 2 / math.sqrt(99) / 2 + 0.01


def test_goodness_sees_what_is_no_noise_of_one_variance():
    rows = np.random.default_rng(0).normal(size=(100, 200)) * np.linspace(0.5, 1.5, 100)[:, None]
    found = fit_bulk(svdvals(rows), (100, 200)).goodness(trials=99)
    assert found.p_value == 0.01
    again = fit_bulk(svdvals(rows), (100, 200)).goodness(trials=99, threads=1)
    assert again == found
    assert found.to_dict() == {"ks": found.ks, "p_value": 0.01, "trials": 99}


def test_ways_out():
    bulk = fit_bulk(noise((60, 50)), (60, 50))
    content = json.loads(json.dumps(bulk.to_dict()))
    assert content["shape"] == [60, 50]
    assert content["upper_edge"] == bulk.law.support()[0][1]
    assert "<table" in bulk._repr_html_()


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        (([3.0, 2.0], (2, 3)), ValueError, "at least 10 that are not zero, found 2"),
        ((np.zeros(20), (20, 20)), ValueError, "found 0"),
        ((np.ones(20), (21, 30)), ValueError, r"must be all min\(shape\) = 21 of them, got 20"),
        ((np.ones(22), (21, 30)), ValueError, "at most min.shape. = 21 values, got 22"),
        ((np.arange(20.0), (20, 20)), ValueError, "must descend, found a rise at 1"),
        ((np.full(20, np.nan), (20, 20)), ValueError, "found nan at 0"),
        ((["a"] * 20, (20, 20)), TypeError, "real numbers"),
    ],
)
def test_refuses(arguments, error, says):
    with pytest.raises(error, match=says):
        fit_bulk(*arguments)


@pytest.mark.parametrize("options", [{"level": 0}, {"level": 1}, {"level": 1e-20}, {"precision": 0}])
def test_refuses_options(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        fit_bulk(np.ones(20), (20, 20), **options)
    with pytest.raises(ValueError, match="trials must be at least 1"):
        fit_bulk(np.ones(20), (20, 20)).goodness(trials=0)


@given(st.lists(st.floats(0, 1e300), min_size=12, max_size=12), st.integers(12, 40))
def test_any_values_give_a_fit_or_a_clear_error(values, long):
    try:
        bulk = fit_bulk(np.sort(values)[::-1], (12, long))
    except ValueError as error:
        assert "not zero" in str(error) or "squares" in str(error)  # noqa: PT017
    else:
        json.dumps(bulk.to_dict())
        assert len(bulk.spikes()) == bulk.outliers
