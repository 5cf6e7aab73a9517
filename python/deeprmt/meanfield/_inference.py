"""What infinitely wide networks predict: Gaussian process posteriors, and gradient descent in function space."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import linalg

from .._arguments import as_choice, as_number, as_real, refuse_beyond_memory, refuse_non_finite, shown
from .._display import Displayed
from ..activations import Activation
from ..errors import SingularKernelWarning
from ._kernels import Kernels, kernels, nngp

__all__ = ["Dynamics", "Posterior", "gradient_descent", "gradient_flow", "posterior"]

Array = NDArray[np.float64]
Given = Kernels | tuple[ArrayLike, ArrayLike]
_epsilon = float(np.finfo(float).eps)


@dataclass(frozen=True)
class Posterior(Displayed):
    """What a network of infinite width predicts at new inputs; made by `posterior`.

    Attributes
    ----------
    mean : (m,) or (m, outputs) ndarray
        Of the function, as y has outputs.
    variance : (m,) ndarray
        Of each output, without the noise.
    covariance : (m, m) ndarray or None
        Of each output between the new inputs.
    kernel : str
        "nngp" or "ntk".
    time : float
        Of training.
    noise : float
        The variance that was added to the diagonal as asked for.
    jitter : float
        What was added to it beyond, for the sake of a Cholesky factor.
    log_marginal_likelihood : float or None
        Of y under the Gaussian process, for "nngp": sums over outputs.

    Examples
    --------
    >>> found = posterior([[0.0], [1.0]], [0.0, 1.0], [[0.5]], depth=2, activation="erf", sigma_w=1.5, sigma_b=0.5)
    >>> found.mean.round(4), found.jitter
    (array([0.7023]), 0.0)
    """

    mean: Array
    variance: Array
    covariance: Array | None
    kernel: str
    time: float
    noise: float
    jitter: float
    log_marginal_likelihood: float | None

    def to_dict(self) -> dict[str, Any]:
        """Mean and variance, and what went into them."""
        return {
            "mean": self.mean.tolist(),
            "variance": self.variance.tolist(),
            "kernel": self.kernel,
            "time": self.time,
            "noise": self.noise,
            "jitter": self.jitter,
            "log_marginal_likelihood": self.log_marginal_likelihood,
        }


@dataclass(frozen=True)
class Dynamics(Displayed):
    """Means and variances of an ensemble of networks while it is trained; by `gradient_flow` and `gradient_descent`.

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


