"""Polynomials and rational expressions in variables that do not commute."""

from __future__ import annotations

import math
import numbers
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._arguments import RNG, as_count, shown
from ..laws import Law

__all__ = ["Expression", "Inverse", "Letter", "Word", "symbols"]

_MOST_TERMS = 20_000


@dataclass(frozen=True)
class Letter:
    """A variable, or its adjoint."""

    name: str
    selfadjoint: bool = True
    starred: bool = False

    @property
    def adjoint(self) -> Letter:
        """The letter itself if it is self-adjoint."""
        return self if self.selfadjoint else Letter(self.name, False, not self.starred)

    def __str__(self) -> str:
        return f"{self.name}.H" if self.starred else self.name


@dataclass(frozen=True)
class Inverse:
    """The inverse of an expression that is self-adjoint, or of a single letter."""

    of: Expression

    @property
    def adjoint(self) -> Inverse:
        """The inverse of the adjoint."""
        return Inverse(self.of.adjoint)

    def __str__(self) -> str:
        text = str(self.of)
        return f"{text}.inverse()" if re.fullmatch(r"\w+(\.H)?", text) else f"({text}).inverse()"


Word = tuple[Letter | Inverse, ...]


class Expression:
    """A sum of words in variables that do not commute, with real or complex coefficients; made from `symbols`.

    Expressions add, subtract, multiply, take powers and can be divided by numbers; ``expression.adjoint`` (or ``.H``)
    reverses the words and conjugates the coefficients. ``expression.inverse()``, ``1 / expression`` and negative powers
    make rational expressions; what is inverted must be self-adjoint or a product. Expressions are immutable and
    hashable, and equal if they have the same words with the same coefficients.

    Examples
    --------
    >>> x, y = symbols("x y")
    >>> (x + y) ** 2
    x**2 + x*y + y*x + y**2
    >>> (1j * (x * y - y * x)).is_selfadjoint
    True
    >>> (x * y).adjoint
    y*x
    """

    __slots__ = ("_hash", "_terms")
    __array_ufunc__ = None  # NumPy's numbers leave arithmetic to this class

    _terms: dict[Word, complex]
    _hash: int

    def __init__(self, terms: Mapping[Word, complex]) -> None:
        kept = {word: _plain(c) for word, c in terms.items() if c != 0}
        for word, c in kept.items():
            if not math.isfinite(abs(c)):
                raise ValueError(
                    f"Expression: coefficients must be finite, got {c!r} of {_word(word) or 'the constant'}"
                )
        if len(kept) > _MOST_TERMS:
            raise ValueError(f"Expression: at most {_MOST_TERMS} words are possible, got {len(kept)}")
        object.__setattr__(self, "_terms", dict(sorted(kept.items(), key=lambda term: _order(term[0]))))
        object.__setattr__(self, "_hash", hash(frozenset(kept.items())))

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        raise AttributeError(f"Expression cannot be changed: make a new one instead of setting {name}")

    def __reduce__(self) -> tuple[Any, ...]:
        return Expression, (self._terms,)

    # ---- what it is ----

    @property
    def terms(self) -> dict[Word, complex]:
        """{word: coefficient}, a copy; the constant belongs to the word ()."""
        return dict(self._terms)

    @property
    def letters(self) -> tuple[Letter, ...]:
        """The variables that occur, without adjoints, by name."""
        found: set[Letter] = set()
        for word in self._terms:
            for each in word:
                if isinstance(each, Inverse):
                    found.update(each.of.letters)
                else:
                    found.add(Letter(each.name, each.selfadjoint))
        return tuple(sorted(found, key=lambda letter: letter.name))

    @property
    def degree(self) -> int:
        """The length of the longest word; an inverse counts as one letter."""
        return max(map(len, self._terms), default=0)

    @property
    def is_polynomial(self) -> bool:
        """Whether no inverse occurs."""
        return not any(isinstance(each, Inverse) for word in self._terms for each in word)

    @property
    def adjoint(self) -> Expression:
        """Words reversed, letters adjoint, coefficients conjugate."""
        return Expression({_adjoint(word): complex(c).conjugate() for word, c in self._terms.items()})

    H = adjoint

    @property
    def is_selfadjoint(self) -> bool:
        """Whether the expression equals its adjoint, up to rounding of the coefficients."""
        return self._offending() is None

    def _offending(self) -> tuple[Word, complex, complex] | None:
        """A word whose coefficient is not what self-adjointness asks for, and that."""
        scale = max(map(abs, self._terms.values()), default=0.0)
        for word, c in self._terms.items():
            wanted = complex(self._terms.get(_adjoint(word), 0)).conjugate()
            if abs(c - wanted) > 1e-14 * scale:
                return word, c, wanted
        return None

    def refuse_unless_selfadjoint(self, function: str) -> None:
        """Raises a ValueError that names the first word that stands in the way."""
        found = self._offending()
        if found is not None:
            word, c, wanted = found
            mirror = _adjoint(word)
            if mirror == word:
                wish = f"the coefficient of {_word(word) or '1'} must be real, got {_number(c)}"
            else:
                wish = (
                    f"the coefficient of {_word(mirror)} must be the conjugate of that of {_word(word)}, {_number(c)},"
                    f" got {_number(_plain(wanted.conjugate()))}"
                )
            raise ValueError(f"{function}: expression must be self-adjoint: {wish}")

    def _constant(self) -> complex | None:
        """The number that this is, or None."""
        return None if any(self._terms) else self._terms.get((), 0.0)

    def __eq__(self, other: object) -> bool:
        number = _as_expression(other)
        return NotImplemented if number is None else self._terms == number._terms

    def __hash__(self) -> int:
        return self._hash

    def __repr__(self) -> str:
        text = ""
        for word, c in self._terms.items():
            negative = c.real < 0 or (c.real == 0 and c.imag < 0)
            size = -c if negative else c
            factor = "" if size == 1 and word else _number(size)
            body = "*".join(part for part in (factor, _word(word)) if part)
            text += (" - " if negative else " + ") + body if text else ("-" if negative else "") + body
        return text or "0"

    def __bool__(self) -> bool:
        return bool(self._terms)

    # ---- algebra ----

    def __add__(self, other: Any) -> Expression:
        more = _as_expression(other)
        if more is None:
            return NotImplemented
        terms = dict(self._terms)
        for word, c in more._terms.items():
            terms[word] = terms.get(word, 0) + c
        return Expression(terms)

    __radd__ = __add__

    def __neg__(self) -> Expression:
        return Expression({word: -c for word, c in self._terms.items()})

    def __pos__(self) -> Expression:
        return self

    def __sub__(self, other: Any) -> Expression:
        more = _as_expression(other)
        return NotImplemented if more is None else self + (-more)

    def __rsub__(self, other: Any) -> Expression:
        more = _as_expression(other)
        return NotImplemented if more is None else more + (-self)

    def __mul__(self, other: Any) -> Expression:
        more = _as_expression(other)
        if more is None:
            return NotImplemented
        if len(self._terms) * len(more._terms) > 10 * _MOST_TERMS:
            raise ValueError(
                f"Expression: at most {_MOST_TERMS} words are possible, and the product of {len(self._terms)} and"
                f" {len(more._terms)} words is beyond that"
            )
        terms: dict[Word, complex] = {}
        for left, a in self._terms.items():
            for right, b in more._terms.items():
                word = _joined(left, right)
                terms[word] = terms.get(word, 0) + a * b
        return Expression(terms)

    def __rmul__(self, other: Any) -> Expression:
        more = _as_expression(other)
        return NotImplemented if more is None else more * self

    def __truediv__(self, other: Any) -> Expression:
        more = _as_expression(other)
        return NotImplemented if more is None else self * more.inverse()

    def __rtruediv__(self, other: Any) -> Expression:
        more = _as_expression(other)
        return NotImplemented if more is None else more * self.inverse()

    def __pow__(self, power: int) -> Expression:
        count = as_count("Expression", "the power", power, least=-1000, most=1000)
        base = self if count >= 0 else self.inverse()
        out = Expression({(): 1.0})
        for _ in range(abs(count)):
            out = out * base
        return out

    def inverse(self) -> Expression:
        """The inverse, as a rational expression.

        Whether it exists for given laws is checked by `law`; products are inverted factor by factor.
        """
        if not self._terms:
            raise ZeroDivisionError("Expression: the inverse of 0 does not exist")
        if len(self._terms) == 1:
            ((word, c),) = self._terms.items()
            return Expression({tuple(_inverse(each) for each in reversed(word)): 1 / c})
        self.refuse_unless_selfadjoint("Expression.inverse")
        return Expression({(Inverse(self),): 1.0})

    def substitute(self, given: Mapping[Any, Any]) -> Expression:
        """The expression with others, or numbers, in place of variables.

        Examples
        --------
        >>> x, y = symbols("x y")
        >>> (x * y).substitute({x: y + 1})
        y + y**2
        """
        values = {}
        for letter, value in as_letters("Expression.substitute", "given", given).items():
            expression = _as_expression(value)
            if expression is None:
                raise TypeError(f"Expression.substitute: {letter.name} must become an expression, got {shown(value)}")
            values[letter] = expression
        return self._substituted(values)

    def _substituted(self, values: Mapping[Letter, Expression]) -> Expression:
        out = Expression({})
        for word, c in self._terms.items():
            product = Expression({(): c})
            for each in word:
                if isinstance(each, Inverse):
                    product = product * each.of._substituted(values).inverse()
                    continue
                value = values.get(Letter(each.name, each.selfadjoint))
                if value is None:
                    value = Expression({(each,): 1.0})
                elif each.starred:
                    value = value.adjoint
                product = product * value
            out = out + product
        return out

    # ---- with matrices ----

    def __call__(self, matrices: Mapping[Any, ArrayLike]) -> NDArray[Any]:
        """The expression with matrices in place of the variables; see `evaluate`."""
        return self.evaluate(matrices)

    def evaluate(self, matrices: Mapping[Any, ArrayLike]) -> NDArray[Any]:
        """The expression with matrices in place of the variables.

        Parameters
        ----------
        matrices : {symbol: (..., n, n) array_like}
            One for each variable, real or complex; leading axes broadcast. Words that begin alike share products.

        Returns
        -------
        (..., n, n) ndarray

        Raises
        ------
        ValueError, TypeError
            If a matrix is missing or not square, or shapes differ; if a key is no symbol.

        Examples
        --------
        >>> import numpy as np
        >>> x, y = symbols("x y")
        >>> a, b = np.array([[0.0, 1.0], [1.0, 0.0]]), np.diag([1.0, -1.0])
        >>> (x * y - y * x)({x: a, y: b})
        array([[ 0., -2.],
               [ 2.,  0.]])
        """
        given: dict[Letter, NDArray[Any]] = {}
        for key, value in as_letters("Expression.evaluate", "matrices", matrices).items():
            array = np.asarray(value)
            if array.dtype.kind not in "fiubc":
                raise TypeError(f"Expression.evaluate: {key.name} must be a matrix of numbers, got dtype {array.dtype}")
            if array.ndim < 2 or array.shape[-1] != array.shape[-2]:
                raise ValueError(f"Expression.evaluate: {key.name} must be square, got shape {array.shape}")
            given[key] = array if array.dtype.kind in "fc" else array.astype(np.float64)
        for letter in self.letters:
            if letter not in given:
                raise ValueError(f"Expression.evaluate: matrices must hold {letter.name}, which is missing")
        if not given:
            raise ValueError("Expression.evaluate: matrices must hold at least one, to say how large the result is")
        sizes = {array.shape[-1] for array in given.values()}
        if len(sizes) > 1:
            raise ValueError(f"Expression.evaluate: matrices must have one size, got {sorted(sizes)}")
        (n,) = sizes
        return _evaluate(self._terms, given, n)

    def sample(self, laws: Mapping[Any, Any], n: int, *, rng: RNG = None) -> NDArray[np.float64]:
        """Eigenvalues of the expression for n x n matrices in general position, with spectra of the given laws.

        Each matrix has the quantiles (k + 1/2) / n of its law as eigenvalues and a Haar orthogonal basis of its own, so
        that the sample tends to the result of `law` as n grows.

        Parameters
        ----------
        laws : {symbol: Law, array_like, or pair of Law}
            A law on the real line for each variable; an array stands for the law of its values. A symbol that is not
            self-adjoint takes a pair of laws, of u and v in u + 1j v, as in `law`.
        n : int
            The size of the matrices.
        rng : optional
            Whatever `numpy.random.default_rng` takes.

        Returns
        -------
        (n,) ndarray
            Ascending.

        Examples
        --------
        >>> from deeprmt.laws import Semicircle
        >>> x, y = symbols("x y")
        >>> values = (x * y + y * x).sample({x: Semicircle(), y: Semicircle()}, 200, rng=0)
        >>> bool(abs(values.mean()) < 0.05)
        True
        """
        from ..ensembles import haar
        from ..laws import Empirical

        function = "Expression.sample"
        self.refuse_unless_selfadjoint(function)
        size = as_count(function, "n", n)
        generator = np.random.default_rng(rng)
        matrices = {}

        def matrix(value: Any) -> NDArray[np.float64]:
            law = value if isinstance(value, Law) else Empirical(value)
            basis = np.asarray(haar(size, rng=generator))
            return np.asarray(basis * law.ppf((np.arange(size) + 0.5) / size) @ basis.T)

        for letter, value in as_letters(function, "laws", laws).items():
            if not letter.selfadjoint:
                u, v = as_pair(function, letter, value)
                matrices[Expression({(letter,): 1.0})] = matrix(u) + 1j * matrix(v)
            else:
                matrices[Expression({(letter,): 1.0})] = matrix(value)
        values = self.evaluate(matrices)
        return np.asarray(np.linalg.eigvalsh((values + np.conj(values.T)) / 2))


