"""Lanczos and Golub-Kahan in plain lists: take out every kept vector, twice."""

import math


def dot(x, y):
    return math.fsum(a * b for a, b in zip(x, y, strict=True))


def orthonormal(basis, w):
    """(what is left of w, normalised; the parts taken out, one a vector; its length)."""
    parts = [0.0] * len(basis)
    for _ in range(2):
        for i, v in enumerate(basis):
            c = dot(v, w)
            parts[i] += c
            w = [a - c * b for a, b in zip(w, v, strict=True)]
    length = math.sqrt(dot(w, w))
    return [a / length for a in w], parts, length


def lanczos(apply, x, steps):
    """Diagonal (steps) and off-diagonal (steps - 1) of the tridiagonal matrix that starts with the unit vector x."""
    basis, diagonal, off = [x], [], []
    for _ in range(steps - 1):
        v, parts, length = orthonormal(basis, apply(basis[-1]))
        diagonal.append(parts[-1])
        off.append(length)
        basis.append(v)
    return [*diagonal, dot(basis[-1], apply(basis[-1]))], off


def golub_kahan(apply, transposed, x, steps):
    """Diagonal (steps) and superdiagonal (steps - 1) of the upper bidiagonal matrix that starts with x."""
    right, left, diagonal, above = [x], [], [], []
    for j in range(steps):
        u, _, length = orthonormal(left, apply(right[-1]))
        left.append(u)
        diagonal.append(length)
        if j < steps - 1:
            v, _, length = orthonormal(right, transposed(u))
            right.append(v)
            above.append(length)
    return diagonal, above
