import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from deeprmt import _core
from deeprmt.linalg import svd, svdvals
from deeprmt.linalg._svd import svdvals_in_double
from reference.linalg import svd as reference

# Backward stable: |s - s_ref| <= c eps s_max. A Householder reduction of order n has c of a modest multiple of sqrt(n);
# 5 sqrt(n) + 10 leaves room for the constant and would catch any loss of a digit.
shapes = [
    (1, 1),
    (1, 7),
    (7, 1),
    (2, 2),
    (40, 40),
    (200, 180),
    (320, 323),
    (479, 479),
    (480, 480),
    (330, 700),
    (1100, 485),
]
shapes += [(700, 165), (41, 900), (5, 3000), (3000, 7), (300, 2)]


def bound(a):
    return (5 * np.sqrt(min(a.shape)) + 10) * np.finfo(a.dtype).eps


def haar(n, seed):
    q, r = np.linalg.qr(np.random.default_rng(seed).normal(size=(n, n)))
    return q * np.sign(np.diag(r))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", shapes)
def test_against_lapack(shape, dtype):
    a = np.random.default_rng(1).normal(size=shape).astype(dtype)
    s = svdvals(a)
    expected = np.linalg.svd(a.astype(float), compute_uv=False)
    assert s.dtype == dtype
    assert (np.diff(s) <= 0).all()
    assert np.abs(s - expected).max() <= bound(a) * expected[0]


@given(hnp.arrays(float, hnp.array_shapes(min_dims=2, max_dims=2, max_side=6), elements=st.floats(-1e3, 1e3, width=32)))
def test_matches_the_reference(a):
    s = svdvals(a)
    # The reference makes at most 15 rotations a sweep in some 6 sweeps, each rounds by 2 eps: 180 eps = 4e-14, and
    # 5e-15 is ours by the bound above.
    np.testing.assert_allclose(s, reference.svdvals(a), rtol=0, atol=1e-13 * max(s[0], 1e-300))


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(481, 483)])
def test_two_stages_match_the_reference(shape):
    # Roundings of the reference's rotations are independent, so that those of a column add up like the square root of
    # their number, sqrt(480 a sweep, 10 sweeps) = 69 eps; ours are below the bound, 119 eps and more.
    a = np.random.default_rng(1).normal(size=shape)
    s = svdvals(a)
    assert np.abs(s - reference.svdvals(a)).max() <= bound(a) * s[0]


def test_against_high_precision():
    # A graded matrix of order 20: entries over 16 orders of magnitude.
    a = np.random.default_rng(3).normal(size=(20, 20)) * 10.0 ** -np.arange(0, 16, 0.8)
    with mpmath.workdps(40):
        exact = np.array([float(s) for s in mpmath.svd_r(mpmath.matrix(a.tolist()), compute_uv=False)])
    s = svdvals(a)
    assert np.abs(s - exact).max() <= bound(a) * exact[0]


