import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from deeprmt.linalg import eigh, eigvalsh, svdvals
from reference.linalg import eigh as reference


def symmetric(n, seed=1, dtype=float):
    a = np.random.default_rng(seed).normal(size=(n, n)).astype(dtype)
    return a + a.T


def bound(a):
    """As in test_svd, and twice that for the QL iteration."""
    return (10 * np.sqrt(len(a)) + 20) * np.finfo(a.dtype).eps


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", [1, 2, 3, 50, 160, 333, 512, 559, 560, 561])
def test_against_lapack(n, dtype):
    a = symmetric(n, dtype=dtype)
    values = eigvalsh(a)
    expected = np.linalg.eigvalsh(a.astype(float))
    assert values.dtype == dtype
    assert (np.diff(values) >= 0).all()
    assert np.abs(values - expected).max() <= bound(a) * np.abs(expected).max()


@given(hnp.arrays(float, st.integers(1, 5).map(lambda n: (n, n)), elements=st.floats(-1e3, 1e3, width=32)))
def test_matches_the_reference(a):
    a = a + a.T
    values = eigvalsh(a)
    # The reference makes at most 10 rotations a sweep in some 6 sweeps, each rounds by 2 eps from each side: 240 eps =
    # 5e-14, and 1e-14 is ours by the bound above.
    np.testing.assert_allclose(values, reference.eigvalsh(a), rtol=0, atol=1e-13 * max(np.abs(values).max(), 1e-300))


@pytest.mark.slow
@pytest.mark.parametrize("n", [561])
def test_two_stages_match_the_reference(n):
    # Roundings of the reference's rotations are independent: those of a row or column add up like the square root of
    # their number, sqrt(2 sides, 560 a sweep, 10 sweeps) = 106 eps, below the bound for ours, 246 eps.
    a = symmetric(n)
    values = eigvalsh(a)
    assert np.abs(values - reference.eigvalsh(a)).max() <= bound(a) * np.abs(values).max()


@pytest.mark.parametrize("n", [100, 520])
def test_second_difference_has_known_eigenvalues(n):
    a = 2 * np.eye(n) - np.eye(n, k=1) - np.eye(n, k=-1)
    exact = 4 * np.sin(np.pi * np.arange(1, n + 1) / (2 * (n + 1))) ** 2
    assert np.abs(eigvalsh(a) - exact).max() <= bound(a) * 4
    q = np.linalg.qr(np.random.default_rng(2).normal(size=(n, n)))[0]
    turned = q @ a @ q.T
    assert np.abs(eigvalsh((turned + turned.T) / 2) - exact).max() <= 2 * bound(a) * 4


@pytest.mark.parametrize("n", [20, 520])
def test_theorems(n):
    a = symmetric(n, 3)
    values = eigvalsh(a)
    largest = np.abs(values).max()
    assert abs(values.sum() - np.trace(a)) <= n * bound(a) * largest
    assert np.abs(np.sort(np.abs(values))[::-1] - svdvals(a)).max() <= 2 * bound(a) * largest
    np.testing.assert_allclose(eigvalsh(-a), -values[::-1], rtol=0, atol=2 * bound(a) * largest)
    np.testing.assert_array_equal(eigvalsh(np.ldexp(a, 900)), np.ldexp(values, 900))
    np.testing.assert_allclose(eigvalsh(a + 3 * np.eye(n)), values + 3, rtol=0, atol=2 * bound(a) * (largest + 3))


def test_diagonal_zero_and_clusters():
    np.testing.assert_array_equal(eigvalsh(np.diag([3.0, -1.0, 2.0])), [-1, 2, 3])
    assert not eigvalsh(np.zeros((520, 520))).any()
    values = eigvalsh(np.ones((520, 520)))
    np.testing.assert_allclose(values, np.r_[np.zeros(519), 520], rtol=0, atol=2e-11)


@pytest.mark.parametrize("shape", [(5, 6, 6), (3, 520, 520), (0, 3, 3), (2, 0, 0), (2, 2, 10, 10)])
def test_stacks_and_threads(shape):
    a = np.random.default_rng(4).normal(size=shape)
    a = a + np.swapaxes(a, -1, -2)
    values = eigvalsh(a, threads=1)
    assert values.shape == shape[:-1]
    for threads in (2, 3, 16):
        np.testing.assert_array_equal(eigvalsh(a, threads=threads), values)


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        ([[1.0, 2.0], [3.0, 1.0]], r"must be symmetric, but entries \(0, 1\) and \(1, 0\) are 2 and 3"),
        ([[1.0, 2.0]], r"must be square, got \(1, 2\)"),
        (np.full((3, 3), 1.7e308), "a must be so small that its eigenvalues"),
        ([[np.inf]], r"finite, found inf at index \(0, 0\)"),
    ],
)
def test_refuses(bad, says):
    with pytest.raises(ValueError, match=says):
        eigvalsh(bad)


