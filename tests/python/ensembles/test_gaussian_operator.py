import numpy as np
import pytest
from scipy.sparse.linalg import LinearOperator, aslinearoperator

from deeprmt import _core
from deeprmt.ensembles import GaussianOperator, ginibre
from reference.ensembles import gaussian_operator as reference

# Higham: a sum of k products is within k eps of the sum of their absolute values.


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("transpose", [False, True])
def test_matches_the_reference(dtype, transpose):
    m, n, p = 5, 7, 3
    x = np.random.default_rng(1).normal(size=(m if transpose else n, p)).astype(dtype)
    found = _core.ensembles.gaussian_apply(9, 0.5, m, n, transpose, x, 2)
    expected = reference.gaussian_apply(9, 0.5, m, n, transpose, x.astype(float).tolist(), dtype)
    np.testing.assert_allclose(found, expected, rtol=0, atol=50 * np.finfo(dtype).eps)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("m", "n"), [(1, 1), (3, 700), (130, 4099), (4200, 65), (64, 4096)])
def test_is_ginibre_without_the_matrix(m, n, dtype):
    a = GaussianOperator(m, n, dtype=dtype, rng=3)
    g = ginibre(m, n, dtype=dtype, rng=3)
    np.testing.assert_array_equal(a.to_dense(), g)
    np.testing.assert_array_equal(a.T.to_dense(), g.T)
    rng = np.random.default_rng(2)
    for operator, matrix in ((a, g), (a.T, g.T), (a.H.H, g), (a.T.T, g)):
        assert operator.shape == matrix.shape
        x = rng.normal(size=(matrix.shape[1], 3)).astype(dtype)
        bound = (matrix.shape[1] + 2) * np.finfo(dtype).eps * (np.abs(matrix).astype(float) @ np.abs(x).astype(float))
        exact = matrix.astype(float) @ x.astype(float)
        assert operator.matmat(x).dtype == dtype
        assert (np.abs(operator @ x - exact) <= bound).all()
        assert (np.abs(operator @ x[:, 0] - exact[:, 0]) <= bound[:, 0]).all()


def test_threads_do_not_change_a_bit():
    x = np.random.default_rng(1).normal(size=(5000, 4))
    one, four = (GaussianOperator(5000, rng=1, threads=t) for t in (1, 4))
    np.testing.assert_array_equal(one @ x, four @ x)
    np.testing.assert_array_equal(one.T @ x, four.T @ x)


def test_is_an_operator_as_scipy_has_them():
    a, b = GaussianOperator(20, 30, rng=1, sigma=2.0), GaussianOperator(30, 10, rng=2)
    assert isinstance(a, LinearOperator)
    x = np.random.default_rng(1).normal(size=10)
    c = a.to_dense() @ b.to_dense()
    np.testing.assert_allclose((a @ b) @ x, c @ x, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(((a @ b).T @ (a @ b)) @ x, c.T @ c @ x, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose((2 * b + aslinearoperator(b.to_dense())) @ x, 3 * b.to_dense() @ x, rtol=1e-12)
    np.testing.assert_allclose(a.to_dense(), 2 * ginibre(20, 30, rng=1), rtol=1e-15)
    assert not (GaussianOperator(4, sigma=0.0) @ np.ones(4)).any()
    assert repr(a.T) == "GaussianOperator(20, 30, sigma=2, dtype=float64).T"


def test_refuses():
    with pytest.raises(ValueError, match="m must be at least 1, got 0"):
        GaussianOperator(0)
    with pytest.raises(ValueError, match="sigma must be finite and at least 0, got -1"):
        GaussianOperator(3, sigma=-1)
    with pytest.raises(TypeError, match="real"):
        GaussianOperator(3) @ np.ones(3, complex)
    with pytest.raises(ValueError, match="GaussianOperator: x must be finite, found nan at index 1"):
        GaussianOperator(3) @ [0, np.nan, 0]
    with pytest.raises(ValueError, match=r"GaussianOperator: x must be finite, found inf at index \(0, 1\)"):
        GaussianOperator(3, dtype=np.float32).T @ np.array([[0, 1e300]] * 3)
    with pytest.raises(ValueError, match="dimension mismatch"):
        GaussianOperator(3) @ np.ones(4)
    with pytest.raises(MemoryError, match=r"to_dense: a matrix of 1000000 x 1000000 entries needs 7.45e\+03 GiB"):
        GaussianOperator(10**6).to_dense()


def test_a_matrix_beyond_memory_acts():
    # A row panel of 2 x 2^31 - 1 would be 32 GiB; its first rows on a vector that is 0 but at both ends.
    m, n = 70000, 60000
    a = GaussianOperator(m, n, dtype=np.float32, rng=5)
    assert a.shape == (m, n)
    wide = GaussianOperator(2, 10**7, dtype=np.float32, rng=5)
    x = np.zeros(10**7, np.float32)
    x[[0, -1]] = 1.0
    key = int(np.random.default_rng(5).integers(0, 2**64, dtype=np.uint64))
    expected = []
    for row in range(2):
        entry = np.empty(1, np.float32)
        total = np.float32(0)
        for column in (0, 10**7 - 1):
            _core.random.normals(key, 0, 0, row * 10**7 + column, entry)
            total += entry[0] * np.float32(1 / np.sqrt(10**7))
        expected.append(total)
    np.testing.assert_allclose(wide @ x, expected, rtol=1e-6)


@pytest.mark.parametrize(
    "product", [lambda q, x: q @ x, lambda q, x: q.T @ x, lambda q, x: q.matvec(x), lambda q, x: x @ q]
)
def test_refuses_masks_and_long_doubles(product):
    q = GaussianOperator(3, rng=0)
    with pytest.raises(ValueError, match="x must have no masked entries, found 1"):
        product(q, np.ma.masked_array([1.0, 2.0, 3.0], [0, 1, 0]))
    assert product(q, np.ma.masked_array([1.0, 2.0, 3.0])).shape == (3,)
    if np.dtype(np.longdouble).itemsize > 8:
        with pytest.raises(TypeError, match="at most 64 bits, got dtype"):
            product(q, np.ones(3, np.longdouble))
