"""free_add, free_multiply, free_power and compression."""

from __future__ import annotations

import math

import numpy as np

from .._arguments import as_choice, as_number, shown
from ..errors import ConvergenceError
from ..laws import Discrete, Empirical, FussCatalan, Law, MarchenkoPastur, Mixture, Semicircle
from ..laws._affine import Affine
from ..laws._point_masses import PointMasses
from ._free_laws import FreeProduct, FreeSum
from ._split_product import SplitProduct, split
from ._two_atoms import TwoAtomProduct, TwoAtomSum, are_two

__all__ = [
    "checked_law",
    "compression",
    "free_add",
    "free_multiply",
    "free_power",
    "is_even",
    "product",
    "refuse_below_zero",
]

Parts = list[tuple[Law, float]]


def free_add(a: Law, b: Law, *more: Law) -> Law:
    """The law of a sum of free variables: a boxplus b.

    It is the limit law of the eigenvalues of A + U B U^T where the eigenvalues of A and B have the laws a and b, and U
    is a Haar matrix.

    Parameters
    ----------
    a, b, *more : Law
        Of any kind: with or without a density, several intervals, atoms, samples. Laws without an end are cut where
        1e-13 of their mass is left.

    Returns
    -------
    Law
        Support, density, distribution function (from the logarithmic potential, without integration), quantiles, atoms
        and moments of the sum, and a `report` of what solving took. The free sum with a point mass is a shift.

    Raises
    ------
    TypeError
        If an argument is no law.
    ValueError
        From the law's methods: if tails are so heavy that cutting them does not help.
    ConvergenceError
        From the law's methods: where the equations were not solved, and how far that went.

    Notes
    -----
    Solved by subordination [1]_: omega_1(z) + omega_2(z) = z + 1/G(z) and G(z) = G_a(omega_1) = G_b(omega_2), by
    Newton's method on the real axis itself. A solution with both omegas in the upper half-plane is the right one, for
    there is one at most. Atoms are sums of atoms whose masses add to more than one [2]_.

    References
    ----------
    .. [1] S. T. Belinschi and H. Bercovici, A new approach to subordination results in free probability,
       J. Anal. Math. 101, 357 (2007).
    .. [2] H. Bercovici and D. Voiculescu, Regularity questions for free convolution, Oper. Theory Adv. Appl. 104,
       37 (1998).

    Examples
    --------
    >>> from deeprmt.laws import Empirical, MarchenkoPastur, Semicircle
    >>> law = free_add(MarchenkoPastur(1.0), Semicircle())
    >>> law.support()
    [(-1.484435331765..., 4.484435331765...)]
    >>> coins = Empirical([-1.0, 1.0])
    >>> arcsine = free_add(coins, coins)
    >>> round(float(arcsine.cdf(1.0)), 12), arcsine.var()
    (0.666666666667, np.float64(2.0))
    """
    laws = [checked_law("free_add", name, each, True) for name, each in zip(_names(more), (a, b, *more), strict=True)]
    return _sum([(law, 1.0) for law in laws])


