"""The Hessian of a loss as a sum of two random matrices, and the energy above which minima become saddles."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import optimize

from .. import _core
from .._arguments import MOST, RNG, Floats, as_count, as_generator, as_number, as_real, as_threads, refuse_beyond_memory
from ..ensembles import goe, wishart
from ..errors import ConvergenceError
from ..freeprob import free_add
from ..laws import Law, MarchenkoPastur, Semicircle
from ..linalg import eigvalsh

__all__ = ["critical_energy", "hessian_eigenvalues", "hessian_law"]


def critical_energy(phi: ArrayLike) -> Any:
    """The energy at which the Hessian model's least eigenvalue passes through 0.

    Parameters
    ----------
    phi : array_like of real
        Parameters over data, in (0, 1]; with more parameters than data H0 is singular, and there is no such energy.

    Returns
    -------
    float or ndarray
        ``(1 - 20 phi - 8 phi^2 + (1 + 8 phi)^(3/2)) / 16``: 1/8 as phi -> 0, and 0 at phi = 1.

    Raises
    ------
    ValueError, TypeError
        If phi is not in (0, 1], or no real number.

    Notes
    -----
    Taken as (3 - s)^3 (1 + s) / 128 with s = (1 + 8 phi)^(1/2), whose digits hold up to phi = 1.

    References
    ----------
    .. [1] J. Pennington, Y. Bahri, Proceedings of ICML, PMLR 70, 2798 (2017).

    Examples
    --------
    >>> float(round(critical_energy(0.25), 12))
    0.043509526419
    """
    p = as_real("critical_energy", "phi", phi).astype(np.float64)
    bad = p[~((p > 0) & (p <= 1))]
    if bad.size:
        raise ValueError(f"critical_energy: phi must be in (0, 1], found {bad.flat[0]:g}")
    # Nothing cancels in 3 - s = 8 (1 - phi) / (3 + s).
    s = np.sqrt(1 + 8 * p)
    return ((8 * (1 - p) / (3 + s)) ** 3 * (1 + s) / 128)[()]


def hessian_law(phi: float, energy: float) -> Law:
    """The limit law of the eigenvalues of H0 + H1: Marchenko-Pastur plus a semicircle, of variance 2 energy.

    Parameters
    ----------
    phi : float
        Parameters over data, between 1e-28 and 1e28.
    energy : float
        The loss per sample: 0, or between 1e-28 and 1e28.

    Returns
    -------
    Law
        Its `cdf` at 0 is the index, the share of negative eigenvalues.

    Raises
    ------
    ValueError, TypeError
        If phi is not above 0, or energy below 0; if either is out of range, where doubles do not tell the ends of a
        part of the spectrum apart.
    ConvergenceError
        If the law cannot be solved: where sqrt(energy) and what it is added to differ by some 1e6 or more. Ends are
        compared with those that the sum of both R-transforms has.

    Notes
    -----
    H0 = J J^T / data is the part of the Hessian that is never negative, with independent entries in J; H1 holds the
    residuals, and its variance is proportional to their mean square. Both are taken to be free of each other.

    References
    ----------
    .. [1] J. Pennington, Y. Bahri, Proceedings of ICML, PMLR 70, 2798 (2017).

    Examples
    --------
    >>> law = hessian_law(0.25, 2 * critical_energy(0.25))
    >>> float(law.cdf(0.0).round(6))
    0.041467
    """
    phi = as_number("hessian_law", "phi", phi, above=0.0)
    energy = as_number("hessian_law", "energy", energy, least=0.0)
    if not 1e-28 <= phi <= 1e28:
        raise ValueError(f"hessian_law: phi must be between 1e-28 and 1e28, got {phi:g}")
    first = MarchenkoPastur(phi)
    if energy == 0:
        return first
    if not 1e-28 <= energy <= 1e28:
        raise ValueError(f"hessian_law: energy must be 0 or between 1e-28 and 1e28, got {energy:g}")
    law = free_add(first, Semicircle(math.sqrt(2 * energy)))
    expected = _ends(phi, energy)
    try:
        found = [end for pair in law.support() for end in pair]
    except ConvergenceError as error:
        raise ConvergenceError(
            f"hessian_law: phi = {phi:g}, energy = {energy:g}: the support was not found, its scales differ by more"
            f" than the equations of free sums resolve: {error}",
            error.report,
        ) from error
    # To a part in 1e9 of the interval's own ends, or to rounding of the whole.
    size = max(map(abs, expected))
    own = [max(map(abs, expected[i // 2 * 2 : i // 2 * 2 + 2])) for i in range(len(expected))]
    if len(found) != len(expected) or any(
        abs(a - b) > 1e-9 * each + 1e-13 * size for a, b, each in zip(found, expected, own, strict=True)
    ):
        raise ConvergenceError(
            f"hessian_law: phi = {phi:g}, energy = {energy:g}: the support was not found, its scales differ by more"
            " than the equations of free sums resolve",
            {"expected": expected, "found": found},
        )
    return law


def _ends(phi: float, energy: float) -> list[float]:
    """The ends of the support, where z(g) = 1 / g + 1 / (1 - phi g) + 2 energy g is stationary at a real g.

    Beside 0 <= 1 / phi z is convex or concave, so that there is one on each side. Beyond 1 / phi, where phi > 1, the
    slope has one minimum: a gap opens where that is below 0.
    """

    # With g = h / phi: slopes are phi^2 times -1 / h^2 + 1 / (phi (1 - h)^2) + 2 energy / phi^2.
    def slope(h: float) -> float:
        return -1 / h / h + 1 / phi / (1 - h) / (1 - h) + 2 * energy / phi / phi

    def place(h: float) -> float:
        return phi / h + 1 / (1 - h) + 2 * energy / phi * h

    def root(a: float, b: float) -> float:
        return float(optimize.brentq(slope, a, b, xtol=1e-300, rtol=1e-15, maxiter=2000))

    tiny, whole = 1e-150, 1e150
    out = [place(root(-whole, -tiny)), place(root(tiny, 1 - 2.0**-52))]
    if phi > 1:
        least = 1 / (1 - phi ** (-1 / 3))
        if slope(least) < 0:
            out[1:1] = [place(root(least, whole)), place(root(1 + 2.0**-51, least))]
    return out


def _bartlett(n: int, data: int, generator: np.random.Generator, threads: int) -> Floats:
    """J J^T / data, J n x data: the triangle of its QR factors has independent entries, normal and chi."""
    lower = np.tril(generator.standard_normal((n, n)), -1)
    lower[np.diag_indices(n)] = np.sqrt(generator.chisquare(float(data) - np.arange(n)))
    lower /= math.sqrt(data)
    return np.asarray(_core.linalg.multiply(lower, np.ascontiguousarray(lower.T), threads))


def hessian_eigenvalues(n: int, phi: float, energy: float, *, rng: RNG = None, threads: int | None = None) -> Floats:
    """Eigenvalues of a sample of H0 + H1.

    Parameters
    ----------
    n : int
        The number of parameters.
    phi : float
        Parameters over data, at least 1e-28; the number of data is n / phi, rounded.
    energy : float
        At least 0.
    rng : optional
        Whatever `numpy.random.default_rng` takes.
    threads : int, optional
        Default: every core this process may use. Never changes the result.

    Returns
    -------
    (n,) ndarray
        Ascending.

    Raises
    ------
    ValueError, TypeError
        As `hessian_law`; if n is below 1, or phi so large that no datum is left.
    MemoryError
        If three n x n matrices cannot fit into memory.

    Notes
    -----
    Beyond 16 n data H0 is drawn as L L^T / data with Bartlett's triangle L, so that they cost nothing.

    Examples
    --------
    >>> values = hessian_eigenvalues(400, 0.25, 2 * critical_energy(0.25), rng=0)
    >>> float(np.mean(values < 0).round(3))
    0.04
    """
    name = "hessian_eigenvalues"
    n = as_count(name, "n", n, most=MOST)
    phi = as_number(name, "phi", phi, above=0.0)
    energy = as_number(name, "energy", energy, least=0.0)
    if not energy <= 1e28:
        raise ValueError(f"{name}: energy must be at most 1e28, got {energy:g}")
    if not phi >= 1e-28:
        raise ValueError(f"{name}: phi must be at least 1e-28, got {phi:g}")
    data = round(n / phi)
    if data < 1:
        raise ValueError(f"{name}: phi must be at most n / 1 datum, got {phi:g} for n = {n}")
    refuse_beyond_memory(name, 24 * n * n, f"matrices of order {n}")
    generator = as_generator(name, rng)
    if data > 16 * n:
        matrix = _bartlett(n, data, generator, as_threads(name, threads))
    else:
        matrix = wishart(n, data, rng=generator, threads=threads)
    matrix += math.sqrt(2 * energy) * goe(n, rng=generator, threads=threads)
    return eigvalsh(matrix, threads=threads)
