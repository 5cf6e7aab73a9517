import numpy as np

from reference.core.random import normals, normals32


def entry(key, sample, index, dtype):
    return (normals if dtype == np.float64 else normals32)(key, sample, 0, index)


def ginibre(key, sample, m, n, sigma, dtype=np.float64):
    return np.array([[sigma * entry(key, sample, i * n + j, dtype) for j in range(n)] for i in range(m)])


def goe(key, sample, n, dtype=np.float64):
    h = np.zeros((n, n))
    for i in range(n):
        for j in range(i, n):
            h[i, j] = h[j, i] = entry(key, sample, i * n + j, dtype) * np.sqrt((2 if i == j else 1) / n)
    return h


def gue(key, sample, n, dtype=np.float64):
    h = np.zeros((n, n), complex)
    for i in range(n):
        for j in range(i, n):
            real, imag = (entry(key, sample, 2 * (i * n + j) + part, dtype) for part in (0, 1))
            h[i, j] = real / np.sqrt(n) if i == j else (real + 1j * imag) / np.sqrt(2 * n)
            h[j, i] = np.conj(h[i, j])
    return h


def wishart(key, sample, m, n, dtype=np.float64):
    g = ginibre(key, sample, m, n, 1 / np.sqrt(n), dtype)
    return g @ g.T
