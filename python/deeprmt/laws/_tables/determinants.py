"""Fredholm determinants to many digits, by Bornemann's method: Gauss-Legendre quadrature turns them into matrices.

Numbers are integers in units of 2^-bits: NumPy multiplies arrays of Python's integers many times faster than mpmath
multiplies its matrices, and the matrices here, 1 -+ V with |V| < 1, are positive definite and never grow.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import mpmath as mp
import numpy as np

__all__ = ["airy", "sine"]

Integers = Any
"""An array of Python integers, or one."""


def airy(s: Any, digits: int, nodes: int) -> tuple[Any, Any]:
    """det(1 - V) and det(1 + V) on (0, inf) for V(x, y) = Ai(x + y + s), with an error of about 10^-digits.

    The first is F_1(s), their product is F_2(s), their mean is F_4(s / sqrt 2): Ferrari and Spohn, J. Phys. A 38, L557
    (2005).
    """
    with mp.workdps(digits + 10):
        bits = mp.mp.prec
        # Ai(x) < 10^-digits from here on.
        end = (mp.mpf(3) / 2 * (digits + 5) * mp.log(10)) ** (mp.mpf(2) / 3)
        x, roots = _rule(nodes, bits)
        length = end - s
        scale = _fixed(length, bits)
        points = x * scale >> bits
        upper = np.triu_indices(nodes)
        arguments = points[upper[0]] + points[upper[1]] + _fixed(s, bits)
        values = np.zeros(arguments.shape, object)
        near = arguments < _fixed(end + 1, bits)
        values[near] = _airy_values(arguments[near], bits)
        weights = roots[upper[0]] * roots[upper[1]] >> bits
        kernel = _symmetric((values * weights >> bits) * scale >> bits, nodes)
        return _determinant(-kernel, bits), _determinant(kernel, bits)


def sine(s: Any, digits: int, nodes: int) -> tuple[Any, Any]:
    """det(1 - K) on even and on odd functions over an interval of length s, for the sine kernel of density 1.

    They are det(1 - S(x - y) -+ S(x + y)) on (0, s/2), with S(u) = sin(pi u) / (pi u).
    """
    with mp.workdps(digits + 10):
        bits = mp.mp.prec
        x, roots = _rule(nodes, bits)
        # With p = pi s x / 2: S(x - y) ds/2 = (sin p cos q - cos p sin q) / (pi (x - y)), and so on.
        angles = [mp.pi * s / 2 * mp.mpf(int(each)) / 2**bits for each in x]
        sines = np.array([_fixed(mp.sin(p), bits) for p in angles], object)
        cosines = np.array([_fixed(mp.cos(p), bits) for p in angles], object)
        pi = _fixed(mp.pi, bits)
        sc = np.multiply.outer(sines, cosines) >> bits
        minus = np.subtract.outer(x, x) * pi >> bits
        plus = np.add.outer(x, x) * pi >> bits
        np.fill_diagonal(minus, 1)
        difference = (sc - sc.T << bits) // minus
        np.fill_diagonal(difference, _fixed(mp.mpf(s) / 2, bits))
        total = (sc + sc.T << bits) // plus
        weights = np.multiply.outer(roots, roots) >> bits
        even, odd = (-((difference + sign * total) * weights >> bits) for sign in (1, -1))
        return _determinant(even, bits), _determinant(odd, bits)


def _fixed(x: Any, bits: int) -> int:
    return int(mp.nint(mp.ldexp(x, bits)))


def _symmetric(upper: Integers, n: int) -> Integers:
    out = np.zeros((n, n), object)
    rows, columns = np.triu_indices(n)
    out[rows, columns] = upper
    out[columns, rows] = upper
    return out


def _determinant(kernel: Integers, bits: int) -> Any:
    """det(1 + kernel) for a symmetric matrix with eigenvalues above -1, by elimination without pivots."""
    a = kernel.copy()
    n = len(a)
    a[np.arange(n), np.arange(n)] += 1 << bits
    out = mp.mpf(1)
    for k in range(n):
        pivot = a[k, k]
        if pivot <= 0:
            raise ArithmeticError(f"determinant: too few nodes or digits, pivot {k} of {n} is not positive")
        out *= mp.ldexp(mp.mpf(pivot), -bits)
        column = a[k + 1 :, k]
        a[k + 1 :, k + 1 :] -= np.multiply.outer((column << bits) // pivot, column) >> bits
    return out


@cache
def _rule(n: int, bits: int) -> tuple[Integers, Integers]:
    """Gauss-Legendre on (0, 1): the nodes and the square roots of the weights."""
    with mp.workprec(bits + 20):
        nodes, roots = [], []
        for guess in np.polynomial.legendre.leggauss(n)[0]:
            x = mp.mpf(float(guess))
            for _ in range(1 + int(mp.ceil(mp.log(bits / 40, 2)))):  # digits double from the 53 bits of the guess
                below, here = mp.mpf(1), x
                for k in range(2, n + 1):
                    below, here = here, ((2 * k - 1) * x * here - (k - 1) * below) / k
                slope = n * (x * here - below) / (x * x - 1)
                x -= here / slope
            below, here = mp.mpf(1), x
            for k in range(2, n + 1):
                below, here = here, ((2 * k - 1) * x * here - (k - 1) * below) / k
            slope = n * (x * here - below) / (x * x - 1)
            nodes.append(_fixed((1 + x) / 2, bits))
            roots.append(_fixed(mp.sqrt(1 / ((1 - x * x) * slope * slope)), bits))
        return np.array(nodes, object), np.array(roots, object)


def _airy_values(x: Integers, bits: int) -> Integers:
    """Ai by Taylor series around the nearest multiple of 1/2."""
    half = 1 << (bits - 1)
    index = (x + (half >> 1)) // half
    out = np.zeros(x.shape, object)
    for i in np.unique(index.astype(int)):
        here = index == i
        coefficients = _airy_series(int(i), bits)
        h = x[here] - int(i) * half
        value = np.zeros(h.shape, object)
        for c in reversed(coefficients):
            value = (value * h >> bits) + c
        out[here] = value
    return out


@cache
def _airy_series(index: int, bits: int) -> list[int]:
    """Taylor coefficients of Ai at index / 2: Ai'' = x Ai gives (k + 2)(k + 1) a_{k+2} = c a_k + a_{k-1}."""
    with mp.workprec(bits + 20):
        c = mp.mpf(index) / 2
        a = [mp.airyai(c), mp.airyai(c, derivative=1)]
        a.append(c * a[0] / 2)
        while abs(a[-1]) + abs(a[-2]) + abs(a[-3]) > mp.ldexp(1, 2 * (len(a) - 3) - bits):  # steps are at most 1/4
            k = len(a) - 2
            a.append((c * a[k] + a[k - 1]) / ((k + 2) * (k + 1)))
        return [_fixed(each, bits) for each in a]
