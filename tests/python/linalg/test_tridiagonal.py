import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.linalg.lapack import dsterf

from deeprmt.linalg import eigvalsh_tridiagonal
from reference.linalg import tridiagonal as reference

eps = np.finfo(float).eps
# What the docstring promises, relative to the largest eigenvalue. Where it comes from: each of log2(n / 24) merges
# moves the matrix by about 2 eps (poles set aside, rounding of the poles), and QL on 24 rows by some more.
bound = 20 * eps


def random(n, seed=1):
    rng = np.random.default_rng(seed)
    return rng.normal(size=n), rng.normal(size=n - 1)


def gaussian_orthogonal(n, seed=1):
    """The tridiagonal form of a GOE matrix: eigenvectors of all degrees of localisation."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=n) * np.sqrt(2), np.sqrt(rng.chisquare(np.arange(n - 1, 0, -1)))


def wilkinson(m):
    return np.abs(np.arange(-m, m + 1.0)), np.ones(2 * m)


def glued(m, copies, glue):
    d, e = wilkinson(m)
    return np.tile(d, copies), np.r_[np.tile(np.r_[e, glue], copies - 1), e]


def dense(d, e):
    return np.diag(d) + np.diag(e, 1) + np.diag(e, -1)


def assert_close(values, exact, more=0.0):
    assert (np.diff(values) >= 0).all()
    assert np.abs(values - exact).max() <= (bound + more) * np.abs(exact).max()


HARD = {
    "random": random(150),
    "GOE": gaussian_orthogonal(150),
    "Wilkinson 21": wilkinson(10),
    "Wilkinson 201": wilkinson(100),
    "glued, coupling 1e-8": glued(10, 7, 1e-8),
    "glued, coupling 1e-14": glued(10, 7, 1e-14),
    "not glued": glued(10, 7, 0.0),
    "graded down": (10.0 ** -np.arange(100), 10.0 ** -(np.arange(99) + 0.5)),
    "graded up": (10.0 ** np.arange(-99, 1), 10.0 ** (np.arange(-98, 1) - 0.5)),
    "graded over 300 decades": (10.0 ** (-3.0 * np.arange(100)), 10.0 ** (-3.0 * np.arange(99) - 1)),
    "zero diagonal": (np.zeros(101), random(101)[1]),
    "weakly coupled": (np.ones(120), np.full(119, 1e-9)),
    "coupled by rounding": (np.ones(120), np.full(119, 3e-16)),
    "almost diagonal": (random(120)[0], 1e-12 * random(120)[1]),
    "some couplings are 0": (random(120)[0], np.where(np.arange(119) % 7 < 2, 0, random(120)[1])),
    "small integers": (np.round(random(150)[0]), np.round(random(150)[1])),
    "spike": (np.r_[1e8, random(99)[0]], random(100)[1]),
    "negative": (-np.abs(random(80)[0]), -np.abs(random(80)[1])),
}


@pytest.mark.parametrize("name", HARD)
def test_matches_the_reference(name):
    d, e = HARD[name]
    assert_close(eigvalsh_tridiagonal(d, e), vectorised_reference(d, e))


def vectorised_reference(d, e):
    """The reference for all eigenvalues at once; the reference itself takes a minute."""
    d, squares = d.astype(np.longdouble), np.r_[0, e.astype(np.longdouble) ** 2]
    reach = np.abs(d).max() + 2 * np.sqrt(squares.max())
    low, high = np.full(len(d), -reach), np.full(len(d), reach)
    for _ in range(70):
        middle, below, pivot = (low + high) / 2, np.zeros(len(d), int), np.ones(len(d), np.longdouble)
        for i in range(len(d)):
            pivot = d[i] - middle - squares[i] / pivot
            pivot[pivot == 0] = np.longdouble("1e-3000")
            below += pivot < 0
        is_above = below <= np.arange(len(d))
        low, high = np.where(is_above, middle, low), np.where(is_above, high, middle)
    return ((low + high) / 2).astype(float)


def test_the_reference_agrees_with_itself():
    d, e = random(12)
    np.testing.assert_allclose(vectorised_reference(d, e), reference.eigvalsh_tridiagonal(d, e), rtol=1e-15)


@given(
    st.integers(1, 12).flatmap(
        lambda n: st.tuples(*(hnp.arrays(float, k, elements=st.floats(-9, 9)) for k in (n, n - 1)))
    )
)
def test_small_matrices(both):
    d, e = both
    values = eigvalsh_tridiagonal(d, e)
    exact = reference.eigvalsh_tridiagonal(d, e)
    assert np.abs(values - exact).max() <= bound * np.abs(exact).max() + 1e-300


@pytest.mark.parametrize("n", [1, 2, 3, 23, 24, 25, 47, 48, 96, 500, 513, 1500, 3000])
def test_second_difference_has_known_eigenvalues(n):
    exact = 4 * np.sin(np.pi * np.arange(1, n + 1) / (2 * (n + 1))) ** 2
    assert_close(eigvalsh_tridiagonal(np.full(n, 2.0), np.full(n - 1, -1.0)), exact)


def test_clement_has_whole_eigenvalues():
    k = np.arange(1, 600.0)
    assert_close(eigvalsh_tridiagonal(np.zeros(600), np.sqrt(k * k[::-1])), np.arange(-599.0, 600, 2), eps)


@pytest.mark.parametrize("n", [300, 1024])
def test_gauss_legendre_nodes(n):
    k = np.arange(1.0, n)
    assert_close(eigvalsh_tridiagonal(np.zeros(n), k / np.sqrt(4 * k * k - 1)), np.polynomial.legendre.leggauss(n)[0])


def test_against_forty_digits():
    """Pairs of Wilkinson's matrix agree to 14 digits, those of the glued one in groups."""
    for d, e in (wilkinson(10), glued(5, 4, 1e-8), gaussian_orthogonal(40)):
        with mpmath.workdps(40):
            exact = mpmath.eigsy(mpmath.matrix(dense(d, e).tolist()), eigvals_only=True)
        assert_close(eigvalsh_tridiagonal(d, e), np.sort([float(x) for x in exact]))


