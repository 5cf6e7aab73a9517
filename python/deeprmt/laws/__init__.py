"""Laws of eigenvalues, singular values and spacings: density, distribution function, quantiles, transforms."""

from ._law import Law

__all__ = ["Law"]
