"""Fredholm determinants of the Airy kernels as the papers write them, by mpmath's matrices."""

from functools import cache

from mpmath import airyai, det, eye, log, mp, mpf, sqrt
from numpy.polynomial.legendre import leggauss


@cache
def rule(nodes, digits):
    """Gauss-Legendre on (0, 1): Newton's method from Legendre's recurrence."""
    with mp.workdps(digits):
        points, weights = [], []
        for guess in leggauss(nodes)[0]:
            x = mpf(float(guess))
            for _ in range(4 + digits // 40):
                p0, p1 = mpf(1), x
                for k in range(2, nodes + 1):
                    p0, p1 = p1, ((2 * k - 1) * x * p1 - (k - 1) * p0) / k
                slope = nodes * (x * p1 - p0) / (x * x - 1)
                x -= p1 / slope
            points.append((1 + x) / 2)
            weights.append(1 / ((1 - x * x) * slope**2))
        return points, weights


def determinant(kernel, low, high, nodes, digits):
    """det(1 - kernel) on (low, high)."""
    points, weights = rule(nodes, digits)
    x = [low + (high - low) * each for each in points]
    w = [sqrt((high - low) * each) for each in weights]
    matrix = eye(nodes)
    for i in range(nodes):
        for j in range(i + 1):
            matrix[i, j] -= w[i] * kernel(x[i], x[j]) * w[j]
            matrix[j, i] = matrix[i, j]
    return det(matrix)


def end(digits):
    """Where Ai is below 10^-digits."""
    return (mpf(3) / 2 * digits * log(10)) ** (mpf(2) / 3)


def cdf(beta, s, *, nodes=40, digits=40):
    """F_1 from Ai((x + y) / 2) / 2 on (s, inf), F_2 from the Airy kernel, F_4 from both."""
    with mp.workdps(digits):
        s = mpf(s)
        if beta == 1:
            return determinant(lambda x, y: airyai((x + y) / 2) / 2, s, 2 * end(digits) - s, nodes, digits)
        if beta == 4:
            one, two = (cdf(b, sqrt(mpf(2)) * s, nodes=nodes, digits=digits) for b in (1, 2))
            return (one + two / one) / 2
        value = cache(airyai)
        slope = cache(lambda x: airyai(x, derivative=1))

        def kernel(x, y):
            if x == y:
                return slope(x) ** 2 - x * value(x) ** 2
            return (value(x) * slope(y) - slope(x) * value(y)) / (x - y)

        return determinant(kernel, s, end(digits), nodes, digits)


def far(beta, s):
    """1 - F and its slope F' for s >= 16, by traces: the next terms are smaller by exp(-4/3 s^1.5) or so."""
    with mp.workdps(60 + int(s**1.5)):  # the integral of Ai is a difference of 1/3 and the integral from 0
        t = sqrt(mpf(2)) * s if beta == 4 else mpf(s)
        value, slope = airyai(t), airyai(t, derivative=1)
        # The trace of the Airy kernel on (t, inf), and that of its square root.
        twice = (2 * t * t * value**2 - 2 * t * slope**2 - value * slope) / 3
        twice_slope = slope**2 - t * value**2
        if beta == 2:
            return twice, twice_slope
        once, once_slope = (mpf(1) / 3 - airyai(t, derivative=-1)) / 2, value / 2
        if beta == 1:
            return once, once_slope
        return (twice - once**2) / 2, sqrt(mpf(2)) * (twice_slope / 2 - once * once_slope)