def free_multiply(a: Law, b: Law, *more: Law) -> Law:
    """The law of a product of free variables: a boxtimes b.

    It is the limit law of the eigenvalues of A^(1/2) U B U^T A^(1/2) where the eigenvalues of A and B have the laws a
    and b, all at least 0, and U is a Haar matrix.

    Parameters
    ----------
    a, b, *more : Law
        On [0, inf), all but one, which may live anywhere; else as for `free_add`.

    Returns
    -------
    Law
        As `free_add` returns it. The free product with a point mass is a scaling.

    Raises
    ------
    TypeError
        If an argument is no law.
    ValueError
        If more than one support reaches below 0.
    ConvergenceError
        From the law's methods: where the equations were not solved, and how far that went.

    Notes
    -----
    Solved like `free_add`, in logarithms: with y = M(z) = z G(z) - 1 and M_a(omega_1) = M_b(omega_2) = y,
    z = omega_1 omega_2 y / (1 + y) [1]_. Factors with an explicit S-transform, those of Marchenko and Pastur, cost
    nothing: the product of many of them has the single unknown y. Atoms other than at 0 are products of atoms whose
    masses add to more than one; the mass at 0 is the largest of the factors' [2]_.

    With a factor on both sides of 0 the result is that of B^(1/2) A B^(1/2): from squares if the factor is even, as a
    polynomial (`deeprmt.freeprob.law`) otherwise.

    References
    ----------
    .. [1] S. T. Belinschi and H. Bercovici, A new approach to subordination results in free probability,
       J. Anal. Math. 101, 357 (2007).
    .. [2] S. T. Belinschi, The atoms of the free multiplicative convolution of two probability distributions,
       Integr. Equ. Oper. Theory 46, 377 (2003).

    Examples
    --------
    >>> from deeprmt.laws import Empirical, MarchenkoPastur
    >>> law = free_multiply(MarchenkoPastur(0.5), Empirical([1.0, 3.0]))
    >>> law.pdf([0.5, 1.0, 5.0])
    array([0.49322351, 0.30010544, 0.06525916])
    >>> deep = free_multiply(*[MarchenkoPastur(0.8**layer) for layer in range(1, 21)])
    >>> deep.support()[0][1]
    12.715120615333...
    """
    names = _names(more)
    laws = [checked_law("free_multiply", name, each, True) for name, each in zip(names, (a, b, *more), strict=True)]
    signed = [k for k, law in enumerate(laws) if law._hull()[0] < 0]
    if len(signed) > 1:
        raise ValueError(
            "free_multiply: at most one law may reach below 0, or the product is not self-adjoint, got"
            f" {names[signed[0]]} and {names[signed[1]]}: freeprob.law takes polynomials such as x*y + y*x"
        )
    if signed:
        (k,) = signed
        return _signed_product(laws[k], [(law, 1.0) for i, law in enumerate(laws) if i != k])
    return product([(law, 1.0) for law in laws])


def free_power(law: Law, t: float, kind: str = "sum") -> Law:
    """The free convolution power of a law: the sum, or product, of t free copies, where t need not be whole.

    Parameters
    ----------
    law : Law
        For a product on [0, inf).
    t : float
        At least 1: below that, there is no such law in general.
    kind : {"sum", "product"}
        Additive or multiplicative.

    Returns
    -------
    Law
        As `free_add` and `free_multiply` return it.

    Raises
    ------
    TypeError, ValueError
        If an argument is not what it must be.

    Notes
    -----
    With the subordination point omega, z = t omega - (t - 1) / G(omega) is explicit [1]_, and so is its counterpart
    for products.

    References
    ----------
    .. [1] S. T. Belinschi and H. Bercovici, Atoms and regularity for measures in a partially defined free convolution
       semigroup, Math. Z. 248, 665 (2004).

    Examples
    --------
    >>> from deeprmt.laws import Empirical
    >>> tree = free_power(Empirical([-1.0, 1.0]), 4)  # Kesten and McKay: the infinite tree with 4 branches at a node
    >>> tree.support()
    [(-3.464101615137..., 3.464101615137...)]
    """
    law = checked_law("free_power", "law", law, True)
    t = as_number("free_power", "t", t, least=1)
    if as_choice("free_power", "kind", kind, ("sum", "product")) == "sum":
        return _sum([(law, t)])
    refuse_below_zero("free_power", "law", law)
    return product([(law, t)])


def compression(law: Law, t: float) -> Law:
    """The law of a corner: of P A P on the range of a free projection P of trace t.

    It is the limit law of the eigenvalues of the leading t n x t n block of U A U^T, with U a Haar matrix of order n.

    Parameters
    ----------
    law : Law
        Of any kind.
    t : float
        In (0, 1].

    Returns
    -------
    Law
        The free convolution power 1/t, scaled by t.

    Raises
    ------
    TypeError, ValueError
        If an argument is not what it must be.

    References
    ----------
    .. [1] A. Nica and R. Speicher, On the multiplication of free N-tuples of noncommutative random variables,
       Amer. J. Math. 118, 799 (1996).

    Examples
    --------
    >>> from deeprmt.laws import Semicircle
    >>> compression(Semicircle(), 0.25).support()
    [(-1.0, 1.0)]
    """
    law = checked_law("compression", "law", law, True)
    t = as_number("compression", "t", t, above=0)
    if t > 1:
        raise ValueError(f"compression: t must be at most 1, got {t!r}")
    power = _sum([(law, 1 / t)])
    return power if t == 1 else power.scale(t)


