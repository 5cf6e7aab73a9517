"""Makes `edge_and_bulk.npz`: ``python -m deeprmt.laws._tables.make`` (needs mpmath, takes some minutes).

For each law there are three functions, log cdf, log sf and log pdf, each where it is wanted: the smaller one of cdf and
sf, so that no digits are lost in either tail. A function is a row of pieces of width 1 with a Chebyshev series on each,
and an expansion beyond (`expansions.Tail`). The values come from Fredholm determinants (`determinants`) on long pieces,
interpolated with enough digits to be differentiated, and where the determinants would need hundreds of digits from the
expansions. Laws of beta = 4 are tabulated in the variable of their determinants: sqrt(2) s at the edge, 2 s in the
bulk.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import mpmath as mp
import numpy as np
from numpy.typing import NDArray

from .determinants import airy, sine
from .expansions import Tail, airy_left, bulk_right, edge_left, edge_right, sine_right

__all__ = ["bulk_piece", "edge_piece", "main", "table"]

Function = Callable[[Any], Any]
Piece = dict[str, Function]
"""The logarithms of the laws' functions on one stretch, by name: "sf2", "pdf4", ..."""

DIGITS = 80
LONG = 4
"""The width of the stretches on which determinants are interpolated."""
EDGE = (-12, 16)
BULK = (0, 12)
"""Where determinants are computed; expansions are good to 1e-17 outside."""
FAR_EDGE, FAR_BULK = -20, 24
"""For beta = 4 the second determinant counts up to here, so that the pieces end later."""


# ---- interpolation with many digits ----


def chebyshev(function: Callable[[Any], Iterable[Any]], low: int, high: int, points: int) -> list[list[Any]]:
    """Chebyshev coefficients on (low, high) of the several functions that `function` gives, from its values."""
    angles = [mp.pi * (2 * k + 1) / (2 * points) for k in range(points)]
    middle, half = mp.mpf(low + high) / 2, mp.mpf(high - low) / 2
    columns = list(zip(*(function(middle + half * mp.cos(angle)) for angle in angles), strict=True))
    cosines = [mp.cos(mp.pi * k / (2 * points)) for k in range(4 * points)]
    out = []
    for values in columns:
        series = [
            2 * mp.fdot(values, (cosines[j * (2 * k + 1) % (4 * points)] for k in range(points))) / points
            for j in range(points)
        ]
        series[0] /= 2
        out.append(series)
    return out


def derivative(series: list[Any], low: int, high: int) -> list[Any]:
    """The coefficients of the derivative."""
    out = [mp.mpf(0)] * (len(series) + 1)
    for k in range(len(series) - 1, 0, -1):
        out[k - 1] = out[k + 1] + 2 * k * series[k]
    out[0] /= 2
    return [2 * each / (high - low) for each in out[: len(series) - 1]]


def evaluate(series: list[Any], low: int, high: int, x: Any) -> Any:
    """The sum, by Clenshaw's recurrence."""
    t = (2 * x - low - high) / (high - low)
    b1 = b2 = mp.mpf(0)
    for c in reversed(series[1:]):
        b1, b2 = 2 * t * b1 - b2 + c, b1
    return t * b1 - b2 + series[0]


# ---- the laws on one stretch ----


def edge_piece(low: int, high: int, *, digits: int = DIGITS, nodes: int = 120, points: int = 60) -> Piece:
    """Laws of the largest eigenvalue between low and high, from determinants; beta = 4 in the variable sqrt(2) s."""

    def logarithms(x: Any) -> list[Any]:
        minus, plus = airy(x, digits, nodes)
        cdf = (minus, minus * plus, (minus + plus) / 2)
        return [mp.log(each) for each in cdf] + [mp.log(1 - each) for each in cdf]

    def log_slope(function: list[Any], slope: list[Any], scale: Any, x: Any) -> Any:
        return evaluate(function, low, high, x) + mp.log(abs(evaluate(slope, low, high, x))) + scale

    with mp.workdps(digits):
        both = chebyshev(logarithms, low, high, points)
        out: Piece = {}
        for beta, cdf, sf in zip((1, 2, 4), both[:3], both[3:], strict=True):
            # Of the two the one that is well conditioned, that is, steep.
            steep = cdf if low + high < 0 else sf
            slope = derivative(steep, low, high)
            scale = mp.log(2) / 2 if beta == 4 else mp.mpf(0)
            out[f"cdf{beta}"] = partial(evaluate, cdf, low, high)
            out[f"sf{beta}"] = partial(evaluate, sf, low, high)
            out[f"pdf{beta}"] = partial(log_slope, steep, slope, scale)
        return out