def posterior(
    x: ArrayLike | None,
    y: ArrayLike,
    x_new: ArrayLike | None = None,
    *,
    kernel: Literal["nngp", "ntk"] = "nngp",
    time: float = math.inf,
    noise: float = 0.0,
    jitter: float | None = None,
    covariance: bool = True,
    depth: int | None = None,
    activation: str | Activation | None = None,
    sigma_w: float | None = None,
    sigma_b: float = 0.0,
    kernels: Given | None = None,
    threads: int | None = None,
) -> Posterior:
    """Mean and covariance of a network's function at new inputs, when it is infinitely wide and knows y at x.

    Parameters
    ----------
    x : (n, n_0) array_like of real
        Training inputs.
    y : (n,) or (n, outputs) array_like of real
        What is known there. Outputs are independent of each other.
    x_new : (m, n_0) array_like of real
        Where to predict.
    kernel : {"nngp", "ntk"}
        "nngp": the Bayesian posterior of the Gaussian process [1]_. "ntk": the ensemble of all networks that gradient
        flow on sum |f - y|^2 / 2 makes of random ones [2]_, in the NTK parametrization.
    time : float
        Of the gradient flow, for "ntk"; inf is the end.
    noise : float
        A variance: of the noise of y ("nngp"), or a ridge on the tangent kernel ("ntk", at the end only).
    jitter : float, optional
        Added to the diagonal beyond the noise. Default: 0 where the Cholesky factor exists and is no rounding, else
        the least of 1e-9, 1e-8, 1e-7, 1e-6 times the mean of the diagonal that makes it so (less would lose what
        is predicted: rounding over jitter is its error), with a
        `SingularKernelWarning`.
    covariance : bool
        False leaves out the covariance between new inputs, which takes m^2 entries.
    depth, activation, sigma_w, sigma_b, threads
        As for `nngp`.
    kernels : tuple of two (n + m, n + m) array_like, optional
        K and Theta over training and new inputs together, in place of x, x_new and the network: such as those of a
        finite network.

    Returns
    -------
    Posterior

    Raises
    ------
    ValueError, TypeError
        If inputs or y have a wrong shape or are not finite; if noise or jitter is negative.
    numpy.linalg.LinAlgError
        If the kernel with noise and jitter is not positive definite.

    Notes
    -----
    With T the kernel that learns (K or Theta) and X the training inputs, A = T(x, X) T(X, X)^-1 (1 - exp(-t T(X, X)))
    and mean A y; the covariance is K - A K(X, .) - K(., X) A^T + A K(X, X) A^T. For "nngp" that is the posterior's.

    References
    ----------
    .. [1] J. Lee, Y. Bahri et al., ICLR (2018), arXiv:1711.00165.
    .. [2] J. Lee, L. Xiao et al., NeurIPS (2019), arXiv:1902.06720.

    Examples
    --------
    >>> x = [[2.0, 0.0], [0.0, 2.0]]
    >>> found = posterior(x, [1.0, -1.0], [[2.0, 0.0], [1.0, 1.0]], kernel="ntk", depth=3, activation="relu",
    ...                   sigma_w=2**0.5)
    >>> found.mean.round(6) + 0.0, found.variance.round(6) + 0.0
    (array([1., 0.]), array([0.      , 0.332125]))
    """
    name = "posterior"
    kernel = as_choice(name, "kernel", kernel, ("nngp", "ntk"))  # type: ignore[assignment]
    time = _time(name, "time", time)
    noise = as_number(name, "noise", noise, least=0)
    if jitter is not None:
        jitter = as_number(name, "jitter", jitter, least=0)
    if kernel == "nngp" and time < math.inf:
        raise ValueError(f"{name}: time must be left out unless kernel is 'ntk', got {time:g}")
    if jitter is not None and time < math.inf:
        raise ValueError(f"{name}: jitter must be left out before the end of training, which solves no equation")
    if noise > 0 and time < math.inf:
        raise ValueError(f"{name}: noise must be 0 before the end of training, got noise = {noise:g}, time = {time:g}")
    if x_new is None and kernels is None:
        raise TypeError(f"{name}: x_new must be given")
    prior, tangent, target, columns = _matrices(
        name, x, y, x_new, kernels, depth, activation, sigma_w, sigma_b, threads, kernel == "ntk", covariance
    )
    learns = prior if tangent is None else tangent
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):  # what is not finite is refused below
        if time < math.inf:
            found = _at_time(prior, learns, target, time, covariance, columns)
        else:
            factor, used = _factor(name, learns.train, noise, jitter)
            alpha = linalg.cho_solve((factor, True), target, check_finite=False)
            mean = learns.cross @ alpha
            likelihood: float | None = None
            if tangent is None:
                half = linalg.solve_triangular(factor, learns.cross.T, lower=True, check_finite=False)
                variance = prior.variances - np.einsum("ij,ij->j", half, half)
                whole = prior.new - half.T @ half if prior.new is not None else None
                likelihood = _likelihood(factor, target, alpha)
            else:
                a = linalg.cho_solve((factor, True), learns.cross.T, check_finite=False).T
                variance, whole = _spread(prior, a)
            found = _made(mean, variance, whole, columns, kernel, time, noise, used, likelihood)
    _refuse_overflow(
        name,
        mean=found.mean,
        variance=found.variance,
        covariance=found.covariance,
        log_marginal_likelihood=found.log_marginal_likelihood,
    )
    return found


def _made(
    mean: Array,
    variance: Array,
    whole: Array | None,
    columns: bool,
    kernel: str,
    time: float,
    noise: float,
    jitter: float,
    likelihood: float | None,
) -> Posterior:
    if whole is not None:
        whole = (whole + whole.T) / 2
        np.fill_diagonal(whole, np.maximum(whole.diagonal(), 0))
    return Posterior(
        mean if columns else mean[:, 0], np.maximum(variance, 0), whole, kernel, time, noise, jitter, likelihood
    )


@dataclass
class _Blocks:
    """One kernel: of the training inputs, from new to training inputs, and of the new ones."""

    train: Array
    cross: Array
    variances: Array
    new: Array | None