def _names(more: tuple[Law, ...]) -> list[str]:
    return ["a", "b", *(f"more[{i}]" for i in range(len(more)))]


def checked_law(function: str, argument: str, value: Law, unbounded: bool = False) -> Law:
    """A law, with bounded support unless that does not matter."""
    if not isinstance(value, Law):
        raise TypeError(f"{function}: {argument} must be a Law, got {shown(value)}")
    low, high = value._hull()
    if not unbounded and not (math.isfinite(low) and math.isfinite(high)):
        raise ValueError(f"{function}: {argument} must have bounded support, got {value!r} on [{low}, {high}]")
    return value


def refuse_below_zero(function: str, argument: str, law: Law) -> None:
    """For free products."""
    low = law._hull()[0]
    if low < 0:
        raise ValueError(
            f"{function}: {argument} must live on [0, inf), where a product of free variables has real eigenvalues by"
            f" the S-transform, but its support begins at {low}"
        )


def _point(law: Law) -> float | None:
    """Where all mass lies, if that is one point."""
    atoms = law.atoms()
    return atoms[0][0] if len(atoms) == 1 and not law.support() else None


def _sum(parts: Parts) -> Law:
    flat: Parts = []
    offset = 0.0
    for law, t in parts:
        offset += _into_sum(flat, law, t)
    flat = _merged(flat)
    if not flat:
        return Empirical([offset])
    sizes = [_size(law) for law, _ in flat]
    size = max(sizes)
    if not 1e-100 < size < 1e100 and size > 0 and (len(flat) > 1 or flat[0][1] != 1):
        # Squares would leave the range of doubles; and what is so much smaller moves nothing.
        unit = 2.0 ** round(math.log2(size))
        scaled = [
            (_scaled(law, 1 / unit), t) for (law, t), each in zip(flat, sizes, strict=True) if each > 1e-60 * size
        ]
        out = _scaled(_sum(scaled), unit)
    elif len(flat) == 1 and flat[0][1] == 1:
        out = flat[0][0]
    else:
        squares = [law.sigma**2 * t for law, t in flat if isinstance(law, Semicircle)]
        rest = [(law, t) for law, t in flat if not isinstance(law, Semicircle)]
        if squares:  # free sums of semicircles are semicircles
            rest.append((Semicircle(math.sqrt(sum(squares))), 1.0))
        rest, more = _centred(rest)
        offset += more
        kind = TwoAtomSum if are_two(rest) else FreeSum
        out = rest[0][0] if len(rest) == 1 and rest[0][1] == 1 else kind(rest)
    return out.shift(offset) if offset != 0 else out


def _size(law: Law) -> float:
    """Of its values: the far end, or where most of a law without ends is."""
    low, high = law._hull()
    if math.isinf(high - low):
        low, high = (float(each) for each in law._ppf(np.array([0.25, 0.75])))
    return max(abs(low), abs(high))


def _centred(parts: Parts) -> tuple[Parts, float]:
    """Laws that lie far from 0 next to the width of the sum are moved there, so that their digits go to the width."""
    try:
        width = math.sqrt(sum(t * float(law.var()) for law, t in parts))
    except ConvergenceError:  # there is none; what it takes to solve such laws is said later
        return parts, 0.0
    out, offset = [], 0.0
    for law, t in parts:
        mean = float(law.mean())
        if (len(parts) > 1 or t != 1) and t * abs(mean) > 30 * width > 0:
            offset += t * mean
            law = Discrete(law.locations - mean, law.masses) if isinstance(law, PointMasses) else law.shift(-mean)
        out.append((law, t))
    return out, offset


def _into_sum(flat: Parts, law: Law, t: float) -> float:
    """Adds what a law is the sum of, and returns what it is shifted by."""
    point = _point(law)
    if point is not None:
        return t * point
    if isinstance(law, FreeSum):
        return sum(_into_sum(flat, each, t * power) for each, power in law.parts)
    if isinstance(law, Affine):
        if law.factor == 1:
            return _into_sum(flat, law.base, t) + t * law.offset
        if isinstance(law.base, FreeSum):  # a multiple of a sum is the sum of multiples
            parts = [(_scaled(each, law.factor), t * power) for each, power in law.base.parts]
            return sum(_into_sum(flat, each, power) for each, power in parts) + t * law.offset
        flat.append((_scaled(law.base, law.factor), t))
        return t * law.offset
    flat.append((law, t))
    return 0.0


