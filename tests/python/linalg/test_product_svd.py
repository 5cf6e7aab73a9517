"""Singular values of long products, and Lyapunov exponents: digits by brute force, constructions, exact exponents."""

import itertools

import numpy as np
import pytest
from scipy.special import polygamma, psi

from deeprmt.ensembles import haar
from deeprmt.linalg import LyapunovExponents, log_svdvals, lyapunov_exponents, svdvals
from reference.linalg import product_svd as reference

wanted = 1e-8  # the accuracy that is promised; what rounding leaves is far below it


def known_values(rng, logs):
    """Q_L D_L Q_{L-1}^T, ..., Q_1 D_1 Q_0^T: the product is Q_L (D_L ... D_1) Q_0^T."""
    depth, n = logs.shape
    frames = haar(n, size=depth + 1, rng=rng, threads=1)
    return np.stack([(frames[i + 1] * np.exp(logs[i])) @ frames[i].T for i in range(depth)])


def test_matches_the_product_with_many_digits():
    rng = np.random.default_rng(0)
    factors = rng.normal(size=(200, 8, 8))
    expected = reference.log_svdvals(factors, 400)
    assert expected[0] - expected[-1] > 300  # 130 orders of magnitude
    np.testing.assert_allclose(log_svdvals(factors), expected, rtol=0, atol=wanted)


def test_matches_the_product_with_many_digits_where_sizes_change():
    rng = np.random.default_rng(1)
    sizes = [5, 9, 4, 6, 8, 4, 7]
    factors = [rng.normal(size=(m, n)) * 10.0 ** rng.integers(-250, 250) for n, m in itertools.pairwise(sizes)]
    expected = reference.log_svdvals(factors, 2000)[:4]
    found = log_svdvals(iter(factors))
    assert found.shape == (5,)
    np.testing.assert_allclose(found[:4], expected, rtol=0, atol=wanted)
    assert found[4] == -np.inf  # the chain is 4 wide at its narrowest


@pytest.mark.parametrize(
    ("n", "depth", "spread", "noise"), [(8, 10_000, 1.0, 0.1), (20, 2000, 0.5, 0.05), (70, 40, 3.0, 0.3)]
)
def test_finds_values_that_are_known(n, depth, spread, noise):
    rng = np.random.default_rng(2)
    # The noise is so small beside the spread that no two values change places for long.
    logs = np.linspace(spread, -spread, n) + noise * rng.normal(size=(depth, n))
    expected = np.sort(logs.sum(axis=0))[::-1]
    # QR of the test itself and the products round by about 4 eps n a factor, independently.
    rounding = 4 * np.finfo(float).eps * n * np.sqrt(depth)
    assert rounding < wanted / 10
    np.testing.assert_allclose(log_svdvals(known_values(rng, logs)), expected, rtol=0, atol=wanted)


def test_clusters_and_equal_values_are_found():
    rng = np.random.default_rng(3)
    levels = np.repeat([2.0, 0.0, -1.0, -6.0], [15, 20, 20, 10])
    levels[:15] += np.linspace(0, 1e-9, 15)
    logs = np.tile(levels, (60, 1))
    np.testing.assert_allclose(
        log_svdvals(known_values(rng, logs)), np.sort(logs.sum(axis=0))[::-1], rtol=0, atol=wanted
    )


def test_a_continuum_over_many_orders_of_magnitude_is_found():
    """No gap anywhere: neither one dense decomposition nor a split into blocks is accurate, Jacobi has to do it."""
    rng = np.random.default_rng(4)
    logs = np.tile(np.linspace(6.0, -6.0, 240), (3, 1))  # 16 orders of magnitude in all
    found = log_svdvals(known_values(rng, logs))
    np.testing.assert_allclose(found, logs.sum(axis=0), rtol=0, atol=wanted)


def test_orders_that_are_turned_round_within_the_chain():
    """The first half enlarges what the second shrinks; what is left has digits as far as the factors have them."""
    rng = np.random.default_rng(5)
    up = np.linspace(0.3, -0.3, 6) * np.ones((10, 1))  # to exp(3), back to 1, where errors grow to eps exp(2 * 3)
    factors = known_values(rng, np.concatenate([up, -up]))
    np.testing.assert_allclose(log_svdvals(factors), np.zeros(6), rtol=0, atol=1e-11)


