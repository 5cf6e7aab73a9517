from collections.abc import Callable, Sequence
from typing import Any

from numpy.typing import NDArray

def gram_matrix(
    key: int,
    sample: int,
    n_0: int,
    n_1: int,
    m: int,
    scale: float,
    samples: bool,
    f: Callable[[NDArray[Any]], NDArray[Any]],
    out: NDArray[Any],
    threads: int,
) -> None: ...
def gram(y: NDArray[Any], alpha: float, threads: int) -> NDArray[Any]: ...
def panel_rows(order: int, other: int, n_0: int) -> int: ...

class GramLaw:
    def __init__(self, zeta: float, rest: float, phi: float, psi: float, centres: Sequence[float]) -> None: ...
    def evaluate(
        self, x: NDArray[Any], threads: int
    ) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], dict[str, Any]]: ...
    def resolvent(self, z: Sequence[complex], threads: int) -> tuple[NDArray[Any], dict[str, Any]]: ...
