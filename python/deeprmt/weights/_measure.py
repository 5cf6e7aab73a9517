"""From a layer to its row of numbers."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np

from .._arguments import default_threads
from ..errors import ConvergenceError
from ..linalg import svd
from ..linalg._svd import svdvals_in_double
from ..signal._bulk import LEAST_LEVELS, Bulk, few_distinct, fit, rounding, zeros
from ..spectra import porter_thomas, spacing_ratio, wigner_surmise
from ..tails import hill
from ._entries import largest, localization, sums
from ._estimate import estimated
from ._layer import Layer
from ._metrics import of_spectrum
from ._row import LayerAnalysis, raw_spacings
from ._tensor import PRECISION

LEAST_SPACINGS = 10
_EQUAL = 1e-10
"""Levels this close, over the largest, are one level twice: what a decomposition in double precision tells apart, and
far below the spacing of 10^5 levels."""
_SHARED = math.sqrt(1 + 2 * 0.2417)
"""Neighbouring ratios share a spacing. Those of repelling levels (GOE) have the correlation 0.2417, as simulated, of
independent levels 0.154; those further apart are uncorrelated to 0.005. The larger one widens the standard error."""
_LARGEST = 1e140
"""Entries between this and its inverse have squares, and sums of squares, that double precision can hold."""


def measure(
    layer: Layer,
    *,
    window: int = 15,
    samples: int = 199,
    permutations: int = 0,
    vectors: bool = False,
    spacing_trials: int = 0,
    key: int = 0,
    threads: int | None = None,
) -> LayerAnalysis:
    """Every statistic that the matrix admits; what it does not is None, and the note says why."""
    with default_threads(threads):
        row = _measure(layer, window, {"samples": samples, "permutations": permutations}, vectors, key)
        return _with_spacing_test(row, spacing_trials) if spacing_trials else row


def _with_spacing_test(row: LayerAnalysis, trials: int) -> LayerAnalysis:
    try:
        found = row.spacing_test(trials=trials)
    except (ValueError, ConvergenceError) as error:
        note = f"spacings cannot be tested: {error}"
        return replace(row, note=f"{row.note}; {note}" if row.note else note)
    return row if found is None else replace(row, spacing_p=found.p_exact, spacing_ratio_p=found.p_ratio)


def measure_estimated(
    layer: Layer, *, window: int = 15, key: int = 0, threads: int | None = None, **_: int
) -> LayerAnalysis:
    """As `measure`, without a decomposition and without a copy: what Lanczos' method tells, with standard errors."""
    with default_threads(threads):
        facts = _names(layer, window)
        fault = _fault(layer.weight)
        if fault is not None:
            return _faulty(layer, facts, *fault)
        facts |= estimated(layer.weight, PRECISION.get(layer.dtype, PRECISION["float32"]), key)
        return LayerAnalysis(**facts, status="estimated", note=_errors(facts))


def failed(layer: Layer, window: int, error: Exception) -> LayerAnalysis:
    """The row of a layer that ended in an error nobody thought of: the others go on."""
    why = " ".join(str(error).split())
    note = f"the analysis ended in {type(error).__name__}{f': {why:.300}' if why else ''}"
    return LayerAnalysis(**_names(layer, window), status="failed", note=note)


def _errors(facts: dict[str, Any]) -> str:
    estimate = facts["estimate"]
    text = f"estimated by Lanczos' method, {estimate.probes} probes of {estimate.steps} steps"
    if "sigma" in estimate.stderr:
        text += f" (sigma ± {estimate.stderr['sigma']:.2g}, outliers ± {estimate.stderr['outliers']:.2g})"
    return f"{text}: a decomposition does not fit into max_memory"


def _names(layer: Layer, window: int) -> dict[str, Any]:
    return {
        "name": layer.name,
        "kind": layer.kind,
        "source": layer.source,
        "dtype": layer.dtype,
        "shape": layer.weight.shape,
        "stored_shape": layer.shape,
        "aspect": min(layer.weight.shape) / max(layer.weight.shape) if layer.weight.size else None,
        "window": window,
    }


