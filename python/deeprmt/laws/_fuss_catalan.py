"""The Fuss-Catalan laws."""

from __future__ import annotations

from collections.abc import Callable
from math import frexp, inf, ldexp, log, pi
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._arguments import as_number
from ._edges import precise
from ._law import Array
from ._parametric import Parametric
from ._quadrature import Interval, integrate

__all__ = ["FussCatalan"]

Complex = NDArray[np.complex128]

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(16)
_TURNS = 12


class FussCatalan(Parametric):
    """The Fuss-Catalan law: eigenvalues of ``P @ P.T`` for a product P of s large independent square Gaussian matrices.

    The s-fold free product of the Marchenko-Pastur law of aspect 1, also for s that is no whole number [1]_. Moments
    ``C((s + 1) k, k) / (s k + 1)``, support from 0 to ``(s + 1)^(s + 1) / s^s``, and density like ``x^(-s / (s + 1))``
    at 0. Singular values are ``FussCatalan(s).power(0.5)``.

    Parameters
    ----------
    s : float
        In [0.01, 1000]. s = 1 is `MarchenkoPastur` (1).

    Notes
    -----
    With 0 < t < pi / (s + 1), x = sin^(s+1)((s+1) t) / (sin t sin^s(s t)) runs through the support downwards, and the
    density is sin^2 t sin^(s-1)(s t) / (pi sin^s((s+1) t)) [2]_ [3]_. The distribution function follows from the
    logarithmic potential: 1 - ((s+1) t - s sin t sin((s+1) t) / sin(s t)) / pi. Off the support M = z G - 1 solves
    (1 + M)^(s+1) = z M. S(w) = (1 + w)^(-s).

    References
    ----------
    .. [1] T. Banica, S. Belinschi, M. Capitaine, B. Collins, Canad. J. Math. 63, 3 (2011), arXiv:0710.5931.
    .. [2] U. Haagerup, S. Moeller, arXiv:1211.4457.
    .. [3] P. J. Forrester, D.-Z. Liu, J. Stat. Phys. 158, 1051 (2015), arXiv:1404.5759.

    Examples
    --------
    >>> law = FussCatalan(2)
    >>> [int(law.moment(k)) for k in range(1, 6)]
    [1, 3, 12, 55, 273]
    >>> law.support()
    [(0.0, 6.75)]
    """

    s: float
    _log_edge: float
    _edge: float
    _edge_rest: float

    def __init__(self, s: float) -> None:
        s = as_number("FussCatalan", "s", s, above=0)
        if not 0.01 <= s <= 1000:
            raise ValueError(f"FussCatalan: s must be in [0.01, 1000], got {s!r}")
        edge, rest = precise(lambda s: (s + 1) ** (s + 1) / s**s, s)
        self._set(s=s, _log_edge=log(s + 1) + s * float(np.log1p(1 / s)), _edge=edge, _edge_rest=rest)

    def __repr__(self) -> str:
        return f"FussCatalan(s={self.s!r})"

    def support(self) -> list[tuple[float, float]]:
        """The intervals (low, high) that carry the continuous part, in ascending order."""
        return [(0.0, self._edge)]

    # ---- on the support, by the angle ----

    def _depth(self, t: Array, rest: Array) -> tuple[Array, Array]:
        """log(edge / x) at t = pi / (s + 1) - rest, and its slope in t."""
        s = self.s
        upper, lower = (s + 1) * t, (s + 1) * rest  # their sines are the same
        far = upper > 2
        with np.errstate(all="ignore"):
            sine = np.where(far, np.log(np.sin(lower) / upper), _log_sinc(upper))
            depth = -(s + 1) * sine + _log_sinc(t) + s * _log_sinc(s * t)
            # cot u = 1/u - u c(u), and the 1/u cancel.
            first = np.where(far, 1 / t + (s + 1) / np.tan(lower), (s + 1) ** 2 * t * _cotangent(upper))
            slope = (s + 1) * first - t * (_cotangent(t) + s**3 * _cotangent(s * t))
        return depth, slope

    def _angle(self, x: Array) -> tuple[Array, Array]:
        """t and pi / (s + 1) - t where the density is at x in [0, edge]."""
        s = self.s
        with np.errstate(divide="ignore"):
            depth = np.where(x > self._edge / 2, -np.log1p(self._beyond_edge(x)), self._log_edge - np.log(x))
            goal = depth + np.log(-np.expm1(-np.maximum(depth, 0.0)))  # log(e^depth - 1)
        at_edge, at_zero = (goal == -inf) | (x >= self._edge), goal == inf
        goal[at_edge | at_zero] = 0.0
        # t = 2 atan(e^a) / (s + 1); the goal is nearly straight in a: slope 2 at the edge, s + 1 towards 0.
        a = np.where(goal < 0, goal / 2, goal / (s + 1)) - 0.25 * np.log(s * (s + 1))

        def excess(a: Array, live: NDArray[np.intp]) -> tuple[Array, Array]:
            depth, slope = self._depth(*self._both(a))
            share = -np.expm1(-depth)
            return depth + np.log(share) - goal[live], slope / (share * (s + 1) * np.cosh(a))

        t, rest = self._both(_root(excess, a))
        return np.where(at_edge, 0.0, np.where(at_zero, pi / (s + 1), t)), np.where(at_zero, 0.0, rest)

    def _beyond_edge(self, x: Any) -> Any:
        """x / edge - 1 with all its digits, the edge being no double."""
        return ((x - self._edge) - self._edge_rest) / self._edge

    def _both(self, a: Array) -> tuple[Array, Array]:
        return 2 / (self.s + 1) * np.arctan(np.exp(a)), 2 / (self.s + 1) * np.arctan(np.exp(-a))

    def _height(self, t: Array, rest: Array) -> Array:
        """x times the density: sin t sin((s+1) t) / (pi sin(s t))."""
        sine = np.sin((self.s + 1) * np.minimum(t, rest))
        ratio = np.sin(t) / np.where(t > 0, np.sin(self.s * t), 1.0)
        return np.asarray(sine * np.where(t > 0, ratio, 1 / self.s) / pi)

    def _pdf(self, x: Array) -> Array:
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(x > 0, self._height(*self._angle(x)) / x, inf)

    def _cdf(self, x: Array) -> Array:
        return self._below(*self._angle(x))

    def _sf(self, x: Array) -> Array:
        return self._above(*self._angle(x))

    def _ppf(self, q: Array) -> Array:
        """By the angle: quantiles of long products reach beyond the least double, and its mass is not small."""
        s = self.s
        upper = q > 0.5
        goal = np.log(np.where(upper, 1 - q, q))
        at_end = np.isinf(goal)
        goal[at_end] = 0.0

        def excess(a: Array, live: NDArray[np.intp]) -> tuple[Array, Array]:
            t, rest = self._both(a)
            mass = np.where(upper[live], self._above(t, rest), self._below(t, rest))
            rate = self._height(t, rest) * self._depth(t, rest)[1] / (mass * (s + 1) * np.cosh(a))
            sign = np.where(upper[live], 1.0, -1.0)  # of the slope in a
            return sign * (np.log(mass) - goal[live]), rate

        # Close to the edge sf goes like e^(3 a), close to 0 cdf like e^-a.
        with np.errstate(all="ignore"):
            t, rest = self._both(_root(excess, np.where(upper, goal / 3, -goal)))
            x = self._edge * np.exp(-self._depth(t, rest)[0])
        # 0 has no mass below it: what lies between 0 and the least double is rounded up.
        x = np.maximum(x, 5e-324)
        return np.where(at_end, np.where(upper, self._edge, 0.0), np.minimum(x, self._edge))

    def _below(self, t: Array, rest: Array) -> Array:
        """The mass up to the x of an angle."""
        mass = (self.s + 1) * rest / pi + self.s * self._height(t, rest)
        return np.where(t > 0, np.minimum(mass, 1.0), 1.0)  # by rounding an ulp more

    def _above(self, t: Array, rest: Array) -> Array:
        out = (self.s + 1) * t / pi - self.s * self._height(t, rest)
        near = (self.s + 1) * t < 1
        if near.any():  # where the difference cancels: the integral of the density over the angle
            angle = t[near, None] * (1 + _NODES) / 2
            rest = pi / (self.s + 1) - angle
            out[near] = (self._height(angle, rest) * self._depth(angle, rest)[1]) @ _WEIGHTS * t[near] / 2
        return out

    def _expect(self, function: Callable[[Array], Any]) -> Any:
        """Over the angle, where all is smooth."""
        whole = pi / (self.s + 1)

        def integrand(rest: Array) -> Any:
            depth, slope = self._depth(whole - rest, rest)
            return function(self._edge * np.exp(-depth)) * (self._height(whole - rest, rest) * slope)

        return integrate(integrand, Interval(0.0, whole))

    def _moment(self, k: int) -> float:
        out, exponent = 1.0, 0
        for j in range(k - 1):  # ((s+1) k) ((s+1) k - 1) ... of k - 1 factors, over k!
            out, more = frexp(out * (((self.s + 1) * k - j) / (j + 2)))
            exponent += more
        out = ldexp(out, exponent)
        return float(round(out)) if self.s.is_integer() and out < 2**50 else out

    def var(self) -> np.float64:
        """The variance."""
        return np.float64(self.s)

    # ---- off the support, by continuation ----

    def _stieltjes(self, z: Complex) -> Complex:
        return self._solve(z)[0]

    def _stieltjes_derivative(self, z: Complex) -> Complex:
        return self._solve(z)[1]

    def _log_potential(self, z: Complex) -> Complex:
        """s y - log y, whose slope is (1 + y) / z; and y = (1 + y)^(s+1) / z."""
        one = -z * self._solve(z)[0]
        with np.errstate(divide="ignore", invalid="ignore"):
            out: Complex = self.s * (one - 1) + np.log(z) - (self.s + 1) * np.log(one)
        return np.where(z == 0, complex(-self.s, pi), out)

    def _solve(self, z: Complex) -> tuple[Complex, Complex]:
        """m = -(1 + y) / z and its slope, with (1 + y)^(s+1) = z y."""
        s = self.s
        m, slope = np.full(z.shape, complex(inf, 0)), np.full(z.shape, complex(inf, 0))
        known = z != 0
        w = np.where(z.imag < 0, np.conj(z), z)[known] + 0j
        u = self._logit(w)
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            one = 1 / (1 + np.exp(np.where(u.real > 700, 700 + 1j * u.imag, u)))  # 1 + y
            y = np.asarray(-1 / (1 + np.exp(-np.where(u.real < -700, -700 + 1j * u.imag, u))), complex)
            beyond: Any = s * y - 1
            # Near the edge, where beyond = b vanishes: log z - log edge = (s + 1) g(b / (s + 1)) - g(b).
            near = np.abs(beyond) < 0.25
            if near.any():
                beyond[near] = self._refined(w[near])
                y[near] = (1 + beyond[near]) / s
                one[near] = 1 + y[near]
            tiny = np.where(np.abs(w) < 1e-280, 2.0**200, 1.0)  # complex division wants normal numbers
            up: Complex = -(one / (w * tiny)) * tiny
            down: Complex = one * ((s - 1) * y - 1) / (w * w * beyond)
        down[~np.isfinite(down) & ((beyond == 0) | (np.abs(w) < 1e-140))] = inf
        # Off the support both are real on the axis.
        off = (w.imag == 0) & ((w.real < 0) | (w.real > self._edge))
        up.imag[off] = down.imag[off] = 0.0
        below = z.imag[known] < 0
        m[known], slope[known] = np.where(below, np.conj(up), up), np.where(below, np.conj(down), down)
        return m, slope

    def _logit(self, z: Complex) -> Complex:
        """The u of y = -1 / (1 + e^-u) at z in the closed upper half plane: u + s log(1 + e^u) = i pi - log z.

        A conformal map between two strips of height pi, straight towards both ends (slopes 1 and s + 1) and with one
        branch point on the boundary. From the middle, Im log z = pi, where all is real, Newton follows the circle.
        """
        s = self.s
        radius, turn = np.log(np.abs(z)), pi - np.angle(z)
        start = np.where(radius > 0, -radius, -radius / (s + 1))
        for _ in range(60):  # the function is convex: after one step Newton comes from the right
            excess = start + s * np.logaddexp(0, start) + radius
            step = excess / (1 + s * np.exp(-np.logaddexp(0, -start)))
            start = start - step
            if np.all(np.abs(step) <= 1e-15 * np.maximum(1, np.abs(start))):
                break
        u: Any = start.astype(complex)
        target: Any
        root: Any
        branch = complex(-self._log_edge, pi)
        for j in range(1, _TURNS + 1):
            # Smaller steps towards the end, which may lie at the branch point.
            target = 1j * turn * (1 - (1 - j / _TURNS) ** 2) - radius - branch
            root = np.sqrt(target)
            for _ in range(50 if j == _TURNS else 2):
                u.imag = np.clip(u.imag, 0.0, pi)
                grown: Any = np.exp(np.where(u.real < 0, u, -u))
                soft: Any = np.where(u.real < 0, 0.0, u) + _log1p(grown)  # log(1 + e^u)
                rise: Any = np.where(u.real < 0, grown, 1.0) / (1 + grown)
                move: Any = _newton(u + s * soft - branch, 1 + s * rise, target, root)
                u = u - move
                if np.all(np.abs(move) <= 4e-16 * np.abs(u)):
                    break
        u.imag = np.clip(u.imag, 0.0, pi)
        return np.asarray(u)

    def _refined(self, z: Complex) -> Complex:
        """beyond = b near the edge, from the square root that it is there: its sign cannot be read off rounding."""
        s = self.s
        target = _log1p(self._beyond_edge(z))
        root = np.sqrt(target)
        b = -np.sqrt(2 * (s + 1) / s) * root
        for _ in range(20):
            a = b / (s + 1)
            step = _newton((s + 1) * _log_rest(a) - _log_rest(b), b / (1 + b) - a / (1 + a), target, root)
            b = b - step
            if np.all(np.abs(step) <= 4e-16 * np.abs(b)):
                break
        return np.where(target == 0, 0.0, b)

    def _r_transform(self, w: Array) -> Array:
        """(1 + y)^s where y (1 + y)^-s = w: y = w R, which is M at G = w."""
        s = self.s
        if s > 1:
            top = ((s - 1) / s) ** s / (s - 1)  # the largest value, at y = 1 / (s - 1)
            if (w > top).any():
                raise ValueError(
                    f"FussCatalan.r_transform: w must be in the range of the transform, at most {float(top)!r}, got"
                    f" {float(w[w > top][0])!r}"
                )
        elif s == 1 and (w == 1).any():
            with np.errstate(divide="ignore"):
                return 1 / (1 - w)
        elif s == 1:
            return 1 / (1 - w)
        with np.errstate(divide="ignore"):
            goal = np.log(np.abs(w))
        v = np.where(w == 0, 0.0, goal)  # log y, or the logit of -y
        for _ in range(200):
            grown = -np.logaddexp(0, -v)  # log of e^v / (1 + e^v)
            excess = np.where(w > 0, v - s * np.logaddexp(0, v), grown + s * np.logaddexp(0, v)) - goal
            slope = np.where(w > 0, 1 - s * np.exp(grown), 1 - np.exp(grown) + s * np.exp(grown))
            with np.errstate(divide="ignore", invalid="ignore"):
                step = np.where((w == 0) | (slope == 0), 0.0, excess / slope)
            v = v - step
            if np.all(np.abs(step) <= 1e-15 * np.maximum(1, np.abs(v))):
                break
        return np.where(w == 0, 1.0, np.exp(np.where(w > 0, s, -s) * np.logaddexp(0, v)))

    def _s_transform(self, w: Array) -> Array:
        with np.errstate(divide="ignore", invalid="ignore"):  # the pole, and nothing beyond it
            return (1 + w) ** -self.s


