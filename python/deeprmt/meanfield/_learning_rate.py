"""The largest learning rate that gradient descent bears, from the largest eigenvalue of a tangent kernel."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._arguments import as_array, as_flag, as_number, as_real, as_threads, refuse_non_finite, shown, speaking_for
from .._display import Displayed
from ..laws import Law
from ..linalg import eigvalsh
from ..linalg._largest import largest_eigenvalue
from ..networks import MLP, Network, TangentOperator
from ._kernels import KernelTask
from ._moments import gauss_moment
from ._one_sample import OneSampleNTKLaw, _stationary, one_sample_ntk_law
from ._unequal_widths import Layer, largest_at_one_input

if TYPE_CHECKING:
    from matplotlib.axes import Axes

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

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw what a step does to the steepest direction over the learning rate, and both borders."""
        from ..plots import max_learning_rate as draw

        return draw(self, ax=ax)


def max_learning_rate(
    source: Law | MLP | Network | TangentOperator | ArrayLike,
    x: ArrayLike | None = None,
    *,
    q0: float | None = None,
    biases: bool | None = None,
    threads: int | None = None,
) -> MaxLearningRate:
    """The largest stable learning rate of gradient descent, in the linear regime of a wide network.

    A step turns the residual r = f - y into (I - eta Theta) r: it converges if and only if eta < 2 / lambda_max(Theta).

    Parameters
    ----------
    source : MLP, Network, Law, networks.TangentOperator or array_like
        What has Theta: an MLP, by the limit law of its kernel at one input, or by its infinitely wide limit at many; a
        network, by its own kernel; a law, by its upper end; or the kernel itself, a symmetric matrix or an operator.
    x : (n_0,) or (n, n_0) array_like of real, optional
        One input, or those of a training set: a network needs it, an MLP takes it.
    q0 : float, optional
        For an MLP at one input: |x|^2 / n_0 instead of x; see `one_sample_ntk_law`.
    biases : bool, optional
        Whether biases are trained too. Default: with a training set, not at one input.
    threads : int, optional
        Default: every core this process may use. Never changes the result.

    Returns
    -------
    MaxLearningRate
        `stability` = 2 / lambda_max, `contraction` = 1 / lambda_max, and `lambda_max`.

    Raises
    ------
    ValueError, TypeError
        If the source is nothing of these, x is missing or not wanted, lambda_max is not positive, or a matrix has a
        negative eigenvalue.

    Notes
    -----
    The loss fixes the unit of eta.

    - One input: |f - y|^2 / (2 n_L) [1]_. A loss without 1 / n_L bears an eta that is n_L times smaller. Widths may
      differ: the limit is that of widths which grow in their proportions.
    - A training set: the mean over inputs of |f - y|^2 / 2, as `training.train` has it with ``loss="squared"``, whose
      `rate` this is then. Theta / n is never formed: Lanczos' method finds its largest eigenvalue.
    - With "mup" the terms of the kernel differ by powers of the width, and each is taken in its leading order at the
      widths of the MLP.
    - A matrix, an operator or `ntk_law`: the sum over inputs of |f - y|^2 / 2. For the mean multiply eta by n.

    Each layer's rate is eta times that of the parametrization. Momentum m moves the border up to
    2 (1 + m) / lambda_max.

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
    >>> mlp = MLP([8, 1000, 1000, 1], "relu", sigma_w=2**0.5, parametrization="ntk")
    >>> x = np.random.default_rng(0).normal(size=(50, 8))
    >>> wide, finite = max_learning_rate(mlp, x), max_learning_rate(mlp.sample(rng=0), x)
    >>> bool(abs(wide.stability / finite.stability - 1) < 0.2)
    True
    """
    if x is not None and not isinstance(source, Network | MLP):
        raise TypeError(f"{_name}: x must be left out unless source is a Network or an MLP, got {shown(x)}")
    if q0 is not None and (not isinstance(source, MLP) or x is not None):
        raise TypeError(f"{_name}: q0 must be left out unless source is an MLP without x, got {shown(q0)}")
    if biases is not None and not isinstance(source, Network | MLP):
        raise TypeError(f"{_name}: biases must be left out unless source is a Network or an MLP")
    if biases is not None:
        biases = as_flag(_name, "biases", biases)
    threads = as_threads(_name, threads)
    if x is not None:
        x = as_array(_name, "x", x)
    if isinstance(source, MLP):
        with speaking_for(_name, "one_sample_ntk_law"):
            largest = _of_mlp(source, x, q0, biases, threads)
    elif isinstance(source, Law):
        largest = source._hull()[1]
    elif isinstance(source, TangentOperator):
        largest = largest_eigenvalue(_name, source)
    elif isinstance(source, Network):
        if x is None:
            raise TypeError(f"{_name}: x must be given where source is a Network")
        with speaking_for(_name, "one_sample_ntk", "ntk_operator"):
            if x.ndim == 1:
                kernel = source.one_sample_ntk(x, biases=bool(biases), threads=threads)
                largest = float(eigvalsh(kernel.astype(np.float64), threads=threads)[-1])
            else:
                operator = source.ntk_operator(x, biases=biases is None or biases, threads=threads)
                largest = largest_eigenvalue(_name, operator) / len(x)
    else:
        kernel = as_real(_name, "source", source)
        if kernel.ndim != 2 or kernel.shape[0] != kernel.shape[1] or not kernel.size:
            raise ValueError(f"{_name}: source must be a square matrix, got shape {kernel.shape}")
        refuse_non_finite(_name, "source", kernel)
        off = np.abs(kernel - kernel.T).max()
        if off > 1e-5 * np.abs(kernel).max():
            raise ValueError(f"{_name}: source must be symmetric, but entries differ by up to {off:.3g}")
        values = eigvalsh(kernel.astype(np.float64), threads=threads)
        largest = float(values[-1])
        if values[0] < -1e-5 * abs(largest):  # beyond rounding of single precision; no rate shrinks its direction
            raise ValueError(
                f"{_name}: source must have no negative eigenvalue, but they run from {values[0]:.3g} to {largest:.3g}"
            )
    if not 0 < largest < math.inf:
        raise ValueError(f"{_name}: the largest eigenvalue must be positive and finite, got {largest:g}")
    if not 2 / largest < math.inf:
        raise ValueError(f"{_name}: the largest eigenvalue must be so large that 2 over it is finite, got {largest:g}")
    return MaxLearningRate(float(largest))