def symbols(names: str, *, selfadjoint: bool = True) -> Any:
    """Variables that do not commute.

    Parameters
    ----------
    names : str
        Names, with spaces or commas between them.
    selfadjoint : bool, default True
        False makes variables that differ from their adjoints; expressions such as ``c * c.H`` are then self-adjoint.

    Returns
    -------
    Expression, or tuple of Expression
        One expression for a single name. Equal names are equal variables.

    Raises
    ------
    ValueError, TypeError
        If there is no name, or one is no Python name; if names are no text.

    Examples
    --------
    >>> x, y = symbols("x y")
    >>> 2 * x * y * x - 1
    -1 + 2*x*y*x
    """
    if not isinstance(names, str):
        raise TypeError(f"symbols: names must be a text, got {shown(names)}")
    if not isinstance(selfadjoint, bool | np.bool_):
        raise TypeError(f"symbols: selfadjoint must be True or False, got {shown(selfadjoint)}")
    found = [name for name in re.split(r"[\s,]+", names) if name]
    if not found:
        raise ValueError(f"symbols: names must hold at least one name, got {names!r}")
    for name in found:
        if not name.isidentifier():
            raise ValueError(f"symbols: names must be Python names, got {name!r}")
    made = tuple(Expression({(Letter(name, bool(selfadjoint)),): 1.0}) for name in found)
    return made[0] if len(made) == 1 else made


