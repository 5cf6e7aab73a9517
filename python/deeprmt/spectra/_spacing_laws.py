"""The laws that spacings are compared with."""

from __future__ import annotations

from ..laws import Spacing, WignerSurmise

__all__ = ["spacing_law", "wigner_surmise"]


def spacing_law(beta: int) -> Spacing:
    """The exact law of the spacing of neighbouring unfolded levels in the bulk of a large random matrix.

    Its density is ``p(s) = E''(s)``, E(s) being the probability that an interval of length s holds no level [1]_. The
    mean is 1 and the variance 0.285530655731 (beta = 1), 0.179993877692 (2), 0.104098422225 (4). For small s,
    ``p = pi^2 s / 6``, ``pi^2 s^2 / 3``, ``16 pi^4 s^4 / 135``; for large s, log p approaches ``-(pi s)^2 beta / 16``.

    Parameters
    ----------
    beta : {1, 2, 4}
        Dyson's index: real symmetric matrices and real sample covariances 1, complex ones 2, quaternion ones 4 (each of
        the doubly degenerate levels counted once).

    Returns
    -------
    Law
        From tables that ``python -m deeprmt.laws._tables.make`` makes from Fredholm determinants of the sine kernel
        with 80 digits [2]_, and from expansions beyond them. pdf, cdf and sf have a relative error of at most 2e-14 up
        to s = 4, at 0 included, and of 3e-13 wherever they are above 1e-300. Quantiles are right to 1e-14 or to
        rounding of their level, moments up to the 20th to 1e-12.

    Raises
    ------
    ValueError
        If beta is another number, or none.

    See Also
    --------
    wigner_surmise : close, and in closed form.

    References
    ----------
    .. [1] M. L. Mehta, Random Matrices, 3rd ed., chapters 6, 7 and 11 (2004).
    .. [2] F. Bornemann, Markov Process. Relat. Fields 16, 803 (2010), arXiv:0904.1581.

    Examples
    --------
    >>> law = spacing_law(1)
    >>> law.mean(), law.var(), law.cdf(1.0)
    (np.float64(1.0), np.float64(0.28553065573...), np.float64(0.548173394488...))
    """
    return Spacing(beta)


def wigner_surmise(beta: int) -> WignerSurmise:
    """Wigner's surmise for the spacing of neighbouring unfolded levels, exact for 2 x 2 Gaussian matrices.

    ``p(s) = a s^beta exp(-b s^2)`` with mean 1. For the spacings of large matrices its distribution function is off by
    at most 0.0066 (beta = 1), 0.0016 (2) and 0.0005 (4) [1]_.

    Parameters
    ----------
    beta : {1, 2, 4}
        Dyson's index: real symmetric matrices and real sample covariances 1, complex ones 2, quaternion ones 4.

    Returns
    -------
    Law
        Everything in closed form: incomplete gamma functions.

    References
    ----------
    .. [1] M. L. Mehta, Random Matrices, 3rd ed., chapters 1 and 6 (2004).

    Examples
    --------
    >>> law = wigner_surmise(1)
    >>> law.mean(), law.cdf(1.0)
    (np.float64(1.0), np.float64(0.544061872...))
    """
    return WignerSurmise(beta)