def _of_mlp(mlp: MLP, x: ArrayLike | None, q0: float | None, biases: bool | None, threads: int | None) -> float:
    """The limit of the largest eigenvalue: at one input by the law, over a training set by the infinitely wide NTK."""
    if x is not None and np.ndim(x) != 1:
        rows = as_real(_name, "x", x)
        if rows.ndim != 2 or rows.shape[1] != mlp.widths[0] or not len(rows):
            raise ValueError(f"{_name}: x must have shape ({mlp.widths[0]},) or (n, {mlp.widths[0]}), got {rows.shape}")
        kernel = _wide_kernel(mlp, rows.astype(np.float64), biases is None or biases, threads)
        return float(eigvalsh(kernel, threads=threads)[-1]) / len(rows)
    if x is not None:
        row = as_real(_name, "x", x)
        if row.shape != (mlp.widths[0],):
            raise ValueError(f"{_name}: x must have shape ({mlp.widths[0]},) or (n, {mlp.widths[0]}), got {row.shape}")
        refuse_non_finite(_name, "x", row)
        q0 = float(np.mean(row.astype(np.float64) ** 2))
    if len(set(mlp.widths[1:])) != 1:
        return _of_unequal_widths(mlp, q0, bool(biases))
    standard = MLP(mlp.widths, mlp.activation, weights=mlp.weights, sigma_w=mlp.sigma_w, sigma_b=mlp.sigma_b)
    if mlp.parametrization == "standard":
        return one_sample_ntk_law(standard, q0=q0, biases=bool(biases)).lambda_max
    # A layer adds rate_w |x_(l-1)|^2 + rate_b to n_L Theta, and the standard one n_(l-1) times a second moment. What
    # is drawn smaller in the last layer makes all that passes it so.
    law = one_sample_ntk_law(standard, q0=q0)
    of_weights, of_biases = mlp.rates
    passed = mlp._last_scale**2
    terms = [
        (weight * second + (bias / n if biases else 0.0)) / (passed if layer == mlp.depth else 1.0)
        for layer, (n, second, weight, bias) in enumerate(
            zip(mlp.widths, law.second_moments.tolist(), of_weights, of_biases, strict=False), start=1
        )
    ]
    return passed * OneSampleNTKLaw(standard, law.q, np.array(terms)).lambda_max


def _of_unequal_widths(mlp: MLP, q0: float | None, biases: bool) -> float:
    second = _stationary(_name, mlp) if q0 is None else as_number(_name, "q0", q0, above=0)
    weight, bias = mlp.sigma_w**2, mlp.sigma_b**2
    own: list[float] = []
    q: list[float] = []
    for n, of_weights, of_biases in zip(mlp.widths, *mlp.rates, strict=False):
        if own:
            q.append(weight * second + bias)
            second = float(gauss_moment(mlp.activation, q[-1]))
        if not 1e-100 < second < 1e100:
            raise ValueError(f"{_name}: the signal must stay between 1e-100 and 1e100, got {second:g}")
        own.append((of_weights * second * n + (of_biases if biases else 0.0)) / mlp.widths[-1])
    layers = [
        Layer(each, after / before, weight, adds)
        for each, before, after, adds in zip(q, mlp.widths[1:-1], mlp.widths[2:], own[1:], strict=True)
    ]
    layers[-1] = replace(layers[-1], weight=weight * mlp._last_scale**2)
    return largest_at_one_input(mlp.activation, own[0], layers, mlp.weights == "haar")


def _wide_kernel(mlp: MLP, rows: NDArray[np.float64], biases: bool, threads: int | None) -> NDArray[np.float64]:
    """The tangent kernel, in the limit of wide hidden layers, at the widths there are."""
    task = KernelTask(_name, rows, None, mlp.depth, mlp.activation, mlp.sigma_w, mlp.sigma_b, "last")
    hidden = mlp.widths[1:-1]
    if mlp.parametrization == "ntk":
        task.train("ntk", None, biases)
    else:
        task.train("standard", hidden or None, biases)
    if mlp.parametrization == "mup" and hidden:
        # The last layer's weights are smaller by 1 / sqrt(n), which all that passes them has squared.
        of_weights, of_biases = mlp.rates
        passed = [mlp._last_scale**2] * (mlp.depth - 1) + [1.0]
        task.from_inputs = [
            n * rate * scale for n, rate, scale in zip(task.from_inputs, of_weights, passed, strict=True)
        ]
        if biases:
            task.constants = [rate * scale for rate, scale in zip(of_biases, passed, strict=True)]
    theta = task.room("theta", None)
    task.run(None, theta, threads)
    return np.asarray(theta, dtype=np.float64)
