"""Results as notebooks show them."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np

from ._arguments import shown


def plain(value: Any) -> Any:
    """The same for JSON: lists for arrays, and None for numbers that are not finite, which it does not know."""
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def two_columns(title: str, content: Mapping[str, Any]) -> str:
    """A table of names and values, escaped; long lists are shortened."""
    from .report import table

    rows = [[name, _short(value)] for name, value in content.items()]
    return table([(title, "What it is called"), ("", "Its value")], rows)


def _short(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list) and len(value) > 6 and all(isinstance(each, int | float) for each in value):
        ends = [f"{each:.4g}" for each in (*value[:3], *value[-2:])]
        return f"{', '.join(ends[:3])}, ..., {', '.join(ends[3:])} ({len(value)} values)"
    return shown(value)


class Displayed(ABC):
    """A result that notebooks show as a table."""

    __slots__ = ()

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """The content, ready for JSON."""

    def _repr_html_(self) -> str:
        return two_columns(type(self).__name__, self.to_dict())
