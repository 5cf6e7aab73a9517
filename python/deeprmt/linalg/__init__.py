"""Numbers of a matrix or a product of matrices: singular values and vectors, eigenvalues, Lyapunov exponents, and
spectra of what is too large to decompose."""

from ._eigh import Eigh, eigh, eigvalsh
from ._lyapunov import LyapunovExponents, lyapunov_exponents
from ._products import log_svdvals
from ._spectral_density import Estimate, SpectralDensity, spectral_density
from ._svd import SVD, svd, svdvals
from ._tridiagonal import eigvalsh_tridiagonal

__all__ = [
    "SVD",
    "Eigh",
    "Estimate",
    "LyapunovExponents",
    "SpectralDensity",
    "eigh",
    "eigvalsh",
    "eigvalsh_tridiagonal",
    "log_svdvals",
    "lyapunov_exponents",
    "spectral_density",
    "svd",
    "svdvals",
]
