"""Wachter's law of Jacobi ensembles, and the Kesten-McKay law that is a square root of one."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from math import comb, fsum, inf, pi, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._arguments import as_number
from ._edges import Edge, precise, root
from ._law import Array
from ._marchenko_pastur import MarchenkoPastur
from ._parametric import Parametric
from ._quadrature import Interval, integrate

__all__ = ["KestenMcKay", "Wachter"]


class Wachter(Parametric):
    """Wachter's law: eigenvalues of ``A (A + B)^-1`` for two large independent Wishart matrices, as in MANOVA.

    A and B are p x p, with n_a and n_b samples each, ``aspect_a = p / n_a`` and ``aspect_b = p / n_b`` [1]_. With
    a = 1 / aspect_a and b = 1 / aspect_b the edges are ``((sqrt(a (a + b - 1)) -+ sqrt(b)) / (a + b))^2``, the density
    is ``(a + b) sqrt((x - low) (high - x)) / (2 pi x (1 - x))``, and atoms of mass 1 - a at 0 and 1 - b at 1 appear
    where these are positive. `deeprmt.ensembles.jacobi_eigenvalues` draws finite samples.

    Parameters
    ----------
    aspect_a, aspect_b : float
        In [1e-12, 1e12], with 1 / aspect_a + 1 / aspect_b > 1: A + B must have an inverse.

    Notes
    -----
    The law is a mixture of two of Marchenko and Pastur, one of them mirrored: with weight b / (a + b) that of
    aspect b / (a (a + b - 1)) and sigma sqrt(a (a + b - 1)) / (a + b), and with weight a / (a + b) that of 1 - x where
    x has a and b exchanged. So its distribution function and Stieltjes transform are closed, and tails as accurate as
    theirs. S(w) = (a + b + w) / (a + w).

    References
    ----------
    .. [1] K. W. Wachter, Ann. Statist. 8, 937 (1980).

    Examples
    --------
    >>> law = Wachter(0.5, 0.5)
    >>> [(round(low, 12), round(high, 12)) for low, high in law.support()]
    [(0.066987298108, 0.933012701892)]
    >>> law.mean()
    np.float64(0.5)
    """

    aspect_a: float
    aspect_b: float
    _edges: tuple[float, float]
    _ends: tuple[Edge, Edge]
    _parts: tuple[tuple[float, MarchenkoPastur], tuple[float, MarchenkoPastur]]

    def __init__(self, aspect_a: float, aspect_b: float) -> None:
        aspects = (as_number("Wachter", "aspect_a", aspect_a), as_number("Wachter", "aspect_b", aspect_b))
        for name, aspect in zip(("aspect_a", "aspect_b"), aspects, strict=True):
            if not 1e-12 <= aspect <= 1e12:
                raise ValueError(f"Wachter: {name} must be in [1e-12, 1e12], got {aspect!r}")
        a, b = 1 / aspects[0], 1 / aspects[1]
        if not _excess(a, b) > 0:
            raise ValueError(f"Wachter: 1 / aspect_a + 1 / aspect_b must be above 1, got {a + b!r}")
        self._set(aspect_a=aspects[0], aspect_b=aspects[1])
        ends = precise(_low, *aspects), precise(_high, *aspects)
        self._set(_edges=(ends[0][0], ends[1][0]), _ends=ends, _parts=(_part(a, b), _part(b, a)))

    def __repr__(self) -> str:
        return f"Wachter(aspect_a={self.aspect_a!r}, aspect_b={self.aspect_b!r})"

    def support(self) -> list[tuple[float, float]]:
        """The intervals (low, high) that carry the continuous part, in ascending order."""
        return [self._edges]

    def atoms(self) -> list[tuple[float, float]]:
        """The points that carry mass of their own: (location, mass), in ascending order."""
        masses = (0.0, 1 - 1 / self.aspect_a), (1.0, 1 - 1 / self.aspect_b)
        return [(location, mass) for location, mass in masses if mass > 0]

    def _pdf(self, x: Array) -> Array:
        (u, left), (v, right) = self._parts
        return np.asarray(u * left.pdf(x) + v * right.pdf(1 - x))

    def _masses(self) -> tuple[float, float]:
        """At 0 and at 1."""
        return max(0.0, 1 - 1 / self.aspect_a), max(0.0, 1 - 1 / self.aspect_b)

    def _cdf(self, x: Array) -> Array:
        (u, left), (v, right) = self._parts
        at_zero, at_one = self._masses()
        inside = u * left.cdf(x) + v * right.sf(1 - x)
        # Outside the edges, as they are here and not as the parts round them.
        return np.where(
            x <= self._edges[0], at_zero, np.where(x < self._edges[1], inside, np.where(x < 1, 1 - at_one, 1.0))
        )

    def _sf(self, x: Array) -> Array:
        (u, left), (v, right) = self._parts
        at_zero, at_one = self._masses()
        inside = u * left.sf(x) + v * right.cdf(1 - x)
        return np.where(
            x <= self._edges[0], 1 - at_zero, np.where(x < self._edges[1], inside, np.where(x < 1, at_one, 0.0))
        )

    def _expect(self, function: Callable[[Array], Any]) -> Any:
        """In an angle that takes hard edges at both ends in its stride."""
        low, high = self._edges
        width = high - low
        weight = (1 / self.aspect_a + 1 / self.aspect_b) * width**2 / pi
        spare = precise(_low, self.aspect_b, self.aspect_a)[0]  # 1 - high

        def integrand(angle: Array) -> Any:
            sine2, cosine2 = np.sin(angle) ** 2, np.cos(angle) ** 2
            below, above = low + width * sine2, spare + width * cosine2
            return function(below) * (weight * (sine2 / below) * (cosine2 / above))

        total: Any = integrate(integrand, Interval(0.0, pi / 2))
        for location, mass in self.atoms():
            total = total + mass * function(np.array([location]))[0]
        return total

    def _moment(self, k: int) -> float:
        if k > 30:  # all terms are positive, and rational numbers grow
            return super()._moment(k)
        # Lagrange's inversion of S: [y^(k-1)] ((1 + y) (a + y) / (a + b + y))^k / k, exactly, for the terms alternate.
        a = 1 / Fraction(self.aspect_a)
        total = a + 1 / Fraction(self.aspect_b)
        first = [comb(k, i) for i in range(k)]
        second = [comb(k, j) * a ** (k - j) for j in range(k)]
        third = [(-1) ** m * comb(k + m - 1, m) / total ** (k + m) for m in range(k)]
        inner = [sum(second[j] * third[n - j] for j in range(n + 1)) for n in range(k)]
        return float(sum(first[i] * inner[k - 1 - i] for i in range(k)) / k)

    def var(self) -> np.float64:
        """The variance."""
        a, b = 1 / self.aspect_a, 1 / self.aspect_b
        return np.float64(a / (a + b) * (b / (a + b)) / (a + b))

    def _lines(self, z: NDArray[np.complex128]) -> tuple[NDArray[np.complex128], NDArray[np.complex128]]:
        """The two parts of m = (line + root) / (2 z (1 - z)) = 2 (a + b - 1) / (line - root)."""
        a, b = 1 / self.aspect_a, 1 / self.aspect_b
        return (a - 1) * (1 - z) - (b - 1) * z, (a + b) * root(z, *self._ends)

    def _stieltjes(self, z: NDArray[np.complex128]) -> NDArray[np.complex128]:
        a, b = 1 / self.aspect_a, 1 / self.aspect_b
        line, square = self._lines(z)
        plus, minus = line + square, line - square
        with np.errstate(divide="ignore", invalid="ignore"):  # 0 and 1, where they carry mass or are hard edges
            m: NDArray[np.complex128] = np.where(
                np.abs(plus) > np.abs(minus), plus / (2 * z * (1 - z)), 2 * _excess(a, b) / minus
            )
        m[~np.isfinite(m) & ((z == 0) | (z == 1))] = inf
        return m

    def _stieltjes_derivative(self, z: NDArray[np.complex128]) -> NDArray[np.complex128]:
        a, b = 1 / self.aspect_a, 1 / self.aspect_b
        m, square = self._stieltjes(z), self._lines(z)[1]
        # m solves z (1 - z) m^2 - line m - (a + b - 1) = 0.
        with np.errstate(divide="ignore", invalid="ignore"):
            out: NDArray[np.complex128] = -m * ((1 - 2 * z) * m + (a + b - 2)) / square
        out[np.isinf(m) | (square == 0)] = inf
        return out

    def _r_transform(self, w: Array) -> Array:
        a, b = 1 / self.aspect_a, 1 / self.aspect_b
        # y = w R solves y^2 + (a + b - w) y = a w, and (a + b - w)^2 + 4 a w = (w + a - b)^2 + 4 a b.
        square, middle = np.hypot(w + a - b, 2 * sqrt(a * b)), a + b - w
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(middle >= 0, 2 * a / (middle + square), (square / 2 - middle / 2) / w)

    def _s_transform(self, w: Array) -> Array:
        a, b = 1 / self.aspect_a, 1 / self.aspect_b
        with np.errstate(divide="ignore"):  # the pole
            return np.asarray((a + b + w) / (a + w))


def _excess(a: float, b: float) -> float:
    """a + b - 1, exactly b where a is 1."""
    return (a - 1) + b if a > b else (b - 1) + a


def _low(aspect_a: Decimal, aspect_b: Decimal) -> Decimal:
    a, b = 1 / aspect_a, 1 / aspect_b
    return ((a - 1) / ((a * (a + b - 1)).sqrt() + b.sqrt())) ** 2


def _high(aspect_a: Decimal, aspect_b: Decimal) -> Decimal:
    return 1 - _low(aspect_b, aspect_a)


def _part(a: float, b: float) -> tuple[float, MarchenkoPastur]:
    """The weight and the law of what has the pole at 0."""
    product = a * _excess(a, b)
    return b / (a + b), MarchenkoPastur(b / product, sqrt(product) / (a + b))


class KestenMcKay(Parametric):
    """The Kesten-McKay law: eigenvalues of large random d-regular graphs.

    Density ``d sqrt(4 (d - 1) - x^2) / (2 pi (d^2 - x^2))`` on ``|x| <= 2 sqrt(d - 1)`` [1]_ [2]_: the d-fold free sum
    of the fair coin with values -1 and 1, also for d that is no whole number. For d < 2 it has atoms of mass 1 - d / 2
    at -d and d.

    Parameters
    ----------
    d : float
        In (1, 1e12].

    Notes
    -----
    (x / d)^2 has the law `Wachter` (1, 1 / (d - 1)). R(w) = d (sqrt(1 + 4 w^2) - 1) / (2 w).

    References
    ----------
    .. [1] H. Kesten, Trans. Amer. Math. Soc. 92, 336 (1959).
    .. [2] B. D. McKay, Linear Algebra Appl. 40, 203 (1981).

    Examples
    --------
    >>> law = KestenMcKay(3)
    >>> [float(law.moment(k)) for k in (2, 4, 6)]
    [3.0, 15.0, 87.0]
    """

    d: float
    _edge: Edge
    _square: Wachter

    def __init__(self, d: float) -> None:
        d = as_number("KestenMcKay", "d", d, above=1)
        if not 1 + 1e-12 <= d <= 1e12:
            raise ValueError(f"KestenMcKay: d must be in [1 + 1e-12, 1e12], got {d!r}")
        self._set(d=d, _edge=precise(lambda d: 2 * (d - 1).sqrt(), d), _square=Wachter(1.0, 1 / (d - 1)))

    def __repr__(self) -> str:
        return f"KestenMcKay(d={self.d!r})"

    def support(self) -> list[tuple[float, float]]:
        """The intervals (low, high) that carry the continuous part, in ascending order."""
        return [(-self._edge[0], self._edge[0])]

    def atoms(self) -> list[tuple[float, float]]:
        """The points that carry mass of their own: (location, mass), in ascending order."""
        return [(-self.d, 1 - self.d / 2), (self.d, 1 - self.d / 2)] if self.d < 2 else []

    def _pdf(self, x: Array) -> Array:
        d = self.d
        size, (edge, more) = np.abs(x), self._edge
        inside = ((edge - size) + more) * (edge + size)
        with np.errstate(divide="ignore", invalid="ignore"):  # d = 2: the arcsine law
            if d == 2:
                return np.where(inside > 0, 1 / (np.pi * np.sqrt(np.maximum(inside, 0))), inf)
            return np.where(
                inside > 0, d * np.sqrt(np.maximum(inside, 0)) / (2 * np.pi * ((d - size) * (d + size))), 0.0
            )

    def _upper(self, x: Array) -> Array:
        """The mass above x >= 0."""
        return np.asarray(self._square.sf(np.minimum((x / self.d) ** 2, 1.0)) / 2)

    def _cdf(self, x: Array) -> Array:
        atom = max(0.0, 1 - self.d / 2)
        left = self._upper(np.abs(x)) + np.where(x == -self.d, atom, 0.0)
        return np.where(x < 0, left, 0.5 + self._square.cdf(np.minimum((x / self.d) ** 2, 1.0)) / 2)

    def _sf(self, x: Array) -> Array:
        atom = max(0.0, 1 - self.d / 2)
        right = 0.5 + self._square.cdf(np.minimum((x / self.d) ** 2, 1.0)) / 2 - np.where(x == -self.d, atom, 0.0)
        return np.where(x < 0, right, self._upper(np.abs(x)))

    def _expect(self, function: Callable[[Array], Any]) -> Any:
        d = self.d
        right = self._square.expect(lambda y: function(d * np.sqrt(y)))
        left = self._square.expect(lambda y: function(-d * np.sqrt(y)))  # apart: the sum of both may be rounding alone
        return (left + right) / 2

    def _moment(self, k: int) -> float:
        # Closed walks of length 2 n on the d-regular tree, by the number j of visits to the root.
        if k % 2:
            return 0.0
        n, d = k // 2, self.d
        return fsum(comb(2 * n - j, n) * j / (2 * n - j) * d**j * (d - 1) ** (n - j) for j in range(1, n + 1))

    def var(self) -> np.float64:
        """The variance."""
        return np.float64(self.d)

    def _stieltjes(self, z: NDArray[np.complex128]) -> NDArray[np.complex128]:
        d = self.d
        z = np.asarray(z + 0j)  # -0.0 in the imaginary part is the lower half plane to a square root
        line, square = (d - 2) * z, d * root(z, (-self._edge[0], -self._edge[1]), self._edge)
        plus, minus = line + square, line - square
        # -G = -2 (d - 1) / plus = minus / (2 (z^2 - d^2)): whichever does not cancel.
        with np.errstate(divide="ignore", invalid="ignore"):
            m: NDArray[np.complex128] = np.where(
                np.abs(plus) >= np.abs(minus), -2 * (d - 1) / plus, -minus / (2 * ((d - z) * (d + z)))
            )
        m[~np.isfinite(m) & (np.abs(z) == d)] = inf
        return m

    def _stieltjes_derivative(self, z: NDArray[np.complex128]) -> NDArray[np.complex128]:
        d, m = self.d, self._stieltjes(z)
        # m = -2 (d - 1) / ((d - 2) z + d root), and the slope of root is z / root.
        z = np.asarray(z + 0j)
        square = root(z, (-self._edge[0], -self._edge[1]), self._edge)
        with np.errstate(divide="ignore", invalid="ignore"):
            out: NDArray[np.complex128] = m * m * ((d - 2) + d * (z / square)) / (2 * (d - 1))
        out[np.isinf(m) | (square == 0)] = inf
        return out

    def _r_transform(self, w: Array) -> Array:
        return np.asarray(self.d * (w / (0.5 + np.hypot(0.5, w))))
