"""Mixed moments as freeness predicts them from the moments of each family alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .._arguments import as_real, available_threads, refuse_non_finite, shown
from ..laws import Law
from ._words import Letter, as_letters, as_matrix, exact_moment, marked, size

__all__ = ["Moments", "free_mixed_moment"]

Word = tuple[Letter, ...]
Joint = Callable[[Word], Any]

_most = 40  # letters, after which rounding and time both grow out of hand


class Moments:
    """The moments of one self-adjoint variable: stands for a law in `free_mixed_moment`.

    Parameters
    ----------
    values : array_like of real
        m_1, m_2, ..., as many as words need.

    Examples
    --------
    >>> free_mixed_moment("A B A B", {"A": Moments([1, 2, 5, 14]), "B": Moments([0, 1, 0, 2])})
    1.0
    """

    def __init__(self, values: ArrayLike) -> None:
        self.values = as_real("Moments", "values", values).astype(np.float64).ravel()
        refuse_non_finite("Moments", "values", self.values)

    def __repr__(self) -> str:
        return f"Moments({self.values.tolist()})"

    def moment(self, k: int) -> float:
        """m_k."""
        if k > self.values.size:
            raise ValueError(f"Moments: values must reach order {k} for this word, got {self.values.size} of them")
        return float(self.values[k - 1])


def free_mixed_moment(word: Any, families: Any) -> Any:
    """The normalised trace of a word, as it would be if the families were free.

    Letters of different families are free of one another; within a family they have the joint moments that its
    matrices have, or the moments of its law. Together with `mixed_moment` of the same word and matrices this tests
    freeness by hand; `freeness_test` does so with error bars.

    Parameters
    ----------
    word : str or sequence of str
        As in `mixed_moment`: "W D W.T D".
    families : mapping, or sequence of mappings
        A mapping makes a family of each name. In a sequence of mappings each mapping is a family, with all its names.
        A name stands for a matrix, a vector (a diagonal matrix), a `Law`, `Moments`, or one of two words: ``"haar"`` (a
        Haar unitary or orthogonal matrix) and ``"circular"`` (a Gaussian matrix with entries of variance 1 / n),
        whose transposes and adjoints are one thing. A family of several names is one of matrices of one size.

    Returns
    -------
    float or complex

    Raises
    ------
    ValueError, TypeError
        If a name is not known or stands for nothing of these; if moments do not reach far enough; beyond 40 letters.

    Notes
    -----
    Exact: the sum over non-crossing partitions of free cumulants [1]_, each block within one family. Neighbours of one
    family are multiplied first, also around the end of the word.

    References
    ----------
    .. [1] A. Nica, R. Speicher, Lectures on the Combinatorics of Free Probability (2006).

    Examples
    --------
    >>> from deeprmt.laws import MarchenkoPastur, Semicircle
    >>> free_mixed_moment("A B A B", {"A": MarchenkoPastur(1.0), "B": Semicircle().shift(2.0)})
    9.0
    >>> free_mixed_moment("W D W.T D", {"W": "haar", "D": np.array([0.0, 1.0])})
    0.25
    """
    name = "free_mixed_moment"
    letters = as_letters(name, word)
    for letter in letters:
        if not isinstance(letter, Letter):
            raise TypeError(f"{name}: word must be of names, found {shown(letter)}")
    if len(letters) > _most:
        raise ValueError(f"{name}: word must have at most {_most} letters, got {len(letters)}")
    groups = _groups(name, families)
    home = {each: i for i, group in enumerate(groups) for each in group}
    for letter in letters:
        if letter.name not in home:
            have = ", ".join(map(repr, home)) or "none"
            raise ValueError(f"{name}: word must be of names in families ({have}), found {letter.name!r}")
    joints = [_joint(name, group) for group in groups]
    return free_moment([(home[letter.name], (letter,)) for letter in letters], joints)


def _groups(name: str, families: Any) -> list[Mapping[str, Any]]:
    if isinstance(families, Mapping):
        return [{key: value} for key, value in families.items()]
    if not isinstance(families, Sequence) or not all(isinstance(each, Mapping) and each for each in families):
        raise TypeError(f"{name}: families must be a mapping, or a sequence of mappings, got {shown(families)}")
    names = [key for group in families for key in group]
    if len(set(names)) != len(names):
        twice = next(key for key in names if names.count(key) > 1)
        raise ValueError(f"{name}: families must not share names, found {twice!r} in two of them")
    return list(families)


def _joint(name: str, group: Mapping[str, Any]) -> Joint:
    """The moments of words within a family."""
    if len(group) == 1:
        only = next(iter(group.values()))
        if isinstance(only, Law | Moments):
            return cache(lambda word: float(only.moment(len(word))) if word else 1.0)
        if isinstance(only, str):
            if only == "haar":
                return lambda word: float(sum(1 if each.mark == "" else -1 for each in word) == 0)
            if only == "circular":
                return cache(lambda word: _circular(tuple(each.mark == "" for each in word)))
            raise ValueError(f"{name}: a name must stand for 'haar' or 'circular' if for a word, got {only!r}")
    matrices = {}
    for key, value in group.items():
        if isinstance(value, Law | Moments | str):
            raise TypeError(f"{name}: {key!r} must be a matrix, as its family has several names, got {shown(value)}")
        matrices[key] = as_matrix(name, f"families[{key!r}]", value)
        if not isinstance(matrices[key], np.ndarray):
            raise TypeError(f"{name}: families[{key!r}] must be a matrix, got {shown(value)}")
    shapes = {size(value) for value in matrices.values()}
    if len(shapes) > 1 or any(m != n for m, n in shapes):
        raise ValueError(f"{name}: the matrices of a family must be square and of one size, got {sorted(shapes)}")
    known: dict[Word, Any] = {}

    def moment(word: Word) -> Any:
        if not word:
            return 1.0
        word = min(word[i:] + word[:i] for i in range(len(word)))  # traces do not mind where a word begins
        if word not in known:
            known[word] = exact_moment([marked(matrices[each.name], each.mark) for each in word], available_threads())
        return known[word]

    return moment


@cache
def _circular(word: tuple[bool, ...]) -> float:
    """Non-crossing pairings of each c with a c*."""
    if not word:
        return 1.0
    return (
        sum(_circular(word[1:k]) * _circular(word[k + 1 :]) for k in range(1, len(word), 2) if word[k] != word[0]) + 0.0
    )


def free_moment(word: Sequence[tuple[int, Word]], joints: Sequence[Joint]) -> Any:
    """The moment of a word of (family, letters) if the families, with these joint moments, are free."""
    blocks: list[tuple[int, Word]] = []
    for family, run in groupby(word, key=lambda each: each[0]):
        blocks.append((family, sum((letters for _, letters in run), ())))
    if len(blocks) > 1 and blocks[0][0] == blocks[-1][0]:
        blocks[0] = (blocks[0][0], blocks.pop()[1] + blocks[0][1])
    if len(blocks) < 2:
        return joints[blocks[0][0]](blocks[0][1]) if blocks else 1.0

    @cache
    def cumulant(family: int, parts: tuple[Word, ...]) -> Any:
        """The free cumulant of products of letters of one family."""
        whole = joints[family](sum(parts, ()))
        return whole - _first_blocks(
            len(parts),
            range(1, len(parts)),
            lambda chosen: cumulant(family, tuple(parts[i] for i in chosen)),
            lambda low, high: joints[family](sum(parts[low:high], ())),
            proper=True,
        )

    @cache
    def moment(low: int, high: int) -> Any:
        if low == high:
            return 1.0
        family = blocks[low][0]
        same = [i - low for i in range(low + 1, high) if blocks[i][0] == family]
        return _first_blocks(
            high - low,
            same,
            lambda chosen: cumulant(family, tuple(blocks[low + i][1] for i in chosen)),
            lambda a, b: moment(low + a, low + b),
        )

    return moment(0, len(blocks))


def _first_blocks(
    length: int,
    others: Sequence[int],
    cumulant: Callable[[list[int]], Any],
    moment: Callable[[int, int], Any],
    proper: bool = False,
) -> Any:
    """Sum over the blocks that hold place 0: the cumulant times the moments of the gaps that the block leaves.

    A non-crossing partition is its first block and a non-crossing partition of each gap. Branches whose gaps vanish are
    cut at once; `proper` leaves out the block of all places.
    """

    def extend(chosen: list[int], start: int, gaps: Any) -> Any:
        total = 0.0
        if not (proper and len(chosen) == length):
            last = gaps * moment(chosen[-1] + 1, length)
            if last != 0:
                total = total + last * cumulant(chosen)
        for at in range(start, len(others)):
            gap = gaps * moment(chosen[-1] + 1, others[at])
            if gap != 0:
                total = total + extend([*chosen, others[at]], at + 1, gap)
        return total

    return extend([0], 0, 1.0)
