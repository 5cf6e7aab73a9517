"""Vectors of matrices that divide and conquer finds hard: svd and eigh of bidiagonal and tridiagonal matrices.

A matrix that has its final form already passes both reductions unchanged, so that errors are those of divide and
conquer: every merge turns the vectors by a matrix that is orthogonal to a few eps, entry by entry, and drops what is
below a few eps of the norm. log2(n / 32) merges, and leaves of order 32, stay below n eps. n orthonormal vectors with
small residuals also say that the values are right.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deeprmt.linalg import eigh, svd

n = 530  # both functions take two stages


def wilkinson(m):
    return np.abs(np.arange(-m, m + 1.0)), np.ones(2 * m)


def glued(copies, m, glue):
    d, e = wilkinson(m)
    return np.tile(d, copies), np.tile(np.r_[e, glue], copies)[:-1]


def normal(seed, size=n):
    return np.random.default_rng(seed).normal(size=size)


def graded(low, high):
    x = 10.0 ** np.linspace(low, high, n)
    return x, np.sqrt(x[1:]) * np.sqrt(x[:-1])


# diagonal and what stands beside it
HOSTILE = {
    "normal": (normal(1), normal(2, n - 1)),
    "of a Gaussian matrix": (normal(1), np.sqrt(np.random.default_rng(2).chisquare(np.arange(n - 1, 0, -1)))),
    "zeros beside": (normal(1), normal(2, n - 1) * (np.arange(n - 1) % 3 > 0)),
    "zeros on the diagonal": (normal(1) * (np.arange(n) % 4 > 0), normal(2, n - 1)),
    "nothing beside": (normal(1), np.zeros(n - 1)),
    "nothing on the diagonal": (np.zeros(n), np.ones(n - 1)),
    "one entry": (np.zeros(n), np.eye(1, n - 1, n // 2)[0]),
    "equal diagonals": (np.ones(n), 1e-9 * normal(2, n - 1)),
    "equal to rounding": (np.ones(n), np.full(n - 1, 2.0**-53)),
    "wilkinson 21": tuple(np.r_[x, np.zeros(n - 1 - len(x) + (i == 0))] for i, x in enumerate(wilkinson(10))),
    "wilkinson": wilkinson(n // 2),
    "glued": glued(25, 10, 1e-8),
    "glued to rounding": glued(25, 10, 1e-15),
    "graded down": graded(0, -30),
    "graded up": graded(-30, 0),
    "second difference": (np.full(n, 2.0), np.full(n - 1, -1.0)),
    "two clusters": (np.where(np.arange(n) % 2, 1.0, 2.0) + 1e-13 * normal(1), 1e-12 * normal(2, n - 1)),
    "halving": (2.0 ** -(np.arange(n) % 20), np.ones(n - 1)),
    "negative": (-np.abs(normal(1)), -np.abs(normal(2, n - 1))),
}


CASES = [(name, np.float64) for name in HOSTILE]
CASES += [(name, np.float32) for name in ("normal", "zeros beside", "equal diagonals", "glued", "graded up", "halving")]


def assert_small(x, size, eps):
    """In the Frobenius norm, which is above the largest singular value."""
    assert np.linalg.norm(x) <= 2 * size * eps


def assert_pairs(a, values, vectors):
    size, eps, x = len(a), np.finfo(a.dtype).eps, vectors.astype(float)
    assert (np.diff(values) >= 0).all()
    scale = float(np.abs(values).max())
    a, values = a.astype(float) / scale, values.astype(float) / scale
    assert_small(x.T @ x - np.eye(size), size, eps)
    assert_small(a @ x - x * values, size, eps)


def assert_triplets(a, u, s, vt):
    size, eps, x, y = min(a.shape), np.finfo(a.dtype).eps, u.astype(float), vt.astype(float).T
    assert (np.diff(s) <= 0).all()
    assert (s >= 0).all()
    scale = float(s.max())
    a, s = a.astype(float) / scale, s.astype(float) / scale
    for error in (x.T @ x - np.eye(size), y.T @ y - np.eye(size), a @ y - x * s, a.T @ x - y * s):
        assert_small(error, size, eps)


@pytest.mark.parametrize(("name", "dtype"), CASES)
def test_tridiagonal(name, dtype):
    d, e = HOSTILE[name]
    a = (np.diag(d) + np.diag(e, 1) + np.diag(e, -1)).astype(dtype)
    assert_pairs(a, *eigh(a))


@pytest.mark.parametrize(("name", "dtype"), CASES)
def test_bidiagonal(name, dtype):
    d, e = HOSTILE[name]
    a = (np.diag(d) + np.diag(e, 1)).astype(dtype)
    assert_triplets(a, *svd(a))


@pytest.mark.parametrize("name", ["normal", "glued", "zeros on the diagonal", "graded up"])
def test_against_lapack(name):
    """NumPy calls LAPACK's divide and conquer, bdsdc and stedc."""
    d, e = HOSTILE[name]
    a = np.diag(d) + np.diag(e, 1)
    u, s, vt = svd(a)
    left, expected, right = np.linalg.svd(a)
    bound = len(a) * 2.0**-52
    assert np.abs(s - expected).max() <= bound * s[0]
    b = a + np.diag(e, -1)
    values, vectors = eigh(b)
    exact, others = np.linalg.eigh(b)
    assert np.abs(values - exact).max() <= bound * np.abs(exact).max()
    # Where the values have a gap below it, the span of the ten largest is as sharp as bound / gap (Davis & Kahan).
    for x, y, gap in (
        (u[:, :10], left[:, :10], (s[9] - s[10]) / s[0]),
        (vt[:10].T, right[:10].T, (s[9] - s[10]) / s[0]),
        (vectors[:, -10:], others[:, -10:], (values[-10] - values[-11]) / np.abs(values).max()),
    ):
        if gap > 1e-6:
            assert np.linalg.norm(x - y @ (y.T @ x), 2) <= 4 * bound / gap


