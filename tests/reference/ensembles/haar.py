import numpy as np

from reference.core.random import normals


def gaussians(key, sample, part, start, count, field):
    """Entries of the stream; a complex one is two of them."""
    parts = 1 if field == "real" else 2
    x = np.array([normals(key, sample, part, parts * start + i) for i in range(parts * count)])
    return x if field == "real" else x[::2] + 1j * x[1::2]


def haar(key, sample, n, k, part=0, field="real"):
    """Reflectors of Gaussian directions of length n, n - 1, ..., multiplied out one at a time; phases of R last."""
    q = np.eye(n, dtype=float if field == "real" else complex)
    phases = []
    for r in range(k):
        x = gaussians(key, sample, part, r * n, n - r, field)
        if len(x) == 1:
            phases.append(x[0] / abs(x[0]))
            continue
        beta = -x[0] / abs(x[0]) * np.linalg.norm(x)
        v = x.copy()
        v[0] -= beta
        q[:, r:] -= np.outer(q[:, r:] @ v, 2 * v.conj() / np.vdot(v, v))
        phases.append(beta / abs(beta))
    return q[:, :k] * np.array(phases)


def haar_by_qr(key, sample, n, k, field="real"):
    g = gaussians(key, sample, 0, 0, n * k, field).reshape(n, k)
    q, r = np.linalg.qr(g)
    return q * (np.diag(r) / np.abs(np.diag(r)))
