"""Unfolded levels that remember up to which length their fluctuations are those of the levels before."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Unfolded"]


class Unfolded(np.ndarray[Any, np.dtype[np.float64]]):
    """An array of unfolded levels; made by `unfold`. Slices stay one, the results of arithmetic are plain arrays.

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
        return plain[()] if return_scalar else plain

    def __repr__(self) -> str:
        return repr(np.asarray(self))

    def __str__(self) -> str:
        return str(np.asarray(self))

    def __reduce__(self) -> Any:
        return Unfolded.of, (np.asarray(self), self.trust)
