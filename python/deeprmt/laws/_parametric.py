"""Laws that a few numbers fix."""

from __future__ import annotations

from typing import Any, NoReturn

from ._law import Law

__all__ = ["Parametric"]


class Parametric(Law):
    """A law that cannot be changed, and equals another one of the same class with the same numbers."""

    def _set(self, **values: Any) -> None:
        """For `__init__` alone."""
        vars(self).update(values)

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        raise AttributeError(f"{self._name} cannot be changed: make a new one instead of setting {name}")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"{self._name} cannot be changed: {name} stays")

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash((type(self), *vars(self).values()))
