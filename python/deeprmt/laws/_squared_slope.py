"""Laws of phi'(h)^2 for a Gaussian h, where phi' falls smoothly on both sides of 0."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from math import erf, exp, inf, log, pi, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from .._arguments import as_choice, as_number
from ._law import Array, Law
from ._parametric import Parametric
from ._point_masses import Bernoulli, Point
from ._quadrature import Interval, integrate

__all__ = ["ErfSlope", "Falling", "TanhSlope", "power_of_slope", "squared_slope"]

Complex = NDArray[np.complex128]

_least_double = 5e-324


class Falling(Parametric):
    """The law of x(z), even and falling in |z|, for a standard normal z; x continues to the complex plane."""

    _top: float

    @abstractmethod
    def _x(self, z: Any) -> Array:
        """x at z >= 0."""

    @abstractmethod
    def _short(self, z: Any) -> Array:
        """top - x."""

    @abstractmethod
    def _z(self, x: Array) -> Array:
        """The z >= 0 of x in (0, top], accurate near top."""

    @abstractmethod
    def _slopes(self, z: Any, x: Any) -> tuple[Any, Any]:
        """The first two derivatives of x(z) where x(z) = x."""

    @abstractmethod
    def _poles(self, w: Complex) -> tuple[list[Complex], float]:
        """The z with Im z >= 0 (limits from above w) where x(z) = w, the nearest ones, and how high all others lie."""

    def support(self) -> list[tuple[float, float]]:
        """The intervals (low, high) that carry the continuous part, in ascending order."""
        return [(0.0, self._top)]

    def _pdf(self, x: Array) -> Array:
        with np.errstate(all="ignore"):
            return np.exp(self._logpdf(x))

    def _logpdf(self, x: Array) -> Array:
        with np.errstate(all="ignore"):
            z = self._z(x)
            # The slope is a multiple of x, which may be all but 0 while z is huge.
            out = log(2 / pi) / 2 - z * z / 2 - np.log(x) - np.log(-self._slopes(z, 1.0)[0])
            return np.where(x >= self._top, inf, np.where(x > 0, out, np.log(self._at_zero())))

    def _at_zero(self) -> float:
        return 0.0

    def _cdf(self, x: Array) -> Array:
        with np.errstate(divide="ignore"):
            return np.asarray(special.erfc(self._z(x) / sqrt(2)))

    def _sf(self, x: Array) -> Array:
        with np.errstate(divide="ignore"):
            return np.asarray(special.erf(self._z(x) / sqrt(2)))

    def _ppf(self, q: Array) -> Array:
        x = self._x(sqrt(2) * special.erfcinv(q))
        return np.where((x == 0) & (q > 0), _least_double, x)  # there is no atom at 0

    def _expect(self, function: Callable[[Array], Any]) -> Any:
        """Over the Gaussian."""
        return integrate(lambda z: function(self._x(z)) * (sqrt(2 / pi) * np.exp(-z * z / 2)), Interval(0.0, 39.0))

    def _stieltjes(self, z: Complex) -> Complex:
        return self._sums(z)[0]

    def _stieltjes_derivative(self, z: Complex) -> Complex:
        return self._sums(z)[1]

    def _sums(self, w: Complex) -> tuple[Complex, Complex]:
        """The trapezoidal rule over the Gaussian, which converges like exp(-2 pi d / step) with the distance d of the
        poles of 1 / (x(z) - w), and what the nearer poles add: 4 pi i Res / (1 - exp(-2 pi i pole / step)). Of nodes
        at whole and at half steps each w takes those further from its poles.
        """
        m, slope = np.full(w.shape, complex(inf, 0)), np.full(w.shape, complex(inf, 0))
        live = (w != 0) & (w != self._top)
        if (w == 0).any():
            m[w == 0], slope[w == 0] = self._inverse_moments()
        if (w == self._top).any():
            m[w == self._top] = inf
        if not live.any():
            return m, slope
        v = np.where(w.imag < 0, np.conj(w), w)[live] + 0j
        poles, height = self._poles(v)
        step = min(0.35, 2 * pi * height / 38)
        reach = np.sqrt(
            78 + max(0.0, float(self._z(np.array([max(np.abs(v).min(), 1e-300)]).clip(0, self._top))[0]) ** 2)
        )
        node = np.arange(int(min(reach, 39.0) / step) + 1) * step  # beyond 39 weights are 0
        near = np.min([np.abs(np.exp(2j * pi * np.where(p.imag > step, 1j, p / step)) - 1) for p in poles], axis=0)
        out, down = np.empty_like(v), np.empty_like(v)
        for half in (False, True):
            mine = (near < 1) == half  # a node of the whole steps is close
            if not mine.any():
                continue
            z = node + step / 2 if half else node
            weight = sqrt(2 / pi) * step * np.exp(-z * z / 2)
            if not half:
                weight[0] /= 2
            at = v[mine, None]
            with np.errstate(divide="ignore", invalid="ignore", over="ignore", under="ignore"):
                short = self._short(z)  # x(z) - w without the rounding of the smaller one
                gap: Any = np.where(short < self._top / 2, (self._top - at) - short, self._x(z) - at)
                inverse = 1 / gap
                total: Any = inverse @ weight
                change: Any = (inverse * inverse) @ weight
                for each in poles:
                    p, x = each[mine], v[mine]
                    first, second = self._slopes(p, x)
                    # d pole / dw = 1 / first, and the residue is the Gaussian times that.
                    rate, bend = 1 / first, -second / first**3
                    gauss = np.exp(-p * p / 2) / sqrt(2 * pi)
                    turn = np.exp(-2j * pi * p / step) * (-1 if half else 1)
                    share = 1 / (1 - turn)
                    tilt = 2j * pi / step * share * (1 - share)
                    high = ~np.isfinite(turn) | (np.abs(turn) > 1e30)
                    total += 4j * pi * np.where(high, 0, gauss * rate * share)
                    change += (
                        4j * pi * np.where(high, 0, gauss * ((bend - p * rate * rate) * share + rate * rate * tilt))
                    )
            out[mine], down[mine] = total, change
        off = (v.imag == 0) & ((v.real < 0) | (v.real > self._top))
        out.imag[off] = down.imag[off] = 0.0
        below = w[live].imag < 0
        m[live], slope[live] = np.where(below, np.conj(out), out), np.where(below, np.conj(down), down)
        return m, slope

    @abstractmethod
    def _inverse_moments(self) -> tuple[float, float]:
        """The means of 1 / x and of 1 / x^2."""


class ErfSlope(Falling):
    """The law of phi'(h)^2 for h ~ N(0, q) and phi(h) = erf(sqrt(pi) h / 2), or phi = erf.

    That is exp(-pi q z^2 / 2), or (4 / pi) exp(-2 q z^2), with z standard normal: density like ``x^(1/(pi q) - 1)``, or
    ``x^(1/(4 q) - 1)``, at 0 up to logarithms.

    Parameters
    ----------
    q : float
        The variance of the preactivations, in [1e-12, 1e4].
    unit : bool, default True
        ``True`` for the activation `erf_unit`, which has slope 1 at 0, ``False`` for `erf`.

    Examples
    --------
    >>> law = ErfSlope(0.5)
    >>> round(float(law.mean()), 12) == round((1 + np.pi / 2) ** -0.5, 12)
    True
    >>> law.support()
    [(0.0, 1.0)]
    """

    q: float
    unit: bool

    def __init__(self, q: float, unit: bool = True) -> None:
        if not isinstance(unit, bool | np.bool_):
            raise TypeError(f"ErfSlope: unit must be True or False, got {unit!r}")
        self._set(q=_variance("ErfSlope", q), unit=bool(unit), _top=1.0 if unit else 4 / pi)

    def __repr__(self) -> str:
        return f"ErfSlope(q={self.q!r}, unit={self.unit!r})"

    @property
    def _rate(self) -> float:
        """x = top exp(-rate z^2)."""
        return pi * self.q / 2 if self.unit else 2 * self.q

    def _x(self, z: Array) -> Array:
        return np.asarray(self._top * np.exp(-self._rate * z * z))

    def _short(self, z: Any) -> Array:
        return np.asarray(-self._top * np.expm1(-self._rate * z * z))

    def _z(self, x: Array) -> Array:
        with np.errstate(divide="ignore"):
            depth = np.where(x > self._top / 2, -np.log1p((x - self._top) / self._top), -np.log(x / self._top))
        return np.sqrt(np.maximum(depth, 0.0) / self._rate)

    def _slopes(self, z: Any, x: Any) -> tuple[Any, Any]:
        c = self._rate
        return -2 * c * z * x, (4 * c * c * z * z - 2 * c) * x

    def _poles(self, w: Complex) -> tuple[list[Complex], float]:
        c, count = self._rate, 6
        log = -(np.log(np.abs(w) / self._top) + 1j * np.angle(w))
        close = np.abs(w - self._top) < 0.5 * self._top
        log[close] = -_log1p((w[close] - self._top) / self._top)
        out = []
        for k in range(-count, count + 1):
            root = np.sqrt((log + 2j * pi * k) / c)
            flip = (root.imag < 0) | ((root.imag == 0) & (k == 0))
            out.append(np.where(flip, -root, root))
        far = np.sqrt((log + 2j * pi * (count + 1)) / c), np.sqrt((log - 2j * pi * (count + 1)) / c)
        return out, float(min(np.abs(each.imag).min() for each in far))

    def _moment(self, k: int) -> float:
        return self._top**k / sqrt(1 + 2 * k * self._rate)

    def var(self) -> np.float64:
        """The variance."""
        # 1 / sqrt(1 + 4 c) - 1 / (1 + 2 c), as a quotient that does not cancel.
        c, root = self._rate, sqrt(1 + 4 * self._rate)
        return np.float64(self._top**2 * 4 * c * c / (root * (1 + 2 * c) * (1 + 2 * c + root)))

    def _at_zero(self) -> float:
        return inf if self._rate >= 0.5 else 0.0

    def _inverse_moments(self) -> tuple[float, float]:
        c = self._rate
        return (
            1 / (self._top * sqrt(1 - 2 * c)) if c < 0.5 else inf,
            1 / (self._top**2 * sqrt(1 - 4 * c)) if c < 0.25 else inf,
        )


class TanhSlope(Falling):
    """The law of phi'(h)^2 = sech(h)^4 for h ~ N(0, q) and phi = tanh.

    Parameters
    ----------
    q : float
        The variance of the preactivations, in [1e-12, 1e4].

    Examples
    --------
    >>> round(float(TanhSlope(0.5).cdf(0.25)), 12)  # phi' <= 1/2
    0.212599058437
    """

    q: float

    def __init__(self, q: float) -> None:
        self._set(q=_variance("TanhSlope", q), _top=1.0)

    def __repr__(self) -> str:
        return f"TanhSlope(q={self.q!r})"

    def _x(self, z: Array) -> Array:
        h = sqrt(self.q) * z
        decay = np.exp(-2 * h)
        short = np.tanh(h) ** 2
        # Next to the top each step falls with z, to the last bit.
        return np.where(short < 0.25, (1 - short) ** 2, 16 * decay * decay / (1 + decay) ** 4)

    def _short(self, z: Any) -> Array:
        square = np.tanh(sqrt(self.q) * z) ** 2
        return np.asarray(square * (2 - square))

    def _z(self, x: Array) -> Array:
        # tanh^2 = 1 - sqrt(x)
        with np.errstate(divide="ignore"):
            root = np.sqrt(x)
            square = np.maximum((self._top - x) / (1 + root), 0.0)
            far = -np.log(x) / 4 + np.log(1 + np.sqrt(square))  # log((1 + tanh) / sech)
            return np.asarray(np.where(x > 0.1, np.arctanh(np.sqrt(np.minimum(square, 0.9))), far) / sqrt(self.q))

    def _slopes(self, z: Any, x: Any) -> tuple[Any, Any]:
        a = sqrt(self.q)
        tanh = np.tanh(a * z)
        return -4 * a * tanh * x, 4 * a * a * x * (5 * tanh * tanh - 1)

    def _poles(self, w: Complex) -> tuple[list[Complex], float]:
        # cosh(a z) is one of the four fourth roots of 1 / w.
        a, count = sqrt(self.q), 3
        root = np.exp((np.log(np.abs(w)) + 1j * np.angle(w)) / -4)
        out = []
        first = np.arccosh(root)
        close = np.abs(w - 1) < 0.5
        gap = _expm1(-_log1p(w[close] - 1) / 4)  # root - 1
        first[close] = 2 * np.arcsinh(np.sqrt(gap / 2))
        first = np.where((first.imag > 0) | (first.real < 0), -first, first)  # in the fourth quadrant
        first = np.where(first.imag > 0, np.conj(first), first)
        second = np.arcsinh(root) + 0.5j * pi
        for n in range(count):
            out.append((-first + 1j * pi * n) / a)
            out.append((first + 1j * pi * (n + 1)) / a)
            out.append((second + 1j * pi * n) / a)
            out.append((-second + 1j * pi * (n + 1)) / a)
        return out, pi * count / a

    def _moment(self, k: int) -> float:
        return float(self.expect(lambda x: x**k))

    def var(self) -> np.float64:
        """The variance."""
        short = float(self._over(lambda z: self._short(z)))
        return np.float64(self._over(lambda z: (self._short(z) - short) ** 2))

    def _over(self, function: Callable[[Array], Array]) -> Any:
        return integrate(lambda z: function(z) * (sqrt(2 / pi) * np.exp(-z * z / 2)), Interval(0.0, 39.0))

    def _inverse_moments(self) -> tuple[float, float]:
        # cosh^4 = (cosh 4h + 4 cosh 2h + 3) / 8, cosh^8 = (cosh 8h + 8 cosh 6h + 28 cosh 4h + 56 cosh 2h + 35) / 128
        def power(q: float, n: int) -> float:
            return exp(q * n * n / 2) if q * n * n < 1400 else inf

        q = self.q
        return (
            (power(q, 4) + 4 * power(q, 2) + 3) / 8,
            (power(q, 8) + 8 * power(q, 6) + 28 * power(q, 4) + 56 * power(q, 2) + 35) / 128,
        )


class _SechPower(Falling):
    """The law of sech(h)^order for h ~ N(0, q): a power of `TanhSlope`, which next to its top has digits of its own."""

    q: float
    order: float

    def __init__(self, q: float, order: float) -> None:
        self._set(q=q, order=order, _top=1.0)

    def __repr__(self) -> str:
        return f"TanhSlope(q={self.q!r}).power({self.order / 4!r})"

    def _depth(self, z: Any) -> Array:
        """-ln x."""
        h = sqrt(self.q) * z
        small = np.minimum(h, 1.0)
        near = np.log1p(2 * np.sinh(small / 2) ** 2)
        return np.asarray(self.order * np.where(h < 1, near, h + np.log1p(np.exp(-2 * h)) - log(2)))

    def _x(self, z: Any) -> Array:
        return np.asarray(np.exp(-self._depth(z)))

    def _short(self, z: Any) -> Array:
        return np.asarray(-np.expm1(-self._depth(z)))

    def _z(self, x: Array) -> Array:
        with np.errstate(divide="ignore"):
            depth = np.where(x > 0.5, -np.log1p(x - 1), -np.log(x)) / self.order
        # cosh h = exp(depth)
        near = 2 * np.arcsinh(np.sqrt(np.expm1(np.minimum(depth, 1.0)) / 2))
        far = depth + np.log1p(np.sqrt(-np.expm1(-2 * depth)))
        return np.asarray(np.where(depth < 1, near, far) / sqrt(self.q))

    def _slopes(self, z: Any, x: Any) -> tuple[Any, Any]:
        a, m = sqrt(self.q), self.order
        tanh = np.tanh(a * z)
        return -m * a * tanh * x, a * a * m * x * ((m + 1) * tanh * tanh - 1)

    def _poles(self, w: Complex) -> tuple[list[Complex], float]:
        """Below Im h = pi / 2, where x branches, cosh h is each root of w^(-1 / order) with a real part above 0."""
        a, m = sqrt(self.q), self.order
        log_root = -(np.log(np.abs(w)) + 1j * np.angle(w))
        close = np.abs(w - 1) < 0.5
        log_root[close] = -_log1p(w[close] - 1)
        out: list[Complex] = []
        count = int(m / 4) + 1
        for k in range(-count, count + 1):
            root = (log_root + 2j * pi * k) / m
            inside = np.abs(root.imag) < pi / 2
            h = 2 * np.arcsinh(np.sqrt(_expm1(np.where(inside, root, 0.0)) / 2))
            upper = (h.imag > 0) | ((h.imag == 0) & (k != 0))  # limits from above w lie below the axis where k = 0
            out.append(np.asarray(np.where(inside, np.where(upper, h, -h), 1e3j) / a, np.complex128))
        return out, pi / 2 / a

    def _moment(self, k: int) -> float:
        return float(self.expect(lambda x: x**k))

    def _inverse_moments(self) -> tuple[float, float]:
        def mean(k: int) -> float:
            top = k * self.order * sqrt(self.q)  # where cosh(h)^(k order) exp(-z^2 / 2) is largest, nearly
            if top * top > 1400:
                return inf
            z = np.arange(0, top + 39, min(0.25, pi * pi / 38 / sqrt(self.q)))
            terms = np.exp(k * self._depth(z) - z * z / 2)
            return float(2 * terms.sum() - terms[0]) * float(z[1]) / sqrt(2 * pi)

        return mean(1), mean(2)


def power_of_slope(law: Law, exponent: float) -> Law | None:
    """x^exponent of a slope law as a law of that kind, which has its digits next to the top; None if it is none."""
    if not exponent > 0:
        return None
    if isinstance(law, TanhSlope):
        return _SechPower(law.q, 4 * exponent)
    if isinstance(law, ErfSlope) and 1e-12 <= law.q * exponent <= 1e4:
        return ErfSlope(law.q * exponent, law.unit).scale(law._top ** (exponent - 1))
    return None


def squared_slope(activation: str, q: float) -> Law:
    """The law of phi'(h)^2 for h ~ N(0, q), which is that of D^2 in a Jacobian.

    Parameters
    ----------
    activation : str
        "linear", "relu", "abs", "hard_tanh", "erf", "erf_unit" or "tanh".
    q : float
        The variance of the preactivations, in [1e-12, 1e4].

    Returns
    -------
    Law
        `Point`, `Bernoulli`, `ErfSlope` or `TanhSlope`.

    Raises
    ------
    ValueError, TypeError
        If the activation is none of these, or q no such number.

    Examples
    --------
    >>> squared_slope("relu", 1.0)
    Bernoulli(p=0.5)
    """
    known = ("linear", "relu", "abs", "hard_tanh", "erf", "erf_unit", "tanh")
    name = as_choice("squared_slope", "activation", activation, known)
    q = _variance("squared_slope", q)
    if name in ("linear", "abs"):
        return Point(1.0)
    if name == "relu":
        return Bernoulli(0.5)
    if name == "hard_tanh":
        return Bernoulli(erf(1 / sqrt(2 * q)))
    return TanhSlope(q) if name == "tanh" else ErfSlope(q, unit=name == "erf_unit")


def _variance(function: str, q: float) -> float:
    q = as_number(function, "q", q, above=0)
    if not 1e-12 <= q <= 1e4:
        raise ValueError(f"{function}: q must be in [1e-12, 1e4], got {q!r}")
    return q


def _log1p(u: Complex) -> Complex:
    out: Complex = 0.5 * np.log1p(u.real * (2 + u.real) + u.imag**2) + 1j * np.arctan2(u.imag, 1 + u.real)
    return out


def _expm1(u: Complex) -> Complex:
    half = np.sin(u.imag / 2)
    out: Complex = np.expm1(u.real) * np.cos(u.imag) - 2 * half * half + 1j * np.exp(u.real) * np.sin(u.imag)
    return out
