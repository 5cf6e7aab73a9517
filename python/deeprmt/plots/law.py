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

_ARROWS = 8


def law(
    law: Law,
    *,
    ax: Axes | None = None,
    label: str | None = None,
    color: str = LAW,
    points: int = 401,
    log: bool = False,
) -> Axes:
    """Draw the density of a law as a line, and each atom as an arrow labelled by its mass.

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
    log : bool, default False
        Both axes logarithmic, and points in equal ratios from the quantile of 1e-6 of the positive part on. What is
        not positive is left out; an atom at 0 is named in the corner.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> from deeprmt import laws, plots
    >>> ax = plots.law(laws.Semicircle())
    >>> ax.get_ylabel()
    'density'
    """
    ax = as_axes(ax)
    atoms = law.atoms()
    if log:
        _draw_log(law, ax, label, color, points)
        atoms = [(location, mass) for location, mass in atoms if location > 0]
    else:
        draw_density(law, ax, label, color, points)
    stems(ax, [(location, mass, f"{mass:.3g}") for location, mass in atoms], color)
    ax.set_xlabel("x")
    ax.set_ylabel("density")
    tidy(ax)
    return ax


def draw_density(law: Law, ax: Axes, label: str | None, color: str, points: int = 401, share: float = 1.0) -> None:
    """The continuous part alone, as that share of the whole; the axes grow to hold it."""
    used = ax.has_data()
    top = 0.0
    for low, high in law.support():
        x, y = curve(law, low, high, points)
        y = share * y
        ax.plot(x, y, color=color, linewidth=1.8, label=label, zorder=3)
        label = None
        top = max(top, _ceiling(x, y))
    ax.set_ylim(0, max(1.08 * top or 1.0, ax.get_ylim()[1] if used else 0.0))


def _draw_log(law: Law, ax: Axes, label: str | None, color: str, points: int) -> None:
    negative = float(law.cdf(0.0))
    least = float(law.ppf(negative + 1e-6 * (1 - negative))) if negative < 1 else 1.0
    for low, high in law.support():
        if high <= 0:
            continue
        begin, end = max(low, least, 1e-300), high if math.isfinite(high) else float(law.ppf(1 - 1e-6))
        if begin >= end:
            continue
        x = np.geomspace(begin, end, points)
        y = law.pdf(x)
        shown = (y > 0) & np.isfinite(y)
        ax.plot(x[shown], y[shown], color=color, linewidth=1.8, label=label, zorder=3)
        label = None
    ax.set_xscale("log")
    ax.set_yscale("log")
    at_zero = sum(mass for location, mass in law.atoms() if location == 0)
    if at_zero:
        ax.text(0.02, 0.97, f"mass {at_zero:.3g} at 0", transform=ax.transAxes, color=color, va="top")


def curve(law: Law, low: float, high: float, points: int) -> tuple[Any, Any]:
    """The density on a stretch, dense towards both ends; without an end, to the last 1e-4 of the mass."""
    if math.isinf(low):
        low = float(law.ppf(1e-4))
    if math.isinf(high):
        high = float(law.ppf(1 - 1e-4))
    # Half a step inside: a density may be infinite at an end.
    angle = np.linspace(0, np.pi, points + 1)[1:] - np.pi / (2 * points + 2)
    x = (low + high) / 2 - (high - low) / 2 * np.cos(angle)
    y = law.pdf(x)
    before, upto = (float(each) for each in law.cdf(np.array([low, high])))
    mass = upto - before
    if np.trapezoid(np.where(np.isfinite(y), y, 0.0), x) < 0.1 * mass:  # most of it is between two points
        begin, end = (float(law.ppf(before + share * mass)) for share in (1e-4, 1 - 1e-4))
        if low <= begin < end <= high and end - begin < 1e-3 * (high - low):
            x = (begin + end) / 2 - (end - begin) / 2 * np.cos(angle)
            y = law.pdf(x)
    return x, y


def stems(ax: Axes, atoms: list[tuple[float, float, str]], color: str) -> None:
    """Atoms (location, mass, text): arrows over the height of the axes; lines as long as their masses if many."""
    if not atoms:
        return
    ax.update_datalim([(location, 0.0) for location, *_ in atoms])
    ax.autoscale_view(scaley=False)
    low, high = ax.get_ylim()
    ax.set_ylim(low, 1.12 * high)  # room for the texts above what is drawn
    if len(atoms) > _ARROWS:
        largest = max(mass for _, mass, _ in atoms)
        ax.vlines(
            [x for x, *_ in atoms], 0, [high * mass / largest for _, mass, _ in atoms], color=color, linewidth=0.8
        )
        return
    middle = sum(ax.get_xlim()) / 2
    for location, mass, text in atoms:
        if mass == 0:
            continue
        left = location > middle  # the text stays within the axes
        ax.annotate(
            "",
            xy=(location, 0.97),
            xycoords=("data", "axes fraction"),
            xytext=(location, 0),
            textcoords=("data", "axes fraction"),
            arrowprops={"arrowstyle": "-|>", "color": color, "lw": 1.8, "shrinkA": 0, "shrinkB": 0},
        )
        ax.annotate(
            text,
            xy=(location, 0.985),
            xycoords=("data", "axes fraction"),
            xytext=(-7 if left else 7, 0),
            textcoords="offset points",
            color=color,
            ha="right" if left else "left",
            va="top",
        )


def _ceiling(x: Any, y: Any) -> float:
    """The highest point worth showing: a density that diverges at an end is cut some times above where most mass is."""
    use = np.isfinite(y)
    x, y = x[use], y[use]
    if y.size < 3:
        return float(y.max(initial=0.0))
    top = float(y.max())
    # Points lie at 1, 9, 25 ... times the least distance from an end: only what diverges still grows there.
    if not (y[0] == top > 1.05 * y[1] or y[-1] == top > 1.05 * y[-2]):
        return top
    order = np.argsort(y)
    mass = np.cumsum((y * np.gradient(x))[order])
    typical = float(y[order][np.searchsorted(mass, mass[-1] / 2)])
    return min(top, max(5 * float(np.median(y)), 3 * typical))
