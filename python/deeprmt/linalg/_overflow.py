"""Values beyond the range of their type."""

from __future__ import annotations

import numpy as np

from .._arguments import Floats


def refuse_overflow(function: str, values: Floats, argument: str) -> Floats:
    """Returns eigenvalues as they are."""
    if np.isinf(values).any():
        raise ValueError(
            f"{function}: {argument} must be so small that their eigenvalues stay below "
            f"{np.finfo(values.dtype).max:.3g}, but the largest overflows; scale {argument} down"
        )
    return values
