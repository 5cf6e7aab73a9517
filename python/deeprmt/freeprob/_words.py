"""Words in matrices: how users write them, and their normalised traces."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.linalg import LinearOperator

from .. import _core
from .._arguments import RNG, as_count, as_key, as_threads, refuse_non_finite, shown
from ..linalg import Estimate

__all__ = ["Letter", "as_letters", "as_matrix", "mixed_moment"]

# A name, a power, a mark: "A", "W1.T", "W*", "D^2", "W^2.H".
_letter = re.compile(r"(?P<name>[^\W\d]\w*)(?:\^(?P<power>\d+))?(?P<mark>\.T|\.H|\*|')?")
_marks = {None: "", ".T": "T", ".H": "H", "*": "H", "'": "T"}


class Letter(NamedTuple):
    """One letter of a word: a name, and "" or "T" (transpose) or "H" (adjoint)."""

    name: str
    mark: str = ""

    def __str__(self) -> str:
        return self.name + (f".{self.mark}" if self.mark else "")

    @property
    def adjoint(self) -> Letter:
        """The adjoint of a plain or adjoint letter."""
        return Letter(self.name, "" if self.mark else "H")


def as_letters(function: str, word: Any) -> list[Any]:
    """A word's letters, powers written out: `Letter` for names, anything else as it is.

    A text is split at blanks; in a sequence each text is a letter of its own.
    """
    if isinstance(word, str):
        parts: list[Any] = word.split()
    elif isinstance(word, Sequence):
        parts = list(word)
    else:
        raise TypeError(f"{function}: word must be a text or a sequence of names and matrices, got {shown(word)}")
    letters: list[Any] = []
    for part in parts:
        if isinstance(part, Letter) or not isinstance(part, str):
            letters.append(part)
            continue
        found = _letter.fullmatch(part.strip())
        if found is None:
            raise ValueError(
                f"{function}: word must be of names, each with .T, .H or * after it if wanted, as in 'A B.T A^2',"
                f" found {part!r}"
            )
        letters += [Letter(found["name"], _marks[found["mark"]])] * int(found["power"] or 1)
    return letters


def as_matrix(function: str, name: str, value: Any) -> Any:
    """A matrix, a diagonal (one axis), or a `LinearOperator`; real numbers as float64 (float32 stays), or complex."""
    if isinstance(value, LinearOperator):
        return value
    if hasattr(value, "toarray"):
        value = value.toarray()
    array = np.asarray(value)
    if array.dtype.kind not in "fiubc" or array.ndim not in (1, 2) or array.size == 0:
        raise TypeError(
            f"{function}: {name} must be a matrix, a vector that stands for a diagonal, or a LinearOperator, got"
            f" {shown(value)}"
        )
    if array.dtype.kind == "c":
        array = np.ascontiguousarray(array, np.complex128)
    else:
        array = np.ascontiguousarray(array, np.float32 if array.dtype in (np.float16, np.float32) else np.float64)
    refuse_non_finite(function, name, array)
    return array


def marked(value: Any, mark: str) -> Any:
    """The transpose or adjoint of a matrix, a diagonal or an operator."""
    if mark == "" or (isinstance(value, np.ndarray) and value.ndim == 1 and mark == "T"):
        return value
    if mark == "T":
        return value.T
    return value.H if isinstance(value, LinearOperator) else value.conj().T


def product(a: Any, b: Any, threads: int) -> Any:
    """a b for matrices and diagonals."""
    if a.ndim == 1:
        return a * b if b.ndim == 1 else a[:, None] * b
    if b.ndim == 1:
        return a * b
    if a.dtype == b.dtype and a.dtype.kind == "f":
        return _core.linalg.multiply(np.ascontiguousarray(a), np.ascontiguousarray(b), threads)
    return a @ b


def trace(a: Any, b: Any) -> Any:
    """Tr(a b), without the product."""
    if a.ndim == 1 or b.ndim == 1:
        left, right = (each if each.ndim == 1 else np.diagonal(each) for each in (a, b))
        return np.sum(left * right, dtype=np.result_type(left, right, np.float64))
    # Row by row in pairwise sums, in double precision whatever the matrices are.
    return np.einsum("ij,ji->i", a, b, dtype=np.result_type(a, b, np.float64)).sum()


def size(value: Any) -> tuple[int, int]:
    """Rows and columns."""
    return (value.shape[0], value.shape[-1]) if len(value.shape) == 2 else (value.shape[0],) * 2


def mixed_moment(
    word: Any,
    matrices: Mapping[str, Any] | None = None,
    *,
    probes: int | None = None,
    rng: RNG = None,
    threads: int | None = None,
) -> Any:
    """The normalised trace of a word in matrices.

    Parameters
    ----------
    word : str or sequence
        Letters from left to right: "A B.T A^2 B", or a sequence of names and matrices. A name may carry a power, then
        ``.T`` (or ``'``) for the transpose, ``.H`` (or ``*``) for the adjoint.
    matrices : mapping of str to matrix, optional
        What the names stand for: matrices, vectors (which stand for diagonal matrices), or SciPy's LinearOperators.
        Shapes need only fit one another; the word as a whole must be square.
    probes : int, optional
        Take the trace from that many random vectors of signs, each with its quadratic form, instead of products of
        matrices. Default: exact products; 32 probes if one of the letters is an operator.
    rng : optional
        Of the probes: whatever `numpy.random.default_rng` takes.
    threads : int, optional
        Default: every core this process may use. Never changes the result.

    Returns
    -------
    float, complex or Estimate
        Tr(word) / rows. With probes a pair (value, stderr), stderr being the standard error of the mean over probes.
        The empty word has trace 1.

    Raises
    ------
    ValueError, TypeError
        If a name is not known, shapes do not fit, or entries are not finite numbers.

    Examples
    --------
    >>> a = np.array([[1.0, 2.0], [0.0, 1.0]])
    >>> mixed_moment("A A.T", {"A": a})
    3.0
    >>> mixed_moment(["A", [1.0, -1.0], "A.T"], {"A": a})  # a vector is a diagonal matrix
    -2.0
    """
    name = "mixed_moment"
    letters = as_letters(name, word)
    if not (matrices is None or isinstance(matrices, Mapping)):
        raise TypeError(f"{name}: matrices must be a mapping of names to matrices, got {shown(matrices)}")
    known: dict[Any, Any] = {}
    factors = []
    for place, letter in enumerate(letters):
        if not isinstance(letter, Letter):
            factors.append(as_matrix(name, f"word[{place}]", letter))
            continue
        if letter.name not in known:
            if matrices is None or letter.name not in matrices:
                have = ", ".join(map(repr, matrices or {})) or "none"
                raise ValueError(f"{name}: word must be of names in matrices ({have}), found {letter.name!r}")
            known[letter.name] = as_matrix(name, f"matrices[{letter.name!r}]", matrices[letter.name])
        factors.append(marked(known[letter.name], letter.mark))
    count = None if probes is None else as_count(name, "probes", probes)
    threads = as_threads(name, threads)
    if not factors:
        return 1.0
    for place, (a, b) in enumerate(zip(factors, [*factors[1:], factors[0]], strict=True)):
        if size(a)[1] != size(b)[0]:
            raise ValueError(
                f"{name}: letters must fit one another, but letter {place} of the word has shape {size(a)} and the next"
                f" one {size(b)}"
            )
    if count is None and not any(isinstance(each, LinearOperator) for each in factors):
        return exact_moment(factors, threads)
    return _estimated(name, factors, 32 if count is None else count, rng, threads)


def exact_moment(factors: Sequence[Any], threads: int) -> Any:
    """Tr / rows of a product of matrices and diagonals."""
    rows = size(factors[0])[0]
    if len(factors) == 1:
        only = factors[0]
        total = np.sum(only if only.ndim == 1 else np.diagonal(only), dtype=np.result_type(only, np.float64))
    else:
        # Two halves; one product less. Each from left to right, so that what repeats may be kept by the caller.
        middle = len(factors) // 2

        def times(a: Any, b: Any) -> Any:
            return product(a, b, threads)

        total = trace(reduce(times, factors[:middle]), reduce(times, factors[middle:]))
    if not np.isfinite(total):
        raise ValueError("mixed_moment: the trace overflows")
    return complex(total) / rows if np.iscomplexobj(total) else float(total) / rows


def _estimated(name: str, factors: Sequence[Any], probes: int, rng: RNG, threads: int) -> Estimate:
    rows = size(factors[0])[0]
    draws = np.empty(rows * probes)
    _core.random.uniforms(as_key(name, rng), 0, 0, 0, draws)
    signs = np.where(draws < 0.5, -1.0, 1.0).reshape(probes, rows).T
    block: Any = signs
    for factor in reversed(factors):
        if isinstance(factor, LinearOperator):
            block = np.asarray(factor.matmat(block))
        elif factor.ndim == 2 and factor.dtype == np.float64 and block.dtype == np.float64:
            block = product(factor, block, threads)
        else:
            block = factor[:, None] * block if factor.ndim == 1 else factor @ block
    forms = np.sum(signs * block, axis=0) / rows
    if not np.isfinite(forms).all():
        raise ValueError(f"{name}: the trace overflows, or an operator gave what is not finite")
    value = forms.mean()
    error = float(np.sqrt(np.sum(np.abs(forms - value) ** 2) / (probes - 1) / probes)) if probes > 1 else math.nan
    return Estimate(complex(value) if np.iscomplexobj(forms) else float(value), error)


def conjugate(value: Any) -> NDArray[Any] | Any:
    """Complex conjugate of a moment."""
    return value.conjugate() if isinstance(value, complex) else value
