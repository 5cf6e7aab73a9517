"""The tridiagonal and bidiagonal models as dense matrices; gamma variables by the method of Marsaglia and Tsang."""

import math

import numpy as np

from reference.core.random import normals, uniforms


def gamma(key, sample, part, index, shape):
    d = (shape + 1 if shape < 1 else shape) - 1 / 3
    attempt = 0
    while True:
        at = index + attempt * 2**40
        x, u = normals(key, sample, part, at), uniforms(key, sample, part + 1, at)
        v = (1 + x / math.sqrt(9 * d)) ** 3
        if v > 0 and math.log(u) < x * x / 2 + d * (1 - v + math.log(v)):
            break
        attempt += 1
    return d * v * (uniforms(key, sample, part + 2, index) ** (1 / shape) if shape < 1 else 1)


def chi(key, sample, part, index, degrees):
    return math.sqrt(2 * gamma(key, sample, part, index, degrees / 2))


def hermite(key, sample, n, beta):
    h = np.zeros((n, n))
    for i in range(n):
        h[i, i] = math.sqrt(2 / beta / n) * normals(key, sample, 0, i)
        if i + 1 < n:
            h[i, i + 1] = h[i + 1, i] = chi(key, sample, 1, i, beta * (n - 1 - i)) / math.sqrt(beta * n)
    return h


def laguerre(key, sample, n, p, beta):
    """B, of which B B^T has the eigenvalues."""
    b = np.zeros((p, p))
    for i in range(p):
        b[i, i] = chi(key, sample, 0, i, beta * (n - i)) / math.sqrt(beta * n)
        if i + 1 < p:
            b[i + 1, i] = chi(key, sample, 0, p + i, beta * (p - 1 - i)) / math.sqrt(beta * n)
    return b


def jacobi(key, sample, p, a, b, beta):
    """The upper bidiagonal matrix whose squared singular values are the eigenvalues."""

    def fraction(index, first, second):
        x, y = gamma(key, sample, 0, index, beta / 2 * first), gamma(key, sample, 0, index + 1, beta / 2 * second)
        return x / (x + y)

    square = [fraction(4 * i - 4, a + i, b + i) for i in range(1, p + 1)]
    square_prime = [fraction(4 * i - 2, i, a + b + 1 + i) for i in range(1, p + 1)]
    m = np.zeros((p, p))
    for row in range(p):
        i = p - row  # c_p stands first
        m[row, row] = math.sqrt(square[i - 1] * (1 if row == 0 else 1 - square_prime[i - 1]))
        if row:
            m[row - 1, row] = -math.sqrt((1 - square[i]) * square_prime[i - 1])
    return m
