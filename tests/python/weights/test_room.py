"""A bound on memory: what fits is decomposed, the rest estimated, and the bound holds."""

import math
import sys
import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest

from deeprmt.weights import Layer, _analyze, analyze
from deeprmt.weights._files import find
from deeprmt.weights._measure import measure, measure_estimated
from deeprmt.weights._room import as_bytes, needs
from deeprmt.weights._tensor import of_array

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from measure import LINUX, peak_growth


def lanczos_and_dense(weight):
    """Both rows of one matrix."""
    layer = Layer("w", "dense", weight)
    dense, row = measure(layer, samples=0, threads=1), measure_estimated(layer, threads=1)
    assert row.status == "estimated"
    assert "estimated by Lanczos' method" in row.note
    return row, dense


def with_spikes(m, n, strengths, seed=1):
    rng = np.random.default_rng(seed)
    u, v = (np.linalg.qr(rng.normal(size=(side, len(strengths))))[0] for side in (m, n))
    return (rng.normal(size=(m, n)) + (u * np.asarray(strengths)) @ v.T).astype(np.float32)


@pytest.mark.parametrize("shape", [(420, 400), pytest.param((500, 800), marks=pytest.mark.slow)])
def test_estimates_agree_with_a_decomposition(shape):
    strengths = [80.0, 100.0, 250.0]
    row, dense = lanczos_and_dense(with_spikes(*shape, strengths))
    # The norm of all and the outliers that converged are exact to single precision, and so is the scale of the rest.
    assert row.frobenius_norm == pytest.approx(dense.frobenius_norm, rel=1e-6)
    assert (row.outliers, row.rank) == (dense.outliers, dense.rank) == (3, min(shape))
    np.testing.assert_allclose(row.singular_values[:3], dense.singular_values[:3], rtol=1e-5)
    for name in ("sigma", "upper_edge", "threshold", "spectral_norm", "stable_rank"):
        assert getattr(row, name) == pytest.approx(getattr(dense, name), rel=1e-4), name
    # The bulk is that of noise, the staircase of which is off by the scatter of 16 probes: each weighs p levels with
    # independent signs, an error of sqrt(2 x (1 - x) / p) / 4 or less in the share x, here 0.01.
    p = min(shape)
    assert abs(row.bulk_ks - dense.bulk_ks) < 5 * math.sqrt(0.5 / p) / 4
    assert row.spacing_count is row.hill is row.metrics is None


def test_estimates_are_drawn():
    pytest.importorskip("matplotlib")
    row, _ = lanczos_and_dense(with_spikes(120, 100, [30.0]))
    assert row.plot()


def test_error_bars_hold_the_truth_where_outliers_are_many():
    rng = np.random.default_rng(4)
    weight = rng.standard_t(2.5, size=(450, 400)).astype(np.float32)
    row, dense = lanczos_and_dense(weight)
    assert dense.outliers > 10
    for name in ("sigma", "outliers", "bulk_ks", "entropy"):
        off = abs(getattr(row, name) - getattr(dense, name))
        assert off < 5 * row.estimate.stderr[name], name


def test_low_rank_is_seen():
    rng = np.random.default_rng(5)
    weight = (rng.normal(size=(500, 100)) @ rng.normal(size=(100, 400))).astype(np.float32)
    row, dense = lanczos_and_dense(weight)
    assert dense.rank == 100
    assert abs(row.rank - 100) <= 5 * row.estimate.stderr["rank"] + 1


@pytest.mark.parametrize("bad", [np.nan, 0.0])
def test_bad_matrices_keep_their_words(bad):
    weight = np.full((300, 300), bad, np.float32)
    _, least = needs(of_array("w", weight, "memory"), "flatten")
    (row,) = analyze(weight, max_memory=least).rows
    assert row.status == ("zero" if bad == 0 else "non-finite")


def test_what_fits_in_no_way_is_listed():
    found = analyze({"large": np.ones((600, 600)), "small": np.eye(30, 20)}, samples=0, max_memory="9MiB")
    assert [row.name for row in found.rows] == ["small"]
    assert [each.name for each in found.skipped] == ["large"]
    assert "more than max_memory = 9 MiB" in found.skipped[0].reason
    assert not found.complete


def test_nothing_fits_and_every_layer_is_listed():
    found = analyze({"a": np.eye(30, 20), "b": np.eye(20), "bias": np.ones(3)}, samples=0, max_memory="7MiB")
    assert found.rows == []
    assert sorted(each.name for each in found.skipped) == ["a", "b", "bias"]
    assert sum("more than max_memory = 7 MiB" in each.reason for each in found.skipped) == 2
    assert not found.complete


def test_estimates_give_way_to_decompositions_that_fit(tmp_path):
    weight, journal = with_spikes(420, 400, [90.0]), tmp_path / "journal"
    _, least = needs(of_array("weight", weight, "memory"), "flatten")
    (row,) = analyze(weight, max_memory=least, journal=journal, samples=0).rows
    assert row.status == "estimated"
    (again,) = analyze(weight, max_memory=least, journal=journal, samples=0).rows
    assert again.estimate == row.estimate
    assert again.to_dict(arrays=True) == row.to_dict(arrays=True)
    (row,) = analyze(weight, journal=journal, samples=0).rows
    assert row.status == "ok"
    (row,) = analyze(weight, max_memory=least, journal=journal, samples=0).rows
    assert row.status == "ok"  # what is known is not forgotten