def as_letters(function: str, argument: str, mapping: Any) -> dict[Letter, Any]:
    """{symbol: value} as {letter: value}."""
    if not isinstance(mapping, Mapping):
        raise TypeError(f"{function}: {argument} must be a dict with symbols as keys, got {shown(mapping)}")
    out: dict[Letter, Any] = {}
    for key, value in mapping.items():
        word = next(iter(key._terms), ()) if isinstance(key, Expression) and len(key._terms) == 1 else ()
        if len(word) != 1 or not isinstance(word[0], Letter) or word[0].starred or key._terms[word] != 1:
            raise TypeError(f"{function}: the keys of {argument} must be symbols, got {shown(key)}")
        out[word[0]] = value
    return out


def as_pair(function: str, letter: Letter, value: Any) -> tuple[Law, Law]:
    """The laws of u and v in u + 1j * v, which stands for a letter that is not self-adjoint."""
    if not (isinstance(value, tuple) and len(value) == 2 and all(isinstance(each, Law) for each in value)):
        raise TypeError(
            f"{function}: {letter.name} is not self-adjoint and needs a pair of laws (of u and v in u + 1j * v,"
            f" free of each other), got {shown(value)}"
        )
    return value


def _as_expression(value: Any) -> Expression | None:
    """A number is an expression too; None for what is neither."""
    if isinstance(value, Expression):
        return value
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value[()]
    if isinstance(value, numbers.Number | np.number) and not isinstance(value, bool | np.bool_):
        try:
            return Expression({(): complex(value)})  # type: ignore[arg-type]
        except (TypeError, OverflowError):
            return None
    return None