def bulk_piece(low: int, high: int, *, digits: int = DIGITS, nodes: int = 60, points: int = 90) -> Piece:
    """Laws of the spacing between low and high, from determinants; beta = 4 in the variable 2 s.

    At 0 the logarithms of cdf / s^(beta + 1) and of pdf / s^beta are finite; those are given.
    """

    def gaps(x: Any) -> list[Any]:
        even, odd = sine(x, digits, nodes)
        gap = [even, even * odd, (even + odd) / 2]
        return gap if low == 0 else [mp.log(each) for each in gap]

    def laws(beta: int, scale: Any, e: list[Any], d: list[Any], dd: list[Any], x: Any) -> dict[str, Any]:
        value, first, second = (evaluate(each, low, high, x) for each in (e, d, dd))
        if low > 0:  # they were of the logarithm
            value, first, second = mp.exp(value), mp.exp(value) * first, mp.exp(value) * (second + first * first)
        s = x / scale
        return {
            "cdf": mp.log(1 + scale * first) - (beta + 1) * mp.log(s),
            "sf": mp.log(-scale * first),
            "pdf": mp.log(scale * scale * second) - beta * mp.log(s),
        }

    with mp.workdps(digits):
        out: Piece = {}
        for beta, gap in zip((1, 2, 4), chebyshev(gaps, low, high, points), strict=True):
            first = derivative(gap, low, high)
            all_three = partial(laws, beta, 2 if beta == 4 else 1, gap, first, derivative(first, low, high))
            for name in ("cdf", "sf", "pdf"):
                out[f"{name}{beta}"] = partial(entry, all_three, name)
        return out


def entry(function: Callable[[Any], dict[str, Any]], name: str, x: Any) -> Any:
    """One of the values that a function gives."""
    return function(x)[name]


def edge_beyond() -> Piece:
    """log cdf and log pdf of the largest eigenvalue left of the determinants."""
    minus, plus = airy_left()

    def laws(beta: int, x: Any) -> dict[str, Any]:
        (a, da, _), (b, db, _) = (each.derivatives((-x) ** mp.mpf("1.5")) for each in (minus, plus))
        outer = -mp.mpf(3) / 2 * mp.sqrt(-x)
        if beta == 1:
            return {"cdf": a, "pdf": a + mp.log(da * outer)}
        if beta == 2:
            return {"cdf": a + b, "pdf": a + b + mp.log((da + db) * outer)}
        u, v = mp.exp(a) / 2, mp.exp(b) / 2
        return {"cdf": mp.log(u + v), "pdf": mp.log(mp.sqrt(2) * outer * (u * da + v * db))}

    return {f"{name}{beta}": partial(entry, partial(laws, beta), name) for name in ("cdf", "pdf") for beta in (1, 2, 4)}


def bulk_beyond() -> Piece:
    """log sf and log (pdf / s^beta) of the spacing right of the determinants."""
    even, odd = sine_right()

    def laws(beta: int, x: Any) -> dict[str, Any]:
        (a, da, dda), (b, db, ddb) = (each.derivatives(x) for each in (even, odd))
        if beta == 4:
            u, v = mp.exp(a) / 2, mp.exp(b) / 2
            first, second = u * da + v * db, u * (dda + da * da) + v * (ddb + db * db)
            return {"sf": mp.log(-2 * first), "pdf": mp.log(4 * second) - 4 * mp.log(x / 2)}
        if beta == 2:
            a, da, dda = a + b, da + db, dda + ddb
        return {"sf": a + mp.log(-da), "pdf": a + mp.log(dda + da * da) - beta * mp.log(x)}

    return {f"{name}{beta}": partial(entry, partial(laws, beta), name) for name in ("sf", "pdf") for beta in (1, 2, 4)}


# ---- the tables ----


def table(function: Function, low: int, *, degree: int = 20) -> NDArray[np.float64]:
    """Chebyshev coefficients on (low, low + 1), those of use in double precision."""
    with mp.workdps(DIGITS):
        (series,) = chebyshev(lambda x: [function(x)], low, low + 1, degree + 4)
        return np.array([float(each) for each in series[: degree + 1]])


