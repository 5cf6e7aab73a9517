"""Networks of infinite width for scikit-learn: a regressor, and a kernel for `sklearn.gaussian_process`.

The classes `InfiniteWidthRegressor` and `InfiniteWidthKernel` can be imported from here where scikit-learn is installed
(`pip install 'deeprmt[sklearn]'`); the functions below make them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import numpy as np

from ._arguments import as_choice, as_number, as_real, shown, speaking_for
from .activations import Activation
from .meanfield import nngp, ntk
from .meanfield._learner import Learner

__all__ = ["gaussian_process_kernel", "regressor"]


def regressor(
    *,
    kernel: str = "nngp",
    depth: int = 3,
    activation: str | Activation = "relu",
    sigma_w: float = math.sqrt(2),
    sigma_b: float = 0.1,
    noise: float = 0.0,
    time: float = math.inf,
    jitter: float | None = None,
) -> Any:
    """A scikit-learn regressor that predicts as a network of infinite width does: see `deeprmt.meanfield.posterior`.

    Parameters
    ----------
    kernel : {"nngp", "ntk"}
        The posterior of the Gaussian process, or the ensemble of networks trained by gradient flow.
    depth, activation, sigma_w, sigma_b
        The network.
    noise : float
        Variance of the noise of y.
    time : float
        Of the gradient flow, for "ntk".
    jitter : float, optional
        Default: chosen; the fitted estimator has it as `jitter_`.

    Returns
    -------
    InfiniteWidthRegressor
        With fit(X, y) and predict(X, return_std=False, return_cov=False); y may have several columns. Inputs are taken
        as they are: scale them first, such as by StandardScaler.

    Raises
    ------
    ImportError
        Without scikit-learn.

    Examples
    --------
    >>> model = regressor(depth=2, activation="erf", sigma_w=1.5, sigma_b=0.5).fit([[0.0], [1.0]], [0.0, 1.0])
    >>> model.predict([[0.5]]).round(4), model.jitter_
    (array([0.7023]), 0.0)
    """
    return _regressor_class()(
        kernel=kernel,
        depth=depth,
        activation=activation,
        sigma_w=sigma_w,
        sigma_b=sigma_b,
        noise=noise,
        time=time,
        jitter=jitter,
    )


def gaussian_process_kernel(
    sigma_w: float = math.sqrt(2),
    sigma_b: float = 0.1,
    *,
    sigma_w_bounds: Any = (1e-2, 1e2),
    sigma_b_bounds: Any = (1e-4, 1e2),
    kernel: str = "nngp",
    depth: int = 3,
    activation: str | Activation = "relu",
) -> Any:
    """A kernel for `sklearn.gaussian_process`, whose sigma_w and sigma_b may be fitted.

    Parameters
    ----------
    sigma_w, sigma_b : float
        Positive, unless their bounds are "fixed".
    sigma_w_bounds, sigma_b_bounds : tuple of two floats, or "fixed"
        Where the optimizer looks, as for scikit-learn's own kernels.
    kernel : {"nngp", "ntk"}
        Which one.
    depth, activation
        The network.

    Returns
    -------
    InfiniteWidthKernel
        A `sklearn.gaussian_process.kernels.Kernel`: it adds to, multiplies and is fitted as others. Gradients are
        central differences, to about 1e-9.

    Raises
    ------
    ImportError
        Without scikit-learn.

    Examples
    --------
    >>> each = gaussian_process_kernel(1.0, 0.5, depth=2)
    >>> each([[1.0], [-1.0]]).round(6).tolist()
    [[0.875, 0.298467], [0.298467, 0.875]]
    """
    return _kernel_class()(
        sigma_w,
        sigma_b,
        sigma_w_bounds=sigma_w_bounds,
        sigma_b_bounds=sigma_b_bounds,
        kernel=kernel,
        depth=depth,
        activation=activation,
    )


def __getattr__(name: str) -> Any:
    makers = {"InfiniteWidthRegressor": _regressor_class, "InfiniteWidthKernel": _kernel_class}
    if name in makers:
        return makers[name]()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _missing(error: ImportError) -> ImportError:
    return ImportError(f"estimators need scikit-learn 1.6 or newer: pip install 'deeprmt[sklearn]' ({error})")


@cache
def _regressor_class() -> Any:
    try:
        from sklearn.base import BaseEstimator, RegressorMixin
        from sklearn.utils.validation import check_is_fitted, validate_data
    except ImportError as error:
        raise _missing(error) from error

    class InfiniteWidthRegressor(RegressorMixin, BaseEstimator):  # type: ignore[misc]
        """Predicts as a network of infinite width; see `deeprmt.estimators.regressor`."""

        def __init__(
            self,
            *,
            kernel: str = "nngp",
            depth: int = 3,
            activation: str | Activation = "relu",
            sigma_w: float = math.sqrt(2),
            sigma_b: float = 0.1,
            noise: float = 0.0,
            time: float = math.inf,
            jitter: float | None = None,
        ) -> None:
            self.kernel = kernel
            self.depth = depth
            self.activation = activation
            self.sigma_w = sigma_w
            self.sigma_b = sigma_b
            self.noise = noise
            self.time = time
            self.jitter = jitter

        def __sklearn_tags__(self) -> Any:
            tags = super().__sklearn_tags__()
            tags.target_tags.multi_output = True
            return tags

        def fit(self, X: Any, y: Any) -> Any:
            """Learns y at X."""
            X, y = validate_data(self, X, y, multi_output=True, y_numeric=True, dtype=np.float64)
            network = {name: getattr(self, name) for name in ("depth", "activation", "sigma_w", "sigma_b")}
            with _in_capitals():
                self._model = Learner(
                    "InfiniteWidthRegressor",
                    X,
                    np.asarray(y, dtype=np.float64),
                    kernel=self.kernel,
                    time=self.time,
                    noise=self.noise,
                    jitter=self.jitter,
                    network=network,
                )
            self.jitter_ = self._model.jitter
            self.log_marginal_likelihood_ = self._model.log_marginal_likelihood
            return self

        def predict(self, X: Any, return_std: bool = False, return_cov: bool = False) -> Any:
            """Means at X; with standard deviations or covariances, of one output, if asked for."""
            check_is_fitted(self)
            if return_std and return_cov:
                raise ValueError("predict: return_std and return_cov must not both be True")
            X = validate_data(self, X, reset=False, dtype=np.float64)
            with _in_capitals():
                mean, variance, covariance = self._model.predict(X, return_std or return_cov, return_cov)
            if return_cov:
                return mean, covariance
            return mean if variance is None else (mean, np.sqrt(variance))

    return _named(InfiniteWidthRegressor)


@cache
def _kernel_class() -> Any:
    try:
        from sklearn.gaussian_process.kernels import Hyperparameter, Kernel
    except ImportError as error:
        raise _missing(error) from error

    class InfiniteWidthKernel(Kernel):  # type: ignore[misc]
        """The kernel of a network of infinite width; see `deeprmt.estimators.gaussian_process_kernel`."""

        def __init__(
            self,
            sigma_w: float = math.sqrt(2),
            sigma_b: float = 0.1,
            sigma_w_bounds: Any = (1e-2, 1e2),
            sigma_b_bounds: Any = (1e-4, 1e2),
            kernel: str = "nngp",
            depth: int = 3,
            activation: str | Activation = "relu",
        ) -> None:
            self.sigma_w = sigma_w
            self.sigma_b = sigma_b
            self.sigma_w_bounds = sigma_w_bounds
            self.sigma_b_bounds = sigma_b_bounds
            self.kernel = kernel
            self.depth = depth
            self.activation = activation

        @property
        def hyperparameter_sigma_b(self) -> Any:
            return Hyperparameter("sigma_b", "numeric", self.sigma_b_bounds)

        @property
        def hyperparameter_sigma_w(self) -> Any:
            return Hyperparameter("sigma_w", "numeric", self.sigma_w_bounds)

        @property
        def theta(self) -> Any:
            """Logarithms of what is fitted, which must be positive."""
            for each in self.hyperparameters:
                if not each.fixed:
                    as_number("InfiniteWidthKernel", each.name, getattr(self, each.name), above=0)
            return super().theta

        @theta.setter
        def theta(self, theta: Any) -> None:
            Kernel.theta.fset(self, theta)

        def _at(self, X: Any, Y: Any, sigma_w: float, sigma_b: float) -> Any:
            name = "InfiniteWidthKernel"
            function = nngp if as_choice(name, "kernel", self.kernel, ("nngp", "ntk")) == "nngp" else ntk
            with _in_capitals(), speaking_for(name, "nngp", "ntk"):
                return function(X, Y, depth=self.depth, activation=self.activation, sigma_w=sigma_w, sigma_b=sigma_b)

        def __call__(self, X: Any, Y: Any = None, eval_gradient: bool = False) -> Any:
            X = _rows("X", X)
            if Y is not None:
                if eval_gradient:
                    raise ValueError("InfiniteWidthKernel: the gradient is that of one set of inputs, Y must be None")
                Y = _rows("Y", Y)
            value = self._at(X, Y, self.sigma_w, self.sigma_b)
            if not eval_gradient:
                return value
            step, slopes = 1e-5, []
            for each in self.hyperparameters:  # by name; derivatives by logarithms
                if not each.fixed:
                    sides = []
                    for sign in (1, -1):
                        at = {"sigma_w": self.sigma_w, "sigma_b": self.sigma_b}
                        at[each.name] *= math.exp(sign * step)
                        sides.append(self._at(X, None, **at))
                    slopes.append((sides[0] - sides[1]) / (2 * step))
            return value, np.stack(slopes, axis=-1) if slopes else np.empty((*value.shape, 0))

        def diag(self, X: Any) -> Any:
            """The kernel of each input with itself."""
            X = _rows("X", X)
            parts = [self._at(X[i : i + 64], None, self.sigma_w, self.sigma_b) for i in range(0, len(X), 64)]
            return np.concatenate([part.diagonal() for part in parts])

        def is_stationary(self) -> bool:
            """It depends on more than differences of inputs."""
            return False

        def __repr__(self) -> str:
            name = getattr(self.activation, "name", self.activation)
            each = (self.sigma_w, self.sigma_b)  # scikit-learn shows kernels in errors too: of wrong types then
            sigma_w, sigma_b = (f"{v:.3g}" if isinstance(v, int | float | np.floating) else shown(v) for v in each)
            return (
                f"InfiniteWidthKernel({self.kernel}, {name}, depth={self.depth}, sigma_w={sigma_w}, sigma_b={sigma_b})"
            )

    return _named(InfiniteWidthKernel)


@contextmanager
def _in_capitals() -> Iterator[None]:
    """Errors name inputs as scikit-learn does."""
    try:
        yield
    except ValueError as error:
        text = str(error).replace(": x and y ", ": X and Y ", 1)
        error.args = (re.sub(": ([xy])(,? )", lambda found: f": {found[1].upper()}{found[2]}", text, count=1),)
        raise


def _rows(argument: str, value: Any) -> Any:
    """(n, n_0) in double precision; scikit-learn takes a row alone for one input."""
    return np.atleast_2d(as_real("InfiniteWidthKernel", argument, value).astype(np.float64))


def _named(made: Any) -> Any:
    """As if defined at the top of this module, where pickle looks for it."""
    made.__module__, made.__qualname__ = __name__, made.__name__
    return made
