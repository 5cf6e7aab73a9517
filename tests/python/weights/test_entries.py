"""Localisation of singular vectors from the norms of rows and columns, and what analyze says of it."""

import numpy as np
import pytest

from deeprmt.weights import analyze
from deeprmt.weights._entries import localization, sums


def row_of(weight, **options):
    (row,) = analyze({"w": weight}, samples=0, **options).rows
    return row


def both(weight):
    s, found = np.linalg.svd(weight, compute_uv=False), sums(weight, 1.0)
    return localization(found.rows, s**2), localization(found.columns, s**2)


def test_sums():
    w = np.random.default_rng(0).normal(size=(700, 90)).astype(np.float32)
    exact = (w.astype(np.float64) / 3) ** 2
    found = sums(w, 3.0)
    np.testing.assert_allclose(found.fourth, (exact**2).sum(), rtol=1e-12)
    np.testing.assert_allclose(found.rows, exact.sum(axis=1), rtol=1e-12)
    np.testing.assert_allclose(found.columns, exact.sum(axis=0), rtol=1e-12)


@pytest.mark.parametrize("shape", [(60, 60), (40, 100), (100, 40)])
def test_noise_has_two_over_n_plus_two(shape):
    # For entries of variance 1 E sum_i (r_i - r)^2 = 2 m (n - 1) and E sum (level - mean)^2 = n m (n + 1) - 2 m.
    rng = np.random.default_rng(1)
    values = np.array([both(rng.normal(size=shape)) for _ in range(200)])
    for side, n in enumerate(shape):
        expected = 2 / (n + 2)
        mean, error = values[:, side].mean(), values[:, side].std() / np.sqrt(200)
        assert abs(mean - expected) < 5 * error + 0.01 * expected  # a mean of ratios for a ratio of means: 1 / n^2
    assert values.max() < 1


def test_the_definition_by_vectors():
    w = np.random.default_rng(2).standard_t(3, size=(30, 50))
    gram = w @ w.T
    off = gram - np.diag(np.diag(gram))
    mean = np.eye(30) * np.trace(gram) / 30
    assert both(w)[0] == pytest.approx(1 - (off**2).sum() / ((gram - mean) ** 2).sum())


def test_localised_vectors_are_seen_and_noise_of_the_same_spectrum_is_not():
    rng = np.random.default_rng(3)
    s = np.abs(rng.normal(size=300))
    u, v = (np.linalg.qr(rng.normal(size=(300, 300)))[0] for _ in range(2))
    diagonal, left, free = np.diag(s), s[:, None] * v, (u * s) @ v
    row = row_of(diagonal[rng.permutation(300)])
    assert (row.left_localization, row.right_localization) == (pytest.approx(1), pytest.approx(1))
    assert "left singular vectors sit on about 1 of 300 rows each, right" in row.verdict
    row = row_of(left)
    assert row.left_localization == pytest.approx(1)
    assert row.right_localization < 0.02
    assert "right singular vectors" not in row.verdict
    row = row_of(free)
    # 2 / 301, scattered by sqrt(2 / 300) and some for the tail of s: a third
    assert row.left_localization == pytest.approx(2 / 301, rel=5 * 0.3)
    assert row.right_localization < 0.02
    assert "sit on" not in row.verdict


def test_blocks():
    # Vectors on l rows each: blocks of l have 2 / (l + 1) each.
    rng, w = np.random.default_rng(4), np.zeros((400, 400))
    for at in range(0, 400, 8):
        w[at : at + 8, at : at + 8] = rng.normal(size=(8, 8))
    row = row_of(w)
    assert row.left_localization == pytest.approx(2 / 9, rel=5 * np.sqrt(2 / 400))
    assert "on about 8 of 400 rows" in row.verdict


def test_equal_levels_have_no_vectors_of_their_own():
    row = row_of(3 * np.eye(50))
    assert row.left_localization is row.right_localization is None
    assert "sit on" not in row.verdict


def test_spacings_have_calibrated_p_values():
    rng = np.random.default_rng(5)
    noise, diagonal = rng.normal(size=(200, 120)), np.diag(np.sort(rng.uniform(1, 3, size=120)))
    (first, second) = analyze({"noise": noise, "independent": diagonal}, samples=0, spacing_trials=99).rows
    assert first.spacing_p > 0.01
    assert first.spacing_ratio_p > 0.01
    assert second.spacing_p == 0.01
    assert second.spacing_ratio_p == 0.02
    assert first.spacing_p == first.spacing_test(trials=99).p_exact
    assert first.to_dict()["spacing_p"] == first.spacing_p
    assert row_of(noise).spacing_p is None
    with pytest.raises(ValueError, match="analyze: spacing_trials must be 0 or at least 19, got 5"):
        analyze({"noise": noise}, spacing_trials=5)
