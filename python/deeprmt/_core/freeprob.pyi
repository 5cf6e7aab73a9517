from collections.abc import Sequence
from typing import Any, Never, TypedDict

import numpy as np
from numpy.typing import NDArray

class _Report(TypedDict):
    failed: int
    first_failure: float
    residual: float
    iterations: int

class SquaredSlopes:
    def __init__(
        self, d: NDArray[np.float64], weights: NDArray[np.float64], ranges: NDArray[np.float64], levels: int
    ) -> None: ...
    def moments(self, omega: complex) -> tuple[complex, complex, complex, float]: ...
    def keep_series(self) -> None: ...

class ExplicitLaw:
    def __init__(
        self,
        steps: Sequence[tuple[Any, ...]],
        atoms: Sequence[tuple[float, float]],
        ends_at_last_atom: bool,
    ) -> None: ...
    def evaluate(
        self, x: NDArray[np.float64], threads: int
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], _Report]: ...
    def density(self, x: NDArray[np.float64], threads: int) -> tuple[NDArray[np.float64], _Report]: ...
    def resolvent(self, z: Sequence[complex], threads: int) -> tuple[NDArray[np.complex128], _Report]: ...
    def gaps(self) -> list[tuple[float, float, float]]: ...

def atom_sums(
    at: NDArray[np.float64], mass: NDArray[np.float64], w: NDArray[np.complex128], threads: int
) -> tuple[NDArray[np.complex128], NDArray[np.complex128]]: ...
def atom_arguments(
    at: NDArray[np.float64], mass: NDArray[np.float64], w: NDArray[np.complex128], threads: int
) -> NDArray[np.float64]: ...
def power_series(
    f: NDArray[np.float64], v: NDArray[np.complex128], threads: int
) -> tuple[NDArray[np.complex128], NDArray[np.complex128]]: ...

class Panels:
    def __init__(self, low: NDArray[np.float64], high: NDArray[np.float64], series: NDArray[np.float64]) -> None: ...
    @property
    def mass(self) -> float: ...
    def sums(
        self, w: NDArray[np.complex128], threads: int
    ) -> tuple[NDArray[np.complex128], NDArray[np.complex128]]: ...
    def arguments(self, w: NDArray[np.complex128], threads: int) -> NDArray[np.float64]: ...

class Subordination:
    def __init__(self, product: bool, known: Sequence[tuple[float, float, float, float]], scale: float) -> None: ...
    def add(self, at: NDArray[np.float64], mass: NDArray[np.float64], power: float) -> None: ...
    def newton(
        self,
        place: NDArray[np.complex128],
        c: NDArray[np.complex128],
        p: NDArray[np.complex128],
        steps: int,
        threads: int,
    ) -> tuple[NDArray[np.complex128], NDArray[np.complex128], NDArray[np.float64], int]: ...
    def on_gap(
        self, low: float, high: float, far: float, s: NDArray[np.float64], threads: int
    ) -> NDArray[np.float64]: ...
    def where(
        self,
        low: float,
        high: float,
        far: float,
        s: NDArray[np.float64],
        c: NDArray[np.float64],
        rate: NDArray[np.float64],
        goal: NDArray[np.float64],
        threads: int,
    ) -> NDArray[np.float64]: ...

class _PencilReport(_Report):
    residual: float
    iterations: int

class LetterLaw:
    def __init__(self, /, *args: Never, **kwargs: Never) -> None: ...  # there are only the three makers
    @staticmethod
    def semicircle(variance: float) -> LetterLaw: ...
    @staticmethod
    def poisson(mean: float, jump: float) -> LetterLaw: ...
    @staticmethod
    def general(
        locations: NDArray[np.float64],
        masses: NDArray[np.float64],
        intervals: NDArray[np.float64],
        series: Sequence[Sequence[float]],
        panels: Sequence[tuple[Panels, float, bool]] = ...,
    ) -> LetterLaw: ...

class Pencil:
    def __init__(
        self,
        constant: NDArray[np.complex128],
        frames: Sequence[NDArray[np.complex128]],
        cores: Sequence[NDArray[np.complex128]],
        laws: Sequence[LetterLaw],
        reach: float,
    ) -> None: ...
    def descended(self) -> Pencil: ...
    @property
    def reached(self) -> tuple[float, float]: ...
    def evaluate(
        self, x: NDArray[np.float64], threads: int
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], _PencilReport]: ...
    def resolvent(self, z: Sequence[complex], threads: int) -> tuple[NDArray[np.complex128], _PencilReport]: ...
    @property
    def unknowns(self) -> int: ...
