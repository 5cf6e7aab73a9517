import mpmath
import numpy as np
import pytest
import scipy.special as special
import scipy.stats as stats

from deeprmt.ensembles import goe, hermite_eigenvalues, jacobi_eigenvalues, laguerre_eigenvalues, wishart
from deeprmt.laws import MarchenkoPastur, Semicircle
from reference.ensembles import beta as reference

ALL = [
    lambda beta, **more: hermite_eigenvalues(60, beta, **more),
    lambda beta, **more: laguerre_eigenvalues(90, 60, beta, **more),
    lambda beta, **more: laguerre_eigenvalues(60, 60, beta, **more),
    lambda beta, **more: jacobi_eigenvalues(60, 3.5, -0.5, beta, **more),
    lambda beta, **more: jacobi_eigenvalues(60, 0, 0, beta, **more),
]
each = pytest.mark.parametrize("draw", ALL)


def key_of(seed):
    return int(np.random.default_rng(seed).integers(0, 2**64, dtype=np.uint64))


def assert_mean(values, exact):
    """Five standard errors."""
    assert abs(values.mean() - exact) < 5 * values.std() / np.sqrt(len(values))


@pytest.mark.parametrize("beta", [0.3, 1, 2, 7.5])
def test_matches_the_reference(beta):
    # The reference's normals and logarithms are the C library's: entries of order 1 differ by some 1e-14.
    n = 25
    for sample, values in enumerate(hermite_eigenvalues(n, beta, size=2, rng=3)):
        exact = np.linalg.eigvalsh(reference.hermite(key_of(3), sample, n, beta))
        np.testing.assert_allclose(values, exact, rtol=0, atol=1e-13 * np.abs(exact).max())
    for sample, values in enumerate(laguerre_eigenvalues(30, n, beta, size=2, rng=3)):
        exact = np.linalg.svd(reference.laguerre(key_of(3), sample, 30, n, beta))[1][::-1] ** 2
        np.testing.assert_allclose(values, exact, rtol=0, atol=1e-13 * exact.max())
    for sample, values in enumerate(jacobi_eigenvalues(n, 2.5, 0.5, beta, size=2, rng=3)):
        exact = np.linalg.svd(reference.jacobi(key_of(3), sample, n, 2.5, 0.5, beta))[1][::-1] ** 2
        np.testing.assert_allclose(values, exact, rtol=0, atol=1e-13)


@pytest.mark.parametrize(("n", "beta"), [(40, 1.0), (12, 0.2), (40, 0.02)])
def test_small_eigenvalues_are_accurate(n, beta):
    """Relative to themselves, also where divide and conquer on B B^T would leave nothing of them."""
    b = reference.laguerre(key_of(5), 0, n, n, beta)
    values = laguerre_eigenvalues(n, n, beta, rng=5)
    with mpmath.workdps(500):
        m = mpmath.matrix(b.tolist())
        exact = np.sort([float(x) for x in mpmath.eigsy(m * m.T, eigvals_only=True)])
    # A relative change of entries by 1e-14 changes each singular value by at most 2 n times that.
    np.testing.assert_allclose(values, exact, rtol=4 * n * 1e-14 / min(beta, 1) + 1e-8, atol=1e-300)
    assert values[0] < 1e-3 * values[-1]


@pytest.mark.parametrize("beta", [1.0, 2.0, 3.5])
def test_exact_moments(beta):
    n, p, count = 40, 25, 4000
    x = hermite_eigenvalues(n, beta, size=count, rng=1)
    assert_mean(x.mean(1), 0)
    assert_mean((x**2).mean(1), (2 / beta + n - 1) / n)
    x = laguerre_eigenvalues(n, p, beta, size=count, rng=2)
    assert_mean(x.mean(1), 1)
    assert_mean((x**2).mean(1), (beta * (n + p - 1) + 2) / (beta * n))
    for a, b in ((5, 15), (0, 0), (-0.9, 30.5)):
        x = jacobi_eigenvalues(p, a, b, beta, size=count, rng=3)
        assert_mean(x.mean(1), (a + p) / (a + b + 2 * p))