@pytest.mark.parametrize("exponents", [(-300, 300), (300, -300), (-320, -300), (290, 307)])
def test_graded_over_all_that_a_number_holds(exponents):
    d, e = graded(*exponents)
    a = np.diag(d) + np.diag(e, 1)
    assert_triplets(a, *svd(a))
    a = a + np.diag(e, -1)
    assert_pairs(a, *eigh(a))


def test_vectors_of_the_second_difference():
    j = np.arange(1, n + 1)
    sines = np.sqrt(2 / (n + 1)) * np.sin(np.pi * np.outer(j, j) / (n + 1))
    a = 2 * np.eye(n) - np.eye(n, k=1) - np.eye(n, k=-1)
    values, vectors = eigh(a)
    exact = 4 * np.sin(np.pi * j / (2 * (n + 1))) ** 2
    assert np.abs(values - exact).max() <= 20 * 2.0**-52 * 4
    # A vector's error is that of the matrix over the gap (Davis & Kahan), which is about (pi / n)^2 at both ends.
    gap = np.minimum(np.diff(exact, prepend=-1), np.diff(exact, append=9))
    signs = np.sign(np.sum(vectors * sines, axis=0))
    assert (np.linalg.norm(vectors * signs - sines, axis=0) <= 4 * 20 * 2.0**-52 / gap).all()


@pytest.mark.parametrize("name", ["normal", "equal diagonals", "glued", "zeros beside"])
def test_any_number_of_threads_gives_the_same_bits(name):
    d, e = HOSTILE[name]
    a = np.diag(d) + np.diag(e, 1)
    b = a + np.diag(e, -1)
    one, pairs = svd(a, threads=1), eigh(b, threads=1)
    for threads in (2, 3):
        for x, y in zip(svd(a, threads=threads) + eigh(b, threads=threads), one + pairs, strict=True):
            np.testing.assert_array_equal(x, y)


@pytest.mark.parametrize("name", ["normal", "equal diagonals", "wilkinson", "nothing beside", "glued to rounding"])
def test_chosen_vectors_are_as_good_as_all(name):
    d, e = HOSTILE[name]
    a = np.diag(d) + np.diag(e, 1)
    size = len(a)
    numbers = [size - 1, 3, 3, size // 2, size // 2 + 1, 0]
    s = svd(a).s
    some = svd(a, which=numbers)
    np.testing.assert_array_equal(some.s, s[numbers])
    bound = size * 2.0**-52
    assert np.linalg.norm(a @ some.vt.T - some.u * some.s, 2) <= bound * s[0]
    assert np.linalg.norm(a.T @ some.u - some.vt.T * some.s, 2) <= bound * s[0]
    same = np.equal.outer(numbers, numbers)
    np.testing.assert_allclose(some.u.T @ some.u, same, rtol=0, atol=bound)
    np.testing.assert_allclose(some.vt @ some.vt.T, same, rtol=0, atol=bound)
    b = a + np.diag(e, -1)
    values, _ = eigh(b)
    few = eigh(b, which=numbers)
    np.testing.assert_array_equal(few.eigenvalues, values[numbers])
    x = few.eigenvectors
    assert np.linalg.norm(b @ x - x * few.eigenvalues, 2) <= bound * np.abs(values).max()
    np.testing.assert_allclose(x.T @ x, same, rtol=0, atol=bound)


@pytest.mark.parametrize("shape", [(5, 30, 20), (2, 2, 8, 8), (3, 340, 330), (0, 4, 3)])
def test_stacks(shape):
    """Matrices run side by side, or threads inside: the bits are those of each alone."""
    a = np.random.default_rng(4).normal(size=shape)
    one = svd(a, k=3, threads=1)
    assert [x.shape for x in one] == [(*shape[:-1], 3), (*shape[:-2], 3), (*shape[:-2], 3, shape[-1])]
    square = a[..., : shape[-1], :] + np.swapaxes(a[..., : shape[-1], :], -1, -2)
    pairs = eigh(square, threads=1)
    for threads in (2, 4):
        for x, y in zip(svd(a, k=3, threads=threads) + eigh(square, threads=threads), one + pairs, strict=True):
            np.testing.assert_array_equal(x, y)
    for where in np.ndindex(shape[:-2]):
        for x, y in zip(svd(a[where], k=3) + eigh(square[where]), one + pairs, strict=True):
            np.testing.assert_array_equal(x, y[where])


def test_a_wrong_matrix_of_a_stack_is_refused():
    a = np.stack([np.eye(3)] * 3)
    a[1, 0, 2] = 1
    with pytest.raises(ValueError, match="eigh: a must be symmetric"):
        eigh(a, threads=2)
    a[:] = np.eye(3)
    a[2] = 1.7e308
    with pytest.raises(ValueError, match="svd: a must be so small"):
        svd(a)


@settings(max_examples=8, deadline=None)
@given(
    st.integers(512, 600),
    st.lists(st.sampled_from([0.0, 1.0, -1.0, 2.0**-53, 1e-200, 1e-8, 3.0]), min_size=1, max_size=40),
    st.lists(st.sampled_from([0.0, 1.0, -1.0, 2.0**-53, 1e-200, 1e-8, 2.0]), min_size=1, max_size=40),
)
def test_repeated_patterns(size, diagonal, beside):
    a = np.diag(np.resize(diagonal, size)) + np.diag(np.resize(beside, size - 1), 1)
    if not a.any():
        return
    assert_triplets(a, *svd(a))
    a = np.triu(a) + np.triu(a, 1).T
    assert_pairs(a, *eigh(a))
