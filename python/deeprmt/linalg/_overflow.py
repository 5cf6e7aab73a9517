"""Values beyond the range of their type."""

from __future__ import annotations

import numpy as np

from .._arguments import Floats


def refuse_overflow(function: str, values: Floats, argument: str = "a") -> Floats:
    if np.isinf(values).any():
        kind = "eigen" if function.startswith("eig") else "singular "
        raise ValueError(
            f"{function}: {argument} must be so small that {'its' if argument == 'a' else 'their'} {kind}values stay "
            f"below {np.finfo(values.dtype).max:.3g}, but the largest overflows; scale {argument} down"
        )
    return values
