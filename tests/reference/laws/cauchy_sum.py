"""The sum, term by term."""

from math import fsum, inf


def cauchy_sum(locations, masses, z, power):
    out = []
    for point in z:
        if any(x == point and p > 0 for x, p in zip(locations, masses, strict=True)):
            out.append(complex(inf, 0))
            continue
        terms = [p / (x - point) ** power for x, p in zip(locations, masses, strict=True)]
        out.append(complex(fsum(t.real for t in terms), fsum(t.imag for t in terms)))
    return out
