import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deeprmt.ensembles import haar
from deeprmt.signal import fit_bulk, hard_threshold, rotation_invariant, shrink
from deeprmt.weights import Layer, filter
from deeprmt.weights._filter import METHODS

NOISE_METHODS = [each for each in METHODS if each != "rank"]


def planted(rows=120, columns=80, strengths=(60.0, 40.0), seed=0):
    k = len(strengths)
    signal = haar(rows, k, rng=seed) * np.array(strengths) @ haar(columns, k, rng=seed + 1).T
    return signal, signal + np.random.default_rng(seed).normal(size=(rows, columns))


def by_definition(weight, method):
    """The plain way: all vectors, and the shrinker on all values."""
    u, s, vt = np.linalg.svd(weight, full_matrices=False)
    bulk = fit_bulk(s, weight.shape)
    cut = {"hard": hard_threshold(weight.shape, sigma=bulk.sigma), "bulk": bulk.threshold}
    if method in cut:
        s = np.where(s > cut[method], s, 0)
    elif method == "ledoit-peche":
        s = rotation_invariant(s, weight.shape, bulk.sigma)
    else:
        s = np.where(s > bulk.threshold, shrink(s, weight.shape, bulk.sigma, loss=method), 0)
    return (u * s) @ vt


@pytest.mark.parametrize("method", NOISE_METHODS)
@pytest.mark.parametrize("turn", [False, True])
def test_matches_the_definition(method, turn):
    _, weight = planted()
    weight = weight.T if turn else weight
    found = filter(weight, method=method)
    # Rounding: 1e-14 of the norm 60 in each.
    np.testing.assert_allclose(found.weight, by_definition(weight, method), rtol=0, atol=1e-10)
    np.testing.assert_array_equal(found.weight + found.removed, found.weight + (weight - found.weight))
    assert found.rank == np.linalg.matrix_rank(found.weight)


@pytest.mark.parametrize("method", NOISE_METHODS)
def test_the_signal_comes_out(method):
    signal, weight = planted()
    found = filter(weight, method=method)
    error = np.linalg.norm(found.weight - signal)
    # Two spikes with 200 numbers each carry noise of about sqrt(2 * 200) = 20; the noise in all has norm 98.
    assert error < 30
    if method != "ledoit-peche":
        assert found.rank == 2


def test_the_right_shrinker_is_best():
    errors = dict.fromkeys(("hard", "frobenius", "operator"), 0.0)
    for seed in range(10):
        signal, weight = planted(100, 100, (24.0, 22.0), seed)
        for method in errors:
            errors[method] += ((filter(weight, method=method).weight - signal) ** 2).sum()
    assert errors["frobenius"] < min(errors["hard"], errors["operator"])


def test_rank():
    _, weight = planted()
    u, s, vt = np.linalg.svd(weight, full_matrices=False)
    for k in (0, 1, 7, 80):
        found = filter(weight, method="rank", k=k)
        np.testing.assert_allclose(found.weight, (u[:, :k] * s[:k]) @ vt[:k], rtol=0, atol=1e-10)
        assert (found.rank, found.sigma) == (k, None)
        assert found.kept == pytest.approx((s[:k] ** 2).sum() / (s**2).sum())


@given(st.sampled_from(NOISE_METHODS), st.integers(-30, 30), st.integers(0, 5))
@settings(max_examples=15)
def test_scale_rotation_and_permutation(method, power, seed):
    _, weight = planted(40, 30, (25.0,), seed)
    base = filter(weight, method=method).weight
    rng = np.random.default_rng(seed)
    rows, columns = rng.permutation(40), rng.permutation(30)
    q = haar(40, rng=seed)
    # Rounding of 1e-15 of the norm, and 1e-4 of it at most where isotonic regression ties or sums move by rounding.
    tolerance = 1e-9 * 30
    np.testing.assert_allclose(
        filter(weight * 2.0**power, method=method).weight * 2.0**-power, base, rtol=0, atol=tolerance
    )
    np.testing.assert_allclose(
        filter(weight[rows][:, columns], method=method).weight, base[rows][:, columns], rtol=0, atol=tolerance
    )
    np.testing.assert_allclose(filter(q @ weight, method=method).weight, q @ base, rtol=0, atol=tolerance)


