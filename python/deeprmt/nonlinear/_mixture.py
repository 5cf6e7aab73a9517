"""Random features of several kinds: each row has its own nonlinearity, drawn from a few."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from .._arguments import Floats, as_number, as_real, refuse_non_finite
from .._display import Displayed
from ._errors import as_share
from ._mixture_point import Kinds, mixture_point
from ._ridge_point import Array, as_positive, as_ratio

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["MixtureErrors", "mixture_errors"]

_LEAST = 1e-100
_NOTHING = 1e-200  # in place of ridge 0
_FAR = 1e-50


@dataclass(frozen=True, eq=False, repr=False)
class MixtureErrors(Displayed):
    """Errors of ridge regression on mixed random features; made by `mixture_errors`.

    Attributes
    ----------
    gamma : ndarray
        The ridge.
    train, test : ndarray
        Mean squared errors for targets of variance 1.
    g, k : ndarray
        Normalised traces of Q and K Q on the side of the samples, Q = (Y^T Y / m + gamma)^-1, K = X^T X / n0. inf at
        ridge 0 where there are fewer features, or for linear f inputs, than samples.

    Examples
    --------
    >>> found = mixture_errors([0.01, 0.1, 1.0], [0.5, 0.5], [1.0, 1.0], [0.0, 1.0], 0.75, 1.5)
    >>> found.g.round(6)
    array([51.181343,  5.840443,  0.788431])
    """

    gamma: Floats
    train: Floats
    test: Floats
    g: Floats
    k: Floats

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw both errors over the ridge; needs matplotlib."""
        from .. import plots

        return plots.ridge_errors(self, ax=ax)

    def to_dict(self) -> dict[str, Any]:
        """Lists of numbers."""
        return {name: getattr(self, name).tolist() for name in ("gamma", "train", "test", "g", "k")}

    def __repr__(self) -> str:
        if not self.test.size:
            return "MixtureErrors(0 ridges)"
        i = int(np.argmin(self.test))
        least = f"least test error {self.test.flat[i]:.4g} at gamma {self.gamma.flat[i]:.4g}"
        return f"MixtureErrors({self.test.size} ridge{'s' * (self.test.size != 1)}, {least})"


def _rest(name: str, eta: Array, zeta: Array, nonlinearity: ArrayLike | None) -> Array:
    """eta - zeta of each kind, checked."""
    if nonlinearity is None:
        over = zeta > eta * (1 + 1e-12)
        if over.any():
            i = int(np.argmax(over))
            raise ValueError(f"{name}: zeta must be at most eta, got zeta {zeta[i]:g} and eta {eta[i]:g} at index {i}")
        return np.maximum(eta - zeta, 0.0)
    rest = np.atleast_1d(as_positive(name, "nonlinearity", nonlinearity, zero=True))
    if rest.shape != eta.shape:
        raise ValueError(f"{name}: nonlinearity must have one number for each kind, got {rest.shape} and {eta.shape}")
    off = np.abs(eta - zeta - rest) > 1e-12 * eta
    if off.any():
        i = int(np.argmax(off))
        raise ValueError(f"{name}: nonlinearity must be eta - zeta to rounding, got {rest[i]:g} at index {i}")
    return rest


