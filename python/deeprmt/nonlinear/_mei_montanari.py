"""Bias and variance of random-feature regression, and its double descent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from .._arguments import Floats, as_number
from .._display import Displayed
from ..activations import Activation
from ._constants import as_function, constants_of
from ._ridge_point import Array, RidgePoint, as_positive, as_ratio, in_range, least_risk, limit, ridge_point, shared

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST = 1e70  # of variances, as of ratios

__all__ = ["DoubleDescent", "MeiMontanari", "double_descent", "mei_montanari", "optimal_ridge"]


@dataclass(frozen=True, eq=False, repr=False)
class MeiMontanari(Displayed):
    """Bias and variance of random-feature ridge regression; made by `mei_montanari`.

    Attributes
    ----------
    psi1, psi2, lam : ndarray
        Features and samples a dimension, and the ridge, as given, of one shape.
    bias, variance : ndarray
        Test error left of a linear teacher of variance 1, and test error that noise of variance 1 causes, its own
        variance not counted. inf at ridge 0 and psi1 = psi2.
    chi : ndarray
        The product nu1 nu2 of the paper, negative; NaN for linear features, where its unit vanishes.
    activation : str

    Examples
    --------
    >>> found = mei_montanari([2.0, 3.0], 3.0, 0.0)
    >>> found.bias.round(6), found.variance.round(6)
    (array([0.684899,      inf]), array([ 2., inf]))
    >>> float(found.risk(linear=1.0, noise=0.25)[0].round(9))
    1.184899393
    """

    psi1: Floats
    psi2: Floats
    lam: Floats
    bias: Floats
    variance: Floats
    chi: Floats
    activation: str
    _train: tuple[Floats, Floats]

    def risk(self, *, linear: float = 1.0, noise: float = 0.0, nonlinear: float = 0.0) -> Any:
        """The test error against clean targets: linear * bias + (noise + nonlinear) * variance + nonlinear.

        Parameters
        ----------
        linear, noise, nonlinear : float
            The variances of the target's linear part, of its noise, and of its nonlinear part, which features of this
            number cannot learn; each 0 or from 1e-70 to 1e70. Add `noise` for targets that are noisy in the test, too.

        Returns
        -------
        ndarray
        """
        f1, tau, rest = _variances("MeiMontanari.risk", linear, noise, nonlinear)
        with np.errstate(invalid="ignore"):  # 0 times inf
            parts = [np.where(c > 0, c * v, 0.0) for c, v in ((f1, self.bias), (tau + rest, self.variance))]
        return (parts[0] + parts[1] + rest)[()]

    def training_error(self, *, linear: float = 1.0, noise: float = 0.0, nonlinear: float = 0.0) -> Any:
        """The mean squared training error, of the same target.

        Parameters
        ----------
        linear, noise, nonlinear : float
            As in `risk`.

        Returns
        -------
        ndarray
        """
        f1, tau, rest = _variances("MeiMontanari.training_error", linear, noise, nonlinear)
        return (f1 * self._train[0] + (tau + rest) * self._train[1])[()]

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw bias and variance over what varies; needs matplotlib."""
        from .. import plots

        return plots.bias_variance(self, ax=ax)

    def to_dict(self) -> dict[str, Any]:
        """Lists of numbers; those that are not finite as None."""
        names = ("psi1", "psi2", "lam", "bias", "variance", "chi")
        lists = {name: _plain(getattr(self, name)) for name in names}
        return lists | {"activation": self.activation}

    def __repr__(self) -> str:
        if self.bias.size == 1:
            return f"MeiMontanari(bias {self.bias.item():.6g}, variance {self.variance.item():.6g})"
        return f"MeiMontanari({self.activation}, {self.bias.size} points)"


def _plain(values: Floats) -> Any:
    flat = [float(each) if np.isfinite(each) else None for each in np.ravel(values)]
    return flat if values.ndim else flat[0]


def _variances(function: str, linear: float, noise: float, nonlinear: float) -> tuple[float, float, float]:
    named = (("linear", linear), ("noise", noise), ("nonlinear", nonlinear))
    a, b, c = (as_number(function, argument, value, least=0.0) for argument, value in named)
    for argument, value in zip(("linear", "noise", "nonlinear"), (a, b, c), strict=True):
        if value != 0 and not 1 / _MOST <= value <= _MOST:
            raise ValueError(
                f"{function}: {argument} must be 0 or lie between {1 / _MOST:g} and {_MOST:g}, got {value:g}"
            )
    return a, b, c


def _points(
    function: str, activation: Activation, psi1: Array, psi2: Array, lam: Array
) -> tuple[RidgePoint, Array, float, tuple[int, ...]]:
    found = constants_of(function, "activation", activation)
    line, rest = found.zeta, found.nonlinearity
    eta = line + rest
    shape = np.broadcast_shapes(psi1.shape, psi2.shape, lam.shape)
    n, m, ridge, z, d = shared(psi1, psi2, lam, np.array(line / eta), np.array(rest / eta))
    with np.errstate(over="ignore", under="ignore"):
        gamma = in_range(ridge * n / eta)
    return ridge_point(function, gamma, 1 / m, 1 / n, z, d), gamma, rest / eta, shape


