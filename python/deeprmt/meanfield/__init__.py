"""Mean field: how the variance of the preactivations and the size of gradients go through a wide random network.

A layer maps the variance q of its inputs' preactivations to sigma_w^2 E phi(sqrt(q) Z)^2 + sigma_b^2, Z a standard
normal; gradients grow by chi = sigma_w^2 E phi'(sqrt(q) Z)^2 a layer. sigma_w and sigma_b are standard deviations:
the weights' entries have variance sigma_w^2 / n_in, the biases sigma_b^2.
"""

from ._critical import CriticalPoint, critical_point
from ._fixed_point import FixedPoint, fixed_point
from ._kernel_law import KernelLaw, conjugate_kernel_law, ntk_law
from ._moments import gauss_moment
from ._products import gauss_product

__all__ = [
    "CriticalPoint",
    "FixedPoint",
    "KernelLaw",
    "conjugate_kernel_law",
    "critical_point",
    "fixed_point",
    "gauss_moment",
    "gauss_product",
    "ntk_law",
]
