"""The picture of one layer: its spectrum, spacings, tail, number variance and singular vectors."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ..plots._axes import DATA, ESTIMATE, LAW, QUIET, log_ticks
from ..spectra import wigner_surmise

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..weights import LayerAnalysis

_MOST_TICKS, _MOST_POINTS = 200, 150


def draw_layer(row: LayerAnalysis, axes: Any = None) -> Figure:
    """Draw what is known of a layer: its spectrum, spacings, tail, number variance and singular vectors.

    Parameters
    ----------
    row : LayerAnalysis
        One layer of an analysis.
    axes : sequence of three to five matplotlib.axes.Axes, optional
        For the spectrum with its law, the spacings, the Hill curve, the number variance and Porter and Thomas's curve.
        Default: a new figure; without the last if the vectors were not tested.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> import numpy as np, deeprmt as rmt
    >>> (row,) = rmt.weights.analyze(np.random.default_rng(0).normal(size=(60, 50))).rows
    >>> [axes.get_title(loc="left") for axes in draw_layer(row).axes]
    ['singular values / √60', 'spacings', 'Hill estimate of xi', 'number variance']
    """
    if axes is None:
        axes = layer_axes(row, interactive=True)
    for ax, draw in zip(axes, (_spectrum, _spacing, _hill, _number_variance, _vectors), strict=False):
        ax.spines[["top", "right"]].set_visible(False)
        ax.tick_params(labelsize=8)
        ax.xaxis.get_offset_text().set_fontsize(8)
        draw(row, ax)
    return axes[0].figure  # type: ignore[no-any-return]


def layer_axes(row: LayerAnalysis, interactive: bool) -> Any:
    """A figure of two lines; one that no window or notebook knows of if it is not interactive."""
    require_matplotlib()
    from matplotlib import pyplot
    from matplotlib.figure import Figure

    drawing = pyplot.figure(figsize=(11, 4.9)) if interactive else Figure(figsize=(11, 4.9))
    places = {"left": 0.035, "right": 0.99, "top": 0.955, "bottom": 0.09, "wspace": 1.1, "hspace": 0.42}
    grid = drawing.add_gridspec(2, 12, **places)
    spectrum, spacing = drawing.add_subplot(grid[0, :8]), drawing.add_subplot(grid[0, 8:])
    if row.left_vectors is None:
        hill, variance = drawing.add_subplot(grid[1, 6:]), drawing.add_subplot(grid[1, :6])
        return spectrum, spacing, hill, variance
    hill, variance = drawing.add_subplot(grid[1, 8:]), drawing.add_subplot(grid[1, :4])
    return spectrum, spacing, hill, variance, drawing.add_subplot(grid[1, 4:8])


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
    curve, flat = row.hill, row.plateau
    if curve is None or row.hill_k is None or row.hill_xi is None:
        _nothing(ax, "too few levels")
        return
    half = max(curve.k.size // 2, 1)  # what is beyond is no tail
    keep = np.unique(np.round(np.geomspace(1, half, _MOST_POINTS)).astype(int)) - 1
    k, xi, error = curve.k[keep], curve.xi[keep], curve.stderr[keep]
    ax.fill_between(k, xi - error, xi + error, color=DATA, alpha=0.5, linewidth=0)
    ax.plot(k, xi, color=ESTIMATE, linewidth=1.2)
    if flat is not None:
        ax.axvline(flat.least, ymax=0.72, color=QUIET, linewidth=0.9, linestyle=":")
        text = f"no plateau, p = {flat.p_value:.2g}"
        if flat.exists:
            end = min(flat.k, int(k[-1]))
            ax.plot([1, end], [flat.xi, flat.xi], color=LAW, linewidth=1.8)
            text = f"plateau up to k = {flat.k},\nxi = {flat.xi:.2g} ± {flat.stderr:.1g}, p = {flat.p_value:.2g}"
        ax.text(0.02, 1.0, text, transform=ax.transAxes, ha="left", va="top", fontsize=8)
    elif row.without_tail:
        ax.text(0.02, 1.0, "no tail", transform=ax.transAxes, ha="left", va="top", fontsize=8)
    ax.set_xscale("log")
    ax.set_xlabel("k largest eigenvalues (dotted: a tenth)", fontsize=8, labelpad=1)
    ax.set_xlim(1, max(k[-1], 2))
    log_ticks(ax)
    ax.set_ylim(0, 1.55 * float((xi + error)[k >= min(5, k[-1])].max()))


def _number_variance(row: LayerAnalysis, ax: Any) -> None:
    ax.set_title("number variance", fontsize=9, loc="left")
    found = row.number_variance
    if found is None:
        _nothing(ax, "too few levels")
        return
    from ..spectra import expected_number_variance

    x = np.linspace(0, 1.04 * float(found.lengths[-1]), 61)
    ax.plot(x, expected_number_variance(x, 1), color=LAW, linewidth=1.5, label="random matrices")
    ax.errorbar(
        found.lengths, found.value, np.nan_to_num(found.stderr), fmt="o", color=ESTIMATE, markersize=3, linewidth=1
    )
    ax.set_xlim(0, x[-1])
    top = max(float((found.value + np.nan_to_num(found.stderr)).max()), float(expected_number_variance(x[-1:], 1)[0]))
    below = x[x <= 1.25 * top]  # not through the words
    ax.plot(below, below, color=QUIET, linewidth=1, linestyle="--", label="independent")
    ax.set_ylim(0, 1.5 * top)
    ax.set_xlabel("length / mean spacing", fontsize=8, labelpad=1)
    ax.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(0.0, 1.04), ncols=2, columnspacing=1)


def _vectors(row: LayerAnalysis, ax: Any) -> None:
    ax.set_title("singular vectors: mean p-value", fontsize=9, loc="left")
    sides = [(row.left_vectors, "left", ESTIMATE, "-"), (row.right_vectors, "right", LAW, "--")]
    shown = [side for side in sides if side[0] is not None]
    if not shown:
        _nothing(ax, "not tested: vectors=True does")
        return
    test: Any = shown[0][0]
    count = test.p_values.size
    at = np.unique(np.linspace(0, count - 1, _MOST_POINTS).astype(int))
    low = test.threshold[at]
    ax.fill_between(at + 1, low, 1 - low, color=QUIET, alpha=0.2, linewidth=0)
    for found, name, color, style in shown:
        boundary = found.boundary  # type: ignore[union-attr]
        label = f"{name}, boundary {boundary}"
        ax.plot(at + 1, found.windowed[at], color=color, linestyle=style, linewidth=1.2, label=label)  # type: ignore[union-attr]
        if 0 < boundary < count:
            ax.axvline(boundary + 0.5, ymax=0.8, color=color, linestyle=style, linewidth=0.8)
    ax.set_xlim(0.5, count + 0.5)
    ax.set_ylim(0, 1.25)
    ax.set_yticks([0, 0.5, 1])
    ax.set_xlabel("vector, by descending singular value", fontsize=8, labelpad=1)
    ax.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(0.0, 1.04), borderaxespad=0.1)


def _nothing(ax: Any, why: str) -> None:
    ax.text(0.5, 0.5, why, transform=ax.transAxes, ha="center", fontsize=8)
    ax.set_xticks([])
    ax.set_yticks([])
    ax.spines[:].set_visible(False)
