"""Nonlinear random matrices: the spectrum of f(W X), W and X Gaussian, f acting on each entry, and learning with it.

W is n_1 x n_0, X is n_0 x m, Y = f(W X) is n_1 x m; phi = n_0 / m and psi = n_0 / n_1.
"""

from ._constants import Constants, constants
from ._errors import AutoencoderErrors, autoencoder_errors, test_error, training_error
from ._feature_kernel import feature_kernel
from ._fisher import FisherSpectrum, fisher_matrix, fisher_spectrum
from ._fisher_law import FisherLaw, fisher_law
from ._gram_law import GramLaw, gram_law
from ._gram_matrix import gram_eigenvalues, gram_matrix
from ._heavy_tails import HeavyTailedKernel, heavy_tailed_kernel
from ._hessian import critical_energy, hessian_eigenvalues, hessian_law
from ._isospectral import hermite_activation, isospectral_activation, leaky_family
from ._mei_montanari import DoubleDescent, MeiMontanari, double_descent, mei_montanari, optimal_ridge
from ._mixture import MixtureErrors, mixture_errors
from ._propagation import LayerLaw, Propagation, layer_law, propagate
from ._random_features import RandomFeatureErrors, RandomFeatureForecast, RandomFeatureRidge, random_feature_errors

__all__ = [
    "AutoencoderErrors",
    "Constants",
    "DoubleDescent",
    "FisherLaw",
    "FisherSpectrum",
    "GramLaw",
    "HeavyTailedKernel",
    "LayerLaw",
    "MeiMontanari",
    "MixtureErrors",
    "Propagation",
    "RandomFeatureErrors",
    "RandomFeatureForecast",
    "RandomFeatureRidge",
    "autoencoder_errors",
    "constants",
    "critical_energy",
    "double_descent",
    "feature_kernel",
    "fisher_law",
    "fisher_matrix",
    "fisher_spectrum",
    "gram_eigenvalues",
    "gram_law",
    "gram_matrix",
    "heavy_tailed_kernel",
    "hermite_activation",
    "hessian_eigenvalues",
    "hessian_law",
    "isospectral_activation",
    "layer_law",
    "leaky_family",
    "mei_montanari",
    "mixture_errors",
    "optimal_ridge",
    "propagate",
    "random_feature_errors",
    "test_error",
    "training_error",
]
