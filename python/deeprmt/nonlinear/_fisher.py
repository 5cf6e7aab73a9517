"""The Fisher matrix of a network with one hidden layer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from .. import _core
from .._arguments import (
    MOST,
    RNG,
    Floats,
    as_count,
    as_generator,
    as_key,
    as_real,
    as_threads,
    refuse_beyond_memory,
    refuse_non_finite,
    shown,
)
from .._display import Displayed
from ..activations import Activation
from ..linalg import eigvalsh
from ._constants import as_function, constants_of
from ._feature_kernel import as_samples

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["FisherSpectrum", "fisher_matrix", "fisher_spectrum"]

_ZERO = 1e-10  # of the largest eigenvalue: what is below is rounding of the matrix


def fisher_matrix(
    w1: ArrayLike,
    w2: ArrayLike,
    x: ArrayLike,
    *,
    activation: str | Activation | Callable[[Any], Any],
    threads: int | None = None,
) -> Floats:
    """J^T J / m for the Jacobian J of all outputs w2 f(w1 x) with respect to all weights, over m samples.

    Parameters
    ----------
    w1 : (n1, n0) array_like of real
        Weights of the hidden layer.
    w2 : (n2, n1) array_like of real
        Weights of the output.
    x : (m, n0) array_like of real
        Samples in rows.
    activation : str, Activation or callable
        f. At a kink f' is the limit from the left.
    threads : int, optional
        Default: every core this process may use. Never changes the result.

    Returns
    -------
    (p, p) ndarray
        p = n1 n0 + n2 n1: first w1, then w2, both row by row.

    Raises
    ------
    ValueError, TypeError
        If shapes do not fit, or entries are not finite, or products of them.
    MemoryError
        If two p x p matrices and one of m x n1 n0 cannot fit into memory.

    Notes
    -----
    For squared loss with unit noise this is the empirical Fisher information, and the Gauss-Newton part of the Hessian.
    Its blocks are made of products over samples: m (n1 n0)^2 multiplications, whatever the number of outputs.

    References
    ----------
    .. [1] J. Pennington, P. Worah, Advances in Neural Information Processing Systems 31 (2018).

    Examples
    --------
    >>> fisher_matrix([[1.0]], [[3.0]], [[2.0]], activation="linear")  # d(w2 w1 x) = (w2 x, w1 x)
    array([[36., 12.],
           [12.,  4.]])
    """
    name = "fisher_matrix"
    first, second = (as_real(name, n, w).astype(np.float64) for n, w in (("w1", w1), ("w2", w2)))
    for argument, w in (("w1", first), ("w2", second)):
        if w.ndim != 2 or min(w.shape) < 1:
            raise ValueError(f"{name}: {argument} must be a matrix, got shape {w.shape}")
        refuse_non_finite(name, argument, w)
    n1, n0 = first.shape
    n2 = len(second)
    if second.shape[1] != n1:
        raise ValueError(f"{name}: w2 must have {n1} columns, the rows of w1, got {second.shape[1]}")
    samples = as_samples(name, "x", x, n0)
    f = as_function(name, "activation", activation)
    workers = as_threads(name, threads)
    m, inner = len(samples), n1 * n0
    p = inner + n2 * n1
    refuse_beyond_memory(name, _memory(n0, n1, n2, m), f"a Fisher matrix of {p} weights over {m} samples")
    with np.errstate(over="ignore", invalid="ignore"):
        out = _blocks(first, second, samples, f, workers)
    if not np.isfinite(out).all():
        raise ValueError(
            f"{name}: entries must be finite, but those of w1, w2, x or f are so large that products are not"
        )
    return out


def _memory(n0: int, n1: int, n2: int, m: int) -> int:
    """Bytes: the matrix and its transpose added to it, products over samples, units and slopes."""
    p, inner = n1 * (n0 + n2), n1 * n0
    return 8 * (2 * p * p + 2 * m * inner + 4 * m * n1)


def _blocks(first: Floats, second: Floats, samples: Floats, f: Activation, workers: int) -> Floats:
    (n1, n0), n2, m = first.shape, len(second), len(samples)
    inner = n1 * n0
    p = inner + n2 * n1

    def times(a: Floats, b: Floats) -> Floats:
        return np.asarray(_core.linalg.multiply(np.ascontiguousarray(a), np.ascontiguousarray(b), workers))

    h = times(samples, first.T)
    y, slope = np.asarray(f.phi(h), dtype=np.float64), np.asarray(f.dphi(h), dtype=np.float64)
    inputs = (slope[:, :, None] * samples[:, None, :]).reshape(m, inner) / m**0.5
    hidden = y / m**0.5
    out = np.zeros((p, p))
    block = times(inputs.T, inputs).reshape(n1, n0, n1, n0)
    block *= times(second.T, second)[:, None, :, None]
    out[:inner, :inner] = block.reshape(inner, inner)
    # d/dw1[b, i] and d/dw2[o, a] of output o: w2[o, b] times a product over samples.
    mixed = times(inputs.T, hidden).reshape(n1, n0, n1)
    cross = (mixed[:, :, None, :] * second.T[:, None, :, None]).reshape(inner, n2 * n1)
    out[:inner, inner:] = cross
    out[inner:, :inner] = cross.T
    last = times(hidden.T, hidden)
    for o in range(n2):
        at = slice(inner + o * n1, inner + (o + 1) * n1)
        out[at, at] = last
    return (out + out.T) / 2


@dataclass(frozen=True, eq=False, repr=False)
class FisherSpectrum(Displayed):
    """Eigenvalues of a Fisher matrix; made by `fisher_spectrum`.

    Attributes
    ----------
    eigenvalues : (p,) ndarray
        Ascending, rounding below 0 included.
    zero_fraction : float
        The share below 1e-10 of the largest.
    condition : float
        The largest over the mean: how much slower the average direction is learned than the fastest.
    spread : float
        The mean square over the squared mean.
    activation : str

    Examples
    --------
    >>> linear, tanh = (fisher_spectrum(12, samples=200, activation=f, rng=0) for f in ("linear", "tanh"))
    >>> linear.zero_fraction, tanh.zero_fraction
    (0.5, 0.0)
    """

    eigenvalues: Floats
    zero_fraction: float
    condition: float
    spread: float
    activation: str

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the share of eigenvalues below each; needs matplotlib."""
        from .. import plots

        return plots.fisher(self, ax=ax)

    def to_dict(self) -> dict[str, Any]:
        """Numbers and lists."""
        numbers = {name: getattr(self, name) for name in ("activation", "zero_fraction", "condition", "spread")}
        return numbers | {"eigenvalues": self.eigenvalues.tolist()}

    def __repr__(self) -> str:
        numbers = f"zeros {self.zero_fraction:.3g}, largest over mean {self.condition:.4g}"
        return f"FisherSpectrum({self.activation}, {self.eigenvalues.size} weights, {numbers})"