@pytest.mark.parametrize("beta", [0.05, 0.5, 1, 2.5, 40, 1e6, 1e12])
def test_one_or_two_eigenvalues_have_known_laws(beta):
    count = 4000
    x = hermite_eigenvalues(1, beta, size=count, rng=1)[:, 0]
    assert stats.kstest(x, stats.norm(scale=np.sqrt(2 / beta)).cdf).pvalue > 1e-6
    # Two: |d|^beta exp(-beta n d^2 / 8) of the difference d, n = 2.
    d = np.diff(hermite_eigenvalues(2, beta, size=count, rng=1))[:, 0]
    assert stats.kstest(beta * d**2 / 2, stats.chi2(beta + 1).cdf).pvalue > 1e-6
    x = laguerre_eigenvalues(3, 1, beta, size=count, rng=1)[:, 0]
    assert stats.kstest(x, stats.gamma(3 * beta / 2, scale=2 / (3 * beta)).cdf).pvalue > 1e-6
    x = jacobi_eigenvalues(1, 0.5, 2, beta, size=count, rng=1)[:, 0]
    if beta <= 1e6:
        assert stats.kstest(x, stats.beta(0.75 * beta, 1.5 * beta).cdf).pvalue > 1e-6
    assert_mean(x, 1 / 3)
    assert abs(x.var() * 9 * (1 + 2.25 * beta) / 2 - 1) < 5 * np.sqrt(2 / count)  # five standard errors, kurtosis <= 3


def test_the_law_of_dense_matrices():
    """Largest, smallest and second eigenvalues of independent draws by either route."""
    n, p, count = 6, 4, 3000
    rng = np.random.default_rng(0)

    def agree(fast, dense):
        for k in (0, 1, -1):
            assert stats.ks_2samp(fast[:, k], dense[:, k]).pvalue > 1e-6

    agree(hermite_eigenvalues(n, 1, size=count, rng=1), np.linalg.eigvalsh(goe(n, size=count, rng=2)))
    agree(laguerre_eigenvalues(n, p, 1, size=count, rng=1), np.linalg.eigvalsh(wishart(p, n, size=count, rng=2)))

    def gram(rows):  # complex: beta = 2
        g = rng.normal(size=(count, p, rows)) + 1j * rng.normal(size=(count, p, rows))
        return g @ g.conj().swapaxes(1, 2) / (2 * rows)

    agree(laguerre_eigenvalues(n, p, 2, size=count, rng=1), np.linalg.eigvalsh(gram(n)))
    g = rng.normal(size=(count, n, n)) + 1j * rng.normal(size=(count, n, n))
    gue = (g + g.conj().swapaxes(1, 2)) / (2 * np.sqrt(n))
    agree(hermite_eigenvalues(n, 2, size=count, rng=1), np.linalg.eigvalsh(gue))
    a, b = 6 * gram(6), 9 * gram(9)
    manova = np.sort(np.linalg.eigvals(np.linalg.solve(a + b, a)).real)
    agree(jacobi_eigenvalues(p, 6 - p, 9 - p, 2, size=count, rng=1), manova)
    a, b = (w[0] * wishart(p, w[0], size=count, rng=w[0]) for w in ((5,), (8,)))
    manova = np.sort(np.linalg.eigvals(np.linalg.solve(a + b, a)).real)
    agree(jacobi_eigenvalues(p, 5 - p, 8 - p, 1, size=count, rng=1), manova)


def test_large_beta_freezes_eigenvalues_at_zeros_of_polynomials():
    """Stieltjes: fluctuations are of order 1/sqrt(beta), five standard deviations of entries of order 1."""
    n, p, beta, a, b = 30, 20, 1e20, 1.5, 4.0
    zeros = special.roots_hermitenorm(n)[0] / np.sqrt(n)
    np.testing.assert_allclose(hermite_eigenvalues(n, beta, rng=0), zeros, rtol=0, atol=1e-9)
    zeros = special.roots_genlaguerre(p, n - p)[0] / n
    np.testing.assert_allclose(laguerre_eigenvalues(n, p, beta, rng=0), zeros, rtol=0, atol=1e-9)
    zeros = (1 + special.roots_jacobi(p, b, a)[0]) / 2
    np.testing.assert_allclose(jacobi_eigenvalues(p, a, b, beta, rng=0), zeros, rtol=0, atol=1e-9)


@pytest.mark.parametrize("beta", [1, 2, 4])
def test_limit_laws(beta):
    # Rigid: the count of levels below x has variance (2 / (pi^2 beta)) ln n + O(1), about 1.5, and its mean differs
    # from the law's by less than one level; five standard deviations are 7 levels.
    n, p = 2000, 1000
    assert stats.kstest(hermite_eigenvalues(n, beta, rng=4), Semicircle().cdf).statistic < 7 / n
    law = MarchenkoPastur(p / n)
    assert stats.kstest(laguerre_eigenvalues(n, p, beta, rng=4), law.cdf).statistic < 7 / p


@each
@pytest.mark.parametrize("beta", [1e-6, 1e-3, 1e12, 1e200])
def test_extreme_beta(draw, beta):
    x = draw(beta, size=20, rng=1)
    assert np.isfinite(x).all()
    assert (np.diff(x) >= 0).all()


@pytest.mark.parametrize("draw", ALL[1:])
def test_ranges(draw):
    for beta in (1e-6, 0.1, 1):
        x = draw(beta, size=50, rng=1)
        assert (x >= 0).all()
    assert (jacobi_eigenvalues(60, 0, 0, 0.1, size=50, rng=1) <= 1).all()


