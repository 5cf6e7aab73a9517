"""|s - s_ref| <= (k + 100) eps s_max with k = min(m, n) for every matrix, and (k + 20) eps for eigenvalues.

Why: each of the 2 k reflectors, and the iteration after them, changes the matrix by a few roundings of its norm, which
moves no singular value further (Weyl). Roundings that are independent add up to about sqrt(k) eps; where all columns
are alike they add up one by one, to k eps at most as far as we could find. The proven bound (Higham, Accuracy and
Stability of Numerical Algorithms, 2002, theorem 19.10) has the same form with k^(3/2) times a constant: what is tested
here is sharper. LAPACK's dqds drops off-diagonal entries of up to 100 eps s_max, which only clusters notice: what has
no cluster is held to (k + 20) eps. References are exact by construction or have 50 digits.
"""

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from deeprmt.linalg import eigvalsh, svdvals

FLOATS = [np.float32, np.float64]


def allowed(a, more=100):
    return (min(a.shape[-2:]) + more) * np.finfo(a.dtype).eps


def assert_close(values, expected, a, more=20):
    """Within the bound; results near 0 are rounded to what the type can hold."""
    info = np.finfo(a.dtype)
    largest = np.abs(expected).max()
    wrong = np.abs(np.asarray(values, float) - np.asarray(expected, float)).max()
    assert wrong <= allowed(a, more) * largest + info.smallest_subnormal


# ---- against 50 digits ----


def kahan(n):
    c, s = np.cos(1.2), np.sin(1.2)
    return s ** np.arange(n)[:, None] * (np.eye(n) - c * np.triu(np.ones((n, n)), 1))


