"""What noise of the same shape would give: simulated once for a shape, and kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from .._arguments import as_key
from ..ensembles import laguerre_eigenvalues
from ..signal._bulk import LEAST_LEVELS, Bulk, fit
from ..tails import fit_power_law
from ._formulas import Array, det_x_crossing, entropy, log_power_sum
from ._noise_table import SAMPLES, covers, tabulated

DEFAULT_KEY = as_key("noise", 0)


@dataclass(frozen=True, eq=False)
class Noise:
    """Metrics of simulated Gaussian matrices whose squared entries sum to 1; NaN where a spectrum is too small.

    `det_x` is `det_x_crossing`, of which detX is the whole number above.
    """

    alpha: Array
    stable_rank: Array
    entropy: Array
    mp_softrank: Array
    spikes: Array
    det_x: Array
    log_alpha_norm: Array


@lru_cache(maxsize=256)
def noise(short: int, long: int, slices: int, samples: int, key: int) -> Noise:
    """Of `samples` sets of `slices` matrices each; one stream for the key, so the same numbers every time.

    Those of the default number and key come from a table, where that has the shape. Otherwise eigenvalues come from
    bidiagonal matrices: O(short^2) a matrix, where a decomposition takes O(short^2 long).
    """
    if slices == 1 and samples == SAMPLES and key == DEFAULT_KEY and covers(short, long):
        return _frozen(tabulated(short, long))
    columns: list[list[float]] = []
    at_once = max(1, 2**20 // (short * slices))
    rng = np.random.SeedSequence(key)
    for begin in range(0, samples, at_once):
        count = min(at_once, samples - begin)
        (stream,) = rng.spawn(1)
        draws = laguerre_eigenvalues(long, short, 1, size=(count, slices), rng=stream)
        columns += [of_levels(np.maximum(each, 1e-300), short, long) for each in draws]
    return _frozen(np.array(columns))


def _frozen(rows: Array) -> Noise:
    table = np.ascontiguousarray(rows.T)
    table.setflags(write=False)
    return Noise(*table)


def of_levels(slices: Array, short: int, long: int) -> list[float]:
    """The metrics of eigenvalues, a row for each slice, as a row of `Noise`."""
    levels = np.sort(slices.ravel())
    levels /= levels.sum()
    alpha = fit_power_law(levels).alpha if levels.size > 2 else np.nan
    edge, spikes = mp_edge([np.sqrt(each[::-1]) for each in slices], [short] * len(slices), (short, long))
    total = slices.sum()
    return [
        alpha,
        1 / levels[-1],
        float(entropy(levels)),
        edge / total / levels[-1],
        spikes,
        float(det_x_crossing(levels)),
        float(log_power_sum(levels, alpha)) if np.isfinite(alpha) else np.nan,
    ]


def mp_edge(
    singular: list[Array], ranks: list[int], shape: tuple[int, int], known: Callable[[], Bulk] | None = None
) -> tuple[float, float]:
    """The mean upper edge of the slices' fitted bulks, and the number of eigenvalues that stand out; NaN if too few.

    `known` gives the fit of a single slice.
    """
    if known is not None:
        fits = [known()] if ranks[0] >= LEAST_LEVELS else []
    else:
        fits = [fit(s, shape, rank) for s, rank in zip(singular, ranks, strict=True) if rank >= LEAST_LEVELS]
    if not fits:
        return np.nan, np.nan
    edges = [float(each.law.support()[0][1]) ** 2 for each in fits]
    return float(np.mean(edges)), float(sum(each.outliers for each in fits))


def permuted(weight: Array, key: int, copy: int, place: int) -> Array:
    """The entries in random order, each once: a stream of its own for every copy and slice."""
    stream = np.random.Generator(np.random.Philox(key=key, counter=[0, 0, place, copy]))
    flat = weight.ravel().copy()
    stream.shuffle(flat)
    return flat.reshape(weight.shape)