def _matrices(
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
) -> tuple[_Blocks, _Blocks | None, Array, bool]:
    target = as_real(function, "y", y).astype(float)
    refuse_non_finite(function, "y", target)
    if target.ndim not in (1, 2) or not target.size:
        raise ValueError(f"{function}: y must have the shape (inputs,) or (inputs, outputs), got {target.shape}")
    _refuse_large(function, target)
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
        blocks = [_Blocks(m[:n, :n], m[n:, :n], m.diagonal()[n:].copy(), m[n:, n:]) for m in both]
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
    whole = [_pair(tangent, inputs, None, network, threads), _pair(tangent, new, inputs, network, threads)]
    if covariance:
        own = _pair(tangent, new, None, network, threads)
        diagonals = [None if each is None else each.diagonal().copy() for each in own]
    else:
        own = (None, None)
        diagonals = [_variances(new, network, threads), None]
    blocks = []
    for which in (0, 1):
        train, cross, diagonal, square = whole[0][which], whole[1][which], diagonals[which], own[which]
        if train is not None and cross is not None:
            blocks.append(_Blocks(train, cross, np.zeros(0) if diagonal is None else diagonal, square))
    return blocks[0], blocks[1] if tangent else None, target, columns


def _pair(
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


def _time(function: str, argument: str, value: float) -> float:
    if isinstance(value, float | np.floating) and value == math.inf:
        return math.inf
    return as_number(function, argument, value, least=0)


def _spread(prior: _Blocks, a: Array) -> tuple[Array, Array | None]:
    """Variance and covariance of f(x) - A f(X) under the prior."""
    back = a @ prior.train
    variance = prior.variances - 2 * np.einsum("ij,ij->i", a, prior.cross) + np.einsum("ij,ij->i", back, a)
    if prior.new is None:
        return variance, None
    mixed = a @ prior.cross.T
    return variance, prior.new - mixed - mixed.T + back @ a.T


def _refuse_large(function: str, target: Array) -> None:
    """Losses and likelihoods are sums of squares."""
    if not float(np.abs(target).max(initial=0.0)) * math.sqrt(target.size) < 1e150:
        raise ValueError(
            f"{function}: y must be below {1e150 / math.sqrt(target.size):.3g} in size, so that its squares are finite,"
            f" found {target.ravel()[np.abs(target).argmax()]:g}"
        )


def _refuse_overflow(function: str, **found: Array | float | None) -> None:
    for what, values in found.items():
        if values is not None and not np.isfinite(values).all():
            raise ValueError(
                f"{function}: the {what.replace('_', ' ')} must stay in the range of float64, found"
                f" {np.ravel(values)[~np.isfinite(np.ravel(values))][0]:g}; scale y or the inputs"
            )


def _refuse_without_digits(function: str, matrix: Array) -> None:
    largest = float(matrix.diagonal().max())
    if 0 < largest < 1e6 * np.finfo(float).tiny:
        raise ValueError(
            f"{function}: the kernel of the training inputs must be so large that it has digits, found {largest:.3g} as"
            " its largest entry on the diagonal; scale the inputs up"
        )


def _factor(function: str, matrix: Array, noise: float, jitter: float | None) -> tuple[Array, float]:
    """The Cholesky factor, and the jitter that it took."""
    _refuse_without_digits(function, matrix)
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
                f"{function}: the kernel of the training inputs is singular to rounding{_why(matrix)}; {added:.3g} was"
                " added to its diagonal",
                SingularKernelWarning,
                stacklevel=3,
            )
        return np.asarray(factor), added
    least = float(linalg.eigvalsh(matrix, subset_by_index=[0, 0])[0])
    raise np.linalg.LinAlgError(
        f"{function}: the kernel of the training inputs{_why(matrix)} must be positive definite, but its least"
        f" eigenvalue is {least:.3g}, with noise {noise:.3g} and jitter {ladder[-1]:.3g} added to the diagonal"
    )


def _why(matrix: Array) -> str:
    """Names two inputs that are the same to the kernel."""
    d = matrix.diagonal()
    alike = np.abs(matrix - d) + np.abs(matrix - d[:, None]) <= 1e-13 * np.maximum(np.abs(d), 1e-300)
    np.fill_diagonal(alike, False)
    if not alike.any():
        return ""
    i, j = np.unravel_index(int(alike.argmax()), alike.shape)
    return f" (inputs {i} and {j} are duplicates)"