def mixture_errors(
    gamma: ArrayLike,
    weights: ArrayLike,
    eta: ArrayLike,
    zeta: ArrayLike,
    phi: float,
    psi: float,
    *,
    signal: float = 0.0,
    inputs: ArrayLike | None = None,
    nonlinearity: ArrayLike | None = None,
) -> MixtureErrors:
    """Training and test errors of ridge regression on random features whose rows have different nonlinearities.

    Parameters
    ----------
    gamma : array_like of real
        The ridge, at least 0; 0 is the limit from above.
    weights : (c,) array_like of real
        The share of each kind among the features; not negative, not all 0, scaled to sum 1.
    eta, zeta : (c,) array_like of real
        Of each kind, as in `training_error`.
    phi, psi : float
        n0 / m and n0 / n1.
    signal : float, default 0
        As in `training_error`.
    inputs : (m,) array_like of real, optional
        Eigenvalues of X^T X / n0 for inputs that are not independent Gaussians; their mean should be 1, so that f sees
        inputs of variance 1.
    nonlinearity : (c,) array_like of real, optional
        eta - zeta of each kind, as in `training_error`.

    Returns
    -------
    MixtureErrors
        `.train`, `.test`, `.g`, `.k`, of the shape of gamma.

    Raises
    ------
    ValueError, TypeError
        If the lists have different lengths, or entries out of range; if gamma is neither 0 nor
        between 1e-100 and 1e100 times the mean of eta.
    ConvergenceError
        If no fixed point is found.

    Notes
    -----
    With D_i = 1 + zeta_i k + (eta_i - zeta_i) g, a = (phi/psi) sum w_i zeta_i / D_i and
    b = (phi/psi) sum w_i (eta_i - zeta_i) / D_i, the traces are g = tr (a K + b + gamma)^-1 / m and
    k = tr K (a K + b + gamma)^-1 / m. Both are found by Newton's method in their logarithms, and differentiated by
    gamma implicitly. No terms of opposite signs are added, so that errors are right to a few roundings for every gamma,
    also with as many features as samples and where they tend to 0.

    References
    ----------
    .. [1] B. Adlam, J. Levinson, J. Pennington, arXiv:1912.00827.

    Examples
    --------
    >>> mixed = mixture_errors(0.01, [0.45, 0.55], [1.0, 1.0], [0.0, 1.0], 0.5, 0.5, signal=0.9)
    >>> single = mixture_errors(0.01, [1.0], [1.0], [0.9], 0.5, 0.5, signal=0.9)
    >>> round(float(mixed.train), 9), round(float(single.train), 9)  # the mixture fits better, and generalises worse
    (0.01999774, 0.021159817)
    >>> round(float(mixed.test), 9), round(float(single.test), 9)
    (0.73430489, 0.568708501)
    """
    name = "mixture_errors"
    ridge = as_positive(name, "gamma", gamma, zero=True)
    shape, c = ridge.shape, np.atleast_1d(ridge).ravel()
    share = np.atleast_1d(as_positive(name, "weights", weights, zero=True))
    e = np.atleast_1d(as_positive(name, "eta", eta))
    z = np.atleast_1d(as_positive(name, "zeta", zeta, zero=True))
    if not share.ndim == e.ndim == z.ndim == 1 or not share.size == e.size == z.size:
        raise ValueError(
            f"{name}: weights, eta and zeta must be lists of one length, got shapes {share.shape}, {e.shape}, {z.shape}"
        )
    if not share.sum() > 0:
        raise ValueError(f"{name}: weights must not all be 0")
    d = _rest(name, e, z, nonlinearity)
    scale = float((share * e).sum() / share.sum())
    off = c[((c > 0) & (c < _LEAST * scale)) | (c > scale / _LEAST)]
    if off.size:
        raise ValueError(
            f"{name}: gamma must be 0 or lie between {_LEAST:g} and {1 / _LEAST:g} times the mean of eta, {scale:g},"
            f" found {off[0]:g}"
        )
    phi, psi = as_number(name, "phi", phi, above=0.0), as_number(name, "psi", psi, above=0.0)
    as_ratio(name, "phi", phi), as_ratio(name, "psi", psi)
    part = as_share(name, "signal", signal)
    if part.ndim:
        raise TypeError(f"{name}: signal must be one number, got shape {part.shape}")
    s = float(part)
    levels = None
    if inputs is not None:
        levels = as_real(name, "inputs", inputs).astype(np.float64)
        refuse_non_finite(name, "inputs", np.atleast_1d(levels))
        if levels.ndim != 1 or levels.size < 1 or (levels < -1e-12 * np.abs(levels).max()).any():
            raise ValueError(f"{name}: inputs must be a list of eigenvalues, none negative")
        levels = np.maximum(levels, 0.0)

    some = share > 0
    mean = 1.0 if levels is None else float(levels.mean())
    if not mean > 0:
        raise ValueError(f"{name}: inputs must not all be 0")
    if levels is not None:
        levels = levels / mean if z[some].any() else None
    kinds = Kinds(share[some], z[some] * mean / scale, d[some] / scale, phi, psi, levels)
    point = mixture_point(name, kinds, np.where(c > 0, c / scale, _NOTHING))
    share_left = point.gamma * point.g
    test = point.test(s * mean, 1 - s)
    values = [share_left * (share_left * test), test, point.g / scale, point.k * (mean / scale)]
    # What ridge 0 tends to is a number, or far from all of them.
    for i, each in enumerate(values):
        at_zero = np.where(each < _FAR, 0.0, np.where(each > 1 / _FAR, np.inf, each))
        values[i] = np.where(c > 0, each, at_zero).reshape(shape)
    return MixtureErrors(np.array(ridge), *values)
