"""Two checkpoints of one model: what changed, layer by layer."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .._arguments import as_count, as_threads, default_threads
from .._display import Displayed
from .._info import versions
from .._write import write
from ..run import Progress
from ..run._progress import reporting
from ._change import LayerChange, Side, difference
from ._layer import Layer, ReadError
from ._load import as_heads, prepared
from ._sources import plan
from ._tensor import Tensor

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes


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
    heads = as_heads("compare", split, heads, conv)
    inner = as_threads("compare", threads)
    old, new = (tensors_of(each, split, heads) for each in (base, tuned))
    shared = [name for name, what in new.items() if name in old and shape_of(old[name]) == shape_of(what)]
    if not shared:
        raise ValueError("compare: base and tuned must share a layer of one name and shape, found none")
    rows: list[LayerChange] = []
    with default_threads(inner), reporting(progress, len(shared)) as report:
        for done, name in enumerate(shared, 1):
            pairs = zip(layers_of(old[name], conv), layers_of(new[name], conv), strict=True)
            rows += [difference(Side(one), Side(other), k) for one, other in pairs]
            report(done)
    rest = [[name for name in each if name not in set(shared)] for each in (old, new)]
    return Comparison(rows, rest[0], rest[1], versions())


def tensors_of(source: Any, split: str, heads: int | None, function: str = "compare") -> dict[str, Tensor | Layer]:
    """By name; nothing is read yet."""
    work, skipped = prepared(*plan(function, source), split, heads)
    found = {each.name: each for each in work}
    if not found:
        raise ReadError(skipped[0].reason if skipped else f"{function}: a source holds no weights at all")
    return found


def shape_of(what: Tensor | Layer) -> tuple[int, ...]:
    """Of the matrix."""
    return what.matrix_shape if isinstance(what, Tensor) else what.weight.shape


def layers_of(what: Tensor | Layer, conv: str) -> Iterator[Layer]:
    """The matrices of a tensor."""
    return iter((what,)) if isinstance(what, Layer) else what.layers(conv)
