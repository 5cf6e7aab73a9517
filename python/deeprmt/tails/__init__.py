"""Heavy tails: estimates from the largest values."""

from ._hill import Hill, hill

__all__ = ["Hill", "hill"]
