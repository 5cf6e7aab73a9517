"""The largest eigenvalue of a symmetric operator, by Lanczos' method."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import ConvergenceError


def largest_eigenvalue(function: str, operator: Any) -> float:
    """Of a SciPy operator of any order; a fixed start, so that each call gives the same bits."""
    from scipy.sparse.linalg import ArpackError, ArpackNoConvergence, eigsh

    n = operator.shape[0]
    if n <= 40:  # for less than this Lanczos' method takes as many products
        return float(np.linalg.eigvalsh(np.asarray(operator @ np.eye(n), np.float64))[-1])
    start = np.random.default_rng(0).normal(size=n).astype(operator.dtype)
    tolerance = 1e-5 if operator.dtype == np.float32 else 1e-10
    try:
        values = eigsh(operator, k=1, which="LA", v0=start, tol=tolerance, return_eigenvectors=False)
    except (ArpackError, ArpackNoConvergence) as error:
        raise ConvergenceError(
            f"{function}: Lanczos' method did not find the largest eigenvalue of an operator of order {n}: {error}",
            {"order": n, "tolerance": tolerance},
        ) from error
    return float(values[0])
