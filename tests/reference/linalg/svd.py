import numpy as np


def svdvals(a, sweeps=60):
    """One-sided Jacobi (Hestenes): rotate pairs of columns until all are orthogonal."""
    w = np.array(a, dtype=float)
    w = w if w.shape[0] >= w.shape[1] else w.T
    w = w.copy()
    for _ in range(sweeps):
        rotated = False
        for i in range(w.shape[1]):
            for j in range(i):
                x, y, z = w[:, i] @ w[:, i], w[:, j] @ w[:, j], w[:, i] @ w[:, j]
                if abs(z) <= 1e-16 * np.sqrt(x) * np.sqrt(y):
                    continue
                rotated = True
                angle = 0.5 * np.arctan2(2 * z, x - y)
                c, s = np.cos(angle), np.sin(angle)
                w[:, [i, j]] = np.stack([c * w[:, i] + s * w[:, j], c * w[:, j] - s * w[:, i]], axis=1)
        if not rotated:
            break
    return np.sort(np.linalg.norm(w, axis=0))[::-1]