def rows(
    name: str, between: Callable[[int], Piece], low: int, high: int, show: Callable[[str], None]
) -> NDArray[np.float64]:
    """The pieces of one function as columns, without the coefficients that are small everywhere."""
    columns = [table(between(x)[name], x) for x in range(low, high)]
    out = np.stack(columns, axis=1)
    largest = np.abs(out).max(axis=1)
    kept = int(np.flatnonzero(largest > 2e-17).max()) + 1
    show(f"{name} on ({low}, {high}): {kept} coefficients, the first left out {largest[kept:].max(initial=0):.1e}")
    return out[:kept]


def expansion(tail: Tail, u: Any) -> NDArray[np.float64]:
    """[coefficient of u^2, of u, of log u, of 1, of 1 / u, ...], cut for use from u on."""
    sizes = [abs(each) / mp.mpf(u) ** k for k, each in enumerate(tail.series)]
    terms = len(tail.cut(u))
    while terms > 1 and sizes[terms - 1] < mp.mpf(10) ** -18:
        terms -= 1
    return np.array([float(each) for each in (tail.square, tail.linear, tail.power, *tail.series[:terms])])


def tables(show: Callable[[str], None]) -> dict[str, NDArray[np.float64]]:
    """All that is shipped, by name."""
    out: dict[str, NDArray[np.float64]] = {}

    def pieces(
        what: str, low: int, high: int, make: Callable[[int, int], Piece], rest: Piece
    ) -> Callable[[int], Piece]:
        found = {}
        for x in range(low, high, LONG):
            show(f"{what}: determinants on ({x}, {x + LONG})")
            found[x] = make(x, x + LONG)
        return lambda x: found[x - (x - low) % LONG] if low <= x < high else rest

    def add(name: str, low: int, values: NDArray[np.float64], left: Any, right: Any) -> None:
        out[name] = values
        out[f"{name}.low"] = np.array(float(low))
        for side, tail in (("left", left), ("right", right)):
            if tail is not None:
                out[f"{name}.{side}"] = tail

    with mp.workdps(DIGITS):
        between = pieces("edge", *EDGE, edge_piece, edge_beyond())
        for beta, split, start in ((1, -2, EDGE[0]), (2, -2, EDGE[0]), (4, -3, FAR_EDGE)):
            end = EDGE[1]
            left = {name: expansion(tail, mp.mpf(-start) ** 1.5) for name, tail in edge_left().items()}
            right = {name: expansion(tail, mp.mpf(end) ** 1.5) for name, tail in edge_right().items()}
            name = f"cdf{beta}"
            add(f"edge.{name}", start, rows(name, between, start, split, show), left[name], None)
            name = f"sf{beta}"
            add(f"edge.{name}", split, rows(name, between, split, end, show), None, right[name])
            name = f"pdf{beta}"
            add(f"edge.{name}", start, rows(name, between, start, end, show), left[name], right[name])

        between = pieces("bulk", *BULK, bulk_piece, bulk_beyond())
        for beta, split, end in ((1, 1, BULK[1]), (2, 1, BULK[1]), (4, 2, FAR_BULK)):
            start = BULK[0]
            right = {name: expansion(tail, end) for name, tail in bulk_right().items()}
            name = f"cdf{beta}"
            add(f"bulk.{name}", start, rows(name, between, start, split, show), None, None)
            name = f"sf{beta}"
            add(f"bulk.{name}", split, rows(name, between, split, end, show), None, right[name])
            name = f"pdf{beta}"
            add(f"bulk.{name}", start, rows(name, between, start, end, show), None, right[name])
    return out


def main(arguments: list[str] | None = None) -> None:
    """Computes the tables and writes them."""
    parser = argparse.ArgumentParser(description="Tables of the Tracy-Widom laws and of the laws of bulk spacings.")
    parser.add_argument("--output", default=Path(__file__).parent / "edge_and_bulk.npz", type=Path)
    path = parser.parse_args(arguments).output
    found = tables(lambda line: print(line, flush=True))
    np.savez_compressed(path, **found)  # type: ignore[arg-type]  # of which the stubs say that all are booleans
    print(f"{path}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
