"""Number variance or rigidity over the length of the window, with what random matrices have."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np

from ._axes import ESTIMATE, LAW, QUIET, as_axes, as_row, nothing, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..spectra import NumberVariance, Rigidity
    from ..weights import LayerAnalysis

__all__ = ["number_variance"]


def number_variance(
    statistic: NumberVariance | Rigidity | LayerAnalysis,
    *,
    ax: Axes | None = None,
    beta: int = 1,
    label: str | None = "measured",
    color: str = ESTIMATE,
) -> Axes:
    """Draw number variance or rigidity with errors, and the exact curves of random matrices and of independent levels.

    Parameters
    ----------
    statistic : NumberVariance, Rigidity or LayerAnalysis
        What `deeprmt.spectra.number_variance` or `deeprmt.spectra.rigidity` returns. The mean is drawn of a stack. Or a
        layer of an analysis: the number variance of its unfolded bulk.
    ax : matplotlib.axes.Axes, optional
        Where; default: a new figure.
    beta : {1, 2, 4}
        Dyson's index of the random matrices.
    label, color : str, optional
        Of the points.

    Returns
    -------
    matplotlib.axes.Axes

    Notes
    -----
    Lengths beyond the trust of the unfolding are shaded, and their points are hollow.

    Examples
    --------
    >>> from deeprmt import ensembles, laws, plots, spectra
    >>> levels = spectra.unfold(ensembles.hermite_eigenvalues(300, 1, rng=1), laws.Semicircle())
    >>> plots.number_variance(spectra.number_variance(levels[100:200], [1.0, 2.0, 5.0])).get_ylabel()
    'number variance'
    """
    from ..spectra import NumberVariance, expected_number_variance, expected_rigidity

    row = as_row(statistic)
    if row is not None:
        of_row = row.number_variance
        if of_row is None:
            raise nothing("number_variance", row, "unfolded levels")
        statistic = of_row
    statistic = cast("NumberVariance | Rigidity", statistic)
    drawn = statistic.pooled() if statistic.value.ndim > statistic.lengths.ndim else statistic
    length, value, error = (np.ravel(each) for each in (drawn.lengths, drawn.value, drawn.stderr))
    if length.size == 0:
        raise ValueError("number_variance: statistic must have at least one length")
    order = np.argsort(length)
    length, value, error = length[order], value[order], np.nan_to_num(error[order])
    variance = isinstance(statistic, NumberVariance)
    expected = expected_number_variance if variance else expected_rigidity
    ax = as_axes(ax)
    end = 1.05 * float(length[-1])
    x = np.linspace(0, end, 500)
    curve = expected(x, beta)
    ax.plot(x, curve, color=LAW, linewidth=1.8, label=f"random matrices, beta = {beta}", zorder=2)
    ax.plot(x, expected(x, 0), color=QUIET, linewidth=1.2, linestyle="--", label="independent levels", zorder=1)
    inside = length <= drawn.trust
    for part, face, name in ((inside, color, label), (~inside, "white", None if inside.any() else label)):
        if part.any():
            ax.errorbar(
                length[part], value[part], error[part], fmt="o", color=color, markerfacecolor=face, markersize=5,
                linewidth=1.2, label=name, zorder=3,
            )  # fmt: skip
    if drawn.trust < end:
        ax.axvspan(drawn.trust, end, color=QUIET, alpha=0.12, linewidth=0, label="beyond the trust of the unfolding")
    ax.set_xlim(0, end)
    ax.set_ylim(0, 1.25 * max(float((value + error).max()), float(curve[-1])))
    ax.set_xlabel("length of the window / mean spacing")
    ax.set_ylabel("number variance" if variance else r"rigidity $\Delta_3$")
    ax.legend(frameon=False, loc="lower right")  # below the curve nothing lies
    tidy(ax)
    return ax