def _root(excess: Callable[[Array, NDArray[np.intp]], tuple[Array, Array]], a: Array) -> Array:
    """Where an increasing function, given with its slope at points and their indices, is 0: Newton within brackets."""
    a = a.copy()
    low, high = np.full_like(a, -400.0), np.full_like(a, 710.0)
    live = np.arange(a.size)
    for turn in range(100):
        here = a[live]
        with np.errstate(all="ignore"):
            value, slope = excess(here, live)
            new = here - value / slope
        low[live] = np.where(value <= 0, here, low[live])
        high[live] = np.where(value >= 0, here, high[live])
        inside = np.isfinite(new) & (new >= low[live]) & (new <= high[live])
        a[live] = np.where(inside, new, (low[live] + high[live]) / 2)
        # A Newton step of 1e-9 leaves an error of its square; where steps bisect, rounding keeps some from settling.
        moved = np.abs(a[live] - here)
        live = live[moved > np.where(inside, 1e-9, 4e-16 if turn < 8 else 1e-13) * np.maximum(1.0, np.abs(here))]
        if live.size == 0:
            break
    return a


def _log_sinc(u: Array) -> Array:
    """log(sin(u) / u) on [0, pi)."""
    square = u * u
    series = -square * (1 / 6 + square * (1 / 180 + square * (1 / 2835 + square * (1 / 37800 + square / 467775))))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(u < 0.1, series, np.log(np.sin(u) / np.where(u > 0, u, 1.0)))


