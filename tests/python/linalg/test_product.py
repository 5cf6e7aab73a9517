import numpy as np
import pytest

from deeprmt._core.linalg import multiply, multiply_itself
from reference.linalg import product as reference


@pytest.mark.parametrize("shape", [(1, 1, 1), (2, 3, 4), (5, 1, 7), (1, 9, 2)])
def test_matches_the_reference_on_whole_numbers(shape):
    m, k, n = shape
    rng = np.random.default_rng(1)
    a, b = rng.integers(-9, 10, (m, k)).astype(float), rng.integers(-9, 10, (k, n)).astype(float)
    np.testing.assert_array_equal(multiply(a, b, 2), reference.multiply(a.tolist(), b.tolist()))  # exact in float


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(300, 200, 700), (513, 1025, 511), (1100, 7, 1300), (3, 5000, 3), (4, 0, 3)])
def test_tiles_cover_everything_and_threads_do_not_matter(shape, dtype):
    m, k, n = shape
    rng = np.random.default_rng(2)
    a, b = rng.normal(size=(m, k)).astype(dtype), rng.normal(size=(k, n)).astype(dtype)
    c = multiply(a, b, 1)
    # Higham: |error| <= k eps |a| |b|, entry by entry.
    bound = (k + 2) * np.finfo(dtype).eps * (np.abs(a).astype(float) @ np.abs(b).astype(float))
    assert (np.abs(c - a.astype(float) @ b.astype(float)) <= bound).all()
    for threads in (2, 3, 8):
        np.testing.assert_array_equal(multiply(a, b, threads), c)


def test_refuses_shapes_that_do_not_fit():
    with pytest.raises(ValueError, match="a has 3 columns, b has 4 rows"):
        multiply(np.ones((2, 3)), np.ones((4, 5)), 1)


@pytest.mark.parametrize(("begin", "end"), [(0, 5), (0, 2), (2, 5), (1, 2), (3, 3)])
def test_rows_of_a_product_with_itself_end_at_the_diagonal(begin, end):
    a = np.random.default_rng(3).integers(-9, 10, (5, 3)).astype(float)
    whole = np.array(reference.multiply_itself(a.tolist()))
    np.testing.assert_array_equal(multiply_itself(a, begin, end, 2), whole[begin:end, :end])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_blocks_of_a_product_with_itself(dtype):
    a = np.random.default_rng(4).normal(size=(301, 200)).astype(dtype)
    c, low = multiply_itself(a, 0, 301, 1), np.tril_indices(301)
    wide = a.astype(float)
    # Higham, as above. Above the diagonal only its block is there.
    bound = 202 * np.finfo(dtype).eps * (np.abs(wide) @ np.abs(wide).T)
    assert (np.abs(c - wide @ wide.T)[low] <= bound[low]).all()
    np.testing.assert_array_equal(c[:128, :128], c[:128, :128].T)
    assert not c[:128, 128:].any()
    for threads in (2, 5):
        np.testing.assert_array_equal(multiply_itself(a, 0, 301, threads), c)


def test_rows_beyond_the_matrix_are_refused():
    for begin, end in ((0, 4), (-1, 2), (2, 1)):
        with pytest.raises(ValueError, match="multiply_itself: rows"):
            multiply_itself(np.ones((3, 2)), begin, end, 1)
