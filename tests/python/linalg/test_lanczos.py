import numpy as np
import pytest

from deeprmt import _core
from reference.linalg import lanczos as reference

EPS = {dtype: float(np.finfo(dtype).eps) for dtype in (np.float32, np.float64)}


def run(matrix, start, steps, capacity, threads=1):
    """Coefficients of the kernel's recurrence, and the whole basis where it is kept."""
    p, n = start.shape
    basis = np.zeros((p, capacity, n), start.dtype)
    basis[:, 0] = start
    on, off, along = [], [], []
    for j in range(steps):
        w = np.ascontiguousarray(basis[:, j % capacity] @ matrix.T)
        before = (j - 1) % capacity if j else -1
        step = _core.linalg.orthonormal_step(
            basis, min(j + 1, capacity), j % capacity, before, (j + 1) % capacity, w, threads
        )
        on.append(step[0])
        along.append(step[1])
        off.append(step[2])
    return np.array(on), np.array(along), np.array(off), basis


def symmetric(n, dtype=np.float64):
    a = np.random.default_rng(1).normal(size=(n, n))
    return (a + a.T).astype(dtype)


def draw(p, n, dtype=np.float64, gaussian=True, first=0, threads=1):
    out = np.empty((p, n), dtype)
    _core.linalg.probes(7, first, gaussian, out, threads)
    return out


def test_matches_the_reference():
    n, steps = 12, 8
    a, x = symmetric(n), draw(2, n)
    on, along, off, _ = run(a, x, steps, steps + 1)
    for i in range(2):
        diagonal, beside = reference.lanczos(lambda v: (a @ v).tolist(), x[i].tolist(), steps)
        # Coefficients are functions of the measure; at 8 of 12 steps they are conditioned to some hundreds.
        np.testing.assert_allclose(on[:, i], diagonal, rtol=0, atol=1e-11)
        np.testing.assert_allclose(off[:-1, i], beside, rtol=0, atol=1e-11)
        np.testing.assert_allclose(along[1:, i], beside, rtol=0, atol=1e-11)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_basis_is_orthonormal_where_plain_lanczos_loses_it(dtype):
    # An isolated eigenvalue converges in a few steps, after which the recurrence alone brings it back again and again.
    n, steps = 300, 120
    a = np.diag(np.append(np.linspace(0, 1, n - 1), 20)).astype(dtype)
    *_, basis = run(a, draw(3, n, dtype), steps, steps + 1)
    for vectors in basis.astype(float):
        assert np.abs(vectors @ vectors.T - np.eye(steps + 1)).max() < 20 * EPS[dtype]
    *_, short = run(a, draw(1, n, dtype), steps, 2)
    assert short.shape == (1, 2, n)


def test_lengths_and_parts_take_w_apart():
    n, p = 9000, 3  # several pieces, the last one ragged
    rng = np.random.default_rng(1)
    q = np.linalg.qr(rng.normal(size=(p, n, 5)))[0].swapaxes(1, 2)
    basis = np.zeros((p, 6, n))
    basis[:, :5] = q
    w = rng.normal(size=(p, n))
    parts = np.einsum("pkn,pn->pk", q, w)
    rest = w - np.einsum("pkn,pk->pn", q, parts)
    on_last, on_before, norm = _core.linalg.orthonormal_step(basis, 5, 3, 1, 5, w.copy(), 1)
    np.testing.assert_allclose(on_last, parts[:, 3], rtol=0, atol=1e-12)
    np.testing.assert_allclose(on_before, parts[:, 1], rtol=0, atol=1e-12)
    np.testing.assert_allclose(norm, np.linalg.norm(rest, axis=1), rtol=1e-13)
    np.testing.assert_allclose(basis[:, 5], rest / norm[:, None], rtol=0, atol=1e-13)


def test_neither_threads_nor_the_number_of_sequences_change_a_bit():
    n = 20000
    rng = np.random.default_rng(1)
    basis = rng.normal(size=(4, 40, n)) / np.sqrt(n)  # enough work to wake threads; bits need no orthogonality
    w = rng.normal(size=(4, n))
    first = basis.copy()
    one = _core.linalg.orthonormal_step(first, 39, 38, 37, 39, w.copy(), 1)
    for threads in (2, 5):
        again = basis.copy()
        many = _core.linalg.orthonormal_step(again, 39, 38, 37, 39, w.copy(), threads)
        np.testing.assert_array_equal(many, one)
        np.testing.assert_array_equal(again, first)
    for i in range(4):
        alone = basis[i : i + 1].copy()
        found = _core.linalg.orthonormal_step(alone, 39, 38, 37, 39, w[i : i + 1].copy(), 2)
        np.testing.assert_array_equal(np.ravel(found), [each[i] for each in one])
        np.testing.assert_array_equal(alone[0], first[i])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_what_lies_in_the_span_has_no_next_vector(dtype):
    n = 50
    q = np.linalg.qr(np.random.default_rng(1).normal(size=(n, n)))[0].astype(dtype)
    basis = np.ones((3, 5, n), dtype)
    basis[:, :4] = q[:4]
    w = np.stack([3 * q[0] - q[3], np.zeros(n), q[3] + q[7]]).astype(dtype)
    on_last, _, norm = _core.linalg.orthonormal_step(basis, 4, 3, 2, 4, w, 1)
    np.testing.assert_allclose(on_last, [-1, 0, 1], rtol=0, atol=10 * EPS[dtype])
    assert list(norm[:2]) == [0, 0]
    assert norm[2] == pytest.approx(1, abs=10 * EPS[dtype])
    assert not basis[:2, 4].any()
    # A space that is full: nothing is left but rounding.
    full = np.zeros((1, n + 1, n), dtype)
    full[0, :n] = q
    w = np.random.default_rng(2).normal(size=(1, n)).astype(dtype)
    assert _core.linalg.orthonormal_step(full, n, n - 1, n - 2, n, w, 1)[2][0] == 0


@pytest.mark.parametrize("gaussian", [False, True])
def test_probes(gaussian):
    n, p = 40, 4000
    x = draw(p, n, gaussian=gaussian)
    np.testing.assert_allclose((x**2).sum(axis=1), 1, rtol=1e-14)
    # E x_i x_j = delta_ij / n: the variance is (1 - 1/n) / n^2 or less off the diagonal, 2 / n^2 or less on it.
    second = x.T @ x / p
    assert np.abs(second - np.eye(n) / n).max() < 5.5 * np.sqrt(2 / p) / n
    assert np.abs(x.mean(axis=0)).max() < 5 / np.sqrt(n * p)
    if not gaussian:
        np.testing.assert_array_equal(np.abs(x), 1 / np.sqrt(n))
    # The same probes for both types, any number at once, any number of threads.
    np.testing.assert_allclose(draw(9, n, np.float32, gaussian), x[:9], rtol=2 * EPS[np.float32], atol=1e-12)
    np.testing.assert_array_equal(draw(3, n, gaussian=gaussian, first=5, threads=3), x[5:8])
    long = draw(2, 10000, gaussian=gaussian)
    np.testing.assert_array_equal(np.sign(long[:, :n]), np.sign(x[:2]))


def test_refuses():
    basis, w = np.zeros((1, 3, 4)), np.zeros((1, 4))
    with pytest.raises(ValueError, match="rows used, last, before, next must lie in the basis of 3, got 4"):
        _core.linalg.orthonormal_step(basis, 4, 0, -1, 1, w, 1)
    with pytest.raises(ValueError, match=r"basis must be \(p, capacity, n\)"):
        _core.linalg.orthonormal_step(basis, 1, 0, -1, 1, np.zeros((2, 4)), 1)
