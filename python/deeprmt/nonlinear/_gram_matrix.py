"""Gram matrices of f(W X), sampled: the nonlinear matrix itself is never formed."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from .. import _core, run
from .._arguments import (
    MOST,
    RNG,
    Floats,
    as_choice,
    as_count,
    as_dtype,
    as_key,
    as_number,
    as_threads,
    refuse_beyond_memory,
    shown,
)
from ..activations import Activation
from ..linalg import eigvalsh
from ..run import Progress
from ._constants import as_function, constants_of
from ._gram_law import _sides

__all__ = ["gram_eigenvalues", "gram_matrix"]

Function = str | Activation | Callable[[Any], Any]


@dataclass(frozen=True)
class Shifted:
    """f less a constant; pickles where f does."""

    phi: Callable[[Any], Any]
    shift: float

    def __call__(self, h: Any) -> Any:
        return self.phi(h) - self.shift


def entry_function(name: str, f: Function, sigma: float, center: bool | None) -> Callable[[Any], Any]:
    """f, centred if wanted; a warning if nothing was said and it is not."""
    if not (center is None or isinstance(center, bool | np.bool_)):
        raise TypeError(f"{name}: center must be True, False or None, got {shown(center)}")
    activation = as_function(name, "f", f)
    phi = activation.phi
    if center is not None and not center:
        return phi
    found = constants_of(name, "f", activation, sigma, by="sigma_w sigma_x")
    if center:
        return Shifted(phi, found.mean) if found.mean != 0 else phi
    if abs(found.mean) > 1e-9 * math.sqrt(found.second_moment):
        warnings.warn(
            f"{name}: f has the mean {found.mean:.6g}, which brings one large eigenvalue, about mean^2 n1: center=True"
            " takes it off, center=False says that it is meant",
            stacklevel=3,
        )
    return phi


def gram_matrix(
    f: Function,
    n0: int,
    n1: int,
    m: int,
    *,
    sigma_w: float = 1.0,
    sigma_x: float = 1.0,
    side: str = "features",
    center: bool | None = None,
    dtype: DTypeLike = np.float64,
    rng: RNG = None,
    threads: int | None = None,
) -> Floats:
    """A sample of Y Y^T / m or Y^T Y / m, Y = f(W X), W and X independent Gaussian matrices.

    Parameters
    ----------
    f : str, Activation or callable
        Acts on each entry.
    n0, n1, m : int
        W is n1 x n0 with entries N(0, sigma_w^2 / n0), X is n0 x m with entries N(0, sigma_x^2).
    sigma_w, sigma_x : float
        Positive.
    side : {"features", "samples"}
        The n1 x n1 matrix Y Y^T / m or the m x m matrix Y^T Y / m, of the same Y for the same `rng`.
    center : bool, optional
        Take E f off, as the limit law needs. Default: a warning where f has a mean.
    dtype : {float64, float32}
        Of what is drawn and of all sums.
    rng : optional
        Whatever `numpy.random.default_rng` takes.
    threads : int, optional
        Default: every core this process may use. Never changes the result.

    Returns
    -------
    (n1, n1) or (m, m) ndarray
        Symmetric to the bit. Beside it memory takes the one factor on its side, n1 n0 or m n0 entries, and panels of
        some 2^22: Y and the other factor are never there as a whole.

    Raises
    ------
    ValueError, TypeError
        If a size is less than 1, f has no Gaussian moments, or the memory does not suffice.

    See Also
    --------
    gram_eigenvalues : the spectra of many samples.
    gram_law : their limit.

    Examples
    --------
    >>> from deeprmt.nonlinear import constants
    >>> gram = gram_matrix("tanh", 300, 200, 400, rng=0)
    >>> gram.shape
    (200, 200)
    >>> bool(abs(np.trace(gram) / 200 - constants("tanh").eta) < 0.01)
    True
    """
    sizes, scale, samples = _checked("gram_matrix", n0, n1, m, sigma_w, sigma_x, side)
    phi = entry_function("gram_matrix", f, float(sigma_w) * float(sigma_x), center)
    entry = as_dtype("gram_matrix", dtype)
    inner = as_threads("gram_matrix", threads)
    return _sample("gram_matrix", phi, sizes, scale, samples, entry, as_key("gram_matrix", rng), 0, inner)


def _checked(
    name: str, n0: int, n1: int, m: int, sigma_w: float, sigma_x: float, side: str
) -> tuple[tuple[int, int, int], float, bool]:
    sizes = [as_count(name, argument, value, most=MOST) for argument, value in (("n0", n0), ("n1", n1), ("m", m))]
    sigma = as_number(name, "sigma_w", sigma_w, above=0) * as_number(name, "sigma_x", sigma_x, above=0)
    return (
        (sizes[0], sizes[1], sizes[2]),
        sigma / math.sqrt(sizes[0]),
        as_choice(name, "side", side, _sides) == "samples",
    )


def _sample(
    name: str,
    phi: Callable[[Any], Any],
    sizes: tuple[int, int, int],
    scale: float,
    samples: bool,
    entry: Any,
    key: int,
    sample: int,
    threads: int,
) -> Floats:
    n0, n1, m = sizes
    order, other = (m, n1) if samples else (n1, m)
    rows = _core.nonlinear.panel_rows(order, other, n0)
    entries = order * order + order * n0 + rows * (order + n0)
    what = f"a Gram matrix of order {order}, a factor of {order} x {n0} and panels of {rows} rows"
    refuse_beyond_memory(name, entries * np.dtype(entry).itemsize, what, threads)
    out = np.empty((order, order), entry)
    _core.nonlinear.gram_matrix(key, sample, n0, n1, m, scale, samples, phi, out, threads)
    if not np.isfinite(out.diagonal()).all():
        raise ValueError(f"{name}: f must be finite, but its values, or their squares, are not where W X is large")
    return out


@dataclass(frozen=True)
class _Spectrum:
    """The eigenvalues of one sample: a task for any executor."""

    phi: Callable[[Any], Any]
    sizes: tuple[int, int, int]
    scale: float
    samples: bool
    entry: Any
    key: int
    threads: int

    def __call__(self, sample: int) -> Floats:
        _, n1, m = self.sizes
        shorter = m < n1
        gram = _sample(
            "gram_eigenvalues", self.phi, self.sizes, self.scale, shorter, self.entry, self.key, sample, self.threads
        )
        values = np.maximum(eigvalsh(gram, threads=self.threads), 0)
        zeros = (m if self.samples else n1) - values.size
        return np.concatenate([np.zeros(zeros, values.dtype), values])


def gram_eigenvalues(
    f: Function,
    n0: int,
    n1: int,
    m: int,
    *,
    trials: int = 1,
    sigma_w: float = 1.0,
    sigma_x: float = 1.0,
    side: str = "features",
    center: bool | None = None,
    dtype: DTypeLike = np.float64,
    rng: RNG = None,
    threads: int | None = None,
    executor: Executor | None = None,
    progress: Progress = None,
) -> Floats:
    """Eigenvalues of samples of Y Y^T / m or Y^T Y / m, Y = f(W X).

    Parameters
    ----------
    f : str, Activation or callable
        Acts on each entry.
    n0, n1, m : int
        W is n1 x n0 with entries N(0, sigma_w^2 / n0), X is n0 x m with entries N(0, sigma_x^2).
    trials : int
        Independent samples.
    sigma_w, sigma_x : float
        Positive.
    side : {"features", "samples"}
        n1 eigenvalues or m. The smaller matrix is solved either way; zeros fill up.
    center : bool, optional
        Take E f off, as the limit law needs. Default: a warning where f has a mean.
    dtype : {float64, float32}
        Of what is drawn and of all sums.
    rng : optional
        Whatever `numpy.random.default_rng` takes. Trial i is the same however many there are.
    threads : int, optional
        Default: every core this process may use. Never changes the result.
    executor : concurrent.futures.Executor, optional
        Where to run trials, as `deeprmt.run.map` has it.
    progress : None, True or callable
        As `deeprmt.run.map` has it.

    Returns
    -------
    (trials, n1) or (trials, m) ndarray
        Ascending. Trial 0 is the spectrum of `gram_matrix` with the same `rng`.

    Raises
    ------
    ValueError, TypeError
        If a size is less than 1, f has no Gaussian moments, or the memory does not suffice.

    Examples
    --------
    >>> from deeprmt.nonlinear import constants
    >>> values = gram_eigenvalues("tanh", 300, 200, 400, rng=0)
    >>> law = constants("tanh").gram_law(300 / 400, 300 / 200)
    >>> bool(law.ks_distance(values) < 0.02)
    True
    """
    name = "gram_eigenvalues"
    sizes, scale, samples = _checked(name, n0, n1, m, sigma_w, sigma_x, side)
    count = as_count(name, "trials", trials, most=MOST)
    order, entry = sizes[2] if samples else sizes[1], as_dtype(name, dtype)
    refuse_beyond_memory(name, 2 * entry.itemsize * count * order, f"{count} spectra of {order} numbers")
    phi = entry_function(name, f, float(sigma_w) * float(sigma_x), center)
    inner = as_threads(name, threads)
    task = _Spectrum(phi, sizes, scale, samples, entry, as_key(name, rng), inner)
    return np.stack(run.map(task, range(count), executor=executor, progress=progress))
