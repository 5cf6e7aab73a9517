"""How one layer differs between two checkpoints."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from .._arguments import Floats
from .._display import Displayed
from ..linalg import svd, svdvals
from ..signal import Bulk
from ..signal._bulk import LEAST_LEVELS, fit, zeros
from ._layer import Layer
from ._tensor import PRECISION

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, eq=False, kw_only=True)
class LayerChange(Displayed):
    """How one layer differs between two checkpoints; None is what matrices like these do not have.

    Attributes
    ----------
    name : str
        In the tuned checkpoint.
    shape : tuple of int
        Of the matrix.
    relative_change : float
        The Frobenius norm of the difference over that of the base.
    change_rank : int
        Singular values of the difference that are not zero up to rounding of the stored entries.
    change_stable_rank : float
        The sum of the squared singular values of the difference over the largest: about the rank of an update of low
        rank, and min(shape) / (1 + sqrt(aspect))^2 for noise.
    change_outliers : int
        Singular values of the difference beyond the end of its own noise, see `deeprmt.signal.fit_bulk`.
    base_outliers, tuned_outliers : int
        Of the two matrices.
    k : int
        The number of leading singular vectors that are compared.
    left_overlap, right_overlap : float
        The mean squared cosine of the principal angles between the spans of the leading k singular vectors: 1 for one
        span.
    left_chance, right_chance : float
        What two random spans give, k over the dimension.
    note : str
        What could not be had, and why.
    change_singular_values : (min(shape),) ndarray
        Of the difference, descending; empty where there is none.

    Examples
    --------
    >>> import numpy as np
    >>> from deeprmt import weights
    >>> base = np.random.default_rng(0).normal(size=(60, 50))
    >>> (row,) = weights.compare({"w": base}, {"w": base + 40 / np.sqrt(3000)}).rows
    >>> row.change_rank, row.base_outliers, row.tuned_outliers, row.left_bulk
    (1, 0, 1, True)
    """

    name: str
    shape: tuple[int, int]
    relative_change: float | None = None
    change_rank: int | None = None
    change_stable_rank: float | None = None
    change_outliers: int | None = None
    base_outliers: int | None = None
    tuned_outliers: int | None = None
    k: int | None = None
    left_overlap: float | None = None
    right_overlap: float | None = None
    left_chance: float | None = None
    right_chance: float | None = None
    note: str = ""
    precision: float = field(default=PRECISION["float32"], repr=False)
    change_singular_values: Floats = field(default_factory=lambda: np.empty(0), repr=False)

    @property
    def left_bulk(self) -> bool | None:
        """Whether more singular values lie beyond the noise than before; None where either has no bulk."""
        if self.base_outliers is None or self.tuned_outliers is None:
            return None
        return self.tuned_outliers > self.base_outliers

    @property
    def change_bulk(self) -> Bulk | None:
        """The noise in the difference and what stands out of it, see `deeprmt.signal.fit_bulk`."""
        return _bulk(self.change_singular_values, self.shape, self.precision)

    def to_dict(self, *, arrays: bool = False) -> dict[str, Any]:
        """Plain numbers; `arrays` adds the singular values of the difference."""
        apart = ("precision", "change_singular_values")
        out = {each.name: getattr(self, each.name) for each in fields(self) if each.name not in apart}
        out |= {"shape": list(self.shape), "left_bulk": self.left_bulk}
        return out | ({"change_singular_values": self.change_singular_values.tolist()} if arrays else {})

    def plot(self, ax: Axes | None = None) -> Axes:
        """The spectrum of the difference: its singular values, the law of its noise, and what stands out."""
        bulk = self.change_bulk
        if bulk is not None:
            return bulk.plot(ax)
        if not self.change_singular_values.size:
            raise ValueError(f"LayerChange.plot: there is no difference to draw of {self.name!r}: {self.note}")
        from ..plots import spectrum

        return spectrum(self.change_singular_values, ax=ax, label="singular values", xlabel="singular value")


class Side:
    """One of the matrices that are compared: what is known of it is computed once."""

    def __init__(self, layer: Layer, singular_values: Floats | None = None) -> None:
        self.name, self.shape = layer.name, layer.weight.shape
        self.matrix = np.asarray(layer.weight, np.float64)
        self.precision = PRECISION.get(layer.dtype, PRECISION["float32"])
        self._known = singular_values
        self._vectors: tuple[Floats, Floats] | None = None

    @cached_property
    def fault(self) -> str:
        """What forbids a comparison."""
        if not np.isfinite(self.matrix).all():
            return "some entries are NaN or infinite"
        return "" if self.matrix.any() else "every entry is zero"

    @cached_property
    def singular_values(self) -> Floats:
        """Descending."""
        return np.asarray(svdvals(self.matrix)) if self._known is None else self._known

    @cached_property
    def outliers(self) -> int | None:
        """None where there is no bulk."""
        bulk = _bulk(self.singular_values, self.shape, self.precision)
        return None if bulk is None else bulk.outliers

    def leading(self, k: int | None) -> int:
        """How many singular vectors are compared, if k are asked for, or by default as many as there are outliers."""
        count: int = min(k or max(self.outliers or 0, 1), min(self.shape))
        return count

    def vectors(self, k: int) -> tuple[Floats, Floats]:
        """The k leading left and right singular vectors, in rows."""
        if self._vectors is None or len(self._vectors[0]) < k:
            found = svd(self.matrix, k=k)
            self._vectors = np.asarray(found.u.T), np.asarray(found.vt)
        return self._vectors[0][:k], self._vectors[1][:k]


def difference(base: Side, tuned: Side, k: int | None) -> LayerChange:
    """All that is told of a layer."""
    shape = base.shape
    fault = base.fault if "NaN" in base.fault else tuned.fault or base.fault
    if fault:
        return LayerChange(name=tuned.name, shape=shape, note=fault)
    precision = max(base.precision, tuned.precision)
    found: dict[str, Any] = overlaps(base, tuned, base.leading(k))
    found |= {"base_outliers": base.outliers, "tuned_outliers": tuned.outliers, "precision": precision}
    size = math.sqrt(float(np.einsum("ij,ij", base.matrix, base.matrix)))
    change = tuned.matrix - base.matrix
    found["relative_change"] = math.sqrt(float(np.einsum("ij,ij", change, change))) / size
    if found["relative_change"] == 0:
        return LayerChange(name=tuned.name, shape=shape, change_rank=0, note="nothing changed", **found)
    s = np.asarray(svdvals(change))
    # Each entry of the difference is off by the rounding of the two that were stored, which is that of the larger.
    stored = precision / 2 * size / math.sqrt(change.size) * (math.sqrt(shape[0]) + math.sqrt(shape[1]))
    found["change_rank"] = int(np.count_nonzero(s > max(max(shape) * 2.0**-52 * s[0], stored)))
    found["change_stable_rank"] = float((s**2).sum() / s[0] ** 2)
    bulk = _bulk(s, shape, precision)
    found["change_outliers"] = None if bulk is None else bulk.outliers
    return LayerChange(name=tuned.name, shape=shape, change_singular_values=s, **found)


def overlaps(one: Side, other: Side, k: int) -> dict[str, Any]:
    """k, and of the leading k left, and right, singular vectors of both how far they span the same; and by chance."""
    left, right = (_overlap(a, b) for a, b in zip(one.vectors(k), other.vectors(k), strict=True))
    out = {"k": k, "left_overlap": left, "right_overlap": right}
    return out | {f"{side}_chance": k / n for side, n in zip(("left", "right"), one.shape, strict=True)}


def _bulk(s: Floats, shape: tuple[int, int], precision: float) -> Bulk | None:
    rank = s.size - zeros(s, shape, precision) if s.size else 0
    return fit(s, shape, rank) if rank >= LEAST_LEVELS else None


def _overlap(one: Floats, other: Floats) -> float:
    """The mean squared cosine of the principal angles between two spans."""
    cosines = one @ other.T
    return float(min(1.0, np.einsum("ij,ij", cosines, cosines) / len(one)))