# ---- vectors ----


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", [1, 2, 33, 513, 550])
def test_pairs(n, dtype):
    a = symmetric(n).astype(dtype)
    values, vectors = eigh(a)
    eps, x = np.finfo(dtype).eps, vectors.astype(float)
    # Both reductions and their way back are products of orthogonal matrices, each good to a few eps in norm.
    assert np.linalg.norm(x.T @ x - np.eye(n), 2) <= 10 * max(n, 10) * eps
    assert np.linalg.norm(a.astype(float) @ x - x * values, 2) <= 10 * max(n, 10) * eps * abs(values).max()
    assert abs(values - eigvalsh(a)).max() <= 10 * max(n, 10) * eps * abs(values).max()


@pytest.mark.parametrize("n", [20, 530])
def test_chosen_pairs_are_those_of_all(n):
    a = symmetric(n)
    values, vectors = eigh(a)
    for chosen, numbers in (
        ({"k": 3}, [0, 1, 2]),
        ({"k": 3, "which": "largest"}, [n - 3, n - 2, n - 1]),
        ({"which": [5, 0, 11]}, [5, 0, 11]),
    ):
        some = eigh(a, **chosen)
        np.testing.assert_array_equal(some.eigenvalues, values[numbers])
        overlap = abs(np.sum(some.eigenvectors * vectors[:, numbers], axis=0))
        np.testing.assert_allclose(overlap, 1, rtol=0, atol=1e-8)  # rounding over the least gap of these levels


def test_pairs_of_known_matrices():
    n = 550  # the second difference: 2 - 2 cos(pi j / (n + 1)), sines
    a = 2 * np.eye(n) - np.eye(n, k=1) - np.eye(n, k=-1)
    j = np.arange(1, n + 1)
    values, vectors = eigh(a)
    np.testing.assert_allclose(values, 2 - 2 * np.cos(np.pi * j / (n + 1)), rtol=0, atol=4 * n * 2.0**-52)
    sines = np.sqrt(2 / (n + 1)) * np.sin(np.pi * np.outer(j, j) / (n + 1))
    assert abs(abs(np.sum(vectors * sines, axis=0)) - 1).max() < 1e-10
    assert not eigh(np.zeros((200, 200))).eigenvalues.any()
    np.testing.assert_array_equal(eigh(np.eye(200)).eigenvalues, 1)


def test_pairs_do_not_depend_on_threads_and_stack():
    a = np.stack([symmetric(520), 2 * symmetric(520)])
    one, two = eigh(a, threads=1), eigh(a, threads=2)
    np.testing.assert_array_equal(one.eigenvectors, two.eigenvectors)
    np.testing.assert_array_equal(one.eigenvectors[1], eigh(a[1]).eigenvectors)
    assert eigh(np.empty((0, 3, 3))).eigenvectors.shape == (0, 3, 3)


@pytest.mark.parametrize(
    ("wrong", "error", "says"),
    [
        ({"k": 0}, ValueError, "k must be at least 1"),
        ({"k": 4}, ValueError, "k must be at most n = 3, got 4"),
        ({"which": "leading"}, ValueError, "which must be 'smallest', 'largest' or a list"),
        ({"which": [0, 3]}, ValueError, "which must hold numbers from 0 to 2, got 3"),
        ({"which": [0.5]}, TypeError, "which must be 'smallest', 'largest' or a list"),
        ({"which": [1], "k": 1}, ValueError, "k must be None"),
    ],
)
def test_refuses_wrong_choices(wrong, error, says):
    with pytest.raises(error, match=says):
        eigh(np.eye(3), **wrong)


def test_vectors_refuse_bad_matrices():
    with pytest.raises(ValueError, match=r"entries \(0, 2\) and \(2, 0\) are 0 and 1"):
        eigh([[1.0, 0, 0], [0, 1, 0], [1, 0, 1]])
    with pytest.raises(ValueError, match="must be square"):
        eigh(np.ones((2, 3)))
