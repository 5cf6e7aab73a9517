"""Gaussian moments of activations, to rounding."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from .._arguments import Floats, as_count, as_real
from ..activations import Activation, as_activation
from ..errors import ConvergenceError
from ._periods import period_mean, period_of

__all__ = [
    "RowFunction",
    "breaks_of",
    "expect",
    "expect_many",
    "gauss_moment",
    "least_share",
    "least_variance",
    "mean_of",
    "of_row",
    "refuse_infinite",
    "rounding",
    "slope_masses",
]

Function = Callable[[Floats], Any]
# Z beyond 12 has a mass of 4e-33.
_reach = 12.0
_nodes, _weights = np.polynomial.legendre.leggauss(24)
rounding = 32 * np.finfo(float).eps
# Stands for 0, from above.
least_variance = 1e-200
# From so many variances on, one array of panels for all is faster than panels for each.
_few = 8
# An integrand has ended where it is this part of its largest value.
_negligible = 1e-16
# From this variance on it is worth a look whether phi is periodic.
_wide = 100.0
_row_nodes, _row_weights = np.polynomial.legendre.leggauss(16)
_row_panels = np.linspace(-12, 12, 17)
_chunk = 1 << 19


def gauss_moment(
    activation: str | Activation, q: ArrayLike, *, power: int = 2, derivative: bool = False
) -> float | Floats:
    """E phi(h)^power, or E phi'(h)^power, for h ~ N(0, q).

    Parameters
    ----------
    activation : str or Activation
        A name of `deeprmt.activations.names`, or one's own.
    q : array_like of real
        Variances, finite and >= 0. At 0 the limit from above is taken.
    power : int
        At least 1.
    derivative : bool
        Of phi' instead of phi.

    Returns
    -------
    float or ndarray
        Of the shape of q. The error is about 1e-14 of E |phi|^power.

    Notes
    -----
    Gauss-Legendre panels, split at the activation's kinks and then in halves until two answers agree.

    Examples
    --------
    >>> round(gauss_moment("relu", 3.0), 12)
    1.5
    >>> round(gauss_moment("erf_unit", 1.0, derivative=True), 12)  # (1 + pi q)^(-1/2)
    0.491378679844
    """
    activation = as_activation("gauss_moment", activation)
    power = as_count("gauss_moment", "power", power)
    variances = as_real("gauss_moment", "q", q).astype(float)
    bad = variances[~(np.isfinite(variances) & (variances >= 0))]
    if bad.size:
        raise ValueError(f"gauss_moment: q must be finite and at least 0, found {bad[0]:g}")
    function = activation.dphi if derivative else activation.phi
    flat = variances.ravel()
    refuse_infinite("gauss_moment", activation, flat, lambda h: function(h) ** power)
    share = least_share(function, flat) ** power
    if variances.size >= _few and not (flat.max() > _wide and period_of(activation)):
        return (share * expect_many(activation, flat, lambda h, _: function(h) ** power)).reshape(variances.shape)
    values = share * np.array([mean_of(activation, v, lambda h: function(h) ** power) for v in flat])
    return float(values[0]) if variances.ndim == 0 else values.reshape(variances.shape)


def least_share(function: Function, q: Floats) -> Floats:
    """What f(h) is to f at `least_variance`, which stands for variances below: where f is 0 at 0 it is a line there, or
    two.
    """
    share = np.ones(q.shape)
    below = q < least_variance
    if below.any():
        beside = 1e-100 * np.array([-1.0, 1.0])
        if np.abs(function(beside)).max() < 1e-90:
            share[below] = np.sqrt(q[below] / least_variance)
    return share


def real_values(name: str, values: Any) -> Floats:
    """What an activation gave."""
    if np.iscomplexobj(values):
        raise TypeError(f"{name}: the activation's phi and dphi must be real, got complex values")
    return np.asarray(values, dtype=float)


def _integrate(function: Function, size: Function | None, breaks: Floats) -> float:
    """Integral over [breaks[0], breaks[-1]] by panels that halve until their halves agree with them.

    `size` bounds what was added up to a value, where that is more than the value: rounding is relative to it.
    """
    low, high = breaks[:-1], breaks[1:]

    def panels(low: Floats, high: Floats) -> tuple[Floats, Floats]:
        half = (high - low)[:, None] / 2
        x, weights = (low + high)[:, None] / 2 + half * _nodes, half * _weights
        values = real_values("gauss_moment", function(x))
        sizes = np.abs(values) if size is None else size(x)
        return (values * weights).sum(axis=1), (sizes * weights).sum(axis=1)

    whole, rounded = panels(low, high)
    scale, total = float(rounded.sum()), 0.0
    for _ in range(50):
        middle = (low + high) / 2
        low, high = np.stack([low, middle], 1).ravel(), np.stack([middle, high], 1).ravel()
        halves, rounded = panels(low, high)
        better = halves[0::2] + halves[1::2]
        done = np.abs(better - whole) <= 2e-16 * scale + 8e-16 * (rounded[0::2] + rounded[1::2])
        total += float(better[done].sum())
        if done.all():
            return total
        scale = max(scale, float(rounded.sum()))
        keep = np.repeat(~done, 2)
        low, high, whole = low[keep], high[keep], halves[keep]
        if len(low) > 50_000 or not math.isfinite(scale):
            break
    raise ConvergenceError(
        "gauss_moment: the Gaussian integral does not converge;"
        " are the activation's kinks declared, its values finite?",
        {"panels": len(low), "near": float(low[0]), "size": scale},
    )


def breaks_of(activation: Activation, root: float, reach: float) -> Floats:
    """Panels for Z: unit steps, powers of two of h = root Z (phi bends where h is about 1), and the kinks."""
    top = math.floor(math.log2(reach * root)) if root > 0 else -1
    powers = 2.0 ** np.arange(-1, top + 1) / root if root > 0 else np.zeros(0)
    kinks = np.array([kink / root for kink in activation.kinks if abs(kink) < reach * root])
    breaks = np.concatenate([np.arange(-reach, reach + 1), powers, -powers, kinks])
    return np.unique(breaks[np.abs(breaks) <= reach])


def expect(activation: Activation, q: float, function: Function, size: Function | None = None) -> float:
    """E function(h), h ~ N(0, q); at q = 0 the limit from above, which tells the two sides of a kink at 0 apart."""
    root = math.sqrt(max(q, least_variance))

    def times_density(function: Function) -> Function:
        return lambda z: np.exp(-z * z / 2) / math.sqrt(2 * math.pi) * function(root * z)

    weighted = times_density(function)
    with np.errstate(over="ignore", invalid="ignore"):
        reach = _reach_of(weighted) or _reach
        return _integrate(weighted, None if size is None else times_density(size), breaks_of(activation, root, reach))


def _reach_of(weighted: Function) -> float | None:
    """How far out the integrand counts, beyond 12 for what grows fast; None if it does not fall."""
    for reach in (_reach, 17.0, 24.0, 38.0):
        values = np.abs(weighted(np.linspace(-reach, reach, 4 * int(reach) + 1)))
        if np.isfinite(values).all() and max(values[0], values[-1]) * reach <= _negligible * values.max():
            return reach
    return None


def refuse_infinite(name: str, activation: Activation, q: Floats, function: Function) -> None:
    """Unless function(h) has a mean at the largest of the variances; what overflows already near 0 is not judged."""
    root = math.sqrt(q.max(initial=0.0))
    with np.errstate(over="ignore", invalid="ignore"):

        def weighted(z: Floats) -> Floats:
            return np.asarray(np.exp(-z * z / 2) * function(root * z), dtype=float)

        if np.isfinite(weighted(np.array([-2.0, 2.0]))).all() and _reach_of(weighted) is None:
            raise ValueError(
                f"{name}: phi must have finite Gaussian moments, but those of {activation.name} at the variance"
                f" {root * root:g} are infinite, or rest on |z| > 38, where a normal number never is"
            )


def mean_of(activation: Activation, q: float, function: Function, size: Function | None = None) -> float:
    """`expect` of a function of phi(h) and phi'(h) alone: for a wide Gaussian and a periodic phi over one period."""
    if q > _wide:
        mean = period_mean(activation, q, function)
        if mean is not None:
            return mean
    return expect(activation, q, function, size)


