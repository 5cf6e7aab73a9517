"""The metrics of many layers together."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from .._arguments import RNG, as_key, as_number, as_threads, default_threads
from ..run import Progress
from ..run import map as run_map
from ..signal import benjamini_hochberg
from ._layer import Layer, ReadError, Skipped
from ._load import Layers, as_heads, prepared
from ._metrics import NAMES, P_VALUES, Metrics, of_weight, settings
from ._sources import plan
from ._tensor import Tensor

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

_PLACE = re.compile(r"\[[0-9,]+\]$")


@dataclass(frozen=True, eq=False, repr=False)
class MetricsTable:
    """WeightWatcher's metrics of several layers, with false discoveries kept in bounds.

    Attributes
    ----------
    rows : sequence of Metrics
        One a layer, as `metrics` gives them; also `Analysis.metrics`.
    skipped : tuple of Skipped
        What `of` passed over.

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
    skipped: tuple[Skipped, ...]

    def __init__(self, rows: Iterable[Metrics], skipped: Iterable[Skipped] = ()) -> None:
        object.__setattr__(self, "rows", tuple(rows))
        object.__setattr__(self, "skipped", tuple(skipped))
        for row in self.rows:
            if not isinstance(row, Metrics):
                raise TypeError(f"MetricsTable: rows must hold Metrics, got {type(row).__name__}")

    @classmethod
    def of(
        cls,
        source: Any,
        *,
        pool: bool = True,
        convention: str = "deeprmt",
        distance: str = "ww",
        split: str = "parts",
        heads: int | None = None,
        samples: int = 199,
        permutations: int = 19,
        rng: RNG = 0,
        executor: Executor | None = None,
        progress: Progress = None,
        threads: int | None = None,
    ) -> MetricsTable:
        """The metrics of every layer of a model, with convolutions as WeightWatcher has them.

        Parameters
        ----------
        source
            Whatever `analyze` takes.
        pool : bool, default True
            Of a convolution's kernel (out, in, kernel...), pool the eigenvalues of the out x in slices at every place
            into one row; otherwise each slice is a row. WeightWatcher's option of that name.
        convention, distance, samples, permutations, rng
            See `metrics`.
        split, heads
            See `load`. WeightWatcher takes packed attention and gates as they are stored: "none".
        executor, progress, threads
            See `analyze`.

        Returns
        -------
        MetricsTable
            `.rows` in the order of the source, and `.skipped`, which lists the rest with reasons.

        Raises
        ------
        ReadError, ValueError, TypeError
            If there is nothing to read; if an argument is out of range.

        Examples
        --------
        >>> import numpy as np
        >>> model = {"conv": np.random.default_rng(0).normal(size=(16, 8, 3, 3)), "bias": np.zeros(16)}
        >>> [row.rank for row in MetricsTable.of(model, samples=0, permutations=0).rows]
        [72]
        >>> len(MetricsTable.of(model, pool=False, samples=0, permutations=0))
        9
        """
        name = "MetricsTable.of"
        if not isinstance(pool, bool | np.bool_):
            raise TypeError(f"{name}: pool must be True or False, got {pool!r}")
        heads = as_heads(name, split, heads)
        options = settings(name, convention, distance, samples, permutations)
        options |= {
            "key": as_key(name, rng),
            "pool": bool(pool),
            "threads": 1 if executor is not None and threads is None else as_threads(name, threads),
        }
        work, skipped = prepared(*plan(name, source), split, heads)
        found = [
            row for each in run_map(partial(_of, **options), work, executor=executor, progress=progress) for row in each
        ]
        skipped += source.skipped if isinstance(source, Layers) else []
        skipped += [each for each in found if isinstance(each, Skipped)]
        rows = [each for each in found if isinstance(each, Metrics)]
        if not rows and not any(each.name for each in skipped):
            raise ReadError(skipped[0].reason if skipped else f"{name}: source holds no weights at all")
        return cls(rows, skipped)

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

        With `weightwatcher` columns have the names of WeightWatcher's `details`, to be joined with them by `longname`,
        and by `slice_id` where slices are not pooled; M, N, Q, rf and num_evals are as there. What is ours alone keeps
        its name, and `status` is "success" only where the tail is a power law.
        """
        try:
            import pandas
        except ImportError as error:
            raise ImportError("MetricsTable.to_pandas needs pandas: pip install pandas") from error
        frame = pandas.DataFrame(self.to_dict()["rows"])
        if not weightwatcher or frame.empty:
            return frame
        frame["status"] = ["success" if each == "power law" else "failed" for each in frame["alpha_verdict"]]
        for column, values in self._places().items():
            frame[column] = values
        return frame.rename(columns=WEIGHTWATCHER)

    def _places(self) -> dict[str, list[Any]]:
        """The columns by which WeightWatcher's rows are known."""
        bases = [_PLACE.sub("", row.name) if row.kind == "conv" else row.name for row in self.rows]
        counts, seen = Counter(bases), Counter[str]()
        out: dict[str, list[Any]] = {each: [] for each in ("longname", "slice_id", "M", "N", "Q", "rf", "num_evals")}
        for row, base in zip(self.rows, bases, strict=True):
            short, long = sorted(row.shape[:2])
            pooled = math.prod(row.shape[2:])
            cells = (base.removesuffix(".weight"), seen[base], short, long, long / max(short, 1))
            for column, cell in zip(out, (*cells, max(pooled, counts[base]), short * pooled), strict=True):
                out[column].append(cell)
            seen[base] += 1
        return out

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


def _of(what: Tensor | Layer, key: int, *, pool: bool, threads: int, **options: Any) -> list[Metrics | Skipped]:
    """A row for each matrix of a tensor, or why there is none."""
    try:
        with default_threads(threads):
            several = [what] if isinstance(what, Layer) else what.layers("flatten" if pool else "slices")
            return [of_weight(layer, key, pool=pool, **options) for layer in several]
    except ReadError as error:
        return [Skipped(what.name, what.shape, what.dtype, str(error), what.source)]
