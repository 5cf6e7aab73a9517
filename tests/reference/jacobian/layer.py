import numpy as np

from reference.core.random import normals
from reference.ensembles.haar import haar


def layer(key, sample, index, kind, n_out, n_in, sigma_w, sigma_b):
    """Weights and biases of one layer, entry by entry."""
    part = 2 * index
    if kind == "gaussian":
        w = np.array([[normals(key, sample, part, i * n_in + j) for j in range(n_in)] for i in range(n_out)])
        w *= sigma_w / np.sqrt(n_in)
    elif n_out >= n_in:
        w = sigma_w * np.sqrt(n_out / n_in) * haar(key, sample, n_out, n_in, part)
    else:
        w = sigma_w * haar(key, sample, n_in, n_out, part).T
    return w, sigma_b * np.array([normals(key, sample, part + 1, i) for i in range(n_out)])
