from collections.abc import Sequence
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

class _Report(TypedDict):
    failed: int
    first_failure: float

class NestedKernels:
    def __init__(
        self,
        values: NDArray[np.float64],
        masses: NDArray[np.float64],
        q0: float,
        shift: float,
        layers: Sequence[tuple[float, float, float, float]],
    ) -> None: ...
    def evaluate(
        self, x: NDArray[np.float64], threads: int
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], _Report]: ...
    def stieltjes(self, z: Sequence[complex], threads: int) -> tuple[NDArray[np.complex128], _Report]: ...
