"""A series of checkpoints as HTML."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..plots._axes import DATA, ESTIMATE, LAW, QUIET, log_ticks, shortened
from ._blocks import figure, page, table, words
from ._comparison import CHANGE
from ._layer import require_matplotlib

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..weights import Series, SeriesRow

MOST_LAYERS = 200
"""Layers beyond this many are in the tables alone."""

_COLUMNS = {
    "checkpoint": ("checkpoint", "In the order of time."),
    "outliers": ("outliers", "Singular values beyond the noise."),
    "edge_ratio": ("largest / edge", "The largest eigenvalue over the upper edge of the noise."),
    "sigma": ("sigma", "The size of a typical entry of the noise."),
    "bulk_ks": ("bulk KS", "The distance of the other eigenvalues from the Marchenko-Pastur law."),
    "spacing_ratio": ("spacing ratio", "0.531 in the GOE, 0.386 if levels are independent."),
    "stable_rank": ("stable rank", "The sum of the eigenvalues over the largest."),
    "alpha": ("alpha", "The exponent of the best power law; see the next column."),
    "alpha_verdict": ("tail", "Whether the largest eigenvalues follow a power law."),
    "relative_change": ("change", "The norm of the difference from the first checkpoint over that of the first."),
    "change_rank": ("rank of change", "Singular values of that difference beyond rounding."),
    **CHANGE,
    "k": ("k", "How many leading singular vectors are compared with those of the last checkpoint."),
    "left_overlap": ("left overlap", "Mean squared cosine with the span at the last checkpoint; 1: the same span."),
    "left_chance": ("by chance", "What random spans give."),
    "right_overlap": ("right overlap", "The same of the right vectors."),
    "right_chance": ("by chance", "What random spans give."),
    "note": ("note", "What is special, or could not be had."),
}


def series_page(series: Series, title: str = "Weights over the training") -> str:
    """A series as a whole page.

    Parameters
    ----------
    series : Series
        From `deeprmt.weights.series`.
    title : str
        Of the page.

    Returns
    -------
    str
        HTML that needs no other file.

    Examples
    --------
    >>> import numpy as np, deeprmt as rmt
    >>> noise = np.random.default_rng(0).normal(size=(60, 50))
    >>> series_page(rmt.weights.series([{"w": noise}, {"w": 2 * noise}])).count("<svg")
    3
    """
    require_matplotlib()
    names, left = series.names, series.left_bulk
    summary = repr(series).partition("\n")[0]
    parts = [f"<p>{words(summary)}: {words(', '.join(series.checkpoints[:40]))}.</p>"]
    for value, head in (("outliers", "Outliers"), ("relative_change", "How far weights went")):
        parts += [f"<h2>{head}</h2>", figure(_map(series, value), f"{head}: layers and checkpoints", value)]
    parts.append("<h2>When layers left the bulk</h2>")
    lines = [
        [(name, f"#layer-{at}"), left.get(name), *(series.layer(name)[i].outliers for i in (0, -1))]
        for at, name in enumerate(names)
    ]
    columns = [
        ("layer", "The name of the tensor."),
        ("from", "The checkpoint from which on there are more outliers than at the first."),
        ("outliers at first", "Singular values beyond the noise."),
        ("at last", "Singular values beyond the noise."),
    ]
    parts += [table(columns, lines), "<h2>Layer by layer</h2>"]
    parts.append(
        '<p class="quiet">Left: every eigenvalue over the upper edge of its noise; outliers are red. Middle: how far '
        "the weights went from the first checkpoint. Right: how much of the span of the leading singular vectors at "
        "the last checkpoint is there already (dotted: by chance).</p>"
    )
    for at, name in enumerate(names):
        parts.append(_section(series.layer(name), f"layer-{at}", at < MOST_LAYERS))
    if series.left_out:
        parts.append(f"<p>Not in every checkpoint: {words(', '.join(series.left_out))}</p>")
    made = ", ".join(f"{name} {value}" for name, value in series.versions.items())
    parts.append(f'<h2>Made with</h2>\n<p class="quiet">{words(made)}</p>')
    return page(title, "\n".join(parts))


def _map(series: Series, value: str) -> Figure:
    from matplotlib.figure import Figure

    width = min(12.0, 4.5 + 0.7 * len(series.checkpoints))
    drawing = Figure(figsize=(width, min(40.0, 1.3 + 0.24 * len(series.names))), layout="constrained")
    series.plot(drawing.subplots(), value=value).set_title("")
    return drawing


def _section(rows: list[SeriesRow], anchor: str, with_figure: bool) -> str:
    shape = " x ".join(map(str, rows[0].analysis.shape))
    lines = [f'<section id="{anchor}">', f"<h3>{words(rows[0].name)} <small>{shape}</small></h3>"]
    lines.append(f"<p>At last: {words(rows[-1].analysis.verdict)}.</p>")
    if with_figure:
        lines.append(figure(draw_layer_over_time(rows, _axes(False)), f"{rows[0].name} over the checkpoints", anchor))
    content = [row.to_dict() for row in rows]
    numbers = table(list(_COLUMNS.values()), [[each[name] for name in _COLUMNS] for each in content])
    lines.append(f"<details><summary>Numbers</summary>{numbers}</details>")
    return "\n".join([*lines, "</section>"])


def _axes(interactive: bool) -> Any:
    from matplotlib import pyplot
    from matplotlib.figure import Figure

    make = pyplot.figure if interactive else Figure
    return make(figsize=(11, 2.7), layout="constrained").subplots(1, 3)


def draw_layer_over_time(rows: list[SeriesRow], axes: Any = None) -> Figure:
    """Draw one layer over the checkpoints: its levels, how far it went, and its leading singular vectors.

    Parameters
    ----------
    rows : list of SeriesRow
        One layer of a series, `Series.layer(name)`.
    axes : sequence of three matplotlib.axes.Axes, optional
        Default: a new figure.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> import numpy as np, deeprmt as rmt
    >>> noise = np.random.default_rng(0).normal(size=(60, 50))
    >>> rows = rmt.weights.series([{"w": noise}, {"w": 2 * noise}]).layer("w")
    >>> [ax.get_title(loc="left") for ax in draw_layer_over_time(rows).axes]
    ['eigenvalues / upper edge', 'change since the first', 'span of the leading vectors at last']
    """
    require_matplotlib()
    levels, change, span = _axes(True) if axes is None else axes
    at = np.arange(len(rows))
    for x, row in zip(at, rows, strict=True):
        found = row.analysis
        if found.upper_edge is None or found.outliers is None:
            continue
        ratio = found.eigenvalues / found.upper_edge
        inside = ratio.size - found.outliers
        bulk, out = ratio[:inside], ratio[inside:]
        bulk = bulk[np.unique(np.linspace(0, bulk.size - 1, 60).astype(int))] if bulk.size else bulk
        for part, color in ((bulk, DATA), (out[-60:], LAW)):
            levels.plot(np.full(part.size, x), part, "_", color=color, markersize=9)
    levels.axhline(1, color="black", linewidth=0.8, linestyle=":")
    levels.set_yscale("log")
    levels.set_ylim(bottom=max(1e-2, levels.get_ylim()[0]))
    log_ticks(levels)
    levels.set_title("eigenvalues / upper edge", fontsize=9, loc="left")
    _line(change, at, [row.relative_change for row in rows], "o-", DATA, "all weights")
    change.set_ylim(bottom=0)
    change.set_title("change since the first", fontsize=9, loc="left")
    for side, style, color in (("left", "o-", ESTIMATE), ("right", "s--", LAW)):
        _line(span, at, [getattr(row, f"{side}_overlap") for row in rows], style, color, side)
        _line(span, at, [getattr(row, f"{side}_chance") for row in rows], ":", QUIET, None)
    span.set_ylim(0, 1.05)
    k = next((row.k for row in rows if row.k is not None), None)
    if k is not None:
        span.legend(frameon=False, fontsize=8, loc="best", title=f"k = {k}", title_fontsize=8)
    span.set_title("span of the leading vectors at last", fontsize=9, loc="left")
    every = max(1, -(-len(rows) // 10))
    long = max(len(row.checkpoint) for row in rows) > 6
    for ax in (levels, change, span):
        ax.spines[["top", "right"]].set_visible(False)
        ax.tick_params(labelsize=8)
        ax.set_xlim(-0.5, len(rows) - 0.5)
        names = [shortened(row.checkpoint, 16) for row in rows[::every]]
        ax.set_xticks(at[::every], names, rotation=30 if long else 0, ha="right" if long else "center")
    return levels.figure  # type: ignore[no-any-return]


def _line(ax: Any, x: Any, y: list[float | None], style: str, color: str, label: str | None) -> None:
    values = np.array([np.nan if each is None else each for each in y])
    ax.plot(x, values, style, color=color, linewidth=1.2, markersize=4, label=label)
