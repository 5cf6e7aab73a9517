"""Tests of freeness: alternating centred moments of families of matrices, with errors that are calibrated."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.linalg import LinearOperator
from scipy.special import stdtr

from .. import run
from .._arguments import RNG, as_count, as_key, as_number, as_threads, refuse_beyond_memory, shown
from .._display import Displayed
from ..ensembles import haar
from ..run import Progress
from ._words import Letter, as_matrix, marked, product, size, trace

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["FreenessTest", "freeness_test"]

_name = "freeness_test"
_most_words = 2000
# A centred product that rounding alone keeps from being 0, relative to the product.
_nothing = 1e-11

Place = tuple[int, int]
"""(family, number of the centred product in it)."""
Product = tuple[str, int, Any]
"""(name, letters, value)."""


@dataclass(frozen=True, repr=False, eq=False)
class FreenessTest(Displayed):
    """Alternating centred moments, all 0 in the limit if the families are asymptotically free; made by `freeness_test`.

    Attributes
    ----------
    words : tuple of str
        Each bracket is a product within one family, less its trace: "[A^2][B][A][B]".
    values : (k,) ndarray
        The normalised traces; means over trials. Of complex matrices, real and imaginary parts are words of their own.
    expected : (k,) ndarray
        The mean after independent Haar rotations, which make the families free but for terms of order 1/n.
    stderr : (k,) ndarray
        Standard error of values - expected: from the rotations for one sample, from the trials for several.
    z, p_values, adjusted : (k,) ndarray
        (values - expected) / stderr, its two-sided p-value by Student's law, and that p-value corrected for the number
        of words (Holm). Where families are free each of the p_values is uniform; the adjusted ones are larger.
    n, degree, trials, rotations : int
        Size of the matrices, and what was asked for.
    level : float
        The chance, at most, that families which are free are called not free.

    Examples
    --------
    >>> from deeprmt.ensembles import goe
    >>> test = freeness_test(goe(60, size=2, rng=1), degree=3, rng=1)
    >>> test.words
    ('[A][B]', '[A][B^2]', '[A^2][B]')
    >>> test.free, test.p_value > test.level
    (True, True)
    """

    words: tuple[str, ...]
    values: NDArray[np.float64]
    expected: NDArray[np.float64]
    stderr: NDArray[np.float64]
    z: NDArray[np.float64]
    p_values: NDArray[np.float64]
    adjusted: NDArray[np.float64]
    n: int
    degree: int
    trials: int
    rotations: int
    level: float

    @property
    def p_value(self) -> float:
        """Of all words together: the least adjusted p-value. Free families fall below t with a chance of at most t."""
        return float(self.adjusted.min())

    @property
    def free(self) -> bool:
        """Whether nothing speaks against freeness: `p_value` >= `level`. That is no proof."""
        return self.p_value >= self.level

    def __repr__(self) -> str:
        worst = int(np.argmin(self.p_values))
        verdict = "consistent with freeness" if self.free else "not free"
        return (
            f"FreenessTest({verdict}: p = {self.p_value:.3g} over {len(self.words)} words up to degree {self.degree},"
            f" n = {self.n}; largest |z| = {abs(self.z[worst]):.2f} at {self.words[worst]})"
        )

    def to_dict(self) -> dict[str, Any]:
        """The verdict, and a list for each column."""
        return {
            "free": self.free,
            "p_value": self.p_value,
            "level": self.level,
            "n": self.n,
            "degree": self.degree,
            "trials": self.trials,
            "rotations": self.rotations,
            "words": list(self.words),
            **{
                key: getattr(self, key).tolist()
                for key in ("values", "expected", "stderr", "z", "p_values", "adjusted")
            },
        }

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw z of each word, with the band that all of them keep to if the families are free."""
        from ..plots import freeness

        return freeness(self, ax=ax)


