"""Gradient flow in the eigenvectors of the kernel that learns."""

from __future__ import annotations

import math
import warnings

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from .._arguments import as_number, shown
from ..errors import SingularKernelWarning
from ._cholesky import refuse_without_digits, why_singular

__all__ = ["as_time", "decomposed", "learned_by_flow", "longest", "resolved_values", "rotated_to", "tell_singular"]

Array = NDArray[np.float64]
_epsilon = float(np.finfo(float).eps)


def as_time(function: str, argument: str, value: float) -> float:
    """A number of at least 0; inf is the end."""
    if isinstance(value, float | np.floating) and value == math.inf:
        return math.inf
    try:
        return as_number(function, argument, value, least=0)
    except ValueError:
        raise ValueError(f"{function}: {argument} must be at least 0 (inf is the end), got {shown(value)}") from None


def decomposed(function: str, kernel: Array) -> tuple[Array, Array]:
    """Eigenvalues and eigenvectors of the kernel that learns."""
    refuse_without_digits(function, kernel)
    values, vectors = linalg.eigh(kernel)
    if values[0] < -1e-5 * abs(values[-1]):  # beyond rounding of single precision
        raise np.linalg.LinAlgError(
            f"{function}: the kernel of the training inputs must have no negative eigenvalue, but they run from"
            f" {values[0]:.3g} to {values[-1]:.3g}"
        )
    return values, vectors


def resolved_values(values: Array) -> tuple[Array, float]:
    """Eigenvalues with 0 for those that are rounding, and the border of these."""
    floor = len(values) * _epsilon * float(values.max(initial=0.0))
    return np.where(values <= floor, 0.0, values), floor


def tell_singular(function: str, kernel: Array, values: Array, rotated: Array, time: float) -> None:
    """Warns of directions that never learn, where after such a time it can be seen that they do not.

    `rotated` is what is to be learned, in eigenvectors. Called by what a public function calls.
    """
    resolved, floor = resolved_values(values)
    null = resolved == 0
    if not null.any() or time == 0:
        return
    with np.errstate(over="ignore", under="ignore"):
        size = float(np.abs(rotated).max(initial=0.0)) or 1.0
        whole, stuck = (float(((each / size) ** 2).sum()) for each in (rotated, rotated[null]))
    contradicted = stuck > len(values) * _epsilon * whole
    if not contradicted and time * floor < 1:
        return
    says = (
        f"targets differ where it is, and {stuck / whole:.3g} of the loss can never be learned"
        if contradicted
        else "what has no eigenvalue stays as it was before training"
    )
    warnings.warn(
        f"{function}: the kernel of the training inputs is singular to rounding{why_singular(kernel)}; {says}",
        SingularKernelWarning,
        stacklevel=4,
    )


def longest(time: float, floor: float) -> float:
    """How far a direction without an eigenvalue is followed: no further than where rounding would count as one."""
    return min(time, 1 / floor if floor > 0 else 1e300, 1e300)


def rotated_to(cross: Array, vectors: Array, values: Array) -> Array:
    """From new inputs to eigenvectors; where these have no eigenvalue rounding is cut off, which time would enlarge."""
    # Rows in powers of two of their own, so that squares of what is near the end of doubles stay finite.
    power = np.frexp(np.abs(cross).max(axis=1, keepdims=True, initial=0.0))[1]
    scaled = np.ldexp(cross, -power)
    out = scaled @ vectors
    null = resolved_values(values)[0] == 0
    size = 8 * len(values) * _epsilon * np.linalg.norm(scaled, axis=1, keepdims=True)
    out[:, null] = np.where(np.abs(out[:, null]) <= size, 0.0, out[:, null])
    with np.errstate(over="ignore", under="ignore"):
        return np.asarray(np.ldexp(out, power))


def learned_by_flow(values: Array, time: float) -> Array:
    """(1 - exp(-t lambda)) / lambda; directions without a kernel never learn."""
    resolved, floor = resolved_values(values)
    null = resolved == 0
    safe = np.where(null, 1.0, resolved)
    if time == math.inf:
        return np.where(null, 0.0, 1 / safe)
    with np.errstate(under="ignore"):
        return np.where(null, longest(time, floor), -np.expm1(-time * safe) / safe)
