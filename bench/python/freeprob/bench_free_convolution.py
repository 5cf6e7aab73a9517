"""Free convolutions; among them chains of linear layers in the settings of Newton lilypads (arXiv:2111.00841)."""

import math

import numpy as np
from numpy.polynomial import polynomial

from companions import Companions
from deeprmt.freeprob import free_add, free_multiply
from deeprmt.laws import Empirical, Law, MarchenkoPastur, Semicircle
from harness import Table, copy, sizes


def chain(depth: int) -> Law:
    """J J^T of a linear network whose layers widen by 1 / 0.8, with entries of variance 1 / rows."""
    return free_multiply(*[MarchenkoPastur(0.8**layer) for layer in range(1, depth + 1)])


def all_roots(depth: int, x: np.ndarray) -> np.ndarray:
    """The baseline: at each x all roots y of (1 + y) prod (1 + a y) = x y, by the companion matrix.

    The physical one has Im y < 0 and all Im omega >= 0; off the axis a homotopy would be needed, here it is chosen
    by those signs, which costs nothing next to the roots.
    """
    aspects = 0.8 ** np.arange(1, depth + 1)
    coefficients = Companions(depth).coefficients
    density = np.zeros(x.size)
    for k, each in enumerate(x):
        p = coefficients.copy()
        p[1] -= each
        roots = np.linalg.eigvals(polynomial.polycompanion(p))
        roots = roots[roots.imag < -1e-12]
        omega = (1 + roots[:, None]) * (1 + aspects * roots[:, None]) / roots[:, None]
        inside = roots[(omega.imag > 0).all(axis=1)] if roots.size else roots
        # Arguments must add up, not only modulo 2 pi.
        total = np.log(each) - (np.log(1 + 1 / inside) + np.log1p(aspects * inside[:, None]).sum(axis=1)).real
        if inside.size:
            density[k] = -inside[np.argmin(np.abs(total))].imag / (math.pi * each)
    return density


def bench(table: Table) -> None:
    for depth, points in [*((d, 1000) for d in (2, 10, 20, 30, 40)), *((20, n) for n in (100, 500, 1900))]:
        law = chain(depth)
        low, high = law.support()[0]
        x = np.linspace(-1, 6, points)
        inside = x[(x > low) & (x < high)]
        ours, theirs = chain(depth).pdf(inside), all_roots(depth, inside)
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-10)  # expanded coefficients lose digits at depth 40

        def density(depth: int = depth, x: np.ndarray = x) -> object:
            return chain(depth).pdf(x)  # with its support

        table.add(
            f"chain of {depth} linear layers, {points} points",
            density,
            ceiling=("copy of 1 MB", copy(2**20)),
            peers={
                "all roots once": lambda depth=depth, x=inside: all_roots(depth, x),
                "all roots, homotopy": lambda depth=depth, x=inside[::10]: Companions(depth).from_above(
                    x, 0.01
                ),  # a tenth
            },
        )

    for name, make in {
        "semicircle + Marchenko-Pastur": lambda: free_add(Semicircle(), MarchenkoPastur(0.5)),
        "Marchenko-Pastur x two atoms": lambda: free_multiply(MarchenkoPastur(0.5), Empirical([1.0, 3.0])),
    }.items():
        low, high = make().support()[0]
        x = np.linspace(low, high, 1000)
        table.add(
            f"{name}, 1000 points",
            lambda make=make, x=x: make().pdf(x),
            ceiling=("copy of 1 MB", copy(2**20)),
            most=0.02,
        )
    for n in (*sizes(400), *sizes(10000)):
        values = MarchenkoPastur(0.25).rvs(n, rng=1)
        x = np.linspace(0.2, 3, 1000)
        table.add(
            f"{n} eigenvalues x Marchenko-Pastur, 1000 points",
            lambda values=values, x=x: free_multiply(Empirical(values), MarchenkoPastur(0.3)).pdf(x),
            ceiling=("copy of 1 MB", copy(2**20)),
        )
    for n in (*sizes(400), *sizes(10000)):
        law = Empirical(MarchenkoPastur(0.25).rvs(n, rng=1))
        x = np.linspace(0.2, 3, 100)
        for name, combine in (("+", free_add), ("x", free_multiply)):
            table.add(
                f"{n} eigenvalues {name} the same, 100 points",
                lambda law=law, combine=combine, x=x: combine(law, law).pdf(x),
                ceiling=("copy of 1 MB", copy(2**20)),
            )
    for n in (*sizes(400), *sizes(10000)):  # tails of rare values: narrow bumps, and gaps between them
        rng = np.random.default_rng(0)
        first, second = Empirical(rng.normal(size=n)), Empirical(rng.exponential(size=n))
        x = np.linspace(-3, 9.5, 1000)
        table.add(
            f"{n} normal + {n} exponential values, 1000 points",
            lambda first=first, second=second, x=x: free_add(first, second).pdf(x),
            ceiling=("copy of 1 MB", copy(2**20)),
        )