def _faulty(layer: Layer, facts: dict[str, Any], status: str, note: str) -> LayerAnalysis:
    if status == "zero":
        count = min(layer.weight.shape)
        facts |= {"rank": 0, "zeros": count, "spectral_norm": 0.0, "frobenius_norm": 0.0}
        facts |= {"entry_sigma": 0.0, "singular_values": np.zeros(count)}
    return LayerAnalysis(**facts, status=status, note=note)


def _measure(layer: Layer, window: int, simulations: dict[str, int], vectors: bool, key: int) -> LayerAnalysis:
    facts = _names(layer, window)
    weight = np.asarray(layer.weight)
    fault = _fault(weight)
    if fault is not None:
        return _faulty(layer, facts, *fault)
    tested: dict[str, Any] = {}
    try:
        s = svdvals_in_double(weight)
        if vectors and min(weight.shape) > 1:
            found = svd(np.asarray(weight, np.float64))
            rank = s.size - zeros(s, weight.shape, PRECISION.get(layer.dtype, PRECISION["float32"]))
            tested["left_vectors"] = porter_thomas(found.u[:, :rank])
            tested["right_vectors"] = porter_thomas(found.vt[:rank].T)
    except (ConvergenceError, MemoryError) as error:
        return LayerAnalysis(**facts, status="failed", note=f"no singular values: {error or 'out of memory'}")
    frobenius = math.sqrt(float((s * s).sum()))
    about: dict[str, Any] = {"name": layer.name, "kind": layer.kind, "source": layer.source, "convention": "deeprmt"}
    about |= {"shape": layer.weight.shape} | simulations
    precision = PRECISION.get(layer.dtype, PRECISION["float32"])
    scale = frobenius / math.sqrt(weight.size)
    entries = sums(weight, scale)
    if min(weight.shape) > 1:
        tested["left_localization"] = localization(entries.rows, (s / scale) ** 2)
        tested["right_localization"] = localization(entries.columns, (s / scale) ** 2)
    null = zeros(s, weight.shape, precision)

    @cache
    def fitted() -> Bulk:
        return fit(s, weight.shape, s.size - null)

    facts["metrics"] = of_spectrum([layer.weight], [s], precision, about, "ww", key, entries.fourth, fitted=fitted)
    return _spectrum(layer, facts | tested, s, frobenius, null, fitted)


def _fault(weight: np.ndarray[Any, Any]) -> tuple[str, str] | None:
    """What forbids any spectrum, and how the reader would find it."""
    if weight.size == 0:
        return "zero", "the matrix is empty"
    top = largest(weight)
    if not math.isfinite(top):
        bad = ~np.isfinite(weight)
        first = tuple(int(i) for i in np.argwhere(bad)[0])
        count = int(np.count_nonzero(bad))
        which = f"{count} of {weight.size} entries {'is' if count == 1 else 'are'} NaN or infinite"
        return "non-finite", f"{which}, the first at {first}"
    if top == 0:
        return "zero", "every entry is zero"
    if not 1 / _LARGEST < top < _LARGEST:
        return "out of range", f"the largest entry is {top:.3g}, whose square double precision cannot hold"
    return None


