"""One weight matrix without its noise."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from .._arguments import Floats, as_choice, as_count, as_number, as_real, default_threads, refuse_non_finite
from .._display import Displayed
from ..linalg import svd, svdvals
from ..signal import Bulk, fit_bulk, hard_threshold, rotation_invariant, shrink
from ..signal._bulk import noise_threshold
from ..signal._shrink import LOSSES, median_eigenvalue
from ._layer import Layer, by
from ._tensor import PRECISION

if TYPE_CHECKING:
    from matplotlib.axes import Axes

METHODS = ("hard", "bulk", *LOSSES, "ledoit-peche", "rank")
"""How a singular value of the filtered matrix comes from those of the given one."""


@dataclass(frozen=True, eq=False)
class Filtered(Displayed):
    """A matrix without its noise, and how it came about.

    Attributes
    ----------
    weight : (m, n) ndarray
        The signal, in the dtype of what was given (float16 and bfloat16 layers are float32).
    removed : (m, n) ndarray
        What was given, less `weight`.
    name, method : str
        Of the layer, and as chosen.
    rank : int
        Singular values that are left.
    sigma : float or None
        Standard deviation of the entries of the noise; None where the method needs none.
    threshold : float or None
        Where singular values were cut; None for "ledoit-peche" and "rank".
    before, after : (min(m, n),) ndarray
        Singular values, descending; for "rank" only those k that were computed.
    bulk : Bulk or None
        The fit that gave sigma.

    Examples
    --------
    >>> noise = np.random.default_rng(0).normal(size=(100, 50))
    >>> cut = filter(noise, method="rank", k=5)
    >>> cut.rank, bool(np.allclose(cut.weight + cut.removed, noise))
    (5, True)
    """

    weight: Floats
    removed: Floats
    name: str
    method: str
    rank: int
    sigma: float | None
    threshold: float | None
    before: Floats
    after: Floats
    bulk: Bulk | None

    @property
    def kept(self) -> float:
        """The squared norm of what is left over that of what was given."""
        left = float(np.square(self.weight, dtype=np.float64).sum())
        both = float(np.square(self.weight.astype(np.float64) + self.removed).sum())
        return left / both if both else 1.0

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers and lists, without the matrices."""
        return {
            "name": self.name,
            "shape": list(self.weight.shape),
            "method": self.method,
            "rank": self.rank,
            "sigma": self.sigma,
            "threshold": self.threshold,
            "kept": self.kept,
            "before": self.before.tolist(),
            "after": self.after.tolist(),
        }

    def plot(self, ax: Axes | None = None) -> Axes:
        """Singular values after filtering over those before."""
        from ..plots import shrinkage

        return shrinkage(self.before, self.after, ax=ax, edge=None if self.sigma is None else self._edge)

    @property
    def _edge(self) -> float:
        rows, columns = self.weight.shape
        return (self.sigma or 0.0) * (math.sqrt(rows) + math.sqrt(columns))

    def __repr__(self) -> str:
        noise = "" if self.sigma is None else f", noise of sigma {self.sigma:.4g}"
        return (
            f"Filtered({self.name!r}, {by(self.weight.shape)}, {self.method!r}: rank {self.rank} of "
            f"{min(self.weight.shape)}, {100 * self.kept:.3g}% of the squared norm kept{noise})"
        )


