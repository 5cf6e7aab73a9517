"""An experiment: a claim, and a function that tests it at full size or, quickly, at a small one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ._result import Reproduction

Run = Callable[["Experiment", int, int, bool], Reproduction]


@dataclass(frozen=True)
class Experiment:
    """One a file: its name, its claim, where it is from, and `work(experiment, seed, threads, quick)`."""

    name: str
    claim: str
    source: str
    work: Run