def _spectrum(
    layer: Layer,
    facts: dict[str, Any],
    s: np.ndarray[Any, Any],
    frobenius: float,
    null: int,
    fitted: Callable[[], Bulk],
) -> LayerAnalysis:
    shape = layer.weight.shape
    n, m = max(shape), min(shape)
    rms = frobenius / math.sqrt(layer.weight.size)
    precision = PRECISION.get(layer.dtype, PRECISION["float32"])
    rank = m - null
    levels = s[:rank] ** 2 / n
    p = levels / levels.sum()
    edge = rms**2 * (1 + math.sqrt(m / n)) ** 2
    facts |= {
        "singular_values": s,
        "rank": rank,
        "zeros": null,
        "spectral_norm": float(s[0]),
        "frobenius_norm": frobenius,
        "stable_rank": float(levels.sum() / levels[0]),
        "entropy": float(-(p * np.log(p)).sum() / math.log(rank)) if rank > 1 else 0.0,
        "entry_sigma": rms,
        "entry_outliers": int(np.count_nonzero(levels > edge)),
        "entry_edge_ratio": float(levels[0] / edge),
    }
    status, notes = "ok", []
    if m == 1:
        status = "vector"
        notes.append(f"{shape[0]} x {shape[1]}: a single singular value, no spectrum")
    elif null:
        status = "rank deficient"
        notes.append(f"rank {rank} of {m}: {null} singular values are zero up to {layer.dtype} rounding")
    if m > 1 and rank > 1 and s[0] - s[rank - 1] <= 2 * rounding(shape, rms, precision):
        status = "orthogonal" if status == "ok" else status
        notes.append("all singular values are equal, as of an orthogonal matrix: Marchenko-Pastur does not fit")
    elif m > 1 and (distinct := few_distinct(s[:rank], 2 * rounding(shape, rms, precision))):
        status = "degenerate" if status == "ok" else status
        notes.append(f"{rank} singular values, but only {distinct} distinct ones up to {layer.dtype} rounding: no bulk")
    elif m > 1 and rank < LEAST_LEVELS:
        status = "small" if status == "ok" else status
        notes.append(f"{rank} level{'' if rank == 1 else 's'}: a law needs {LEAST_LEVELS}")
    elif m > 1:
        special, note = _laws(facts, levels, fitted())
        if note:
            status = special if status == "ok" else status
            notes.append(note)
    return LayerAnalysis(**facts, status=status, note="; ".join(notes))


def _laws(facts: dict[str, Any], levels: np.ndarray[Any, Any], fitted: Bulk) -> tuple[str, str]:
    """Add the fitted law, the spacings and the tail; return what could not be had, as a status and in words."""
    n = max(facts["shape"])
    low, high = (edge**2 / n for edge in fitted.law.support()[0])
    k = max(1, round(levels.size / 10))
    tail = hill(levels)
    facts |= {
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
        "hill_k": k,
        "hill_xi": float(tail.xi[k - 1]),
        "hill_stderr": float(tail.stderr[k - 1]),
    }
    window = facts["window"]
    bulk = facts["singular_values"][fitted.outliers : levels.size][::-1]
    if bulk.size < 2 * window + LEAST_SPACINGS + 1:
        few = f"{bulk.size} bulk level{'' if bulk.size == 1 else 's'}"
        return "small", f"{few}: spacings need {2 * window + LEAST_SPACINGS + 1}"
    equal = int(np.count_nonzero(np.diff(bulk) <= _EQUAL * bulk[-1]))
    if 4 * equal >= bulk.size:
        return "degenerate", f"{equal} of {bulk.size} bulk levels equal the next one: no spacings"
    raw = raw_spacings(bulk, window)
    ratios = spacing_ratio(bulk[window:-window])
    ratios = ratios[np.isfinite(ratios)]  # 0/0 where three levels coincide
    if raw.mean() <= 0 or ratios.size < 2:
        return "degenerate", "levels coincide: no spacings"
    facts |= {
        "spacing_count": raw.size,
        "mean_spacing": float(raw.mean()),
        "spacing_variance": float(np.var(raw / raw.mean())),
        "spacing_ks": wigner_surmise(1).ks_distance(raw / raw.mean()),
        "spacing_ratio": float(ratios.mean()),
        "spacing_ratio_stderr": _SHARED * float(ratios.std(ddof=1) / math.sqrt(ratios.size)),
    }
    return "ok", ""