def mei_montanari(
    psi1: ArrayLike, psi2: ArrayLike, lam: ArrayLike, activation: str | Activation | Callable[[Any], Any] = "relu"
) -> MeiMontanari:
    """Bias and variance of ridge regression on N random features of n samples in d dimensions, all three large.

    Parameters
    ----------
    psi1, psi2 : array_like of real
        N / d and n / d, from 1e-70 to 1e70.
    lam : array_like of real
        The ridge lambda of the loss ``(1/n) sum (y - a^T f(Theta x / sqrt(d)))^2 + (N lambda / d) |a|^2``,
        theta and x on spheres of radius sqrt(d); at least 0, where 0 is the limit from above. The paper's formulas hold
        lambda / mu_*^2, mu_*^2 the variance of f without its mean and its line: 0.0908 for relu.
    activation : str, Activation or callable
        f; its mean plays no part.

    Returns
    -------
    MeiMontanari
        `.bias`, `.variance`, `.risk(...)`, `.training_error(...)`.

    Raises
    ------
    ValueError, TypeError
        If a ratio is not between 1e-70 and 1e70, lam negative, or one not finite; if f is constant or unknown.

    Notes
    -----
    The theorem's polynomials lose all digits as lam -> 0. Here both come from the point of `test_error` with
    phi = 1 / psi2, psi = 1 / psi1, gamma = lam psi1, as sums of positive terms.

    References
    ----------
    .. [1] S. Mei, A. Montanari, Comm. Pure Appl. Math. 75, 667 (2022), arXiv:1908.05355.

    Examples
    --------
    >>> mu_star_2 = 0.25 - 1 / (2 * np.pi)
    >>> found = mei_montanari(2.0, 3.0, 0.1 * mu_star_2)
    >>> round(float(found.bias), 12), round(float(found.variance), 12)
    (0.419657208837, 0.789994511067)
    """
    name = "mei_montanari"
    f = as_function(name, "activation", activation)
    n, m = as_ratio(name, "psi1", psi1), as_ratio(name, "psi2", psi2)
    ridge = as_positive(name, "lam", lam, zero=True)
    point, gamma, rest, shape = _points(name, f, n, m, ridge)
    with np.errstate(divide="ignore", invalid="ignore"):
        chi = -rest / point.y if rest > 0 else np.full(point.y.shape, np.nan)
    square = point.u * point.u
    bias, variance, fitted, memorised = (
        limit(each, gamma).reshape(shape)
        for each in (point.signal(), point.variance(), square * point.signal(), square * point.noise())
    )
    chi = chi.reshape(shape)
    n, m, ridge = (np.array(np.broadcast_to(each, shape)) for each in (n, m, ridge))
    return MeiMontanari(n, m, ridge, bias, variance, chi, f.name, (fitted, memorised))


def optimal_ridge(
    psi1: ArrayLike,
    psi2: ArrayLike,
    activation: str | Activation | Callable[[Any], Any] = "relu",
    *,
    linear: float = 1.0,
    noise: float = 0.0,
    nonlinear: float = 0.0,
) -> Any:
    """The ridge lambda at which the risk of `mei_montanari` is least.

    Parameters
    ----------
    psi1, psi2 : array_like of real
        As in `mei_montanari`.
    activation : str, Activation or callable
        f.
    linear, noise, nonlinear : float
        Variances of the target's parts, each 0 or from 1e-70 to 1e70; linear must be positive.

    Returns
    -------
    float or ndarray
        Of the common shape of psi1 and psi2. 0 where the risk falls all the way to ridge 0.

    Raises
    ------
    ValueError, TypeError
        As `mei_montanari`; if linear is not positive.

    Notes
    -----
    A root of the risk's slope, in which a few positive terms stand against each other: to some 1e-12 of itself, also
    where the risk is flat to rounding.

    References
    ----------
    .. [1] S. Mei, A. Montanari, arXiv:1908.05355.

    Examples
    --------
    >>> best = optimal_ridge(3.0, 3.0, noise=0.25)
    >>> risks = mei_montanari(3.0, 3.0, [best / 1.1, best, best * 1.1]).risk(noise=0.25)
    >>> bool(risks[1] < min(risks[0], risks[2]))
    True
    """
    name = "optimal_ridge"
    f = as_function(name, "activation", activation)
    n, m = as_ratio(name, "psi1", psi1), as_ratio(name, "psi2", psi2)
    f1, tau, rest = _variances(name, linear, noise, nonlinear)
    if not f1 > 0:
        raise ValueError(f"{name}: linear must be above 0, got {linear!r}: without it there is nothing to learn")
    shape = np.broadcast_shapes(n.shape, m.shape)
    found = constants_of(name, "activation", f)
    line, left = found.zeta, found.nonlinearity
    if not line > 0:
        return np.full(shape, np.inf)[()]
    eta = line + left
    n, m, z, d = shared(n, m, np.array(line / eta), np.array(left / eta))
    least = least_risk(1 / m.ravel(), 1 / n.ravel(), z.ravel(), d.ravel(), f1, tau + rest)
    return (eta * least).reshape(shape)[()]


