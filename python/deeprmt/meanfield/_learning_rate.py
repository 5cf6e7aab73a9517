"""The largest learning rate that gradient descent bears, from the largest eigenvalue of a tangent kernel."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .._arguments import as_real, refuse_non_finite, shown
from .._display import Displayed
from ..laws import Law
from ..linalg import eigvalsh
from ..networks import MLP, Network
from ._one_sample import one_sample_ntk_law

__all__ = ["MaxLearningRate", "max_learning_rate"]

_name = "max_learning_rate"


@dataclass(frozen=True)
class MaxLearningRate(Displayed):
    """The two borders of the learning rate; made by `max_learning_rate`. As a float it is `stability`.

    Attributes
    ----------
    lambda_max : float
        The kernel's largest eigenvalue.
    stability : float
        2 / lambda_max: gradient descent on the linearised network converges below it and diverges above.
    contraction : float
        1 / lambda_max: up to it no component of the residual changes its sign; each shrinks monotonically.

    Examples
    --------
    >>> rate = max_learning_rate([[2.0, 0.0], [0.0, 4.0]])
    >>> rate
    MaxLearningRate(stability=0.5, contraction=0.25, lambda_max=4)
    >>> float(rate)
    0.5
    """

    lambda_max: float

    @property
    def stability(self) -> float:
        """2 / lambda_max."""
        return 2 / self.lambda_max

    @property
    def contraction(self) -> float:
        """1 / lambda_max."""
        return 1 / self.lambda_max

    def __float__(self) -> float:
        return self.stability

    def __repr__(self) -> str:
        return (
            f"MaxLearningRate(stability={self.stability:.6g}, contraction={self.contraction:.6g},"
            f" lambda_max={self.lambda_max:.6g})"
        )

    def to_dict(self) -> dict[str, Any]:
        """The three numbers."""
        return {"lambda_max": self.lambda_max, "stability": self.stability, "contraction": self.contraction}


def max_learning_rate(
    source: Law | MLP | Network | ArrayLike,
    x: ArrayLike | None = None,
    *,
    q0: float | None = None,
    biases: bool = False,
    threads: int | None = None,
) -> MaxLearningRate:
    """The largest stable learning rate of gradient descent, in the linear regime of a wide network.

    A step turns the residual r = f - y into (I - eta Theta) r: it converges if and only if eta < 2 / lambda_max(Theta).

    Parameters
    ----------
    source : MLP, Network, Law or array_like
        What has Theta: an MLP, by the limit law of its kernel at one input; a network, by its kernel at the input x; a
        law, by its upper end; or the kernel itself, a symmetric matrix.
    x : (n_0,) array_like of real, optional
        For a network: the input.
    q0 : float, optional
        For an MLP: see `one_sample_ntk_law`.
    biases : bool
        For a network: whether biases are trained too.
    threads : int, optional
        Default: every core this process may use. Never changes the result.

    Returns
    -------
    MaxLearningRate
        `stability` = 2 / lambda_max, `contraction` = 1 / lambda_max, and `lambda_max`.

    Raises
    ------
    ValueError, TypeError
        If the source is nothing of these, x is missing or not wanted, or lambda_max is not positive.

    Notes
    -----
    The loss fixes the unit of eta. For MLPs and networks it is |f - y|^2 / (2 n_L) at one input in the standard
    parametrization (every weight is trained as it stands) [1]_; a loss without 1 / n_L bears an eta that is n_L times
    smaller. A kernel over n inputs, given as a matrix or as `ntk_law`, belongs to the loss sum |f - y|^2 / 2 over
    inputs: for the mean over inputs multiply eta by n.

    References
    ----------
    .. [1] T. Hayase, R. Karakida, The spectrum of Fisher information of deep networks achieving dynamical isometry,
       AISTATS (2021), arXiv:2006.07814.

    Examples
    --------
    >>> rate = max_learning_rate(MLP([500] * 5, "relu", weights="haar", sigma_w=2**0.5), q0=0.5)
    >>> round(rate.stability, 6), round(rate.contraction, 6)
    (0.295343, 0.147672)
    >>> float(max_learning_rate([[2.0, 0.0], [0.0, 4.0]]))
    0.5
    """
    if x is not None and not isinstance(source, Network):
        raise TypeError(f"{_name}: x must be left out unless source is a Network, got {shown(x)}")
    if q0 is not None and not isinstance(source, MLP):
        raise TypeError(f"{_name}: q0 must be left out unless source is an MLP, got {shown(q0)}")
    if biases and not isinstance(source, Network):
        raise TypeError(f"{_name}: biases must be left out unless source is a Network")
    if isinstance(source, MLP):
        largest = one_sample_ntk_law(source, q0=q0).lambda_max
    elif isinstance(source, Law):
        largest = source._hull()[1]
    else:
        if isinstance(source, Network):
            if x is None:
                raise TypeError(f"{_name}: x must be given where source is a Network")
            kernel = source.one_sample_ntk(x, biases=biases, threads=threads)
        else:
            kernel = as_real(_name, "source", source)
            if kernel.ndim != 2 or kernel.shape[0] != kernel.shape[1] or not kernel.size:
                raise ValueError(f"{_name}: source must be a square matrix, got shape {kernel.shape}")
            refuse_non_finite(_name, "source", kernel)
            off = np.abs(kernel - kernel.T).max()
            if off > 1e-5 * np.abs(kernel).max():
                raise ValueError(f"{_name}: source must be symmetric, but entries differ by up to {off:.3g}")
        largest = float(eigvalsh(kernel.astype(np.float64), threads=threads)[-1])
    if not 0 < largest < math.inf:
        raise ValueError(f"{_name}: the largest eigenvalue must be positive and finite, got {largest:g}")
    return MaxLearningRate(float(largest))