def filter(
    layer: Layer | ArrayLike,
    *,
    method: str = "hard",
    k: int | None = None,
    sigma: float | str | None = None,
    threads: int | None = None,
) -> Filtered:
    """Take the noise out of a weight matrix: keep or shrink what stands out of its bulk.

    Parameters
    ----------
    layer : Layer or (m, n) array_like of real
        As `load` gives it, or any matrix.
    method : str
        What becomes of the singular values:

        - "hard": those above Gavish and Donoho's threshold stay as they are, the others go (`signal.hard_threshold`);
        - "bulk": the same with the end of the noise, where one noise matrix in a thousand has one above;
        - "frobenius", "operator", "nuclear": those of "bulk" are shrunk to be the best in that norm, for a signal of
          low rank (`signal.shrink`). "operator" undoes the repulsion from the bulk;
        - "ledoit-peche": the same for a signal of any rank (`signal.rotation_invariant`), which also keeps what lies
          within the bulk;
        - "rank": the k largest stay.
    k : int, optional
        For "rank".
    sigma : float or "median", optional
        Standard deviation of the entries of the noise. Default: from the bulk, see `signal.fit_bulk`. "median": from
        the median of the singular values, Gavish and Donoho's rule for unknown noise.
    threads : int, optional
        Default: every core this process may use. Never changes the result.

    Returns
    -------
    Filtered
        `.weight`, `.removed`, `.rank`, `.sigma`, `.before`, `.after`, `.plot()`.

    Raises
    ------
    ValueError, TypeError
        If the matrix is not finite; if no sigma is given, and its singular values are fewer than 10 or do not follow
        the law of noise (then nothing says what noise is); if an argument is none of the above.
    MemoryError
        If the work cannot fit into memory; before it starts.

    Notes
    -----
    That noise may go is an assumption: small singular values of trained networks can carry what fine-tuning learned
    [4]_. Under label noise, cutting the bulk and undoing the repulsion was seen to improve accuracy [3]_.

    Memory: that of `linalg.svd` in double precision. Vectors are computed only of what stays.

    References
    ----------
    .. [1] M. Gavish and D. L. Donoho, IEEE Trans. Inf. Theory 60, 5040 (2014), arXiv:1305.5870.
    .. [2] M. Gavish and D. L. Donoho, IEEE Trans. Inf. Theory 63, 2137 (2017), arXiv:1405.7511.
    .. [3] M. Staats, M. Thamm and B. Rosenow, arXiv:2206.03927 (2022).
    .. [4] M. Staats, M. Thamm and B. Rosenow, arXiv:2410.17770 (2024).

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> signal = 50 * np.outer(np.full(300, 300**-0.5), np.full(200, 200**-0.5))
    >>> noise = rng.normal(size=(300, 200))
    >>> found = filter(signal + noise, method="frobenius")
    >>> found
    Filtered('weight', 300 x 200, 'frobenius': rank 1 of 200, 3.35% of the squared norm kept, noise of sigma 0.9998)
    >>> float(np.linalg.norm(found.weight - signal) / np.linalg.norm(noise))
    0.09...
    """
    name = layer.name if isinstance(layer, Layer) else "weight"
    dtype = layer.dtype if isinstance(layer, Layer) else ""
    given = as_real("filter", "layer", layer.weight if isinstance(layer, Layer) else layer)
    if given.ndim != 2 or given.size == 0:
        raise ValueError(f"filter: layer must be a matrix with entries, got shape {given.shape}")
    refuse_non_finite("filter", "layer", given)
    sigma = check_method("filter", method, k, sigma)
    keep = None if k is None else as_count("filter", "k", k, least=0, most=min(given.shape))
    with default_threads(threads):
        wide = given.astype(np.float64)
        if keep is not None:
            return _assembled(given, wide, name, method, svdvals(wide)[:keep], None, keep)
        precision = PRECISION.get(dtype or given.dtype.name, PRECISION["float32"])
        return _noise_removed(given, wide, name, method, sigma, precision)


def check_method(function: str, method: str, k: int | None, sigma: float | str | None) -> float | str | None:
    """Refuse what does not belong together; sigma as a number or "median"."""
    as_choice(function, "method", method, METHODS)
    if (k is not None) != (method == "rank"):
        raise ValueError(f"{function}: k belongs to method 'rank', got k = {k!r} with {method!r}")
    if k is not None:
        as_count(function, "k", k, least=0)
    if method == "rank" and sigma is not None:
        raise ValueError(f"{function}: sigma has no effect on method 'rank'")
    if isinstance(sigma, str):
        return as_choice(function, "sigma", sigma, ("median",))
    return None if sigma is None else as_number(function, "sigma", sigma, above=0)


def _noise_removed(
    given: Floats, wide: Floats, name: str, method: str, sigma: float | str | None, precision: float
) -> Filtered:
    s, shape, bulk = svdvals(wide), (wide.shape[0], wide.shape[1]), None
    scale = float(sigma) if isinstance(sigma, float | int) else 0.0
    if sigma is None:
        try:
            bulk = fit_bulk(s, shape, precision=precision)
        except ValueError as error:
            said = str(error).removeprefix("fit_bulk: ")
            raise ValueError(f"filter: layer must tell its noise where sigma is not given: {said}") from error
        if not bulk.follows:
            raise ValueError(
                f"filter: layer {name!r} has no bulk of noise (Kolmogorov-Smirnov distance {bulk.ks:.3f} from the "
                "Marchenko-Pastur law): give sigma, or method 'rank'"
            )
        scale, shape = bulk.sigma, bulk.effective_shape
    elif sigma == "median":
        middle = float(np.median(s))
        if middle == 0:
            raise ValueError(f"filter: layer {name!r} has a median singular value of 0: give sigma, or method 'rank'")
        scale = middle / math.sqrt(max(shape) * median_eigenvalue(min(shape) / max(shape)))
    cut: float | None = None
    if method == "ledoit-peche":
        after = np.zeros_like(s)
        after[: min(shape)] = rotation_invariant(s[: min(shape)], shape, scale)
    else:
        end = noise_threshold(shape, scale) if bulk is None else bulk.threshold
        cut = hard_threshold(shape, sigma=scale) if method == "hard" else end
        best = shrink(s, shape, scale, loss=method) if method in LOSSES else s
        after = np.where(s > cut, best, 0.0)
    return _assembled(given, wide, name, method, s, after, int(np.count_nonzero(after)), scale, cut, bulk)


def _assembled(
    given: Floats,
    wide: Floats,
    name: str,
    method: str,
    before: Floats,
    after: Floats | None,
    rank: int,
    sigma: float | None = None,
    threshold: float | None = None,
    bulk: Bulk | None = None,
) -> Filtered:
    """The matrix with the same vectors and the singular values `after`."""
    after = before if after is None else after
    signal = np.zeros_like(wide)
    if rank:
        u, _, vt = svd(wide, k=rank)
        np.matmul(u * after[:rank], vt, out=signal)
    weight = signal.astype(given.dtype)
    return Filtered(weight, given - weight, name, method, rank, sigma, threshold, before, after, bulk)
