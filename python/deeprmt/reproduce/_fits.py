"""Exponents of power laws over widths."""

from __future__ import annotations

from typing import Any

import numpy as np


def exponent(x: Any, y: Any) -> float:
    """The slope of log y over log x by least squares."""
    return float(np.polyfit(np.log(np.asarray(x, float)), np.log(np.asarray(y, float)), 1)[0])
