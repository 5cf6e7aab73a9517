"""WeightWatcher's metrics from their published definitions, one number after the other, slowly."""

import math

import numpy as np


def spectrum(w):
    """Squared singular values, ascending."""
    return np.sort(np.linalg.svd(np.asarray(w, float), compute_uv=False) ** 2)


def power_law(x):
    """alpha, xmin, distance and tail size of the best fit, every value but the largest a candidate."""
    best = None
    for xmin in x[:-1]:
        tail = [v for v in x if v >= xmin]
        n = len(tail)
        alpha = 1 + n / sum(math.log(v / xmin) for v in tail)
        distance = max(abs(1 - (v / xmin) ** (1 - alpha) - j / n) for j, v in enumerate(tail))
        if best is None or distance < best[2]:
            best = (alpha, xmin, distance, n)
    return best


def of_spectrum(x):
    alpha, xmin, distance, n = power_law(x)
    total, largest = sum(x), x[-1]
    shares = [v / total for v in x]
    return {
        "alpha": alpha,
        "xmin": xmin,
        "ks": distance,
        "n_tail": n,
        "alpha_weighted": alpha * math.log10(largest),
        "log_norm": math.log10(total),
        "log_spectral_norm": math.log10(largest),
        "log_alpha_norm": math.log10(sum(v**alpha for v in x)),
        "stable_rank": total / largest,
        "entropy": -sum(p * math.log(p) for p in shares) / math.log(len(x)),
        "detX": det_x(x),
    }


def det_x(x):
    mean, product = sum(x) / len(x), 1.0
    for count, v in enumerate(sorted(x, reverse=True), 1):
        product *= v / mean
        if product < 1:
            return count
    return len(x)


def jensen_shannon(p, q):
    """Of two arrays taken for probabilities: each and their mean are scaled to sum 1."""
    m = [(a + b) / 2 for a, b in zip(p, q, strict=True)]
    p, q, m = ([v / sum(each) for v in each] for each in (p, q, m))
    left, right = (sum(a * math.log(a / b) for a, b in zip(each, m, strict=True)) for each in (p, q))
    return math.sqrt((left + right) / 2)


def density_edge(x, aspect):
    """The upper edge of the law that WeightWatcher fits to a smoothed density: the best sigma of a fine grid."""
    n = len(x)
    grid = np.linspace(0, x[-1] + 0.5, 1000)
    density = np.array([sum(max(0.0, 1 - abs(g - v) / 0.1) for v in x) / (0.1 * n) for g in grid])
    grid, density = grid[density > 0.01], density[density > 0.01]
    top, best = math.sqrt(x[-1]) / (1 + math.sqrt(aspect)), None
    for sigma in np.linspace(0.7 * top, 1.2 * top, 2001):
        low, high = (sigma * (1 - math.sqrt(aspect))) ** 2, (sigma * (1 + math.sqrt(aspect))) ** 2
        if high > grid[-1] or high < grid[density.argmax()] or low > grid[density.argmax()]:
            continue
        law = np.array(
            [
                math.sqrt(max(0, (high - g) * (g - low))) / (2 * math.pi * sigma**2 * aspect * max(g, 1e-300))
                for g in grid
            ]
        )
        error = ((law - density) ** 2).sum()
        if best is None or error < best[0]:
            best = (error, high)
    return best[1]
