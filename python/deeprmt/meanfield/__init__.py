"""Mean field: how the variance of the preactivations and the size of gradients go through a wide random network.

A layer maps the variance q of its inputs' preactivations to sigma_w^2 E phi(sqrt(q) Z)^2 + sigma_b^2, Z a standard
normal; gradients grow by chi = sigma_w^2 E phi'(sqrt(q) Z)^2 a layer. sigma_w and sigma_b are standard deviations:
the weights' entries have variance sigma_w^2 / n_in, the biases sigma_b^2.
"""

from ._correlation import DepthScales, correlation_map, correlations, depth_scales
from ._critical import CriticalLine, CriticalPoint, critical_line, critical_point
from ._dynamics import Dynamics, gradient_descent, gradient_flow
from ._fixed_point import FixedPoint, fixed_point, fixed_points
from ._kernel_law import KernelLaw, conjugate_kernel_law, ntk_law
from ._kernel_spectrum import KernelSpectrum, kernel_spectrum
from ._kernels import Kernels, kernels, nngp, ntk
from ._learning_rate import MaxLearningRate, max_learning_rate
from ._moments import gauss_moment
from ._one_sample import OneSampleNTKLaw, one_sample_ntk_law
from ._phase_diagram import PhaseDiagram, phase_diagram
from ._posterior import Posterior, posterior
from ._products import gauss_product
from ._slope_law import SlopeLaw, slope_law
from ._variances import variance_map, variances

__all__ = [
    "CriticalLine",
    "CriticalPoint",
    "DepthScales",
    "Dynamics",
    "FixedPoint",
    "KernelLaw",
    "KernelSpectrum",
    "Kernels",
    "MaxLearningRate",
    "OneSampleNTKLaw",
    "PhaseDiagram",
    "Posterior",
    "SlopeLaw",
    "conjugate_kernel_law",
    "correlation_map",
    "correlations",
    "critical_line",
    "critical_point",
    "depth_scales",
    "fixed_point",
    "fixed_points",
    "gauss_moment",
    "gauss_product",
    "gradient_descent",
    "gradient_flow",
    "kernel_spectrum",
    "kernels",
    "max_learning_rate",
    "nngp",
    "ntk",
    "ntk_law",
    "one_sample_ntk_law",
    "phase_diagram",
    "posterior",
    "slope_law",
    "variance_map",
    "variances",
]
