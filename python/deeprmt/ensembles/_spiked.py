"""Noise with a signal of low rank in it."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from .._arguments import RNG, Floats, as_count, as_key, as_real, refuse_non_finite
from ._fill import MOST
from ._gaussian import ginibre
from ._haar import haar


def spiked(
    m: int,
    n: int | None = None,
    spikes: ArrayLike = (2.0,),
    *,
    size: int | tuple[int, ...] | None = None,
    dtype: DTypeLike = np.float64,
    rng: RNG = None,
    threads: int | None = None,
) -> Floats:
    """Gaussian matrices with some singular values added along random directions.

    Parameters
    ----------
    m, n : int
        Rows and columns, at least 1. Default of n: m.
    spikes : (k,) array_like of real, default (2.0,)
        The strengths theta_i >= 0, k <= min(m, n), in any order.
    size, dtype, rng, threads
        As in `haar`.

    Returns
    -------
    (*size, m, n) ndarray
        ``sum_i theta_i u_i v_i^T + G``, G as from `ginibre` (entry variance 1/n), u and v the columns of independent
        Haar matrices. With beta = m/n, a spike above beta^(1/4) gives a singular value beyond the bulk's edge
        1 + sqrt(beta), at ``sqrt((1 + theta^2)(beta + theta^2)) / theta`` as n grows; one below it leaves no trace
        [1]_. `signal.spiked` has these formulas, `signal.fit_bulk` inverts them.

    Raises
    ------
    ValueError, TypeError
        If m or n is below 1; if a spike is negative or not finite, or there are more than min(m, n); if an argument
        has the wrong type.

    Notes
    -----
    Memory: the result and k (m + n) numbers for each matrix, and one matrix more.

    References
    ----------
    .. [1] F. Benaych-Georges and R. R. Nadakuditi, J. Multivariate Anal. 111, 120 (2012).

    Examples
    --------
    >>> import numpy as np
    >>> s = np.linalg.svd(spiked(300, 600, [3.0], rng=0), compute_uv=False)
    >>> bool(abs(s[0] - np.sqrt((1 + 9) * (0.5 + 9)) / 3) < 0.2)
    True
    """
    m = as_count("spiked", "m", m, most=MOST)
    n = m if n is None else as_count("spiked", "n", n, most=MOST)
    theta = as_real("spiked", "spikes", spikes)
    if theta.ndim != 1 or theta.size > min(m, n):
        raise ValueError(f"spiked: spikes must have shape (k,) with k <= {min(m, n)}, got {theta.shape}")
    refuse_non_finite("spiked", "spikes", theta)
    if (theta < 0).any():
        raise ValueError(f"spiked: spikes must not be negative, got {theta.min():g}")
    generator = np.random.default_rng(as_key("spiked", rng))
    out = ginibre(m, n, size=size, dtype=dtype, rng=generator, threads=threads)
    if theta.size:
        u = haar(m, theta.size, size=size, dtype=dtype, rng=generator, threads=threads)
        v = haar(n, theta.size, size=size, dtype=dtype, rng=generator, threads=threads)
        u *= theta.astype(out.dtype)
        for where in np.ndindex(out.shape[:-2]):
            out[where] += u[where] @ v[where].T
    return out
