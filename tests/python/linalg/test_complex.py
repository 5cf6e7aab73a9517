import numpy as np
import pytest

from deeprmt import ensembles, laws
from deeprmt.linalg import eigvalsh, svd, svdvals


def gaussian(*shape, dtype=complex):
    rng = np.random.default_rng(0)
    return (rng.normal(size=shape) + 1j * rng.normal(size=shape)).astype(dtype)


@pytest.mark.parametrize("dtype", [np.complex64, np.complex128])
@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (40, 40), (5, 300), (300, 5), (260, 250), (3, 8, 6), (0, 4, 4)])
def test_against_lapack(shape, dtype):
    a = gaussian(*shape, dtype=dtype)
    s = svdvals(a)
    expected = np.linalg.svd(a.astype(complex), compute_uv=False)
    assert s.dtype == np.finfo(dtype).dtype
    assert s.shape == expected.shape
    # As for real matrices, of twice the order: see test_svd.
    bound = (5 * np.sqrt(2 * min(shape[-2:])) + 10) * np.finfo(dtype).eps
    assert np.abs(s - expected).max(initial=0) <= bound * expected.max(initial=0)
    if shape[-1] == shape[-2]:
        h = a + np.conj(np.swapaxes(a, -1, -2))
        values, expected = eigvalsh(h), np.linalg.eigvalsh(h.astype(complex))
        assert values.dtype == s.dtype
        assert np.abs(values - expected).max(initial=0) <= 2 * bound * np.abs(expected).max(initial=0)


def test_unitary_matrices_have_equal_singular_values():
    u = ensembles.haar(200, field="complex", rng=1)
    np.testing.assert_allclose(svdvals(u), 1, rtol=0, atol=(5 * np.sqrt(400) + 40) * 2.0**-52)


def test_unitary_invariance_and_phases():
    a, u = gaussian(60, 60), ensembles.haar(60, field="complex", rng=2)
    s = svdvals(a)
    for b in (u @ a, a @ u, 1j * a, a.T, a.conj(), np.asfortranarray(a), a.astype(">c16")):
        np.testing.assert_allclose(svdvals(b), s, rtol=0, atol=300 * 2.0**-52 * s[0])


def test_eigenvalues_of_the_gue():
    values = eigvalsh(ensembles.gue(400, rng=3))
    # The spectrum is rigid: counts fluctuate by log(n) / pi^2, so that the staircase is within a few / n of the law.
    assert laws.Semicircle().ks_distance(values) < 5 / 400


def test_threads_and_stacks():
    a = gaussian(3, 130, 130)
    one = svdvals(a, threads=1)
    for threads in (2, 5):
        np.testing.assert_array_equal(svdvals(a, threads=threads), one)
    np.testing.assert_array_equal(svdvals(a[1]), one[1])


def test_real_matrices_as_complex_ones():
    a = np.random.default_rng(1).normal(size=(50, 30))
    np.testing.assert_allclose(svdvals(a.astype(complex)), svdvals(a), rtol=1e-13)


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda: svdvals(np.array([[1, np.nan + 1j]])), ValueError, r"svdvals: a must be finite, found .*\(0, 1\)"),
        (lambda: svdvals([[1j, 2], [3]]), ValueError, "svdvals: a must be an array of real numbers, got a ragged"),
        (lambda: svdvals(np.array([1j, 2])), TypeError, "svdvals: a must be real"),
        (lambda: svdvals(np.ones((2, 2), np.clongdouble)), TypeError, "svdvals: a must be complex64 or complex128"),
        (lambda: svdvals(np.ma.masked_array([[1j, 2]], [[True, False]])), ValueError, "must have no masked entries"),
        (lambda: eigvalsh(np.array([[1, 1j], [1j, 2]])), ValueError, r"must be Hermitian, found 1j at index \(0, 1\)"),
        (lambda: eigvalsh(np.array([[1j]])), ValueError, "must be Hermitian"),
        (lambda: eigvalsh(np.ones((2, 3), complex)), ValueError, r"must be square, got shape \(2, 3\)"),
        (lambda: eigvalsh(np.full((2, 2), np.inf + 0j)), ValueError, "eigvalsh: a must be finite"),
        (lambda: svd(np.ones((2, 2), complex)), TypeError, "svd: a must be real"),
    ],
)
def test_bad_arguments(call, error, says):
    with pytest.raises(error, match=says):
        call()
