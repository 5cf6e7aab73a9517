"""The eigenvalues of a kernel that exists, beside the law that they have in the limit."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._arguments import as_choice, as_real, as_threads, refuse_non_finite
from .._display import Displayed
from ..laws import Law
from ..linalg import eigvalsh

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["KernelSpectrum", "kernel_spectrum"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False, repr=False)
class KernelSpectrum(Displayed):
    """Eigenvalues of a kernel, and the law to hold them against; made by `kernel_spectrum`.

    Attributes
    ----------
    eigenvalues : (n,) ndarray
        Ascending; divided by `factor`.
    law : Law or None
        What was given.
    factor : float
        By what the eigenvalues were divided: 1, or what gives them the mean of the law.
    lambda_min, lambda_max, condition_number : float
        The ends, and their ratio; infinite where the kernel is singular to rounding.
    ks : float
        The largest distance between their distribution function and that of the law; NaN without one. Where
        eigenvalues crowd at an end of the law it is large however little they are off.
    outliers : (k,) ndarray
        Eigenvalues outside the hull of the law by more than a tenth of its size.

    Examples
    --------
    >>> found = kernel_spectrum([[2.0, 1.0], [1.0, 2.0]])
    >>> found.eigenvalues, round(found.condition_number, 12)
    (array([1., 3.]), 3.0)
    """

    eigenvalues: Array
    law: Law | None
    factor: float

    @property
    def lambda_min(self) -> float:
        """The smallest eigenvalue."""
        return float(self.eigenvalues[0])

    @property
    def lambda_max(self) -> float:
        """The largest eigenvalue."""
        return float(self.eigenvalues[-1])

    @property
    def condition_number(self) -> float:
        """The largest over the smallest eigenvalue: by that many steps gradient descent is slowed down."""
        low, high = self.lambda_min, self.lambda_max
        return high / low if low > self.eigenvalues.size * np.finfo(float).eps * abs(high) else math.inf

    @property
    def ks(self) -> float:
        """Kolmogorov's distance to the law."""
        if self.law is None:
            return math.nan
        n = self.eigenvalues.size
        atoms = dict(self.law.atoms())
        below = np.asarray(self.law.cdf(self.eigenvalues), np.float64)
        # Below a value the function of the law is less by the atom there: rounding moves eigenvalues off atoms.
        scale = max(abs(self.lambda_max), 1e-300)
        left = below.copy()
        for at, mass in atoms.items():
            here = np.abs(self.eigenvalues - at) <= 1e-9 * scale
            right = float(self.law.cdf(at))
            below[here], left[here] = right, right - mass
        upper, lower = np.arange(1, n + 1) / n, np.arange(n) / n
        last = np.append(np.diff(self.eigenvalues) > 1e-9 * scale, True)  # of eigenvalues that are one
        first = np.append(True, last[:-1])
        return float(max(np.max((upper - below)[last]), np.max((left - lower)[first])))

    @property
    def outliers(self) -> Array:
        """Eigenvalues far outside the law."""
        if self.law is None:
            return np.empty(0)
        low, high = self.law._hull()
        room = 0.1 * (high - low) if high > low else 0.1 * abs(high)
        return self.eigenvalues[(self.eigenvalues < low - room) | (self.eigenvalues > high + room)]

    def to_dict(self) -> dict[str, Any]:
        """Eigenvalues and numbers; None for what is not finite."""
        numbers = {"condition_number": self.condition_number, "ks": self.ks}
        finite = {name: value if math.isfinite(value) else None for name, value in numbers.items()}
        law = None if self.law is None else repr(self.law)
        ends = {"lambda_min": self.lambda_min, "lambda_max": self.lambda_max}
        return ends | finite | {"factor": self.factor, "law": law, "eigenvalues": self.eigenvalues.tolist()}

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw a histogram of the eigenvalues, without outliers, and the density of the law."""
        from ..plots import spectrum

        inside = self.eigenvalues[~np.isin(self.eigenvalues, self.outliers)]
        return spectrum(inside, law=self.law, ax=ax)

    def __repr__(self) -> str:
        beside = "" if self.law is None else f", ks={self.ks:.3g}"
        return (
            f"KernelSpectrum({self.eigenvalues.size} eigenvalues in [{self.lambda_min:.4g}, {self.lambda_max:.4g}],"
            f" condition_number={self.condition_number:.4g}{beside})"
        )


def kernel_spectrum(
    kernel: ArrayLike, law: Law | None = None, *, scale: str = "none", threads: int | None = None
) -> KernelSpectrum:
    """The spectrum of a kernel of finite size: ends, condition number, and the distance to its limit law.

    Parameters
    ----------
    kernel : (n, n) array_like of real
        Symmetric: `Network.ntk`, `Network.conjugate_kernel`, `Network.one_sample_ntk`, or any other.
    law : Law, optional
        Its limit: `ntk_law`, `conjugate_kernel_law`, `one_sample_ntk_law`.
    scale : {"none", "mean"}
        "mean" divides the eigenvalues by what gives them the mean of the law: for tangent kernels with one output,
        whose random output weights bring a factor that fluctuates by sqrt(2 / n_{L-1}).
    threads : int, optional
        Default: every core this process may use. Never changes the result.

    Returns
    -------
    KernelSpectrum
        `.eigenvalues`, `.condition_number`, `.ks`, `.outliers`, `.plot()`.

    Raises
    ------
    ValueError, TypeError
        If the kernel is not a symmetric matrix of finite numbers, law is no Law, or scale asks for the mean of none.

    Examples
    --------
    >>> from deeprmt.meanfield import conjugate_kernel_law
    >>> from deeprmt.networks import MLP
    >>> net = MLP([200, 400, 1], "linear", sigma_w=1.0).sample(rng=0)
    >>> kernel = net.conjugate_kernel(200**0.5 * np.eye(200))  # 200 inputs, 400 units
    >>> found = kernel_spectrum(kernel, conjugate_kernel_law("linear", 0.5))
    >>> bool(found.ks < 0.02), round(found.condition_number, 1)
    (True, 28.5)
    """
    name = "kernel_spectrum"
    matrix = as_real(name, "kernel", kernel).astype(np.float64)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or not matrix.size:
        raise ValueError(f"{name}: kernel must be a square matrix, got shape {matrix.shape}")
    refuse_non_finite(name, "kernel", matrix)
    off = float(np.abs(matrix - matrix.T).max())
    if off > 1e-5 * float(np.abs(matrix).max()):
        raise ValueError(f"{name}: kernel must be symmetric, but entries differ by up to {off:.3g}")
    if law is not None and not isinstance(law, Law):
        raise TypeError(f"{name}: law must be a Law, got {type(law).__name__}")
    factor, threads = 1.0, as_threads(name, threads)
    values = np.asarray(eigvalsh(matrix, threads=threads), np.float64)
    if as_choice(name, "scale", scale, ("none", "mean")) == "mean":
        if law is None:
            raise ValueError(f"{name}: law must be given where scale is 'mean'")
        factor = float(values.mean() / law.mean())
        if not factor > 0 or not math.isfinite(factor):
            raise ValueError(f"{name}: the means of kernel and law must be positive, got {values.mean():g}")
        values = values / factor
    return KernelSpectrum(values, law, factor)
