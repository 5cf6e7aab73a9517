"""Intervals free of mass."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Gap", "Part"]


@dataclass
class Gap:
    """An open interval free of mass; `sf` is the mass above it, `key` which gaps of the laws it is of."""

    low: float
    high: float
    sf: float
    key: tuple[int, ...]


Part = tuple[float, float, float, tuple[int, ...], bool, bool]
"""A part of a gap: low, high, the mass above, which gaps of the laws, and whether low and high are at seams."""
