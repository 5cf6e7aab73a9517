"""Cholesky factors of kernels, with what singular ones need on their diagonal."""

from __future__ import annotations

import math
import warnings

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from ..errors import SingularKernelWarning

__all__ = ["cholesky_factor", "log_likelihood", "refuse_without_digits", "why_singular"]

Array = NDArray[np.float64]
_epsilon = float(np.finfo(float).eps)


def cholesky_factor(function: str, matrix: Array, noise: float, jitter: float | None) -> tuple[Array, float]:
    """The Cholesky factor, and the jitter that it took."""
    refuse_without_digits(function, matrix)
    n = len(matrix)
    scale = float(matrix.diagonal().mean())
    # Predictions are off by some jitter / lambda, and by rounding / jitter where the kernel is singular.
    ladder = [jitter] if jitter is not None else [0.0, *(scale * 10.0**k for k in range(-9, -5) if scale > 0)]
    for added in ladder:
        shifted = matrix + (noise + added) * np.eye(n)
        try:
            factor = linalg.cholesky(shifted, lower=True, check_finite=False)
        except linalg.LinAlgError:
            continue
        # A pivot that is rounding says nothing.
        least = float(factor.diagonal().min()) ** 2
        if jitter is None and least <= 2 * n * _epsilon * float(shifted.diagonal().max()):
            continue
        if added > 0 and jitter is None:
            warnings.warn(
                f"{function}: the kernel of the training inputs is singular to rounding{why_singular(matrix)};"
                f" {added:.3g} was added to its diagonal",
                SingularKernelWarning,
                stacklevel=3,
            )
        return np.asarray(factor), added
    least = float(linalg.eigvalsh(matrix, subset_by_index=[0, 0])[0])
    raise np.linalg.LinAlgError(
        f"{function}: the kernel of the training inputs{why_singular(matrix)} must be positive definite, but its least"
        f" eigenvalue is {least:.3g}, with noise {noise:.3g} and jitter {ladder[-1]:.3g} added to the diagonal"
    )


def why_singular(matrix: Array) -> str:
    """Names two inputs that are the same to the kernel."""
    d = matrix.diagonal()
    alike = np.abs(matrix - d) + np.abs(matrix - d[:, None]) <= 1e-13 * np.maximum(np.abs(d), 1e-300)
    np.fill_diagonal(alike, False)
    if not alike.any():
        return ""
    i, j = np.unravel_index(int(alike.argmax()), alike.shape)
    return f" (inputs {i} and {j} are duplicates)"


def log_likelihood(factor: Array, target: Array, alpha: Array) -> float:
    log_det = 2 * float(np.log(factor.diagonal()).sum())
    fit = float(np.sum(target * alpha))
    return -0.5 * (fit + float(target.shape[1]) * (log_det + len(target) * math.log(2 * math.pi)))


def refuse_without_digits(function: str, matrix: Array) -> None:
    largest = float(matrix.diagonal().max())
    if 0 < largest < 1e6 * np.finfo(float).tiny:
        raise ValueError(
            f"{function}: the kernel of the training inputs must be so large that it has digits, found {largest:.3g} as"
            " its largest entry on the diagonal; scale the inputs up"
        )
