"""Numbers of a matrix or a product of matrices: singular values and vectors, eigenvalues."""

from ._eigh import eigvalsh
from ._svd import SVD, svd, svdvals

__all__ = ["SVD", "eigvalsh", "svd", "svdvals"]
