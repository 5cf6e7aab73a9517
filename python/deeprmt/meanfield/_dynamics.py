"""Gradient flow and gradient descent of infinitely wide networks, in function space."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._arguments import as_number, as_real, refuse_non_finite, shown
from .._display import Displayed
from ..activations import Activation
from ._blocks import Blocks, Given, blocks_of
from ._flow import decomposed, learned_by_flow, longest, resolved_values, rotated_to, tell_singular
from ._overflow import refuse_large, refuse_overflow

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Dynamics", "gradient_descent", "gradient_flow"]

Array = NDArray[np.float64]
Initial = tuple[ArrayLike, ArrayLike | None]


@dataclass(frozen=True)
class Dynamics(Displayed):
    """Means and variances of an ensemble of networks while it is trained; by `gradient_flow` and `gradient_descent`.

    Or outputs of one network, linear in its weights, with variances 0: see `initial` there.

    Attributes
    ----------
    times : (k,) ndarray
        Or numbers of steps.
    train_mean, train_variance : (k, n), or (k, n, outputs) and (k, n), ndarrays
        At the training inputs.
    mean, variance : (k, m), or (k, m, outputs) and (k, m), ndarrays
        At the new inputs.
    loss : (k,) ndarray
        Of the mean: sum over inputs and outputs of (mean - y)^2 / 2.
    eigenvalues : (n,) ndarray
        Of the tangent kernel of the training inputs, ascending.
    learning_rate : float or None
        Of gradient descent.
    stable : bool
        Whether learning_rate < 2 / lambda_max.

    Examples
    --------
    >>> found = gradient_flow([[0.0], [1.0]], [0.0, 1.0], times=[0, 1e9], depth=2, activation="relu", sigma_w=1.0,
    ...                       sigma_b=0.5)
    >>> (found.train_mean.round(6) + 0.0).tolist(), found.mean.shape
    ([[0.0, 0.0], [0.0, 1.0]], (2, 0))
    """

    times: Array
    train_mean: Array
    train_variance: Array
    mean: Array
    variance: Array
    loss: Array
    eigenvalues: Array
    learning_rate: float | None
    stable: bool

    def to_dict(self) -> dict[str, Any]:
        """The arrays as lists."""
        return {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in vars(self).items()}

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the means over time, with two standard deviations."""
        from ..plots import dynamics

        return dynamics(self, ax=ax)


def gradient_flow(
    x: ArrayLike | None,
    y: ArrayLike,
    x_new: ArrayLike | None = None,
    *,
    times: ArrayLike,
    depth: int | None = None,
    activation: str | Activation | None = None,
    sigma_w: float | None = None,
    sigma_b: float = 0.0,
    kernels: Given | tuple[None, ArrayLike] | None = None,
    initial: Initial | None = None,
    threads: int | None = None,
) -> Dynamics:
    """Mean and variance of an ensemble of infinitely wide networks under gradient flow on sum |f - y|^2 / 2.

    Parameters
    ----------
    x, y, x_new, depth, activation, sigma_w, sigma_b, kernels, threads
        As for `posterior`; x_new may be left out.
    times : array_like of real
        >= 0; inf is the end.
    initial : (f_train, f_new), optional
        Outputs of one network before training: at the training inputs, in the shape of y, and at the new ones, None
        without these. Means are then of this network, linear in its weights, and variances 0; with `kernels` the first
        of them is not used and may be None. Default: all networks, whose mean is 0.

    Returns
    -------
    Dynamics

    Raises
    ------
    ValueError, TypeError
        As for `posterior`; if times are negative, or `initial` does not fit.

    Warns
    -----
    SingularKernelWarning
        If Theta is singular to rounding, as at duplicate inputs, and either the targets ask for what is never learned,
        or the time is so long that rounding would be.

    Notes
    -----
    The residual of the mean is exp(-t Theta) y, and the covariance at training inputs exp(-t Theta) K exp(-t Theta),
    Theta in the NTK parametrization [1]_. With `initial` f_0 the residual is exp(-t Theta) (y - f_0). Directions in
    which Theta is 0 to rounding stay as they are.

    References
    ----------
    .. [1] J. Lee, L. Xiao et al., NeurIPS (2019), arXiv:1902.06720.

    Examples
    --------
    >>> found = gradient_flow([[1.0, 1.0], [1.0, -1.0]], [1.0, -1.0], times=[0.1, 1.0], depth=3, activation="relu",
    ...                       sigma_w=2**0.5)
    >>> found.train_mean.round(4).tolist()
    [[0.3705, -0.3705], [0.9902, -0.9902]]

    One network of finite width, linear in its weights, by its own tangent kernel:

    >>> from deeprmt.networks import MLP
    >>> x, new, y = np.eye(3), np.ones((1, 3)), np.ones((3, 1))
    >>> network = MLP([3, 50, 1], "tanh", sigma_w=1.5, parametrization="ntk").sample(rng=0)
    >>> theta = network.ntk(np.vstack([x, new]))
    >>> found = gradient_flow(None, y, times=[0, np.inf], kernels=(None, theta),
    ...                       initial=(network.forward(x), network.forward(new)))
    >>> bool(np.allclose(found.train_mean[0], network.forward(x))), bool(np.allclose(found.train_mean[1], y))
    (True, True)
    """
    name = "gradient_flow"
    at = _row(name, "times", times)
    bad = at[~(at >= 0)]
    if bad.size:
        raise ValueError(f"{name}: times must be at least 0, found {bad[0]:g}")
    task = _task(name, x, y, x_new, kernels, initial, depth, activation, sigma_w, sigma_b, threads)

    def left(values: Array, time: float) -> Array:
        resolved = resolved_values(values)[0]
        if time == math.inf:
            return np.asarray(resolved == 0, dtype=float)
        with np.errstate(under="ignore"):
            return np.asarray(np.exp(-time * resolved))

    found = _evolve(task, at, left, learned_by_flow, None)
    refuse_overflow(name, **_evolving(found))
    return found


