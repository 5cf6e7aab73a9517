"""Conjugate kernels of layers with heavy-tailed weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _core
from .._arguments import (
    MOST,
    RNG,
    Floats,
    as_count,
    as_generator,
    as_key,
    as_number,
    as_threads,
    refuse_beyond_memory,
    shown,
)
from .._display import Displayed
from ..activations import Activation
from ..ensembles import ginibre, heavy_tailed
from ..linalg import eigvalsh
from ._constants import as_function

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["HeavyTailedKernel", "heavy_tailed_kernel"]

_LEAST = 0.06  # below it powers of uniform numbers are no doubles


@dataclass(frozen=True, eq=False, repr=False)
class HeavyTailedKernel(Displayed):
    """Eigenvalues of a conjugate kernel, and of the same with Gaussian weights; made by `heavy_tailed_kernel`.

    Attributes
    ----------
    eigenvalues, gaussian : (min(n1, m),) ndarray
        Of Y Y^T / m, zeros beyond the rank left out; descending. For heavy-tailed and for Gaussian weights, the same
        inputs.
    participation : float
        (sum lambda)^2 / sum lambda^2 of the former, over their number: small where few eigenvalues hold the trace.
    tail_index : float
    activation : str

    Examples
    --------
    >>> found = heavy_tailed_kernel(100, 100, 200, tail_index=1.2, activation="tanh", rng=0)
    >>> found.eigenvalues.shape
    (100,)
    """

    eigenvalues: Floats
    gaussian: Floats
    participation: float
    tail_index: float
    activation: str

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw eigenvalues over their rank; needs matplotlib."""
        from .. import plots

        return plots.heavy_tails(self, ax=ax)

    def to_dict(self) -> dict[str, Any]:
        """Numbers and lists."""
        head = {"activation": self.activation, "tail_index": self.tail_index, "participation": self.participation}
        return head | {"eigenvalues": self.eigenvalues.tolist(), "gaussian": self.gaussian.tolist()}

    def __repr__(self) -> str:
        ends = f"largest {self.eigenvalues[0]:.4g}, Gaussian {self.gaussian[0]:.4g}"
        return f"HeavyTailedKernel({self.activation}, tail index {self.tail_index:g}, {ends})"


def heavy_tailed_kernel(
    n1: int,
    n0: int,
    m: int,
    *,
    tail_index: float = 1.5,
    activation: str | Activation | Callable[[Any], Any] = "tanh",
    center: bool = True,
    rng: RNG = None,
    threads: int | None = None,
) -> HeavyTailedKernel:
    """Simulate the spectrum of Y Y^T / m, Y = f(W X), where W has heavy tails and X is Gaussian.

    Parameters
    ----------
    n1, n0, m : int
        Features, inputs, samples.
    tail_index : float, default 1.5
        Of the entries of W, which are symmetric Pareto as in `ensembles.heavy_tailed`: scaled by n0^(-1 / tail_index)
        where it is at most 2, to variance 1 / n0 beyond; at least 0.06. A little above 2 nearly all variance is in
        entries so large that none is drawn, and those that are drawn are small.
    activation : str, Activation or callable, default "tanh"
        f, as in `feature_kernel`. Entries of f(W X) must be finite: bounded f are, whatever W.
    center : bool, default True
        Take the mean of each row from it: rows of W have sizes of their own, and so have means of f.
    rng : optional
        Whatever `numpy.random.default_rng` takes.
    threads : int, optional
        Default: every core this process may use. Never changes the result.

    Returns
    -------
    HeavyTailedKernel
        `.eigenvalues`, and those of Gaussian weights beside them.

    Raises
    ------
    ValueError, TypeError
        If a size is below 1, the tail index out of range, or f(W X) not finite.
    MemoryError
        If three matrices of n1 x m cannot fit into memory.

    Notes
    -----
    With tail index below 2 few entries decide a row's sums: entries of Y stay dependent however large n0 is, and the
    law is not that of the Gaussian equivalent [1]_. This is a simulation; no law is given here.

    References
    ----------
    .. [1] A. Guionnet, V. Piccolo, arXiv:2502.18428.

    Examples
    --------
    >>> heavy = heavy_tailed_kernel(150, 150, 300, tail_index=0.8, activation="tanh", rng=1)
    >>> bool(heavy.eigenvalues[0] > heavy.gaussian[0])
    True
    """
    name = "heavy_tailed_kernel"
    rows, inner, columns = (as_count(name, n, v, most=MOST) for n, v in (("n1", n1), ("n0", n0), ("m", m)))
    mu = as_number(name, "tail_index", tail_index, least=_LEAST)
    if not isinstance(center, bool | np.bool_):
        raise TypeError(f"{name}: center must be True or False, got {shown(center)}")
    f = as_function(name, "activation", activation)
    workers = as_threads(name, threads)
    work = 8 * (3 * rows * columns + inner * columns + 2 * rows * inner + 2 * min(rows, columns) ** 2)
    refuse_beyond_memory(name, work, f"features of {rows} x {columns} and their work")
    generator = as_generator(name, rng)
    x = np.empty((inner, columns))
    _core.ensembles.ginibre(as_key(name, generator), 1.0, x[None], workers)

    def levels(w: Floats) -> Floats:
        with np.errstate(over="ignore", invalid="ignore"):
            h = _core.linalg.multiply(w, x, workers)
            y = np.ascontiguousarray(f.phi(h), dtype=np.float64)
            if center:
                y -= y.mean(axis=1, keepdims=True)
        if not np.isfinite(y).all() or np.abs(y).max() > 1e70:
            raise ValueError(f"{name}: f(W X) must be finite and below 1e70; take a bounded f or a larger tail_index")
        small = y if rows <= columns else np.ascontiguousarray(y.T)
        gram = _core.linalg.multiply(small, np.ascontiguousarray(small.T), workers) / columns
        return np.maximum(eigvalsh((gram + gram.T) / 2, threads=workers)[::-1], 0.0)

    heavy = levels(heavy_tailed(rows, inner, mu, rng=generator, threads=workers))
    gaussian = levels(ginibre(rows, inner, rng=generator, threads=workers))
    total = float(np.sum(heavy**2))
    share = float(np.sum(heavy)) ** 2 / total / heavy.size if total > 0 else float("nan")
    return HeavyTailedKernel(heavy, gaussian, share, mu, f.name)
