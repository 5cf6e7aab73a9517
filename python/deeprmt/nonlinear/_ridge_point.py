"""Where ridge regression on random features lies for a given ridge: one positive unknown, and sums of positive terms.

Notes on the algebra. Let M = Y Y^T / m with Y = f(W X), phi = n0 / m, psi = n0 / n1, delta = eta - zeta >= 0. The
equation of Pennington and Worah between p, z G = 1 + psi p, and z = -gamma becomes explicit in one number y > 0: with
u = 1 + phi p and v = 1 + psi p,

    p = -(eta y + zeta delta) / (y (y + zeta)),    gamma = u v y / psi.

u / gamma is the normalised trace of (Y^T Y / m + gamma)^-1 on the side of the samples. u and v vanish at the root y_c
of a quadratic, c = phi or psi, and 1 + c p = (y - y_c)(y + y'_c) / (y (y + zeta)), so that nothing cancels once the
larger of both roots is taken for origin: the unknown is t = y - max(y_phi, y_psi) > 0. d log gamma / d log t is in
[1, 3].
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._arguments import as_real, refuse_non_finite
from ..errors import ConvergenceError

Array = NDArray[np.float64]

_LEAST = 1e-150  # t at ridge 0: its square does not underflow
_SMALLEST = 1e-120
_LARGEST = 1e220
_NOTHING = 1e-140  # what is below it there is 0, and what is above its reciprocal infinite
_ROUNDING = 1e-12
_MOST = 1e70


def as_positive(function: str, argument: str, value: ArrayLike, *, zero: bool = False) -> Array:
    """Finite numbers above 0, or from 0 on."""
    array = as_real(function, argument, value).astype(np.float64)
    refuse_non_finite(function, argument, np.atleast_1d(array))
    bad = array[(array < 0) | ((array == 0) & (not zero))]
    if bad.size:
        raise ValueError(f"{function}: {argument} must be {'at least' if zero else 'above'} 0, found {bad.flat[0]:g}")
    return array


def as_ratio(function: str, argument: str, value: ArrayLike) -> Array:
    """phi or psi: above 0, and such that products of a few of them are doubles."""
    array = as_positive(function, argument, value)
    bad = array[(array < 1 / _MOST) | (array > _MOST)]
    if bad.size:
        raise ValueError(f"{function}: {argument} must lie between {1 / _MOST:g} and {_MOST:g}, found {bad.flat[0]:g}")
    return array


def as_shares(
    function: str, eta: ArrayLike, zeta: ArrayLike, nonlinearity: ArrayLike | None
) -> tuple[Array, Array, Array]:
    """eta, zeta / eta and (eta - zeta) / eta, checked."""
    e = as_positive(function, "eta", eta)
    z = as_positive(function, "zeta", zeta, zero=True)
    if nonlinearity is None:
        beyond = z > e * (1 + _ROUNDING)
        if np.any(beyond):
            where = np.broadcast_arrays(e, z, beyond)
            i = int(np.argmax(where[2]))
            raise ValueError(
                f"{function}: zeta must be at most eta (equal for linear f alone), got zeta {where[1].flat[i]:g}"
                f" and eta {where[0].flat[i]:g}"
            )
        d = np.maximum(e - z, 0.0)
    else:
        d = as_positive(function, "nonlinearity", nonlinearity, zero=True)
        off = np.abs(e - z - d) > _ROUNDING * e
        if np.any(off):
            found = np.broadcast_to(d, off.shape)[off].flat[0]
            raise ValueError(f"{function}: nonlinearity must be eta - zeta to rounding, got {found:g}")
    share = d / e
    return e, np.minimum(z / e, 1.0), share


def _root(c: Array, zeta: Array, delta: Array) -> tuple[Array, Array]:
    """Both roots, y_c >= 0 and -y'_c <= 0, of y^2 + (zeta - c) y - c zeta delta = 0, where eta = 1."""
    b = np.where(delta < 0.5, (c - 1) + delta, c - zeta)  # equal: whichever subtracts numbers as they were given
    wide = np.sqrt(b * b + 4 * c * zeta * delta)
    larger = (np.abs(b) + wide) / 2
    smaller = np.where(larger > 0, c * zeta * delta / np.where(larger > 0, larger, 1.0), 0.0)
    return np.where(b >= 0, larger, smaller), np.where(b >= 0, smaller, larger)


