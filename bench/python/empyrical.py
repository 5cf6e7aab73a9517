"""empyricalRMT as a peer, which needs numba: statistics of levels, at the size that it can bear."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

import numpy as np

from harness import Table, copy


def beside_empyrical(table: Table, name: str, ours: Callable[..., object], module: str, function: str) -> None:
    """A row for `ours` of levels and lengths, beside what empyricalRMT has; none where that is not installed."""
    levels = np.sort(np.random.default_rng(2).uniform(0, 1e4, size=10_000))
    lengths = np.linspace(1, 20, 20)
    try:
        theirs = getattr(import_module(f"empyricalRMT.observables.{module}"), function)
    except ImportError as error:
        print(f"no empyricalRMT: {error}")
        return
    table.add(
        f"{name} 10^4, 20 lengths, exact",
        lambda: ours(levels, lengths),
        ceiling=("copy", copy(levels.nbytes * lengths.size)),
        peers={"empyricalRMT": lambda: theirs(levels, L=lengths, show_progress=False)},
    )
