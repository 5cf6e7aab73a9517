from fractions import Fraction
from itertools import pairwise


def counts(levels, length):
    """[(gap, number)]: how long each number of levels in a window lasts, in exact arithmetic; windows inside."""
    x = [Fraction(v) for v in levels]
    length = Fraction(length)
    last = x[-1] - length
    events = sorted({x[0], last, *(v for v in x if v <= last), *(v - length for v in x if x[0] <= v - length <= last)})
    out = []
    for a, b in pairwise(events):
        middle = (a + b) / 2
        out.append((b - a, sum(middle <= v <= middle + length for v in x)))
    return out


def number_variance(levels, length):
    """(mean, variance) over all positions."""
    parts = counts(levels, length)
    total = sum(gap for gap, _ in parts)
    mean = sum(gap * number for gap, number in parts) / total
    return float(mean), float(sum(gap * (number - mean) ** 2 for gap, number in parts) / total)