def _scaled(law: Law, factor: float) -> Law:
    """factor * law, by name where it has one."""
    if isinstance(law, Semicircle):
        return Semicircle(abs(factor) * law.sigma)
    if isinstance(law, MarchenkoPastur) and not law.singular and factor > 0:
        return MarchenkoPastur(law.aspect, law.sigma * math.sqrt(factor))
    return law.scale(factor)


def product(parts: Parts) -> Law:
    """The law of a free product of laws, each with its power."""
    flat: Parts = []
    factor = 1.0
    for law, t in parts:
        factor *= _into_product(flat, law, t)
    flat = _merged(flat)
    if factor == 0 or not flat:
        return Empirical([factor])
    if len(flat) == 1 and flat[0][1] == 1:
        out = flat[0][0]
    elif are_two(flat):
        out = TwoAtomProduct(flat)
    else:
        out = SplitProduct(flat) if split(flat) is not None else FreeProduct(flat)
    return _scaled(out, factor) if factor != 1 else out


def _signed_product(law: Law, others: Parts) -> Law:
    """A product of laws on [0, inf) with one on the whole line, b^(1/2) a b^(1/2).

    If that is even, the square of the product is the product of its square and twice the others (Arizmendi and
    Perez-Abreu, Proc. Amer. Math. Soc. 137, 3057 (2009)); else it is a polynomial.
    """
    point = _point(law)
    if point is not None:
        rest = product(others)
        return _scaled(rest, point) if point != 0 else Empirical([0.0])
    if is_even(law):
        root = product([(law.power(2), 1.0), *((each, 2 * t) for each, t in others)]).power(0.5)
        return Mixture([(0.5, root), (0.5, root.scale(-1.0))])
    rest = product(others)
    at = _point(rest)
    if at is not None:
        return _scaled(law, at) if at != 0 else Empirical([0.0])
    from ._law_of import law as law_of
    from ._symbols import symbols

    x, y = symbols("x y")
    return law_of(y * x * y, {x: law, y: rest.power(0.5)})


def is_even(law: Law) -> bool:
    """Whether a law is its own mirror image."""
    low, high = law._hull()
    if abs(low + high) > 1e-14 * (high - low) if math.isfinite(high - low) else low != -high:
        return False
    atoms = law.atoms()
    if any(
        abs(at + other) > 1e-14 * high or abs(mass - share) > 1e-13
        for (at, mass), (other, share) in zip(atoms, reversed(atoms), strict=True)
    ):
        return False
    if not law.support():
        return True
    x = np.asarray(law.ppf(np.array([0.5003, 0.57, 0.63, 0.71, 0.78, 0.86, 0.93, 0.99])))
    x = x[~np.isin(x, [at for at, _ in atoms])]
    return bool((np.abs(law.sf(x) - law.cdf(-x)) < 1e-12).all() and (np.abs(law.pdf(x) - law.pdf(-x)) < 1e-9).all())


def _into_product(flat: Parts, law: Law, t: float) -> float:
    """Adds what a law is the product of, and returns what it is scaled by."""
    point = _point(law)
    if point is not None:
        return float(point**t)
    if isinstance(law, FreeProduct):
        return math.prod(_into_product(flat, each, t * power) for each, power in law.parts)
    if isinstance(law, FussCatalan) and law.s >= 1:  # a power itself
        flat.append((MarchenkoPastur(1.0), t * law.s))
        return 1.0
    if isinstance(law, Affine) and law.offset == 0:
        return float(law.factor**t) * _into_product(flat, law.base, t)
    flat.append((law, t))
    return 1.0


def _merged(parts: Parts) -> Parts:
    """Equal laws once, with the sum of their powers."""
    out: Parts = []
    for law, t in parts:
        for k, (other, power) in enumerate(out):
            if _same(law, other):
                out[k] = other, power + t
                break
        else:
            out.append((law, t))
    return out


def _same(a: Law, b: Law) -> bool:
    if a is b or (type(a) is type(b) and a == b):
        return True
    return not a.support() and not b.support() and a.atoms() == b.atoms()
