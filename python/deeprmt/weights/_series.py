"""Several checkpoints of one model: each layer over the training."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Executor
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from .._arguments import RNG, as_count, as_key, as_threads, default_threads
from .._display import Displayed
from .._info import versions
from .._write import write
from ..run import Progress
from ..run._progress import reporting
from ..run._within import within
from ._change import Side, difference, overlaps
from ._compare import layers_of, shape_of, tensors_of
from ._journal import Journal, fingerprint
from ._layer import Layer, ReadError, Skipped
from ._load import as_heads
from ._measure import measure, measure_estimated
from ._room import as_bytes, chosen_series, too_large
from ._row import LayerAnalysis
from ._series_row import SeriesRow
from ._tensor import Tensor

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False, repr=False)
class Series(Displayed):
    """What `series` found: every layer that all checkpoints share, at each of them.

    Attributes
    ----------
    checkpoints : list of str
        Their labels.
    rows : list of SeriesRow
        Layer by layer, in the order of the last checkpoint, and each over the checkpoints.
    left_out : list of str
        Names of layers that are not in every checkpoint, or not in one shape.
    versions : dict
        See `deeprmt.versions`.
    skipped : list of Skipped
        Layers of all checkpoints that could not be followed, each with its reason.

    Examples
    --------
    >>> import numpy as np
    >>> from deeprmt import weights
    >>> start, step = np.random.default_rng(0).normal(size=(60, 50)), 40 / np.sqrt(3000)
    >>> found = weights.series({"start": {"w": start}, "middle": {"w": start + step}, "end": {"w": start + 2 * step}})
    >>> found.left_bulk
    {'w': 'middle'}
    >>> found.table("outliers")
    {'w': [0, 1, 1]}
    """

    checkpoints: list[str]
    rows: list[SeriesRow]
    left_out: list[str]
    versions: dict[str, Any]
    skipped: list[Skipped] = field(default_factory=list)

    @property
    def names(self) -> list[str]:
        """Of the layers."""
        return list(dict.fromkeys(row.name for row in self.rows))

    def layer(self, name: str) -> list[SeriesRow]:
        """One layer over the checkpoints."""
        found = [row for row in self.rows if row.name == name]
        if not found:
            raise KeyError(f"Series.layer: there is no layer {name!r}")
        return found

    def table(self, value: str) -> dict[str, list[Any]]:
        """One number of `SeriesRow.to_dict` for each layer, over the checkpoints."""
        out: dict[str, list[Any]] = {}
        for row in self.rows:
            content = row.to_dict()
            if value not in content:
                raise ValueError(f"Series.table: value must be one of {', '.join(content)}, got {value!r}")
            out.setdefault(row.name, []).append(content[value])
        return out

    @property
    def left_bulk(self) -> dict[str, str | None]:
        """The checkpoint from which on a layer has more outliers than at the first, up to the end; None if it has not.

        Layers without a bulk are left out.
        """
        out: dict[str, str | None] = {}
        for name, counts in self.table("outliers").items():
            if any(count is None for count in counts):
                continue
            more = [count > counts[0] for count in counts]
            at = len(more)
            while at and more[at - 1]:
                at -= 1
            out[name] = self.checkpoints[at] if at < len(more) else None
        return out

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        return {
            "checkpoints": self.checkpoints,
            "rows": [_plain(row.to_dict()) for row in self.rows],
            "left_bulk": self.left_bulk,
            "left_out": self.left_out,
            "skipped": [{"name": each.name, "reason": each.reason} for each in self.skipped],
            "versions": self.versions,
        }

    def to_json(self, path: str | os.PathLike[str] | None = None) -> str:
        """Strict JSON. Written to `path` if given, and returned."""
        text = json.dumps(self.to_dict(), indent=1, allow_nan=False) + "\n"
        if path is not None:
            write(path, text)
        return text

    def to_pandas(self) -> pandas.DataFrame:
        """One row a layer and checkpoint."""
        try:
            import pandas
        except ImportError as error:
            raise ImportError("Series.to_pandas needs pandas: pip install pandas") from error
        return pandas.DataFrame([each.to_dict() for each in self.rows])

    def to_html(self, path: str | os.PathLike[str] | None = None) -> str:
        """One self-contained page: heat maps over the training, every layer's spectrum, tables. Returned too."""
        from ..report import series_page

        text = series_page(self)
        if path is not None:
            write(path, text)
        return text

    def plot(self, ax: Axes | None = None, *, value: str = "outliers") -> Axes:
        """A heat map of one number: layers down, checkpoints across. See `deeprmt.plots.series`."""
        from ..plots import series

        return series(self, value=value, ax=ax)

    def plot_layer(self, name: str, axes: Any = None) -> Figure:
        """One layer over the checkpoints: its levels, its outliers and change, its leading vectors."""
        from ..report import draw_layer_over_time

        return draw_layer_over_time(self.layer(name), axes)

    def __repr__(self) -> str:
        from ..report import printable

        left = self.left_bulk
        lines = [
            f"Series: {len(self.names)} layers at {len(self.checkpoints)} checkpoints; "
            f"{sum(each is not None for each in left.values())} left the bulk, {len(self.left_out)} layers left out"
        ]
        shown = [(name, when) for name, when in left.items() if when is not None]
        lines += [f"  {printable(name)}: from {printable(when)} on" for name, when in shown[:20]]
        return "\n".join(lines + ([f"  and {len(shown) - 20} more"] if len(shown) > 20 else []))


