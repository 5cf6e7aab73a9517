from itertools import pairwise

import numpy as np


def of_window(levels, begin, length):
    """Delta_3 of one window by the formula over centred levels (Bohigas and Giannoni 1975)."""
    centre = begin + length / 2
    y = [v - centre for v in levels if begin <= v <= begin + length]
    n = len(y)
    s1, s2 = sum(y), sum(v * v for v in y)
    moment = sum((n - 2 * i - 1) * v for i, v in enumerate(y))
    return n * n / 16 - s1**2 / length**2 + 1.5 * n * s2 / length**2 - 3 * s2**2 / length**4 + moment / length


def rigidity(levels, length):
    """The mean over all positions: between two events a polynomial of degree 4, for which three nodes are exact."""
    first, last = levels[0], levels[-1] - length
    events = sorted(
        {first, last, *(v for v in levels if v <= last), *(v - length for v in levels if v - length >= first)}
    )
    node = 0.6**0.5
    total = 0.0
    for a, b in pairwise(events):
        mean = sum(
            w * of_window(levels, (a + b) / 2 + t * (b - a) / 2, length) for t, w in ((-node, 5), (0, 8), (node, 5))
        )
        total += (b - a) * mean / 18
    return total / (last - first)


def by_least_squares(levels, begin, length, cells=20000):
    """The definition, on a fine grid: squares of the distance of the staircase to its best line."""
    t = begin + (np.arange(cells) + 0.5) * (length / cells)
    staircase = np.searchsorted(levels, t, side="right")
    line = np.polynomial.Polynomial.fit(t, staircase, 1)
    return float(np.mean((staircase - line(t)) ** 2))
