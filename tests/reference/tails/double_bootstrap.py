import numpy as np


def criterion(depth, indices):
    """Mean over rows of `indices` of (M2 - 2 M1^2)^2 for every k; depth is log(largest / value)."""
    total = 0
    for row in indices:
        logs = -np.sort(depth[row])
        each = [logs[:k] - logs[k] for k in range(1, len(row))]
        total = total + np.array([((e**2).mean() - 2 * e.mean() ** 2) ** 2 for e in each])
    return total / len(indices)
