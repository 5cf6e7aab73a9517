from typing import Any

from numpy.typing import NDArray

def hill(ascending: NDArray[Any], threads: int) -> tuple[NDArray[Any], NDArray[Any]]: ...
