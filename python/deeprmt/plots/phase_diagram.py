"""Order and chaos over sigma_w and sigma_b."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ._axes import as_axes

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

    from ..meanfield import PhaseDiagram

__all__ = ["phase_diagram"]


def phase_diagram(diagram: PhaseDiagram, *, ax: Axes | None = None, levels: float = 4.0) -> Axes:
    """Draw chi as colours, blue in the ordered phase and red in the chaotic one, and the edge of chaos as a line.

    Parameters
    ----------
    diagram : PhaseDiagram
        What `deeprmt.meanfield.phase_diagram` gives, of at least two values each way.
    ax : matplotlib.axes.Axes, optional
        Where; default: a new figure.
    levels : float
        Colours saturate at chi = levels and 1 / levels.

    Returns
    -------
    matplotlib.axes.Axes
        With a hatch where the variance grows without end, and a dot at the single critical point of what has no line.

    Examples
    --------
    >>> from deeprmt import meanfield, plots
    >>> ax = plots.phase_diagram(meanfield.phase_diagram("tanh"))
    >>> ax.get_xlabel(), ax.get_ylabel()
    ('sigma_w', 'sigma_b')
    """
    if min(diagram.chi.shape) < 2:
        raise ValueError(
            f"phase_diagram: diagram must have at least two sigma_w and two sigma_b, got {diagram.chi.shape[::-1]}"
        )
    ax = as_axes(ax)
    from matplotlib.colors import LogNorm
    from matplotlib.patches import Patch

    chi = np.clip(diagram.chi, 1e-300, 1e300)
    mesh = ax.pcolormesh(
        diagram.sigma_w,
        diagram.sigma_b,
        chi,
        cmap="RdBu_r",
        norm=LogNorm(1 / levels, levels),
        shading="gouraud",
        rasterized=True,
    )
    bar = ax.figure.colorbar(mesh, ax=ax, extend="both")
    bar.set_label("chi")
    ticks = [1 / levels, levels**-0.5, 1, levels**0.5, levels]
    bar.set_ticks(ticks, labels=[f"{tick:.3g}" for tick in ticks])
    bar.minorticks_off()
    ax.set_xlim(diagram.sigma_w[0], diagram.sigma_w[-1])
    ax.set_ylim(diagram.sigma_b[0], diagram.sigma_b[-1])
    handles: list[Artist] = []
    if diagram.line is not None:
        handles += ax.plot(
            diagram.line.sigma_w, diagram.line.sigma_b, color="black", linewidth=1.8, label="edge of chaos, chi = 1"
        )
    if diagram.point is not None:
        label = f"critical point, sigma_w = {diagram.point.sigma_w:.4g}"
        handles += ax.plot(
            diagram.point.sigma_w, 0.0, "o", color="black", markersize=8, clip_on=False, label=label, zorder=5
        )
    endless = np.isinf(diagram.q_star)
    if endless.any():
        ax.contourf(
            diagram.sigma_w, diagram.sigma_b, endless.astype(float), [0.5, 1.5], colors="none", hatches=["////"]
        )
        handles.append(Patch(facecolor="none", edgecolor="black", hatch="////", label="variance grows without end"))
    _name(diagram, ax)
    if handles:
        ax.legend(handles=handles, loc="upper left", framealpha=0.9)
    ax.set_xlabel("sigma_w")
    ax.set_ylabel("sigma_b")
    ax.set_title(diagram.activation.name)
    return ax


def _name(diagram: PhaseDiagram, ax: Axes) -> None:
    """Write the names of the phases into the middle of each."""
    for text, where in (("ordered", diagram.chi < 1 - 1e-9), ("chaotic", diagram.chi > 1 + 1e-9)):
        if where.mean() < 0.04:
            continue
        # In the row a third of the way up, the middle of the phase's stretch; else the middle of all of it.
        rows, columns = np.nonzero(where)
        row = int(np.clip(where.shape[0] // 3, rows.min(), rows.max()))
        inside = np.flatnonzero(where[row])
        column = int(inside[len(inside) // 2]) if inside.size else int(np.median(columns))
        ax.text(
            diagram.sigma_w[column],
            diagram.sigma_b[row],
            text,
            ha="center",
            va="center",
            fontsize=13,
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.7, "pad": 2},
        )