@pytest.mark.parametrize("n", [300, 2000])
def test_against_lapack(n):
    d, e = gaussian_orthogonal(n)
    values = eigvalsh_tridiagonal(d, e)
    # Rounding of LAPACK's QL iteration: some n turns reach one eigenvalue, independent: a few sqrt(n) eps.
    assert_close(values, dsterf(d, e)[0], 4 * np.sqrt(n) * eps)


@pytest.mark.parametrize("n", [60, 700])
def test_invariants(n):
    d, e = random(n, 3)
    values = eigvalsh_tridiagonal(d, e)
    largest = np.abs(values).max()
    assert abs(values.sum() - d.sum()) <= n * bound * largest
    assert abs((values**2).sum() - (d**2).sum() - 2 * (e**2).sum()) <= 2 * n * bound * largest**2
    np.testing.assert_allclose(eigvalsh_tridiagonal(d + 3, e), values + 3, rtol=0, atol=2 * bound * (largest + 3))
    np.testing.assert_allclose(eigvalsh_tridiagonal(-d, e), -values[::-1], rtol=0, atol=2 * bound * largest)
    np.testing.assert_allclose(eigvalsh_tridiagonal(d[::-1], e[::-1]), values, rtol=0, atol=2 * bound * largest)
    signs = np.where(np.arange(n - 1) % 3, 1, -1)  # a change of signs of basis vectors
    np.testing.assert_allclose(eigvalsh_tridiagonal(d, signs * e), values, rtol=0, atol=2 * bound * largest)


@given(st.integers(2, 90), st.integers(0, 2**32), st.sampled_from([0, 1e-9, 1.0, 1e9]))
def test_interlacing(n, seed, scale):
    """Eigenvalues of the matrix without its last row lie between those of the matrix (Cauchy)."""
    d, e = random(n, seed)
    e *= scale
    whole, part = eigvalsh_tridiagonal(d, e), eigvalsh_tridiagonal(d[:-1], e[:-1])
    slack = 2 * bound * np.abs(whole).max()
    assert (whole[:-1] <= part + slack).all()
    assert (part <= whole[1:] + slack).all()


