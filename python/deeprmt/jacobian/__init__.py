"""The input-output Jacobian of deep random networks: singular values of samples, and their law at large width."""

from ._law import JacobianLaw, law
from ._samples import singular_values

__all__ = ["JacobianLaw", "law", "singular_values"]
