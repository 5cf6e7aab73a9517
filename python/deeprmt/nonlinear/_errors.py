"""Training and test errors of ridge regression on random features, in the limit of large dimensions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._arguments import Floats, as_real
from .._display import Displayed
from ._ridge_point import Array, RidgePoint, as_positive, as_ratio, as_shares, in_range, limit, ridge_point, shared

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["AutoencoderErrors", "autoencoder_errors", "test_error", "training_error"]


def as_share(function: str, argument: str, value: ArrayLike) -> Array:
    """Numbers in [0, 1]."""
    array = as_real(function, argument, value).astype(np.float64)
    bad = array[~((array >= 0) & (array <= 1))]
    if bad.size:
        raise ValueError(f"{function}: {argument} must be in [0, 1], found {bad.flat[0]:g}")
    return array


def _point(
    function: str,
    gamma: ArrayLike,
    eta: ArrayLike,
    zeta: ArrayLike,
    phi: ArrayLike,
    psi: ArrayLike,
    signal: ArrayLike,
    nonlinearity: ArrayLike | None,
) -> tuple[RidgePoint, Array, Array, tuple[int, ...]]:
    ridge = as_positive(function, "gamma", gamma, zero=True)
    e, z, d = as_shares(function, eta, zeta, nonlinearity)
    a, b = as_ratio(function, "phi", phi), as_ratio(function, "psi", psi)
    s = as_share(function, "signal", signal)
    shape = np.broadcast_shapes(ridge.shape, e.shape, z.shape, d.shape, a.shape, b.shape, s.shape)
    with np.errstate(over="ignore", under="ignore"):
        scaled, a, b, z, d, s = shared(in_range(ridge / e), a, b, z, d, s)
    return ridge_point(function, scaled, a, b, z, d), scaled, s, shape


def training_error(
    gamma: ArrayLike,
    eta: ArrayLike,
    zeta: ArrayLike,
    phi: ArrayLike,
    psi: ArrayLike,
    *,
    signal: ArrayLike = 0.0,
    nonlinearity: ArrayLike | None = None,
) -> Any:
    """The training error of ridge regression on random features Y = f(W X), the size of all dimensions without bound.

    Parameters
    ----------
    gamma : array_like of real
        The ridge, at least 0; 0 is the limit from above. The readout minimises the mean of (target - w^T Y)^2 over the
        m samples, plus gamma \\|w\\|^2.
    eta, zeta : array_like of real
        E f^2 and (E z f)^2 of the centred f under N(0, 1), as `constants` gives them: 0 <= zeta <= eta, 0 < eta.
    phi, psi : array_like of real
        n0 / m and n0 / n1: n0 inputs, n1 features, m samples. From 1e-70 to 1e70.
    signal : array_like of real, default 0
        The part of the targets' variance, which is 1, that is a linear function of the inputs; the rest is noise. 0:
        targets have nothing to do with the inputs, and whatever is fitted was memorised.
    nonlinearity : array_like of real, optional
        eta - zeta, where that is known to more digits than the difference has: it is what a nearly linear f memorises
        with.

    Returns
    -------
    float or ndarray
        The mean squared error, 1 for gamma without bound. Of the common shape of all arguments. To a few roundings for
        every gamma, however small, also where it is itself: no terms of opposite signs are added.

    Raises
    ------
    ValueError, TypeError
        If zeta > eta; if a number is negative, not finite or no number, or a ratio or eta is 0; if signal is not in
        [0, 1]; if nonlinearity is not eta - zeta.

    Notes
    -----
    At gamma = 0 this is 0 if n1 >= m and f is not linear, 1 - n1 / m if n1 < m, and 1 - phi for linear f
    with n0 < min(m, n1). It depends on f by zeta / eta alone, eta being the unit of gamma.

    References
    ----------
    .. [1] J. Pennington, P. Worah, Advances in Neural Information Processing Systems 30 (2017).

    Examples
    --------
    >>> float(round(training_error(1e-4, 1.0, 0.5, 0.5, 0.5), 12))
    0.005945830751
    >>> training_error([0.0, 1e-16], 1.0, 0.5, 1.0, 0.5)  # more features than samples: of the order of gamma^2
    array([0.00000000e+00, 3.31671843e-32])
    """
    point, scaled, s, shape = _point("training_error", gamma, eta, zeta, phi, psi, signal, nonlinearity)
    value = point.u * point.u * (s * point.signal() + (1 - s) * point.noise())
    return limit(value, scaled).reshape(shape)[()]


def test_error(
    gamma: ArrayLike,
    eta: ArrayLike,
    zeta: ArrayLike,
    phi: ArrayLike,
    psi: ArrayLike,
    *,
    signal: ArrayLike = 0.0,  # noqa: PT028  # this is no test
    nonlinearity: ArrayLike | None = None,  # noqa: PT028
) -> Any:
    """The test error of ridge regression on random features, the size of all dimensions without bound.

    Parameters
    ----------
    gamma, eta, zeta, phi, psi, signal, nonlinearity
        As in `training_error`. With signal = 0 there is nothing to learn, and the error is 1 plus the harm that
        memorising does.

    Returns
    -------
    float or ndarray
        The mean squared error of targets with noise, so at least 1 - signal. inf at gamma = 0 where as many features as
        samples meet.

    Raises
    ------
    ValueError, TypeError
        As `training_error`.

    Notes
    -----
    It is the training error over (gamma g)^2, g = tr (Y^T Y / m + gamma)^-1 / m: generalised cross-validation is exact
    in this limit.

    References
    ----------
    .. [1] S. Mei, A. Montanari, Comm. Pure Appl. Math. 75, 667 (2022), arXiv:1908.05355.
    .. [2] B. Adlam, J. Levinson, J. Pennington, arXiv:1912.00827.

    Examples
    --------
    >>> float(round(test_error(0.1, 1.0, 0.5, 0.75, 1.5, signal=0.8), 10))
    1.2041040894
    """
    point, scaled, s, shape = _point("test_error", gamma, eta, zeta, phi, psi, signal, nonlinearity)
    return limit(s * point.signal() + (1 - s) * point.noise(), scaled).reshape(shape)[()]


@dataclass(frozen=True, eq=False, repr=False)
class AutoencoderErrors(Displayed):
    """Errors of a noisy auto-encoder; made by `autoencoder_errors`.

    Attributes
    ----------
    gamma, noise : ndarray
        The ridge and the size of the noise.
    train, test : ndarray
        Mean squared errors a coordinate.

    Examples
    --------
    >>> autoencoder_errors([0.01, 0.1], 1.0, 0.5, 1.0, 1.0, noise=0.5)
    AutoencoderErrors(2 ridges, least test error 1.464 at gamma 0.1)
    """

    gamma: Floats
    noise: Floats
    train: Floats
    test: Floats

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw both errors over the ridge; needs matplotlib."""
        from .. import plots

        return plots.ridge_errors(self, ax=ax)

    def to_dict(self) -> dict[str, Any]:
        """Lists of numbers."""
        return {name: getattr(self, name).tolist() for name in ("gamma", "noise", "train", "test")}

    def __repr__(self) -> str:
        if not self.test.size:
            return "AutoencoderErrors(0 ridges)"
        i = int(np.argmin(self.test))
        least = f"least test error {self.test.flat[i]:.4g} at gamma {self.gamma.flat[i]:.4g}"
        return f"AutoencoderErrors({self.test.size} ridge{'s' * (self.test.size != 1)}, {least})"


