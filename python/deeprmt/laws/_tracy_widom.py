"""The laws of Tracy and Widom for the largest eigenvalue."""

from __future__ import annotations

from math import inf, sqrt

import numpy as np

from ._law import Array
from ._tabulated import Tabulated

__all__ = ["TracyWidom"]


class TracyWidom(Tabulated):
    """The limit law of the largest eigenvalue of a large random matrix, centred and scaled.

    For an n x n matrix of the Gaussian ensemble, with the semicircle on [-2, 2], ``n^(2/3) (largest - 2)`` has this law
    if beta is 1 or 2, and ``2^(1/6) n^(2/3) (largest - 2)`` if beta is 4. The Notes say how to centre for finite n, and
    what holds for sample covariances.

    Parameters
    ----------
    beta : {1, 2, 4}
        Dyson's index: real symmetric matrices and real sample covariances 1, complex ones 2, quaternion ones 4.

    Raises
    ------
    ValueError
        If beta is another number, or none.

    Notes
    -----
    With ``V_s(x, y) = Ai(x + y + s)`` on (0, inf), the distribution functions are [1]_, [2]_, [3]_

    - ``F_1(s) = det(1 - V_s)``,
    - ``F_2(s) = det(1 - V_s) det(1 + V_s)``,
    - ``F_4(s / sqrt(2)) = (det(1 - V_s) + det(1 + V_s)) / 2 = (F_1(s) + F_2(s) / F_1(s)) / 2``.

    F_4 is in the scaling of Tracy and Widom [2]_ (mean -2.30688, variance 0.51772). Two others are in use. Without the
    square root (some software) the law is ``TracyWidom(4).scale(2**0.5)``, of variance 1.03545. The general beta
    ensemble, the lowest level of the stochastic Airy operator, has ``TracyWidom(4).scale(2**(-1/6))``, of mean -2.05520
    and variance 0.41092; so ``n^(2/3) (largest - 2)`` has that one for `ensembles.hermite_eigenvalues` with beta 4.

    For finite n, ``m^(1/6) (sqrt(n) largest - 2 sqrt(m))`` with ``m = n + 1/2 - 1/beta`` is closer, to order n^(-2/3):
    at n = 100 its distribution function differs by less than 0.01.

    A real p x n matrix of independent N(0, 1) entries, G: the largest eigenvalue of ``G @ G.T`` less
    ``mu = (a + b)**2``, over ``(a + b) (1/a + 1/b)**(1/3)``, has the law of beta = 1, with ``a = sqrt(n - 1/2)``,
    ``b = sqrt(p - 1/2)`` [4]_.

    Everything comes from tables that ``python -m deeprmt.laws._tables.make`` makes from Fredholm determinants with 80
    digits [5]_, and from expansions beyond them. cdf, sf and pdf have a relative error of at most 2e-14 for x from -8
    to 8, and of 3e-13 wherever they are above 1e-300, both tails included: that is rounding of x and of the logarithm.
    Quantiles are right to 1e-14 or to rounding of their level, moments up to the 20th to 1e-12.

    References
    ----------
    .. [1] C. A. Tracy, H. Widom, Commun. Math. Phys. 159, 151 (1994), hep-th/9211141.
    .. [2] C. A. Tracy, H. Widom, Commun. Math. Phys. 177, 727 (1996), solv-int/9509007.
    .. [3] P. L. Ferrari, H. Spohn, J. Phys. A 38, L557 (2005), math-ph/0505012.
    .. [4] Z. Ma, Bernoulli 18, 322 (2012).
    .. [5] F. Bornemann, Math. Comp. 79, 871 (2010), arXiv:0804.2543; Markov Process. Relat. Fields 16, 803 (2010),
       arXiv:0904.1581.

    Examples
    --------
    >>> law = TracyWidom(1)
    >>> law.mean(), law.ppf(0.999)
    (np.float64(-1.206533574582...), np.float64(3.27219605900...))
    >>> law.sf(100.0)
    np.float64(1.316255564...e-292)
    """

    _domain = "edge"

    def __init__(self, beta: int) -> None:
        super().__init__(beta, "TracyWidom")

    @property
    def _factor(self) -> float:
        return sqrt(2) if self.beta == 4 else 1.0

    def support(self) -> list[tuple[float, float]]:
        """The intervals (low, high) that carry the continuous part, in ascending order."""
        return [(-inf, inf)]

    def _grid(self) -> Array:
        return np.linspace(-30.0, 20.0, 1001)  # quantiles of the least positive double, and of 2^-54 from above
