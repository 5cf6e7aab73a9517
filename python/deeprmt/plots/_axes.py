"""The axes to draw on; matplotlib is imported here and nowhere at the top of a module."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .._arguments import shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..weights import LayerAnalysis

Floats = NDArray[Any]

DATA = "#8fb3d9"
LAW = "#c0392b"
ESTIMATE = "#1f4e79"
QUIET = "#7f7f7f"


def as_axes(ax: Axes | None, size: tuple[float, float] | None = None) -> Axes:
    """`ax`, or the one axes of a new figure, of that many inches."""
    try:
        import matplotlib.pyplot as pyplot
    except ImportError as error:
        raise ImportError('deeprmt.plots needs matplotlib: pip install "deeprmt[plot]"') from error
    refuse_no_axes("plots", ax)
    if ax is None:
        _, ax = pyplot.subplots(layout="constrained", figsize=size)
    return ax


def refuse_no_axes(function: str, ax: object) -> None:
    """A TypeError unless `ax` is None, or can be drawn on."""
    if ax is not None and not (hasattr(ax, "plot") and hasattr(ax, "has_data")):
        raise TypeError(f"{function}: ax must be matplotlib axes, got {shown(ax)}")


def estimate_over_k(
    ax: Axes | None,
    k: Floats,
    xi: Floats,
    stderr: Floats,
    *,
    sigmas: float,
    color: str,
    label: str | None,
    floor: float,
) -> tuple[Axes, Floats, Floats, Floats]:
    """A line with its band of `sigmas` standard errors, not below `floor`, over k in logarithms; and what is drawn."""
    ax = as_axes(ax)
    # A few hundred points show all there is to see on a logarithmic axis.
    at = np.unique(np.round(np.geomspace(1, k.size, 600)).astype(int)) - 1
    k, xi, width = k[at], xi[at], sigmas * stderr[at]
    ax.fill_between(k, np.maximum(xi - width, floor), xi + width, color=color, alpha=0.2, linewidth=0)
    ax.plot(k, xi, color=color, linewidth=1.5, label=label)
    ax.set_xscale("log")
    ax.set_xlim(max(1, k[0]), max(2, k[-1]))
    ax.set_xlabel("number of largest values k")
    tidy(ax)
    return ax, k, xi, width


def as_row(value: Any) -> LayerAnalysis | None:
    """A layer of an analysis, where that is what was given."""
    from ..weights import LayerAnalysis

    return value if isinstance(value, LayerAnalysis) else None


def nothing(function: str, row: LayerAnalysis, what: str) -> ValueError:
    """For a layer that lacks what would be drawn."""
    return ValueError(f"{function}: layer {row.name!r} has no {what}{f': {row.note}' if row.note else ''}")


def ticks_at(ax: Axes, values: Any) -> None:
    """On the x axis these values alone, written out."""
    from matplotlib.ticker import NullLocator

    ax.set_xticks(values, [str(value) for value in values])
    ax.xaxis.set_minor_locator(NullLocator())


def tidy(ax: Axes) -> None:
    """No frame where there is nothing to read, and numbers to read on logarithmic axes."""
    ax.spines[["top", "right"]].set_visible(False)
    log_ticks(ax)


def log_ticks(ax: Axes) -> None:
    """On logarithmic axes that show fewer than two powers of ten, numbers between these too; whatever limits come."""
    from matplotlib.ticker import FuncFormatter, LogLocator

    for axis in (ax.xaxis, ax.yaxis):
        if isinstance(axis.get_major_locator(), LogLocator) and getattr(axis.get_transform(), "base", 0) == 10:
            for minor, put in ((False, axis.set_major_formatter), (True, axis.set_minor_formatter)):
                put(FuncFormatter(lambda value, _, axis=axis, minor=minor: _log_label(axis, value, minor)))


def _log_label(axis: Any, value: float, minor: bool) -> str:
    low, high = (math.log10(end) if end > 0 else -math.inf for end in sorted(axis.get_view_interval()))
    if not value > 0:
        return ""
    power = math.floor(math.log10(value) + 1e-9)
    leading = value / 10.0**power if power > -300 else 1.0
    few = math.isfinite(low) and math.floor(high + 1e-9) - math.ceil(low - 1e-9) < 1
    if not minor:
        return f"{value:.6g}" if few and -4 <= power <= 5 else f"$\\mathdefault{{10^{{{power}}}}}$"
    wanted = (2, 5) if high - low > 0.6 else (2, 3, 4, 6, 8) if high - low > 0.3 else range(1, 10)
    whole = abs(leading - round(leading)) < 1e-6  # on short stretches ticks stand between whole numbers
    if not few or (whole and round(leading) not in wanted):
        return ""
    if -4 <= power <= 5:
        return f"{value:.6g}"
    return f"$\\mathdefault{{{leading:.4g}\\times10^{{{power}}}}}$"


def heat(
    ax: Axes,
    cells: Any,
    rows: Sequence[str],
    columns: Sequence[str],
    *,
    texts: Sequence[Sequence[str]] | None = None,
    bar: bool = True,
) -> Any:
    """Draw a matrix as coloured cells with their numbers, as far as these can be read; what is NaN is hatched."""
    import numpy as np
    from matplotlib.ticker import NullLocator

    shown = np.ma.masked_invalid(cells)
    ax.patch.set(hatch="////", edgecolor="#c8c8c8", facecolor="none", linewidth=0)
    # Cells of their own, not a picture: a page then holds no other file.
    edges = [np.arange(n + 1) - 0.5 for n in (len(columns), len(rows))]
    image = ax.pcolormesh(*edges, shown, cmap="YlGnBu", edgecolors="face", linewidth=0.2)
    ax.set_ylim(len(rows) - 0.5, -0.5)
    low, high = image.get_clim()
    if not (high > low):  # one value everywhere: pale, not the end of the scale
        image.set_clim(low, low + 1)
        low, high = image.get_clim()
    few = len(columns) <= 16 and len(rows) <= 80
    if few:
        for (y, x), value in np.ndenumerate(shown):
            if value is np.ma.masked or not np.isfinite(value):
                continue
            text = texts[y][x] if texts is not None else f"{value:.3g}"
            dark = (float(value) - low) / (high - low) > 0.6
            ax.text(x, y, text, ha="center", va="center", fontsize=7, color="#fdfdfd" if dark else "#101010")
    step = max(1, -(-len(rows) // 80))
    ax.set_yticks(range(0, len(rows), step), [shortened(each) for each in rows[::step]], fontsize=7)
    every = max(1, -(-len(columns) // 16))
    long = max((len(str(each)) for each in columns), default=0) > 8
    ax.set_xticks(
        range(0, len(columns), every),
        [shortened(str(each), 24) for each in columns[::every]],
        fontsize=8,
        rotation=30 if long else 0,
        ha="right" if long else "center",
        rotation_mode="anchor" if long else None,
    )
    ax.xaxis.set_minor_locator(NullLocator())
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    if bar and not few:
        ax.figure.colorbar(image, ax=ax, fraction=0.04, pad=0.02)
    return image


def shortened(name: str, most: int = 44) -> str:
    """A long name without its middle, and no mathematics where a name has dollars."""
    from ..report import printable  # which imports this file

    text = printable(name).replace("$", r"\$")
    return text if len(text) <= most else f"{text[: most // 2 - 1]}…{text[-(most // 2) :]}"