def freeness_test(
    families: Any,
    degree: int = 4,
    *,
    trials: int | None = None,
    rotations: int | None = None,
    level: float = 0.01,
    rng: RNG = None,
    threads: int | None = None,
    executor: Executor | None = None,
    progress: Progress = None,
) -> FreenessTest:
    """Tests whether families of matrices are asymptotically free.

    Families are free if every alternating product of centred elements has trace 0. Finite matrices have traces of order
    1/n. How large is taken from the matrices themselves: turn each family by an independent Haar matrix, which makes
    them free whatever they were, and look at the same traces.

    Parameters
    ----------
    families : sequence or callable
        At least two families, each a matrix, a sequence of matrices, or a mapping from names to matrices. A vector
        stands for a diagonal matrix. All of one size n x n; those that are not self-adjoint bring their adjoints. Or a
        function that draws them: it takes a NumPy generator and returns such a sequence.
    degree : int
        Words of up to that many letters, at least 2.
    trials : int, optional
        For a function: how many independent samples, at least 4. Default: 16.
    rotations : int, optional
        For one sample at least 4, by default 64: the null distribution is known from as many. For a function: that
        many in each trial, by default 4.
    level : float
        The chance of calling free families not free, between 0 and 1.
    rng : optional
        Whatever `numpy.random.default_rng` takes.
    threads : int, optional
        Default: every core this process may use. Never changes the result.
    executor, progress : optional
        Of the trials of a function: see `deeprmt.run.map`.

    Returns
    -------
    FreenessTest
        Values, errors and p-values of each word, and a verdict that is corrected for their number.

    Raises
    ------
    ValueError, TypeError
        If there are fewer than two families, or shapes differ; if a family is a multiple of the identity alone; if
        there are more than 2000 words, or an argument is out of range.
    MemoryError
        If the products cannot fit into memory.

    Notes
    -----
    One sample: the hypothesis is that the families lie to each other as after independent rotations. Then sample and
    rotations are exchangeable, and (value - mean) / (sd sqrt(1 + 1/rotations)) has Student's law with rotations - 1
    degrees of freedom as far as traces are Gaussian, which they are up to O(1/n) [1]_. This is right for families that
    are invariant under rotations by construction, as layers with Haar weights are [2]_, and for fixed matrices. A
    family that is free but not invariant (independent entries that are no Gaussians) may have fluctuations of another
    size: for those give a function, whose trials show the size of theirs. Each trial is compared with its own
    rotations, which takes off the mean of order 1/n that traces of real matrices have even if the families are free in
    the limit.

    What is calibrated are the p-values of the words, one by one: uniform where the families are free. That of all words
    together is a bound. It falls below t with a chance of at most t, however words depend on one another, and is close
    to that for small t and words that do not; as a number it is not uniform. Of seven words it is 0.28, 0.66 and 1 at
    its quartiles if they are independent, and more if they are not, as powers of one matrix are.

    A test finds what its words can see: families may differ from free ones at a higher degree only.

    References
    ----------
    .. [1] J. A. Mingo, P. Sniady, R. Speicher, Adv. Math. 209, 212 (2007); J. A. Mingo, M. Popa, J. Math. Phys. 54,
       051701 (2013).
    .. [2] B. Collins, T. Hayase, Commun. Math. Phys. 397 (2023), arXiv:2103.13466.

    Examples
    --------
    >>> from deeprmt.ensembles import goe
    >>> a, b = goe(100, size=2, rng=1)
    >>> freeness_test([a, b], rng=1).free
    True
    >>> freeness_test([a, a @ a - a], rng=1).free
    False
    """
    degree = as_count(_name, "degree", degree, least=2)
    level = as_number(_name, "level", level, above=0.0)
    if level >= 1:
        raise ValueError(f"{_name}: level must be below 1, got {level:g}")
    threads = as_threads(_name, threads)
    key = as_key(_name, rng)
    if callable(families):
        count = 16 if trials is None else as_count(_name, "trials", trials, least=4)
        turns = 4 if rotations is None else as_count(_name, "rotations", rotations)
        seeds = np.random.SeedSequence(key).spawn(count)
        results = run.map(_Trial(families, degree, turns, threads), seeds, executor=executor, progress=progress)
        names = results[0][0]
        if any(each[0] != names for each in results):
            raise ValueError(f"{_name}: families must draw the same kind of matrices in each trial, but words differ")
        values, expected = (np.mean([each[k][0] for each in results], axis=0) for k in (1, 2))
        differences = np.array([each[1][0] - each[2][0] for each in results])
        error = differences.std(axis=0, ddof=1) / np.sqrt(count)
        freedom, n, single = count - 1, results[0][3], 1.0
    else:
        if trials is not None:
            raise TypeError(f"{_name}: trials must be left out unless families is a function, got {shown(trials)}")
        count, turns = 1, 64 if rotations is None else as_count(_name, "rotations", rotations, least=4)
        names, observed, rotated, n = _one(families, degree, turns, np.random.SeedSequence(key), threads)
        values, expected = observed[0], rotated.mean(axis=0)
        error, single = rotated.std(axis=0, ddof=1), np.sqrt(1 + 1 / turns)
        error, freedom = error * single, turns - 1
    z = (values - expected) / error
    p = 2 * stdtr(freedom, -np.abs(z))  # both sides of Student's t
    return FreenessTest(names, values, expected, error, z, p, _holm(p), n, degree, count, turns, level)