def fisher_spectrum(
    n0: int,
    n1: int | None = None,
    n2: int | None = None,
    *,
    samples: int | None = None,
    activation: str | Activation | Callable[[Any], Any] = "tanh",
    standardize: bool = True,
    rng: RNG = None,
    threads: int | None = None,
) -> FisherSpectrum:
    """The spectrum of the Fisher matrix of a random network with one hidden layer, at Gaussian inputs.

    Parameters
    ----------
    n0, n1, n2 : int
        Inputs, hidden units, outputs. Default of n1 and n2: n0.
    samples : int, optional
        Default: twice as many as make J tall, 2 p / n2.
    activation : str, Activation or callable, default "tanh"
        f.
    standardize : bool, default True
        Take (f - mean) / sqrt(eta) in place of f, so that different f have hidden units of mean 0 and variance 1.
    rng : optional
        Whatever `numpy.random.default_rng` takes: the same seed gives the same weights and inputs for every f.
    threads : int, optional
        Default: every core this process may use. Never changes the result.

    Returns
    -------
    FisherSpectrum
        `.eigenvalues`, `.zero_fraction`, `.condition`.

    Raises
    ------
    ValueError, TypeError
        If a size is below 1; if f is constant or unknown, or its Fisher matrix 0.
    MemoryError
        If two p x p matrices and one of samples x n1 n0 cannot fit into memory.

    Notes
    -----
    w1 has N(0, 1/n0) entries, w2 N(0, 1/n1), x N(0, 1). Of linear networks the function depends on w2 w1 alone, so that
    n1^2 directions are flat if n1 is the least size; nonlinear ones have none in general. Where f(c h) = c^k f(h), as
    for powers, abs and relu as they are (without a mean taken off), n1 directions are: a unit's weights may be
    multiplied by c and what leaves it by c^-k. Steps have f' = 0: no weight of the first layer has an effect.

    References
    ----------
    .. [1] J. Pennington, P. Worah, Advances in Neural Information Processing Systems 31 (2018).

    Examples
    --------
    >>> fisher_spectrum(10, activation="relu", rng=0)
    FisherSpectrum(relu, 200 weights, zeros 0, largest over mean 9.617)
    """
    name = "fisher_spectrum"
    inputs = as_count(name, "n0", n0, most=MOST)
    hidden = inputs if n1 is None else as_count(name, "n1", n1, most=MOST)
    outputs = inputs if n2 is None else as_count(name, "n2", n2, most=MOST)
    weights = hidden * (inputs + outputs)
    m = -(-2 * weights // outputs) if samples is None else as_count(name, "samples", samples, most=2**53)
    f = as_function(name, "activation", activation)
    workers = as_threads(name, threads)
    if not isinstance(standardize, bool | np.bool_):
        raise TypeError(f"{name}: standardize must be True or False, got {shown(standardize)}")
    what = f"a Fisher matrix of {weights} weights over {m} samples"
    refuse_beyond_memory(name, _memory(inputs, hidden, outputs, m), what)
    offset, size = 0.0, 1.0
    if standardize:
        found = constants_of(name, "activation", f)
        offset, size = found.mean, found.eta**0.5
    generator = as_generator(name, rng)
    arrays = []
    for rows, columns, variance in ((hidden, inputs, inputs), (outputs, hidden, hidden), (m, inputs, 1)):
        part = np.empty((rows, columns))
        _core.ensembles.ginibre(as_key(name, generator), variance**-0.5, part[None], workers)
        arrays.append(part)
    # The slope decides for w1, the value for w2.
    scaled = Activation(
        lambda h: (f.phi(h) - offset) / size,
        lambda h: f.dphi(h) / size,
        name=f.name,
        kinks=f.kinks,
        slopes=None if f.slopes is None else tuple(s / size for s in f.slopes),
    )
    values = eigvalsh(fisher_matrix(*arrays, activation=scaled, threads=workers), threads=workers)
    mean = float(values.mean())
    if not mean > 0:
        raise ValueError(f"{name}: activation must not be 0 at all inputs, the Fisher matrix of {f.name} is 0")
    zero = float(np.mean(values < _ZERO * values[-1]))
    return FisherSpectrum(values, zero, float(values[-1]) / mean, float(np.mean(values**2)) / mean**2, f.name)
