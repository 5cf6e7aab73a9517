"""deeprmt: random matrix theory of deep neural networks.

>>> import deeprmt as rmt
>>> rmt.spectra.spacing_ratio([0.0, 1.0, 3.0, 4.0])
array([0.5, 0.5])
"""

from . import (
    activations,
    demo,
    ensembles,
    errors,
    freeprob,
    jacobian,
    laws,
    linalg,
    meanfield,
    networks,
    nonlinear,
    plots,
    reproduce,
    run,
    signal,
    spectra,
    tails,
    training,
    weights,
)
from ._info import cmake_prefix, show_versions, versions

__version__ = versions()["deeprmt"]

__all__ = [
    "__version__",
    "activations",
    "cmake_prefix",
    "demo",
    "ensembles",
    "errors",
    "freeprob",
    "jacobian",
    "laws",
    "linalg",
    "meanfield",
    "networks",
    "nonlinear",
    "plots",
    "reproduce",
    "run",
    "show_versions",
    "signal",
    "spectra",
    "tails",
    "training",
    "versions",
    "weights",
]
