import numpy as np

from reference.linalg import rounds


def svdvals(a, sweeps=60):
    """One-sided Jacobi (Hestenes): rotate pairs of columns until all are orthogonal."""
    w = np.array(a, dtype=float)
    w = w if w.shape[0] >= w.shape[1] else w.T
    w = w.copy()
    rounding = 1e-16 * len(w)  # of a scalar product, relative to the lengths
    for _ in range(sweeps):
        rotated = False
        for i, j in rounds(w.shape[1]):
            p, q = w[:, i], w[:, j]
            x, y, z = (p * p).sum(axis=0), (q * q).sum(axis=0), (p * q).sum(axis=0)
            wrong = np.abs(z) > rounding * np.sqrt(x) * np.sqrt(y)
            rotated |= wrong.any()
            angle = np.where(wrong, 0.5 * np.arctan2(2 * z, x - y), 0)
            c, s = np.cos(angle), np.sin(angle)
            w[:, i], w[:, j] = c * p + s * q, c * q - s * p
        if not rotated:
            break
    return np.sort(np.linalg.norm(w, axis=0))[::-1]
