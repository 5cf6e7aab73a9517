import pickle

import numpy as np
import pytest
from scipy.sparse.linalg import LinearOperator, aslinearoperator, svds

from deeprmt.ensembles import HaarOperator, haar
from measure import LINUX, peak_growth

kinds = pytest.mark.parametrize(
    ("field", "dtype"), [("real", "f4"), ("real", "f8"), ("complex", "f4"), ("complex", "f8")]
)
stores = pytest.mark.parametrize("store", [True, False])


def tolerance(n, dtype):
    # Entries of the block are below 5. Each of n reflectors rounds a handful of eps of an entry; these add up like
    # sqrt(n), on either side of the comparison.
    return 10 * (np.sqrt(n) + 5) * np.finfo(dtype).eps


# Blocks hold 32, 64, 96 or 192 reflectors: sizes below, at and beyond them.
@kinds
@stores
@pytest.mark.parametrize("n", [1, 2, 5, 64, 65, 200])
def test_acts_as_the_matrix(n, field, dtype, store):
    q = haar(n, field=field, dtype=dtype, rng=3).astype(complex if field == "complex" else float)
    operator = HaarOperator(n, field=field, dtype=dtype, rng=3, store=store)
    rng = np.random.default_rng(n)
    real = rng.normal(size=(n, 3))
    views = [(operator, q), (operator.T, q.T), (operator.H, q.conj().T), (operator.T.H, q.conj())]
    for x in (real[:, 0], real, real + 1j * rng.normal(size=(n, 3))):
        for left, dense in views:
            for ours, plain in (
                (left @ x, dense @ x),
                (left.apply(x), dense @ x),
                (left.apply(x, transpose=True), dense.T @ x),
                (left.apply(x.T, side="right"), x.T @ dense),
                (left.apply(x.T, side="right", transpose=True), x.T @ dense.T),
                (left.H @ x, dense.conj().T @ x),
            ):
                assert ours.shape == plain.shape
                np.testing.assert_allclose(ours, plain, rtol=0, atol=tolerance(n, dtype))


@kinds
def test_to_dense_is_haar_to_the_bit(field, dtype):
    q = haar(70, field=field, dtype=dtype, rng=5)
    operator = HaarOperator(70, field=field, dtype=dtype, rng=5)
    for ours, plain in ((operator, q), (operator.T, q.T), (operator.H, q.conj().T), (operator.T.H, q.conj())):
        np.testing.assert_array_equal(ours.to_dense(), plain)
        assert ours.shape == (70, 70)
        assert ours.dtype == q.dtype
        assert ours.to_dense().dtype == q.dtype


@kinds
@stores
def test_keeps_lengths(field, dtype, store):
    n = 300
    x = np.random.default_rng(0).normal(size=(n, 20)).astype(dtype)
    operator = HaarOperator(n, field=field, dtype=dtype, rng=0, store=store)
    y = operator @ x
    back = operator.H @ y
    np.testing.assert_allclose(back, x, rtol=0, atol=tolerance(n, dtype))
    np.testing.assert_allclose(np.linalg.norm(y, axis=0), np.linalg.norm(x, axis=0), rtol=tolerance(n, dtype))


@stores
def test_threads_do_not_change_a_bit(store):
    x = np.random.default_rng(1).normal(size=(400, 300))
    one = HaarOperator(400, rng=2, store=store, threads=1)
    for threads in (2, 3, 16):
        many = HaarOperator(400, rng=2, store=store, threads=threads)
        for side in ("left", "right"):
            z = x if side == "left" else x.T
            np.testing.assert_array_equal(one.apply(z, side=side), many.apply(z, side=side))


def test_is_a_linear_operator():
    n = 60
    a, b = HaarOperator(n, rng=1), HaarOperator(n, rng=2)
    qa, qb = a.to_dense(), b.to_dense()
    x = np.random.default_rng(3).normal(size=(n, 4))
    assert isinstance(a, LinearOperator)
    d = aslinearoperator(np.diag(np.arange(1.0, n + 1)))
    np.testing.assert_allclose((a @ d @ b.T) @ x, qa @ np.diag(np.arange(1.0, n + 1)) @ qb.T @ x, rtol=0, atol=1e-11)
    np.testing.assert_allclose((2 * a + b).rmatmat(x), (2 * qa + qb).T @ x, rtol=0, atol=1e-12)
    np.testing.assert_allclose(x.T @ a, x.T @ qa, rtol=0, atol=1e-12)
    np.testing.assert_allclose(a.rmatvec(x[:, 0]), qa.T @ x[:, 0], rtol=0, atol=1e-12)
    # d turned by orthogonal matrices keeps its singular values
    np.testing.assert_allclose(np.sort(svds(a @ d @ b, k=3, v0=np.ones(n))[1]), [n - 2, n - 1, n], rtol=1e-10)


