"""What `spectral_density` and its results refuse, and how they say so."""

import numpy as np
import pytest
import scipy.sparse
from scipy.sparse.linalg import LinearOperator, aslinearoperator

from deeprmt.linalg import spectral_density


def rectangular(m, n):
    return LinearOperator((m, n), matvec=lambda x: np.zeros(m))


@pytest.mark.parametrize(
    ("operator", "options", "error", "says"),
    [
        (np.ones((2, 3)), {}, ValueError, r"square, got \(2, 3\); gram=True or singular=True"),
        ([[1.0, 2.0], [3.0, 4.0]], {}, ValueError, r"symmetric, but entries \(0, 1\) and \(1, 0\) differ by 1"),
        (scipy.sparse.csr_array([[1.0, 2.0], [3.0, 4.0]]), {}, ValueError, r"symmetric, but entries \([01], [01]\)"),
        (aslinearoperator(np.triu(np.ones((9, 9)))), {}, ValueError, "must be symmetric, but <x, A y> and <A x, y>"),
        (lambda x: np.triu(np.ones((9, 9))) @ x, {"shape": 9}, ValueError, "must be symmetric"),
        ([[np.nan, 1.0], [1.0, 0.0]], {}, ValueError, r"finite, found nan at index \(0, 0\)"),
        (scipy.sparse.csr_array([[np.inf, 0.0], [0.0, 0.0]]), {}, ValueError, "finite, found inf"),
        (lambda x: np.nan * x, {"shape": 3}, ValueError, r"must give finite numbers, found nan at index \(0, 0\)"),
        (lambda x: x[:2], {"shape": 3}, ValueError, r"block of shape \(3, 16\) into \(3, 16\), got \(2, 16\)"),
        (lambda x: 1j * x, {"shape": 3}, TypeError, "operator must give real numbers, got dtype complex128"),
        (np.eye(2) * 1j, {}, TypeError, "operator must be real, got dtype complex128"),
        (scipy.sparse.eye_array(3, dtype=complex), {}, TypeError, "operator must be real, got dtype complex128"),
        (aslinearoperator(1j * np.eye(3)), {}, TypeError, "operator must be real, got dtype complex128"),
        (np.zeros((0, 0)), {}, ValueError, r"at least one row and one column, got shape \(0, 0\)"),
        (np.zeros((3, 0)), {"gram": True}, ValueError, r"at least one row and one column"),
        (np.ones(3), {}, ValueError, "two axes, got 1"),
        (np.ones((2, 3, 3)), {}, ValueError, "two axes, got 3"),
        ("word", {}, TypeError, "operator must be real numbers"),
        (lambda x: x, {}, TypeError, "shape must be given where operator is a function"),
        (lambda x: x, {"shape": (2, 3, 4)}, ValueError, r"shape must be n or \(m, n\), got \(2, 3, 4\)"),
        (lambda x: x, {"shape": 3, "singular": True}, TypeError, "transpose must be given"),
        (lambda x: x, {"shape": 3, "transpose": 3}, TypeError, "transpose must be a function"),
        (np.eye(3), {"shape": 3}, TypeError, "shape must be left out unless operator is a function, got 3"),
        (rectangular(5, 3), {"singular": True}, ValueError, "the transpose of operator must be one that can"),
        (lambda x: 2 * x, {"shape": 9, "gram": True, "transpose": lambda x: 3 * x}, ValueError, "transpose must fit"),
        (np.eye(3), {"probes": 0}, ValueError, "probes must be at least 1, got 0"),
        (np.eye(3), {"steps": 0}, ValueError, "steps must be at least 1, got 0"),
        (np.eye(3), {"keep": 1}, ValueError, "keep must be at least 2, got 1"),
        (np.eye(3), {"block": 0}, ValueError, "block must be at least 1, got 0"),
        (np.eye(3), {"gram": True, "singular": True}, ValueError, "gram and singular must not both be set"),
        (np.eye(3), {"method": "exact"}, ValueError, "method must be one of 'lanczos', 'kpm', got 'exact'"),
        (np.eye(3), {"probe": "ones"}, ValueError, "probe must be one of"),
        (np.eye(3), {"interval": (0, 1)}, TypeError, "interval must be left out for Lanczos"),
        (np.eye(3), {"method": "kpm", "keep": 3}, TypeError, "keep must be left out for kernel polynomials"),
        (np.eye(3), {"method": "kpm", "interval": (1, 0)}, ValueError, r"interval must ascend, got \(1, 0\)"),
        (np.eye(3), {"method": "kpm", "interval": 3}, TypeError, "interval must be two numbers, got 3"),
        (np.eye(3), {"dtype": np.int32}, ValueError, "dtype must be float32 or float64"),
        (lambda x: x, {"shape": 10**12}, MemoryError, r"a block of 1 probes with 100 vectors of length 1000000000000"),
        (1e200 * np.diag([1.0, 2.0]), {"gram": True}, ValueError, "squares stay finite"),
    ],
)  # fmt: skip
def test_refuses(operator, options, error, says):
    with pytest.raises(error, match=says):
        spectral_density(operator, **options)


def test_checks_can_be_left_out():
    a = aslinearoperator(np.diag(np.ones(8), 1))
    assert spectral_density(a, check=False, steps=4, rng=1).n == 9


def test_results_refuse():
    found = spectral_density(np.diag([-1.0, 1.0, 2.0]), rng=1)
    with pytest.raises(ValueError, match=r"must be positive definite, but a node is -1"):
        found.log_determinant()
    with (
        pytest.raises(ValueError, match=r"function must be finite on the nodes, found .* at -1"),
        np.errstate(all="ignore"),
    ):
        found.trace(np.log)
    with pytest.raises(
        ValueError, match=r"function must give real numbers of shape \(16, 3\), got float64 of shape \(\)"
    ):
        found.trace(np.sum)
    with pytest.raises(ValueError, match="width must be finite and above 0, got 0"):
        found.density(1.0, width=0)
    with pytest.raises(ValueError, match="x must be numbers, found nan"):
        found.cdf([np.nan])
    with pytest.raises(ValueError, match="k must be at least 0"):
        found.moment(-1)
    polynomials = spectral_density(np.diag([0.001, 1.0, 2.0]), method="kpm", rng=1)
    with pytest.raises(ValueError, match="it is the interval that reaches there"):
        polynomials.log_determinant()
    with pytest.raises(TypeError, match="width must be left out for kernel polynomials"):
        polynomials.density(1.0, width=0.1)
    with pytest.raises(ValueError, match="method must be 'lanczos', got 'kpm'"):
        polynomials.cdf_bounds(0.0)