def gradient_descent(
    x: ArrayLike | None,
    y: ArrayLike,
    x_new: ArrayLike | None = None,
    *,
    steps: ArrayLike,
    learning_rate: float,
    depth: int | None = None,
    activation: str | Activation | None = None,
    sigma_w: float | None = None,
    sigma_b: float = 0.0,
    kernels: Given | tuple[None, ArrayLike] | None = None,
    initial: Initial | None = None,
    threads: int | None = None,
) -> Dynamics:
    """Mean and variance of an ensemble of infinitely wide networks after steps of gradient descent.

    Parameters
    ----------
    x, y, x_new, depth, activation, sigma_w, sigma_b, kernels, threads
        As for `posterior`; x_new may be left out.
    steps : array_like of int
        Numbers of steps, >= 0.
    initial : (f_train, f_new), optional
        Outputs of one network before training, as for `gradient_flow`.
    learning_rate : float
        Of the loss sum |f - y|^2 / 2, positive. It converges below 2 / lambda_max: `max_learning_rate`.

    Returns
    -------
    Dynamics
        With `stable`; beyond the border numbers grow.

    Raises
    ------
    ValueError, TypeError
        As for `posterior`; if steps are no whole numbers, `initial` does not fit, or the learning rate is so large that
        numbers overflow.

    Warns
    -----
    SingularKernelWarning
        As `gradient_flow` does.

    Notes
    -----
    A step takes the residual r = f - y to (1 - eta Theta) r.

    Examples
    --------
    >>> found = gradient_descent([[1.0, 1.0], [1.0, -1.0]], [1.0, -1.0], steps=[0, 1, 100], learning_rate=0.1, depth=3,
    ...                          activation="relu", sigma_w=2**0.5)
    >>> (found.train_mean[:, 0].round(4) + 0.0).tolist(), found.stable
    ([0.0, 0.4629, 1.0], True)
    """
    name = "gradient_descent"
    rate = as_number(name, "learning_rate", learning_rate, above=0)
    at = _row(name, "steps", steps)
    bad = at[~((at >= 0) & (at == np.floor(at)) & np.isfinite(at))]
    if bad.size:
        raise ValueError(f"{name}: steps must be whole numbers of at least 0, found {bad[0]:g}")
    task = _task(name, x, y, x_new, kernels, initial, depth, activation, sigma_w, sigma_b, threads)

    def left(values: Array, count: float) -> Array:
        factor = 1 - rate * resolved_values(values)[0]
        with np.errstate(over="ignore", under="ignore"):
            return np.where(count % 2 == 1, np.sign(factor), 1.0) * np.abs(factor) ** count if count else factor**0

    def learned(values: Array, count: float) -> Array:
        """(1 - (1 - eta lambda)^k) / lambda, without cancellation for small eta lambda."""
        resolved, floor = resolved_values(values)
        part = rate * resolved
        small = part < 0.5
        with np.errstate(over="ignore", under="ignore", invalid="ignore", divide="ignore"):
            direct = (1 - left(values, count)) / np.where(small, 1.0, part)
            series = -np.expm1(count * np.log1p(-np.where(small, part, 0.0))) / np.where(part > 0, part, 1.0)
        limit = np.where(part > 0, series, longest(rate * count, floor) / rate)
        return rate * np.where(small, limit, direct)

    found = _evolve(task, at, left, learned, rate)
    if not found.stable and not all(np.isfinite(each).all() for each in _evolving(found).values()):
        raise ValueError(
            f"{name}: learning_rate must be below 2 / lambda_max = {2 / found.eigenvalues[-1]:.6g} for so many steps:"
            f" with {rate:g} numbers overflow"
        )
    refuse_overflow(name, **_evolving(found))
    return found


