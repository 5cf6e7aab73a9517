from math import erfc, sqrt


def unfold_gaussian(levels, window):
    """One row of levels; every pair."""
    n = len(levels)
    out = [0.0] * n
    for k, centre in enumerate(levels):
        width = (levels[min(k + window, n - 1)] - levels[max(k - window, 0)]) / 2
        for i, x in enumerate(levels):
            if width > 0:
                out[i] += erfc(-(x - centre) / width / sqrt(2)) / 2
            else:
                out[i] += 1.0 if x > centre else 0.5 if x == centre else 0.0
    return out
