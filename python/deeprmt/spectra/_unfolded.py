"""Unfolded levels that remember up to which length their fluctuations are those of the levels before."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Unfolded"]

_JOINS = (np.concatenate, np.stack, np.vstack, np.hstack)


def _factor(context: Any) -> float | None:
    """By which an operation with a number scales levels; None where they are levels no more."""
    if context is None or len(context[1]) < 2:
        return None
    operation, (first, second, *_), _ = context
    levels, other = (first, second) if isinstance(first, Unfolded) else (second, first)
    if isinstance(other, Unfolded) or np.ndim(other) or np.iscomplexobj(other):
        return None
    if operation in (np.add, np.subtract):
        return 1.0
    if operation is np.multiply:
        factor = abs(float(other))
    elif operation is np.divide and levels is first:
        factor = abs(1 / float(other)) if other else 0.0
    else:
        return None
    return factor if 0 < factor < float("inf") else None


class Unfolded(np.ndarray[Any, np.dtype[np.float64]]):
    """An array of unfolded levels; made by `unfold`.

    Slices stay one, and so do levels that are shifted, or scaled by a number, their trusted length with them; joined
    and stacked levels are trusted as far as the least of them. Results of all other arithmetic are plain arrays.

    Attributes
    ----------
    trust : float
        The length, in mean spacings, up to which number variance and rigidity can be trusted: beyond it the unfolding
        has taken away, with the density, what fluctuates slowly. Infinite for a law that is exact.

    Examples
    --------
    >>> import numpy as np
    >>> from deeprmt import spectra
    >>> levels = spectra.unfold(np.arange(200.0) ** 2, "spline")
    >>> round(levels[:50].trust, 6), type(np.diff(levels)).__name__
    (6.666667, 'ndarray')
    >>> round((2 * levels + 1).trust, 6), type(np.sqrt(levels)).__name__
    (13.333333, 'ndarray')
    """

    trust: float

    @classmethod
    def of(cls, levels: NDArray[np.float64], trust: float) -> Unfolded:
        """The same numbers, no copy, with their trusted length."""
        out = levels.view(cls)
        out.trust = trust
        return out

    def __array_finalize__(self, other: Any) -> None:
        self.trust = getattr(other, "trust", float("inf"))

    def __array_wrap__(self, array: Any, context: Any = None, return_scalar: bool = False) -> Any:
        plain = np.asarray(array)
        if return_scalar:
            return plain[()]
        factor = _factor(context)
        return plain if factor is None else Unfolded.of(plain, self.trust * factor)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        out = super().__array_function__(func, types, args, kwargs)
        if func not in _JOINS or type(out) is not np.ndarray or out.dtype != np.float64:
            return out
        parts = args[0] if args else kwargs.get("arrays", kwargs.get("tup", ()))
        trusts = [each.trust for each in parts if isinstance(each, Unfolded)]
        return Unfolded.of(out, min(trusts)) if trusts else out

    def __repr__(self) -> str:
        return repr(np.asarray(self))

    def __str__(self) -> str:
        return str(np.asarray(self))

    def __reduce__(self) -> Any:
        return Unfolded.of, (np.asarray(self), self.trust)
