import numpy as np


def distance(tail, a, two_sided):
    """Of the law with exponent a + 1 from tail[0] on."""
    m = len(tail)
    fitted = 1 - np.exp(-a * (np.log(tail) - np.log(tail[0])))
    below = np.arange(m) / m
    if two_sided:
        return max((fitted - below).max(), (below + 1 / m - fitted).max())
    return np.abs(fitted - below).max()


def fit_power_law(values, two_sided=False):
    """Every distinct value but the largest as the lower end: (alpha, xmin, distance, size of the tail)."""
    x = np.sort(np.asarray(values, float))
    best = (np.inf,)
    for xmin in np.unique(x)[:-1]:
        tail = x[x >= xmin]
        a = len(tail) / (np.log(tail) - np.log(xmin)).sum()
        d = distance(tail, a, two_sided)
        if d < best[0]:
            best = (d, a + 1, xmin, len(tail))
    return best[1], best[2], best[0], best[3]
