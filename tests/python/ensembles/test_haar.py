import numpy as np
import pytest
import scipy.stats as stats

from deeprmt import _core
from deeprmt.ensembles import haar
from reference.ensembles import haar as reference

methods = pytest.mark.parametrize("method", ["householder", "qr"])


# The last size takes more than one block of reflectors.
@pytest.mark.parametrize("field", ["real", "complex"])
@pytest.mark.parametrize(("n", "k"), [(1, 1), (2, 2), (5, 3), (7, 7), (20, 1), (100, 70)])
def test_match_the_reference(n, k, field):
    # Roundings of k reflectors are independent: sqrt(k) eps of entries below 1, 3e-15 at most, on either side. QR has
    # eps times the condition of all columns but the last (orthogonality gives that one), 233 at most here: 5e-14.
    out = np.empty((2, n, k), float if field == "real" else complex)
    for by_qr, plain in ((False, reference.haar), (True, reference.haar_by_qr)):
        _core.ensembles.haar(11, by_qr, out, 2)
        for c in range(2):
            np.testing.assert_allclose(out[c], plain(11, c, n, k, field=field), rtol=0, atol=1e-13)


@methods
@pytest.mark.parametrize("field", ["real", "complex"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("n", "k"), [(1, 1), (3, 2), (96, 96), (97, 97), (193, 100), (300, 300), (500, 2)])
def test_orthonormal(n, k, dtype, field, method):
    q = haar(n, k, field=field, method=method, dtype=dtype, rng=1)
    assert q.shape == (n, k)
    assert q.dtype == (dtype if field == "real" else np.result_type(dtype, np.complex64))
    error = np.abs(q.conj().T.astype(complex) @ q - np.eye(k)).max()
    assert error < (3 * np.sqrt(n) + 10) * np.finfo(dtype).eps  # rounding of n reflectors adds up like sqrt(n)


# Sizes at the edges of blocks, which are 32, 64, 96 or 192 reflectors, by the number of columns.
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", [1, 2, 5, 33, 64, 65, 193, 300])
def test_products_without_the_matrix(n, dtype):
    q = np.empty((1, n, n), dtype)
    _core.ensembles.haar(7, False, q, 2)
    kept = {"float32": _core.ensembles.HaarReflectorsFloat32, "float64": _core.ensembles.HaarReflectorsFloat64}
    reflectors = kept[np.dtype(dtype).name](7, n, 2)
    for m in (1, 40, 260):
        x = np.random.default_rng(n).normal(size=(n, m)).astype(dtype)
        for side, op in (("L", "N"), ("L", "C"), ("R", "N"), ("R", "C")):
            turn = (q[0] if op == "N" else q[0].T).astype(float)
            y = x.copy() if side == "L" else np.ascontiguousarray(x.T)
            expected = turn @ y if side == "L" else y @ turn
            z = y.copy()
            _core.ensembles.haar_apply(7, side, op, y, 2)
            reflectors.apply(side, op, z, 2)
            # A vector of length 2 sqrt(n) at most, turned n times, each with a rounding of some eps of an entry, which
            # add up like sqrt(n).
            tolerance = (5 * np.sqrt(n) + 20) * np.finfo(dtype).eps
            np.testing.assert_allclose(y, expected, rtol=0, atol=tolerance)
            np.testing.assert_allclose(z, expected, rtol=0, atol=tolerance)


@methods
@pytest.mark.parametrize("n", [2, 3, 4])
def test_moments_are_those_of_haar_measure(n, method):
    trials = 60_000
    q = haar(n, size=trials, method=method, rng=2)

    def check(values, expected):
        assert abs(values.mean() - expected) < 5 * values.std() / np.sqrt(trials)

    for i, j in ((0, 0), (n - 1, n - 1), (0, n - 1), (n - 1, 0)):
        check(q[:, i, j], 0)
        check(q[:, i, j] ** 2, 1 / n)
        check(q[:, i, j] ** 4, 3 / (n * (n + 2)))
    # Weingarten functions of O(n) at order 4.
    last = n - 1
    check(q[:, 0, 0] ** 2 * q[:, 0, last] ** 2, 1 / (n * (n + 2)))
    check(q[:, 0, 0] ** 2 * q[:, last, last] ** 2, (n + 1) / (n * (n - 1) * (n + 2)))
    check(q[:, 0, 0] * q[:, 0, last] * q[:, last, 0] * q[:, last, last], -1 / (n * (n - 1) * (n + 2)))
    # Traces of powers (Diaconis & Shahshahani, 1994): E tr Q = 0, E (tr Q)^2 = 1, E tr Q^2 = 1; E (tr Q)^4 = 3, n > 2.
    trace = np.trace(q, axis1=1, axis2=2)
    check(trace, 0)
    check(trace**2, 1)
    check(np.einsum("cij,cji->c", q, q), 1)
    if n > 2:
        check(trace**4, 3)
    check(np.linalg.det(q), 0)  # both components equally likely


@methods
def test_one_by_one_is_a_fair_sign(method):
    q = haar(1, size=10_000, method=method, rng=3)
    assert set(np.unique(q)) == {-1.0, 1.0}
    assert abs(q.mean()) < 5 / 100


@methods
def test_invariance(method):
    n, trials = 6, 4000
    q = haar(n, size=trials, method=method, rng=4)
    a = haar(n, rng=5)
    for turned in (a @ q, q @ a, np.swapaxes(q, 1, 2)):
        other = haar(n, size=trials, method=method, rng=6)
        for i, j in ((0, 0), (2, 5), (5, 5)):
            assert stats.ks_2samp(turned[:, i, j], other[:, i, j]).pvalue > 1e-6
    # n u_1^2 of a column is Beta(1/2, (n-1)/2), for any column
    for j in range(n):
        assert stats.kstest(q[:, 1, j] ** 2, stats.beta(0.5, (n - 1) / 2).cdf).pvalue > 1e-6


def test_methods_agree_in_law():
    # Eigen-angle spacing statistics are sensitive to wrong signs: plain QR of a Gaussian matrix fails this.
    def gaps(q):
        angles = np.sort(np.angle(np.linalg.eigvals(q)), axis=1)
        return np.diff(angles, axis=1).ravel()

    a, b = (gaps(haar(20, size=400, method=m, rng=7)) for m in ("householder", "qr"))
    assert stats.ks_2samp(a, b).pvalue > 1e-6


@methods
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_threads_and_stacks(method, dtype):
    q = haar(150, size=(2, 2), method=method, dtype=dtype, rng=8, threads=1)
    for threads in (2, 3, 16):
        np.testing.assert_array_equal(haar(150, size=(2, 2), method=method, dtype=dtype, rng=8, threads=threads), q)
    np.testing.assert_array_equal(haar(150, method=method, dtype=dtype, rng=8, threads=2), q[0, 0])
    assert haar(3, 2, size=(0, 4)).shape == (0, 4, 3, 2)


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda: haar(0), ValueError, "haar: n must be at least 1, got 0"),
        (lambda: haar(3, 4), ValueError, "haar: k must be at most n = 3, got 4"),
        (lambda: haar(3, 0), ValueError, "haar: k must be at least 1"),
        (lambda: haar(3, method="svd"), ValueError, "method must be one of 'householder', 'qr', got 'svd'"),
        (lambda: haar(3, field="quaternion"), ValueError, "field must be one of 'real', 'complex', got 'quaternion'"),
        (lambda: haar(3, dtype=complex), ValueError, "dtype must be float32 or float64, got complex128"),
        (
            lambda: haar(3, field="complex", dtype=int),
            ValueError,
            "or complex128 for a complex field, got int64",
        ),
        (lambda: haar(3, field="complex", dtype="?!"), ValueError, "for a complex field, got"),
        (lambda: haar("3"), TypeError, "n must be a whole number"),
    ],
)
def test_refuses(call, error, says):
    with pytest.raises(error, match=says):
        call()


@pytest.mark.parametrize(("method", "field"), [("householder", "real"), ("householder", "complex"), ("qr", "real")])
def test_long_columns_in_single_precision(method, field):
    # Sums of 10^6 squares. The roundings of one sum in float32 would add up to hundreds of eps; that of pieces, and of
    # each entry, are below 8 eps.
    q = haar(10**6, 1, field=field, method=method, dtype=np.float32, rng=0).astype(complex)
    assert abs(np.linalg.norm(q) - 1) < 8 * np.finfo(np.float32).eps


def test_size_whose_bytes_cannot_be_counted():
    with pytest.raises(ValueError, match=r"haar: size must give an array of fewer than 2\*\*63 bytes, zeros aside"):
        haar(1, size=(2**31, 2**31, 0))