@dataclass(frozen=True, eq=False, repr=False)
class DoubleDescent(Displayed):
    """Risk against the number of features; made by `double_descent`.

    Attributes
    ----------
    psi1 : (n,) ndarray
        Features a dimension.
    psi2, lam : float
        Samples a dimension; the ridge of the first curve.
    bias, variance, risk, training_error : (n,) ndarray
        At that ridge; bias and variance for targets of variance 1, the others for the target given.
    best_ridge, best_risk : (n,) ndarray
        The optimal ridge, and the risk there.
    target : dict
        The variances `linear`, `noise` and `nonlinear`.
    activation : str

    Examples
    --------
    >>> curve = double_descent(3.0, noise=0.25)
    >>> float(curve.peak), bool((np.diff(curve.best_risk) < 0).all())
    (3.0, True)
    """

    psi1: Floats
    psi2: float
    lam: float
    bias: Floats
    variance: Floats
    risk: Floats
    training_error: Floats
    best_ridge: Floats
    best_risk: Floats
    target: dict[str, float]
    activation: str

    @property
    def peak(self) -> float:
        """psi1 of the largest risk between the ends: psi2 at ridge 0. NaN if the risk falls all the way."""
        inner = self.risk[1:-1]
        i = int(np.argmax(inner)) + 1 if inner.size else 0
        falls = not inner.size or self.risk[i] <= max(self.risk[i - 1], 0) or self.risk[i] < self.risk[i + 1]
        return float("nan") if falls else float(self.psi1[i])

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw risks over features a sample; needs matplotlib."""
        from .. import plots

        return plots.double_descent(self, ax=ax)

    def to_dict(self) -> dict[str, Any]:
        """Lists of numbers; those that are not finite as None."""
        names = ("psi1", "bias", "variance", "risk", "training_error", "best_ridge", "best_risk")
        head = {"activation": self.activation, "psi2": self.psi2, "lam": self.lam, "target": dict(self.target)}
        return head | {name: _plain(getattr(self, name)) for name in names}

    def __repr__(self) -> str:
        return f"DoubleDescent({self.activation}, psi2 {self.psi2:g}, ridge {self.lam:g}, peak at psi1 {self.peak:.4g})"


def double_descent(
    psi2: float,
    lam: float = 0.0,
    *,
    psi1: ArrayLike | None = None,
    activation: str | Activation | Callable[[Any], Any] = "relu",
    linear: float = 1.0,
    noise: float = 0.25,
    nonlinear: float = 0.0,
) -> DoubleDescent:
    """The risk of random-feature regression as features are added, at a given ridge and at the best one.

    Parameters
    ----------
    psi2 : float
        Samples a dimension, from 1e-68 to 1e68.
    lam : float, default 0
        The ridge; 0 is the limit, where the risk is infinite at psi1 = psi2.
    psi1 : array_like of real, optional
        Features a dimension, ascending. Default: 121 values from psi2 / 30 to 30 psi2, even in logarithms.
    activation : str, Activation or callable
        f.
    linear, noise, nonlinear : float
        Variances of the target's parts, as in `MeiMontanari.risk`.

    Returns
    -------
    DoubleDescent
        `.risk`, `.best_risk`, `.peak`, `.plot()`.

    Raises
    ------
    ValueError, TypeError
        As `mei_montanari`.

    References
    ----------
    .. [1] S. Mei, A. Montanari, arXiv:1908.05355.

    Examples
    --------
    >>> curve = double_descent(3.0, 1e-3)
    >>> bool(2.5 < curve.peak < 3.5), bool((curve.best_risk <= curve.risk).all())
    (True, True)
    """
    name = "double_descent"
    samples = as_number(name, "psi2", psi2, above=0.0)
    if not 1e-68 <= samples <= 1e68:
        raise ValueError(f"{name}: psi2 must lie between 1e-68 and 1e68, got {samples:g}")
    ridge = as_number(name, "lam", lam, least=0.0)
    default = samples * np.exp(np.linspace(-1, 1, 121) * np.log(30.0))
    n = default if psi1 is None else as_ratio(name, "psi1", psi1)
    if n.ndim != 1 or n.size < 1 or (np.diff(n) <= 0).any():
        raise ValueError(f"{name}: psi1 must be a list of ascending numbers, got shape {n.shape}")
    target = dict(zip(("linear", "noise", "nonlinear"), _variances(name, linear, noise, nonlinear), strict=True))
    f = as_function(name, "activation", activation)
    found = mei_montanari(n, samples, ridge, f)
    best = np.atleast_1d(optimal_ridge(n, samples, f, **target))
    finite = np.where(np.isfinite(best), best, 0.0)
    least = mei_montanari(n, samples, finite, f).risk(**target)
    if not np.isfinite(best).all():
        least = np.full(n.shape, target["linear"] + target["nonlinear"])
    return DoubleDescent(
        n, samples, ridge, found.bias, found.variance, np.atleast_1d(found.risk(**target)),
        np.atleast_1d(found.training_error(**target)), best, np.atleast_1d(least), target, f.name,
    )  # fmt: skip
