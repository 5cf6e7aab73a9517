"""The textbook formulas, with 40 digits."""

from mpmath import asin, mp, mpf, pi, sqrt

DIGITS = 40


def pdf(x, sigma=1):
    with mp.workdps(DIGITS):
        x, s = mpf(x), mpf(sigma)
        return sqrt(4 * s * s - x * x) / (2 * pi * s * s) if abs(x) < 2 * s else mpf(0)


def cdf(x, sigma=1):
    with mp.workdps(DIGITS):
        x, s = mpf(x), mpf(sigma)
        x = min(max(x, -2 * s), 2 * s)
        return mpf(1) / 2 + x * sqrt(4 * s * s - x * x) / (4 * pi * s * s) + asin(x / (2 * s)) / pi
