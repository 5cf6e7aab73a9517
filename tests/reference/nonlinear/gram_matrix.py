"""Y Y^T / m and Y^T Y / m as they are written, Y = f(scale W X), from the streams that the kernel draws."""

import numpy as np

from deeprmt._core.random import normals


def factors(key, sample, n0, n1, m):
    w, x = np.empty(n1 * n0), np.empty(m * n0)
    normals(key, sample, 0, 0, w)
    normals(key, sample, 1, 0, x)
    return w.reshape(n1, n0), x.reshape(m, n0).T


def gram_matrix(key, sample, n0, n1, m, scale, samples, f):
    w, x = factors(key, sample, n0, n1, m)
    rows, columns = (n1, m)
    y = [[float(f(scale * sum(w[i, k] * x[k, j] for k in range(n0)))) for j in range(columns)] for i in range(rows)]
    y = np.array(y)
    return (y.T @ y if samples else y @ y.T) / m
