import numpy as np


def qr(a):
    """Thin QR, one Householder reflector at a time."""
    r = np.array(a, dtype=float)
    m, n = r.shape
    q = np.eye(m)
    for k in range(n):
        v = r[k:, k].copy()
        v[0] += np.copysign(np.linalg.norm(v), v[0])
        norm = np.linalg.norm(v)
        if norm == 0:
            continue
        v /= norm
        r[k:] -= 2 * np.outer(v, v @ r[k:])
        q[:, k:] -= 2 * np.outer(q[:, k:] @ v, v)
    return q[:, :n], np.triu(r[:n])
