"""Double descent: the risk over the number of features."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ._axes import DATA, ESTIMATE, LAW, QUIET, as_axes, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..nonlinear import DoubleDescent

__all__ = ["double_descent"]


def double_descent(curve: DoubleDescent, *, ax: Axes | None = None) -> Axes:
    """Draw risk, its parts and the risk at the optimal ridge over features a sample, both axes in logarithms.

    Parameters
    ----------
    curve : DoubleDescent
        What `deeprmt.nonlinear.double_descent` returns.
    ax : matplotlib.axes.Axes, optional
        Where; default: a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        With a line where there are as many features as samples, if that is in the picture.

    Examples
    --------
    >>> from deeprmt import nonlinear, plots
    >>> ax = plots.double_descent(nonlinear.double_descent(3.0, 1e-3))
    >>> ax.get_xlabel()
    'features / samples'
    """
    ax = as_axes(ax)
    x = curve.psi1 / curve.psi2
    linear, noise = curve.target["linear"], curve.target["noise"] + curve.target["nonlinear"]

    def line(y: np.ndarray, color: str, label: str, style: str = "-", width: float = 1.6) -> None:
        # What is infinite at one point leaves no gap: the curve goes out of the picture there.
        ax.plot(x, np.where(np.isfinite(y), y, 1e30), style, color=color, label=label, linewidth=width)

    name = "ridge → 0" if curve.lam == 0 else f"ridge {curve.lam:.3g}"
    if linear > 0:
        line(linear * curve.bias, DATA, "bias", "--", 1.2)
    if noise > 0:
        line(noise * curve.variance, QUIET, "variance", ":", 1.4)
    line(curve.risk, LAW, f"risk, {name}")
    line(curve.best_risk, ESTIMATE, "risk, best ridge")
    if x[0] < 1 < x[-1]:
        ax.axvline(1, color=QUIET, linewidth=0.8, zorder=0)
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_xlim(x[0], x[-1])
    null = linear + noise
    top = curve.risk[np.isfinite(curve.risk)].max(initial=null)
    low = min(curve.best_risk.min(), curve.risk.min())
    ax.set_ylim(max(low / 1.6, 1e-4 * null), min(1.3 * top, 30 * null))
    ax.set_xlabel("features / samples")
    ax.set_ylabel("test error")
    ax.set_title(f"{curve.activation}, {curve.psi2:.3g} samples a dimension")
    ax.legend(frameon=False, fontsize="small")
    tidy(ax)
    return ax
