"""The density of a law, and its atoms."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ._axes import LAW, as_axes, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..laws import Law

__all__ = ["law"]


def law(law: Law, *, ax: Axes | None = None, label: str | None = None, color: str = LAW, points: int = 401) -> Axes:
    """Draw the density of a law as a line, and each atom as a stem whose label is its mass.

    Parameters
    ----------
    law : Law
        What to draw.
    ax : matplotlib.axes.Axes, optional
        Where; default: a new figure.
    label, color : str, optional
        Of the line.
    points : int, default 401
        The number of points on each interval of the support, dense towards its ends.

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax = as_axes(ax)
    top = 0.0
    for low, high in law.support():
        x, y = curve(law, low, high, points)
        ax.plot(x, y, color=color, linewidth=1.8, label=label, zorder=3)
        label = None
        top = max(top, _ceiling(y))
    for location, mass in law.atoms():
        if mass > 0:
            stem(ax, location, mass, top or mass, color)
    if top > 0:
        ax.set_ylim(0, max(1.08 * top, ax.get_ylim()[1] if ax.patches or len(ax.lines) > 1 else 0))
    ax.set_xlabel("x")
    ax.set_ylabel("density")
    tidy(ax)
    return ax


def curve(law: Law, low: float, high: float, points: int) -> tuple[Any, Any]:
    """The density on a stretch, dense towards both ends; without an end, to the last 1e-4 of the mass."""
    if math.isinf(low):
        low = float(law.ppf(1e-4))
    if math.isinf(high):
        high = float(law.ppf(1 - 1e-4))
    # Half a step inside: a density may be infinite at an end.
    angle = np.linspace(0, np.pi, points + 1)[1:] - np.pi / (2 * points + 2)
    x = (low + high) / 2 - (high - low) / 2 * np.cos(angle)
    return x, law.pdf(x)


def stem(ax: Axes, location: float, mass: float, height: float, color: str) -> None:
    """An atom: an arrow up to `height`, labelled by its mass."""
    ax.annotate(
        "", xy=(location, height), xytext=(location, 0), arrowprops={"arrowstyle": "-|>", "color": color, "lw": 1.8}
    )
    ax.annotate(f"{mass:.3g}", xy=(location, height), xytext=(4, -2), textcoords="offset points", color=color, va="top")


def _ceiling(y: Any) -> float:
    """The highest point worth showing: a density that diverges is cut at five times its median."""
    positive = y[np.isfinite(y) & (y > 0)]
    return float(min(positive.max(), 5 * np.median(positive))) if positive.size else 0.0
