"""Matrices of entries whose tails are powers."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import DTypeLike

from .. import _core
from .._arguments import RNG, Floats, as_count, as_dtype, as_number
from ._fill import MOST, filled

_CHUNK = 2**15  # entries a task draws: its work stays in the cache


def heavy_tailed(
    m: int,
    n: int | None = None,
    tail_index: float = 1.5,
    *,
    size: int | tuple[int, ...] | None = None,
    dtype: DTypeLike = np.float64,
    rng: RNG = None,
    threads: int | None = None,
) -> Floats:
    """Matrices of independent symmetric Pareto entries: P(\\|x\\| > t) falls as t^-tail_index.

    Parameters
    ----------
    m, n : int
        Rows and columns, at least 1. Default of n: m.
    tail_index : float, default 1.5
        mu > 0. Entries have moments of orders below mu only. Beyond mu = 4 the largest eigenvalue is that of Gaussian
        entries as n grows; below it, it is of the order of the largest entry squared; below 2 the bulk has tails too.
    size, dtype, rng, threads
        As in `haar`.

    Returns
    -------
    (*size, m, n) ndarray
        ``x = c s u^(-1/mu)``, s a random sign, u uniform in (0, 1). Entry variance 1/n where mu > 2:
        ``c^2 = (mu - 2) / (mu n)``. Where mu <= 2 there is no variance, and ``c = n^(-1/mu)``, so that the sum of the
        squares of a row neither grows nor vanishes as n grows [1]_.

    Raises
    ------
    ValueError, TypeError
        If m or n is below 1; if tail_index is not positive, or so small that entries leave the range of `dtype` (below
        0.06 in float64, 0.42 in float32); if an argument has the wrong type.

    Notes
    -----
    Memory: the result, and 1 MiB for each thread.

    References
    ----------
    .. [1] P. Cizeau and J. P. Bouchaud, Phys. Rev. E 50, 1810 (1994).

    Examples
    --------
    >>> x = heavy_tailed(100, 200, 3.0, rng=0)
    >>> bool(abs(x).min() >= (1 / 600) ** 0.5)  # Pareto entries keep away from 0
    True
    """
    m = as_count("heavy_tailed", "m", m, most=MOST)
    n = m if n is None else as_count("heavy_tailed", "n", n, most=MOST)
    kind = as_dtype("heavy_tailed", dtype)
    least = 0.06 if kind == np.float64 else 0.42
    mu = as_number("heavy_tailed", "tail_index", tail_index)
    if not mu >= least:
        raise ValueError(f"heavy_tailed: tail_index must be at least {least} in {kind}, got {mu:g}")
    scale = math.sqrt((mu - 2) / mu / n) if mu > 2 else n ** (-1 / mu)

    def fill(key: int, out: Floats, threads: int) -> None:
        flat = out.reshape(len(out), -1)
        tasks = [(i, start) for i in range(len(flat)) for start in range(0, flat.shape[1], _CHUNK)]

        def draw(task: tuple[int, int]) -> None:
            sample, start = task
            part = flat[sample, start : start + _CHUNK]
            u = np.empty(part.size)
            _core.random.uniforms(key, sample, 0, start, u)
            side = np.where(u < 0.5, -scale, scale)
            np.minimum(u, 1 - u, out=u)
            u *= 2  # in (0, 1], and independent of the side
            part[:] = side * u ** (-1 / mu)

        if threads == 1 or len(tasks) == 1:
            for task in tasks:
                draw(task)
        else:
            with ThreadPoolExecutor(min(threads, len(tasks))) as pool:
                for _ in pool.map(draw, tasks):
                    pass

    return filled("heavy_tailed", (m, n), size, kind, rng, threads, fill)
