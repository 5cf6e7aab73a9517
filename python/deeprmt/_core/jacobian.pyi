from collections.abc import Callable, Sequence
from typing import Any

from numpy.typing import NDArray

def singular_values(
    widths: Sequence[int],
    haar: bool,
    sigma_w: float,
    sigma_b: float,
    phi: Callable[[NDArray[Any]], NDArray[Any]],
    dphi: Callable[[NDArray[Any]], NDArray[Any]],
    activation_output: bool,
    key: int,
    first: int,
    trials: int,
    x: NDArray[Any],
    q0: float,
    independent: Sequence[float],
    log: bool,
    threads: int,
) -> NDArray[Any]: ...
def layer(
    key: int,
    sample: int,
    layer: int,
    haar: bool,
    sigma_w: float,
    sigma_b: float,
    w: NDArray[Any],
    b: NDArray[Any],
    threads: int,
) -> None: ...
def sphere_input(key: int, sample: int, q: float, x: NDArray[Any]) -> None: ...
