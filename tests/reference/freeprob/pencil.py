"""G(z) of a pencil in free variables with discrete laws: the plain iteration of Belinschi, Mai and Speicher."""

import numpy as np


def green(constant, coefficients, laws, z, eta=0.0, steps=100000):
    """((E (diag(z, 0, ..) + i eta - constant - sum b_i x_i)^{-1})_11 by subordination in full matrices.

    laws: (locations, masses) of each variable. No ranks, no eigenvectors, no Newton steps, no continuation.
    """
    d = len(constant)
    b = np.diag([z, *[0] * (d - 1)]) + 1j * eta * np.eye(d) - constant

    def cauchy(i, w):
        return sum(m * np.linalg.inv(w - t * coefficients[i]) for t, m in zip(*laws[i], strict=True))

    def h(i, w):
        return np.linalg.inv(cauchy(i, w)) - w

    # omega_i = b + the sum of h_j(omega_j) over the others; start well inside the upper half-plane
    omega = [b + 1j * np.eye(d) for _ in laws]
    for _ in range(steps):
        values = [h(i, w) for i, w in enumerate(omega)]
        new = [b + sum((v for j, v in enumerate(values) if j != i), np.zeros((d, d))) for i in range(len(laws))]
        change = max(np.abs(a - c).max() for a, c in zip(new, omega, strict=True))
        omega = [(a + c) / 2 for a, c in zip(new, omega, strict=True)]
        if change < 1e-14:
            break
    return cauchy(0, omega[0])[0, 0]


def discretised(law, count):
    """Midpoints of equal masses."""
    return law.ppf((np.arange(count) + 0.5) / count), np.full(count, 1 / count)
