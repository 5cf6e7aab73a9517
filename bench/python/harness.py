"""Timing with a ceiling: every row states what the machine can do at best, measured in the same run, and the peers."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from timeit import timeit

import numpy as np

quick = False  # whether this run only shows that the benches work: each function once, at small sizes


def sizes(*each: int) -> list[int]:
    """Those sizes that this run takes: up to 500 in a quick one."""
    return [n for n in each if n <= 500 or not quick]


def best(function: Callable[[], object], seconds: float = 1.0) -> float:
    """Least wall time of one call, over at least three calls and about `seconds`; a quick run makes one call."""
    times: list[float] = []
    start = time.perf_counter()
    while len(times) < 1 if quick else len(times) < 3 or (time.perf_counter() - start < seconds and len(times) < 200):
        t = time.perf_counter()
        function()
        times.append(time.perf_counter() - t)
    return min(times)


@cache
def gemm(n: int, dtype: str = "float64") -> float:
    """Seconds of NumPy's n x n product."""
    a = np.random.default_rng(0).normal(size=(n, n)).astype(dtype)
    return best(lambda: a @ a)


@cache
def copy(size: int) -> float:
    """Seconds to copy `size` bytes."""
    a = np.ones(max(size // 8, 1))
    b = np.full_like(a, 2.0)  # pages that the system has yet to give would be in the time
    return best(lambda: np.copyto(b, a), 0.2)


def divisions(n: int) -> float:
    """Seconds of n^2 divisions on one thread."""
    x = np.linspace(1, 2, 2000)
    out = np.empty_like(x)
    return best(lambda: np.divide(1.0, x, out=out), 0.1) * (n * n / x.size)


def peak_memory(setup: str, call: str) -> float:
    """Bytes by which the peak memory of a fresh process grows while it runs `call`: a used one has memory at hand.

    Linux only. /proc/self/status, because getrusage's peak is inherited from the process that starts this one.
    """
    code = f"""
def now():
    return [1024 * int(line.split()[1]) for line in open("/proc/self/status") if line[:6] in ("VmHWM:", "VmRSS:")]
import numpy as np
{setup}
open("/proc/self/clear_refs", "w").write("5")  # the peak begins anew
before = now()[1]
{call}
print(now()[0] - before)
"""
    return float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)


@dataclass
class Table:
    """Collects and prints rows: seconds, the ratio to the ceiling, and the ratio of each peer to deeprmt."""

    rows: list[dict[str, object]] = field(default_factory=list)

    def add(
        self,
        name: str,
        function: Callable[[], object],
        *,
        ceiling: tuple[str, float],
        peers: dict[str, Callable[[], object]] | None = None,
        target: float | None = None,
        most: float | None = None,
        lead: float | None = None,
        memory: tuple[str, str] | None = None,
        once: bool = False,
    ) -> float:
        """Time `function` beside its ceiling ("GEMM" or "copy", seconds) and its peers; returns its seconds.

        Targets: `target` is a ratio to the ceiling, `most` in seconds, `lead` how many times as fast as the best peer.
        `memory` is what `peak_memory` takes; `once` is for what takes minutes.
        """
        ours = timeit(function, number=1) if once else best(function)
        what, least = ceiling
        row = {"name": name, "seconds": ours, "ceiling": what, "ratio": ours / least, "target": target}
        met = [ours / least <= target] if target is not None else []
        line = f"{name:<44} {ours * 1e3:10.2f} ms  {ours / least:8.2f} x {what}"
        if target is not None:
            line += f" (target {target:g})"
        if most is not None:
            row["most"] = most
            met.append(ours <= most)
            line += f" (target {most * 1e3:g} ms)"
        fastest = float("inf")
        for peer, theirs in (peers or {}).items():
            seconds = best(theirs)
            row[peer] = seconds
            fastest = min(fastest, seconds)
            line += f"   {peer} {seconds * 1e3:.2f} ms = {seconds / ours:.2f} x ours"
        if lead is not None:
            row["lead"] = lead
            met.append(fastest >= lead * ours)
            line += f"   {fastest / ours:.2f} x as fast as the best (target {lead:g})"
        if memory is not None and not quick:
            row["memory"] = peak_memory(*memory)
            line += f"   memory {row['memory'] / 2**20:.0f} MiB"
        self._end(row, line, met)
        return ours

    def ratio(self, name: str, value: float, target: float, *, least: bool = False) -> None:
        """A row that is a ratio of two others, at most `target` or at least that."""
        line = f"{name:<44} {value:10.2f} (target {'at least ' if least else ''}{target:g})"
        self._end(
            {"name": name, "ratio": value, "target": target}, line, [value >= target if least else value <= target]
        )

    def _end(self, row: dict[str, object], line: str, met: list[bool]) -> None:
        if met and not quick:
            row["met"] = all(met)
            line += "" if all(met) else "   MISSED"
        self.rows.append(row)
        print(line, flush=True)

    def verdict(self) -> str:
        """How many rows with targets meet all of theirs, and which do not; a quick run has no say in it."""
        asked = [row for row in self.rows if "met" in row]
        missed = [str(row["name"]) for row in asked if not row["met"]]
        if not asked:
            return "no targets"
        return f"{len(asked) - len(missed)} of {len(asked)} targets met" + "".join(
            f"\nmissed: {name}" for name in missed
        )
