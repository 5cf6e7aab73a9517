"""Where ridge regression on features of several kinds lies: two positive unknowns, and sums of positive terms.

Notes on the algebra. With kinds of weights w_i, whose sum is n1 / m, and D_i = 1 + zeta_i k + delta_i g, the traces
g = tr Q / m and k = tr K Q / m, Q = (a K + b + gamma)^-1, a = sum w_i zeta_i / D_i, b = sum w_i delta_i / D_i, obey
a k + (b + gamma) g = 1, which is

    gamma g + sum w_i = 1 + sum w_i / D_i,    or    gamma g + sum w_i (zeta_i k + delta_i g) / D_i = 1.

Each kind is written in the way that is not near its own limit, and what is left of the constants, 1 - sum w_i over some
kinds, is put on its side: no terms of opposite signs are added, and the slopes of log left - log right against log g
and log k are sums of positive terms too. The same holds for the second equation, k (1 / g + a m / n0) = 1 for Gaussian
inputs, where the slopes have opposite signs: so the determinant is a sum of positive terms, and so are the errors. For
given eigenvalues x of K it is a k = mean of r x / (1 + r x), r = a / (b + gamma); its slopes are sums of positive terms
at the solution, whose value they are given elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ..errors import ConvergenceError
from ._ridge_point import Array

_SETTLED = 4e-15
_SOLVED = 1e-6  # a step may be short for a steep slope alone
_STEP = 30.0  # of a logarithm


@dataclass(frozen=True)
class Kinds:
    """Kinds of features, and their inputs.

    Attributes
    ----------
    share : (c,) ndarray
        Not negative; of any sum.
    zeta, delta : (c,) ndarray
    phi, psi : float
    levels : (m,) ndarray or None
        Eigenvalues of K, of mean 1; None for independent Gaussians, and where all zeta are 0.
    """

    share: Array
    zeta: Array
    delta: Array
    phi: float
    psi: float
    levels: Array | None

    def left_of(self, whole: Array | float, part: NDArray[np.bool_], unit: float) -> Array:
        """whole - unit / psi times the share of the kinds in `part`, exact where those are all or nothing cancels."""
        total = self.share.sum()
        some = (whole * self.psi * total - unit * (part @ self.share)) / (self.psi * total)
        return np.where(part.all(axis=1), (whole * self.psi - unit) / self.psi, some)


@dataclass(frozen=True)
class MixturePoint:
    """Traces, and what errors are made of.

    Attributes
    ----------
    g, k : ndarray
    left : ndarray
        Of the first equation.
    first, second : tuple of two ndarray
        The sizes of the slopes of both equations against log g and log k; of the second those against log g are
        negative.
    residuals : tuple of two ndarray
        log left - log right.
    falls : tuple of two ndarray
        What -d log k / d log gamma and -d log g / d log gamma are, times `left` times `determinant` over gamma g.
    """

    gamma: Array
    g: Array
    k: Array
    left: Array
    first: tuple[Array, Array]
    second: tuple[Array, Array]
    residuals: tuple[Array, Array]
    falls: tuple[Array, Array]

    @property
    def determinant(self) -> Array:
        """Of the slopes."""
        return np.asarray(self.first[0] * self.second[1] + self.first[1] * self.second[0])

    def step(self) -> tuple[Array, Array]:
        """Newton's, of log g and log k."""
        one, two = self.residuals
        g = (-self.second[1] * one + self.first[1] * two) / self.determinant
        return g, -(self.second[0] * one + self.first[0] * two) / self.determinant

    def fall(self) -> tuple[Array, Array]:
        """-d log g / d log gamma and -d log k / d log gamma."""
        share = self.gamma * self.g / self.left / self.determinant
        return self.falls[1] * share, self.falls[0] * share

    def test(self, signal: float, noise: float) -> Array:
        """The test error of so much of either; times (gamma g)^2 the training error."""
        rest = signal * (self.k / self.g) * self.falls[0] + noise * self.falls[1]
        return np.asarray(rest / (self.left * self.determinant))


