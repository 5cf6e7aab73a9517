"""Statistics of long windows: number variance and rigidity, over every position of a window."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin
from numpy.typing import ArrayLike, NDArray

from .. import _core
from .._arguments import as_number, as_real, as_rows, as_threads, refuse_non_finite
from .._display import Displayed
from ..errors import UntrustedLengthWarning
from ._expected import expected_number_variance, expected_rigidity
from ._unfolded import Unfolded

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["NumberVariance", "Rigidity", "number_variance", "rigidity"]

Array = NDArray[np.float64]

# Positions are cut into that many pieces, which are put together to blocks of at least two windows for the errors.
_PIECES = 64
_LEAST_BLOCKS = 4
_SHORTEST = 16.0  # mean spacings of a block at least: what one short block lacks, its neighbour mostly has


@dataclass(frozen=True, repr=False, eq=False)
class _OverLengths(Displayed, NDArrayOperatorsMixin):
    """Shared by number variance and rigidity: one value for each length, and for each row of a stack."""

    lengths: Array
    value: Array
    stderr: Array
    trust: float

    __hash__ = object.__hash__

    @property
    def trusted(self) -> NDArray[np.bool_]:
        """Which lengths are at most `trust`."""
        return np.asarray(self.lengths <= self.trust)

    def expected(self, beta: int = 1) -> Array:
        """What the bulk of an infinite random matrix of Dyson's index `beta` has at these lengths."""
        raise NotImplementedError

    def pooled(self) -> Any:
        """The mean over all rows of a stack, with the standard error that their scatter shows."""
        rows = self.value.reshape(-1, self.lengths.size) if self.value.size else self.value
        if self.value.ndim <= self.lengths.ndim or len(rows) < 2:
            raise ValueError(f"{type(self).__name__}.pooled: the levels must be a stack of at least two rows")
        shape = self.lengths.shape
        return self._with(rows.mean(axis=0).reshape(shape), _error_of_mean(rows).reshape(shape))

    def _with(self, value: Array, stderr: Array) -> Any:
        return type(self)(self.lengths, value, stderr, self.trust)

    # As an array it is its value.

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return np.array(self.value, dtype=dtype) if copy else np.asarray(self.value, dtype=dtype)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        plain = [each.value if isinstance(each, _OverLengths) else each for each in inputs]
        return getattr(ufunc, method)(*plain, **options)

    def __len__(self) -> int:
        return len(self.value)

    def __getitem__(self, key: Any) -> Any:
        return self.value[key]

    def __float__(self) -> float:
        return float(self.value)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the value."""
        return self.value.shape

    def __repr__(self) -> str:
        name = type(self).__name__
        if self.value.ndim != self.lengths.ndim or not self.lengths.size:
            return f"{name}({' x '.join(map(str, self.value.shape))} values; trusted up to L = {self.trust:g})"
        at = np.ravel(self.lengths)
        ends = sorted({0, at.size - 1})
        parts = [f"{np.ravel(self.value)[i]:.4g} +- {np.ravel(self.stderr)[i]:.2g} at L = {at[i]:g}" for i in ends]
        return f"{name}({', '.join(parts)}; trusted up to L = {self.trust:g})"

    def to_dict(self) -> dict[str, Any]:
        """Lists for JSON; an infinite trust is None."""
        lists = {key: getattr(self, key).tolist() for key in ("lengths", "value", "stderr")}
        return lists | {"trust": self.trust if np.isfinite(self.trust) else None}


@dataclass(frozen=True, repr=False, eq=False)
class NumberVariance(_OverLengths):
    """The variance of the number of levels in a window; made by `number_variance`. As an array it is its `value`.

    Attributes
    ----------
    lengths : ndarray
        Of the window.
    value : (..., *lengths.shape) ndarray
        The variance, about the mean number.
    stderr : like value
        Standard error, from the scatter over blocks of positions; NaN where the row has room for fewer than four.
    trust : float
        The length up to which the unfolding leaves the statistic alone.
    mean : like value
        The mean number, which is close to the length if levels are unfolded.

    Examples
    --------
    >>> import numpy as np
    >>> from deeprmt import spectra
    >>> levels = np.random.default_rng(0).exponential(size=4000).cumsum()
    >>> found = spectra.number_variance(levels, [1.0, 2.0])
    >>> bool(np.all(np.abs(found - found.lengths) < 5 * found.stderr))  # independent levels: the length
    True
    """

    mean: Array

    @property
    def about_length(self) -> Array:
        """The mean square of number - length, which also charges a mean spacing that is not 1."""
        return np.asarray(self.value + (self.mean - self.lengths) ** 2)

    def expected(self, beta: int = 1) -> Array:
        """`expected_number_variance` at these lengths."""
        return np.asarray(expected_number_variance(self.lengths, beta))

    def _with(self, value: Array, stderr: Array) -> NumberVariance:
        mean = self.mean.reshape(-1, self.lengths.size).mean(axis=0).reshape(self.lengths.shape)
        return NumberVariance(self.lengths, value, stderr, self.trust, mean)

    def plot(self, ax: Axes | None = None, **options: Any) -> Axes:
        """Draw the values over the length with their errors; `options` go to `deeprmt.plots.number_variance`."""
        from ..plots import number_variance

        return number_variance(self, ax=ax, **options)


@dataclass(frozen=True, repr=False, eq=False)
class Rigidity(_OverLengths):
    """Dyson and Mehta's Delta_3, mean over windows; made by `rigidity`. As an array it is its `value`.

    Attributes
    ----------
    lengths : ndarray
        Of the window.
    value : (..., *lengths.shape) ndarray
        The mean over all windows.
    stderr : like value
        Standard error, from the scatter over blocks of positions; NaN where the row has room for fewer than four.
    trust : float
        The length up to which the unfolding leaves the statistic alone.

    Examples
    --------
    >>> import numpy as np
    >>> from deeprmt import spectra
    >>> levels = np.random.default_rng(0).exponential(size=4000).cumsum()
    >>> found = spectra.rigidity(levels, [3.0, 6.0])
    >>> bool(np.all(np.abs(found - found.lengths / 15) < 5 * found.stderr))  # independent levels
    True
    """

    def expected(self, beta: int = 1) -> Array:
        """`expected_rigidity` at these lengths."""
        return np.asarray(expected_rigidity(self.lengths, beta))

    def plot(self, ax: Axes | None = None, **options: Any) -> Axes:
        """Draw the values over the length with their errors; `options` go to `deeprmt.plots.number_variance`."""
        from ..plots import number_variance

        return number_variance(self, ax=ax, **options)


def _error_of_mean(rows: Array) -> Array:
    return np.asarray(rows.std(axis=0, ddof=1) / np.sqrt(len(rows)))


def _block_error(pieces: Array, lengths: Array, positions: Array) -> Array:
    """Standard errors of means over pieces, (rows, k, pieces): blocks of two windows are nearly independent."""
    out = np.full(pieces.shape[:2], np.nan)
    for r, k in np.ndindex(*out.shape):
        together = 1
        while together < _PIECES and positions[r, k] * together / _PIECES < max(2 * float(lengths[k]), _SHORTEST):
            together *= 2
        if _PIECES // together >= _LEAST_BLOCKS:
            blocks = pieces[r, k].reshape(-1, together).mean(axis=1)
            out[r, k] = _error_of_mean(blocks)
    return out


def _prepare(
    function: str, unfolded: ArrayLike, lengths: ArrayLike, trust: float | None, threads: int | None
) -> tuple[Array, tuple[int, ...], Array, float, int]:
    carried = unfolded.trust if isinstance(unfolded, Unfolded) else float("inf")
    limit = carried
    if isinstance(trust, float | np.floating) and trust == np.inf:
        limit = float("inf")
    elif trust is not None:
        limit = as_number(function, "trust", trust, least=0)
    rows, stack = as_rows(function, "unfolded", unfolded)
    if rows.shape[1] < 2:
        raise ValueError(f"{function}: unfolded must be at least 2 levels, got {rows.shape[1]}")
    refuse_non_finite(function, "unfolded", rows.reshape(*stack, rows.shape[1]))
    at = as_real(function, "lengths", lengths).astype(np.float64)
    refuse_non_finite(function, "lengths", at)
    beyond = at[at > limit]
    if beyond.size:
        warnings.warn(
            f"{function}: the unfolding leaves fluctuations alone up to a length of {limit:g}; {beyond.size} of "
            f"{at.size} lengths are beyond, up to {float(beyond.max()):g} (trust=inf silences this)",
            UntrustedLengthWarning,
            stacklevel=3,
        )
    return rows.astype(np.float64, copy=False), stack, at, limit, as_threads(function, threads)


def number_variance(
    unfolded: ArrayLike, lengths: ArrayLike, *, trust: float | None = None, threads: int | None = None
) -> NumberVariance:
    """The variance of the number of levels in a window of a given length, over every position of the window.

    The number is a step function of the position. Its mean and variance over all positions that keep the window inside
    the data are integrals in closed form: no random windows, no sampling noise, and none that hang over the ends.

    Parameters
    ----------
    unfolded : (..., n) array_like of real
        Ascending along the last axis, n >= 2, mean spacing 1: what `unfold` returns, without its ends.
    lengths : array_like of real
        Of the window, at least 0 and below the distance of the last level from the first. Any shape.
    trust : float, optional
        Lengths beyond it are warned of (`errors.UntrustedLengthWarning`). Default: what `unfold` says of its result
        (see `unfold`), also for slices of it; no limit for other arrays.
    threads : int, optional
        Default: every core this process may use. Never changes the result.

    Returns
    -------
    NumberVariance
        `value` and `stderr` of shape (..., \\*lengths.shape), `mean`, `expected(beta)`, `plot()`. In arithmetic and for
        NumPy it is its `value`. Of a stack, `pooled()` is the mean.

    Raises
    ------
    ValueError, TypeError
        If levels descend or are not finite, or are fewer than two; if a length does not fit; if they are not real.

    See Also
    --------
    expected_number_variance : what random matrices have.

    Notes
    -----
    The mean over windows of one row is about the row's own mean number, so that a finite row of m spacings shows less
    than an infinite one by about the variance of a window's number divided by m / L: use L well below m. O(n) for each
    length, and no memory to speak of.

    Examples
    --------
    >>> levels = [0.3, 1.1, 2.4, 2.9, 4.2, 5.05, 5.8, 7.3, 8.1, 8.8]
    >>> found = number_variance(levels, [2.0, 3.5])
    >>> found.value
    array([0.24615385, 0.2884    ])
    >>> found.mean
    array([2.  , 3.54])
    """
    name = "number_variance"
    rows, stack, at, limit, workers = _prepare(name, unfolded, lengths, trust, threads)
    flat = at.ravel()
    first, second = _core.spectra.number_variance(rows, flat, _PIECES, workers)
    shape = (len(rows), flat.size, _PIECES)
    first, second = first.reshape(shape), second.reshape(shape)
    span = (rows[:, -1] - rows[:, 0])[:, None]
    offset = first.mean(axis=2)
    value = np.maximum(second.mean(axis=2) - offset**2, 0.0)
    # Of each piece the mean square about the whole row's mean: their mean is the value.
    about = second - 2 * offset[..., None] * first + offset[..., None] ** 2
    error = _block_error(about, flat, span - flat)
    mean = offset + np.floor(flat * (rows.shape[1] - 1) / span + 0.5)
    out = (*stack, *at.shape)
    return NumberVariance(at, value.reshape(out), error.reshape(out), limit, mean.reshape(out))


def rigidity(
    unfolded: ArrayLike, lengths: ArrayLike, *, trust: float | None = None, threads: int | None = None
) -> Rigidity:
    """Dyson and Mehta's Delta_3 [1]_: how far the counting function of a window is from its best straight line.

    ``Delta_3(L) = min over a, b of (1/L) int (N(t) - a - b t)^2 dt`` over a window of length L, with the exact least
    squares line of each window, averaged over every position that keeps the window inside the data: the integral over
    positions, too, is in closed form.

    Parameters
    ----------
    unfolded : (..., n) array_like of real
        Ascending along the last axis, n >= 2, mean spacing 1: what `unfold` returns, without its ends.
    lengths : array_like of real
        Of the window, above 0 and below the distance of the last level from the first. Any shape.
    trust : float, optional
        Lengths beyond it are warned of (`errors.UntrustedLengthWarning`). Default: what `unfold` says of its result
        (see `unfold`), also for slices of it; no limit for other arrays.
    threads : int, optional
        Default: every core this process may use. Never changes the result.

    Returns
    -------
    Rigidity
        `value` and `stderr` of shape (..., \\*lengths.shape), `expected(beta)`, `plot()`. In arithmetic and for NumPy
        it is its `value`. Of a stack, `pooled()` is the mean.

    Raises
    ------
    ValueError, TypeError
        If levels descend or are not finite, or are fewer than two; if a length does not fit; if they are not real.

    See Also
    --------
    expected_rigidity : what random matrices have.

    Notes
    -----
    O(n) for each length, plus 64 windows that are summed anew against rounding; no memory to speak of.

    References
    ----------
    .. [1] F. J. Dyson and M. L. Mehta, J. Math. Phys. 4, 701 (1963).

    Examples
    --------
    >>> round(float(rigidity(np.arange(101.0), 10.0)), 6)  # a ladder: 1/12 - 1/6000
    0.083167
    """
    name = "rigidity"
    rows, stack, at, limit, workers = _prepare(name, unfolded, lengths, trust, threads)
    flat = at.ravel()
    pieces = _core.spectra.rigidity(rows, flat, _PIECES, workers).reshape(len(rows), flat.size, _PIECES)
    span = (rows[:, -1] - rows[:, 0])[:, None]
    error = _block_error(pieces, flat, span - flat)
    out = (*stack, *at.shape)
    return Rigidity(at, np.maximum(pieces.mean(axis=2), 0).reshape(out), error.reshape(out), limit)
