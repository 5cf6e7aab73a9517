"""Linear pencils of self-adjoint expressions.

A polynomial p = p_0 + p_1 + (words of two letters and more) has a Hankel matrix H: H[P, P'] is the coefficient of the
word P reversed(P') for non-empty P and P'. It is Hermitian, of finite rank r: H = F S F^*, S invertible.
The rows of F shift by matrices, F[P x_i] = F[P] A_i, so that the coefficient of a word is a product of these. With
u = sum_i F[x_i] x_i the pencil

    L = [[p_0 + p_1, u], [u^*, S^{-1} A - S^{-1}]],   S^{-1} A = sum_i S^{-1} A_i x_i,

has p = L_11 - L_12 L_22^{-1} L_21 and is the smallest of its kind: its size is 1 + r. And ((diag(z, 0) - L)^{-1})_11
is (z - p)^{-1}. Helton, Mai, Speicher (arXiv:1511.05330) call this a realisation.

Bases are made of one column after the other, those of the longest suffixes first: they have the shortest words. So
words of different lengths, whose resolvents differ by powers of z, stay apart as far as they can, and close to a
singularity nothing large cancels.

An inverse of e is a letter at first. Its coefficient matrix U S U^* then becomes a block -S_j L_e for each column of U.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._symbols import Expression, Inverse, Letter, Word

__all__ = ["Linearisation", "factored", "linearise", "signed_square_root"]

Matrix = NDArray[Any]

_ROUNDING = 1e-12
_MOST_PREFIXES = 2000


@dataclass(frozen=True)
class Linearisation:
    """The pencil constant + sum of coefficients[letter] * letter, all Hermitian; the expression is in the corner."""

    constant: Matrix
    coefficients: dict[Letter, Matrix]

    @property
    def size(self) -> int:
        """The number of rows."""
        return len(self.constant)


def signed_square_root(matrix: Matrix) -> tuple[Matrix, NDArray[np.float64]]:
    """U (n, r) and signs (r) with matrix = U diag(signs) U^*, r the rank up to rounding."""
    values, vectors = np.linalg.eigh(matrix)
    kept = np.abs(values) > _ROUNDING * np.abs(values).max(initial=0.0)
    return vectors[:, kept] * np.sqrt(np.abs(values[kept])), np.sign(values[kept])


def factored(matrix: Matrix) -> tuple[Matrix, Matrix]:
    """U (n, r) and an invertible Hermitian S (r, r) of entries up to 1: matrix = U S U^*, r the rank up to rounding.

    U are the columns from the last one on, made orthogonal; eigenvectors where that does not reveal the rank.
    """
    size = float(np.abs(matrix).max(initial=0.0))
    basis: list[Matrix] = []
    for column in matrix.T[::-1]:
        rest = column
        for _ in range(2):
            for each in basis:
                rest = rest - np.vdot(each, rest) * each
        norm = np.linalg.norm(rest)
        if norm > 1e-9 * np.linalg.norm(column) and norm > _ROUNDING * size:
            basis.append(rest / norm)
    frame, signs = signed_square_root(matrix)
    if len(basis) != len(signs) or not basis:
        return frame, np.diag(signs).astype(matrix.dtype)
    aligned = np.array(basis).T
    core = np.conj(aligned.T) @ matrix @ aligned
    core = (core + np.conj(core.T)) / 2
    large = np.abs(core)
    scale = np.sqrt(np.diag(large))  # as small as possible with |core_ij| <= scale_i scale_j
    for i in range(len(scale)):
        others = [large[i, j] ** 2 / max(large[i, j], large[j, j]) for j in range(len(scale)) if large[i, j] > 0]
        scale[i] = np.sqrt(max(large[i, i], *others, 1e-14 * size))
    core = core / np.outer(scale, scale)
    if np.linalg.cond(core) > 1e6:
        return frame, np.diag(signs).astype(matrix.dtype)
    return aligned * scale, core


def linearise(expression: Expression, scales: Mapping[Letter, float] | None = None) -> Linearisation:
    """The pencil of a self-adjoint expression in self-adjoint letters.

    `scales` are the variables' typical sizes, which the rank is judged by; 1 where nothing is said.
    """
    scales = scales or {}
    pencil = _of_words(expression, scales)
    constant = pencil.constant
    coefficients: dict[Any, Matrix] = dict(pencil.coefficients)
    for letter in [each for each in coefficients if isinstance(each, Inverse)]:
        inner = linearise(letter.of, scales)
        frame, signs = signed_square_root(coefficients.pop(letter))
        old = len(constant)
        constant = _grown(constant, old + len(signs) * inner.size)
        coefficients = {each: _grown(matrix, len(constant)) for each, matrix in coefficients.items()}
        for each in inner.coefficients:
            coefficients.setdefault(each, np.zeros(constant.shape))
        for j, sign in enumerate(signs):
            begin = old + j * inner.size
            block = slice(begin, begin + inner.size)
            constant = constant + np.zeros((), frame.dtype)
            constant[:old, begin] = frame[:, j]
            constant[begin, :old] = np.conj(frame[:, j])
            constant[block, block] -= sign * inner.constant
            for each, matrix in inner.coefficients.items():
                grown = coefficients[each] + np.zeros((), matrix.dtype)
                grown[block, block] -= sign * matrix
                coefficients[each] = grown
        frame = np.zeros(0)
    return Linearisation(constant, coefficients)


def _grown(matrix: Matrix, size: int) -> Matrix:
    out = np.zeros((size, size), matrix.dtype)
    out[: len(matrix), : len(matrix)] = matrix
    return out


def _of_words(expression: Expression, scales: Mapping[Letter, float]) -> Linearisation:
    """The pencil with inverses as letters."""
    terms = expression.terms
    dtype: Any = np.complex128 if any(isinstance(c, complex) for c in terms.values()) else np.float64
    letters = sorted({each for word in terms for each in word}, key=str)
    scale = {each: 1.0 if isinstance(each, Inverse) else float(scales.get(each, 1.0)) for each in letters}
    size_of = {word: c * float(np.prod([scale[each] for each in word])) for word, c in terms.items()}
    prefixes: list[Word] = sorted(
        {word[:k] for word in terms for k in range(1, len(word))}, key=lambda w: (len(w), str(w))
    )
    if len(prefixes) > _MOST_PREFIXES:
        raise ValueError(
            f"freeprob.law: the expression must have at most {_MOST_PREFIXES} beginnings of words, got {len(prefixes)}"
        )
    index = {prefix: i for i, prefix in enumerate(prefixes)}
    hankel = np.zeros((len(prefixes), len(prefixes)), dtype)
    for word, c in size_of.items():
        for k in range(1, len(word)):
            hankel[index[word[:k]], index[tuple(reversed(word[k:]))]] = c
    f, core = factored((hankel + np.conj(hankel.T)) / 2)
    r = len(core)
    inverse = np.linalg.inv(core)
    inverse = (inverse + np.conj(inverse.T)) / 2
    constant = np.zeros((1 + r, 1 + r), dtype)
    constant[0, 0] = np.real(terms.get((), 0.0))
    constant[1:, 1:] = -inverse
    back = np.conj(f.T) / np.sum(np.abs(f) ** 2, axis=0)[:, None]  # columns of f are orthogonal
    coefficients: dict[Any, Matrix] = {}
    for each in letters:
        matrix = np.zeros((1 + r, 1 + r), dtype)
        matrix[0, 0] = np.real(size_of.get((each,), 0.0))
        if (each,) in index:
            matrix[0, 1:] = f[index[(each,)]]
            matrix[1:, 0] = np.conj(matrix[0, 1:])
        shifted = np.zeros_like(f)
        for i, prefix in enumerate(prefixes):
            j = index.get((*prefix, each))
            if j is not None:
                shifted[i] = f[j]
        inner = inverse @ (back @ shifted)
        matrix[1:, 1:] = (inner + np.conj(inner.T)) / 2
        coefficients[each] = matrix / scale[each]
    return Linearisation(constant, coefficients)