def _plain(c: complex) -> complex:
    """A float where nothing is imaginary."""
    number = complex(c)
    return number.real if number.imag == 0 else number


def _adjoint(word: Word) -> Word:
    return tuple(each.adjoint for each in reversed(word))


def _inverse(letter: Letter | Inverse) -> Letter | Inverse:
    if isinstance(letter, Inverse):
        terms = letter.of._terms
        word = next(iter(terms))
        if len(terms) == 1 and len(word) == 1 and terms[word] == 1:
            return word[0]
    return Inverse(Expression({(letter,): 1.0}))


def _joined(left: Word, right: Word) -> Word:
    """Both words, one after the other; a letter and its inverse side by side are gone."""
    while left and right and (isinstance(left[-1], Inverse) or isinstance(right[0], Inverse)):
        if _inverse(left[-1]) != right[0] and _inverse(right[0]) != left[-1]:
            break
        left, right = left[:-1], right[1:]
    return left + right


def _order(word: Word) -> tuple[int, tuple[str, ...]]:
    return len(word), tuple(map(str, word))


def _number(c: complex) -> str:
    if c.imag == 0:
        real = c.real
        return str(int(real)) if real == int(real) and abs(real) < 1e15 else repr(float(real))
    if c.real == 0:
        return f"{_number(c.imag)}j"
    return repr(complex(c))