@dataclass(frozen=True)
class RidgePoint:
    """Everything that errors are made of, for eta = 1.

    Attributes
    ----------
    phi, psi, zeta, y, u, v : ndarray
        As in the notes of the module.
    slope : ndarray
        y dp/dy > 0.
    p : ndarray
        -p > 0.
    """

    phi: Array
    psi: Array
    zeta: Array
    y: Array
    u: Array
    v: Array
    slope: Array
    p: Array

    @property
    def weight(self) -> Array:
        """u v y d log gamma / dy."""
        return self.phi * self.slope * self.v + self.psi * self.slope * self.u + self.u * self.v

    def signal(self) -> Array:
        """The test error of a linear teacher without noise, of unit variance."""
        rest = self.y / (self.y + self.zeta)
        return _over(rest * (self.psi * self.slope + self.v * rest), self.weight)

    def noise(self) -> Array:
        """The test error where targets are noise of unit variance: 1 and what was fitted of it."""
        return _over(self.v + self.psi * self.slope, self.weight)

    def variance(self) -> Array:
        """`noise` less 1."""
        linear = self.zeta / (self.y + self.zeta)
        return _over(self.phi * (self.v * linear * linear + self.psi * self.slope * self.p), self.weight)


def _over(value: Array, weight: Array) -> Array:
    with np.errstate(divide="ignore", over="ignore"):  # infinite at ridge 0 and as many features as samples
        return np.asarray(value / weight)


def _at(t: Array, phi: Array, psi: Array, zeta: Array, delta: Array, roots: tuple[Array, ...]) -> RidgePoint:
    top, top_other, low_other, apart = roots
    y = top + t
    first = t / y * ((y + top_other) / (y + zeta))  # 1 + max(phi, psi) p
    second = (t + apart) / y * ((y + low_other) / (y + zeta))
    wide = phi >= psi
    r = 1 / (y + zeta)
    slope = (y * r + 2 * zeta * delta * r + zeta * delta * r * (zeta / y)) * r
    p = (1 + zeta * delta / y) * r
    return RidgePoint(phi, psi, zeta, y, np.where(wide, first, second), np.where(wide, second, first), slope, p)


def _roots(phi: Array, psi: Array, zeta: Array, delta: Array) -> tuple[Array, ...]:
    """The origin of t, its partner, that of the other ratio, and how far the other root is below."""
    high, low = np.maximum(phi, psi), np.minimum(phi, psi)
    top, top_other = _root(high, zeta, delta)
    _, low_other = _root(low, zeta, delta)
    gathered = top + low_other
    apart = np.where(gathered > 0, (high - low) * (top + zeta * delta) / np.where(gathered > 0, gathered, 1.0), 0.0)
    return top, top_other, low_other, apart


