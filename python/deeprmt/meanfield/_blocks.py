"""Kernels over training and new inputs, in blocks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._arguments import as_real, refuse_beyond_memory, refuse_non_finite, shown, speaking_for
from ..activations import Activation
from ._kernels import Kernels, kernels, nngp
from ._overflow import refuse_large

__all__ = ["Blocks", "Given", "blocks_of", "kernel_pair", "spread_of", "variances_at"]

Array = NDArray[np.float64]
Given = Kernels | tuple[ArrayLike, ArrayLike]


@dataclass
class Blocks:
    """One kernel: of the training inputs, from new to training inputs, and of the new ones."""

    train: Array
    cross: Array
    variances: Array
    new: Array | None


def blocks_of(
    function: str,
    x: ArrayLike | None,
    y: ArrayLike,
    x_new: ArrayLike | None,
    given: Given | None,
    depth: int | None,
    activation: str | Activation | None,
    sigma_w: float | None,
    sigma_b: float,
    threads: int | None,
    tangent: bool,
    covariance: bool,
) -> tuple[Blocks, Blocks | None, Array, bool]:
    target = as_real(function, "y", y).astype(float)
    refuse_non_finite(function, "y", target)
    if target.ndim not in (1, 2) or not target.size:
        raise ValueError(
            f"{function}: y must have the shape (inputs,) or (inputs, outputs), none of them 0, got {target.shape}"
        )
    refuse_large(function, target)
    columns = target.ndim == 2
    target = target.reshape(len(target), -1)
    n = len(target)
    if given is not None:
        if x is not None or x_new is not None or depth is not None or activation is not None or sigma_w is not None:
            raise TypeError(f"{function}: x, x_new and the network must be None where kernels are given")
        if not (isinstance(given, tuple | list) and len(given) == 2):
            raise TypeError(f"{function}: kernels must be two matrices, got {shown(given)}")
        both = [_whole(function, matrix, n) for matrix in given]
        if both[0].shape != both[1].shape:
            raise ValueError(f"{function}: kernels must be of one shape, got {both[0].shape} and {both[1].shape}")
        blocks = [Blocks(m[:n, :n], m[n:, :n], m.diagonal()[n:].copy(), m[n:, n:]) for m in both]
        return blocks[0], blocks[1] if tangent else None, target, columns
    missing = [
        word for word, value in (("depth", depth), ("activation", activation), ("sigma_w", sigma_w)) if value is None
    ]
    if missing or x is None:
        raise TypeError(f"{function}: {(['x'] if x is None else missing)[0]} must be given, unless kernels are")
    network: dict[str, Any] = {"depth": depth, "activation": activation, "sigma_w": sigma_w, "sigma_b": sigma_b}
    inputs = as_real(function, "x", x)
    if inputs.ndim != 2 or len(inputs) != n:
        raise ValueError(f"{function}: x must have a row for each of the {n} entries of y, got shape {inputs.shape}")
    new = inputs[:0] if x_new is None else as_real(function, "x_new", x_new)
    if new.ndim != 2 or new.shape[1] != inputs.shape[1]:
        raise ValueError(f"{function}: x_new must have the width of x, got shapes {new.shape} and {inputs.shape}")
    refuse_non_finite(function, "x", inputs)
    refuse_non_finite(function, "x_new", new)
    # Inference is a matter of digits: in float64 whatever the inputs are.
    inputs, new = inputs.astype(np.float64), new.astype(np.float64)
    refuse_beyond_memory(
        function, 8 * (3 + tangent) * n * (n + len(new)), f"kernels of {n} training and {len(new)} new inputs"
    )
    own: tuple[Array | None, Array | None] = (None, None)
    with speaking_for(function, "kernels", "nngp"):
        whole = [kernel_pair(tangent, inputs, None, network, threads)]
    with speaking_for(function, "kernels", "nngp"), _about_new():
        whole.append(kernel_pair(tangent, new, inputs, network, threads))
        if covariance:
            own = kernel_pair(tangent, new, None, network, threads)
            diagonals = [None if each is None else each.diagonal().copy() for each in own]
        else:
            diagonals = [variances_at(new, network, threads), None]
    blocks = []
    for which in (0, 1):
        train, cross, diagonal, square = whole[0][which], whole[1][which], diagonals[which], own[which]
        if train is not None and cross is not None:
            blocks.append(Blocks(train, cross, np.zeros(0) if diagonal is None else diagonal, square))
    return blocks[0], blocks[1] if tangent else None, target, columns


@contextmanager
def _about_new() -> Iterator[None]:
    """What errors call x is x_new: the training inputs have passed before."""
    try:
        yield
    except ValueError as error:
        error.args = (str(error).replace(": x, ", ": x_new, ", 1), *error.args[1:])
        raise


def kernel_pair(
    tangent: bool, x: Array, y: Array | None, network: dict[str, Any], threads: int | None
) -> tuple[Array | None, Array | None]:
    if tangent:
        both = kernels(x, y, **network, threads=threads)
        return both.nngp, both.ntk
    return nngp(x, y, **network, threads=threads), None


def _whole(function: str, value: ArrayLike, n: int) -> Array:
    matrix = as_real(function, "kernels", value).astype(float)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or len(matrix) < n:
        raise ValueError(f"{function}: kernels must be square, of at least the {n} entries of y, got {matrix.shape}")
    refuse_non_finite(function, "kernels", matrix)
    if (least := matrix.diagonal().min()) < 0:
        raise ValueError(f"{function}: kernels must have no negative entries on the diagonal, found {least:.3g}")
    off = float(np.abs(matrix - matrix.T).max())
    if off > 1e-5 * np.abs(matrix).max():
        raise ValueError(f"{function}: kernels must be symmetric, but entries differ by up to {off:.3g}")
    return matrix


def variances_at(new: Array, network: dict[str, Any], threads: int | None) -> Array:
    """K(x, x) of each input, by blocks of a few."""
    parts = [nngp(new[i : i + 64], **network, threads=threads).diagonal() for i in range(0, len(new), 64)]
    return np.concatenate([np.zeros(0), *parts])


def spread_of(prior: Blocks, a: Array) -> tuple[Array, Array | None]:
    """Variance and covariance of f(x) - A f(X) under the prior."""
    back = a @ prior.train
    variance = prior.variances - 2 * np.einsum("ij,ij->i", a, prior.cross) + np.einsum("ij,ij->i", back, a)
    if prior.new is None:
        return variance, None
    mixed = a @ prior.cross.T
    return variance, prior.new - mixed - mixed.T + back @ a.T
