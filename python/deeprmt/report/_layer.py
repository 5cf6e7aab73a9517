"""The picture of one layer: its spectrum, its spacings, its tail."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ..plots._axes import DATA, LAW, QUIET
from ..spectra import wigner_surmise

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..weights import LayerAnalysis

_MOST_TICKS, _MOST_POINTS = 200, 150


def draw_layer(row: LayerAnalysis, axes: Any = None) -> Figure:
    """Draw the spectrum with its law, the spacings with the surmise, and the Hill curve.

    Parameters
    ----------
    row : LayerAnalysis
        One layer of an analysis.
    axes : sequence of three matplotlib.axes.Axes, optional
        Default: a new figure.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> import numpy as np, deeprmt as rmt
    >>> (row,) = rmt.weights.analyze(np.random.default_rng(0).normal(size=(60, 50))).rows
    >>> [axes.get_title(loc="left") for axes in draw_layer(row).axes]
    ['singular values / √60', 'spacings', 'Hill estimate of xi']
    """
    if axes is None:
        axes = three_axes(interactive=True)
    spectrum, spacing, hill = axes
    for ax in axes:
        ax.spines[["top", "right"]].set_visible(False)
        ax.tick_params(labelsize=8)
        ax.xaxis.get_offset_text().set_fontsize(8)
    _spectrum(row, spectrum)
    _spacing(row, spacing)
    _hill(row, hill)
    return spectrum.figure  # type: ignore[no-any-return]


def three_axes(interactive: bool) -> Any:
    """A wide figure; one that no window or notebook knows of if it is not interactive."""
    require_matplotlib()
    from matplotlib import pyplot
    from matplotlib.figure import Figure

    drawing = pyplot.figure(figsize=(11, 2.4)) if interactive else Figure(figsize=(11, 2.4))
    places = {"left": 0.018, "right": 0.985, "top": 0.9, "bottom": 0.19, "wspace": 0.11}
    return drawing.subplots(1, 3, width_ratios=(5, 3, 3), gridspec_kw=places)


def require_matplotlib() -> None:
    """Raise an ImportError that says what to install, before work is done in vain.

    Examples
    --------
    >>> require_matplotlib()
    """
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise ImportError('figures need matplotlib: pip install "deeprmt[plot]"') from error


def _spectrum(row: LayerAnalysis, ax: Any) -> None:
    n = max(row.shape)
    levels = row.singular_values[: row.rank] / math.sqrt(n)
    ax.set_title(f"singular values / √{n}", fontsize=9, loc="left")
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    law = row.law
    if law is None or row.outliers is None or row.upper_edge is None or row.lower_edge is None:
        _ticks(ax, levels, DATA)
        ax.set_ylim(0, 1)
        return
    low, high = math.sqrt(row.lower_edge), math.sqrt(row.upper_edge)
    right = min(float(levels[0]), 3 * high) * 1.04  # spikes far out would squeeze the bulk
    width = max((high - low) / min(40, max(8, levels.size // 12)), right / 80)
    bins = np.arange(0, right + width, width)
    counts, _ = np.histogram(levels, bins)
    ax.stairs(counts / (levels.size * width), bins, fill=True, color=DATA)
    x = (low + high) / 2 - (high - low) / 2 * np.cos(np.linspace(0, np.pi, 121))
    bulk = 1 - row.outliers / levels.size
    density = 2 * x[1:-1] * law.pdf(x[1:-1] ** 2) * bulk
    ax.plot(x[1:-1], density, color=LAW, linewidth=1.5)
    for edge in (low, high):
        ax.axvline(edge, color=LAW, linewidth=0.8, linestyle=":")
    _ticks(ax, levels[: row.outliers][levels[: row.outliers] <= right], LAW)
    beyond = int(np.count_nonzero(levels > right))
    text = "no outliers" if row.outliers == 0 else f"{row.outliers} above the edge"
    if beyond:
        text += f"\n{beyond} of them beyond the picture,\nup to {levels[0]:.3g} →"
    ax.text(0.99, 0.99, text, transform=ax.transAxes, ha="right", va="top", fontsize=8)
    ax.set_xlim(0, right)
    top = max(float(counts.max()) / (levels.size * width), float(density.max()))
    ax.set_ylim(0, top * (1.45 if beyond else 1.2))  # room for the words above the bars


def _ticks(ax: Any, levels: Any, color: str) -> None:
    """A short line for each level, on the axis."""
    if levels.size > _MOST_TICKS:
        levels = levels[np.linspace(0, levels.size - 1, _MOST_TICKS).astype(int)]
    x, y = np.repeat(levels, 3), np.tile([0, 0.08, np.nan], levels.size)  # one line with gaps: a page holds many
    ax.plot(x, y, transform=ax.get_xaxis_transform(), color=color, linewidth=1)


def _spacing(row: LayerAnalysis, ax: Any) -> None:
    ax.set_title("spacings", fontsize=9, loc="left")
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    if row.spacing_count is None:
        _nothing(ax, "too few levels")
        return
    bins = np.linspace(0, 4, 17 if row.spacing_count < 150 else 25)
    counts, _ = np.histogram(row.spacings, bins)
    s = np.linspace(0, 4, 81)
    ax.stairs(counts / (row.spacing_count * (bins[1] - bins[0])), bins, fill=True, color=DATA)
    ax.plot(s, wigner_surmise(1).pdf(s), color=LAW, linewidth=1.5, label="Wigner surmise")
    ax.plot(s, np.exp(-s), color=QUIET, linewidth=1, linestyle="--", label="independent")
    ax.legend(frameon=False, fontsize=8)
    ax.set_xlim(0, 4)


def _hill(row: LayerAnalysis, ax: Any) -> None:
    ax.set_title("Hill estimate of xi", fontsize=9, loc="left")
    curve = row.hill
    if curve is None or row.hill_k is None or row.hill_xi is None:
        _nothing(ax, "too few levels")
        return
    half = curve.k.size // 2  # what is beyond is no tail
    keep = np.unique(np.linspace(0, half, _MOST_POINTS).astype(int))
    k, xi, error = curve.k[keep], curve.xi[keep], curve.stderr[keep]
    ax.fill_between(k, xi - error, xi + error, color=DATA, alpha=0.5, linewidth=0)
    ax.plot(k, xi, color=LAW, linewidth=1.2)
    ax.axvline(row.hill_k, color=QUIET, linewidth=0.8, linestyle=":")
    ax.set_xlabel(f"k largest eigenvalues (dotted: k = {row.hill_k})", fontsize=8, labelpad=1)
    ax.set_xlim(0, k[-1])
    ax.set_ylim(0, 1.15 * float((xi + error)[k >= min(5, k[-1])].max()))


def _nothing(ax: Any, why: str) -> None:
    ax.text(0.5, 0.5, why, transform=ax.transAxes, ha="center", fontsize=8)
    ax.set_xticks([])
    ax.set_yticks([])
    ax.spines[:].set_visible(False)
