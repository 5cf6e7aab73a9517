"""The row of a matrix that is too large to decompose: Lanczos' method, with error bars."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..laws import MarchenkoPastur
from ..linalg import spectral_density
from ..signal._bulk import LEAST_LEVELS, fit, noise_threshold, rounding
from ._room import PROBES, STEPS, block_of

Doubles = NDArray[np.float64]


@dataclass(frozen=True)
class Estimated:
    """How numbers were estimated that could not be computed, and how far they may be off.

    Attributes
    ----------
    method : str
        "lanczos".
    probes, steps : int
        Random vectors, and products with the Gram matrix for each.
    stderr : dict
        Standard errors by the names of the attributes, from leaving out one probe after the other, and the bias that
        this shows. They hold the randomness of the probes, not the resolution of the steps. From ``bulk_ks`` the
        distance is taken that the scatter of the probes makes alone; it is rough, and of noise as often 0 as not.

    Examples
    --------
    >>> import numpy as np
    >>> from deeprmt import weights
    >>> noise = np.random.default_rng(0).normal(size=(800, 600))
    >>> (row,) = weights.analyze(noise, max_memory="18MiB").rows
    >>> row.status, row.estimate.method, sorted(row.estimate.stderr)[:2]
    ('estimated', 'lanczos', ['bulk_ks', 'edge_ratio'])
    """

    method: str
    probes: int
    steps: int
    stderr: dict[str, float]


def estimated(weight: Any, precision: float, key: int = 0) -> dict[str, Any]:
    """What a row can have without a decomposition; `weight` is finite, not zero, and stays in its own precision."""
    shape = weight.shape
    n, p = max(shape), min(shape)
    total = float(np.einsum("ij,ij->", weight, weight, dtype=np.float64))
    found = spectral_density(
        weight, gram=True, probes=PROBES, steps=min(STEPS, p), block=block_of(shape, weight.itemsize), rng=key
    )
    nodes, shares = np.sqrt(found.nodes), np.asarray(found.weights)
    rms = math.sqrt(total / (n * p))
    null = rounding(shape, rms, max(precision, float(np.finfo(weight.dtype).eps)))
    every = np.arange(found.probes)
    facts = _numbers(nodes, shares, shape, total, null)
    left_out = [_numbers(nodes[every != i], shares[every != i], shape, total, null) for i in every]
    stderr = {}
    for name in sorted(facts.keys() & set(_UNCERTAIN)):
        values = np.array([each.get(name, math.nan) for each in left_out], np.float64)
        here = float(facts[name])
        if name == "bulk_ks":  # probes scatter about any law: a distance that falls as 1 / sqrt(probes) is theirs alone
            square = every.size * here**2 - (every.size - 1) * float((values**2).mean())
            facts[name] = math.sqrt(min(max(square, 0.0), here**2))
            bias = here - facts[name]
        else:
            bias = (every.size - 1) * (float(values.mean()) - here)
        # The jackknife's, with its bias, and what rounding leaves.
        stderr[name] = math.hypot(math.sqrt((every.size - 1) * values.var()), bias, 2.0**-50 * here)
    facts |= {"estimate": Estimated("lanczos", found.probes, found.steps, stderr), "frobenius_norm": math.sqrt(total)}
    return facts


_UNCERTAIN = (
    "rank", "stable_rank", "entropy", "sigma", "lower_edge", "upper_edge", "threshold", "outliers", "edge_ratio",
    "bulk_ks", "entry_outliers", "spectral_norm",
)  # fmt: skip


def _numbers(nodes: Doubles, shares: Doubles, shape: tuple[int, int], total: float, null: float) -> dict[str, Any]:
    n, p = max(shape), min(shape)
    rank = p - round(p * float(np.where(nodes <= null, shares, 0).sum(axis=1).mean()))
    s = _spectrum(nodes, shares, shape, rank, null, total)
    levels = s[:rank] ** 2 / n
    q = levels / levels.sum()
    rms = math.sqrt(total / (n * p))
    edge = rms**2 * (1 + math.sqrt(p / n)) ** 2
    facts: dict[str, Any] = {
        "singular_values": s,
        "rank": rank,
        "zeros": p - rank,
        "spectral_norm": float(s[0]),
        "stable_rank": total / float(s[0]) ** 2,
        "entropy": float(-(q * np.log(q)).sum() / math.log(rank)) if rank > 1 else 0.0,
        "entry_sigma": rms,
        "entry_outliers": int(np.count_nonzero(levels > edge)),
        "entry_edge_ratio": float(levels[0] / edge),
    }
    if rank < LEAST_LEVELS:
        return facts
    fitted = fit(s, shape, rank)
    low, high = (each**2 / n for each in fitted.law.support()[0])
    return facts | {
        "sigma": fitted.sigma,
        "sigma_stderr": fitted.stderr,
        "lower_edge": float(low),
        "upper_edge": float(high),
        "threshold": fitted.threshold**2 / n,
        "largest_p_value": float(fitted.p_values[0]),
        "outliers": fitted.outliers,
        "edge_ratio": float(levels[0] / high),
        "bulk_ks": fitted.ks,
        "fit_rounds": fitted.rounds,
        "fit_settled": fitted.settled,
        "fit_found": fitted.found,
    }


def _spectrum(nodes: Doubles, shares: Doubles, shape: tuple[int, int], rank: int, null: float, total: float) -> Doubles:
    """All singular values, descending, from the rules: outliers as they are, the rest as quantiles.

    A Ritz value never exceeds the eigenvalue of its own number, counted from above, so that as many as a probe has
    beyond a bound are there at least. Where the weights say that there are more, those are quantiles too. Quantiles are
    of the mean over probes of staircases whose steps are joined in their middles.
    """
    p = min(shape)
    wanted = nodes > null
    first = _quantiles(nodes, np.where(wanted, shares, 0), rank)
    median = math.sqrt(float(MarchenkoPastur(rank / max(shape)).ppf(0.5)) * max(shape))
    bound = noise_threshold(shape, first[rank // 2] / median)
    beyond = (nodes > bound) & (shares > 0)  # a rule that ended early has nodes without weight
    seen = beyond.sum(axis=1)
    share = np.where(beyond, shares, 0).sum(axis=1) * p
    error = float(share.std(ddof=1)) / math.sqrt(len(share))
    count = int(seen.max())
    if share.mean() > count + 3 * error:
        count = min(rank, round(float(share.mean())))
        top = _quantiles(nodes, np.where(beyond, shares, 0), count)[::-1]
    else:
        rows = np.sort(np.where(beyond, nodes, 0), axis=1)[:, ::-1][:, :count]
        top = rows.max(axis=0)
    bulk = _quantiles(nodes, np.where(wanted & ~beyond, shares, 0), rank - count)[::-1] if count < rank else np.empty(0)
    left = total - float((top**2).sum())
    if bulk.size and left > 0:  # the sum of squares is known exactly
        bulk = np.minimum(bulk * math.sqrt(left / float((bulk**2).sum())), top[-1] if count else math.inf)
    s = np.concatenate([top, bulk, np.zeros(p - rank)])
    s[0] = max(s[0], float(nodes.max()))  # the largest Ritz value is closest to the norm
    return s


def _quantiles(nodes: Doubles, shares: Doubles, count: int) -> Doubles:
    """`count` numbers, ascending, that stand for the part of the spectrum to which the shares belong."""
    if count == 0:
        return np.empty(0)
    some = shares.sum(axis=1) > 0
    grid = np.unique(nodes[shares > 0])
    total = np.zeros(grid.size)
    for x, w in zip(nodes[some], shares[some], strict=True):
        here = w > 0
        x, w = x[here], w[here] / w.sum()
        total += np.interp(grid, x, np.cumsum(w) - w / 2, left=0.0, right=1.0)
    mean = np.maximum.accumulate(total / some.sum())
    at = (np.arange(count) + 0.5) / count
    return np.asarray(np.interp(at, mean, grid))