def test_tiny_beta_is_the_law_of_independent_variables():
    """Without repulsion Hermite eigenvalues are independent N(0, 2 / (beta n)): off-diagonals vanish beside them."""
    n, beta = 2000, 1e-9
    x = hermite_eigenvalues(n, beta, rng=0)
    assert stats.kstest(x * np.sqrt(beta * n / 2), "norm").pvalue > 1e-6


@each
def test_seeds_stacks_threads_and_dtypes(draw):
    x = draw(1.5, size=(2, 3), rng=7, threads=1)
    assert x.shape == (2, 3, 60)
    for threads in (2, 5):
        np.testing.assert_array_equal(draw(1.5, size=(2, 3), rng=7, threads=threads), x)
    np.testing.assert_array_equal(draw(1.5, size=4, rng=7), x.reshape(6, 60)[:4])
    np.testing.assert_array_equal(draw(1.5, rng=7), x[0, 0])
    np.testing.assert_array_equal(draw(1.5, rng=7, dtype=np.float32), x[0, 0].astype(np.float32))
    assert draw(1.5, size=0).shape == (0, 60)
    assert not np.array_equal(draw(1.5, rng=8), x[0, 0])
    rng = np.random.default_rng(7)
    np.testing.assert_array_equal(draw(1.5, rng=rng), x[0, 0])
    assert not np.array_equal(draw(1.5, rng=rng), x[0, 0])


def test_one_large_sample_uses_threads_and_keeps_its_bits():
    for draw in (
        lambda t: hermite_eigenvalues(3000, 1.0, rng=1, threads=t),
        lambda t: laguerre_eigenvalues(2500, 2500, 1.0, rng=1, threads=t),
    ):
        np.testing.assert_array_equal(draw(1), draw(3))


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda: hermite_eigenvalues(5, 0), ValueError, "hermite_eigenvalues: beta must be finite and above 0, got 0"),
        (lambda: hermite_eigenvalues(5, np.nan), ValueError, "beta must be finite and above 0, got nan"),
        (lambda: hermite_eigenvalues(5, np.inf), ValueError, "beta must be finite and above 0, got inf"),
        (lambda: hermite_eigenvalues(5, "1"), TypeError, "beta must be a real number"),
        (lambda: hermite_eigenvalues(5, [1.0]), TypeError, "beta must be a real number"),
        (lambda: hermite_eigenvalues(0, 1), ValueError, "n must be at least 1, got 0"),
        (lambda: hermite_eigenvalues(2.5, 1), TypeError, "n must be a whole number"),
        (lambda: hermite_eigenvalues(5, 1, dtype=int), ValueError, "dtype must be float32 or float64"),
        (lambda: hermite_eigenvalues(5, 1, rng="x"), TypeError, "rng must be what"),
        (lambda: hermite_eigenvalues(5, 1, size=-1), ValueError, "size must be at least 0"),
        (lambda: hermite_eigenvalues(10**9, 1, size=10**6), MemoryError, "needs"),
        (lambda: laguerre_eigenvalues(5, 6, 1), ValueError, "laguerre_eigenvalues: p must be at most n = 5, got 6"),
        (lambda: laguerre_eigenvalues(5, 0, 1), ValueError, "p must be at least 1, got 0"),
        (lambda: laguerre_eigenvalues(5, 5, -1), ValueError, "beta must be finite and above 0, got -1"),
        (lambda: jacobi_eigenvalues(5, -1, 0, 1), ValueError, "jacobi_eigenvalues: a must be finite and above -1"),
        (lambda: jacobi_eigenvalues(5, 0, np.nan, 1), ValueError, "b must be finite and above -1, got nan"),
        (lambda: jacobi_eigenvalues(0, 0, 0, 1), ValueError, "p must be at least 1, got 0"),
        (
            lambda: jacobi_eigenvalues(5, 1e300, 0, 1e300),
            ValueError,
            "jacobi_eigenvalues: beta must be so small that beta times the degrees of freedom is finite",
        ),
        (lambda: hermite_eigenvalues(5, 1e308), ValueError, "hermite_eigenvalues: beta must be so small that"),
        (lambda: laguerre_eigenvalues(99, 5, 1e308), ValueError, "laguerre_eigenvalues: beta must be so small that"),
        (lambda: hermite_eigenvalues(5, 5e-324, rng=0), ValueError, "hermite_eigenvalues: beta must be so large that"),
        (lambda: hermite_eigenvalues(5, 1e-80, dtype="f4", rng=0), ValueError, "that no eigenvalue exceeds 3.4"),
    ],
)
def test_refuses(call, error, says):
    with pytest.raises(error, match=says):
        call()