@pytest.mark.parametrize("kind", ["threads", pytest.param("processes", marks=pytest.mark.slow)])
def test_executors_change_nothing_within_a_bound(kind):
    source = {str(m): with_spikes(m, n, [90.0]) for m, n in ((60, 90), (420, 400), (80, 90))}
    _, bound = needs(of_array("w", source["420"], "memory"), "flatten")
    once = analyze(source, samples=0, max_memory=bound, threads=1).to_json(arrays=True)
    assert once.count('"status": "estimated"') == 1
    made = ThreadPoolExecutor(3) if kind == "threads" else ProcessPoolExecutor(2, mp_context=get_context("spawn"))
    with made as pool:
        assert analyze(source, samples=0, max_memory=bound, executor=pool).to_json(arrays=True) == once


def test_no_more_run_at_once_than_fit(monkeypatch):
    source = {str(i): np.random.default_rng(i).normal(size=(60, 50)) for i in range(8)}
    each, _ = needs(of_array("w", source["0"], "memory"), "flatten")
    lock, now, most = threading.Lock(), [0], [0]
    measure = _analyze.measure

    def counted(layer, **options):
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        try:
            return measure(layer, **options)
        finally:
            with lock:
                now[0] -= 1

    monkeypatch.setattr(_analyze, "measure", counted)
    with ThreadPoolExecutor(4) as pool:
        analyze(source, samples=0, max_memory=2 * each + 1, executor=pool)
    assert most[0] <= 2


@pytest.mark.skipif(not LINUX, reason="reads /proc")
@pytest.mark.parametrize("dtype", ["float16", pytest.param("float64", marks=pytest.mark.slow)])
def test_the_bound_holds(tmp_path, dtype):
    path = tmp_path / "a.npy"
    np.save(path, np.random.default_rng(0).normal(size=(1000, 700)).astype(dtype))
    ((tensor,), _) = find(path, strict=True)
    dense, lanczos = needs(tensor, "flatten")
    setup = f"""
import numpy as np
from deeprmt import weights
weights.analyze(np.random.default_rng(0).normal(size=(300, 200)), threads=2, samples=0)
def run(room):
    (row,) = weights.analyze({str(path)!r}, threads=2, samples=0, max_memory=room).rows
    assert row.status == ("ok" if room == {dense} else "estimated")
"""
    by_lanczos, by_dense = peak_growth(setup, f"run({lanczos})", f"run({dense})")
    assert by_lanczos < lanczos
    assert by_dense < dense


@pytest.mark.parametrize(
    ("given", "size"),
    [(1000, 1000), ("2GiB", 2**31), ("1.5 gib", 3 * 2**29), ("800MB", 8 * 10**8), ("64k", 64000), ("7", 7), (2.0, 2)],
)
def test_sizes(given, size):
    assert as_bytes("analyze", given) == size


@pytest.mark.parametrize("given", ["", "two", "-1", "1XB", 0, math.inf, -5, "nan", "1i"])
def test_refuses_sizes(given):
    with pytest.raises(ValueError, match="max_memory must be"):
        analyze(np.ones((3, 2)), max_memory=given)


def test_refuses_what_is_no_size():
    with pytest.raises(TypeError, match="max_memory must be bytes"):
        analyze(np.ones((3, 2)), max_memory=[])


def test_a_bound_beyond_doubles_is_refused():
    with pytest.raises(ValueError, match="max_memory must be at least one byte and finite"):
        analyze({"w": np.eye(12)}, max_memory=10**400)


@pytest.mark.parametrize("value", [True, np.True_, b"3", bytearray(b"3")])
def test_no_size(value):
    with pytest.raises(TypeError, match="max_memory must be bytes or text"):
        as_bytes("analyze", value)


def test_sizes_with_exponents():
    assert as_bytes("analyze", "1e3") == as_bytes("analyze", "1 KB") == 1000
    assert as_bytes("analyze", "1.5e3 KiB") == 1_536_000


def test_the_seed_reaches_the_probes():
    layer = Layer("w", "dense", np.random.default_rng(0).normal(size=(60, 50)))
    one, other, same = (measure_estimated(layer, key=seed, threads=1) for seed in (1, 2, 1))
    assert one.status == "estimated"
    assert one.sigma == same.sigma != other.sigma


@pytest.mark.slow
def test_estimates_are_as_far_off_as_they_say():
    """Ten matrices of noise: the mean of z is within five of its errors, and its square."""
    z = {name: [] for name in ("bulk_ks", "entropy", "sigma")}
    for seed in range(10):
        layer = Layer("w", "dense", np.random.default_rng(seed).normal(size=(250, 200)))
        dense, row = measure(layer, samples=0, threads=1), measure_estimated(layer, key=seed, threads=1)
        for name, values in z.items():
            values.append((getattr(row, name) - getattr(dense, name)) / row.estimate.stderr[name])
    for name, values in z.items():
        assert abs(np.mean(values)) < 1, name
        assert np.sqrt(np.mean(np.square(values))) < 1 + 5 / math.sqrt(20), name  # a rms of ten is off by 1 / sqrt(20)
