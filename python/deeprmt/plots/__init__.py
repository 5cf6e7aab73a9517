"""Displays: each takes a result and an axes, draws, and returns the axes. They need ``pip install "deeprmt[plot]"``."""

from .freeness import freeness
from .goodness_of_fit import goodness_of_fit
from .hill import hill
from .law import law
from .layers import layers
from .number_variance import number_variance
from .phase_diagram import phase_diagram
from .power_law import power_law
from .shrinkage import shrinkage
from .spacing import spacing
from .spectral_density import spectral_density
from .spectrum import spectrum

__all__ = [
    "freeness",
    "goodness_of_fit",
    "hill",
    "law",
    "layers",
    "number_variance",
    "phase_diagram",
    "power_law",
    "shrinkage",
    "spacing",
    "spectral_density",
    "spectrum",
]