def _at(kinds: Kinds, gamma: Array, g: Array, k: Array) -> MixturePoint:
    w = kinds.share / kinds.share.sum() * (kinds.phi / kinds.psi)
    linear, other = np.outer(k, kinds.zeta), np.outer(g, kinds.delta)
    d = 1 + linear + other
    r, linear, other = 1 / d, linear / d, other / d  # sum to 1
    full = d > 2
    low, high = w * ~full, w * full
    own = gamma * g
    rest = kinds.left_of(1.0, full, kinds.phi)
    left = own + np.maximum(-rest, 0) + (low * (linear + other)).sum(1)
    right = np.maximum(rest, 0) + (high * r).sum(1)
    slopes = tuple(
        (start + (low * each * r).sum(1)) / left + (high * each * r).sum(1) / right
        for start, each in ((own, other), (0.0, linear))
    )
    first = np.log(left / right)
    parts = _Parts(kinds, gamma, g, k, w, r, linear, other)
    choices = (parts.of_kinds(), parts.of_samples())
    # Both are right; where one says what the first equation says, they would be subtracted.
    size = [slopes[0] * each[1] + slopes[1] * each[0] for each in choices]
    take = size[0] >= size[1]
    r_g, r_k, residual, f_k, f_g = (np.where(take, *each) for each in zip(*choices, strict=True))
    return MixturePoint(gamma, g, k, left, (slopes[0], slopes[1]), (r_g, r_k), (first, residual), (f_k, f_g))


_Equation = tuple[Array, ...]


@dataclass(frozen=True)
class _Parts:
    """Second equations: sizes of their slopes, negative against log g and positive against log k, the
    residual, and `falls`.
    """

    kinds: Kinds
    gamma: Array
    g: Array
    k: Array
    w: Array
    r: Array
    linear: Array
    other: Array

    @cached_property
    def _base(self) -> Array:
        """b + gamma."""
        return np.asarray(self.gamma + (self.w * self.kinds.delta * self.r).sum(1))

    @cached_property
    def _whole(self) -> Array:
        """a."""
        return np.asarray((self.w * self.kinds.zeta * self.r).sum(1))

    @cached_property
    def _inputs(self) -> tuple[Array, Array]:
        """1 / (1 + r x) and r x / (1 + r x) for each eigenvalue x, r = a / (b + gamma)."""
        odds = np.outer(self._whole / self._base, np.asarray(self.kinds.levels))
        u = 1 / (1 + odds)
        return u, odds * u

    @cached_property
    def _means(self) -> tuple[Array, ...]:
        u, v = self._inputs
        return u.mean(1), v.mean(1), np.mean(u * v, axis=1), np.mean(u * u, axis=1), np.mean(v * v, axis=1)

    @cached_property
    def _whole_bent(self) -> tuple[Array, Array]:
        """Slopes of log a against log g and log k, their signs changed."""
        parts = self.w * self.kinds.zeta * self.r
        return (parts * self.other).sum(1) / self._whole, (parts * self.linear).sum(1) / self._whole

    @cached_property
    def _base_bent(self) -> tuple[Array, Array]:
        """The same of b + gamma."""
        parts = self.w * self.kinds.delta * self.r
        return (parts * self.other).sum(1) / self._base, (parts * self.linear).sum(1) / self._base

    def of_kinds(self) -> _Equation:
        """What the features have of a k is what the inputs have."""
        w, linear, other, kinds = self.w, self.linear, self.other, self.kinds
        full = linear > 0.5
        low, high = w * ~full, w * full
        if kinds.levels is None:
            x = self.k / self.g
            rest = kinds.left_of(1.0, full, 1.0)
            low, high = low / kinds.phi, high / kinds.phi
            a = x + np.maximum(-rest, 0) + (low * linear).sum(1)
            b = np.maximum(rest, 0) + (high * (self.r + other)).sum(1)
            against_g, against_k = (
                (x + (low * linear * each).sum(1)) / a + (high * linear * each).sum(1) / b
                for each in (other, self.r + other)
            )
            return against_g, against_k, np.log(a / b), against_g, against_k
        u, v = self._inputs
        near = v > 0.5
        rest = kinds.left_of(near.mean(1), full, kinds.phi)
        a = np.maximum(-rest, 0) + (low * linear).sum(1) + np.mean(u * near, axis=1)
        b = np.maximum(rest, 0) + (high * (self.r + other)).sum(1) + np.mean(v * ~near, axis=1)
        mean_u, _, both, uu, vv = self._means
        (a_g, a_k), h_g = self._whole_bent, self._base_bent[0]
        alone, crossed = (w * linear * self.r).sum(1), (w * linear * other).sum(1)
        against_g = a_g * vv + both * h_g
        f_g = (alone + crossed) * uu / mean_u + both * a_k
        f_k = against_g + both / mean_u * (self.gamma * self.g + (w * other * self.r).sum(1))
        against_k = alone + crossed * uu / mean_u + both * a_k
        # Equal at the solution. Away from it a slope is that of the larger one, or close: neither falls faster than a
        # power, so that their sum over anything smaller would make a step look like the last.
        size = np.maximum(a, b)
        return against_g / size, against_k / size, np.log(a / b), f_k / size, f_g / size

    def of_samples(self) -> _Equation:
        """What the samples have left, (b + gamma) g, is what the inputs leave."""
        kinds, w, r, other = self.kinds, self.w, self.r, self.other
        own = self._base * self.g
        h_g, h_k = self._base_bent
        crossed = (w * self.linear * other).sum(1) / own
        alone = (self.gamma * self.g + (w * other * r).sum(1)) / own
        linear = (w * self.linear * r).sum(1) / own
        if kinds.levels is None:
            x = kinds.phi * (self.k / self.g)
            a = own + max(kinds.phi - 1, 0)
            b = x + max(1 - kinds.phi, 0)
            share, rest = own / a, x / b
            against_k = share * h_k + rest
            f_k, f_g = share * crossed + rest, share * (crossed + linear) + rest
            return share * (alone + crossed) + rest, against_k, np.log(b / a), f_k, f_g
        mean_u, mean_v, both, uu, vv = self._means
        a_k = self._whole_bent[1]
        near, far = both / mean_u, uu / mean_u
        against_g = alone + crossed * vv / mean_v + near * h_g
        f_k = alone * near + crossed * vv / mean_v + near * h_g
        f_g = (h_k + linear) * far + near * a_k
        return against_g, h_k * far + near * a_k, np.log(mean_u / own), f_k, f_g


