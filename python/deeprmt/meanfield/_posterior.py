"""What infinitely wide networks that know y at x predict elsewhere."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import linalg

from .._arguments import as_choice, as_flag, as_number
from .._display import Displayed
from ..activations import Activation
from ._blocks import Blocks, Given, blocks_of, spread_of
from ._cholesky import cholesky_factor, log_likelihood
from ._flow import as_time, decomposed, learned_by_flow, rotated_to, tell_singular
from ._overflow import refuse_overflow

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Posterior", "posterior"]

Array = NDArray[np.float64]


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

    def plot(self, x: ArrayLike | None = None, ax: Axes | None = None) -> Axes:
        """Draw the mean with two standard deviations, over a number that stands for each new input."""
        from ..plots import posterior as draw

        return draw(self, x, ax=ax)


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
    time = as_time(name, "time", time)
    noise = as_number(name, "noise", noise, least=0)
    covariance = as_flag(name, "covariance", covariance)
    if jitter is not None:
        jitter = as_number(name, "jitter", jitter, least=0)
    if kernel == "nngp" and time < math.inf:
        raise ValueError(f"{name}: time must be left out unless kernel is 'ntk', got {time:g}")
    if jitter and time < math.inf:
        raise ValueError(
            f"{name}: jitter must be 0 before the end of training, which solves no equation, got jitter = {jitter:g},"
            f" time = {time:g}"
        )
    if noise > 0 and time < math.inf:
        raise ValueError(f"{name}: noise must be 0 before the end of training, got noise = {noise:g}, time = {time:g}")
    if x_new is None and kernels is None:
        raise TypeError(f"{name}: x_new must be given")
    prior, tangent, target, columns = blocks_of(
        name, x, y, x_new, kernels, depth, activation, sigma_w, sigma_b, threads, kernel == "ntk", covariance
    )
    learns = prior if tangent is None else tangent
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):  # what is not finite is refused below
        if time < math.inf:
            found = _at_time(prior, learns, target, time, covariance, columns)
        else:
            factor, used = cholesky_factor(name, learns.train, noise, jitter)
            alpha = linalg.cho_solve((factor, True), target, check_finite=False)
            mean = learns.cross @ alpha
            likelihood: float | None = None
            if tangent is None:
                half = linalg.solve_triangular(factor, learns.cross.T, lower=True, check_finite=False)
                variance = prior.variances - np.einsum("ij,ij->j", half, half)
                whole = prior.new - half.T @ half if prior.new is not None else None
                likelihood = log_likelihood(factor, target, alpha)
            else:
                a = linalg.cho_solve((factor, True), learns.cross.T, check_finite=False).T
                variance, whole = spread_of(prior, a)
            found = _made(mean, variance, whole, columns, kernel, time, noise, used, likelihood)
    refuse_overflow(
        name,
        mean=found.mean,
        variance=found.variance,
        covariance=found.covariance,
        log_marginal_likelihood=found.log_marginal_likelihood,
    )
    return found


def _at_time(prior: Blocks, learns: Blocks, target: Array, time: float, covariance: bool, columns: bool) -> Posterior:
    values, vectors = decomposed("posterior", learns.train)
    tell_singular("posterior", learns.train, values, vectors.T @ target, time)
    a = (rotated_to(learns.cross, vectors, values) * learned_by_flow(values, time)) @ vectors.T
    variance, whole = spread_of(prior, a)
    return _made(a @ target, variance, whole, columns, "ntk", time, 0.0, 0.0, None)


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
