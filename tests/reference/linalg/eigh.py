import numpy as np


def eigvalsh(a, sweeps=60):
    """Cyclic Jacobi: rotate pairs of coordinates until the matrix is diagonal."""
    h = np.array(a, dtype=float)
    n = len(h)
    for _ in range(sweeps):
        for i in range(n):
            for j in range(i):
                angle = 0.5 * np.arctan2(2 * h[i, j], h[i, i] - h[j, j])
                rotation = np.eye(n)
                rotation[[i, j], [i, j]] = np.cos(angle)
                rotation[i, j], rotation[j, i] = -np.sin(angle), np.sin(angle)
                h = rotation.T @ h @ rotation
        if np.abs(h - np.diag(np.diag(h))).max() < 1e-16 * np.abs(h).max():
            break
    return np.sort(np.diag(h))
