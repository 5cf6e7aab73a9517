"""Peers are those that are installed, of powerlaw, powerlawrs and weightwatcher; all must find the same fit."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import logging
import warnings
from collections.abc import Callable
from timeit import timeit

import numpy as np

import harness
from deeprmt.tails import fit_power_law
from harness import Table, best, sizes

Fit = tuple[float, float]


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


def bench(table: Table) -> None:
    others = peers()
    for n in sizes(500, 10_000, 100_000):
        x = np.random.default_rng(0).pareto(1.5, n) + 1  # powerlaw takes no alpha above 3 unless told to
        fit = fit_power_law(x)
        if n <= 10_000:
            for name, peer in others.items():
                np.testing.assert_allclose(peer(x), (fit.alpha, fit.xmin), rtol=1e-9, err_msg=name)
        seconds = table.add(
            f"fit_power_law {n}, every xmin",
            lambda x=x: fit_power_law(x),
            ceiling=("sort + log", best(lambda x=x: np.log(np.sort(x)))),
            peers={name: lambda x=x, peer=peer: peer(x) for name, peer in others.items()} if n <= 10_000 else None,
            most=0.01 if n <= 10_000 else 1.0,
            lead=40 if others and n == 10_000 else None,
        )
        if n > 10_000 and "weightwatcher" in others:  # half a minute; the others take longer
            theirs = timeit(lambda x=x: others["weightwatcher"](x), number=1)
            table.ratio(f"fit_power_law {n}, how many times as fast as weightwatcher", theirs / seconds, 30)
    x = np.random.default_rng(0).pareto(2, 500 if harness.quick else 10_000) + 1
    fit = fit_power_law(x)
    table.add(
        f"goodness of fit {x.size}, 100 samples",
        lambda: fit.goodness_of_fit(samples=100),
        ceiling=("100 sorts", best(lambda: [np.sort(x) for _ in range(100)])),
    )
