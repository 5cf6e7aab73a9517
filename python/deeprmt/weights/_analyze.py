"""The main job: every layer of whatever holds weights."""

from __future__ import annotations

from concurrent.futures import Executor
from functools import partial
from typing import Any

from .._arguments import RNG, as_choice, as_count, as_key, as_threads
from ..run import Progress
from ..run import map as run_map
from ._analysis import Analysis
from ._layer import Layer, ReadError, Skipped
from ._load import Layers, prepared
from ._measure import measure
from ._roles import SPLITS
from ._row import LayerAnalysis
from ._sources import plan
from ._tensor import CONVENTIONS, Tensor


def analyze(
    source: Any,
    *,
    window: int = 15,
    conv: str = "flatten",
    split: str = "parts",
    heads: int | None = None,
    samples: int = 199,
    permutations: int = 0,
    rng: RNG = 0,
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
        Simulated matrices of noise for each shape, which give the p-values of `metrics`; 0 for none.
    permutations : int, default 0
        Copies of each matrix with its entries permuted, for rand_distance, num_rand_spikes and ww_softrank; each costs
        as much as the matrix itself, and p-values need 19 or more.
    rng : int, SeedSequence or Generator, default 0
        For both, as `numpy.random.default_rng` takes it. A seed, also the default, gives the same numbers each time.
    executor : concurrent.futures.Executor, optional
        Spreads tensors over workers, see `deeprmt.run.map`. Files are read by the workers. Never changes the result.
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
    ones. One tensor of a file is in memory at a time and worker.

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
    as_choice("analyze", "conv", conv, CONVENTIONS)
    as_choice("analyze", "split", split, SPLITS)
    heads = None if heads is None else as_count("analyze", "heads", heads)
    simulations: dict[str, Any] = {
        "samples": as_count("analyze", "samples", samples, least=0),
        "permutations": as_count("analyze", "permutations", permutations, least=0),
        "key": as_key("analyze", rng),
    }
    work, skipped = prepared(*plan("analyze", source), split, heads)
    rows: list[LayerAnalysis] = []
    late: list[Skipped] = []
    task = partial(_analyze, conv=conv, window=window, threads=inner, **simulations)
    for result in run_map(task, work, executor=executor, progress=progress):
        rows += [each for each in result if isinstance(each, LayerAnalysis)]
        late += [each for each in result if isinstance(each, Skipped)]
    if isinstance(source, Layers):
        skipped += source.skipped
    if not rows and not any(each.name for each in skipped):
        raise ReadError((skipped + late)[0].reason if skipped or late else "analyze: source holds no weights at all")
    return Analysis(rows, skipped + late)


def _analyze(task: Tensor | Layer, *, conv: str, **options: int) -> list[LayerAnalysis | Skipped]:
    if isinstance(task, Layer):
        return [measure(task, **options)]
    try:
        return [measure(layer, **options) for layer in task.layers(conv)]
    except ReadError as error:
        return [Skipped(task.name, task.shape, task.dtype, str(error), task.source)]
