"""The metrics of many layers together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .._arguments import as_number
from ..signal import benjamini_hochberg
from ._metrics import NAMES, P_VALUES, Metrics

if TYPE_CHECKING:
    import pandas

WEIGHTWATCHER = {
    "detX": "detX_num",
    "num_rand_spikes": "rand_num_spikes",
    "alpha_stderr": "sigma",
    "alpha_xmin": "xmin",
    "alpha_ks": "D",
    "alpha_n_tail": "num_pl_spikes",
    "rank": "matrix_rank",
}
"""Names of ours, and theirs, where they differ."""


@dataclass(frozen=True, eq=False, repr=False)
class MetricsTable:
    """WeightWatcher's metrics of several layers, with false discoveries kept in bounds.

    Attributes
    ----------
    rows : sequence of Metrics
        One a layer, as `metrics` gives them; also `Analysis.metrics`.

    Examples
    --------
    >>> import numpy as np, deeprmt as rmt
    >>> rng = np.random.default_rng(0)
    >>> layers = {"noise": rng.normal(size=(60, 40)), "learnt": rng.normal(size=(60, 40)) + 1}
    >>> table = rmt.weights.analyze(layers).metrics
    >>> table.discoveries("stable_rank")
    ['learnt']
    """

    rows: tuple[Metrics, ...]

    def __init__(self, rows: Iterable[Metrics]) -> None:
        object.__setattr__(self, "rows", tuple(rows))
        for row in self.rows:
            if not isinstance(row, Metrics):
                raise TypeError(f"MetricsTable: rows must hold Metrics, got {type(row).__name__}")

    def q_values(self, name: str) -> np.ndarray[Any, np.dtype[np.float64]]:
        """P-values of one metric, adjusted over layers by Benjamini and Hochberg; NaN where there is none.

        Layers with q at most 0.05, say: at most a twentieth of them is noise, on average.
        """
        if name not in P_VALUES:
            raise ValueError(f"q_values: name must be one of {', '.join(map(repr, P_VALUES))}, got {name!r}")
        return benjamini_hochberg(np.array([row.p_values.get(name, np.nan) for row in self.rows]))

    def discoveries(self, name: str, level: float = 0.05) -> list[str]:
        """Layers that differ from noise in that metric, at most a share `level` of them by chance."""
        level = as_number("discoveries", "level", level, above=0)
        return [row.name for row, q in zip(self.rows, self.q_values(name), strict=True) if q <= level]

    def to_dict(self) -> dict[str, Any]:
        """`rows` as lists of plain numbers, with ``alpha_q`` and so on beside ``alpha_p``, and the `means`."""
        rows = [row.to_dict() for row in self.rows]
        for name in P_VALUES:
            for row, q in zip(rows, self.q_values(name), strict=True):
                row[f"{name}_q"] = None if np.isnan(q) else float(q)
        return {"rows": rows, "means": self.means}

    @property
    def means(self) -> dict[str, float | None]:
        """The unweighted mean over layers of each metric, WeightWatcher's summary of a model."""
        out: dict[str, float | None] = {}
        for name in NAMES:
            values = [value for row in self.rows if (value := getattr(row, name)) is not None]
            out[name] = float(np.mean(values)) if values else None
        return out

    def to_pandas(self, *, weightwatcher: bool = False) -> pandas.DataFrame:
        """One row a layer, NaN where a layer does not have a number.

        With `weightwatcher` columns have the names of WeightWatcher's `details`, to be joined with them: those that are
        ours alone keep their names, and `status` is "success" only where the tail is a power law.
        """
        try:
            import pandas
        except ImportError as error:
            raise ImportError("MetricsTable.to_pandas needs pandas: pip install pandas") from error
        frame = pandas.DataFrame(self.to_dict()["rows"])
        if not weightwatcher or frame.empty:
            return frame
        frame["status"] = ["success" if each == "power law" else "failed" for each in frame["alpha_verdict"]]
        return frame.rename(columns=WEIGHTWATCHER)

    def __len__(self) -> int:
        return len(self.rows)

    def __repr__(self) -> str:
        from ..report import printable

        shown = [f"{'layer':<40} {'alpha':>14}  {'verdict':<20} {'p':>6} {'stable rank':>12} {'p':>6}"]
        for row in self.rows[:40]:
            alpha = "-" if row.alpha is None else f"{row.alpha:.3g} ± {row.stderr['alpha']:.2g}"
            p, rank = row.p_values.get("alpha"), row.stable_rank
            cells = ["-" if each is None else f"{each:.3g}" for each in (p, rank, row.p_values.get("stable_rank"))]
            name = printable(row.name)[-40:]
            shown.append(
                f"{name:<40} {alpha:>14}  {row.alpha_verdict or '-':<20} {cells[0]:>6} {cells[1]:>12} {cells[2]:>6}"
            )
        if len(self.rows) > 40:
            shown.append(f"and {len(self.rows) - 40} more")
        return "\n".join(shown)

    def _repr_html_(self) -> str:
        from ..report import table

        heads = [("layer", "The name of the tensor.")] + [(name, name) for name in Metrics().columns()]
        return table(heads, [[row.name, *row.columns().values()] for row in self.rows])
