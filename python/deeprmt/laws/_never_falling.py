"""Distribution functions whose rounding does not show as a fall."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

__all__ = ["never_falling"]


def never_falling(x: ArrayLike, value: Any, sign: float, most: float) -> Any:
    """The largest value times `sign` so far, in ascending x, in place of those that fall by no more than `most`."""
    if np.ndim(value) == 0 or value.size < 2:
        return value
    at, flat = np.asarray(x, np.float64).ravel(), sign * value.ravel()
    order = None
    if not (at[1:] >= at[:-1]).all():
        order = np.argsort(at, kind="stable")
        flat = flat[order]
    if (flat[1:] >= flat[:-1]).all():
        return value
    top = np.fmax.accumulate(flat)
    mended = np.where(flat >= top - most, top, flat)  # NaN stays
    if order is not None:
        back = np.empty_like(mended)
        back[order] = mended
        mended = back
    return (sign * mended).reshape(value.shape)
