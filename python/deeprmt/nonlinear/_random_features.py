"""Random-feature ridge regression on data: what it will cost before it is run, and the run itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from .. import _core
from .._arguments import (
    MOST,
    RNG,
    Floats,
    as_choice,
    as_count,
    as_key,
    as_number,
    as_real,
    as_threads,
    refuse_beyond_memory,
    refuse_non_finite,
)
from .._display import Displayed
from ..activations import Activation
from ..errors import ConvergenceError
from ..linalg import eigh
from ..meanfield import gauss_moment
from ._constants import as_function
from ._feature_kernel import Array, _kernel, as_samples, variances
from ._ridge_point import as_positive

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["RandomFeatureErrors", "RandomFeatureForecast", "RandomFeatureRidge", "random_feature_errors"]


def _targets(function: str, argument: str, value: ArrayLike, samples: int) -> Floats:
    y = as_real(function, argument, value).astype(np.float64)
    if y.ndim not in (1, 2) or len(y) != samples:
        raise ValueError(f"{function}: {argument} must have {samples} rows, one a sample, got shape {y.shape}")
    refuse_non_finite(function, argument, y)
    return y


@dataclass(frozen=True, eq=False, repr=False)
class RandomFeatureErrors(Displayed):
    """Errors of random-feature ridge regression, over ridges; made by `random_feature_errors`.

    Attributes
    ----------
    ridge : (g,) ndarray
        gamma.
    train : (g,) ndarray
        Mean squared training errors, summed over outputs.
    test : (g,) ndarray
        Mean squared test errors on the given test set; NaN where none was given.
    estimate : (g,) ndarray
        What generalised cross-validation expects of the test error, from the training set alone.
    delta : (g,) ndarray
        The trace (1/T) tr Phi Qbar that everything rests on.
    features : int
    activation : str

    Examples
    --------
    >>> x = np.random.default_rng(0).normal(size=(40, 10))
    >>> found = random_feature_errors(x, x[:, 0], features=80, ridge=[0.01, 0.1])
    >>> bool((found.train < found.estimate).all())
    True
    """

    ridge: Floats
    train: Floats
    test: Floats
    estimate: Floats
    delta: Floats
    features: int
    activation: str

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the errors over the ridge; needs matplotlib."""
        from .. import plots

        return plots.ridge_errors(self, ax=ax)

    def to_dict(self) -> dict[str, Any]:
        """Lists of numbers; None for a test error without a test set."""
        head = {"features": self.features, "activation": self.activation}
        lists = {name: getattr(self, name).tolist() for name in ("ridge", "train", "estimate", "delta")}
        return head | lists | {"test": None if np.isnan(self.test).any() else self.test.tolist()}

    def __repr__(self) -> str:
        if not self.ridge.size:
            return f"RandomFeatureErrors({self.features} {self.activation} features, 0 ridges)"
        values = self.estimate if np.isnan(self.test).any() else self.test
        i = int(np.argmin(values))
        kind = "estimated" if values is self.estimate else "test"
        least = f"least {kind} error {values[i]:.4g} at ridge {self.ridge[i]:.4g}"
        return f"RandomFeatureErrors({self.features} {self.activation} features, {least})"


