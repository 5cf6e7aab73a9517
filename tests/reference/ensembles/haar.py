import numpy as np

from reference.core.random import normals


def haar(key, sample, n, k, part=0):
    """Reflectors of Gaussian directions of length n, n - 1, ..., multiplied out one at a time; signs of R last."""
    q = np.eye(n)
    signs = []
    for r in range(k):
        x = np.array([normals(key, sample, part, r * n + i) for i in range(n - r)])
        if len(x) == 1:
            signs.append(np.sign(x[0]))
            continue
        beta = -np.sign(x[0]) * np.linalg.norm(x)
        v = x.copy()
        v[0] -= beta
        q[:, r:] -= np.outer(q[:, r:] @ v, 2 * v / (v @ v))
        signs.append(np.sign(beta))
    return q[:, :k] * np.array(signs)


def haar_by_qr(key, sample, n, k):
    g = np.array([[normals(key, sample, 0, i * k + j) for j in range(k)] for i in range(n)])
    q, r = np.linalg.qr(g)
    return q * np.sign(np.diag(r))
