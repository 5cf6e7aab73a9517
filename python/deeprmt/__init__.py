"""deeprmt: random matrix theory of deep neural networks.

>>> import deeprmt as rmt
>>> rmt.spectra.spacing_ratio([0.0, 1.0, 3.0, 4.0])
array([0.5, 0.5])
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ._info import cmake_prefix, show_versions, versions

if TYPE_CHECKING:
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


def __getattr__(name: str) -> Any:
    """Submodules are imported when they are first asked for: nobody needs all of them."""
    if name in __all__:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
