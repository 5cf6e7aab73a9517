"""The input-output Jacobian of deep random networks: singular values of samples, and their law at large width."""

from ._law import JacobianLaw, law
from ._samples import singular_values
from ._universal import UniversalLaw, universal_law

__all__ = ["JacobianLaw", "UniversalLaw", "law", "singular_values", "universal_law"]
