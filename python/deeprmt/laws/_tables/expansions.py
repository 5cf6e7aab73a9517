"""Expansions of the determinants, and of the laws that they make, for large arguments.

Left tails at the edge of the spectrum and right tails in the bulk come from the differential equations that the
logarithms of the determinants satisfy: Painleve II (Tracy and Widom, hep-th/9211141; the solution of Hastings and
McLeod) and the sigma form of Painleve V (Jimbo, Miwa, Mori, Sato, Physica D 1, 80, 1980). The constants of integration
are those of Baik, Buckingham, DiFranco, arXiv:0704.3636, and of Ehrhardt, math/0605003. Right tails at the edge are
first traces of the kernels, which the expansion of the Airy function gives: what is left out is smaller by
exp(-(4/3) s^(3/2)) or so.

A series is a list of mpmath numbers, the coefficients of 1, t, t^2, ... with t = 1 / u.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import mpmath as mp

__all__ = ["Tail", "airy_left", "bulk_right", "edge_left", "edge_right", "sine_right"]

Series = list[Any]
TERMS = 60
"""More than are of use anywhere: the series diverge, and each is cut where its terms are least."""


def multiply(a: Series, b: Series) -> Series:
    """The product, to the shorter order."""
    return [mp.fsum(a[i] * b[k - i] for i in range(k + 1)) for k in range(min(len(a), len(b)))]


def logarithm(a: Series) -> Series:
    """log a for a_0 > 0, from a' = (log a)' a."""
    out = [mp.log(a[0])]
    for k in range(1, len(a)):
        out.append((a[k] - mp.fsum(j * out[j] * a[k - j] for j in range(1, k)) / k) / a[0])
    return out


def square_root(a: Series) -> Series:
    """The root of a series with a_0 > 0."""
    out = [mp.sqrt(a[0])]
    for k in range(1, len(a)):
        out.append((a[k] - mp.fsum(out[j] * out[k - j] for j in range(1, k))) / (2 * out[0]))
    return out


def value(a: Series, t: Any) -> Any:
    """The sum at t."""
    out = mp.mpf(0)
    for each in reversed(a):
        out = out * t + each
    return out


def shifted(a: Series, places: int) -> Series:
    """The series times t^places, to the same order."""
    return [*[mp.mpf(0)] * places, *a[: len(a) - places]]


@dataclass(frozen=True)
class Tail:
    """The logarithm of a function of u: square u^2 + linear u + power log u + sum_k series_k u^-k."""

    square: Any
    linear: Any
    power: Any
    series: Series

    def combine(self, a: Any, other: Tail, b: Any) -> Tail:
        """a times this logarithm and b times the other."""
        series = [a * x + b * y for x, y in zip(self.series, other.series, strict=True)]
        return Tail(
            a * self.square + b * other.square,
            a * self.linear + b * other.linear,
            a * self.power + b * other.power,
            series,
        )

    def times(self, power: Any, factor: Series) -> Tail:
        """The function times u^power and a series that is positive at t = 0."""
        series = [x + y for x, y in zip(self.series, logarithm(factor), strict=True)]
        return Tail(self.square, self.linear, self.power + power, series)

    def slope(self) -> Series:
        """d/du of the logarithm, over u."""
        out = [2 * self.square, self.linear, self.power]
        out += [-k * self.series[k] for k in range(1, TERMS - 2)]
        return out

    def curvature(self) -> Series:
        """d^2/du^2 of the logarithm."""
        out = [2 * self.square, mp.mpf(0), -self.power]
        out += [k * (k + 1) * self.series[k] for k in range(1, TERMS - 2)]
        return out

    def derivatives(self, u: Any) -> tuple[Any, Any, Any]:
        """The logarithm and its first two derivatives at u."""
        t, terms = 1 / mp.mpf(u), len(self.cut(u)) + 2
        first = u * value(self.slope()[:terms], t)
        return self(u), first, value(self.curvature()[:terms], t)

    def cut(self, u: Any) -> Series:
        """The terms of use from u on: up to the least one, or to where they are lost beside one another."""
        sizes = [abs(each) / mp.mpf(u) ** k for k, each in enumerate(self.series)]
        last = 1
        for k in range(1, TERMS - 4):  # the last ones suffer from the end of the factors
            if sizes[k] == 0:
                continue
            if sizes[k] > min(size for size in sizes[1 : k + 1] if size > 0) * 4:
                break
            last = k
            if sizes[k] < mp.mpf(10) ** -40:
                break
        return self.series[: last + 1]

    def __call__(self, u: Any) -> Any:
        """The logarithm at u."""
        t = 1 / mp.mpf(u)
        return self.square * u * u + self.linear * u + self.power * mp.log(u) + value(self.cut(u), t)


def _padded(even: Callable[[int], Any], first: int, step: int) -> Series:
    """even(k) at t^(first + step k), k = 0, 1, ..., zeros elsewhere."""
    out = [mp.mpf(0)] * TERMS
    for k, place in enumerate(range(first, TERMS, step)):
        out[place] = even(k)
    return out


def airy_left() -> tuple[Tail, Tail]:
    """log det(1 - V) and log det(1 + V) of `determinants.airy` at s = -u^(2/3)."""
    # q = sqrt(x / 2) sum_k a_k x^(-3 k) with x = -s solves q'' = s q + 2 q^3.
    a = [mp.mpf(1)]
    while len(a) < TERMS:
        m = len(a)
        known = [*a, mp.mpf(0)]
        cube = multiply(multiply(known, known), known)[m]
        a.append(((9 * mp.mpf(m - 1) ** 2 - mp.mpf(1) / 4) * a[-1] - cube) / 2)
    b = multiply(a, a)
    zeta = mp.zeta(-1, derivative=1)
    # (log F_2)'' = -q^2, and log det(1 + V) / det(1 - V) is the integral of q from s to infinity.
    both = _padded(lambda k: -b[k + 1] / 2 / ((-1 - 3 * k) * (-3 * k)) if k else mp.log(2) / 24 + zeta, 0, 2)
    ratio = _padded(lambda k: a[k + 1] / mp.sqrt(2) / (-mp.mpf(3) / 2 - 3 * k), 1, 2)
    ratio[0] = mp.log(2) / 2
    sum_ = Tail(-mp.mpf(1) / 12, mp.mpf(0), -mp.mpf(1) / 12, both)
    difference = Tail(mp.mpf(0), mp.sqrt(2) / 3, mp.mpf(0), ratio)
    half = mp.mpf(1) / 2
    return sum_.combine(half, difference, -half), sum_.combine(half, difference, half)


def sine_right() -> tuple[Tail, Tail]:
    """The logarithms of the even and of the odd determinant of `determinants.sine` at s = u."""
    # sigma(t) = sum_k c_k t^(2 - 2 k) solves (t sigma'')^2 + 4 v (v + sigma'^2) = 0 with v = t sigma' - sigma.
    c = [-mp.mpf(1) / 4, -mp.mpf(1) / 4]
    while len(c) < TERMS:
        known = [*c, mp.mpf(0)]
        exponents = [2 - 2 * k for k in range(len(known))]
        first = [e * x for e, x in zip(exponents, known, strict=True)]  # sigma', at t^(1 - 2 k)
        second = [e * (e - 1) * x for e, x in zip(exponents, known, strict=True)]  # t sigma'', at t^(1 - 2 k)
        v = [(e - 1) * x for e, x in zip(exponents, known, strict=True)]  # at t^(2 - 2 k)
        sum_ = [x + y for x, y in zip(v, multiply(first, first), strict=True)]  # at t^(2 - 2 k), the first is 0
        product = multiply(v, sum_)  # at t^(4 - 2 k)
        # The new c_m stands in the sum as -c_m, and so in the product as c_m / 4, at t^(4 - 2 m).
        m = len(c)
        c.append(-(multiply(second, second)[m - 1] + 4 * product[m]))
    zeta = mp.zeta(-1, derivative=1)
    # log D = integral of sigma / t; log of odd over even determinant: the integral of sqrt(-(log D)''). Here t = pi s.
    pi = mp.pi
    even = _padded(lambda k: c[k + 1] / (-2 * k) / pi ** (2 * k) if k else mp.mpf(0), 0, 2)
    even[0] = mp.log(2) / 12 + 3 * zeta - mp.log(pi / 2) / 4
    sum_tail = Tail(-(pi**2) / 8, mp.mpf(0), -mp.mpf(1) / 4, even)
    root = square_root([-(1 - 2 * k) * c[k] for k in range(TERMS)])  # at t^(-2 k)
    odd = _padded(lambda k: root[k + 1] / (-1 - 2 * k) / pi ** (2 * k + 1), 1, 2)
    odd[0] = -mp.log(2) / 2
    difference = Tail(mp.mpf(0), pi / 2, mp.mpf(0), odd)
    half = mp.mpf(1) / 2
    return sum_tail.combine(half, difference, -half), sum_tail.combine(half, difference, half)


def edge_left() -> dict[str, Tail]:
    """Distribution function and density of the largest eigenvalue for beta 1, 2, 4 at s = -u^(2/3).

    For beta 4 in the variable of `determinants.airy`, sqrt 2 times that of the law, and without det(1 - V), which is
    smaller than det(1 + V) by exp(-0.47 u).
    """
    minus, plus = airy_left()
    out = {"cdf1": minus, "cdf2": minus.combine(1, plus, 1), "cdf4": plus.times(0, _constant(mp.mpf(1) / 2))}
    for beta, scale in (("1", mp.mpf(1)), ("2", mp.mpf(1)), ("4", mp.sqrt(2))):
        cdf = out["cdf" + beta]
        # d log F / ds = -(3/2) u^(1/3) d log F / du
        out["pdf" + beta] = cdf.times(mp.mpf(4) / 3, [-scale * 3 / 2 * each for each in cdf.slope()])
    return out


def bulk_right() -> dict[str, Tail]:
    """Survival function and density over s^beta of the spacing for beta 1, 2, 4 at s = u.

    For beta 4 in the variable of `determinants.sine`, twice that of the law, and without the even determinant, which is
    smaller than the odd one by exp(-pi u / 2).
    """
    even, odd = sine_right()
    gaps = (even, even.combine(1, odd, 1), odd.times(0, _constant(mp.mpf(1) / 2)))
    out = {}
    for beta, gap, scale in zip((1, 2, 4), gaps, (mp.mpf(1), mp.mpf(1), mp.mpf(2)), strict=True):
        slope = gap.slope()
        second = [x + y for x, y in zip(multiply(slope, slope), shifted(gap.curvature(), 2), strict=True)]
        out[f"sf{beta}"] = gap.times(1, [-scale * each for each in slope])
        out[f"pdf{beta}"] = gap.times(2 - beta, [scale ** (2 + beta) * each for each in second])
    return out


def _constant(c: Any) -> Series:
    return [c, *[mp.mpf(0)] * (TERMS - 1)]


def _integrated(a: Series, rate: Any, power: Any) -> tuple[Series, Any]:
    """The integral from s to infinity of exp(-rate u) s^power a(1 / u), u = s^(3/2), in the same form."""
    below = power - mp.mpf(1) / 2
    out: Series = []
    for k, each in enumerate(a):
        # -d/ds of out_k exp(-rate u) s^(below - 3 k / 2)
        previous = (below - mp.mpf(3) / 2 * (k - 1)) * out[-1] if out else 0
        out.append((each + previous) / (mp.mpf(3) / 2 * rate))
    return out, below


def edge_right() -> dict[str, Tail]:
    """Survival function and density of the largest eigenvalue for beta 1, 2, 4 at s = u^(2/3).

    For beta 4 in the variable of `determinants.airy`, sqrt 2 times that of the law; the density is the law's.
    """
    u = [mp.mpf(1)]
    for k in range(1, TERMS):
        u.append(u[-1] * (6 * k - 5) * (6 * k - 1) / (72 * mp.mpf(k)))
    rate = mp.mpf(2) / 3
    airy = [(-1) ** k * each / rate**k / (2 * mp.sqrt(mp.pi)) for k, each in enumerate(u)]
    quarter = mp.mpf(1) / 4
    once, p = _integrated(airy, rate, -quarter)
    density, p2 = _integrated(multiply(airy, airy), 2 * rate, -2 * quarter)
    mass, p3 = _integrated(density, 2 * rate, p2)

    def tail(linear: Any, power: Any, series: Series) -> Tail:
        first = next(k for k, each in enumerate(series) if abs(each) > mp.mpf(10) ** -30)
        series = [*series[first:], *[mp.mpf(0)] * first]
        return Tail(mp.mpf(0), -linear, power * 2 / 3 - first, [mp.mpf(0)] * TERMS).times(0, series)

    half = mp.mpf(1) / 2
    four = [half * (x - y / 4) for x, y in zip(mass, multiply(once, once), strict=True)]
    four_density = [mp.sqrt(2) * half * (x - y / 2) for x, y in zip(density, multiply(once, airy), strict=True)]
    return {
        "sf1": tail(rate, p, [half * x for x in once]),
        "pdf1": tail(rate, -quarter, [half * x for x in airy]),
        "sf2": tail(2 * rate, p3, mass),
        "pdf2": tail(2 * rate, p2, density),
        "sf4": tail(2 * rate, p3, four),
        "pdf4": tail(2 * rate, p2, four_density),
    }
