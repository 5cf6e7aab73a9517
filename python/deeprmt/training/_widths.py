"""One network at several widths: what tools that compare widths share."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike

from .._arguments import Floats, as_count, as_real, refuse_non_finite
from ..networks import MLP


def at_width(mlp: MLP, width: int) -> MLP:
    """The same with `width` units in the first hidden layer, and as many times more or fewer in the other ones."""
    first, *rest = mlp.widths[1:-1]
    widths = [mlp.widths[0], width, *[max(1, round(each * width / first)) for each in rest], mlp.widths[-1]]
    return MLP(
        widths,
        mlp.activation,
        weights=mlp.weights,
        sigma_w=mlp.sigma_w,
        sigma_b=mlp.sigma_b,
        parametrization=mlp.parametrization,
    )


def as_networks(function: str, mlp: object, widths: Sequence[int]) -> list[MLP]:
    """The network at each of the widths, which ascend."""
    if not isinstance(mlp, MLP):
        raise TypeError(f"{function}: mlp must be a deeprmt.networks.MLP, got {type(mlp).__name__}")
    if mlp.depth < 2:
        raise ValueError(f"{function}: mlp.widths must name a hidden layer, got {list(mlp.widths)}")
    levels = [as_count(function, "each width", width) for width in widths]
    if len(levels) < 2 or any(b <= a for a, b in pairwise(levels)):
        raise ValueError(f"{function}: widths must be two at least and ascend, got {widths!r}")
    return [at_width(mlp, width) for width in levels]


def as_samples(function: str, mlp: MLP, x: ArrayLike) -> Floats:
    """Inputs, a row each, in double precision."""
    rows = as_real(function, "x", x).astype(np.float64)
    if rows.ndim != 2 or rows.shape[1] != mlp.widths[0] or not len(rows):
        raise ValueError(f"{function}: x must have shape (n, {mlp.widths[0]}), got {rows.shape}")
    refuse_non_finite(function, "x", rows)
    return rows
