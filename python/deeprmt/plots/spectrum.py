"""A histogram of eigenvalues or singular values, and a law over it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from .._arguments import as_real
from ._axes import DATA, LAW, as_axes, tidy
from .law import law as draw_law

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from ..laws import Law

__all__ = ["spectrum"]


def spectrum(
    values: ArrayLike,
    law: Law | None = None,
    *,
    ax: Axes | None = None,
    bins: int | str | Sequence[float] | None = None,
    label: str | None = "measured",
    law_label: str | None = "law",
    xlabel: str = "eigenvalue",
    color: str = DATA,
) -> Axes:
    """Draw a histogram of values with the density of a law over it.

    Values at an atom of the law are left out of the bars, and stand as a dot at their share beside the atom's arrow;
    the bars then integrate to the share of the rest. Values outside the bars that the law explains (outliers) are
    marked on the axis.

    Parameters
    ----------
    values : array_like of real
        Eigenvalues or singular values, any shape, finite.
    law : Law, optional
        Drawn as a line, its atoms as arrows labelled by their masses.
    ax : matplotlib.axes.Axes, optional
        Where; default: a new figure.
    bins : int, str or sequence, optional
        As for `numpy.histogram`; default: about the square root of the number of values, at most 120.
    label, law_label, xlabel, color : str, optional
        Texts, and the colour of the bars.

    Returns
    -------
    matplotlib.axes.Axes
    """
    x = as_real("spectrum", "values", values).astype(np.float64).ravel()
    if x.size == 0 or not np.isfinite(x).all():
        raise ValueError("spectrum: values must be finite and at least one")
    ax = as_axes(ax)
    total = x.size
    at_atoms: list[tuple[float, float]] = []
    outliers = x[:0]
    if law is not None:
        low, high = law._hull()
        scale = max(abs(v) for v in (low, high, 0.0) if np.isfinite(v))
        for location, mass in law.atoms():
            near = np.abs(x - location) <= 1e-9 * scale
            at_atoms.append((location, near.sum() / total if mass > 0 else 0.0))
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
        draw_law(law, ax=ax, label=law_label)
    for location, share in at_atoms:
        if share > 0:
            ax.annotate(
                f"measured {share:.3g}", xy=(location, 0.86), xycoords=("data", "axes fraction"), xytext=(6, 0),
                textcoords="offset points", color="#33587d", va="top",
            )  # fmt: skip
    if outliers.size:
        _mark(ax, outliers)
    ax.set_xlabel(xlabel)
    ax.set_ylabel("density")
    if label is not None or (law is not None and law_label is not None):
        ax.legend(frameon=False)
    tidy(ax)
    return ax


def _mark(ax: Axes, outliers: Any) -> None:
    """A tick of its own for each value outside."""
    ax.plot(
        outliers, np.zeros_like(outliers), marker="|", markersize=16, markeredgewidth=1.5, linestyle="none", color=LAW,
        clip_on=False, label=f"{outliers.size} outside", zorder=4,
    )  # fmt: skip
