"""Peers are those that are installed, of powerlaw, powerlawrs and weightwatcher; all must find the same fit.

powerlawrs takes the two-sided distance, the others that of plfit, and each is compared with ours of its kind.
At 10^5 values each peer has a process of its own, once, and is stopped after `LONGEST` seconds.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import logging
import os
import subprocess
import sys
import time
import warnings
from collections.abc import Callable

import numpy as np

import harness
from deeprmt.tails import fit_power_law
from harness import Table, best, sizes

Fit = tuple[float, float]
LONGEST = 900
KS = {"powerlawrs": "two-sided"}


def peers() -> dict[str, Callable[[np.ndarray], Fit]]:
    found: dict[str, Callable[[np.ndarray], Fit]] = {}
    if importlib.util.find_spec("powerlaw"):
        import powerlaw

        def by_powerlaw(x: np.ndarray) -> Fit:
            with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
                warnings.simplefilter("ignore")
                law = powerlaw.Fit(x, verbose=False).power_law
            return law.alpha, law.xmin

        found["powerlaw"] = by_powerlaw
    if importlib.util.find_spec("powerlawrs"):
        import powerlawrs

        def by_powerlawrs(x: np.ndarray) -> Fit:
            fit = powerlawrs.Powerlaw(x)
            fit.fit()
            return fit.ParetoFit.alpha + 1, fit.ParetoFit.x_min  # its alpha is the tail index

        found["powerlawrs"] = by_powerlawrs
    if importlib.util.find_spec("weightwatcher"):
        logging.disable(logging.WARNING)
        from weightwatcher.WW_powerlaw import WWFit

        def by_weightwatcher(x: np.ndarray) -> Fit:
            fit = WWFit(x)
            return fit.alpha, fit.xmin

        found["weightwatcher"] = by_weightwatcher
    return found


def sample(n: int) -> np.ndarray:
    return np.random.default_rng(0).pareto(1.5, n) + 1  # powerlaw takes no alpha above 3 unless told to


def bounded(name: str, n: int) -> tuple[float, Fit] | None:
    """Seconds of one call of a peer, and its fit; None if it takes longer than `LONGEST`."""
    command = [sys.executable, __file__, name, str(n)]
    places = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    try:
        said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=LONGEST, env=places).stdout
    except subprocess.TimeoutExpired:
        return None
    seconds, alpha, xmin = map(float, said.split()[-3:])
    return seconds, (alpha, xmin)


def check(name: str, found: Fit, x: np.ndarray) -> None:
    ours = fit_power_law(x, ks=KS.get(name, "plfit"))
    np.testing.assert_allclose(found, (ours.alpha, ours.xmin), rtol=1e-9, err_msg=name)


def bench(table: Table) -> None:
    others = peers()
    for n in sizes(500, 10_000, 100_000):
        x = sample(n)
        if n <= 10_000:
            for name, peer in others.items():
                check(name, peer(x), x)
        seconds = table.add(
            f"fit_power_law {n}, every xmin",
            lambda x=x: fit_power_law(x),
            ceiling=("sort + log", best(lambda x=x: np.log(np.sort(x)))),
            peers={name: lambda x=x, peer=peer: peer(x) for name, peer in others.items()} if n <= 10_000 else None,
            most=0.01 if n <= 10_000 else 1.0,
            lead=40 if others and n == 10_000 else None,
        )
        for name in others if n > 10_000 else ():
            theirs = bounded(name, n)
            if theirs is None:
                print(f"fit_power_law {n}: {name} was stopped after {LONGEST} s: over {LONGEST / seconds:.0f} x ours")
                continue
            check(name, theirs[1], x)
            print(f"fit_power_law {n}: {name} takes {theirs[0]:.1f} s")
            table.ratio(f"fit_power_law {n}, how many times as fast as {name}", theirs[0] / seconds, 30, least=True)
    x = np.random.default_rng(0).pareto(2, 500 if harness.quick else 10_000) + 1
    fit = fit_power_law(x)
    table.add(
        f"goodness of fit {x.size}, 100 samples",
        lambda: fit.goodness_of_fit(samples=100),
        ceiling=("100 sorts", best(lambda: [np.sort(x) for _ in range(100)])),
    )


if __name__ == "__main__":  # one peer, once: seconds, alpha and xmin
    values = sample(int(sys.argv[2]))
    peer = peers()[sys.argv[1]]
    peer(values[:100])  # what is imported or compiled at first
    begin = time.perf_counter()
    found = peer(values)
    print(time.perf_counter() - begin, *found)
