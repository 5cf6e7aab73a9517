"""The main job: every layer of whatever holds weights."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator, Sized
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

from .._arguments import RNG, as_count, as_key, as_threads
from ..run import Progress
from ..run._progress import reporting
from ..run._within import within
from ._analysis import Analysis
from ._journal import Journal, fingerprint
from ._layer import Layer, ReadError, Skipped
from ._load import Layers, as_heads, prepared
from ._measure import failed, measure, measure_estimated
from ._room import as_bytes, chosen, too_large
from ._row import LayerAnalysis
from ._sources import Work, plan
from ._tensor import Tensor


def analyze(
    source: Any,
    *,
    window: int = 15,
    conv: str = "flatten",
    split: str = "parts",
    heads: int | None = None,
    samples: int = 199,
    permutations: int = 0,
    vectors: bool = False,
    spacing_trials: int = 0,
    rng: RNG = 0,
    max_memory: int | str | None = None,
    journal: str | os.PathLike[str] | None = None,
    executor: Executor | None = None,
    progress: Progress = None,
    threads: int | None = None,
) -> Analysis:
    """Analyse the spectrum of every weight matrix: its bulk, what stands out of it, and how its levels repel.

    Parameters
    ----------
    source : path, paths, mapping, module, array or layers
        A checkpoint or a folder as `load` takes it, or several; ``{name: array}``; a torch module or anything with
        `state_dict`; a Keras model; dicts, lists, tuples and dataclasses of arrays, however nested, as JAX and Flax
        keep parameters; a single matrix; a `Layer` or an iterable of them.
    window : int, default 15
        Half the window of the Gaussian unfolding, in levels; as many are dropped at both ends of the bulk.
    conv : "flatten", "slices" or "channels"
        How convolutions become matrices, see `load`.
    split : "parts", "heads" or "none"
        How far packed attention and recurrent layers are taken apart, see `load`.
    heads : int, optional
        The number of attention heads, see `load`.
    samples : int, default 199
        Matrices of noise for each shape, which give the p-values of `metrics`; 0 for none. The default number comes
        from a table, others are simulated: see there.
    permutations : int, default 0
        Copies of each matrix with its entries permuted, for rand_distance, num_rand_spikes and ww_softrank; each costs
        as much as the matrix itself, and p-values need 19 or more.
    vectors : bool, default False
        Test each singular vector against random ones, left and right, see `deeprmt.spectra.porter_thomas`: the rows get
        `.left_vectors` and `.right_vectors`, and the figures Porter and Thomas's curve with its boundary. A
        decomposition with vectors takes several times as long.
    spacing_trials : int, default 0
        Noise spectra, 19 or more, for the p-values of spacings, `spacing_p` and `spacing_ratio_p`; 0 for none. They are
        kept for bulks of one size, but most layers have one of their own: half a second each for 512 levels and 199.
    rng : int, SeedSequence or Generator, default 0
        For samples, permutations and the probes of Lanczos' method, as `numpy.random.default_rng` takes it. A seed,
        also the default, gives the same numbers each time.
    max_memory : int or str, optional
        Bytes, or a size such as "2GiB", for the layers that are worked on at once, beside what this process holds
        already. A matrix whose decomposition does not fit is estimated by Lanczos' method, with error bars: its row
        says so. What is too large even for that is listed in `.skipped`. Default: three quarters of the memory that is
        free at the start.
    journal : path, optional
        A file in which everything that was found is kept at once. A run that was interrupted, in whatever way, goes on
        from it: with the same source, settings and version; a journal of anything else is refused. Matrices that were
        decomposed are taken from it whatever `max_memory` is; estimates are made again where a decomposition fits now,
        and layers that failed are tried again.
    executor : concurrent.futures.Executor, optional
        Spreads tensors over workers, see `deeprmt.run.map`, the largest first; no more at once than fit into
        `max_memory`. Files are read by the workers. Never changes the result.
    progress : None, True or callable
        See `deeprmt.run.map`; counts tensors.
    threads : int, optional
        For all that is computed of one layer. Default: every core this process may use, or 1 in each task of an
        executor. Never changes the result.

    Returns
    -------
    Analysis
        `.rows`, one `LayerAnalysis` a layer: see there for every number. A layer with NaN, all zeros, a single row or
        less than full rank has a row that says so. `.skipped` lists the rest, unreadable files too.
        `.metrics` is the table of WeightWatcher's metrics with false discoveries kept in bounds. `.to_pandas()`,
        `.to_html(path)`, `.to_json(path)`, `.plot()`.

    Raises
    ------
    ReadError, ValueError, TypeError
        If nothing at all could be read; if `source` is none of the above.

    Notes
    -----
    Singular values are computed in double precision from the matrix itself: its Gram matrix would lose the small
    ones. One tensor of a file is in memory at a time and worker: its entries in single or double precision, a copy in
    double precision, and what `deeprmt.linalg.svdvals` takes, at most 28 bytes an entry of single precision. Lanczos'
    method takes 4 and its vectors. A tensor that is cut into parts is still read whole.

    References
    ----------
    .. [1] V. A. Marchenko and L. A. Pastur, Math. USSR Sb. 1, 457 (1967).
    .. [2] I. M. Johnstone, Ann. Stat. 29, 295 (2001).
    .. [3] M. Thamm, M. Staats and B. Rosenow, Phys. Rev. E 106, 054124 (2022).
    .. [4] C. H. Martin and M. W. Mahoney, J. Mach. Learn. Res. 22, 165 (2021).

    Examples
    --------
    >>> import numpy as np
    >>> noise = np.random.default_rng(0).normal(size=(300, 200))
    >>> (row,) = analyze({"noise": noise}).rows
    >>> row.outliers, round(row.sigma, 2)
    (0, 1.0)
    >>> spike = 5 * np.sqrt(300) * np.outer(np.ones(300), np.ones(200)) / np.sqrt(300 * 200)
    >>> (row,) = analyze({"noise and a spike": noise + spike}).rows
    >>> row.outliers, round(row.sigma, 2)
    (1, 1.0)
    """
    window = as_count("analyze", "window", window)
    inner = 1 if executor is not None and threads is None else as_threads("analyze", threads)
    heads = as_heads("analyze", split, heads, conv)
    simulations: dict[str, Any] = {
        "samples": as_count("analyze", "samples", samples, least=0),
        "permutations": as_count("analyze", "permutations", permutations, least=0),
        "vectors": bool(vectors),
        "spacing_trials": as_count("analyze", "spacing_trials", spacing_trials, least=0),
        "key": as_key("analyze", rng),
    }
    if 0 < simulations["spacing_trials"] < 19:
        raise ValueError(f"analyze: spacing_trials must be 0 or at least 19, got {spacing_trials!r}")
    room = as_bytes("analyze", max_memory)
    work, skipped = prepared(*plan("analyze", source), split, heads)
    settings = {"window": window, "conv": conv, "split": split, "heads": heads} | simulations
    results: dict[int, list[LayerAnalysis | Skipped]] = {}
    too_much = False  # for max_memory: such a layer is no failure to read
    with ExitStack() as stack:
        book = None
        if journal is not None:
            work = list(work)
            book = stack.enter_context(Journal(journal, fingerprint(work, settings)))
        tasks = _tasks(work, room, conv, simulations)
        if isinstance(tasks, list) and book is not None:
            for task in tasks:
                if task.at in book.found and _stands(book.found[task.at], task):
                    results[task.at] = [replace(each, source=task.what.source) for each in book.found[task.at]]
            tasks = [task for task in tasks if task.at not in results]
        known = len(results)
        report = stack.enter_context(reporting(progress, known + len(tasks) if isinstance(tasks, Sized) else None))

        def finished(task: _Task, found: list[LayerAnalysis | Skipped]) -> None:
            nonlocal too_much
            too_much |= task.method == "none"
            results[task.at] = found
            if book is not None:
                book.add(task.at, found)
            report(len(results))

        if known:
            report(known)
        do = partial(_analyze, conv=conv, window=window, **simulations)
        run = partial(within, finished=finished, cost=lambda task: task.needs, room=room)
        if executor is not None or not isinstance(tasks, list):
            run(partial(do, threads=inner), tasks, executor=executor)
        else:
            large, others = shared_out(tasks, inner)
            run(partial(do, threads=inner), large)
            if others:
                with ThreadPoolExecutor(inner) as pool:
                    run(partial(do, threads=1), others, executor=pool)
    in_order = [each for _, found in sorted(results.items()) for each in found]
    rows = [each for each in in_order if isinstance(each, LayerAnalysis)]
    late = [each for each in in_order if isinstance(each, Skipped)]
    if isinstance(source, Layers):
        skipped += source.skipped
    if not rows and not too_much and not any(each.name for each in skipped):
        raise ReadError((skipped + late)[0].reason if skipped or late else "analyze: source holds no weights at all")
    return Analysis(rows, skipped + late)


class _Task(NamedTuple):
    at: int
    what: Tensor | Layer
    method: str
    needs: int
    room: int | None

    @property
    def name(self) -> str:
        """For messages."""
        return self.what.name


def _tasks(work: Work, room: int | None, conv: str, simulations: dict[str, Any]) -> list[_Task] | Iterator[_Task]:
    """The largest first, where all are known; an iterator stays one, in its order."""
    tasks = _planned(work, room, conv, simulations)
    return sorted(tasks, key=lambda task: -task.needs) if isinstance(work, list) else tasks


def _planned(
    work: Iterable[Tensor | Layer], room: int | None, conv: str, simulations: dict[str, Any]
) -> Iterator[_Task]:
    for index, what in enumerate(work):
        yield _Task(index, what, *chosen(what, room, conv, **simulations), room)


def shared_out(tasks: list[_Task], threads: int) -> tuple[list[_Task], list[_Task]]:
    """What is done one by one with all threads, and what is spread over them: work on one layer shares badly.

    One by one where one has more work than is each thread's share, or where there are not twice as many as threads.
    """
    if threads == 1:
        return tasks, []
    shapes = [task.what.matrix_shape if isinstance(task.what, Tensor) else task.what.weight.shape for task in tasks]
    work = [math.prod(shape) * (min(shape) + 100) for shape in shapes]
    left, large = sum(work), set()
    for i in sorted(range(len(tasks)), key=lambda i: -work[i]):
        if work[i] * threads <= left:
            break
        large.add(i)
        left -= work[i]
    if len(tasks) - len(large) < 2 * threads:
        return tasks, []
    return [tasks[i] for i in sorted(large)], [task for i, task in enumerate(tasks) if i not in large]


def _stands(found: list[LayerAnalysis | Skipped], task: _Task) -> bool:
    """Whether what a journal holds is as good as what would be found now."""
    rows = [each for each in found if isinstance(each, LayerAnalysis)]
    if any(row.status == "failed" for row in rows) or len(rows) < len(found):
        return False
    return task.method != "dense" or all(row.estimate is None for row in rows)


def _analyze(task: _Task, *, conv: str, **options: Any) -> list[LayerAnalysis | Skipped]:
    what = task.what
    if task.method == "none":
        why = f"{what.source}: tensor {what.name!r}: {too_large(task.needs, task.room)}"
        return [Skipped(what.name, what.shape, what.dtype, why, what.source)]
    do = measure if task.method == "dense" else measure_estimated

    def row(layer: Layer) -> LayerAnalysis:
        try:
            return do(layer, **options)
        except Exception as error:  # one layer never costs the others
            return failed(layer, options["window"], error)

    if isinstance(what, Layer):
        return [row(what)]
    try:
        return [row(layer) for layer in what.layers(conv)]
    except Exception as error:
        why = str(error) if isinstance(error, ReadError) else f"{what.source}: tensor {what.name!r}: {error!r:.300}"
        return [Skipped(what.name, what.shape, what.dtype, why, what.source)]
