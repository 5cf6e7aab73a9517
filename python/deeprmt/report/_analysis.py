"""An analysis of weights as HTML."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..plots import overview
from ._blocks import figure, page, table, words
from ._glossary import GLOSSARY
from ._layer import draw_layer, layer_axes, require_matplotlib

if TYPE_CHECKING:
    from ..weights import Analysis, LayerAnalysis, Skipped

NO_NAME = "(no name)"
MOST_FIGURES = 200
"""Layers beyond this many are in the table alone: each figure adds some 15 kB to the page."""


def analysis_page(analysis: Analysis, title: str = "Spectra of trained weights") -> str:
    """An analysis as a whole page.

    Parameters
    ----------
    analysis : Analysis
        From `deeprmt.weights.analyze`.
    title : str
        Of the page.

    Returns
    -------
    str
        HTML that needs no other file.

    Examples
    --------
    >>> import numpy as np, deeprmt as rmt
    >>> analysis = rmt.weights.analyze({"noise": np.random.default_rng(0).normal(size=(60, 50))})
    >>> analysis_page(analysis).count("<svg")
    1
    """
    return page(title, analysis_sections(analysis))


def analysis_sections(analysis: Analysis, key: str = "layer") -> str:
    """The parts of that page, to combine with others: summary, table, a section for each layer, what was skipped.

    Parameters
    ----------
    analysis : Analysis
        From `deeprmt.weights.analyze`.
    key : str
        Starts the anchors; two analyses in one page need two keys.

    Returns
    -------
    str
        HTML; at most the first 200 layers have figures.

    Examples
    --------
    >>> import numpy as np, deeprmt as rmt
    >>> analysis_sections(rmt.weights.analyze({"one": np.ones((1, 3))})).startswith("<p>1 layer")
    True
    """
    rows = analysis.rows
    parts = [_summary(analysis), "<h2>All layers</h2>", _overview(analysis, key), _hints(), _table(rows, key)]
    if rows:
        parts.append("<h2>Layer by layer</h2>")
        parts.append(
            '<p class="quiet">Above: the singular values with the fitted Marchenko-Pastur law (line), its edges '
            "(dotted) and the outliers (ticks); gaps between neighbouring levels of the bulk. Below: the variance of "
            "the number of levels in a window; mean p-values of neighbouring singular vectors with the band of random "
            "ones, where the vectors were tested; the tail index for every number of largest eigenvalues, with its "
            "standard error and the test for a plateau.</p>"
        )
        if len(rows) > MOST_FIGURES:
            parts.append(f"<p>Figures are drawn for the first {MOST_FIGURES} of {len(rows)} layers.</p>")
    parts += [_section(row, f"{key}-{index}", index < MOST_FIGURES) for index, row in enumerate(rows)]
    parts += [_skipped(analysis.skipped), _glossary(), _versions(analysis.versions)]
    return "\n".join(part for part in parts if part)


def analysis_table(analysis: Analysis) -> str:
    """The table of an analysis alone, as notebooks show it.

    Parameters
    ----------
    analysis : Analysis
        From `deeprmt.weights.analyze`.

    Returns
    -------
    str
        HTML.

    Examples
    --------
    >>> import numpy as np, deeprmt as rmt
    >>> "<table" in analysis_table(rmt.weights.analyze({"one": np.ones((1, 3))}))
    True
    """
    return _summary(analysis) + _table(analysis.rows, None)


def _summary(analysis: Analysis) -> str:
    rows = analysis.rows
    sources = sorted({row.source for row in rows} | {each.source for each in analysis.skipped})
    bad = sum(row.bad for row in rows)
    unexpected = sum(not each.expected for each in analysis.skipped)
    text = f"<p>{len(rows)} layer{'' if len(rows) == 1 else 's'} from {words(', '.join(sources[:5]))}"
    text += f" and {len(sources) - 5} more" if len(sources) > 5 else ""
    text += f"; {len(analysis.skipped)} other tensors or files passed over." if analysis.skipped else "."
    if bad or unexpected:
        text += f' <span class="bad">{bad} bad layers, {unexpected} things that should have been read.</span>'
    return text + "</p>"


def _overview(analysis: Analysis, key: str) -> str:
    fitted = [row for row in analysis.rows if row.sigma is not None][:MOST_FIGURES]
    if len(fitted) < 2:
        return ""
    require_matplotlib()
    from matplotlib.figure import Figure

    drawing = Figure(figsize=(11, min(40.0, 0.9 + 0.21 * len(fitted))), layout="constrained")
    overview(analysis, ax=drawing.subplots())
    return figure(drawing, "All layers: a heat map of their main numbers", f"{key}-overview")


def _hints() -> str:
    return (
        '<p class="quiet">Hover over a head for what a column means, click it to sort. The end of the page '
        "explains all of them. A dash: the matrix has no such number, and its section says why.</p>"
    )


def _table(rows: list[LayerAnalysis], key: str | None) -> str:
    def cell(row: LayerAnalysis, numbers: dict[str, Any], name: str, index: int) -> Any:
        value = numbers[name]
        if name == "name" and key is not None:
            return (value or NO_NAME, f"#{key}-{index}")
        return " x ".join(map(str, value)) if name == "shape" else value

    return table(
        list(GLOSSARY.values()),
        [
            [cell(row, numbers, name, index) for name in GLOSSARY]
            for index, (row, numbers) in enumerate((row, row.to_dict()) for row in rows)
        ],
    )


def _section(row: LayerAnalysis, anchor: str, with_figure: bool) -> str:
    shape = " x ".join(map(str, row.shape))
    stored = "" if row.stored_shape == row.shape else f", stored as {' x '.join(map(str, row.stored_shape))}"
    mark = ' class="bad"' if row.bad else ""
    lines = [
        f'<section id="{words(anchor)}">',
        f"<h3>{words(row.name or NO_NAME)} <small>{words(row.kind)} {shape}{stored}, {words(row.dtype)}</small></h3>",
        f"<p{mark}>{words(row.verdict[:1].upper() + row.verdict[1:])}.</p>",
    ]
    if with_figure and row.sigma is not None:
        axes = layer_axes(row, interactive=False)
        lines.append(figure(draw_layer(row, axes), f"{row.name}: {row.verdict}", anchor))
    return "\n".join([*lines, "</section>"])


def _skipped(skipped: list[Skipped]) -> str:
    if not skipped:
        return ""
    columns = [
        ("name", "The tensor; empty where a whole file is meant."),
        ("shape", "As stored."),
        ("dtype", "As stored."),
        ("reason", "Why it was passed over."),
        ("source", "The file."),
    ]

    def lines(expected: bool) -> list[list[str]]:
        return [
            [each.name, " x ".join(map(str, each.shape)), each.dtype, each.reason, each.source]
            for each in skipped
            if each.expected == expected
        ]

    bad, usual = lines(False), lines(True)
    parts = ["<h2>Passed over</h2>"]
    if bad:
        parts += [f'<p class="bad">{len(bad)} that should have been read:</p>', table(columns, bad)]
    if usual:
        parts.append(
            f"<details><summary>{len(usual)} that are no weight matrices: biases, norms, counters, masks</summary>"
            f"{table(columns, usual)}</details>"
        )
    return "\n".join(parts)


def _glossary() -> str:
    entries = "\n".join(f"<dt>{words(head)}</dt><dd>{words(why)}</dd>" for head, why in GLOSSARY.values())
    return f"<h2>What the numbers mean</h2>\n<details><summary>All columns</summary>\n<dl>\n{entries}\n</dl></details>"


def _versions(versions: dict[str, Any]) -> str:
    text = ", ".join(f"{name} {value}" for name, value in versions.items())
    return f'<h2>Made with</h2>\n<p class="quiet">{words(text)}</p>'
