"""Low-rank signals in noise: where their singular values go, how much of their vectors is left, and the way back."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .._display import Displayed
from ._units import Array, as_shape, as_values, aspect_of, in_units, unit_of

__all__ = ["Spikes", "invert_spikes", "spiked"]


@dataclass(frozen=True, eq=False)
class Spikes(Displayed):
    """Singular values of a signal, of the signal in noise, and how well the vectors agree.

    Attributes
    ----------
    values : (k,) ndarray
        Singular values of signal + noise.
    strengths, stderr : (k,) ndarray
        Singular values of the signal, and the standard error with which `values` tell them.
    left, left_stderr, right, right_stderr : (k,) ndarray
        Squared overlaps of the left (right) singular vectors of the sum with those of the signal: 1 if the noise left
        them alone, 0 if nothing of them is left. The standard errors are those of an estimate from `values` around the
        overlap in that very matrix.
    shape : (int, int)
        Rows and columns.
    sigma : float
        Standard deviation of the noise's entries.

    Notes
    -----
    At and below the `critical` strength a signal does not show: its value is at the edge of the bulk, its overlaps are
    0 and its standard errors infinite.

    Examples
    --------
    >>> one = spiked([60.0], (500, 1000))
    >>> len(one), round(one.left[0], 3)
    (1, np.float64(0.844))
    """

    values: Array
    strengths: Array
    stderr: Array
    left: Array
    left_stderr: Array
    right: Array
    right_stderr: Array
    shape: tuple[int, int]
    sigma: float

    @property
    def critical(self) -> float:
        """The strength below which a signal does not show: sigma (rows columns)^(1/4)."""
        return self.sigma * math.sqrt(math.sqrt(math.prod(self.shape)))

    @property
    def edge(self) -> float:
        """The end of the noise's own singular values: sigma (sqrt rows + sqrt columns)."""
        return self.sigma * sum(map(math.sqrt, self.shape))

    def __len__(self) -> int:
        return self.values.size

    def to_dict(self) -> dict[str, Any]:
        """Lists and numbers; infinite errors stay what they are."""
        out: dict[str, Any] = {}
        for each in fields(self):
            value = getattr(self, each.name)
            out[each.name] = value.tolist() if isinstance(value, np.ndarray) else value
        return out | {"shape": list(self.shape)}

    def __repr__(self) -> str:
        lines = [f"Spikes: {len(self)} in {self.shape[0]} x {self.shape[1]} noise of sigma {self.sigma:.4g}"]
        for i in range(min(len(self), 10)):
            lines.append(
                f"  {self.values[i]:.4g}: strength {self.strengths[i]:.4g} ± {self.stderr[i]:.2g}, squared overlaps "
                f"{self.left[i]:.3f} ± {self.left_stderr[i]:.2g} left, "
                f"{self.right[i]:.3f} ± {self.right_stderr[i]:.2g} right"
            )
        if len(self) > 10:
            lines.append(f"  and {len(self) - 10} more")
        return "\n".join(lines)


def spiked(strengths: ArrayLike, shape: tuple[int, int], sigma: float = 1.0) -> Spikes:
    """What noise does to a signal of low rank: its singular values and vectors in signal + noise.

    Parameters
    ----------
    strengths : (k,) array_like of real
        Singular values of the signal, k small beside the sides of the matrix, in any order.
    shape : (int, int)
        Rows and columns, either one the larger.
    sigma : float, default 1.0
        Standard deviation of the noise's independent entries.

    Returns
    -------
    Spikes
        With the limits for large matrices in `values`, `left` and `right`.

    Raises
    ------
    ValueError, TypeError
        If a strength is negative or not finite, sigma is not above 0, or shape is no pair of positive numbers.

    Notes
    -----
    With N the longer and M the shorter side, beta = M / N, and t the square of strength / (sigma sqrt N): for
    ``t > sqrt(beta)`` the singular value tends to ``sigma sqrt(N (1 + t) (beta + t) / t)`` [1]_ [2]_, the squared
    overlap to ``(t^2 - beta) / (t (t + beta))`` on the side of length M and to ``(t^2 - beta) / (t (t + 1))`` on that
    of length N; below, to the edge of the bulk and to 0.

    A sample covariance of M variables and N samples, whose population covariance is the identity but for one eigenvalue
    ell, has the same transition [3]_ with ``t = ell - 1``: square the singular values, and take the overlap of the
    shorter side.

    The standard errors hold for Gaussian noise, one spike far from the next, and come from the first-order expansion of
    the three quadratic forms that fix value and vectors: ``n var(strength) = t (1 + beta + 2 t) / (2 (t^2 - beta))`` in
    units of sigma sqrt(N), with n = N, and ``n var(overlap) / overlap^2 = 2 (t^2 + beta) / (t^2 - beta)^3`` times
    ``beta (1 + t)^2`` on the shorter side, ``(beta + t)^2`` on the longer one. Signals of nearly equal strength mix:
    then the overlap of a vector with the span of all of them means more than that with one.

    References
    ----------
    .. [1] F. Benaych-Georges and R. R. Nadakuditi, J. Multivariate Anal. 111, 120 (2012), arXiv:1103.2221.
    .. [2] M. Gavish and D. L. Donoho, IEEE Trans. Inf. Theory 60, 5040 (2014), arXiv:1305.5870.
    .. [3] J. Baik, G. Ben Arous and S. Peche, Ann. Probab. 33, 1643 (2005), arXiv:math/0403022.

    Examples
    --------
    >>> two = spiked([60.0, 20.0], (500, 1000))
    >>> two.critical, two.edge
    (26.59..., 53.98...)
    >>> two.values
    array([72.38..., 53.98...])
    >>> two.left
    array([0.8441..., 0.        ])
    """
    shape = as_shape("spiked", shape)
    unit = unit_of("spiked", sigma, shape)
    theta = as_values("spiked", "strengths", strengths)
    beta = aspect_of(shape)
    x = in_units(theta, unit)
    shows = x > beta**0.25
    with np.errstate(over="ignore"):  # then noise is nothing beside the signal
        t = np.where(shows, x, 1.0) ** 2
    values = np.where(shows, theta * np.sqrt((1 + 1 / t) * (1 + beta / t)), unit * (1 + math.sqrt(beta)))
    return _spikes(values, theta, np.where(shows, t, np.nan), shape, unit, float(sigma))


