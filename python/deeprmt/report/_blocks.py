"""The building blocks of a page: its frame, a sortable table, a figure."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Sequence
from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def printable(text: object) -> str:
    """The text with control characters, and those that reorder what is read, written as escapes.

    Parameters
    ----------
    text : object
        Made a string first. Names of tensors may hold anything.

    Returns
    -------
    str

    Examples
    --------
    >>> printable("layer\\x1b[31m")
    'layer\\\\x1b[31m'
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(text))


def words(text: object) -> str:
    """Any text, safe between tags and in quoted attributes."""
    return escape(printable(text), quote=True)


def page(title: str, body: str) -> str:
    """A whole self-contained page: style and script inside, light or dark as the reader's system is.

    Parameters
    ----------
    title : str
        Plain text; it is escaped.
    body : str
        HTML, put together from `figure`, `table` and the like.

    Returns
    -------
    str

    Examples
    --------
    >>> page("A <b> title", "<p>Hello</p>").splitlines()[0]
    '<!DOCTYPE html>'
    """
    resources = files(__package__)
    style = resources.joinpath("style.css").read_text(encoding="utf-8")
    script = resources.joinpath("sort.js").read_text(encoding="utf-8")
    return (
        "<!DOCTYPE html>\n"
        '<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{words(title)}</title>\n<style>\n{style}</style>\n</head>\n"
        f"<body>\n<main>\n<h1>{words(title)}</h1>\n{body}\n</main>\n<script>\n{script}</script>\n</body>\n</html>\n"
    )


def table(columns: Sequence[tuple[str, str]], rows: Iterable[Sequence[Any]]) -> str:
    """A table that sorts by a click on a column's head, where scripts run.

    Parameters
    ----------
    columns : sequence of (str, str)
        Head and explanation, which shows on hovering.
    rows : iterable of sequences
        A cell is a number, None, or text; a pair (text, address) is a link within the page.

    Returns
    -------
    str
        HTML; all text is escaped.

    Examples
    --------
    >>> print(table([("n", "how many")], [[3], [None]]))
    <div class="scroll"><table class="sortable">
    <thead><tr><th scope="col" title="how many">n</th></tr></thead>
    <tbody>
    <tr><td class="number" data-value="3">3</td></tr>
    <tr><td class="none">–</td></tr>
    </tbody></table></div>
    """
    heads = "".join(f'<th scope="col" title="{words(why)}">{words(head)}</th>' for head, why in columns)
    lines = "\n".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    return (
        f'<div class="scroll"><table class="sortable">\n<thead><tr>{heads}</tr></thead>\n'
        f"<tbody>\n{lines}\n</tbody></table></div>"
    )


def _cell(value: Any) -> str:
    if value is None:
        return '<td class="none">–</td>'
    if isinstance(value, bool):
        return f"<td>{'yes' if value else 'no'}</td>"
    if isinstance(value, int | float):
        return f'<td class="number" data-value="{value!r}">{number(value)}</td>'
    if isinstance(value, tuple):
        text, address = value
        return f'<td><a href="{words(address)}">{words(text)}</a></td>'
    return f"<td>{words(value)}</td>"


def number(value: float | int | None) -> str:
    """Four digits are enough to read."""
    if value is None:
        return "–"
    return str(value) if isinstance(value, int) else f"{value:.4g}"


def figure(drawing: Figure, alt: str, key: str) -> str:
    """A matplotlib figure as SVG within the page, in the reader's text colour.

    Parameters
    ----------
    drawing : matplotlib.figure.Figure
        What is black becomes the colour of the text; the background is left out.
    alt : str
        What a reader without the picture should know.
    key : str
        Unique in the page, letters and digits: it keeps the identifiers of several drawings apart.

    Returns
    -------
    str
        HTML.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> html = figure(Figure(figsize=(1, 1)), "nothing", "a")
    >>> html.startswith('<figure role="img" aria-label="nothing"><svg'), html.endswith("</svg></figure>")
    (True, True)
    """
    import matplotlib

    buffer = io.StringIO()
    settings: dict[Any, Any] = {"svg.fonttype": "none", "svg.hashsalt": key, "font.sans-serif": ["DejaVu Sans"]}
    with matplotlib.rc_context(settings):
        drawing.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<(metadata|style)\b.*?</\1>|<!--.*?-->", "", svg, flags=re.DOTALL)
    svg = re.sub(r' xmlns(:\w+)?="[^"]*"| version="1.1"| type="text/css"', "", svg).replace("xlink:href", "href")
    svg = svg.replace("#000000", "currentColor")
    svg = re.sub(r' d="[^"]*"', _short_path, svg)
    used = set(re.findall(r'(?:href="#|url\(#)([^")]+)', svg))
    svg = re.sub(r' id="([^"]*)"', lambda m: f' id="{key}-{m[1]}"' if m[1] in used else "", svg)
    svg = re.sub(r'href="#|url\(#', lambda m: f"{m[0]}{key}-", svg)
    svg = re.sub(r"<defs>\s*</defs>| transform=\"rotate\(-?0 [^\"]*\"", "", svg)
    svg = re.sub(r"\s*\n\s*", "\n", svg).strip()
    return f'<figure role="img" aria-label="{words(alt)}">{svg}</figure>'


def _short_path(path: re.Match[str]) -> str:
    """A tenth of a point is finer than any screen, and a line goes on without saying so each time."""
    text = re.sub(r"-?\d+\.\d+", lambda m: f"{float(m[0]):.1f}".removesuffix(".0"), path[0])
    return re.sub(r"(?<=[\d]) L ", " ", re.sub(r"\s+", " ", text)).replace(' "', '"')
