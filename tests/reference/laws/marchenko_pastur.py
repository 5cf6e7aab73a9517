"""The law by its definition: 30-digit quadrature of the density between exact edges."""

from mpmath import mp, mpf, pi, quad, sqrt

DIGITS = 30


def edges(c, sigma=1):
    c, s = mpf(c), mpf(sigma)
    return (s * (1 - sqrt(c))) ** 2, (s * (1 + sqrt(c))) ** 2


def pdf(x, c, sigma=1):
    with mp.workdps(DIGITS):
        low, high = edges(c, sigma)
        x = mpf(x)
        return sqrt((high - x) * (x - low)) / (2 * pi * mpf(sigma) ** 2 * c * x) if low < x < high else mpf(0)


def mass(a, b, c, sigma=1):
    """Of the continuous part between a and b; x = low + (high - low) sin^2 makes the integrand smooth."""
    with mp.workdps(DIGITS):
        low, high = edges(c, sigma)

        def angle(x):
            x = min(max(mpf(x), low), high)
            return mp.asin(sqrt((x - low) / (high - low)))

        def integrand(t):
            s2 = mp.sin(t) ** 2
            x = low + (high - low) * s2
            d = (high - low) ** 2 * 2 * s2 * mp.cos(t) ** 2
            return d / (2 * pi * mpf(sigma) ** 2 * c * x)

        lower, upper = angle(a), angle(b)
        return quad(integrand, mp.linspace(lower, upper, 5)) if upper > lower else mpf(0)


def cdf(x, c, sigma=1):
    atom = max(mpf(0), 1 - 1 / mpf(c))
    return atom + mass(0, x, c, sigma) if x >= 0 else mpf(0)


def sf(x, c, sigma=1):
    with mp.workdps(DIGITS):
        return mass(x, edges(c, sigma)[1], c, sigma)
