"""The gaps of a product of Marchenko-Pastur laws, in closed form but for one root each."""

from __future__ import annotations

import math

import numpy as np
from scipy.optimize import brentq

from ._gap import Gap
from ._solver import Equations

__all__ = ["gaps_of_explicit"]


def gaps_of_explicit(equations: Equations) -> list[Gap]:
    """Of a product of Marchenko-Pastur laws: dP/dc = 1 - sum t v, v = a y (1 + y) / (1 + a y), is monotone."""
    a, s2 = (np.array([numbers[k] for *_, numbers in equations.explicit]) for k in (0, 1))
    t = np.array([power for _, power, _ in equations.explicit])
    order = np.argsort(-a)
    a, s2, t = a[order], s2[order], t[order]
    key = (0,) * a.size

    def x(y: float, one: float) -> float:
        # (1 - a) + a * one is 1 + a y, whose digits high powers need where y is small
        factors = np.log(s2) + (np.log1p(a * y) if y > 0 else np.log(np.abs((1 - a) + a * one)))
        return math.exp(t @ factors + math.log(abs(one / y)))

    def slope(y: float, one: float) -> float:
        return 1 - float(t @ (a * y * one / ((1 - a) + a * one)))

    top = 1.0
    while slope(top, 1 + top) > 0:
        top *= 2
    y = brentq(lambda y: slope(y, 1 + y), 0.0, top, xtol=1e-300, rtol=1e-14)
    out = [Gap(x(y, 1 + y), math.inf, 0.0, key)]
    if a[0] < 1:  # y = -1 - s, as far as 1 + a y is above 0; in u, for which differences from 1 keep their digits

        def lower(u: float) -> tuple[float, float]:
            s = float((1 - a[0]) / a[0] * u)
            factors = (1 - a) - a * s
            factors[0] = (1 - a[0]) * (1 - u)
            place = float(np.exp(t @ np.log(s2 * factors))) * s / (1 + s)
            return max(1 - float(t @ (a * (1 + s) * s / factors)), -1e300), place

        u = brentq(lambda u: lower(u)[0], 0.0, 1 - 1e-12, xtol=1e-300, rtol=1e-14)
        out.insert(0, Gap(0.0, lower(u)[1], 1.0, key))
    elif a[0] > 1 and t[0] == 1:  # an atom at 0, and a gap next to it
        # y = -(1 / a_0 + width s) between the two largest poles, or -1; differences keep their digits in s.
        top = max(1.0, float(a[1:2].max(initial=1.0)))
        width = (a[0] - top) / a[0] / top
        if width > 0:

            def between(s: float) -> tuple[float, float]:
                factors = (top - a) / top + a * width * (1 - s)
                factors[0] = -a[0] * width * s
                y, one = -(1 / a[0] + width * s), (top - 1) / top + width * (1 - s)
                place = float(np.exp(t @ np.log(s2 * np.abs(factors)))) * abs(one / y)
                return 1 - float(t @ (a * y * one / factors)), place

            s = brentq(lambda s: between(s)[0], 1e-15, 1 - 1e-15, xtol=1e-300, rtol=1e-14)
            out.insert(0, Gap(0.0, between(s)[1], float(1 / a[0]), key))
    return out