def _cotangent(u: Array) -> Array:
    """(1 - u cot u) / u^2 on [0, pi)."""
    square = u * u
    series = 1 / 3 + square * (
        1 / 45 + square * (2 / 945 + square * (1 / 4725 + square * (2 / 93555 + square * 1382 / 638512875)))
    )
    safe = np.where(u < 0.25, 1.0, u)
    return np.where(u < 0.25, series, (1 - safe / np.tan(safe)) / safe**2)


def _log1p(u: Complex) -> Complex:
    """log(1 + u), accurate for small u; NumPy's is not for complex numbers."""
    return 0.5 * np.log1p(u.real * (2 + u.real) + u.imag**2) + 1j * np.arctan2(u.imag, 1 + u.real)


def _log_rest(u: Complex) -> Complex:
    """log(1 + u) - u for |u| <= 1/4."""
    out = np.zeros_like(u)
    for k in range(28, 1, -1):
        out = (-1) ** (k + 1) / k + u * out
    return np.asarray(u * u * out)


def _newton(
    value: Complex,
    slope: Complex,
    target: Complex,
    root: Complex,
) -> Complex:
    """A step towards value = target, whose root is given: near the branch point, 0, square roots are straight."""
    here = np.sqrt(value)
    here_or_mirror = np.where((here * np.conj(root)).real < 0, -root, root)
    with np.errstate(divide="ignore", invalid="ignore"):
        step = np.where(np.abs(value) < 1, 2 * here * (here - here_or_mirror), value - target) / slope
    return np.where(np.isfinite(step), step, 0.0)
