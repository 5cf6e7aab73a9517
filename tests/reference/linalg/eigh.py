import numpy as np

from reference.linalg import rounds


def eigvalsh(a, sweeps=60):
    """Cyclic Jacobi: rotate pairs of coordinates until the matrix is diagonal."""
    h = np.array(a, dtype=float)
    for _ in range(sweeps):
        for i, j in rounds(len(h)):
            angle = 0.5 * np.arctan2(2 * h[i, j], h[i, i] - h[j, j])
            c, s = np.cos(angle), np.sin(angle)
            for side in (h, h.T):
                p, q = side[:, i], side[:, j]
                side[:, i], side[:, j] = c * p + s * q, c * q - s * p
            h[i, j] = h[j, i] = 0  # what the rotation is for, but for rounding
        if np.abs(h - np.diag(np.diag(h))).max() < 1e-16 * np.abs(h).max():
            break
    return np.sort(np.diag(h))