@pytest.mark.parametrize("n", [30, 330])
@pytest.mark.parametrize(
    "known",
    [
        lambda n: np.ones(n),
        lambda n: np.r_[np.ones(n // 2), np.zeros(n - n // 2)],
        lambda n: np.r_[np.full(n // 2, 2.0), np.full(n - n // 2, 1e-8)],
        lambda n: 10.0 ** -np.linspace(0, 15, n),
        lambda n: np.r_[1.0, np.full(n - 1, 1e-14)],
    ],
)
def test_planted_singular_values(n, known):
    s = known(n)
    a = haar(n, 1) * s @ haar(n, 2)
    assert np.abs(svdvals(a) - s).max() <= 3 * bound(a) * s[0]  # the construction rounds too


@pytest.mark.parametrize("n", [50, 350])
def test_kahan(n):
    c, s = np.cos(1.2), np.sin(1.2)
    a = s ** np.arange(n)[:, None] * (np.eye(n) - c * np.triu(np.ones((n, n)), 1))
    expected = np.linalg.svd(a, compute_uv=False)
    assert np.abs(svdvals(a) - expected).max() <= 2 * bound(a) * expected[0]


@pytest.mark.parametrize("n", [12, 330])
@pytest.mark.parametrize("exponent", [-1060, -1000, -300, 300, 1000])
def test_any_scale(n, exponent):
    a = np.random.default_rng(4).normal(size=(n, n))
    expected = svdvals(a)
    scaled = svdvals(np.ldexp(a, exponent))
    if exponent > -1000:
        np.testing.assert_array_equal(scaled, np.ldexp(expected, exponent))  # powers of two are exact
    else:  # subnormal entries have fewer digits
        np.testing.assert_allclose(
            scaled, np.ldexp(expected, exponent), rtol=0, atol=n * 2.0**-1074 + 1e-13 * scaled[0]
        )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", [30, 330])
def test_zero_and_rank_one(n, dtype):
    assert not svdvals(np.zeros((n, n), dtype)).any()
    s = svdvals(np.ones((n, n), dtype))
    # All columns are alike, so that their roundings add up instead of averaging out: n eps of the largest, not sqrt(n).
    assert abs(s[0] - n) <= n * np.finfo(dtype).eps * n
    assert s[1] <= n * np.finfo(dtype).eps * n


@pytest.mark.parametrize("shape", [(100, 100), (300, 200), (330, 330)])
def test_theorems(shape):
    a = np.random.default_rng(5).normal(size=shape)
    s = svdvals(a)
    tolerance = bound(a) * s[0]
    assert abs(np.linalg.norm(a) - np.linalg.norm(s)) <= np.sqrt(len(s)) * tolerance
    assert np.abs(svdvals(a.T) - s).max() <= tolerance
    assert np.abs(svdvals(haar(shape[0], 6) @ a) - s).max() <= 3 * tolerance
    inner = svdvals(a[:, :-1])  # deleting a column interlaces
    assert (inner <= s[: len(inner)] + tolerance).all()
    assert (inner[: len(s) - 1] >= s[1:] - tolerance).all()


@pytest.mark.parametrize("shape", [(5, 8, 6), (3, 330, 325), (2, 0, 4), (0, 3, 3), (2, 2, 30, 10)])
def test_stacks_and_threads(shape):
    a = np.random.default_rng(7).normal(size=shape)
    s = svdvals(a, threads=1)
    assert s.shape == (*shape[:-2], min(shape[-2:]))
    for threads in (2, 3, 16):
        np.testing.assert_array_equal(svdvals(a, threads=threads), s)
    for where in np.ndindex(shape[:-2]):
        np.testing.assert_array_equal(svdvals(a[where], threads=2), s[where])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "shape",
    [
        *((1, 1), (1, 5), (5, 1), (30, 30), (200, 70), (70, 200), (100, 90), (2, 3, 4), (190, 170)),
        *((330, 330), (400, 330), (330, 900), (1300, 100), (100, 1400), (700, 360)),  # in two stages, or after QR
    ],
)
def test_svd(shape, dtype):
    a = np.random.default_rng(8).normal(size=shape).astype(dtype)
    u, s, vt = svd(a)
    k = min(shape[-2:])
    assert (u.shape, s.shape, vt.shape) == ((*shape[:-1], k), (*shape[:-2], k), (*shape[:-2], k, shape[-1]))
    eps = np.finfo(dtype).eps
    n = max(shape)
    np.testing.assert_allclose(u * s[..., None, :] @ vt, a, rtol=0, atol=(5 * np.sqrt(n) + 10) * eps * s.max())
    eye = np.broadcast_to(np.eye(k), (*shape[:-2], k, k))
    np.testing.assert_allclose(np.swapaxes(u, -1, -2) @ u, eye, rtol=0, atol=(3 * np.sqrt(n) + 10) * eps)
    np.testing.assert_allclose(vt @ np.swapaxes(vt, -1, -2), eye, rtol=0, atol=(3 * np.sqrt(n) + 10) * eps)
    np.testing.assert_allclose(s, svdvals(a), rtol=0, atol=(5 * np.sqrt(n) + 10) * eps * s.max())
    numbers = [k - 1, 0, k // 2]
    for chosen, where in (({"k": 1}, [0]), ({"k": 1, "which": "trailing"}, [k - 1]), ({"which": numbers}, numbers)):
        some = svd(a, **chosen)  # products of fewer columns round otherwise
        np.testing.assert_array_equal(some.s, s[..., where])
        np.testing.assert_allclose(some.u, u[..., where], rtol=0, atol=(3 * np.sqrt(n) + 10) * eps)
        np.testing.assert_allclose(some.vt, vt[..., where, :], rtol=0, atol=(3 * np.sqrt(n) + 10) * eps)


def test_svd_of_zero_and_of_rank_one():
    u, s, _ = svd(np.zeros((4, 3)))
    assert not s.any()
    np.testing.assert_array_equal(u.T @ u, np.eye(3))
    u, s, _ = svd(np.ones((6, 6)))
    np.testing.assert_allclose(s, [6, 0, 0, 0, 0, 0], rtol=0, atol=1e-14)
    np.testing.assert_allclose(u.T @ u, np.eye(6), rtol=0, atol=1e-14)


@pytest.mark.parametrize("function", [svd, svdvals])
def test_refuses(function):
    a = np.ones((2, 3, 3))
    a[1, 2, 0] = np.nan
    with pytest.raises(ValueError, match=rf"{function.__name__}: a must be finite, found nan at index \(1, 2, 0\)"):
        function(a)
    with pytest.raises(ValueError, match="at least two axes, got 1"):
        function([1.0, 2.0])
    with pytest.raises(TypeError, match="real"):
        function([["a"]])


@pytest.mark.parametrize("shape", [(340, 330), (1400, 200), (150, 500), (360, 700)])
def test_svd_does_not_depend_on_threads(shape):
    a = np.random.default_rng(9).normal(size=shape)
    expected = svd(a, threads=1)
    for threads in (2, 3, 16):
        for x, y in zip(svd(a, threads=threads), expected, strict=True):
            np.testing.assert_array_equal(x, y)


@pytest.mark.parametrize("function", [svd, svdvals])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_refuses_values_beyond_the_type(function, dtype):
    with pytest.raises(ValueError, match=f"{function.__name__}: a must be so small"):
        function(np.full((3, 3), 0.9 * np.finfo(dtype).max, dtype))


def test_tall_columns_whose_entries_are_all_alike():
    a = np.ones((100_000, 3))
    a[:, 0] = 0.1
    s = svdvals(a)
    assert abs(s[0] - np.sqrt(2.01e5)) <= (3 + 100 + 100) * 2.0**-52 * s[0]
    assert s[1] <= (3 + 100 + 100) * 2.0**-52 * s[0]
    np.testing.assert_array_equal(svdvals(a.T, threads=1), s)


def test_refuses_arguments():
    with pytest.raises(ValueError, match=r"k must be at most min\(m, n\) = 2, got 3"):
        svd(np.ones((2, 5)), k=3)
    with pytest.raises(ValueError, match="which must be 'leading', 'trailing' or a list of numbers, got 'smallest'"):
        svd(np.eye(2), which="smallest")
    with pytest.raises(ValueError, match="which must hold numbers from 0 to 1, got -1"):
        svd(np.eye(2), which=[-1])
    with pytest.raises(ValueError, match="threads must be at least 1, got 0"):
        svdvals(np.eye(2), threads=0)
    with pytest.raises(TypeError, match="threads must be a whole number"):
        svdvals(np.eye(2), threads=1.5)


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (3, 2), (60, 60), (190, 195), (700, 200), (200, 1300), (600, 580)])
def test_double_precision_of_single_entries(shape):
    a = np.random.default_rng(2).normal(size=shape).astype(np.float32)
    s, expected = svdvals_in_double(a), svdvals(a.astype(np.float64))
    assert s.dtype == np.float64
    # An eigenvalue of the Gram matrix is off by 5 sqrt(n) + 10 eps of the largest, a singular value by that over 2 s;
    # below 0.3 of the largest both count alike.
    slack = bound(a.astype(np.float64)) * expected[0] ** 2 / np.minimum(expected, expected[0] / 3)
    assert (np.abs(s - expected) <= slack).all()
    np.testing.assert_array_equal(
        _core.linalg.svdvals_in_double(a, 1), _core.linalg.svdvals_in_double(a, 5)
    )  # threads never change a bit


def test_small_values_of_single_entries_come_from_the_matrix_itself():
    rng = np.random.default_rng(3)
    a = (rng.normal(size=(90, 4)) @ rng.normal(size=(4, 70))).astype(np.float32)  # rank 4 but for rounding
    np.testing.assert_array_equal(svdvals_in_double(a), svdvals(a.astype(np.float64)))
    np.testing.assert_array_equal(svdvals_in_double(np.zeros((5, 3), np.float32)), np.zeros(3))
    np.testing.assert_allclose(svdvals_in_double(np.float32([[3e38, 0], [0, 2e-38]])), np.float32([3e38, 2e-38]))
    with pytest.raises(ValueError, match=r"a must be finite, found nan at index \(2, 1\)"):
        svdvals_in_double(np.float32([[1, 2], [3, 4], [5, np.nan]]))