def autoencoder_errors(
    gamma: ArrayLike,
    eta: ArrayLike,
    zeta: ArrayLike,
    phi: ArrayLike,
    psi: ArrayLike,
    *,
    noise: ArrayLike,
    nonlinearity: ArrayLike | None = None,
) -> AutoencoderErrors:
    """Errors of an auto-encoder that gets noisy inputs: random features of them, and a ridge readout of the clean ones.

    Parameters
    ----------
    gamma, eta, zeta, phi, psi, nonlinearity
        As in `training_error`; the noisy inputs are scaled to variance 1 before they enter f(W .), and the clean ones,
        which are the targets, have variance 1.
    noise : array_like of real
        The standard deviation of the noise in units of the inputs', at least 0.

    Returns
    -------
    AutoencoderErrors
        `.train` and `.test`, a coordinate.

    Raises
    ------
    ValueError, TypeError
        As `training_error`; if noise is negative.

    Notes
    -----
    Given a noisy input, the clean one is linear in it with noise of its own: the linear teacher with
    signal = 1 / (1 + noise^2).

    References
    ----------
    .. [1] B. Adlam, J. Levinson, J. Pennington, arXiv:1912.00827.

    Examples
    --------
    >>> round(float(autoencoder_errors(0.1, 1.0, 0.5, 0.75, 1.5, noise=0.5).train), 11)  # signal 0.8
    0.40748896461
    """
    sigma = as_positive("autoencoder_errors", "noise", noise, zero=True)
    small = np.minimum(sigma, 1e150)
    signal = 1 / (1 + small * small)
    point, scaled, s, shape = _point("autoencoder_errors", gamma, eta, zeta, phi, psi, signal, nonlinearity)
    test = s * point.signal() + (1 - s) * point.noise()
    gammas, noises = (np.broadcast_to(np.asarray(each, dtype=float), shape) for each in (gamma, sigma))
    found = [limit(each, scaled).reshape(shape) for each in (point.u * point.u * test, test)]
    return AutoencoderErrors(np.array(gammas), np.array(noises), *found)


def ridge_errors(point: RidgePoint, signal: Array) -> tuple[NDArray[Any], NDArray[Any]]:
    """Training and test error."""
    test = signal * point.signal() + (1 - signal) * point.noise()
    return point.u * point.u * test, test