def test_one_factor_has_its_singular_values():
    a = np.random.default_rng(6).normal(size=(30, 20))
    for each in (a, a.T, a.astype(np.float32)):
        np.testing.assert_allclose(np.exp(log_svdvals([each])), svdvals(each.astype(float)), rtol=1e-12)


def test_the_first_factor_is_applied_first():
    first, second = np.array([[1.0, 2.0, 0.0], [0.0, 1.0, 1.0]]), np.array([[0.0, 3.0]])
    np.testing.assert_allclose(log_svdvals([first, second]), [np.log(np.linalg.norm(second @ first))], rtol=1e-14)
    with pytest.raises(ValueError, match=r"factors\[1\] must have 1 columns, as many as factors\[0\] has rows, got 3"):
        log_svdvals([second, first])


def test_the_determinant_is_the_product_of_determinants():
    """By no other way: sums of logarithms of LU's pivots. Errors of n values, each below 1e-10."""
    factors = np.random.default_rng(7).normal(size=(500, 40, 40))
    assert abs(log_svdvals(factors).sum() - np.linalg.slogdet(factors)[1].sum()) < 40 * 1e-10


def test_the_transposed_chain_has_the_same_values():
    factors = np.random.default_rng(8).normal(size=(60, 12, 12))
    turned = [f.T for f in factors[::-1]]
    np.testing.assert_allclose(log_svdvals(turned), log_svdvals(factors), rtol=0, atol=wanted)


def test_any_scale_and_bits_do_not_depend_on_threads():
    factors = np.random.default_rng(9).normal(size=(6, 300, 300))
    values = log_svdvals(factors, threads=1)
    np.testing.assert_array_equal(log_svdvals(factors, threads=2), values)
    np.testing.assert_array_equal(log_svdvals(iter(factors), threads=3), values)
    small = factors * 2.0**-1000  # exact
    np.testing.assert_allclose(log_svdvals(small), values - 6000 * np.log(2), rtol=1e-14)


@pytest.mark.parametrize("scale", [5e-324, 1e-310, 1e308])
def test_the_ends_of_the_range(scale):
    np.testing.assert_allclose(log_svdvals([np.eye(2) * scale] * 100), np.full(2, 100 * np.log(scale)), rtol=1e-13)


def test_zeros_are_exact():
    rng = np.random.default_rng(10)
    full = rng.normal(size=(3, 6, 6))
    assert (log_svdvals([full[0], np.zeros((6, 6)), full[1]]) == -np.inf).all()
    mask = np.array([1.0, 1, 0, 1, 0, 1])
    for factors in (
        [full[0], mask[:, None] * full[1], full[2]],
        [full[0], full[1] * mask, full[2]],
        [full[0] * mask, full[1], full[2]],
        [full[0], full[1], np.diag(mask)],
    ):
        values = log_svdvals(factors)
        assert (values[4:] == -np.inf).all()
        np.testing.assert_allclose(
            values[:4], np.log(svdvals(np.linalg.multi_dot(factors[::-1]))[:4]), rtol=0, atol=1e-11
        )
    # Singular by cancellation: nothing, or a number of the size of rounding.
    ones = log_svdvals(np.ones((4, 3, 3)))
    assert abs(ones[0] - 4 * np.log(3)) < 1e-14
    assert (ones[1:] < ones[0] - 30).all()


def test_a_matrix_whose_rank_sorting_by_norm_does_not_show():
    """Kahan's matrix, all columns of norm 1, and nearly dependent leading columns: the order is found by pivoting."""
    n = 30
    s, c = 0.6, 0.8
    kahan = np.diag(s ** np.arange(n)) @ (np.eye(n) - c * np.triu(np.ones((n, n)), 1))
    rng = np.random.default_rng(11)
    near = rng.normal(size=(n, n))
    near[:, 1] = near[:, 0] + 1e-5 * near[:, 1]  # errors of eps n 1e5
    near /= np.linalg.norm(near, axis=0)
    for a in (kahan, near):
        factors = [a, rng.normal(size=(n, n)), rng.normal(size=(n, n))]
        expected = reference.log_svdvals(factors, 60)
        np.testing.assert_allclose(log_svdvals(factors), expected, rtol=0, atol=wanted)


