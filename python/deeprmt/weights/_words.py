"""Findings in plain words, each with its evidence."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._row import LayerAnalysis

GOE_RATIO = 0.53064
"""The mean ratio of neighbouring spacings of large GOE matrices (Atas et al. 2013; 4 - 2 sqrt 3 = 0.536 at 3 x 3)."""
POISSON_RATIO = 0.38629
GOE_SCATTER, POISSON_SCATTER = 0.310, 0.320
"""The standard error of either mean times the root of the number of ratios: 0.2544 sqrt(1 + 2 x 0.2417), and for
independent levels 0.2796 sqrt(1 + 2 x 0.1543), where 0.2796^2 = 3 - 4 ln 2 - (2 ln 2 - 1)^2."""


def verdict(row: LayerAnalysis) -> str:
    """The main findings in a sentence: the bulk, the outliers, the tail, the spacings."""
    parts = [row.note] if row.status != "ok" else []
    parts += [_bulk(row), _outliers(row), _tail(row), _spacings(row), _localization(row)]
    return "; ".join(part for part in parts if part)


def _bulk(row: LayerAnalysis) -> str:
    if row.bulk_ks is None or row.rank is None or row.outliers is None:
        return ""
    if not row.fit_found:
        return "no Marchenko-Pastur bulk: setting outliers apart does not end before half of the eigenvalues are gone"
    chance = 1 / (row.rank - row.outliers)  # what a handful of levels is off by in any case
    if row.bulk_ks < 0.03 + chance:
        how = "fits"
    elif row.bulk_ks < 0.08 + chance:
        how = "roughly follows"
    else:
        how = "does not follow"
    return f"bulk {how} Marchenko-Pastur (KS {row.bulk_ks:.3f})"


def _outliers(row: LayerAnalysis) -> str:
    if row.outliers is None or row.rank is None or row.edge_ratio is None:
        return ""
    if row.outliers == 0:
        allowed = ", as noise may have it" if row.edge_ratio > 1 else ""
        return f"no outliers (largest eigenvalue {row.edge_ratio:.2f} x the edge{allowed})"
    edge = "the edge" if row.fit_found else "the edge of the median's law"
    text = f"{row.outliers} of {row.rank} eigenvalues above {edge} (largest {_times(row.edge_ratio)} x the edge)"
    if row.fit_found and row.outliers > 0.1 * row.rank:
        text += ", more a slope than single spikes"
    return text


def _tail(row: LayerAnalysis) -> str:
    """Alpha where it is one, and else why not; nothing where there is no spectrum to speak of."""
    found = row.metrics
    if row.outliers is None or found is None or found.alpha is None or found.alpha_verdict is None:
        return ""
    if found.alpha_verdict == "power law":
        return f"the largest {found.n_tail} follow a power law (alpha {found.alpha:.2f} ± {found.stderr['alpha']:.2f})"
    if found.alpha_verdict == "no tail":
        return "no tail"
    reason = found.alpha_reasons[0]
    if found.alpha_verdict == "no power law":
        return f"no power law ({reason})"
    return f"power law or not cannot be told ({reason})"


def _times(ratio: float) -> str:
    return f"{ratio:.3g}" if ratio < 999 else f"{ratio:.0f}" if ratio < 1e6 else f"{ratio:.1e}"


def _spacings(row: LayerAnalysis) -> str:
    r, error = row.spacing_ratio, row.spacing_ratio_stderr
    if r is None or error is None or row.spacing_count is None:
        return ""
    evidence = f"(mean spacing ratio {r:.3f} ± {error:.3f})"
    # Against what either law itself scatters, which is known; a standard error from ten ratios is not.
    width = 3 / math.sqrt(max(row.spacing_count - 1, 1))
    repel = abs(r - GOE_RATIO) < GOE_SCATTER * width
    independent = abs(r - POISSON_RATIO) < POISSON_SCATTER * width
    if repel and independent:
        return f"too few spacings to tell repelling levels from independent ones {evidence}"
    if repel:
        return f"levels repel as in random matrices {evidence}"
    if independent:
        return f"levels as if independent {evidence}"
    return f"levels neither as in random matrices (0.531) nor independent (0.386) {evidence}"


def _localization(row: LayerAnalysis) -> str:
    """Only where it is far beyond noise: vectors on fewer than ten rows or columns."""
    sides = (("left", row.left_localization, "row"), ("right", row.right_localization, "column"))
    found = []
    for (side, value, what), n in zip(sides, row.shape, strict=True):
        if value is not None and value > max(0.2, 10 / (n + 1)):
            on = max(1, round(2 / value - 1))
            found.append(f"{side} singular vectors sit on about {on} of {n} {what}s{'' if on > 1 else ' each'}")
    return ", ".join(found)
