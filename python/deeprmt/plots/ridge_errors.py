"""Training and test errors over the ridge."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ._axes import ESTIMATE, LAW, QUIET, as_axes, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..nonlinear import AutoencoderErrors, MixtureErrors, RandomFeatureErrors

__all__ = ["ridge_errors"]


def ridge_errors(errors: RandomFeatureErrors | MixtureErrors | AutoencoderErrors, *, ax: Axes | None = None) -> Axes:
    """Draw training error, test error and, where there is one, its estimate from the training set over the ridge.

    Parameters
    ----------
    errors : RandomFeatureErrors, MixtureErrors or AutoencoderErrors
        What `deeprmt.nonlinear.random_feature_errors`, `mixture_errors` or `autoencoder_errors` returns.
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
    given = errors.ridge if hasattr(errors, "ridge") else errors.gamma
    ridge, train, test = (np.ravel(each) for each in np.broadcast_arrays(given, errors.train, errors.test))
    order = np.argsort(ridge, kind="stable")
    order = order[ridge[order] > 0]  # 0 has no place on the axis
    ax.plot(ridge[order], train[order], color=ESTIMATE, label="training")
    if not np.isnan(test).any():
        ax.plot(ridge[order], test[order], color=LAW, label="test")
    title = "random features"
    drawn: Any = errors
    if hasattr(errors, "estimate"):
        estimate = np.ravel(drawn.estimate)[order]
        ax.plot(ridge[order], estimate, "--", color=QUIET, linewidth=1.2, label="test, estimated by cross-validation")
        title = f"{drawn.features} {drawn.activation} features"
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_xlabel("ridge")
    ax.set_ylabel("mean squared error")
    ax.set_title(title)
    ax.legend(frameon=False, fontsize="small")
    tidy(ax)
    return ax
