"""Two checkpoints whose difference is known."""

import math

import numpy as np
import pytest

from deeprmt.weights import compare


def gaussian(m, n, seed=0):
    return np.random.default_rng(seed).normal(size=(m, n))


def unit(count, size, seed):
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(size, count)))[0]


def only(base, tuned, **options):
    (row,) = compare({"w": base}, {"w": tuned}, **options).rows
    return row


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
def test_an_update_of_low_rank_is_found(dtype):
    base = gaussian(120, 80).astype(dtype)
    update = 60 * unit(3, 120, 1) @ unit(3, 80, 2).T
    row = only(base, (base + update).astype(dtype))
    assert (row.change_rank, row.base_outliers, row.tuned_outliers, row.left_bulk) == (3, 0, 3, True)
    assert row.change_stable_rank == pytest.approx(3, rel=1e-2)
    assert row.relative_change == pytest.approx(60 * math.sqrt(3) / np.linalg.norm(base.astype(float)), rel=1e-2)


def test_noise_on_top_leaves_no_outlier():
    base = gaussian(300, 200)
    row = only(base, base + 0.1 * gaussian(300, 200, 1))
    assert (row.change_rank, row.change_outliers, row.left_bulk) == (200, 0, False)
    # The norm of noise squared is sigma^2 (sqrt m + sqrt n)^2, which fluctuates by some per cent.
    assert row.change_stable_rank == pytest.approx(300 * 200 / (math.sqrt(300) + math.sqrt(200)) ** 2, rel=0.1)


def test_overlaps_are_those_of_the_spans():
    u, v, w = unit(2, 90, 1), unit(2, 70, 2), unit(4, 90, 3)
    noise = 1e-3 * gaussian(90, 70)
    base = u @ np.diag([50.0, 40.0]) @ v.T + noise
    turned = w[:, :2] @ np.diag([45.0, 50.0]) @ v.T + noise  # other left vectors, the same right ones
    row = only(base, turned, k=2)
    assert row.right_overlap == pytest.approx(1, abs=1e-4)
    assert row.left_overlap == pytest.approx(np.sum((u.T @ w[:, :2]) ** 2) / 2, abs=1e-3)
    assert (row.left_chance, row.right_chance) == (2 / 90, 2 / 70)


def test_nothing_changed_and_what_cannot_be_compared():
    base = {"same": gaussian(40, 30), "nan": gaussian(4, 3), "zero": np.zeros((4, 3)), "gone": np.eye(4)}
    tuned = {"same": base["same"].copy(), "nan": np.full((4, 3), np.nan), "zero": np.eye(4, 3), "new": np.eye(5)}
    found = compare(base, tuned)
    same, nan, zero = found.rows
    assert (same.relative_change, same.change_rank, same.note) == (0, 0, "nothing changed")
    assert same.left_overlap == pytest.approx(1, abs=1e-12)
    assert "NaN" in nan.note
    assert "zero" in zero.note
    assert (found.only_base, found.only_tuned) == (["gone"], ["new"])
    assert found.to_dict()["rows"][0]["left_bulk"] is False
    pytest.importorskip("matplotlib")
    assert "Only in tuned: new" in found.to_html()
    assert len(found.plot().lines) >= 2


def test_transposition_and_scale_change_nothing():
    base, tuned = gaussian(60, 40), gaussian(60, 40) + 30 * unit(1, 60, 1) @ unit(1, 40, 2).T
    row, turned, scaled = only(base, tuned), only(base.T, tuned.T), only(8 * base, 8 * tuned)
    assert turned.left_overlap == pytest.approx(row.right_overlap, abs=1e-9)
    assert (turned.change_rank, turned.tuned_outliers) == (row.change_rank, row.tuned_outliers)
    assert np.array_equal(base, gaussian(60, 40))  # what was given stays as it is
    for name in ("relative_change", "change_stable_rank", "left_overlap", "tuned_outliers"):
        assert getattr(scaled, name) == pytest.approx(getattr(row, name), rel=1e-9), name


def test_refuses():
    with pytest.raises(ValueError, match="share a layer"):
        compare({"a": np.eye(3)}, {"b": np.eye(3)})
    with pytest.raises(ValueError, match="k must be at least 1"):
        compare({"a": np.eye(3)}, {"a": np.eye(3)}, k=0)
