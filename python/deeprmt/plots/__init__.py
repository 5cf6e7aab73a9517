"""Displays: each takes a result and an axes, draws, and returns the axes. They need ``pip install "deeprmt[plot]"``."""

from .bias_variance import bias_variance
from .changes import changes
from .coordinate_check import coordinate_check
from .deconvolution import deconvolution
from .double_descent import double_descent
from .dynamics import dynamics
from .fisher import fisher
from .freeness import freeness
from .goodness_of_fit import goodness_of_fit
from .heavy_tails import heavy_tails
from .hill import hill
from .law import law
from .layers import layers
from .learning_rate import learning_rate
from .max_learning_rate import max_learning_rate
from .number_variance import number_variance
from .overview import overview
from .phase_diagram import phase_diagram
from .plateau import plateau
from .porter_thomas import porter_thomas
from .posterior import posterior
from .power_law import power_law
from .propagation import propagation
from .rate_transfer import rate_transfer
from .ridge_errors import ridge_errors
from .series import series
from .shrinkage import shrinkage
from .spacing import spacing
from .spectral_density import spectral_density
from .spectrum import spectrum
from .tail_estimate import tail_estimate
from .tail_size import tail_size
from .training import training

__all__ = [
    "bias_variance",
    "changes",
    "coordinate_check",
    "deconvolution",
    "double_descent",
    "dynamics",
    "fisher",
    "freeness",
    "goodness_of_fit",
    "heavy_tails",
    "hill",
    "law",
    "layers",
    "learning_rate",
    "max_learning_rate",
    "number_variance",
    "overview",
    "phase_diagram",
    "plateau",
    "porter_thomas",
    "posterior",
    "power_law",
    "propagation",
    "rate_transfer",
    "ridge_errors",
    "series",
    "shrinkage",
    "spacing",
    "spectral_density",
    "spectrum",
    "tail_estimate",
    "tail_size",
    "training",
]
