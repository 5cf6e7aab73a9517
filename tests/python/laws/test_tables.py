"""The tables that ship are what their program makes."""

import numpy as np
import pytest
from mpmath import log, mp, mpf

from deeprmt.laws._tables import determinants, expansions, log_function, make


def same(found, name, x):
    """Whether the column of coefficients for the piece that begins at x is the one that ships, to rounding."""
    table = log_function(*name.split("."))
    column = table.coefficients[:, int(x - table.low)]
    np.testing.assert_allclose(found[: column.size], column, rtol=0, atol=2e-16 * np.abs(column).max())
    assert np.abs(found[column.size :]).max(initial=0) < 3e-17  # what was left out


def test_edge():
    piece = make.edge_piece(0, 4, digits=45, nodes=84, points=36)  # fewer digits than for the tables, yet enough
    for name in ("sf1", "sf2", "sf4", "pdf1", "pdf2", "pdf4"):
        same(make.table(piece[name], 2), f"edge.{name}", 2)


def test_bulk():
    piece = make.bulk_piece(4, 8, digits=60, nodes=40, points=44)
    for name in ("sf1", "sf2", "sf4", "pdf1", "pdf2", "pdf4"):
        same(make.table(piece[name], 5), f"bulk.{name}", 5)


@pytest.mark.parametrize(
    ("expand", "domain", "side", "ends"),
    [
        (expansions.edge_left, "edge", "left", {1: 12, 2: 12, 4: 20}),
        (expansions.edge_right, "edge", "right", {1: 16, 2: 16, 4: 16}),
        (expansions.bulk_right, "bulk", "right", {1: 12, 2: 12, 4: 24}),
    ],
)
def test_expansions(expand, domain, side, ends):
    with mp.workdps(make.DIGITS):
        for name, tail in expand().items():
            table = log_function(domain, name)
            shipped = getattr(table, side)
            assert shipped is not None
            found = make.expansion(tail, mpf(ends[int(name[-1])]) ** mpf(table.exponent))
            np.testing.assert_allclose(found, shipped, rtol=4e-16)


def test_where_determinants_and_expansions_meet():
    """The expansions are good to 1e-17 where the determinants end: log det is 40 to 100 there."""
    with mp.workdps(make.DIGITS):
        found = determinants.airy(mpf(-12), make.DIGITS, 120)
        for tail, value in zip(expansions.airy_left(), found, strict=True):
            assert abs(tail(mpf(12) ** 1.5) - log(value)) < 1e-18
        found = determinants.sine(mpf(12), make.DIGITS, 60)
        for tail, value in zip(expansions.sine_right(), found, strict=True):
            assert abs(tail(mpf(12)) - log(value)) < 1e-17


@pytest.mark.parametrize(("function", "s"), [("airy", 5), ("sine", 2)])
def test_determinants_settle(function, s):
    """More nodes and more digits change nothing."""
    determinant = getattr(determinants, function)
    for few, many in zip(determinant(mpf(s), 40, 80), determinant(mpf(s), 45, 95), strict=True):
        assert abs(few - many) < 1e-38


def test_too_few_nodes_are_an_error():
    with pytest.raises(ArithmeticError, match="too few nodes or digits"):
        determinants.airy(mpf(-12), 40, 20)