def series(
    checkpoints: Mapping[Any, Any] | Iterable[Any],
    *,
    labels: Iterable[Any] | None = None,
    k: int | None = None,
    conv: str = "flatten",
    split: str = "parts",
    heads: int | None = None,
    window: int = 15,
    samples: int = 0,
    rng: RNG = 0,
    max_memory: int | str | None = None,
    journal: str | os.PathLike[str] | None = None,
    executor: Executor | None = None,
    progress: Progress = None,
    threads: int | None = None,
) -> Series:
    """Follow a model over its training: what left the bulk, when, how far weights went, when their directions settled.

    Parameters
    ----------
    checkpoints : mapping or iterable of sources
        In the order of time, at least two, each as `analyze` takes a source; or {label: source}. Layers belong together
        by name and shape.
    labels : iterable, optional
        Names of the checkpoints, such as epochs. Default: paths, or 0, 1, 2, ...
    k : int, optional
        How many leading singular vectors are compared with those of the last checkpoint. Default: as many as the last
        one has outliers, at least one. Of a layer with fewer singular values all are, and its rows say so.
    conv : "flatten", "slices" or "channels"
        How convolutions become matrices, see `load`.
    split : "parts", "heads" or "none"
        How far packed attention and recurrent layers are taken apart, see `load`.
    heads : int, optional
        The number of attention heads, see `load`.
    window, samples, rng
        See `analyze`; no noise is simulated by default.
    max_memory : int or str, optional
        As for `analyze`. A layer whose decompositions do not fit is estimated by Lanczos' method at each checkpoint,
        and has neither changes nor overlaps; one that does not fit even so is in `.skipped`.
    journal : path, optional
        As for `analyze`: a run that was interrupted goes on from it.
    executor : concurrent.futures.Executor, optional
        Spreads layers over workers, the largest first. Never changes the result.
    progress : None, True or callable
        See `deeprmt.run.map`; counts tensors.
    threads : int, optional
        Default: every core this process may use, or 1 in each task of an executor. Never changes the result.

    Returns
    -------
    Series
        `.rows`, one `SeriesRow` a layer and checkpoint; `.left_bulk`, `.table(value)`, `.plot()`, `.plot_layer(name)`,
        `.to_pandas()`, `.to_html(path)`, `.to_json(path)`.

    Raises
    ------
    ReadError, ValueError, TypeError
        If there are fewer than two checkpoints, or a source is none; if not all share a layer, or none that they share
        can be read; if there are not as many labels as checkpoints; if the journal is of something else.

    Notes
    -----
    One tensor is held of three checkpoints at a time: the first, the last and the one that is worked on. For each there
    are two spectra, that of the matrix and that of its difference from the first, and k singular vectors.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> start, learnt = rng.normal(size=(200, 150)), rng.normal(size=(200, 2)) @ rng.normal(size=(2, 150))
    >>> found = series([{"w": start + t * learnt} for t in (0.0, 0.02, 0.3, 0.6)], labels=[0, 1, 10, 20])
    >>> found
    Series: 1 layers at 4 checkpoints; 1 left the bulk, 0 layers left out
      w: from 10 on
    >>> [round(row.left_overlap, 1) for row in found.rows]
    [0.0, 0.0, 1.0, 1.0]
    """
    name = "series"
    names, sources = _labelled(checkpoints, labels)
    count = None if k is None else as_count(name, "k", k)
    heads = as_heads(name, split, heads, conv)
    settings: dict[str, Any] = {
        "window": as_count(name, "window", window),
        "samples": as_count(name, "samples", samples, least=0),
        "key": as_key(name, rng),
    }
    inner = 1 if executor is not None and threads is None else as_threads(name, threads)
    room = as_bytes(name, max_memory)
    found = [tensors_of(each, split, heads, name) for each in sources]
    last = found[-1]
    shared = [
        each
        for each, what in last.items()
        if all(each in other and shape_of(other[each]) == shape_of(what) for other in found)
    ]
    if not shared:
        raise ValueError(f"{name}: the checkpoints must share a layer of one name and shape, found none")
    results: dict[int, list[SeriesRow | Skipped]] = {}
    with ExitStack() as stack:
        book = None
        if journal is not None:
            told = settings | {"k": count, "conv": conv, "split": split, "heads": heads, "labels": names}
            belongs = fingerprint([tensors[each] for each in shared for tensors in found], told)
            book = stack.enter_context(Journal(journal, belongs, name))
        jobs = []
        for at, each in enumerate(shared):
            tensors = [of[each] for of in found]
            jobs.append(_Job(at, tensors, *chosen_series(tensors, room, conv, samples=settings["samples"]), room))
        if book is not None:
            results |= {job.at: book.found[job.at] for job in jobs if _stands(book.found.get(job.at, []), job)}
        jobs = sorted((job for job in jobs if job.at not in results), key=lambda job: -job.needs)
        report = stack.enter_context(reporting(progress, len(shared)))

        def finished(job: _Job, rows: list[SeriesRow | Skipped]) -> None:
            results[job.at] = rows
            if book is not None:
                book.add(job.at, rows)
            report(len(results))

        if results:
            report(len(results))
        do = partial(_follow, names=names, k=count, conv=conv, settings=settings, threads=inner)
        within(do, jobs, finished, cost=lambda job: job.needs, room=room, executor=executor)
    in_order = [each for _, rows in sorted(results.items()) for each in rows]
    skipped = [each for each in in_order if isinstance(each, Skipped)]
    if len(skipped) == len(in_order):
        raise ReadError(skipped[0].reason)
    rest = list(dict.fromkeys(each for tensors in found for each in tensors if each not in set(shared)))
    rows = [each for each in in_order if isinstance(each, SeriesRow)]
    return Series(names, rows, rest, versions(), skipped)


