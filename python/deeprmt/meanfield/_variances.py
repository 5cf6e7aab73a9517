"""The variance of the preactivations, layer by layer."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from .._arguments import Floats, as_count, as_real, refuse_beyond_memory
from ..activations import Activation
from ..networks import MLP
from ._fixed_point import network
from ._moments import expect_many

__all__ = ["variance_map", "variances"]


def variance_map(activation: str | Activation, sigma_w: float, sigma_b: float = 0.0, *, q: ArrayLike) -> float | Floats:
    """The variance one layer on: sigma_w^2 E phi(sqrt(q) Z)^2 + sigma_b^2.

    Parameters
    ----------
    activation : str or Activation
        A name of `deeprmt.activations.names`, or one's own.
    sigma_w, sigma_b : float
        Standard deviations, >= 0.
    q : array_like of real
        Variances, >= 0; inf stays inf if phi grows, as far as doubles tell.

    Returns
    -------
    float or ndarray
        Of the shape of q.

    Examples
    --------
    >>> round(variance_map("relu", 1.2, 0.3, q=1.0), 12)
    0.81
    """
    activation, sigma_w, sigma_b = network("variance_map", activation, sigma_w, sigma_b)
    start = _variances("variance_map", "q", q)
    out = _image(activation, sigma_w, sigma_b, start.ravel()).reshape(start.shape)
    return float(out) if start.ndim == 0 else out


def variances(
    network_or_activation: MLP | str | Activation,
    sigma_w: float | None = None,
    sigma_b: float = 0.0,
    *,
    q0: ArrayLike,
    depth: int | None = None,
) -> Floats:
    """The variances q_1, ..., q_depth of the preactivations for an input of a given size.

    Parameters
    ----------
    network_or_activation : MLP, or str or Activation
        A network, which says all but q0; or its activation.
    sigma_w, sigma_b : float
        Standard deviations, >= 0; not with an MLP.
    q0 : array_like of real
        |x_0|^2 / n_0, the mean square of the input's entries, >= 0: q_1 = sigma_w^2 q0 + sigma_b^2.
    depth : int, optional
        The number of layers, at least 1; default: that of the MLP.

    Returns
    -------
    (..., depth) ndarray
        The leading axes are those of q0. 0 where the signal dies and inf where it grows beyond the range of doubles.

    Examples
    --------
    >>> variances("relu", 2**0.5, q0=0.5, depth=4).round(12)
    array([1., 1., 1., 1.])
    """
    if isinstance(network_or_activation, MLP):
        if sigma_w is not None or sigma_b != 0:
            raise ValueError("variances: sigma_w and sigma_b are those of the MLP; give none")
        mlp = network_or_activation
        sigma_w, sigma_b, depth = mlp.sigma_w, mlp.sigma_b, mlp.depth if depth is None else depth
        network_or_activation = mlp.activation
    if sigma_w is None or depth is None:
        raise ValueError(f"variances: {'sigma_w' if sigma_w is None else 'depth'} must be given, unless an MLP says it")
    activation, sigma_w, sigma_b = network("variances", network_or_activation, sigma_w, sigma_b)
    depth = as_count("variances", "depth", depth)
    start = _variances("variances", "q0", q0)
    refuse_beyond_memory("variances", 8 * start.size * depth, f"depth {depth}")
    with np.errstate(over="ignore"):
        q = sigma_w**2 * start.ravel() + sigma_b**2
    out = np.empty((q.size, depth))
    for layer in range(depth):
        out[:, layer] = q
        if layer + 1 == depth:
            break
        q = _image(activation, sigma_w, sigma_b, q)
        if np.array_equal(q, out[:, layer]):  # at rest to the last bit
            out[:, layer + 1 :] = q[:, None]
            break
    return out.reshape(*start.shape, depth)


def _variances(function: str, argument: str, value: ArrayLike) -> Floats:
    q = as_real(function, argument, value).astype(float)
    bad = q[~(q >= 0)]
    if bad.size:
        raise ValueError(f"{function}: {argument} must be at least 0, found {bad[0]:g}")
    return q


# Beyond, the second moment goes on in proportion, or stays: else it would leave the range of doubles inside.
_least, _most = 1e-190, 1e280


def _image(activation: Activation, sigma_w: float, sigma_b: float, q: Floats) -> Floats:
    second = np.empty_like(q)
    at_zero = float(activation.phi(np.zeros(1))[0]) ** 2
    second[q == 0] = at_zero
    small, large = (q > 0) & (q < _least), q > _most
    usual = (q >= _least) & ~large
    with np.errstate(over="ignore", invalid="ignore"):
        second[usual] = expect_many(activation, q[usual], lambda h, _: activation.phi(h) ** 2, even=True)
        if small.any():
            faded = expect_many(activation, np.full(1, _least), lambda h, _: activation.phi(h) ** 2, even=True)
            second[small] = at_zero + (faded[0] - at_zero) / _least * q[small]
        if large.any():
            grown = expect_many(activation, np.full(1, _most), lambda h, _: activation.phi(h) ** 2, even=True)
            second[large] = grown[0] / _most * q[large] if grown[0] > 1e-12 * _most else grown[0]
        out = np.asarray(sigma_w**2 * second + sigma_b**2)
    return out if sigma_w > 0 else np.full_like(q, sigma_b**2)