RowFunction = Callable[[Floats, Any], Any]


def expect_many(
    activation: Activation, q: Floats, function: RowFunction, size: RowFunction | None = None, *, even: bool = False
) -> Floats:
    """`expect` for each of the variances: of function(h, rows), h of shape (k, ...), rows the slice of k entries of q.

    `even` says that the function is, if the activation is even or odd.
    """
    out = np.empty(len(q))
    root = np.sqrt(np.maximum(q, least_variance))
    half_line = even and activation.parity != 0
    top = max(0, math.floor(math.log2(12 * root.max(initial=0) + 1e-300)) + 2)
    marks = 2.0 ** np.arange(-1, top)
    marks = np.concatenate([marks, -marks, activation.kinks])
    step = max(1, _chunk // ((len(_row_panels) + len(marks)) * 2 * len(_row_nodes)))
    for begin in range(0, len(q), step):
        rows = slice(begin, min(begin + step, len(q)))
        r = root[rows, None]
        edges = np.concatenate([np.broadcast_to(_row_panels, (len(r), len(_row_panels))), marks / r], axis=1)
        edges = np.sort(np.clip(edges, 0 if half_line else _row_panels[0], _row_panels[-1]), axis=1)
        used = (np.diff(edges, axis=1) > 0).any(axis=0)  # kinks and powers mostly lie outside
        low, high = edges[:, :-1][:, used], edges[:, 1:][:, used]
        totals = []
        for _ in range(2):
            half = (high - low)[:, :, None] / 2
            z = (low + high)[:, :, None] / 2 + half * _row_nodes
            density = np.exp(-z * z / 2)
            weight = density * (half * (_row_weights / math.sqrt(2 * math.pi)))
            h = r[:, :, None] * z
            with np.errstate(over="ignore", invalid="ignore"):
                values = real_values("gauss_moment", function(h, rows))
                totals.append((values * weight).sum(axis=(1, 2)))
            middle = (low + high) / 2
            low, high = np.concatenate([low, middle], axis=1), np.concatenate([middle, high], axis=1)
        with np.errstate(over="ignore", invalid="ignore"):
            sizes = ((np.abs(values) if size is None else size(h, rows)) * weight).sum(axis=(1, 2))
        out[rows] = (2 if half_line else 1) * totals[1]
        # What has not fallen at the end goes on beyond it, or has no mean.
        with np.errstate(over="ignore", invalid="ignore"):
            weighted = np.abs(values) * density
            ends = np.maximum(weighted[:, -1, -1], 0.0 if half_line else weighted[:, 0, 0])
            ended = ends * _reach <= _negligible * weighted.max(axis=(1, 2))
        settled = ended & (np.abs(totals[1] - totals[0]) <= 4e-15 * sizes)
        for i in np.flatnonzero(~settled):
            out[begin + i] = expect(activation, float(q[begin + i]), *of_row(begin + int(i), function, size))
    return out


def of_row(row: int, function: RowFunction, size: RowFunction | None) -> tuple[Function, Function | None]:
    rows = slice(row, row + 1)
    return lambda h: function(h, rows), None if size is None else lambda h: size(h, rows)


def slope_masses(activation: Activation, q: float) -> tuple[Floats, Floats]:
    """The values of phi' and the probability of each, where it is piecewise constant; tiny ones keep their digits."""
    values, piece = np.unique(np.array(activation.slopes, dtype=float), return_inverse=True)
    ends = np.array([-math.inf, *activation.kinks, math.inf]) / math.sqrt(max(q, least_variance))
    low, high = ends[:-1], ends[1:]
    # From whichever of the middle and the two ends is closest, so that no digit is lost to a difference.
    around = (special.erf(high / math.sqrt(2)) - special.erf(low / math.sqrt(2))) / 2
    below, above = special.ndtr(high) - special.ndtr(low), special.ndtr(-low) - special.ndtr(-high)
    close = (np.maximum(np.abs(low), np.abs(high)) < 1) | ((low < 0) & (high > 0))
    return values, np.bincount(piece.reshape(-1), np.where(close, around, np.where(high > -low, above, below)))