def _holm(p: NDArray[np.float64]) -> NDArray[np.float64]:
    order = np.argsort(p)
    steps = np.maximum.accumulate(p[order] * np.arange(p.size, 0, -1))
    out = np.empty_like(p)
    out[order] = np.minimum(steps, 1.0)
    return out


@dataclass(frozen=True)
class _Trial:
    """One sample of a function's families: a task for any executor."""

    draw: Callable[[np.random.Generator], Any]
    degree: int
    rotations: int
    threads: int

    def __call__(self, seed: np.random.SeedSequence) -> Any:
        sample, turn = seed.spawn(2)
        families = self.draw(np.random.default_rng(sample))
        names, observed, rotated, n = _one(families, self.degree, self.rotations, turn, self.threads)
        return names, observed, rotated.mean(axis=0, keepdims=True), n


def _one(
    families: Any, degree: int, rotations: int, seed: np.random.SeedSequence, threads: int
) -> tuple[tuple[str, ...], NDArray[np.float64], NDArray[np.float64], int]:
    """Words, their values (1, k), and those of each rotation (rotations, k), and n."""
    groups = _as_families(families)
    n = size(groups[0][0][1])[0]
    for i, group in enumerate(groups):
        for key, value in group:
            largest = float(np.abs(value).max())
            if largest > 0 and not -575 < degree * np.log(largest) < 575 - degree * np.log(n):
                raise ValueError(
                    f"{_name}: families[{i}]: {key} must be of a size of which words of {degree} letters are doubles,"
                    f" got entries up to {largest:.3g}: scale it"
                )
    count = sum(_products_of(len(group), degree - 1) for group in groups)
    if count > _most_words:
        raise ValueError(f"{_name}: degree must be smaller for these families: they have {count} products")
    refuse_beyond_memory(_name, 2 * count * n * n * 8, f"{count} products of matrices of order {n}")
    made = [_centred(group, degree - 1, threads) for group in groups]
    products = [family for family, _ in made]
    for i, family in enumerate(products):
        if not family:
            raise ValueError(f"{_name}: families[{i}] must hold more than multiples of the identity")
    field: Any = "complex" if any(np.iscomplexobj(value) for group in groups for _, value in group) else "real"
    words = _distinct(
        _words([[d for _, d, _ in family] for family in products], degree), products, [where for _, where in made]
    )
    names = tuple("".join(f"[{products[i][k][0]}]" for i, k in word) for word in words)
    if field == "complex":
        names = tuple(f"{part} {name}" for part in ("Re", "Im") for name in names)
    # The family that would be the most work stays as it is: only how they lie to each other matters.
    still = int(np.argmax([len(family) for family in products]))
    rng = np.random.default_rng(seed)
    observed = _traces([[value for *_, value in family] for family in products], words, field, threads)
    rotated = []
    for _ in range(rotations):
        turned = []
        for i, family in enumerate(products):
            if i == still:
                turned.append([value for *_, value in family])
                continue
            q = haar(n, field=field, rng=rng, threads=threads)
            back = np.ascontiguousarray(q.conj().T)
            turned.append([product(product(q, value, threads), back, threads) for *_, value in family])
        rotated.append(_traces(turned, words, field, threads))
    null = np.array(rotated)
    seen = null.std(axis=0) > 0 if rotations > 1 else np.ones(null.shape[1], bool)  # not so for the Im of real traces
    if not seen.any():
        raise ValueError(f"{_name}: families must be of an order at which traces fluctuate, got {n}")
    return tuple(np.array(names)[seen].tolist()), observed[None, seen], null[:, seen], n