def _word(word: Word) -> str:
    parts: list[str] = []
    i = 0
    while i < len(word):
        j = i
        while j < len(word) and word[j] == word[i]:
            j += 1
        parts.append(str(word[i]) if j == i + 1 else f"{word[i]}**{j - i}")
        i = j
    return "*".join(parts)


def _evaluate(terms: Mapping[Word, complex], matrices: Mapping[Letter, NDArray[Any]], n: int) -> NDArray[Any]:
    """Horner's scheme over the tree of words: constant + sum of letter @ (what follows it)."""
    dtype = np.result_type(*(array.dtype for array in matrices.values()), np.float32)
    if any(isinstance(c, complex) for c in terms.values()):
        dtype = np.result_type(dtype, np.complex64)
    out: NDArray[Any] = np.eye(n, dtype=dtype) * np.asarray(terms.get((), 0.0)).astype(dtype)
    first: dict[Letter | Inverse, dict[Word, complex]] = {}
    for word, c in terms.items():
        if word:
            first.setdefault(word[0], {})[word[1:]] = c
    for letter, rest in first.items():
        if isinstance(letter, Inverse):
            try:
                matrix = np.linalg.inv(_evaluate(letter.of._terms, matrices, n))
            except np.linalg.LinAlgError:
                raise ValueError(
                    f"Expression.evaluate: {letter.of!r} must be invertible, but is singular for these matrices"
                ) from None
        else:
            matrix = matrices[Letter(letter.name, letter.selfadjoint)]
            matrix = np.conj(np.swapaxes(matrix, -1, -2)) if letter.starred else matrix
        if set(rest) == {()}:
            out = out + np.asarray(rest[()]).astype(dtype) * matrix
        else:
            out = out + matrix @ _evaluate(rest, matrices, n)
    return out
