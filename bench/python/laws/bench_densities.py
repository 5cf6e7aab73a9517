"""Densities at 1000 points, within 20 ms each: laws in closed form, and those that solve an equation in one unknown."""

import numpy as np

from deeprmt.laws import FussCatalan, KestenMcKay, MarchenkoPastur, QuarterCircle, Semicircle, TracyWidom, Wachter
from harness import Table, copy


def bench(table: Table) -> None:
    ceiling = ("copy", copy(2 * 8 * 1000))
    for law in (
        Semicircle(),
        QuarterCircle(),
        MarchenkoPastur(0.5),
        MarchenkoPastur(0.5, singular=True),
        MarchenkoPastur(0.5).power(0.5),
        Wachter(0.5, 0.4),
        KestenMcKay(3),
        FussCatalan(2.5),
        TracyWidom(1),
    ):
        x = law.ppf(np.linspace(0, 1, 1002)[1:-1])
        table.add(f"{law!r} pdf 10^3", lambda law=law, x=x: law.pdf(x), ceiling=ceiling, most=0.02)