def least_risk(phi: Array, psi: Array, zeta: Array, delta: Array, linear: float, noise: float) -> Array:
    """gamma psi where linear * signal + noise * variance is least, for eta = 1; 0 if it falls all the way to ridge 0.

    A root of the slope, not a least value, which is flat. With l = zeta / (y + zeta), r = 1 - l, q = delta / y and
    s = r l + q, `slope` of the point, and D = y d/dy,

        D signal = 2 r [r l v (u + phi q v) - phi psi s^2 (r + psi q l)] / weight^2,
        D variance = -2 phi [r l^2 v^2 + psi s^2 (v + psi s)] / weight^2:

    one positive term against three, taken as logarithms.
    """
    roots = _roots(phi, psi, zeta, delta)

    def excess(log_t: Array) -> Array:
        point = _at(np.exp(log_t), phi, psi, zeta, delta, roots)
        log = np.log
        whole = log(point.y + zeta)
        line, r, q = log(zeta) - whole, log(point.y) - whole, log(delta) - log(point.y)
        s = np.logaddexp(r + line, q)
        u, v, a, b = log(point.u), log(point.v), log(phi), log(psi)
        rises = log(linear) + 2 * r + line + v + np.logaddexp(u, a + q + v)
        falls = log(linear) + r + a + b + 2 * s + np.logaddexp(r, b + q + line)
        memorised = np.logaddexp(r + 2 * line + 2 * v, b + 2 * s + np.logaddexp(v, b + s))
        return np.asarray(rises - np.logaddexp(falls, log(noise) + a + memorised))

    with np.errstate(all="ignore"):  # logarithms of 0
        # Beyond the end the first term is the largest: y is above each of what the others have.
        end = np.log(16) + np.log1p(phi) + np.log1p(psi) + np.log1p(noise / linear) - np.log(zeta)
        # One root, or none if the risk rises from ridge 0 on: seen in all of 160000 draws of ratios, shares and noise.
        low, high = np.full(phi.shape, np.log(_LEAST)), end
        some = excess(low) <= 0
        for _ in range(80):
            middle = (low + high) / 2
            up = excess(middle) > 0
            low, high = np.where(up, low, middle), np.where(up, middle, high)
        point = _at(np.exp((low + high) / 2), phi, psi, zeta, delta, roots)
        return np.where(some, point.u * point.v * point.y, 0.0)


def ridge_point(function: str, gamma: Array, phi: Array, psi: Array, zeta: Array, delta: Array) -> RidgePoint:
    """Solve for eta = 1; all arguments of one shape. Ridge 0 is the limit from above."""
    roots = _roots(phi, psi, zeta, delta)
    live = gamma > 0
    wanted = np.where(live, gamma, 1.0)
    t = np.where(live, wanted * psi, _LEAST)
    lower, upper = np.full(t.shape, 0.0), np.full(t.shape, np.inf)
    step = np.zeros(t.shape)
    for _ in range(200):
        point = _at(t, phi, psi, zeta, delta, roots)
        # Where the ridge is 0 products may underflow; one end of a bracket is 0 or infinite at first.
        with np.errstate(all="ignore"):
            ratio = np.where(live, wanted / (point.u * point.v * point.y / psi), 1.0)
            lower, upper = np.where(ratio > 1, t, lower), np.where(ratio < 1, t, upper)
            # d log gamma / d log t, in [1, 3]: the second factor is t / y.
            rate = np.where(live, np.clip(point.weight / (point.u * point.v) * (t / point.y), 1.0, 3.0), 1.0)
            step = np.log(ratio) / rate
            new = t * np.exp(np.clip(step, -600, 600))
            middle = np.sqrt(lower) * np.sqrt(upper)
        # A step of rounding may end on the bracket: there is nothing to bisect then.
        outside = ((new <= lower) | (new >= upper)) & ~(np.abs(step) <= 4e-15)
        t = np.where(outside & np.isfinite(middle) & (middle > 0), middle, new)
        if np.all(np.abs(step) <= 4e-15):
            return _at(t, phi, psi, zeta, delta, roots)
    raise ConvergenceError(
        f"{function}: no root for gamma = {wanted.flat[np.argmax(np.abs(step))]:g}",
        {"gamma": gamma[np.abs(step) > 4e-15], "step": float(np.abs(step).max())},
    )


def shared(*arrays: Array) -> list[Array]:
    """Arrays of one shape, at least one axis."""
    return [np.atleast_1d(each).astype(np.float64) for each in np.broadcast_arrays(*arrays)]


def in_range(gamma: Array) -> Array:
    """Ridges in units of eta; those so small that their square roots would underflow in what follows are 0.

    Those that would overflow are so large that nothing is fitted.
    """
    return np.where(gamma < _SMALLEST, 0.0, np.minimum(gamma, _LARGEST))


def limit(value: Array, gamma: Array) -> Array:
    """Values at ridge 0, which were found beside it, put on it."""
    value = np.where((gamma == 0) & (value < _NOTHING), 0.0, value)
    return np.where((gamma == 0) & (value > 1 / _NOTHING), np.inf, value)