def one_huge(n):
    a = np.random.default_rng(1).normal(size=(n, n))
    a[n // 2, n // 3] = 2.0**60
    return a


def normal(m, n, seed=2):
    return np.random.default_rng(seed).normal(size=(m, n))


n = 14
FAMILIES = {
    "normal": normal(n, n),
    "tall": normal(60, 9),
    "wide": normal(8, 70),
    "rows graded": normal(n, n) * 10.0 ** -np.arange(n)[:, None],
    "both graded": normal(n, n) * 4.0 ** -np.add.outer(np.arange(n), np.arange(n)),
    "columns graded upwards": normal(n, n) * 10.0 ** (np.arange(n) - n),
    "clustered": np.eye(n) + 1e-6 * normal(n, n),
    "of rank 4": normal(n, 4) @ normal(4, n, 3),
    "kahan": kahan(n),
    "hilbert": 1 / (1.0 + np.add.outer(np.arange(n), np.arange(n))),
    "jordan block": np.eye(n) * 0.5 + np.eye(n, k=1),
    "wilkinson": np.diag(np.abs(np.arange(n) - n / 2)) + np.eye(n, k=1),
    "triangle of ones": np.triu(np.ones((n, n))),
    "vandermonde": np.vander(np.linspace(-1, 1, n)),
    "one huge entry": one_huge(n),
    "upper half tiny": np.r_[1e-30 * normal(n // 2, n), normal(n // 2, n, 4)],
}


def exact_singular(a):
    with mpmath.workdps(50):
        return np.array([float(s) for s in mpmath.svd_r(mpmath.matrix(a.astype(float).tolist()), compute_uv=False)])


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", FAMILIES)
def test_singular_values_against_many_digits(name, dtype):
    a = FAMILIES[name].astype(dtype)
    assert_close(svdvals(a), exact_singular(a), a, 100 if name == "clustered" else 20)


@pytest.mark.parametrize("exponent", [-1072, -1060, -1022, -700, 700, 1010])
def test_extreme_scales_against_many_digits(exponent):
    a = np.ldexp(normal(6, 5), exponent)
    with mpmath.workdps(50):
        exact = mpmath.svd_r(mpmath.matrix(a.tolist()), compute_uv=False)
        assert_close(svdvals(a), np.array([float(s) for s in exact]), a)
        symmetric = a[:5] / 2 + a[:5].T / 2
        exact = mpmath.eigsy(mpmath.matrix(symmetric.tolist()), eigvals_only=True)
        assert_close(eigvalsh(symmetric), np.array([float(x) for x in exact]), symmetric)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", [name for name, a in FAMILIES.items() if a.shape[0] == a.shape[1]])
def test_eigenvalues_against_many_digits(name, dtype):
    a = FAMILIES[name].astype(dtype)
    a = a / 2 + a.T / 2
    with mpmath.workdps(50):
        exact = mpmath.eigsy(mpmath.matrix(a.astype(float).tolist()), eigvals_only=True)
    assert_close(eigvalsh(a), np.sort([float(x) for x in exact]), a)


# ---- exact by construction ----


def hadamard(n):
    h = np.ones((1, 1))
    while len(h) < n:
        h = np.block([[h, h], [h, -h]])
    return h


def shuffled(h, seed):
    """Rows in another order, and with other signs: still orthogonal, still exact."""
    rng = np.random.default_rng(seed)
    return h[rng.permutation(len(h))] * rng.choice([-1, 1], len(h))[:, None]


LISTS = {
    "distinct": lambda n: np.arange(n, 0, -1.0),
    "equal": np.ones,
    "of rank n / 4": lambda n: np.r_[np.full(n // 4, 3.0), np.zeros(n - n // 4)],
    "of rank 1": lambda n: np.r_[1.0, np.zeros(n - 1)],
    "two clusters": lambda n: np.r_[np.full(n // 2, 1024.0), np.ones(n - n // 2)],
    "halving": lambda n: 2.0 ** -(np.arange(n) % 12),
}


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("shape", [(64, 64), (256, 256), (512, 512), (1024, 256), (128, 512), (2048, 512)])
@pytest.mark.parametrize("name", LISTS)
def test_singular_values_known_exactly(name, shape, dtype):
    m, n = shape
    k = min(m, n)
    s = np.sort(LISTS[name](k))[::-1]
    a = (shuffled(hadamard(m), 1)[:, :k] * s) @ shuffled(hadamard(n), 2)[:, :k].T
    assert (a == a.astype(dtype)).all()  # sums of at most 512 multiples of 2^-12 below 2^20: exact, also in float32
    assert_close(svdvals(a.astype(dtype)), s * np.sqrt(m * n), a.astype(dtype))  # m n is a square


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("n", [64, 256, 512])
@pytest.mark.parametrize("name", LISTS)
def test_eigenvalues_known_exactly(name, n, dtype):
    values = LISTS[name](n) * np.where(np.arange(n) % 3 == 0, -1, 1)
    h = shuffled(hadamard(n), 1)
    a = ((h * values) @ h.T).astype(dtype)
    assert_close(eigvalsh(a), np.sort(values) * n, a)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("n", [1, 2, 3, 7, 8, 9, 33, 330, 530])
def test_diagonals_and_permutations(n, dtype):
    rng = np.random.default_rng(5)
    d = np.where(np.arange(n) % 3 == 1, 0, rng.normal(size=n)).astype(dtype)
    for a in (np.diag(d), np.diag(d)[rng.permutation(n)], np.eye(n, dtype=dtype)[rng.permutation(n)]):
        expected = np.sort(np.abs(a).sum(axis=0))[::-1]
        assert_close(svdvals(a), expected, a)
    assert_close(eigvalsh(np.diag(d)), np.sort(d), np.diag(d))


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("length", [1, 2, 9, 1000, 40_000])
def test_a_row_and_a_column_have_their_length(length, dtype):
    x = np.random.default_rng(6).normal(size=length).astype(dtype)
    for scale in (-100 if dtype == np.float32 else -1000, 0, 100):
        row = np.ldexp(x, scale)[None]
        expected = np.ldexp(np.linalg.norm(x.astype(float)), scale)
        assert_close(svdvals(row), [expected], row)
        assert_close(svdvals(row.T), [expected], row)


# ---- against LAPACK, over sizes ----


@pytest.mark.parametrize("dtype", FLOATS)
def test_every_small_size_against_lapack(dtype):
    for n in [*range(2, 40), 47, 48, 63, 64, 65, 100, 127, 128, 129, 200, 300]:
        a = normal(n, n, n).astype(dtype)
        assert_close(svdvals(a), np.linalg.svd(a.astype(float), compute_uv=False), a)
        a = a + a.T
        assert_close(eigvalsh(a), np.linalg.eigvalsh(a.astype(float)), a)
        a = normal(n + n % 7, 2 + n // 3, n).astype(dtype)
        assert_close(svdvals(a), np.linalg.svd(a.astype(float), compute_uv=False), a)


# ---- what holds for every matrix ----

matrices = hnp.arrays(
    float, hnp.array_shapes(min_dims=2, max_dims=2, max_side=12), elements=st.floats(-1e3, 1e3, allow_subnormal=False)
)


@given(matrices, st.integers(0, 2**32 - 1), st.integers(-900, 900))
def test_symmetries(a, seed, exponent):
    rng = np.random.default_rng(seed)
    s = svdvals(a)
    bound = allowed(a) * s[0]
    np.testing.assert_allclose(svdvals(a.T), s, rtol=0, atol=2 * bound)
    np.testing.assert_allclose(svdvals(a[rng.permutation(len(a))]), s, rtol=0, atol=2 * bound)
    np.testing.assert_allclose(svdvals(-a), s, rtol=0, atol=2 * bound)
    # A random reflection is orthogonal, and applied, to len(a) eps.
    v = rng.normal(size=len(a))
    turned = a - np.outer(2 / (v @ v) * v, v @ a)
    np.testing.assert_allclose(svdvals(turned), s, rtol=0, atol=2 * bound + 4 * len(a) * np.finfo(float).eps * s[0])
    if s[0] > 0 and np.abs(a)[a != 0].min() > 1e-30:  # no entry underflows
        np.testing.assert_array_equal(svdvals(np.ldexp(a, exponent)), np.ldexp(s, exponent))


@given(matrices)
def test_norm_and_interlacing(a):
    s = svdvals(a)
    bound = allowed(a) * s[0]
    # sum s^2 = |A|_F^2: the error of the root is at most the norm of all errors.
    assert abs(np.linalg.norm(s) - np.linalg.norm(a)) <= np.sqrt(len(s)) * bound + 1e-150
    if len(a) > 1:
        inner = svdvals(a[1:])
        assert (inner <= s[: len(inner)] + 2 * bound).all()
        assert (inner[: len(s) - 1] >= s[1:] - 2 * bound).all()


@pytest.mark.parametrize(
    ("dtype", "tiny"), [(np.float64, (1e-138, 1e-156, 1e-160)), (np.float32, (1e-17, 1e-22, 1e-24))]
)
def test_entries_whose_squares_underflow(dtype, tiny):
    for t in tiny:  # LAPACK's sterf is off by up to 1e-3 here
        a = np.array([[0, 0, t], [0, 0, 3], [t, 3, 0]], dtype)
        np.testing.assert_allclose(eigvalsh(a), [-3, 0, 3], rtol=0, atol=20 * np.finfo(dtype).eps)


@given(matrices)
def test_eigenvalues_of_the_jordan_wielandt_matrix_are_the_singular_values(a):
    m, n = a.shape
    s = svdvals(a)
    both = eigvalsh(np.block([[np.zeros((m, m)), a], [a.T, np.zeros((n, n))]]))
    expected = np.sort(np.r_[s, -s, np.zeros(m + n - 2 * len(s))])
    np.testing.assert_allclose(both, expected, rtol=0, atol=2 * (m + n + 100) * np.finfo(float).eps * s[0])


# ---- what comes in ----


@pytest.mark.parametrize("function", [svdvals, eigvalsh])
@pytest.mark.parametrize("n", [3, 40, 330])
def test_any_layout_and_number_type(function, n):
    a = np.round(normal(n, n) * 8)
    a = a + a.T
    expected = function(a)
    byte = np.zeros(a.nbytes + 1, np.uint8)
    odd = byte[1:].view(float).reshape(a.shape)  # not aligned
    odd[:] = a
    wide = np.zeros((n, 2 * n))
    wide[:, ::2] = a
    fixed = a.copy()
    fixed.flags.writeable = False
    for each in (
        odd,
        wide[:, ::2],
        np.asfortranarray(a),
        a[::-1, ::-1][::-1, ::-1],
        fixed,
        a.astype(">f8"),
        a.tolist(),
    ):
        np.testing.assert_array_equal(function(each), expected)
    for dtype in (np.int8, np.int16, np.int64):
        np.testing.assert_array_equal(function(a.astype(dtype)), expected)
    for dtype in (np.float16, ">f4"):
        np.testing.assert_array_equal(function(a.astype(dtype)), function(a.astype(np.float32)))
    np.testing.assert_array_equal(function(a > 0), function((a > 0).astype(float)))
    for subclass in (np.ma.array(a), a.view(np.recarray)):
        np.testing.assert_array_equal(function(subclass), expected)
        assert type(function(subclass)) is np.ndarray


@pytest.mark.parametrize("function", [svdvals, eigvalsh])
@pytest.mark.parametrize("n", [1, 2, 40, 530])
def test_inputs_stay_and_results_are_new(function, n):
    a = normal(n, n)
    a = a + a.T
    before = a.copy()
    out = function(a)
    np.testing.assert_array_equal(a, before)
    assert not np.shares_memory(out, a)
    assert out.flags.writeable
    assert out.flags.owndata
    out[:] = 7
    assert (function(a) != 7).any()


@pytest.mark.parametrize("function", [svdvals, eigvalsh])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_any_bad_entry_is_named(function, bad):
    for n in (1, 2, 5):
        for where in np.ndindex(2, n, n):
            a = np.broadcast_to(np.eye(n), (2, n, n)).copy()
            a[where] = bad
            with pytest.raises(
                ValueError, match=rf"a must be finite, found {bad} at index \({', '.join(map(str, where))}\)"
            ):
                function(a)


@pytest.mark.parametrize("function", [svdvals, eigvalsh])
@pytest.mark.parametrize(
    ("bad", "error", "says"),
    [
        (3.0, ValueError, "at least two axes, got 0"),
        (np.ones(4), ValueError, "at least two axes, got 1"),
        (np.array([[None]]), TypeError, "real"),
        ([["x"]], TypeError, "real"),
        ([[1, 2], [3]], ValueError, "ragged"),
        (np.eye(2, dtype=np.longdouble), TypeError, "64 bits"),
        (np.ma.array(np.eye(2), mask=np.eye(2)), ValueError, "masked"),
    ],
)
def test_refuses(function, bad, error, says):
    with pytest.raises(error, match=f"{function.__name__}: a must .*{says}"):
        function(bad)


@pytest.mark.parametrize(
    ("shape", "out"), [((0, 0), (0,)), ((0, 5), (0,)), ((5, 0), (0,)), ((3, 0, 2), (3, 0)), ((0, 2, 2), (0, 2))]
)
def test_empty(shape, out):
    for dtype in FLOATS:
        s = svdvals(np.ones(shape, dtype))
        assert s.shape == out
        assert s.dtype == dtype
    if shape[-1] == shape[-2]:
        assert eigvalsh(np.ones(shape)).shape == out
