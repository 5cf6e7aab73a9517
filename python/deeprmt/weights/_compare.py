"""Two checkpoints of one model: what changed, layer by layer."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .._arguments import as_choice, as_count, as_threads, default_threads
from .._display import Displayed
from .._info import versions
from .._write import write
from ..linalg import svd, svdvals
from ..run import Progress
from ..run._progress import reporting
from ..signal._bulk import LEAST_LEVELS, fit, zeros
from ._layer import Layer, ReadError
from ._load import prepared
from ._roles import SPLITS
from ._sources import plan
from ._tensor import CONVENTIONS, PRECISION, Tensor

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes


@dataclass(frozen=True, kw_only=True)
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
    shape: tuple[int, ...]
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

    @property
    def left_bulk(self) -> bool | None:
        """Whether more singular values lie beyond the noise than before; None where either has no bulk."""
        if self.base_outliers is None or self.tuned_outliers is None:
            return None
        return self.tuned_outliers > self.base_outliers

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers."""
        return asdict(self) | {"shape": list(self.shape), "left_bulk": self.left_bulk}


@dataclass(frozen=True, eq=False, repr=False)
class Comparison(Displayed):
    """What `compare` found.

    Attributes
    ----------
    rows : list of LayerChange
        One a layer that both have, in the order of the tuned checkpoint.
    only_base, only_tuned : list of str
        Names of layers that the other does not have, or in another shape.
    versions : dict
        See `deeprmt.versions`.

    Examples
    --------
    >>> import numpy as np
    >>> from deeprmt import weights
    >>> found = weights.compare({"a": np.eye(20), "b": np.eye(3)}, {"a": 2 * np.eye(20)})
    >>> found.rows[0].relative_change, found.only_base
    (1.0, ['b'])
    """

    rows: list[LayerChange]
    only_base: list[str]
    only_tuned: list[str]
    versions: dict[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        rows = [each.to_dict() for each in self.rows]
        return {"rows": rows, "only_base": self.only_base, "only_tuned": self.only_tuned, "versions": self.versions}

    def to_pandas(self) -> pandas.DataFrame:
        """One row a layer."""
        try:
            import pandas
        except ImportError as error:
            raise ImportError("Comparison.to_pandas needs pandas: pip install pandas") from error
        return pandas.DataFrame([each.to_dict() for each in self.rows])

    def to_html(self, path: str | os.PathLike[str] | None = None) -> str:
        """One self-contained page with a figure and a table. Written to `path` if given, and returned."""
        from ..report import comparison_page

        text = comparison_page(self)
        if path is not None:
            write(path, text)
        return text

    def plot(self, ax: Axes | None = None) -> Axes:
        """Every layer: how far it went, and how much of the span of its leading singular vectors it kept."""
        from ..plots import changes

        return changes(self, ax=ax)

    def __repr__(self) -> str:
        left = sum(bool(row.left_bulk) for row in self.rows)
        return (
            f"Comparison: {len(self.rows)} layers, {left} with more outliers than before; "
            f"{len(self.only_base)} only in base, {len(self.only_tuned)} only in tuned"
        )


def compare(
    base: Any,
    tuned: Any,
    *,
    k: int | None = None,
    conv: str = "flatten",
    split: str = "parts",
    heads: int | None = None,
    progress: Progress = None,
    threads: int | None = None,
) -> Comparison:
    """Compare two checkpoints of one model: before and after training, base and fine-tuned.

    Parameters
    ----------
    base, tuned
        Each as `analyze` takes a source. Layers belong together by name and shape.
    k : int, optional
        How many leading singular vectors are compared. Default: as many as the base has outliers, at least one.
    conv : "flatten", "slices" or "channels"
        How convolutions become matrices, see `load`.
    split : "parts", "heads" or "none"
        How far packed attention and recurrent layers are taken apart, see `load`.
    heads : int, optional
        The number of attention heads, see `load`.
    progress : None, True or callable
        See `deeprmt.run.map`; counts tensors.
    threads : int, optional
        Default: every core this process may use. Never changes the result.

    Returns
    -------
    Comparison
        `.rows`, one `LayerChange` a layer; `.plot()`, `.to_pandas()`, `.to_html(path)`, `.to_dict()`.

    Raises
    ------
    ReadError, ValueError, TypeError
        If a source is none, or a tensor cannot be read; if the two share no layer.

    Notes
    -----
    One tensor of each checkpoint is in memory at a time. The work is three spectra, and k singular vectors of two.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> base = {"w": rng.normal(size=(200, 150))}
    >>> update = 4 * rng.normal(size=(200, 2)) @ rng.normal(size=(2, 150))
    >>> found = compare(base, {"w": base["w"] + update})
    >>> found
    Comparison: 1 layers, 1 with more outliers than before; 0 only in base, 0 only in tuned
    >>> found.rows[0].change_rank, round(found.rows[0].change_stable_rank, 1) <= 2.0
    (2, True)
    """
    k = None if k is None else as_count("compare", "k", k)
    as_choice("compare", "conv", conv, CONVENTIONS)
    as_choice("compare", "split", split, SPLITS)
    heads = None if heads is None else as_count("compare", "heads", heads)
    inner = as_threads("compare", threads)
    old, new = (_tensors(each, split, heads) for each in (base, tuned))
    shared = [name for name, what in new.items() if name in old and _shape(old[name]) == _shape(what)]
    if not shared:
        raise ValueError("compare: base and tuned must share a layer of one name and shape, found none")
    rows: list[LayerChange] = []
    with default_threads(inner), reporting(progress, len(shared)) as report:
        for done, name in enumerate(shared, 1):
            pairs = zip(_layers(old[name], conv), _layers(new[name], conv), strict=True)
            rows += [_change(one, other, k) for one, other in pairs]
            report(done)
    rest = [[name for name in each if name not in set(shared)] for each in (old, new)]
    return Comparison(rows, rest[0], rest[1], versions())


def _tensors(source: Any, split: str, heads: int | None) -> dict[str, Tensor | Layer]:
    work, skipped = prepared(*plan("compare", source), split, heads)
    found = {each.name: each for each in work}
    if not found:
        raise ReadError(skipped[0].reason if skipped else "compare: a source holds no weights at all")
    return found


def _shape(what: Tensor | Layer) -> tuple[int, ...]:
    return what.matrix_shape if isinstance(what, Tensor) else what.weight.shape


def _layers(what: Tensor | Layer, conv: str) -> Iterator[Layer]:
    return iter((what,)) if isinstance(what, Layer) else what.layers(conv)


def _change(base: Layer, tuned: Layer, k: int | None) -> LayerChange:
    shape = base.weight.shape
    old, new = (np.asarray(each.weight, np.float64) for each in (base, tuned))
    if not (np.isfinite(old).all() and np.isfinite(new).all()):
        return LayerChange(name=tuned.name, shape=shape, note="some entries are NaN or infinite")
    if min(shape) == 0 or not old.any() or not new.any():
        return LayerChange(name=tuned.name, shape=shape, note="every entry is zero")
    precision = max(PRECISION.get(each.dtype, PRECISION["float32"]) for each in (base, tuned))
    before, after = _outliers(svdvals(old), shape, precision), _outliers(svdvals(new), shape, precision)
    count = min(k or max(before or 0, 1), min(shape))
    one, other = svd(old, k=count), svd(new, k=count)
    found: dict[str, Any] = {
        "k": count,
        "base_outliers": before,
        "tuned_outliers": after,
        "left_overlap": _overlap(one.u.T, other.u.T),
        "right_overlap": _overlap(one.vt, other.vt),
        "left_chance": count / shape[0],
        "right_chance": count / shape[1],
    }
    size = math.sqrt(float(np.einsum("ij,ij", old, old)))
    difference = new - old
    found["relative_change"] = math.sqrt(float(np.einsum("ij,ij", difference, difference))) / size
    if found["relative_change"] == 0:
        return LayerChange(name=tuned.name, shape=shape, change_rank=0, note="nothing changed", **found)
    s = svdvals(difference)
    # Each entry of the difference is off by the rounding of the two that were stored, which is that of the larger.
    stored = precision / 2 * size / math.sqrt(old.size) * (math.sqrt(shape[0]) + math.sqrt(shape[1]))
    found["change_rank"] = int(np.count_nonzero(s > max(max(shape) * 2.0**-52 * s[0], stored)))
    found["change_stable_rank"] = float((s**2).sum() / s[0] ** 2)
    found["change_outliers"] = _outliers(s, shape, precision)
    return LayerChange(name=tuned.name, shape=shape, **found)


def _outliers(s: Any, shape: tuple[int, int], precision: float) -> int | None:
    rank = s.size - zeros(s, shape, precision)
    return fit(s, shape, rank).outliers if rank >= LEAST_LEVELS else None


def _overlap(one: Any, other: Any) -> float:
    cosines = one @ other.T
    return float(min(1.0, np.einsum("ij,ij", cosines, cosines) / len(one)))
