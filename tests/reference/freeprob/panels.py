import numpy as np


def transforms(low, high, series, w, order=400):
    """int p(x) dx / (w - x), its derivative and int p(x) log(w - x) dx, panel by panel with many nodes of Gauss."""
    t, weight = np.polynomial.legendre.leggauss(order)
    value = slope = potential = 0
    for a, b, c in zip(low, high, series, strict=True):
        x, mass = (a + b) / 2 + (b - a) / 2 * t, (b - a) / 2 * weight * np.polynomial.chebyshev.chebval(t, c)
        value += (mass / (w - x)).sum()
        slope -= (mass / (w - x) ** 2).sum()
        potential += (mass * np.log(w - x)).sum()
    return value, slope, potential
