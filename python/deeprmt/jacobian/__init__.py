"""The input-output Jacobian of deep random networks: singular values of samples."""

from .samples import singular_values

__all__ = ["singular_values"]
