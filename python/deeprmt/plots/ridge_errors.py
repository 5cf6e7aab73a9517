"""Training and test errors over the ridge."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ._axes import ESTIMATE, LAW, QUIET, as_axes, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..nonlinear import RandomFeatureErrors

__all__ = ["ridge_errors"]


def ridge_errors(errors: RandomFeatureErrors, *, ax: Axes | None = None) -> Axes:
    """Draw training error, test error and its estimate from the training set over the ridge, in logarithms.

    Parameters
    ----------
    errors : RandomFeatureErrors
        What `deeprmt.nonlinear.random_feature_errors` returns.
    ax : matplotlib.axes.Axes, optional
        Where; default: a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> from deeprmt import nonlinear, plots
    >>> x = np.random.default_rng(0).normal(size=(40, 10))
    >>> ax = plots.ridge_errors(nonlinear.random_feature_errors(x, x[:, 0], features=80, ridge=[0.01, 0.1, 1.0]))
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['training', 'test, estimated by cross-validation']
    """
    ax = as_axes(ax)
    order = np.argsort(errors.ridge)
    ridge = errors.ridge[order]
    ax.plot(ridge, errors.train[order], color=ESTIMATE, label="training")
    if not np.isnan(errors.test).any():
        ax.plot(ridge, errors.test[order], color=LAW, label="test")
    ax.plot(
        ridge, errors.estimate[order], "--", color=QUIET, linewidth=1.2, label="test, estimated by cross-validation"
    )
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_xlabel("ridge")
    ax.set_ylabel("mean squared error")
    ax.set_title(f"{errors.features} {errors.activation} features")
    ax.legend(frameon=False, fontsize="small")
    tidy(ax)
    return ax