def test_small_rows_and_columns_keep_their_digits():
    """What diag(tiny) between full matrices leaves is far below eps of the factor that holds it."""
    rng = np.random.default_rng(12)
    full, tiny = rng.normal(size=(4, 6, 6)), 10.0 ** -np.array([3.0, 0, 40, 11, 25, 0])
    diagonal = [full[0], np.diag(tiny), full[1], np.diag(tiny[::-1]), full[2]]
    expected = reference.log_svdvals(diagonal, 300)
    assert expected[-1] < -80
    for factors in (
        diagonal,
        [full[0], full[1] * tiny, full[2] * tiny[::-1]],
        [tiny[:, None] * full[0], tiny[::-1, None] * full[1], full[2]],
    ):
        np.testing.assert_allclose(log_svdvals(factors), expected, rtol=0, atol=1e-11)


def test_small_sizes_and_empty_chains():
    np.testing.assert_allclose(log_svdvals(np.full((10_000, 1, 1), -3.0)), [10_000 * np.log(3)], rtol=1e-15)
    np.testing.assert_array_equal(log_svdvals(np.empty((0, 3, 3))), np.zeros(3))  # the empty product is 1
    assert log_svdvals(np.empty((2, 0, 0))).shape == (0,)
    for empty in ([], iter([])):
        with pytest.raises(ValueError, match="log_svdvals: factors must hold at least one matrix, got none"):
            log_svdvals(empty)


@pytest.mark.parametrize(
    ("factors", "error", "says"),
    [
        (np.eye(3), ValueError, "3 axes, got 2"),
        ([np.eye(2), np.ones(2)], ValueError, r"factors\[1\] must be a matrix, got 1 axes"),
        ([np.eye(2), np.eye(3)], ValueError, r"factors\[1\] must have 2 columns"),
        (np.ones((2, 3, 4)), ValueError, "must hold square matrices, got 3 x 4"),
        ([np.eye(2), [[1.0, np.nan], [0.0, 1.0]]], ValueError, r"factors\[1\] must be finite, found nan"),
        ([[[np.inf]]], ValueError, r"factors\[0\] must be finite, found inf"),
        ([np.eye(2) * 1j], TypeError, r"factors\[0\] must be real"),
        (3, TypeError, "must be matrices, one after the other, got 3"),
        ("ab", TypeError, "got 'ab'"),
    ],
)
def test_refuses(factors, error, says):
    for function in (log_svdvals, lyapunov_exponents):
        with pytest.raises(error, match=f"{function.__name__}: .*{says}"):
            function(factors)


def test_errors_of_a_generator_pass_through():
    def factors():
        yield np.eye(2)
        raise RuntimeError("no more")

    for function in (log_svdvals, lyapunov_exponents):
        with pytest.raises(RuntimeError, match="no more"):
            function(factors())


# ---- Lyapunov exponents ----


def ginibre(n, sigma):
    """Exact exponents of products of n x n matrices with entries N(0, sigma^2): Newman, Commun. Math. Phys. (1986)."""
    return (np.log(2) + psi((n - np.arange(n)) / 2)) / 2 + np.log(sigma)


def test_exponents_of_gaussian_matrices_are_exact():
    n, sigma = 6, 0.3
    result = lyapunov_exponents(sigma * np.random.default_rng(0).normal(size=(20_000, n, n)))
    assert result.steps == 20_000
    assert 64 <= result.batches < 128
    # The steps are independent here, so the standard errors are known: Var log chi_j = psi'(j / 2) / 4. Those of 64 and
    # more blocks are right to 1 / sqrt(2 * 64) = 9%.
    exact = np.sqrt(polygamma(1, (n - np.arange(n)) / 2) / 4 / result.steps)
    assert (np.abs(result.exponents - ginibre(n, sigma)) < 5 * result.stderr).all()
    assert (np.abs(result.stderr / exact - 1) < 5 * 0.09).all()


def test_standard_errors_are_calibrated():
    """(estimate - truth) / stderr over 60 runs x 3 exponents has mean square 1.

    The directions of one run are independent. A z with 64 and more blocks has variance 63 / 61 and fourth moment about
    3, so the mean of 180 squares has a standard error of sqrt(2 / 180) = 0.11.
    """
    rng = np.random.default_rng(1)
    z = []
    for _ in range(60):
        result = lyapunov_exponents(rng.normal(size=(512, 3, 3)))
        z.append((result.exponents - ginibre(3, 1.0)) / result.stderr)
    assert abs(np.mean(np.square(z)) - 63 / 61) < 5 * 0.11


