"""A histogram of eigenvalues or singular values, and a law over it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from .._arguments import as_real
from ._axes import DATA, LAW, QUIET, as_axes, as_row, nothing, tidy
from .law import draw_density, stems

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from ..laws import Law
    from ..weights import LayerAnalysis

__all__ = ["spectrum"]


def spectrum(
    values: ArrayLike | LayerAnalysis,
    law: Law | None = None,
    *,
    share: float = 1.0,
    threshold: float | None = None,
    ax: Axes | None = None,
    bins: int | str | Sequence[float] | None = None,
    label: str | None = "measured",
    law_label: str | None = "law",
    xlabel: str = "eigenvalue",
    color: str = DATA,
) -> Axes:
    """Draw a histogram of values with the density of a law over it.

    Values at an atom of the law are left out of the bars, which then integrate to the share of the rest; the atom's
    arrow says its mass and their share. Values far outside the support are left out too, and marked on the axis.

    Parameters
    ----------
    values : array_like of real or LayerAnalysis
        Eigenvalues or singular values, any shape, finite. Or a layer of an analysis: its eigenvalues, with the fitted
        law, its threshold and the outliers.
    law : Law, optional
        Drawn as a line, its atoms as arrows.
    share : float, default 1
        Of the values that the law is for: its density is drawn with that mass.
    threshold : float, optional
        What counts as an outlier: a dotted line, and values above it are marked on the axis.
    ax : matplotlib.axes.Axes, optional
        Where; default: a new figure.
    bins : int, str or sequence, optional
        As for `numpy.histogram`; default: about the square root of the number of values, at most 120.
    label, law_label, xlabel, color : str, optional
        Texts, and the colour of the bars.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> from deeprmt import laws, plots
    >>> law = laws.MarchenkoPastur(0.5)
    >>> ax = plots.spectrum(law.rvs(500, rng=1), law)
    >>> ax.get_xlabel()
    'eigenvalue'
    """
    given: Any = values
    row = as_row(values)
    if row is not None:
        if not row.eigenvalues.size:
            raise nothing("spectrum", row, "eigenvalues")
        given = row.eigenvalues
        if law is None and row.law is not None:
            law, threshold = row.law, row.threshold if threshold is None else threshold
            share = 1 - (row.outliers or 0) / row.eigenvalues.size
            law_label = "Marchenko-Pastur" if law_label == "law" else law_label
    x = as_real("spectrum", "values", given).astype(np.float64).ravel()
    if x.size == 0 or not np.isfinite(x).all():
        raise ValueError("spectrum: values must be finite and at least one")
    ax = as_axes(ax)
    total = x.size
    shares: list[tuple[float, float, float]] = []  # of each atom: where, its mass, the share of values at it
    outliers = x[:0]
    above = x[:0] if threshold is None else x[x > threshold]
    if law is not None:
        low, high = law._hull()
        scale = max(abs(end) for end in (low, high, 0.0) if np.isfinite(end))
        for location, mass in law.atoms():
            near = np.abs(x - location) <= 1e-9 * scale
            shares.append((location, mass, near.sum() / total))
            x = x[~near]
        reach = 0.25 * (high - low)  # fluctuations of an edge stay in the bars; far values would flatten them
        far = (x < low - reach) | (x > high + reach)
        outliers, x = x[far], x[~far]
    if x.size:
        count = min(120, max(10, round(2 * np.sqrt(x.size)))) if bins is None else bins
        heights, edges = np.histogram(x, count)
        heights = heights / (total * np.diff(edges))
        ax.stairs(heights, edges, fill=True, color=color, alpha=0.85, label=label)
        ax.set_ylim(0, 1.08 * heights.max())
    if law is not None:
        draw_density(law, ax, law_label, LAW, share=share)
    stems(ax, [(location, mass, f"{mass:.3g} (measured {share:.3g})") for location, mass, share in shares], LAW)
    if threshold is not None:
        ax.axvline(threshold, color=QUIET, linestyle=":", linewidth=1.2, label=f"threshold {threshold:.4g}")
        _mark(ax, above, f"{above.size} above")
        outliers = outliers[outliers < threshold]
    if outliers.size:
        _mark(ax, outliers, f"{outliers.size} outside")
    ax.set_xlabel(xlabel)
    ax.set_ylabel("density")
    if ax.get_legend_handles_labels()[0]:  # none if all lies at atoms
        ax.legend(frameon=False)
    tidy(ax)
    return ax


def _mark(ax: Axes, outliers: Any, label: str) -> None:
    """A tick of its own for each value outside, on the lower border: a logarithmic axis has no 0."""
    ax.plot(
        outliers, np.zeros_like(outliers), marker="|", markersize=16, markeredgewidth=1.5, linestyle="none", color=LAW,
        clip_on=False, label=label, zorder=4, transform=ax.get_xaxis_transform(),
    )  # fmt: skip