def _newton(kinds: Kinds, gamma: Array, g: Array, k: Array, steps: int) -> tuple[Array, Array, Array]:
    """g, k and the size of the last step in their logarithms, infinite where there is none."""
    g, k = g.copy(), k.copy()
    size = np.full(g.shape, np.inf)
    live = np.arange(g.size)
    for _ in range(steps):
        point = _at(kinds, gamma[live], g[live], k[live])
        one, two = point.step()
        now = np.maximum(np.abs(one), np.abs(two))
        now = np.where(np.isfinite(now), now, np.inf)
        solved = np.maximum(*map(np.abs, point.residuals)) < _SOLVED
        done = solved & ((now <= _SETTLED) | ((now < 1e-12) & (now >= size[live] / 2)))  # at the level of rounding
        scale = _STEP / np.maximum(now, _STEP)
        good = np.isfinite(now)
        g[live[good]] *= np.exp((scale * one)[good])
        k[live[good]] *= np.exp((scale * two)[good])
        size[live] = np.where(done, 0.0, now)
        live = live[good & ~done]
        if not live.size:
            break
    return g, k, size


def mixture_point(function: str, kinds: Kinds, gamma: Array) -> MixturePoint:
    """Solve for ridges above 0, in units of the mean of zeta + delta."""
    with np.errstate(all="ignore"):  # what is far out of range is no number, and found by `_newton`
        return _solve(function, kinds, gamma)


def _solve(function: str, kinds: Kinds, gamma: Array) -> MixturePoint:
    # Of inputs of mean 1 both traces are near 1 / gamma where that is large.
    start = 1 / (1 + gamma)
    g, k, size = _newton(replace(kinds, levels=None), gamma, start, start, 60)
    if kinds.levels is not None:
        g, k, size = _newton(kinds, gamma, g, k, 60)
    lost = np.flatnonzero(size > 0)
    if lost.size:
        # Down from a large ridge, where the start is right, in steps along the curve.
        now = np.maximum(10 * (1 + kinds.phi / kinds.psi), gamma[lost])
        path = np.log(gamma[lost] / now)
        steps = int(np.ceil(-path.min() / 2.0)) + 1
        g_now, k_now, _ = _newton(kinds, now, 1 / (1 + now), 1 / (1 + now), 60)
        for _ in range(steps):
            falls = _at(kinds, now, g_now, k_now).fall()
            g_now, k_now = (
                each * np.exp(-fall * path / steps) for each, fall in zip((g_now, k_now), falls, strict=True)
            )
            now = now * np.exp(path / steps)
            g_now, k_now, _ = _newton(kinds, now, g_now, k_now, 60)
        g[lost], k[lost], size[lost] = _newton(kinds, gamma[lost], g_now, k_now, 60)
        if (size > 0).any():
            i = int(np.argmax(size))
            raise ConvergenceError(
                f"{function}: no fixed point for gamma {gamma[i]:g} times the mean of eta",
                {"gamma": gamma[size > 0], "step": float(size[i])},
            )
    return _at(kinds, gamma, g, k)