def _at_time(prior: _Blocks, learns: _Blocks, target: Array, time: float, covariance: bool, columns: bool) -> Posterior:
    values, vectors = _decomposed("posterior", learns.train)
    a = (_rotated(learns.cross, vectors, values) * _learned_by_flow(values, time)) @ vectors.T
    variance, whole = _spread(prior, a)
    return _made(a @ target, variance, whole, columns, "ntk", time, 0.0, 0.0, None)


class Learner:
    """A posterior whose new inputs come later: what depends on the training inputs alone is kept."""

    def __init__(
        self,
        function: str,
        x: Array,
        y: Array,
        *,
        kernel: str,
        time: float,
        noise: float,
        jitter: float | None,
        network: dict[str, Any],
    ) -> None:
        kernel = as_choice(function, "kernel", kernel, ("nngp", "ntk"))
        time = _time(function, "time", time)
        noise = as_number(function, "noise", noise, least=0)
        if time < math.inf and (kernel == "nngp" or noise > 0):
            raise ValueError(f"{function}: time must be inf unless kernel is 'ntk' and noise 0, got {time:g}")
        _refuse_large(function, y)
        self.x, self.y, self.network = x, y.reshape(len(y), -1), network
        self.columns, self.tangent = y.ndim == 2, kernel == "ntk"
        prior, theta = _pair(self.tangent, x, None, network, None)
        assert prior is not None
        self.prior = prior
        learns = prior if theta is None else theta
        self.jitter, self.log_marginal_likelihood = 0.0, None if self.tangent else 0.0
        self.factor: Array | None = None
        if time < math.inf:
            self.values, self.vectors = _decomposed(function, learns)
            self.learned = _learned_by_flow(self.values, time)
            return
        self.factor, self.jitter = _factor(function, learns, noise, jitter)
        self.alpha = linalg.cho_solve((self.factor, True), self.y)
        if not self.tangent:
            self.log_marginal_likelihood = _likelihood(self.factor, self.y, self.alpha)

    def predict(self, new: Array, variance: bool, covariance: bool) -> tuple[Array, Array | None, Array | None]:
        prior, theta = _pair(self.tangent, new, self.x, self.network, None)
        assert prior is not None
        cross = prior if theta is None else theta
        a: Array | None = None
        if self.factor is None:
            a = (_rotated(cross, self.vectors, self.values) * self.learned) @ self.vectors.T
            mean = a @ self.y
        else:
            mean = cross @ self.alpha
        mean = mean if self.columns else mean[:, 0]
        if not variance:
            return mean, None, None
        whole = nngp(new, **self.network) if covariance else None
        own = _variances(new, self.network, None) if whole is None else whole.diagonal().copy()
        if a is None:
            a = linalg.cho_solve((self.factor, True), cross.T).T
        if self.tangent:
            spread, square = _spread(_Blocks(self.prior, prior, own, whole), a)
        else:
            spread = own - np.einsum("ij,ij->i", a, cross)
            square = None if whole is None else whole - a @ cross.T
        return mean, np.maximum(spread, 0), None if square is None else (square + square.T) / 2


def _variances(new: Array, network: dict[str, Any], threads: int | None) -> Array:
    """K(x, x) of each input, by blocks of a few."""
    parts = [nngp(new[i : i + 64], **network, threads=threads).diagonal() for i in range(0, len(new), 64)]
    return np.concatenate([np.zeros(0), *parts])


def _likelihood(factor: Array, target: Array, alpha: Array) -> float:
    log_det = 2 * float(np.log(factor.diagonal()).sum())
    fit = float(np.sum(target * alpha))
    return -0.5 * (fit + float(target.shape[1]) * (log_det + len(target) * math.log(2 * math.pi)))


# ---- dynamics ----


def _decomposed(function: str, kernel: Array) -> tuple[Array, Array]:
    """Eigenvalues and eigenvectors of the kernel that learns."""
    _refuse_without_digits(function, kernel)
    values, vectors = linalg.eigh(kernel)
    if values[0] < -1e-5 * abs(values[-1]):  # beyond rounding of single precision
        raise np.linalg.LinAlgError(
            f"{function}: the kernel of the training inputs must have no negative eigenvalue, but they run from"
            f" {values[0]:.3g} to {values[-1]:.3g}"
        )
    return values, vectors