def _as_families(families: Any) -> list[list[tuple[str, Any]]]:
    """Each family as [(name, matrix)]: names are letters, A, B, ..., with a number where there are several."""
    if isinstance(families, Mapping):
        families = list(families.values())
    if not isinstance(families, Sequence | np.ndarray):
        raise TypeError(f"{_name}: families must be a sequence of families, or a function, got {shown(families)}")
    groups = []
    for i, family in enumerate(families):
        letter = chr(ord("A") + i) if i < 26 else f"F{i}_"
        if isinstance(family, Mapping):
            items = [(str(key), value) for key, value in family.items()]
        elif isinstance(family, np.ndarray) and family.ndim <= 2:
            items = [(letter, family)]
        elif isinstance(family, Sequence | np.ndarray):
            items = [(f"{letter}{k + 1}" if len(family) > 1 else letter, each) for k, each in enumerate(family)]
        else:
            items = [(letter, family)]
        if any(isinstance(value, LinearOperator) for _, value in items):
            raise TypeError(f"{_name}: families[{i}] must hold matrices, got an operator")
        groups.append([(key, as_matrix(_name, f"families[{i}]: {key}", value)) for key, value in items])
    if len(groups) < 2 or not all(groups):
        raise ValueError(f"{_name}: families must be at least two, none of them empty, got {len(groups)}")
    shapes = {size(value) for group in groups for _, value in group}
    if len(shapes) > 1 or any(m != n for m, n in shapes):
        raise ValueError(f"{_name}: all matrices must be square and of one size, got shapes {sorted(shapes)}")
    return [_with_adjoints(group) for group in groups]