@pytest.mark.parametrize("exponent", [-1060, -1000, -300, 300, 1000, 1014])
def test_any_scale(exponent):
    d, e = gaussian_orthogonal(200)
    d, e = np.ldexp(d, exponent), np.ldexp(e, exponent)
    d, e = d / 1, e / 1
    expected = np.ldexp(eigvalsh_tridiagonal(np.ldexp(d, -exponent), np.ldexp(e, -exponent)), exponent)
    np.testing.assert_array_equal(eigvalsh_tridiagonal(d, e), expected)


def test_blocks_keep_their_scale():
    """Without a coupling between them, the small block is as accurate as if it were alone."""
    d, e = random(50)
    values = eigvalsh_tridiagonal(np.r_[d, 1e-200 * d], np.r_[e, 0, 1e-200 * e])
    np.testing.assert_array_equal(values[np.abs(values) < 1e-100], eigvalsh_tridiagonal(1e-200 * d, 1e-200 * e))
    np.testing.assert_array_equal(eigvalsh_tridiagonal([3.0, -1, 2], [0.0, 0]), [-1, 2, 3])
    np.testing.assert_array_equal(eigvalsh_tridiagonal(np.zeros(99), np.zeros(98)), np.zeros(99))


@pytest.mark.parametrize("shape", [(), (3,), (0,), (2, 3)])
@pytest.mark.parametrize("n", [1, 40, 1300])
def test_stacks_and_threads(shape, n):
    rng = np.random.default_rng(5)
    d, e = rng.normal(size=(*shape, n)), rng.normal(size=(*shape, n - 1))
    values = eigvalsh_tridiagonal(d, e, threads=1)
    assert values.shape == (*shape, n)
    for threads in (2, 3, 7):
        np.testing.assert_array_equal(eigvalsh_tridiagonal(d, e, threads=threads), values)
    for i in np.ndindex(shape):
        np.testing.assert_array_equal(eigvalsh_tridiagonal(d[i], e[i]), values[i])


def test_dtypes():
    d, e = random(100)
    d32, e32 = d.astype(np.float32), e.astype(np.float32)
    values = eigvalsh_tridiagonal(d32, e32)
    assert values.dtype == np.float32
    wide = eigvalsh_tridiagonal(d32.astype(float), e32.astype(float))
    np.testing.assert_array_equal(values, wide.astype(np.float32))  # computed in double, rounded once
    np.testing.assert_array_equal(eigvalsh_tridiagonal(d32, e32.astype(float)), wide)
    np.testing.assert_allclose(eigvalsh_tridiagonal([2, 2], [1]), [1, 3], rtol=0, atol=3 * bound)
    big = np.full(50, 3e38, np.float32)
    with pytest.raises(ValueError, match=r"d and e must be so small that their eigenvalues stay below 3.4e\+38"):
        eigvalsh_tridiagonal(big, big[1:])


@pytest.mark.parametrize(
    ("d", "e", "says"),
    [
        ([], [], "d must have at least one entry"),
        ([1.0, 2], [1.0, 2], r"e must have shape \(1,\) beside d, got \(2,\)"),
        (np.ones((2, 3)), np.ones(2), r"e must have shape \(2, 2\) beside d, got \(2,\)"),
        ([1.0, np.nan], [1.0], "d must be finite, found nan at index 1"),
        ([1.0, 2], [np.inf], "e must be finite, found inf at index 0"),
        (3.0, [], "d must have at least one axis"),
    ],
)
def test_refuses(d, e, says):
    with pytest.raises(ValueError, match=f"eigvalsh_tridiagonal: {says}"):
        eigvalsh_tridiagonal(d, e)


def test_refuses_types():
    with pytest.raises(TypeError, match="eigvalsh_tridiagonal: d must be real numbers"):
        eigvalsh_tridiagonal([1j], [])
    with pytest.raises(TypeError, match="eigvalsh_tridiagonal: threads must be a whole number"):
        eigvalsh_tridiagonal([1.0], [], threads=1.5)
