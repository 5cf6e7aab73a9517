import cmath
import math


def atoms(at, mass):
    """G of a law of atoms."""
    return lambda w: sum(m / (w - a) for a, m in zip(at, mass, strict=True))


def semicircle(variance, mean=0.0):
    """G of a semicircle."""

    def g(w):
        w, r = w - mean, 2 * math.sqrt(variance)
        return (w - cmath.sqrt(w - r) * cmath.sqrt(w + r)) / (2 * variance)

    return g


def marchenko_pastur(aspect, s2):
    """G of the eigenvalues of X X^T / n, X of aspect n columns for each row, entries of variance s2."""

    def g(w):
        w = w / s2
        low, high = (1 - math.sqrt(aspect)) ** 2, (1 + math.sqrt(aspect)) ** 2
        return (w - 1 + aspect - cmath.sqrt(w - low) * cmath.sqrt(w - high)) / (2 * aspect * w) / s2

    return g


def subordination(product, laws, z, steps=600):
    """c and all p at one z above the axis, by iteration of the subordination equations; laws are (G, power)."""
    place = cmath.log(z) if product else z
    p = [place for _ in laws]
    c = p
    for _ in range(steps):
        if product:
            one = [cmath.exp(p_i) * g(cmath.exp(p_i)) for p_i, (g, _) in zip(p, laws, strict=True)]
            c = [cmath.log(each / (each - 1)) for each in one]
        else:
            c = [1 / g(p_i) for p_i, (g, _) in zip(p, laws, strict=True)]
        h = [c_i - p_i for c_i, p_i in zip(c, p, strict=True)]
        total = sum(t * h_i for h_i, (_, t) in zip(h, laws, strict=True))
        p = [(p_i + place + total - h_i) / 2 for p_i, h_i in zip(p, h, strict=True)]
    return sum(c) / len(c), p