class _Parameters:
    """What scikit-learn asks of an estimator, without scikit-learn: it can be cloned, searched over and piped."""

    _names: tuple[str, ...] = ()

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The arguments that it was made with.

        Parameters
        ----------
        deep : bool
            Without effect.
        """
        return {name: getattr(self, name) for name in self._names}

    def set_params(self, **parameters: Any) -> Any:
        """Change some; returns itself.

        Parameters
        ----------
        **parameters
            By name.
        """
        for name, value in parameters.items():
            if name not in self._names:
                raise ValueError(f"set_params: the names are {', '.join(self._names)}, got {name!r}")
            setattr(self, name, value)
        return self

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={getattr(self, name)!r}' for name in self._names)})"

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import Tags, TargetTags

        return Tags(estimator_type="regressor", target_tags=TargetTags(required=True, multi_output=True))

    def _unfitted(self, method: str, attribute: str) -> None:
        if not hasattr(self, attribute):
            raise RuntimeError(f"{method}: call fit first")


class RandomFeatureForecast(_Parameters):
    """The training and test errors that random-feature ridge regression will have on given data, without running it.

    Parameters
    ----------
    features : int
        n, the number of random features.
    activation : str, Activation or callable, default "relu"
        f, as in `feature_kernel`.
    sigma_w : float, default 1
        The standard deviation of weights times sqrt(d), d the number of inputs.
    threads : int, optional
        Default: every core this process may use. Never changes the result.

    Attributes
    ----------
    levels_ : (T,) ndarray
        After `fit`: the eigenvalues of the kernel Phi, ascending.

    Notes
    -----
    With Phi the `feature_kernel` of the T samples, Psi = n Phi / (T (1 + delta)) and Qbar = (Psi + gamma)^-1, delta is
    (1/T) tr Phi Qbar, and errors are sums over the eigenvectors of Phi [1]_. These are found once, at a cost of order
    T^3; each ridge then takes T steps, and T times the size of the test set. What is neglected is of relative order
    1 / sqrt(n) in a run, 1 / n in the mean. `features` may be changed after `fit`.

    References
    ----------
    .. [1] C. Louart, Z. Liao, R. Couillet, Ann. Appl. Probab. 28, 1190 (2018), arXiv:1702.05419.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(300, 20))
    >>> y = x[:, 0] * x[:, 1]
    >>> forecast = RandomFeatureForecast(features=100).fit(x[:200], y[:200])
    >>> expected = forecast.errors([0.01, 0.1], x[200:], y[200:])
    >>> run = RandomFeatureRidge(100, ridge=0.1, rng=1).fit(x[:200], y[:200])
    >>> bool(abs(np.mean((run.predict(x[:200]) - y[:200]) ** 2) / expected.train[1] - 1) < 0.2)
    True
    """

    _names = ("features", "activation", "sigma_w", "threads")

    def __init__(
        self,
        features: int,
        activation: str | Activation | Callable[[Any], Any] = "relu",
        *,
        sigma_w: float = 1.0,
        threads: int | None = None,
    ) -> None:
        self.features, self.activation = features, activation
        self.sigma_w, self.threads = sigma_w, threads

    def fit(self, x: ArrayLike, y: ArrayLike) -> RandomFeatureForecast:
        """Decompose the kernel of the training set.

        Parameters
        ----------
        x : (T, d) array_like of real
            Samples in rows.
        y : (T,) or (T, c) array_like of real
            Targets. Nothing is centred: do that first where targets have a mean.
        """
        return self._fit("RandomFeatureForecast.fit", x, y)

    def _fit(self, name: str, x: ArrayLike, y: ArrayLike) -> RandomFeatureForecast:
        f, sigma, threads = self._settings(name)
        samples = as_samples(name, "x", x)
        targets = _targets(name, "y", y, len(samples))
        # The kernel, its vectors, and what the decomposition needs beside them.
        refuse_beyond_memory(name, 32 * len(samples) ** 2, f"{len(samples)} samples: kernel and eigenvectors")
        kernel = _kernel(name, samples, None, f, sigma, threads)
        levels, vectors = eigh(kernel, threads=threads)
        # What is below the rounding of the largest is none.
        self.levels_ = np.where(levels > len(levels) * np.finfo(float).eps * max(levels[-1], 0.0), levels, 0.0)
        self._vectors, self._samples = vectors, samples
        self._shape = targets.shape[1:]
        self._seen = np.asarray(
            _core.linalg.multiply(np.ascontiguousarray(vectors.T), targets.reshape(len(targets), -1), threads)
        )
        with np.errstate(over="ignore"):
            self._size2 = np.sum(self._seen**2, axis=1)
        if not np.isfinite(self._size2).all():
            raise ValueError(f"{name}: y must be so small that sums of squares are finite, found an overflow")
        self._test: tuple[Any, ...] | None = None
        self._made_with = f, sigma
        return self

    def _settings(self, name: str) -> tuple[Activation, float, int]:
        as_count(name, "features", self.features, most=MOST)
        f = as_function(name, "activation", self.activation)
        return f, as_number(name, "sigma_w", self.sigma_w, above=0.0), as_threads(name, self.threads)

    def _point(self, name: str, ridge: ArrayLike) -> tuple[Array, Array, Array]:
        """gamma, and with tau = gamma (1 + delta) gamma / tau and kappa = T tau / n, the ridge that the kernel sees."""
        self._unfitted(name, "levels_")
        if self._made_with != self._settings(name)[:2]:
            raise RuntimeError(f"{name}: activation and sigma_w must be those of fit; call fit again")
        gamma = np.atleast_1d(as_positive(name, "ridge", ridge)).ravel()
        n = int(self.features)
        tau = _solve(name, self.levels_, gamma, n)
        return gamma, gamma / tau, len(self.levels_) / n * tau

    def errors(self, ridge: ArrayLike, x: ArrayLike | None = None, y: ArrayLike | None = None) -> RandomFeatureErrors:
        """Errors for each ridge.

        Parameters
        ----------
        ridge : array_like of real
            gamma > 0 of the loss (1/T) sum \\|y - a f(W x)\\|^2 + gamma \\|a\\|^2.
        x, y : array_like of real, optional
            A test set; without it, `.estimate` is what there is to say of the test error. What its features have that
            the training set's have not is 0 where that is within the rounding of the kernel: samples of the training
            set, or as many linear features as inputs.

        Returns
        -------
        RandomFeatureErrors
        """
        return self._errors("RandomFeatureForecast.errors", ("x", "y"), ridge, x, y)

    def _errors(
        self, name: str, named: tuple[str, str], ridge: ArrayLike, x: ArrayLike | None, y: ArrayLike | None
    ) -> RandomFeatureErrors:
        gamma, share, kappa = self._point(name, ridge)
        n, samples = int(self.features), len(self.levels_)
        # gamma Qbar = v and Psi Qbar = w = 1 - v, by eigenvectors; by the equation for tau, 1 - tr (Psi Qbar)^2 / n is
        # the sum `room` of positive terms.
        r = 1 / (self.levels_ + kappa[:, None])
        v, w = kappa[:, None] * r, self.levels_ * r
        room = share + np.sum(v * w, axis=1) / n
        # In units of the largest v, so that tiny ridges underflow in the training error alone.
        top = v.max(axis=1)
        u = v / top[:, None]
        factor = np.sum(u * w, axis=1) / n / room
        fitted_error = np.sum(self._size2 * u * (u + factor[:, None] * w), axis=1) / samples
        train = top * fitted_error * top
        delta = np.mean(w, axis=1) * samples / n / share
        estimate = fitted_error / np.mean(u, axis=1) ** 2
        test = np.full(gamma.shape, np.nan)
        if x is not None or y is not None:
            if x is None or y is None:
                raise ValueError(f"{name}: {named[0]} and {named[1]} must be given together, or neither")
            across, own, targets = self._test_set(name, named, x, y)
            lengths = np.sum(across**2, axis=1) / len(targets)
            known, beyond = self._beyond(lengths, own)
            noise = np.sum(self._size2 * r * w, axis=1) / n / room
            for i in range(gamma.size):
                bias = np.sum((targets - across.T @ (r[i][:, None] * self._seen)) ** 2) / len(targets)
                test[i] = bias + noise[i] * (beyond + np.sum(v[i] * known * v[i]))
        return RandomFeatureErrors(gamma, train, test, estimate, delta, n, self._made_with[0].name)

    def _beyond(self, lengths: Floats, own: float) -> tuple[Floats, float]:
        """Of f(w . x) at test samples: the variance by each vector of the training set, and what is in none.

        What test samples bring to the error, own - sum (1 + v) r lengths, is both, the first times v^2. The last is
        nothing where it is within rounding: an error E of the kernel changes it by a^T E a, a the coefficients of the
        test sample in training samples, and ridges may make a large multiple of it.
        """
        some = self.levels_ > 0
        inverse = np.where(some, 1 / np.where(some, self.levels_, 1.0), 0.0)
        known = lengths * inverse
        beyond = own - float(np.sum(known))
        # What E is, up to levels that were taken for 0.
        rounding = len(self.levels_) * np.finfo(float).eps
        return known, beyond if beyond > rounding * (own + self.levels_[-1] * np.sum(known * inverse)) else 0.0

    def _test_set(self, name: str, named: tuple[str, str], x: ArrayLike, y: ArrayLike) -> tuple[Floats, float, Floats]:
        f, sigma, threads = self._settings(name)
        points = as_samples(name, named[0], x, self._samples.shape[1])
        targets = _targets(name, named[1], y, len(points))
        if targets.shape[1:] != self._shape:
            raise ValueError(f"{name}: {named[1]} must have the outputs of fit, {self._shape}, got {targets.shape[1:]}")
        if self._test is None or not np.array_equal(self._test[0], points):
            between = _kernel(name, self._samples, points, f, sigma, threads)
            across = _core.linalg.multiply(np.ascontiguousarray(self._vectors.T), between, threads)
            across[self.levels_ == 0] = 0.0  # what is there is rounding
            own = float(np.mean(gauss_moment(f, variances(points, sigma))))
            self._test = points.copy(), across, own
        return self._test[1], self._test[2], targets.reshape(len(targets), -1)

    def predict(self, x: ArrayLike, ridge: float) -> Floats:
        """The mean prediction over all draws of the weights.

        Parameters
        ----------
        x : (k, d) array_like of real
            Samples in rows.
        ridge : float
            gamma.

        Returns
        -------
        (k,) or (k, c) ndarray
        """
        name = "RandomFeatureForecast.predict"
        gamma, _, kappa = self._point(name, ridge)
        if gamma.size != 1:
            raise ValueError(f"{name}: ridge must be one number, got {gamma.size}")
        f, sigma, threads = self._settings(name)
        points = as_samples(name, "x", x, self._samples.shape[1])
        between = _kernel(name, points, self._samples, f, sigma, threads)
        seen = np.where(self.levels_ > 0, 1 / (self.levels_ + kappa[0]), 0.0)[:, None] * self._seen
        inner = _core.linalg.multiply(self._vectors, seen, threads)
        return np.asarray(_core.linalg.multiply(between, inner, threads)).reshape(-1, *self._shape)


def _solve(name: str, levels: Array, gamma: Array, n: int) -> Array:
    """tau = gamma (1 + delta), the root of h(tau) = tau (1 - (1/n) sum lambda / (lambda + tau T / n)) = gamma.

    h is convex and h(0) = 0: Newton's steps from above never pass the root. With as many features as the rank or more
    the root falls with gamma, and steps are taken in logarithms, in which the slope of h is in [1, 2].
    """
    scale = len(levels) / n
    rank = np.count_nonzero(levels)
    tau = gamma + levels.mean()
    for _ in range(300):
        r = 1 / (levels + scale * tau[:, None])
        v, w = scale * tau[:, None] * r, levels * r
        # The bracket of h, in which nothing cancels then.
        deficit = (n - rank) / n + np.sum(np.where(levels > 0, v, 0.0), axis=1) / n
        bend = np.sum(v * w, axis=1) / n
        if n >= rank:
            step = np.log(gamma / tau / deficit) / (1 + bend / deficit)
            tau = tau * np.exp(step)
        else:
            step = (gamma / tau - deficit) / (deficit + bend)
            tau = tau * (1 + step)
        if np.all(np.abs(step) <= 1e-9):  # what is left is of the order of its square
            return np.asarray(np.maximum(tau, gamma))
    i = int(np.argmax(np.abs(step)))
    raise ConvergenceError(
        f"{name}: no root for ridge = {gamma[i]:g}", {"ridge": gamma, "step": np.abs(step), "value": tau}
    )


def random_feature_errors(
    x: ArrayLike,
    y: ArrayLike,
    x_test: ArrayLike | None = None,
    y_test: ArrayLike | None = None,
    *,
    features: int,
    ridge: ArrayLike,
    activation: str | Activation | Callable[[Any], Any] = "relu",
    sigma_w: float = 1.0,
    threads: int | None = None,
) -> RandomFeatureErrors:
    """Training and test errors of ridge regression on random features of given data, by deterministic equivalents.

    Parameters
    ----------
    x : (T, d) array_like of real
        Training samples in rows.
    y : (T,) or (T, c) array_like of real
        Their targets.
    x_test, y_test : array_like of real, optional
        A test set.
    features : int
        n, the number of random features f(w . x).
    ridge : array_like of real
        gamma > 0 of the loss (1/T) sum \\|y - a f(W x)\\|^2 + gamma \\|a\\|^2.
    activation : str, Activation or callable, default "relu"
        f, as in `feature_kernel`.
    sigma_w : float, default 1
        The standard deviation of weights times sqrt(d).
    threads : int, optional
        Default: every core this process may use. Never changes the result.

    Returns
    -------
    RandomFeatureErrors
        `.train`, `.test`, `.estimate`, `.delta`, one for each ridge.

    Raises
    ------
    ValueError, TypeError
        If shapes do not fit, entries are not finite, or a ridge is not positive; if f is not known.
    MemoryError
        If 4 matrices of T x T cannot fit into memory.

    Notes
    -----
    See `RandomFeatureForecast`, of which this is one call.

    References
    ----------
    .. [1] C. Louart, Z. Liao, R. Couillet, Ann. Appl. Probab. 28, 1190 (2018), arXiv:1702.05419.

    Examples
    --------
    >>> x = [[1.0, 0.2], [0.5, -0.7], [-0.3, 0.9], [0.8, 0.4]]
    >>> found = random_feature_errors(
    ...     x, [1.0, -1.0, 1.0, 0.5], [[0.6, 0.1], [-0.2, 1.1]], [0.8, 0.3], features=6, ridge=0.1, sigma_w=2**0.5
    ... )
    >>> found.train.round(8), found.test.round(8)
    (array([0.11471748]), array([0.41301591]))
    """
    forecast = RandomFeatureForecast(features, activation, sigma_w=sigma_w, threads=threads)
    name = "random_feature_errors"
    return forecast._fit(name, x, y)._errors(name, ("x_test", "y_test"), ridge, x_test, y_test)


class RandomFeatureRidge(_Parameters):
    """Ridge regression on random features f(W x): what `RandomFeatureForecast` speaks of.

    Parameters
    ----------
    features : int
        n, the number of random features.
    activation : str, Activation or callable, default "relu"
        f, as in `feature_kernel`.
    ridge : float, default 1e-3
        gamma > 0 of the loss (1/T) sum \\|y - a f(W x)\\|^2 + gamma \\|a\\|^2.
    sigma_w : float, default 1
        The standard deviation of weights times sqrt(d).
    weights : {"gaussian", "sphere"}
        Independent entries N(0, sigma_w^2 / d), or rows drawn from the sphere of radius sigma_w.
    rng : optional
        Whatever `numpy.random.default_rng` takes. The same seed gives the same weights.
    threads : int, optional
        Default: every core this process may use. Never changes the result.

    Attributes
    ----------
    weights_ : (n, d) ndarray
    coef_ : (n,) or (n, c) ndarray
        After `fit`.

    Examples
    --------
    >>> x = np.linspace(-1, 1, 50)[:, None]
    >>> model = RandomFeatureRidge(20, "sin", ridge=1e-6, sigma_w=3.0, rng=0).fit(x, x[:, 0] ** 3)
    >>> bool(model.score(x, x[:, 0] ** 3) > 0.99)
    True
    """

    _names = ("features", "activation", "ridge", "sigma_w", "weights", "rng", "threads")

    def __init__(
        self,
        features: int,
        activation: str | Activation | Callable[[Any], Any] = "relu",
        *,
        ridge: float = 1e-3,
        sigma_w: float = 1.0,
        weights: Literal["gaussian", "sphere"] = "gaussian",
        rng: RNG = None,
        threads: int | None = None,
    ) -> None:
        self.features, self.activation, self.ridge = features, activation, ridge
        self.sigma_w, self.weights, self.rng, self.threads = sigma_w, weights, rng, threads

    def fit(self, x: ArrayLike, y: ArrayLike) -> RandomFeatureRidge:
        """Draw the weights and solve for the readout.

        Parameters
        ----------
        x : (T, d) array_like of real
            Samples in rows.
        y : (T,) or (T, c) array_like of real
            Targets; nothing is centred.
        """
        name = "RandomFeatureRidge.fit"
        n = as_count(name, "features", self.features, most=MOST)
        f = as_function(name, "activation", self.activation)
        gamma = as_number(name, "ridge", self.ridge, above=0.0)
        sigma = as_number(name, "sigma_w", self.sigma_w, above=0.0)
        kind = as_choice(name, "weights", self.weights, ("gaussian", "sphere"))
        threads = as_threads(name, self.threads)
        samples = as_samples(name, "x", x)
        targets = _targets(name, "y", y, len(samples))
        inputs = samples.shape[1]
        least = min(n, len(samples))
        work = 8 * (3 * n * len(samples) + n * inputs + 2 * least * least)
        refuse_beyond_memory(name, work, f"{n} features of {len(samples)} samples")
        w = np.empty((n, inputs))
        _core.ensembles.ginibre(as_key(name, self.rng), sigma / inputs**0.5, w[None], threads)
        if kind == "sphere":
            w *= sigma / np.linalg.norm(w, axis=1, keepdims=True)
        self.weights_, self._f, self._threads = w, f, threads
        z = self._features(samples)
        flat = targets.reshape(len(targets), -1)
        scale = len(samples) * gamma
        if n <= len(samples):
            gram = _core.linalg.multiply(np.ascontiguousarray(z.T), z, threads)
            side = _core.linalg.multiply(np.ascontiguousarray(z.T), flat, threads)
            coefficients = _positive_solve(name, gram, scale, side)
        else:
            gram = _core.linalg.multiply(z, np.ascontiguousarray(z.T), threads)
            dual = _positive_solve(name, gram, scale, flat)
            coefficients = _core.linalg.multiply(np.ascontiguousarray(z.T), dual, threads)
        self.coef_ = np.asarray(coefficients).reshape(n, *targets.shape[1:])
        return self

    def _features(self, x: Floats) -> Floats:
        h = _core.linalg.multiply(x, np.ascontiguousarray(self.weights_.T), self._threads)
        z = np.ascontiguousarray(self._f.phi(h), dtype=np.float64)
        refuse_non_finite("RandomFeatureRidge", "f(W x)", z)
        return z

    def transform(self, x: ArrayLike) -> Floats:
        """The features f(W x) of samples in rows.

        Parameters
        ----------
        x : (k, d) array_like of real
            Samples.

        Returns
        -------
        (k, n) ndarray
        """
        self._unfitted("RandomFeatureRidge.transform", "coef_")
        return self._features(as_samples("RandomFeatureRidge.transform", "x", x, self.weights_.shape[1]))

    def predict(self, x: ArrayLike) -> Floats:
        """Predictions for samples in rows.

        Parameters
        ----------
        x : (k, d) array_like of real
            Samples.

        Returns
        -------
        (k,) or (k, c) ndarray
        """
        self._unfitted("RandomFeatureRidge.predict", "coef_")
        z = self._features(as_samples("RandomFeatureRidge.predict", "x", x, self.weights_.shape[1]))
        readout = self.coef_.reshape(len(self.coef_), -1)
        return np.asarray(_core.linalg.multiply(z, readout, self._threads)).reshape(-1, *self.coef_.shape[1:])

    def score(self, x: ArrayLike, y: ArrayLike) -> float:
        """The share of the targets' variance that is explained.

        Parameters
        ----------
        x, y : array_like of real
            Samples in rows, and targets.

        Returns
        -------
        float
            1 for a perfect fit; can be negative.
        """
        found = self.predict(x)
        targets = _targets("RandomFeatureRidge.score", "y", y, len(found))
        if targets.shape != found.shape:
            raise ValueError(
                f"RandomFeatureRidge.score: y must have the outputs of fit, {found.shape}, got {targets.shape}"
            )
        around = np.sum((targets - targets.mean(axis=0)) ** 2)
        return float(1 - np.sum((targets - found) ** 2) / around) if around > 0 else float("nan")


def _positive_solve(name: str, gram: Floats, scale: float, side: Floats) -> Floats:
    """(gram + scale)^-1 side."""
    from scipy.linalg import LinAlgError, cho_factor, cho_solve

    gram[np.diag_indices_from(gram)] += scale
    if not (np.isfinite(gram).all() and np.isfinite(side).all()):
        raise ValueError(
            f"{name}: x, y and sigma_w must be so small that sums of products of features and targets are finite, found"
            " an overflow"
        )
    try:
        factor = cho_factor(gram, lower=True, overwrite_a=True, check_finite=False)
        return np.ascontiguousarray(cho_solve(factor, side))
    except LinAlgError:
        raise ConvergenceError(
            f"{name}: the ridge {scale:.3g} (times the number of samples) is lost in the rounding of the features' Gram"
            " matrix; take a larger one",
            {"ridge": scale, "order": len(gram)},
        ) from None
