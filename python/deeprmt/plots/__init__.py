"""Displays: each takes a result and an axes, draws, and returns the axes. They need ``pip install "deeprmt[plot]"``."""

from .law import law
from .layers import layers

__all__ = ["law", "layers"]