def _row(function: str, argument: str, values: ArrayLike) -> Array:
    """Numbers one after the other; a single one is a row of one."""
    found = as_real(function, argument, values)
    if found.ndim > 1:
        raise ValueError(f"{function}: {argument} must be a row of numbers, got shape {found.shape}")
    return found.astype(float).ravel()


def _evolving(found: Dynamics) -> dict[str, Array]:
    return {
        "mean": found.mean,
        "variance": found.variance,
        "mean_at_training_inputs": found.train_mean,
        "variance_at_training_inputs": found.train_variance,
        "loss": found.loss,
    }


@dataclass(frozen=True)
class _Task:
    """Who asks; the kernels, and no `prior` of a network that is known; targets less outputs before training."""

    function: str
    prior: Blocks | None
    tangent: Blocks
    target: Array
    train: Array
    new: Array
    columns: bool


def _task(
    function: str,
    x: ArrayLike | None,
    y: ArrayLike,
    x_new: ArrayLike | None,
    kernels: Given | tuple[None, ArrayLike] | None,
    initial: Initial | None,
    depth: int | None,
    activation: str | Activation | None,
    sigma_w: float | None,
    sigma_b: float,
    threads: int | None,
) -> _Task:
    given = cast("Given | None", kernels)
    if initial is not None and isinstance(kernels, tuple | list) and len(kernels) == 2 and kernels[0] is None:
        given = (kernels[1], kernels[1])
    prior, tangent, target, columns = blocks_of(
        function, x, y, x_new, given, depth, activation, sigma_w, sigma_b, threads, True, False
    )
    assert tangent is not None
    m, outputs = len(tangent.cross), target.shape[1]
    if initial is None:
        return _Task(function, prior, tangent, target, np.zeros_like(target), np.zeros((m, outputs)), columns)
    if not (isinstance(initial, tuple | list) and len(initial) == 2):
        raise TypeError(f"{function}: initial must be outputs at training and at new inputs, got {shown(initial)}")
    if initial[0] is None or (initial[1] is None and m):
        where = f"{len(target)} training" if initial[0] is None else f"{m} new"
        raise TypeError(f"{function}: initial must have outputs at the {where} inputs, got None")
    starts = []
    for rows, what, value in ((len(target), "training", initial[0]), (m, "new", initial[1])):
        wanted = (rows, outputs) if columns else (rows,)
        start = np.zeros(wanted) if value is None else as_real(function, "initial", value).astype(float)
        if start.shape != wanted:
            raise ValueError(f"{function}: initial must have shape {wanted} at the {what} inputs, got {start.shape}")
        refuse_non_finite(function, "initial", start)
        if start.size:
            refuse_large(function, start, "initial")
        starts.append(start.reshape(rows, outputs))
    return _Task(function, None, tangent, target, starts[0], starts[1], columns)


def _evolve(
    task: _Task,
    at: Array,
    left: Callable[[Array, float], Array],
    learned: Callable[[Array, float], Array],
    rate: float | None,
) -> Dynamics:
    """All times in the eigenvectors of Theta: O(n^3) once, O(n^2) for means and O((n + m) n^2) for variances each."""
    tangent, prior, target = task.tangent, task.prior, task.target
    values, vectors = decomposed(task.function, tangent.train)
    rotated = vectors.T @ (target - task.train)
    tell_singular(task.function, tangent.train, values, rotated, float(at.max(initial=0.0)) * (rate or 1.0))
    cross_theta = rotated_to(tangent.cross, vectors, values)
    n, m, outputs = len(target), len(tangent.cross), target.shape[1]
    train_mean, mean = np.empty((len(at), n, outputs)), np.empty((len(at), m, outputs))
    train_variance, variance = np.zeros((len(at), n)), np.zeros((len(at), m))
    loss = np.empty(len(at))
    if prior is not None:
        train_k, cross_k = vectors.T @ prior.train @ vectors, prior.cross @ vectors
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        for i, time in enumerate(at.tolist()):
            stays, part = left(values, time), learned(values, time)
            residual = stays[:, None] * rotated
            loss[i] = float((residual**2).sum()) / 2
            train_mean[i] = target - vectors @ residual
            a = cross_theta * part
            mean[i] = task.new + a @ rotated
            if prior is None:
                continue
            back = vectors * stays
            train_variance[i] = np.einsum("ij,ij->i", back @ train_k, back)
            variance[i] = (
                prior.variances - 2 * np.einsum("ij,ij->i", a, cross_k) + np.einsum("ij,ij->i", a @ train_k, a)
            )
    train_mean, mean = (each if task.columns else each[:, :, 0] for each in (train_mean, mean))
    stable = rate is None or rate * float(values[-1]) < 2
    return Dynamics(
        at, train_mean, np.maximum(train_variance, 0), mean, np.maximum(variance, 0), loss, values, rate, stable
    )
