"""The rows of all layers together, and the ways out of Python."""

from __future__ import annotations

import json
import math
import os
from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from .._info import versions
from .._write import write
from ._layer import Skipped
from ._metrics_table import MetricsTable
from ._row import LayerAnalysis

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes


@dataclass(frozen=True, eq=False)
class Analysis:
    """What `analyze` found.

    Attributes
    ----------
    rows : list of LayerAnalysis
        One a layer, in the order of the source, bad layers too.
    skipped : list of Skipped
        Tensors that are no weight matrices, and files that could not be read, each with its reason.
    versions : dict
        Of deeprmt and what it stands on, see `deeprmt.versions`.

    Examples
    --------
    >>> import numpy as np
    >>> from deeprmt import weights
    >>> found = weights.analyze({"fc.weight": np.eye(30, 20), "fc.bias": np.ones(30)})
    >>> [(row.name, row.rank, row.spectral_norm) for row in found.rows]
    [('fc.weight', 20, 1.0)]
    >>> [skipped.name for skipped in found.skipped]
    ['fc.bias']
    >>> sorted(found.to_dict())
    ['rows', 'skipped', 'versions']
    """

    rows: list[LayerAnalysis]
    skipped: list[Skipped]
    versions: dict[str, Any] = field(default_factory=versions)

    @property
    def complete(self) -> bool:
        """False if a layer is bad, or something was skipped that is no bias, norm, counter or mask."""
        return not any(row.bad for row in self.rows) and all(each.expected for each in self.skipped)

    @property
    def metrics(self) -> MetricsTable:
        """WeightWatcher's metrics of every layer that has some, with p-values adjusted for their number."""
        return MetricsTable(row.metrics for row in self.rows if row.metrics is not None)

    def to_dict(self, *, arrays: bool = False) -> dict[str, Any]:
        """Plain data, ready for JSON; `arrays` adds singular values, spacings and the Hill curve of each layer."""
        content = {
            "rows": [row.to_dict(arrays=arrays) for row in self.rows],
            "skipped": [asdict(each) for each in self.skipped],
            "versions": self.versions,
        }
        return _plain(content)  # type: ignore[no-any-return]

    def to_json(self, path: str | os.PathLike[str] | None = None, *, arrays: bool = False) -> str:
        """Strict JSON: what a layer does not have is null. Written to `path` if given, and returned."""
        text = json.dumps(self.to_dict(arrays=arrays), indent=1, allow_nan=False) + "\n"
        if path is not None:
            write(path, text)
        return text

    def to_html(self, path: str | os.PathLike[str] | None = None) -> str:
        """One self-contained page with figures, tables and explanations. Written to `path` if given, and returned."""
        from ..report import analysis_page

        text = analysis_page(self)
        if path is not None:
            write(path, text)
        return text

    def to_pandas(self) -> pandas.DataFrame:
        """One row a layer, one column a number; NaN where a layer does not have it."""
        try:
            import pandas
        except ImportError as error:
            raise ImportError("Analysis.to_pandas needs pandas: pip install pandas") from error
        frame = pandas.DataFrame([row.to_dict() for row in self.rows])
        return frame.drop(columns=["window", "estimate"], errors="ignore")

    def plot(self, ax: Axes | None = None) -> Axes:
        """All layers side by side: each eigenvalue over its layer's upper edge, outliers marked."""
        from ..plots import layers

        return layers(self, ax=ax)

    def __repr__(self) -> str:
        from ..report import printable

        bad = Counter(row.status for row in self.rows if row.bad)
        special = "".join(f", {count} {status}" for status, count in bad.items())
        lines = [f"Analysis: {len(self.rows)} layers{special}, {len(self.skipped)} skipped"]
        shown = self.rows if len(self.rows) <= 20 else self.rows[:20]
        lines += [f"  {printable(row.name)}: {row.verdict}" for row in shown]
        if len(shown) < len(self.rows):
            lines.append(f"  and {len(self.rows) - len(shown)} more")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        from ..report import analysis_table

        return analysis_table(self)


def _plain(value: Any) -> Any:
    """Numbers that JSON does not have become null."""
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
