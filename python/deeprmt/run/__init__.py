"""Run many tasks on any executor, in order, with the same result on every one of them."""

from ._map import map
from ._progress import Progress

__all__ = ["Progress", "map"]