def test_sigma_by_number_and_by_median():
    _, weight = planted()
    s = np.linalg.svd(weight, compute_uv=False)
    by_median = filter(weight, sigma="median")
    assert by_median.threshold == pytest.approx(hard_threshold(weight.shape, median=float(np.median(s))), rel=1e-12)
    assert by_median.bulk is None
    assert filter(weight, sigma=1.0).threshold == hard_threshold(weight.shape, sigma=1.0)
    assert filter(weight, sigma=1.0, method="bulk").rank == 2
    assert filter(weight, sigma=1e-9, method="frobenius").rank == 80
    nothing = filter(weight, sigma=100.0)
    assert (nothing.rank, nothing.kept) == (0, 0.0)
    assert not nothing.weight.any()


def test_types_stay():
    _, weight = planted()
    layer = Layer("fc", "dense", weight.astype(np.float32))
    found = filter(layer, method="frobenius")
    assert (found.weight.dtype, found.name) == (np.float32, "fc")
    # Entries near 1 that are off by 6e-8 each.
    np.testing.assert_allclose(found.weight, filter(weight, method="frobenius").weight, rtol=0, atol=1e-5)
    one, many = filter(weight, threads=1), filter(weight, threads=2)
    np.testing.assert_array_equal(one.weight, many.weight)


def test_what_is_rank_deficient_keeps_its_zeros():
    rng = np.random.default_rng(0)
    dead = rng.normal(size=(100, 80))
    dead[:, 50:] = 0
    dead[:, :50] += 60 * np.outer(haar(100, 1, rng=1), haar(50, 1, rng=2))
    for method in NOISE_METHODS:
        found = filter(dead, method=method)
        assert found.bulk.rank == 50
        assert abs(found.weight[:, 50:]).max() < 1e-12


def test_ways_out():
    _, weight = planted()
    found = filter(weight)
    assert "rank 2 of 80" in repr(found)
    content = found.to_dict()
    assert (content["rank"], content["shape"], len(content["before"])) == (2, [120, 80], 80)
    assert "<table" in found._repr_html_()


@pytest.mark.parametrize(
    ("weight", "options", "error", "says"),
    [
        (np.eye(30), {}, ValueError, "has no bulk of noise"),
        (np.diag(np.geomspace(1, 1e-6, 40)), {}, ValueError, "has no bulk of noise"),
        (np.ones((5, 5)), {}, ValueError, "at least 10 that are not zero, found 1"),
        (np.zeros((20, 20)), {"sigma": "median"}, ValueError, "median singular value of 0"),
        (np.full((20, 20), np.nan), {}, ValueError, r"must be finite, found nan at index \(0, 0\)"),
        (np.ones(5), {}, ValueError, r"must be a matrix with entries, got shape \(5,\)"),
        (np.ones((0, 5)), {}, ValueError, "must be a matrix with entries"),
        (np.eye(3), {"method": "magic"}, ValueError, "method must be one of 'hard'"),
        (np.eye(3), {"method": "rank"}, ValueError, "k belongs to method 'rank', got k = None"),
        (np.eye(3), {"k": 2}, ValueError, "k belongs to method 'rank'"),
        (np.eye(3), {"method": "rank", "k": 4}, ValueError, "k must be at most 3"),
        (np.eye(3), {"method": "rank", "k": 1, "sigma": 1.0}, ValueError, "sigma has no effect"),
        (np.eye(3), {"sigma": -1.0}, ValueError, "sigma must be finite and above 0"),
        (np.eye(3), {"sigma": "mean"}, ValueError, "sigma must be 'median'"),
        (np.eye(3) * 1j, {}, TypeError, "real numbers"),
    ],
)
def test_refuses(weight, options, error, says):
    with pytest.raises(error, match=says):
        filter(weight, **options)


def test_noise_alone_leaves_nothing():
    noise = np.random.default_rng(1).normal(size=(100, 60))
    for method in ("hard", "bulk"):
        assert filter(noise, method=method).rank == 0
    # Ledoit and Peche: only what smoothing leaves at the edges.
    assert filter(noise, method="ledoit-peche").kept < 0.01
    assert math.isclose(filter(noise, sigma=1.0, method="operator").kept, 0.0, abs_tol=0.1)


def test_too_few_values_are_told_by_name():
    with pytest.raises(ValueError, match=r"filter: layer must tell its noise where sigma is not given: .* at least 10"):
        filter(np.ones((1, 1)))
