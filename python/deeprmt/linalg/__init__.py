"""Numbers of a matrix or a product of matrices: singular values and vectors, eigenvalues, Lyapunov exponents."""

from ._eigh import eigvalsh
from ._lyapunov import LyapunovExponents, lyapunov_exponents
from ._products import log_svdvals
from ._svd import SVD, svd, svdvals

__all__ = ["SVD", "LyapunovExponents", "eigvalsh", "log_svdvals", "lyapunov_exponents", "svd", "svdvals"]
