"""Exact laws of the eigenvalues exp(i theta) of Haar matrices at finite size, which are determinantal.

Katz & Sarnak, Random Matrices, Frobenius Eigenvalues, and Monodromy (1999), section 5; Mehta, Random Matrices, 11.
"""

import numpy as np


def functions(n, determinant):
    """Of O(n) with that determinant: functions of theta, orthonormal on (0, pi), that span the kernel of its pairs.

    Beside the pairs exp(+-i theta) there are eigenvalues at 1 and -1 where the determinant and the parity of n ask.
    """
    if n % 2 == 0 and determinant > 0:
        return lambda t: [np.full_like(t, 1 / np.sqrt(np.pi))] + [cosine(j, t) for j in range(1, n // 2)]
    if n % 2 == 0:
        return lambda t: [sine(j, t) for j in range(1, n // 2)]
    wave = sine if determinant > 0 else cosine
    return lambda t: [wave(j - 0.5, t) for j in range(1, n // 2 + 1)]


def cosine(j, t):
    return np.sqrt(2 / np.pi) * np.cos(j * t)


def sine(j, t):
    return np.sqrt(2 / np.pi) * np.sin(j * t)


def gram(phi, low, high):
    """Integrals of products of the functions over (low, high); 200 nodes are exact to rounding for what is used."""
    x, w = np.polynomial.legendre.leggauss(200)
    values = np.array(phi((low + high) / 2 + (high - low) / 2 * x))
    return (values * w) @ values.T * (high - low) / 2


def expected_count(phi, low, high):
    return np.trace(gram(phi, low, high))


def gap(phi, low, high):
    """The probability that no angle lies in (low, high)."""
    m = gram(phi, low, high)
    return np.linalg.det(np.eye(len(m)) - m)


def unitary_gap(n, length):
    """The probability that U(n) has no angle in an arc: a Toeplitz determinant."""
    k = np.subtract.outer(np.arange(n), np.arange(n)).astype(float)
    with np.errstate(invalid="ignore", divide="ignore"):
        m = np.where(k == 0, length / (2 * np.pi), np.sin(k * length / 2) / (np.pi * k))
    return np.linalg.det(np.eye(n) - m)


def unitary_spacing_above(n, length, step=1e-4):
    """The probability that neighbours of U(n) lie further apart: -(2 pi / n) d/ds of the gap probability."""
    slope = (unitary_gap(n, length + step) - unitary_gap(n, length - step)) / (2 * step)
    return -2 * np.pi / n * slope


def unitary_count_variance(n, length, terms=200_000):
    """Of the number of angles in an arc: sum of |f_k|^2 min(|k|, n), f its indicator (Diaconis & Evans, 2001)."""
    k = np.arange(1, terms)
    return 2 * np.sum((np.sin(k * length / 2) / (np.pi * k)) ** 2 * np.minimum(k, n)) + 2 * n * tail(terms)


def tail(terms):
    """Mean of sin^2 is 1/2: what the sum leaves."""
    return 1 / (2 * np.pi**2 * terms)