class _Job(NamedTuple):
    """One tensor at all checkpoints."""

    at: int
    tensors: list[Tensor | Layer]
    method: str
    needs: int
    room: int | None

    @property
    def name(self) -> str:
        """For messages."""
        return self.tensors[-1].name


def _stands(rows: list[Any], job: _Job) -> bool:
    """Whether what a journal holds is as good as what would be found now."""
    if not rows or any(not isinstance(row, SeriesRow) or row.analysis.status == "failed" for row in rows):
        return False
    return job.method != "dense" or all(row.analysis.estimate is None for row in rows)


def _follow(job: _Job, *, threads: int, **options: Any) -> list[SeriesRow | Skipped]:
    what = job.tensors[-1]
    shape = what.shape
    if job.method == "none":
        why = f"{what.source}: tensor {what.name!r}: {too_large(job.needs, job.room)}"
        return [Skipped(what.name, shape, what.dtype, why, what.source)]
    try:
        with default_threads(threads):
            return [*(_over_time if job.method == "dense" else _estimated_over_time)(job.tensors, **options)]
    except Exception as error:  # one layer never costs the others
        found = error if isinstance(error, ReadError) else f"{what.source}: tensor {what.name!r}: {error!r:.300}"
        return [Skipped(what.name, shape, what.dtype, str(found), what.source)]


