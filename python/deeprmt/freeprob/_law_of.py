"""The law of an expression in free variables, of whatever kind it is."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from .._arguments import shown
from ..laws import Empirical, Law, Point
from ._polynomial_law import PolynomialLaw
from ._push_forward import PushForward
from ._sandwich import sandwich
from ._substitution import substituted
from ._symbols import Expression, Letter, as_letters, as_pair
from ._two_atoms import TwoAtomPolynomial

__all__ = ["law", "law_of"]


def law_of(expression: Expression, laws: Mapping[Letter, Law]) -> Law:
    """The law of a self-adjoint expression in self-adjoint letters."""
    constants = {}
    for letter in expression.letters:
        low, high = laws[letter]._hull()
        if low == high:
            constants[letter] = low
    if constants:
        rest = substituted(expression, constants)
        if rest is None:
            raise ValueError(f"freeprob.law: {expression!r} divides by 0")
        expression = rest
    value = expression._constant()
    if value is not None:
        return Point(float(np.real(value)))
    # Squares of moments would leave the range of doubles.
    for letter in expression.letters:
        size = max(map(abs, laws[letter]._hull()))
        if math.isfinite(size) and not 1e-60 < size < 1e60:
            size = 2.0 ** round(math.log2(size))
            with np.errstate(over="ignore", invalid="ignore"):
                expression = expression._substituted({letter: Expression({(letter,): size})})
            laws = {**laws, letter: laws[letter].scale(1 / size)}
    size = max((abs(c) for c in expression._terms.values()), default=0.0)
    if size == 0:
        return Point(0.0)
    if not 1e-60 < size < 1e60:
        size = 2.0 ** round(math.log2(size))
        return law_of(expression / size, laws).scale(size)
    if len(expression.letters) == 1:
        (letter,) = expression.letters
        return PushForward.of(expression, laws[letter])
    if TwoAtomPolynomial.fits(expression, dict(laws)):
        return TwoAtomPolynomial(expression, laws)
    product = sandwich(expression, laws)
    return PolynomialLaw(expression, laws) if product is None else product


def _of_values(name: str, values: Any) -> Law:
    try:
        return Empirical(values)
    except (TypeError, ValueError) as error:
        raise type(error)(
            f"freeprob.law: laws must hold a Law or an array of real numbers for {name}, got {shown(values)} ({error})"
        ) from None


def law(expression: Any, laws: Mapping[Any, Any]) -> Law:
    """The law of a self-adjoint polynomial or rational expression in free variables.

    It is the limit of the eigenvalues of the expression in large matrices in general position: independent, of given
    spectra, each with a Haar basis of its own.

    Parameters
    ----------
    expression : Expression
        Made from `symbols`, self-adjoint; a number is the law of that number.
    laws : {symbol: Law, array_like, or pair of Law}
        The law of each variable, with bounded support; an array stands for the law of its values. Symbols that do not
        occur may be there. A symbol that is not self-adjoint takes a pair of laws, of u and v in u + 1j v with u and v
        free: two semicircles of variance 1/2 make it circular.

    Returns
    -------
    Law
        Density, distribution function (no integration: it comes from the logarithmic potential), quantiles, support,
        atoms, moments (exact up to an order that memory allows), Stieltjes transform. With two variables or more its
        ``report`` tells how it was solved.

    Raises
    ------
    TypeError
        If expression is none, or a key of laws no symbol.
    ValueError
        If the expression is not self-adjoint (the message names the term), a law is missing or has no bounded support,
        something inverted has 0 in its spectrum, or the expression is too long.
    ConvergenceError
        From the law's methods, where the solver fails; the message says where.

    Notes
    -----
    The expression becomes the corner of the inverse of a linear pencil, whose law over matrices is that of a sum of
    free variables: a fixed point far from the real axis, then Newton's method down to the axis itself [1]_, [2]_. A
    quadratic polynomial in two variables takes about 10 microseconds a point. Memory and time grow with the ranks r of
    the variables' coefficients in the pencil: a point takes (the sum of r^2)^3 operations, 1500^3 at most.

    Intervals and gaps that are narrower than a millionth of the norm are not seen, or seen as atoms. Where the density
    diverges faster than an inverse square root, and not at 0, edges may be off: ``report`` says by how much. Towards 0
    the equations are solved at ever smaller x; where doubles end, the power law that is seen goes on. Closer than 1e-8
    of the norm to another singular point, values are those of a point beside it where the solver fails.

    References
    ----------
    .. [1] S. T. Belinschi, T. Mai, R. Speicher, Analytic subordination theory of operator-valued free additive
       convolution and the solution of a general random matrix problem, J. reine angew. Math. 732 (2017),
       arXiv:1303.3196.
    .. [2] J. W. Helton, R. Rashidi Far, R. Speicher, Operator-valued semicircular elements: solving a quadratic matrix
       equation with positivity constraints, IMRN (2007), arXiv:math/0703510.

    Examples
    --------
    >>> from deeprmt.freeprob import law, symbols
    >>> from deeprmt.laws import MarchenkoPastur, Semicircle
    >>> x, y = symbols("x y")
    >>> anticommutator = law(x * y + y * x, {x: Semicircle(), y: Semicircle()})
    >>> anticommutator.support()
    [(-3.3301906767..., 3.3301906767...)]
    >>> [round(float(anticommutator.moment(k)), 9) for k in (2, 4, 6)]
    [2.0, 10.0, 66.0]
    >>> law(x * y + y * x + x**2, {x: Semicircle(), y: MarchenkoPastur(1)}).cdf(0.0)
    np.float64(0.3679807881...)
    """
    function = "freeprob.law"
    if isinstance(expression, int | float | complex | np.number):
        try:
            expression = Expression({(): complex(expression)})
        except OverflowError:
            raise ValueError(
                f"{function}: expression must be in the range of doubles, got {shown(expression)}"
            ) from None
    if not isinstance(expression, Expression):
        raise TypeError(f"{function}: expression must be made from symbols, got {shown(expression)}")
    expression.refuse_unless_selfadjoint(function)
    given: dict[Letter, Law] = {}
    parts: dict[Letter, Expression] = {}
    for letter, value in as_letters(function, "laws", laws).items():
        if letter.selfadjoint:
            given[letter] = value if isinstance(value, Law) else _of_values(letter.name, value)
            continue
        first, second = as_pair(function, letter, value)
        u, v = Letter(f"{letter.name}.real"), Letter(f"{letter.name}.imag")
        given |= {u: first, v: second}
        parts[letter] = Expression({(u,): 1.0, (v,): 1j})
    for letter in expression.letters:
        if letter not in given and letter not in parts:
            raise ValueError(f"{function}: laws must hold one for {letter.name}, which is missing")
    return law_of(expression._substituted(parts) if parts else expression, given)