def _resolved(values: Array) -> tuple[Array, float]:
    """Eigenvalues with 0 for those that are rounding, and the border of these."""
    floor = len(values) * _epsilon * float(values.max(initial=0.0))
    return np.where(values <= floor, 0.0, values), floor


def _longest(time: float, floor: float) -> float:
    """How far a direction without an eigenvalue is followed: no further than where rounding would count as one."""
    return min(time, 1 / floor if floor > 0 else 1e300, 1e300)


def _rotated(cross: Array, vectors: Array, values: Array) -> Array:
    """From new inputs to eigenvectors; where these have no eigenvalue rounding is cut off, which time would enlarge."""
    out = cross @ vectors
    null = _resolved(values)[0] == 0
    size = 8 * len(values) * _epsilon * np.linalg.norm(cross, axis=1, keepdims=True)
    out[:, null] = np.where(np.abs(out[:, null]) <= size, 0.0, out[:, null])
    return np.asarray(out)


def _learned_by_flow(values: Array, time: float) -> Array:
    """(1 - exp(-t lambda)) / lambda; directions without a kernel never learn."""
    resolved, floor = _resolved(values)
    null = resolved == 0
    safe = np.where(null, 1.0, resolved)
    if time == math.inf:
        return np.where(null, 0.0, 1 / safe)
    with np.errstate(under="ignore"):
        return np.where(null, _longest(time, floor), -np.expm1(-time * safe) / safe)


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
    kernels: Given | None = None,
    threads: int | None = None,
) -> Dynamics:
    """Mean and variance of an ensemble of infinitely wide networks under gradient flow on sum |f - y|^2 / 2.

    Parameters
    ----------
    x, y, x_new, depth, activation, sigma_w, sigma_b, kernels, threads
        As for `posterior`; x_new may be left out.
    times : array_like of real
        >= 0; inf is the end.

    Returns
    -------
    Dynamics

    Raises
    ------
    ValueError, TypeError
        As for `posterior`; if times are negative.

    Notes
    -----
    The residual of the mean is exp(-t Theta) y, and the covariance at training inputs exp(-t Theta) K exp(-t Theta),
    Theta in the NTK parametrization [1]_. Directions in which Theta is 0 to rounding (duplicates) stay as they are.

    References
    ----------
    .. [1] J. Lee, L. Xiao et al., NeurIPS (2019), arXiv:1902.06720.

    Examples
    --------
    >>> found = gradient_flow([[1.0, 1.0], [1.0, -1.0]], [1.0, -1.0], times=[0.1, 1.0], depth=3, activation="relu",
    ...                       sigma_w=2**0.5)
    >>> found.train_mean.round(4).tolist()
    [[0.3705, -0.3705], [0.9902, -0.9902]]
    """
    name = "gradient_flow"
    at = as_real(name, "times", times).astype(float).ravel()
    bad = at[~(at >= 0)]
    if bad.size:
        raise ValueError(f"{name}: times must be at least 0, found {bad[0]:g}")
    prior, tangent, target, columns = _matrices(
        name, x, y, x_new, kernels, depth, activation, sigma_w, sigma_b, threads, True, False
    )
    assert tangent is not None

    def left(values: Array, time: float) -> Array:
        resolved = _resolved(values)[0]
        if time == math.inf:
            return np.asarray(resolved == 0, dtype=float)
        with np.errstate(under="ignore"):
            return np.asarray(np.exp(-time * resolved))

    found = _evolve(name, prior, tangent, target, columns, at, left, _learned_by_flow, None)
    _refuse_overflow(name, **_evolving(found))
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
    kernels: Given | None = None,
    threads: int | None = None,
) -> Dynamics:
    """Mean and variance of an ensemble of infinitely wide networks after steps of gradient descent.

    Parameters
    ----------
    x, y, x_new, depth, activation, sigma_w, sigma_b, kernels, threads
        As for `posterior`; x_new may be left out.
    steps : array_like of int
        Numbers of steps, >= 0.
    learning_rate : float
        Of the loss sum |f - y|^2 / 2, positive. It converges below 2 / lambda_max: `max_learning_rate`.

    Returns
    -------
    Dynamics
        With `stable`; beyond the border numbers grow.

    Raises
    ------
    ValueError, TypeError
        As for `posterior`; if steps are no whole numbers, or the learning rate is so large that numbers overflow.

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
    given = as_real(name, "steps", steps)
    at = given.astype(float).ravel()
    bad = at[~((at >= 0) & (at == np.floor(at)) & np.isfinite(at))]
    if bad.size:
        raise ValueError(f"{name}: steps must be whole numbers of at least 0, found {bad[0]:g}")
    prior, tangent, target, columns = _matrices(
        name, x, y, x_new, kernels, depth, activation, sigma_w, sigma_b, threads, True, False
    )
    assert tangent is not None

    def left(values: Array, count: float) -> Array:
        factor = 1 - rate * _resolved(values)[0]
        with np.errstate(over="ignore", under="ignore"):
            return np.where(count % 2 == 1, np.sign(factor), 1.0) * np.abs(factor) ** count if count else factor**0

    def learned(values: Array, count: float) -> Array:
        """(1 - (1 - eta lambda)^k) / lambda, without cancellation for small eta lambda."""
        resolved, floor = _resolved(values)
        part = rate * resolved
        small = part < 0.5
        with np.errstate(over="ignore", under="ignore", invalid="ignore", divide="ignore"):
            direct = (1 - left(values, count)) / np.where(small, 1.0, part)
            series = -np.expm1(count * np.log1p(-np.where(small, part, 0.0))) / np.where(part > 0, part, 1.0)
        limit = np.where(part > 0, series, _longest(rate * count, floor) / rate)
        return rate * np.where(small, limit, direct)

    found = _evolve(name, prior, tangent, target, columns, at, left, learned, rate)
    if not found.stable and not all(np.isfinite(each).all() for each in _evolving(found).values()):
        raise ValueError(
            f"{name}: learning_rate must be below 2 / lambda_max = {2 / found.eigenvalues[-1]:.6g} for so many steps:"
            f" with {rate:g} numbers overflow"
        )
    _refuse_overflow(name, **_evolving(found))
    return found


def _evolving(found: Dynamics) -> dict[str, Array]:
    return {
        "mean": found.mean,
        "variance": found.variance,
        "mean_at_training_inputs": found.train_mean,
        "variance_at_training_inputs": found.train_variance,
        "loss": found.loss,
    }


def _evolve(
    function: str,
    prior: _Blocks,
    tangent: _Blocks,
    target: Array,
    columns: bool,
    at: Array,
    left: Callable[[Array, float], Array],
    learned: Callable[[Array, float], Array],
    rate: float | None,
) -> Dynamics:
    """All times in the eigenvectors of Theta: O(n^3) once, O(n^2) for means and O((n + m) n^2) for variances each."""
    values, vectors = _decomposed(function, tangent.train)
    rotated = vectors.T @ target
    train_k = vectors.T @ prior.train @ vectors
    cross_theta, cross_k = _rotated(tangent.cross, vectors, values), prior.cross @ vectors
    n, m, outputs = len(target), len(prior.cross), target.shape[1]
    train_mean, mean = np.empty((len(at), n, outputs)), np.empty((len(at), m, outputs))
    train_variance, variance = np.empty((len(at), n)), np.empty((len(at), m))
    loss = np.empty(len(at))
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        for i, time in enumerate(at.tolist()):
            stays, part = left(values, time), learned(values, time)
            residual = stays[:, None] * rotated
            loss[i] = float((residual**2).sum()) / 2
            train_mean[i] = target - vectors @ residual
            back = vectors * stays
            train_variance[i] = np.einsum("ij,ij->i", back @ train_k, back)
            a = cross_theta * part
            mean[i] = a @ rotated
            variance[i] = (
                prior.variances - 2 * np.einsum("ij,ij->i", a, cross_k) + np.einsum("ij,ij->i", a @ train_k, a)
            )
    train_mean, mean = (each if columns else each[:, :, 0] for each in (train_mean, mean))
    stable = rate is None or rate * float(values[-1]) < 2
    return Dynamics(
        at, train_mean, np.maximum(train_variance, 0), mean, np.maximum(variance, 0), loss, values, rate, stable
    )
