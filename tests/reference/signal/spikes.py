"""Outliers of signal + noise from the determinant that fixes them, in plain steps."""

import math

from deeprmt.laws import MarchenkoPastur


def value_of(t, beta):
    """The y > 1 + sqrt(beta) at which y^2 m(y^2) v(y^2) = 1 / t, by bisection.

    m is the Stieltjes transform of the Marchenko-Pastur law, v that of the longer side. All in units of the noise.
    """
    law = MarchenkoPastur(beta)

    def product(y):
        m = float(law.stieltjes(y * y).real)
        return y * y * m * (beta * m - (1 - beta) / (y * y))

    low, high = 1 + math.sqrt(beta), 10 + 10 * math.sqrt(t)
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if product(middle) > 1 / t else (low, middle)
    return low


def overlaps_of(t, beta):
    """From the residue of the resolvent at that point, the slope by differences."""
    y, step = value_of(t, beta), 1e-5
    law = MarchenkoPastur(beta)

    def forms(y):
        m = float(law.stieltjes(y * y).real)
        return -y * m, -y * (beta * m - (1 - beta) / (y * y))

    (a, b), (a_up, b_up), (a_down, b_down) = forms(y), forms(y + step), forms(y - step)
    slope = (a_up * b_up - a_down * b_down) / (2 * step)
    return -2 * a / (t * slope), -2 * b / (t * slope)
