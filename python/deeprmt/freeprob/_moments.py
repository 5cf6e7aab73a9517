"""Moments of free sums and products from the factors' moments, in rational arithmetic.

The numbers that go in are doubles, taken as the fractions they are; nothing is rounded between.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from ..laws import Law

__all__ = ["divided_moments", "product_moments", "subtracted_moments", "sum_moments"]

Series = list[Fraction]


def _moments(law: Law, k: int) -> Series:
    """1, m_1, ..., m_k."""
    return [Fraction(1), *(Fraction(float(law.moment(j))) for j in range(1, k + 1))]


def _product(a: Series, b: Series) -> Series:
    """The product, as long as the shorter one."""
    n = min(len(a), len(b))
    return [sum((a[i] * b[j - i] for i in range(j + 1)), Fraction(0)) for j in range(n)]


def _power(a: Series, t: Fraction) -> Series:
    """a^t for a[0] = 1, by the recurrence of the logarithmic derivative."""
    out = [Fraction(1)]
    for i in range(1, len(a)):
        out.append(sum((((t + 1) * j - i) * a[j] * out[i - j] for j in range(1, i + 1)), Fraction(0)) / i)
    return out


def cumulants(moments: Series) -> Series:
    """0, kappa_1, ..., kappa_k: with A = sum m_j x^j, kappa_j = -[x^j] A^(1 - j) / (j - 1) for j > 1 (Lagrange)."""
    out = [Fraction(0)] * len(moments)
    if len(moments) > 1:
        out[1] = moments[1]
    for j in range(2, len(moments)):
        out[j] = -_power(moments[: j + 1], Fraction(1 - j))[j] / (j - 1)
    return out


def from_cumulants(kappa: Series) -> Series:
    """1, m_1, ..., m_k: with C = 1 + sum kappa_j x^j, m_j = [x^j] C^(j + 1) / (j + 1)."""
    c = [Fraction(1), *kappa[1:]]
    return [_power(c[: j + 1], Fraction(j + 1))[j] / (j + 1) for j in range(len(c))]


def sum_moments(parts: Sequence[tuple[Law, float]], k: int) -> Series:
    """The moments of a free sum: free cumulants add, and a power t multiplies them."""
    total = [Fraction(0)] * (k + 1)
    for law, t in parts:
        for j, kappa in enumerate(cumulants(_moments(law, k))):
            total[j] += Fraction(t) * kappa
    return from_cumulants(total)


def subtracted_moments(total: Law, part: Law, k: int) -> Series:
    """The moments of what is left of a free sum without a part: free cumulants subtract."""
    return from_cumulants(
        [a - b for a, b in zip(cumulants(_moments(total, k)), cumulants(_moments(part, k)), strict=True)]
    )


def divided_moments(total: Law, part: Law, k: int) -> Series:
    """The moments of what is left of a free product without a part: S-transforms divide."""
    return product_moments([(total, 1.0), (part, -1.0)], k)


def product_moments(parts: Sequence[tuple[Law, float]], k: int) -> Series:
    """The moments of a free product of laws with means above 0: S-transforms multiply, m_j = [y^(j-1)] ((1+y)/S)^j / j.

    With u = y / (m_1 (1 + ...)) the reversion of y = sum m_j u^j, 1 / S = m_1 (y / (m_1 u)) / (1 + y).
    """
    scale = 1.0
    inverse = [Fraction(1)] + [Fraction(0)] * (k - 1)  # of the product of the S, in units of the means
    one_plus = [Fraction(1), Fraction(1), *[Fraction(0)] * k][:k]
    for law, t in parts:
        m = _moments(law, k)
        scale *= float(m[1]) ** t
        scaled = [m[j] / m[1] ** j for j in range(1, k + 1)]  # y = v (1 + ...), v = m_1 u
        # v / y as a series in y: [y^j] (v/y) = [v^j] (y/v)^-(j+1) / (j + 1)
        ratio = [_power(scaled[: j + 1], Fraction(-(j + 1)))[j] / (j + 1) for j in range(k)]
        q = _product(_power(ratio, Fraction(-1)), _power(one_plus, Fraction(-1)))
        inverse = _product(inverse, _power(q, Fraction(t)))
    factor = _product(one_plus, inverse)
    size = Fraction(scale)
    return [Fraction(1)] + [_power(factor[:j], Fraction(j))[j - 1] / j * size**j for j in range(1, k + 1)]