def _estimated_over_time(
    tensors: list[Any], names: list[str], k: int | None, conv: str, settings: dict[str, Any]
) -> list[SeriesRow]:
    """As `_over_time`, of what does not fit: no differences and no vectors."""
    options = {"window": settings["window"], "key": settings["key"]}
    parts: dict[str, list[SeriesRow]] = {}
    for at, what in enumerate(tensors):
        for layer in layers_of(what, conv):
            row = SeriesRow(name=layer.name, checkpoint=names[at], at=at, analysis=measure_estimated(layer, **options))
            parts.setdefault(layer.name, []).append(row)
    return [row for rows in parts.values() for row in rows]


def _labelled(checkpoints: Any, labels: Iterable[Any] | None) -> tuple[list[str], list[Any]]:
    if isinstance(checkpoints, str | os.PathLike) or not isinstance(checkpoints, Iterable):
        raise TypeError(
            f"series: checkpoints must be several sources or {{label: source}}, got {type(checkpoints).__name__}"
        )
    if isinstance(checkpoints, Mapping):
        keys, sources = list(checkpoints), list(checkpoints.values())
    else:
        sources = list(checkpoints)
        keys = [os.fspath(each) if isinstance(each, str | os.PathLike) else at for at, each in enumerate(sources)]
    names = [str(each) for each in (keys if labels is None else labels)]
    if len(sources) < 2:
        raise ValueError(f"series: checkpoints must be at least two, got {len(sources)}")
    if len(names) != len(sources):
        raise ValueError(f"series: labels must be {len(sources)}, one a checkpoint, got {len(names)}")
    return names, sources


def _over_time(
    tensors: list[Any], names: list[str], k: int | None, conv: str, settings: dict[str, Any]
) -> list[SeriesRow]:
    """One tensor over the checkpoints, which are read one after the other; the first and the last stay."""
    first, last = (list(_measured(what, conv, settings)) for what in (tensors[0], tensors[-1]))
    out: list[list[SeriesRow]] = [[] for _ in first]
    for at, what in enumerate(tensors):
        known = first if at == 0 else last if at == len(tensors) - 1 else None
        now = _measured(what, conv, settings) if known is None else known
        for part, (analysis, side) in enumerate(now):
            row = _row(first[part][1], side, last[part][1], k)
            out[part].append(SeriesRow(name=side.name, checkpoint=names[at], at=at, analysis=analysis, **row))
    return [row for rows in out for row in rows]


def _measured(what: Any, conv: str, settings: dict[str, Any]) -> Iterator[tuple[LayerAnalysis, Side]]:
    for layer in layers_of(what, conv):
        analysis = measure(layer, **settings)
        known = analysis.singular_values if analysis.singular_values.size else None
        yield analysis, Side(layer, known)


def _row(first: Side, now: Side, last: Side, k: int | None) -> dict[str, Any]:
    found: dict[str, Any] = {"change": None if now is first else difference(first, now, k)}
    if now.fault or last.fault:
        return found
    count = last.leading(k)
    if k is not None and k > count:
        found["note"] = f"k = {k}, but there are {count} singular values: all are compared"
    return found | overlaps(now, last, count)


def _plain(content: dict[str, Any]) -> dict[str, Any]:
    """Numbers that JSON does not have become None."""
    return {
        key: None if isinstance(value, float) and not math.isfinite(value) else value for key, value in content.items()
    }
