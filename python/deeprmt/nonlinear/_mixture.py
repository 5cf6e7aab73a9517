"""Random features of several kinds: each row has its own nonlinearity, drawn from a few."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .._arguments import Floats, as_number, as_real, refuse_non_finite
from .._display import Displayed
from ..errors import ConvergenceError
from ._errors import as_share
from ._ridge_point import Array, as_positive, as_ratio

__all__ = ["MixtureErrors", "mixture_errors"]

_LEAST = 1e-100
_ROUNDING = 4 * 2.0**-52
_WORST = 1e-6


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
        Normalised traces of Q and K Q on the side of the samples, Q = (Y^T Y / m + gamma)^-1, K = X^T X / n0.

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

    def to_dict(self) -> dict[str, Any]:
        """Lists of numbers."""
        return {name: getattr(self, name).tolist() for name in ("gamma", "train", "test", "g", "k")}

    def __repr__(self) -> str:
        i = int(np.argmin(self.test))
        least = f"least test error {self.test.flat[i]:.4g} at gamma {self.gamma.flat[i]:.4g}"
        return f"MixtureErrors({self.test.size} ridge{'s' * (self.test.size != 1)}, {least})"


def _gaussian_inputs(a: Array, b: Array, q: float) -> tuple[Array, ...]:
    """g, k and their derivatives g_b, g_a = k_b, k_a for K of Marchenko-Pastur, ratio q = m / n0.

    g = tr (a K + b)^-1 / m solves q a b g^2 + (b + (1 - q) a) g = 1, and k = g / (1 + q a g).
    """
    line = b + (1 - q) * a
    wide = np.sqrt(line * line + 4 * q * a * b)
    with np.errstate(divide="ignore", invalid="ignore"):  # a is 0 only where line is not negative
        g = np.where(line >= 0, 2 / (line + wide), (wide - line) / (2 * q * a * b))
    s = 1 / (1 + q * a * g)
    g_b = -g / (b + a * s * s)
    g_a = g_b * s * s
    return g, g * s, g_b, g_a, s * s * (g_a - q * g * g)


def _given_inputs(a: Array, b: Array, levels: Array) -> tuple[Array, ...]:
    """The same for eigenvalues of K."""
    r = 1 / (a[:, None] * levels + b[:, None])
    s = r * levels
    return r.mean(1), s.mean(1), -(r * r).mean(1), -(r * s).mean(1), -(s * s).mean(1)


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
        The ridge, above 0.
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
        If the lists have different lengths, or entries out of range; if gamma is not between 1e-100
        and 1e100 times the mean of eta.
    ConvergenceError
        If no fixed point is found, or less than 6 digits are left.

    Notes
    -----
    With D_i = 1 + zeta_i k + (eta_i - zeta_i) g, a = (phi/psi) sum w_i zeta_i / D_i and
    b = (phi/psi) sum w_i (eta_i - zeta_i) / D_i, the traces are g = tr (a K + b + gamma)^-1 / m and
    k = tr K (a K + b + gamma)^-1 / m. Both are found by Newton's method, and differentiated by gamma implicitly. For
    gamma below 1e-8 and as many features as samples a digit is lost for every factor of 100.

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
    ridge = as_positive(name, "gamma", gamma)
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
    # Squares of the traces, which may be 1 / gamma, are formed.
    scale = float((share * e).sum() / share.sum())
    off = c[(c < _LEAST * scale) | (c > scale / _LEAST)]
    if off.size:
        raise ValueError(
            f"{name}: gamma must lie between {_LEAST:g} and {1 / _LEAST:g} times the mean of eta, {scale:g}, found"
            f" {off[0]:g}"
        )
    phi, psi = as_number(name, "phi", phi, above=0.0), as_number(name, "psi", psi, above=0.0)
    as_ratio(name, "phi", phi), as_ratio(name, "psi", psi)
    s = float(as_share(name, "signal", signal))
    w = share / share.sum() * (phi / psi)
    levels = None
    if inputs is not None:
        levels = as_real(name, "inputs", inputs).astype(np.float64)
        refuse_non_finite(name, "inputs", np.atleast_1d(levels))
        if levels.ndim != 1 or levels.size < 1 or (levels < -1e-12 * np.abs(levels).max()).any():
            raise ValueError(f"{name}: inputs must be a list of eigenvalues, none negative")
        levels = np.maximum(levels, 0.0)

    def sources(a: Array, b: Array) -> tuple[Array, ...]:
        return _gaussian_inputs(a, b, 1 / phi) if levels is None else _given_inputs(a, b, levels)

    def mapped(g: Array, k: Array) -> tuple[Array, ...]:
        """The map whose fixed point is wanted, its slopes against g and k, and against gamma."""
        r = 1 / (1 + np.outer(k, z) + np.outer(g, d))
        a, b = r @ (w * z), r @ (w * d)
        a_k, a_g, b_g = -(r * r) @ (w * z * z), -(r * r) @ (w * z * d), -(r * r) @ (w * d * d)
        new_g, new_k, g_b, g_a, k_a = sources(a, b + c)
        return (
            new_g, new_k, g_a * a_g + g_b * b_g, g_a * a_k + g_b * a_g, k_a * a_g + g_a * b_g, k_a * a_k + g_a * a_g,
            g_b, g_a,
        )  # fmt: skip

    # The map is increasing and concave, for each eigenvalue a harmonic mean of lines, and maps the start below itself:
    # so Newton's steps descend to the fixed point and never pass it.
    g = 1 / c
    k = g * (1.0 if levels is None else levels.mean())
    worst = np.inf
    for _ in range(1000):
        new_g, new_k, gg, gk, kg, kk, _, _ = mapped(g, k)
        det = (1 - gg) * (1 - kk) - gk * kg
        r1, r2 = new_g / g - 1, new_k / k - 1
        with np.errstate(all="ignore"):  # det is 0 by rounding alone
            s1, s2 = ((1 - kk) * r1 + gk * k / g * r2) / det, (kg * g / k * r1 + (1 - gg) * r2) / det
        good = (det > 0) & (s1 > -0.999) & (s2 > -0.999) & (s1 < 1) & (s2 < 1)
        g, k = np.where(good, g * (1 + s1), new_g), np.where(good, k * (1 + s2), new_k)
        s1, s2 = np.where(good, s1, r1), np.where(good, s2, r2)
        previous, worst = worst, max(float(np.abs(s1).max()), float(np.abs(s2).max()))
        if worst <= 1e-15 or (worst < 1e-6 and worst >= previous / 2):  # at the level of rounding
            break
    else:
        at = float(c[np.argmax(np.maximum(np.abs(s1), np.abs(s2)))])
        message = f"{name}: no fixed point after 1000 steps for gamma = {at:g}"
        raise ConvergenceError(message, {"gamma": c, "step": worst})
    _, _, gg, gk, kg, kk, g_c, k_c = mapped(g, k)
    det = (1 - gg) * (1 - kk) - gk * kg
    # Rounding of the map's slopes, of order 1, is what the determinant has lost.
    lost = ~(det > _ROUNDING / _WORST)
    if lost.any():
        raise ConvergenceError(
            f"{name}: gamma = {c[lost][0]:g} is so small, where the errors at ridge 0 are singular, that their digits"
            " are lost; training_error and test_error, of one kind of features, keep them",
            {"gamma": c[lost], "determinant": det[lost]},
        )
    slope_g, slope_k = ((1 - kk) * g_c + gk * k_c) / det, (kg * g_c + (1 - gg) * k_c) / det
    train = -c * c * (s * slope_k + (1 - s) * slope_g)
    test = train / (c * g) ** 2
    return MixtureErrors(np.array(ridge), *(each.reshape(shape) for each in (train, test, g, k)))