def _with_adjoints(group: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
    """In double precision, and with the adjoints of those that are not self-adjoint."""
    out = []
    for key, value in group:
        value = value.astype(np.complex128 if value.dtype.kind == "c" else np.float64, copy=False)
        adjoint = marked(value, "H")
        out.append((key, value))
        unit = float(np.abs(value).max()) or 1.0  # squares must not overflow
        if not np.linalg.norm(value / unit - adjoint / unit) <= 1e-12 * np.linalg.norm(value / unit):
            out.append((str(Letter(key, "T" if value.dtype.kind == "f" else "H")), np.ascontiguousarray(adjoint)))
    return out


def _products_of(letters: int, degree: int) -> int:
    return sum(letters**d for d in range(1, degree + 1))


def _centred(group: list[tuple[str, Any]], degree: int, threads: int) -> tuple[list[Product], dict[str, int]]:
    """Products of up to `degree` letters less their trace, without those that vanish or repeat, and where each is."""
    out: list[Product] = []
    where: dict[str, int] = {}
    marks: list[Any] = []
    n = len(group[0][1])
    probe = np.cos(np.arange(n) ** 2)  # anything that no matrix has to do with
    layer: list[tuple[list[str], Any]] = [([], None)]
    for d in range(1, degree + 1):
        layer = [
            ([*names, key], factor if value is None else product(value, factor, threads))
            for names, value in layer
            for key, factor in group
        ]
        for names, value in layer:
            diagonal = value if value.ndim == 1 else np.diagonal(value)
            centred = np.array(value)
            centred[(np.arange(n),) * value.ndim] -= diagonal.mean()
            if not np.linalg.norm(centred) > _nothing * np.linalg.norm(value):
                continue
            mark = np.sum(probe * (centred * probe if centred.ndim == 1 else centred @ probe))
            close = _nothing * n * np.linalg.norm(value)
            same = [
                k
                for k, other in enumerate(marks)
                if abs(other - mark) <= close and np.linalg.norm(out[k][2] - centred) <= close
            ]
            if not same:
                same = [len(out)]
                out.append((_powers(names), d, centred))
                marks.append(mark)
            where[_powers(names)] = same[0]
    return out, where


def _powers(names: list[str]) -> str:
    """Names with repetitions as powers."""
    parts: list[list[Any]] = []
    for name in names:
        if parts and parts[-1][0] == name:
            parts[-1][1] += 1
        else:
            parts.append([name, 1])

    def power(name: str, k: int) -> str:
        base, dot, mark = name.partition(".")
        return name if k == 1 else f"{base}^{k}{dot}{mark}"

    return " ".join(power(name, k) for name, k in parts)


def _words(degrees: list[list[int]], degree: int) -> Iterator[tuple[Place, ...]]:
    """Products that alternate between families, around the end too, of at most `degree` letters."""

    def extend(word: tuple[Place, ...], left: int) -> Iterator[tuple[Place, ...]]:
        if len(word) > 1 and word[-1][0] != word[0][0]:
            yield word
        for i, family in enumerate(degrees):
            if word and word[-1][0] == i:
                continue
            for k, d in enumerate(family):
                if d <= left:
                    yield from extend((*word, (i, k)), left - d)

    yield from extend((), degree)


def _distinct(
    words: Iterable[tuple[Place, ...]], products: list[list[Product]], where: list[dict[str, int]]
) -> list[tuple[Place, ...]]:
    """One of each set of words with the same trace: turned around, or the adjoint read backwards."""
    mirror = [
        [known[_mirrored(name, known)] for name, _, _ in family] for family, known in zip(products, where, strict=True)
    ]
    found: dict[tuple[Place, ...], None] = {}
    for word in words:
        back = tuple((i, mirror[i][k]) for i, k in reversed(word))
        found[min(each[i:] + each[:i] for each in (word, back) for i in range(len(word)))] = None
        if len(found) > _most_words:
            raise ValueError(f"{_name}: degree must be smaller for these families: there are over {_most_words} words")
    return sorted(found, key=lambda word: (sum(products[i][k][1] for i, k in word), len(word), word))


def _mirrored(name: str, known: Mapping[str, int]) -> str:
    """The name of the adjoint product, if it is one of the known ones."""
    letters = []
    for part in reversed(name.split()):
        base, dot, _ = part.partition(".")
        stem = base.split("^")[0]
        other = "" if dot else next((m for m in (".T", ".H") if stem + m in known), "")
        letters.append(base + other)
    return " ".join(letters)


def _traces(values: list[list[Any]], words: list[tuple[Place, ...]], field: str, threads: int) -> NDArray[np.float64]:
    """The normalised trace of each word; products of two that words share are made once."""
    n = size(values[0][0])[0]
    known: dict[tuple[Place, ...], Any] = {}

    def times(part: tuple[Place, ...]) -> Any:
        if len(part) == 1:
            return values[part[0][0]][part[0][1]]
        if part not in known:
            out = product(times(part[:-1]), times(part[-1:]), threads)
            if len(part) > 2:
                return out
            known[part] = out
        return known[part]

    out = np.array([trace(times(word[: len(word) // 2]), times(word[len(word) // 2 :])) for word in words]) / n
    return np.concatenate([out.real, out.imag]) if field == "complex" else out
