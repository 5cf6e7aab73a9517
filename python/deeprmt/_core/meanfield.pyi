from collections.abc import Sequence
from typing import TypedDict, overload

import numpy as np
from numpy.typing import NDArray

_Doubles = NDArray[np.float64]
_Terms = tuple[Sequence[int], _Doubles, _Doubles]

class _Report(TypedDict):
    failed: int
    first_failure: float
    residual: float
    iterations: int

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

class KernelNetwork:
    def __init__(
        self,
        kind: str,
        below: float,
        above: float,
        order: int,
        weight: float,
        bias: float,
        constants: Sequence[float],
        from_inputs: Sequence[float],
        tables: Sequence[tuple[bool, _Doubles, _Doubles, _Terms, _Terms, _Terms]],
    ) -> None: ...
    def set_pieces(
        self,
        kinks: Sequence[float],
        bends: Sequence[float],
        level: float,
        slope: float,
        size: float,
        apart: Sequence[tuple[float, float, _Doubles, _Doubles, _Doubles]],
    ) -> None: ...

@overload
def infinite_kernels(
    x_units: NDArray[np.float32],
    y_units: NDArray[np.float32],
    x: NDArray[np.float32],
    y: NDArray[np.float32],
    of_x: tuple[_Doubles, _Doubles, _Doubles],
    of_y: tuple[_Doubles, _Doubles, _Doubles],
    network: KernelNetwork,
    symmetric: bool,
    k: NDArray[np.float32],
    theta: NDArray[np.float32],
    threads: int,
) -> None: ...
@overload
def infinite_kernels(
    x_units: NDArray[np.float64],
    y_units: NDArray[np.float64],
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    of_x: tuple[_Doubles, _Doubles, _Doubles],
    of_y: tuple[_Doubles, _Doubles, _Doubles],
    network: KernelNetwork,
    symmetric: bool,
    k: NDArray[np.float64],
    theta: NDArray[np.float64],
    threads: int,
) -> None: ...
