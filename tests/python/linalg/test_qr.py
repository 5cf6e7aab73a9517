import numpy as np
import pytest

from deeprmt._core.linalg import qr
from reference.linalg import qr as reference

shapes = [(1, 1), (3, 2), (64, 64), (65, 65), (130, 129), (500, 3), (400, 200)]


@pytest.mark.parametrize("shape", shapes)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_factors(shape, dtype):
    n = shape[1]
    a = np.random.default_rng(1).normal(size=shape).astype(dtype)
    q, r = qr(a, 2)
    eps = np.finfo(dtype).eps
    assert np.abs(q.T.astype(float) @ q - np.eye(n)).max() < 10 * np.sqrt(n) * eps
    # Column-wise backward stable (Higham, Theorem 19.4): a small multiple of sqrt(m n) eps in practice.
    assert (np.linalg.norm(q.astype(float) @ r - a, axis=0) < 10 * np.sqrt(n) * eps * np.linalg.norm(a, axis=0)).all()
    np.testing.assert_array_equal(r, np.triu(r))
    for threads in (1, 3):
        np.testing.assert_array_equal(qr(a, threads)[0], q)


@pytest.mark.parametrize("shape", shapes)
def test_matches_the_reference(shape):
    a = np.random.default_rng(2).normal(size=shape)
    q, r = qr(a, 2)
    expected_q, expected_r = reference.qr(a)
    signs = np.sign(np.diag(r)) * np.sign(np.diag(expected_r))  # the one freedom of QR
    # Conditioned like a: kappa of these Gaussian matrices is below 1e4.
    np.testing.assert_allclose(q * signs, expected_q, rtol=0, atol=1e-11)
    np.testing.assert_allclose(r * signs[:, None], expected_r, rtol=0, atol=1e-11)


def test_zero_columns():
    a = np.zeros((70, 66))
    a[:, 5] = 1
    q, r = qr(a, 2)
    np.testing.assert_allclose(q @ r, a, rtol=0, atol=1e-14)
    np.testing.assert_allclose(q.T @ q, np.eye(66), rtol=0, atol=1e-14)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("power", [-1, 1])
def test_entries_whose_squares_leave_the_range(dtype, power):
    """Norms are then taken of a power of two times the column; each block of eight columns has all sizes."""
    tiny = np.finfo(dtype).tiny
    a = np.random.default_rng(3).normal(size=(150, 60)).astype(dtype)
    a *= np.where(np.arange(60) % 3 == 1, dtype(float(tiny) ** (0.9 * -power)), dtype(1))
    a[:, 7] = 0
    a[20:, 17] = 0
    q, r = qr(a, 2)
    eps = np.finfo(dtype).eps
    assert np.isfinite(q).all()
    assert np.isfinite(r).all()
    assert np.abs(q.T.astype(float) @ q - np.eye(60)).max() < 10 * np.sqrt(60) * eps
    scale = np.abs(a).max(axis=0).astype(float)
    scale[scale == 0] = 1
    error = np.linalg.norm(q.astype(float) @ (r / scale) - a / scale, axis=0)
    assert error.max() < 10 * np.sqrt(60) * eps * np.sqrt(150)


@pytest.mark.parametrize("n", [7, 8, 9, 47, 48, 49, 63, 64, 65])
def test_one_panel_agrees_with_lapack(n):
    a = np.random.default_rng(n).normal(size=(n + 5, n))
    expected = np.linalg.qr(a, mode="r")
    # Both are backward stable, and R is as conditioned as these Gaussian matrices, below 1e3.
    np.testing.assert_allclose(qr(a, 1)[1], expected, rtol=0, atol=1e-11)
