"""Exact moments of polynomials in free variables, in the free product of their spaces of polynomials.

Let e_0 = 1, e_1, ... be the orthonormal polynomials of a variable. The free product of the spaces has a basis of words:
a run of n equal letters stands for e_n of that letter. A variable x acts on the leading run alone, by the three-term
recurrence: it makes it longer, leaves it, or makes it shorter. So a word of k letters takes the empty word to words of
at most k letters, and the mean of p^(a + b) is the inner product of p^a 1 and p^b 1. No analysis, no pencil.
Voiculescu (1985).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._letter_law import LetterLaw
from ._symbols import Expression, Letter

Vector = NDArray[Any]

__all__ = ["most_moments", "polynomial_moments"]

_MOST_STATES = 2**21


def most_moments(expression: Expression) -> int:
    """The order up to which moments fit: states are words of up to degree * order / 2 letters."""
    n, degree = max(len(expression.letters), 1), max(expression.degree, 1)
    length = 20 if n == 1 else int(np.log(_MOST_STATES) / np.log(n))
    return 2 * (length // degree)


def polynomial_moments(expression: Expression, laws: Mapping[Letter, LetterLaw], order: int) -> NDArray[np.float64]:
    """Means of p^0, ..., p^order of a self-adjoint polynomial p in free variables."""
    half = (order + 1) // 2
    letters = expression.letters
    space = _FreeProduct([laws[letter] for letter in letters], half * max(expression.degree, 1))
    index = {letter: i for i, letter in enumerate(letters)}
    real = all(complex(c).imag == 0 for c in expression.terms.values())
    words = {
        tuple(index[each] for each in word): complex(c).real if real else c  # type: ignore[index]
        for word, c in expression.terms.items()
    }
    powers = [space.vacuum()]
    for _ in range(half):
        powers.append(space.apply(words, powers[-1]))
    pairs = [(powers[k // 2], powers[k - k // 2]) for k in range(order + 1)]
    # Summed by pairs: over millions of words a running sum is off by 1e-12.
    return np.array([np.sum(np.conj(first) * second[: first.size]).real for first, second in pairs])


class _FreeProduct:
    """Vectors over all words of up to `length` letters: those of k letters are the k-th block, n^k long.

    A vector ends with its longest words.
    """

    def __init__(self, laws: list[LetterLaw], length: int) -> None:
        self.n, self.length = len(laws), length
        self.starts = np.concatenate([[0], np.cumsum([self.n**k for k in range(length + 1)])])
        size = int(self.starts[-1])
        self._length_of = {int(start): k for k, start in enumerate(self.starts[1:])}
        self.alpha, self.beta = [], []
        for i, law in enumerate(laws):
            alpha, beta = law.jacobi(length + 1)
            run = np.zeros(size, dtype=np.int64)  # how many letters i a word begins with
            for k in range(1, length + 1):
                width = self.n ** (k - 1)
                begin = self.starts[k] + i * width
                run[begin : begin + width] = run[self.starts[k - 1] : self.starts[k]] + 1
            self.alpha.append(alpha[run])
            self.beta.append(beta[run])  # what making the run longer takes

    def vacuum(self) -> Vector:
        return np.ones(1)

    def letter(self, i: int, v: Vector) -> Vector:
        """x_i v, of words of one letter more."""
        length = self._length_of[v.size]
        out = np.zeros(self.starts[length + 2], dtype=v.dtype)
        np.multiply(self.alpha[i][: v.size], v, out=out[: v.size])
        for k in range(length + 1):
            here = slice(self.starts[k], self.starts[k + 1])
            begin = self.starts[k + 1] + i * self.n**k
            longer = slice(begin, begin + self.n**k)
            out[longer] += self.beta[i][here] * v[here]
            if k < length:
                out[here] += self.beta[i][here] * v[longer]
        return out

    def apply(self, words: Mapping[tuple[int, ...], complex], v: Vector) -> Vector:
        """p v; words that end alike share their ends' work."""
        out: Vector = words.get((), 0.0) * v
        last: dict[int, dict[tuple[int, ...], complex]] = {}
        for word, c in words.items():
            if word:
                last.setdefault(word[-1], {})[word[:-1]] = c
        for i, rest in last.items():
            more = self.apply(rest, self.letter(i, v))
            long, short = (more, out) if more.size >= out.size else (out, more)
            long = long.astype(np.result_type(long, short), copy=False)
            long[: short.size] += short
            out = long
        return out