def invert_spikes(values: ArrayLike, shape: tuple[int, int], sigma: float) -> Spikes:
    """The signal behind singular values that stand out of noise: the inverse of `spiked`.

    Parameters
    ----------
    values : (k,) array_like of real
        Singular values of signal + noise, in any order.
    shape : (int, int)
        Rows and columns, either one the larger.
    sigma : float
        Standard deviation of the noise's entries, as `fit_bulk` gives it.

    Returns
    -------
    Spikes
        Estimates with standard errors. A value within the bulk says nothing: strength 0, overlaps 0, infinite errors.

    Raises
    ------
    ValueError, TypeError
        As in `spiked`.

    Notes
    -----
    The error of sigma, of the order 1/N, is small beside those given. More in `spiked`.

    Examples
    --------
    >>> found = invert_spikes(spiked([60.0], (500, 1000)).values, (500, 1000), 1.0)
    >>> found.strengths, found.stderr
    (array([60.]), array([1.121...]))
    """
    shape = as_shape("invert_spikes", shape)
    unit = unit_of("invert_spikes", sigma, shape)
    y = as_values("invert_spikes", "values", values)
    beta = aspect_of(shape)
    t = strength_squared(in_units(y, unit), beta)
    strengths = np.where(np.isnan(t), 0.0, np.where(np.isinf(t), y, unit * np.sqrt(t)))
    return _spikes(y, strengths, t, shape, unit, float(sigma))


def strength_squared(y: Array, beta: float) -> Array:
    """t of each y, both in units of the noise; NaN where y is within the bulk."""
    root = math.sqrt(beta)
    with np.errstate(over="ignore"):
        # With h = (y - 1 - root)(y + 1 + root) / 2: t = root + h + sqrt(h (h + 2 root)), and nothing cancels.
        h = np.where(y > 1 + root, (y - 1 - root) * (y + 1 + root) / 2, np.nan)
        return np.asarray(root + h + np.sqrt(h) * np.sqrt(h + 2 * root))


def _spikes(values: Array, strengths: Array, t: Array, shape: tuple[int, int], unit: float, sigma: float) -> Spikes:
    n, beta = max(shape), aspect_of(shape)
    root = math.sqrt(beta)
    # All divided by powers of t, which may be large: gap = (t^2 - beta) / t^2.
    gap = (1 - root / t) * (1 + root / t)
    short, long = gap / (1 + beta / t), gap / (1 + 1 / t)
    stderr = unit * np.sqrt((2 + (1 + beta) / t) / (2 * n * gap))
    s2 = (1 / t) ** 2
    spread = np.sqrt(2 * (1 + beta * s2) / n / gap**3)
    short_stderr = short * spread * math.sqrt(beta) * (1 / t + s2)
    long_stderr = long * spread * (1 / t + beta * s2)

    def known(x: Array, otherwise: float) -> Array:
        return np.where(np.isnan(t), otherwise, x)

    sides = (known(short, 0.0), known(short_stderr, math.inf)), (known(long, 0.0), known(long_stderr, math.inf))
    (left, left_stderr), (right, right_stderr) = sides if shape[0] <= shape[1] else sides[::-1]
    return Spikes(values, strengths, known(stderr, math.inf), left, left_stderr, right, right_stderr, shape, sigma)
