from collections.abc import Callable
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