@stores
def test_pickles(store):
    operator = HaarOperator(50, rng=4, store=store)
    x = np.arange(50.0)
    expected = operator @ x
    loaded = pickle.loads(pickle.dumps(operator))
    np.testing.assert_array_equal(loaded @ x, expected)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(operator.T)) @ expected, operator.T @ expected)
    assert len(pickle.dumps(operator)) < 2000  # the reflectors stay behind


def test_takes_what_is_not_contiguous_and_leaves_it_alone():
    x = np.asfortranarray(np.random.default_rng(0).normal(size=(40, 6)))[:, ::2]
    before = x.copy()
    operator = HaarOperator(40, rng=0)
    np.testing.assert_allclose(operator @ x, operator.to_dense() @ x, rtol=0, atol=1e-13)
    np.testing.assert_array_equal(x, before)
    assert operator.apply(np.zeros((40, 0))).shape == (40, 0)
    assert operator.apply(np.ones(40, int)).dtype == float


@pytest.mark.skipif(not LINUX, reason="asks /proc")
def test_drawn_anew_it_takes_memory_for_a_block_alone():
    # 64 rows of 6000 numbers are 3 MB, the matrix 288 MB and its reflectors 144 MB.
    setup = """
import numpy as np
from deeprmt.ensembles import HaarOperator
x = np.ones((6000, 16))
HaarOperator(300, rng=0, store=False) @ x[:300]
"""
    (grown,) = peak_growth(setup, "HaarOperator(6000, rng=0, store=False) @ x")
    assert 64 * 6000 * 8 < grown < 40e6  # block, T, the 64 x 16 inner product, two copies of x, BLAS's buffers


def test_what_cannot_be_kept_is_refused_before_it_is_drawn():
    with pytest.raises(MemoryError, match="HaarOperator: the reflectors of order 10000000 needs"):
        HaarOperator(10_000_000, store=True)
    with pytest.raises(MemoryError, match=r"HaarOperator\.to_dense: a matrix of 10000000 x 10000000"):
        HaarOperator(10_000_000).to_dense()


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda: HaarOperator(0), ValueError, "HaarOperator: n must be at least 1, got 0"),
        (lambda: HaarOperator(3, field="octonion"), ValueError, "field must be one of"),
        (lambda: HaarOperator(3, dtype=int), ValueError, "dtype must be float32 or float64, got int64"),
        (lambda: HaarOperator(3, store="yes"), TypeError, "store must be True, False or None, got 'yes'"),
        (lambda: HaarOperator(3).apply(np.ones(4)), ValueError, r"x must have shape \(3,\) or \(3, m\), got \(4,\)"),
        (lambda: HaarOperator(3).apply(np.ones((3, 4)), side="right"), ValueError, r"\(m, 3\), got \(3, 4\)"),
        (lambda: HaarOperator(3).apply(np.ones(3), side="top"), ValueError, "side must be one of 'left', 'right'"),
        (lambda: HaarOperator(3).apply(["a", "b", "c"]), TypeError, "x must be numbers"),
        (
            lambda: HaarOperator(3) @ [1, np.nan, 1],
            ValueError,
            "HaarOperator.apply: x must be finite, found nan at index 1",
        ),
        (
            lambda: HaarOperator(3).apply(np.full((2, 3), 1j * np.inf), "right"),
            ValueError,
            r"x must be finite, found .* \(0, 0\)",
        ),
        (
            lambda: HaarOperator(3, dtype=np.float32) @ [0, 0, 1e300],
            ValueError,
            "x must be finite, found inf at index 2",
        ),
        (lambda: HaarOperator(3).apply(1.0), ValueError, r"got \(\)"),
    ],
)
def test_refuses(call, error, says):
    with pytest.raises(error, match=says):
        call()


@pytest.mark.parametrize(
    "product", [lambda q, x: q @ x, lambda q, x: q.T @ x, lambda q, x: q.matvec(x), lambda q, x: x @ q]
)
def test_refuses_masks_and_long_doubles(product):
    q = HaarOperator(3, rng=0)
    with pytest.raises(ValueError, match="x must have no masked entries, found 1"):
        product(q, np.ma.masked_array([1.0, 2.0, 3.0], [0, 1, 0]))
    assert product(q, np.ma.masked_array([1.0, 2.0, 3.0])).shape == (3,)
    if np.dtype(np.longdouble).itemsize > 8:
        with pytest.raises(TypeError, match="at most 64 bits, got dtype"):
            product(q, np.ones(3, np.longdouble))