def test_standard_errors_know_of_correlations():
    """Diagonal factors whose logarithms are an AR(1) process: the error is (1 + r) / (1 - r) times larger, squared."""
    rng, r, steps = np.random.default_rng(2), 0.8, 32_768
    noise = rng.normal(size=steps)
    x = np.zeros(steps)
    for i in range(1, steps):
        x[i] = r * x[i - 1] + noise[i]
    result = lyapunov_exponents(np.exp(x)[:, None, None])
    # Blocks of 256 to 512 steps are 50 correlation times long; 64 of them know their spread to 9%.
    assert abs(result.stderr[0] / (1 / (1 - r) / np.sqrt(steps)) - 1) < 5 * 0.09 + 0.02
    assert abs(result.exponents[0] - x.mean()) < 1e-12


def test_matches_the_reference_and_log_svdvals():
    factors = np.random.default_rng(3).normal(size=(300, 5, 5)) * np.array([4.0, 3, 2, 1, 0.5])
    result = lyapunov_exponents(factors, k=3)
    np.testing.assert_allclose(result.exponents, reference.lyapunov_exponents(factors, 3), rtol=0, atol=1e-13)
    # Both have the same limit; they differ by a constant over the number of steps.
    assert np.abs(lyapunov_exponents(factors).exponents - log_svdvals(factors) / 300).max() < 10 / 300


def test_streams_of_every_kind_give_the_same():
    factors = np.random.default_rng(4).normal(size=(50, 3, 3))
    whole = lyapunov_exponents(factors, burn_in=10)
    assert whole.steps == 40
    for stream, steps in (
        (list(factors), None),
        (iter(factors), None),
        ((factors[i % 50] for i in itertools.count()), 40),
        (lambda step: factors[step], 40),
    ):
        result = lyapunov_exponents(stream, burn_in=10, steps=steps, threads=2)
        np.testing.assert_array_equal(result.exponents, whole.exponents)
        np.testing.assert_array_equal(result.stderr, whole.stderr)


def test_float32_rectangular_and_singular_factors():
    rng = np.random.default_rng(5)
    sizes = [4, 6, 3, 5]
    factors = [rng.normal(size=(m, n)).astype(np.float32) for n, m in itertools.pairwise(sizes)]
    result = lyapunov_exponents(factors, k=2)
    exact = reference.lyapunov_exponents([f.astype(float) for f in factors], 2)
    np.testing.assert_allclose(result.exponents, np.sort(exact)[::-1], rtol=0, atol=3 * 10 * np.finfo(np.float32).eps)
    gone = lyapunov_exponents([np.diag([2.0, 0.0])] * 3)
    np.testing.assert_allclose(gone.exponents, [np.log(2), -np.inf])
    assert np.isnan(gone.stderr[1])
    assert np.isnan(lyapunov_exponents([np.eye(2)]).stderr).all()  # one step has no spread


def test_result_shows_itself():
    result = lyapunov_exponents([np.eye(2)] * 3)
    assert isinstance(result, LyapunovExponents)
    assert repr(result) == "LyapunovExponents(2 exponents from 3 steps; the largest is 0 +- 0)"
    assert result.to_dict() == {"exponents": [0.0, 0.0], "stderr": [0.0, 0.0], "steps": 3, "batches": 3}
    assert "<td>stderr</td>" in result._repr_html_()


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        ({"factors": [np.eye(2)] * 3, "k": 3}, ValueError, "k must be at most 2, got 3"),
        ({"factors": [np.eye(2)] * 3, "burn_in": 3}, ValueError, "at least 4 matrices, 3 of them burn-in, got 3"),
        ({"factors": iter([np.eye(2)] * 3), "steps": 5}, ValueError, "at least 5 matrices, 0 of them burn-in, got 3"),
        ({"factors": lambda step: np.eye(2)}, ValueError, "steps must be given"),
        ({"factors": [np.eye(3), np.ones((2, 3))]}, ValueError, r"factors\[1\] must have at least k = 3 rows, got 2"),
        ({"factors": []}, ValueError, "at least 1 matrices"),
        ({"factors": [np.eye(2)], "steps": 0}, ValueError, "steps must be at least 1"),
    ],
)
def test_lyapunov_refuses(arguments, error, says):
    with pytest.raises(error, match=f"lyapunov_exponents: .*{says}"):
        lyapunov_exponents(arguments.pop("factors"), **arguments)
