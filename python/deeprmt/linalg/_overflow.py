"""Values beyond the range of their type."""

from __future__ import annotations

import numpy as np

from .._arguments import Floats


def refuse_overflow(function: str, values: Floats) -> Floats:
    if np.isinf(values).any():
        raise ValueError(
            f"{function}: a must be so small that its {'eigen' if function == 'eigvalsh' else 'singular '}values stay "
            f"below {np.finfo(values.dtype).max:.3g}, but the largest overflows; scale a down"
        )
    return values
