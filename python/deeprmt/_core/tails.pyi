from typing import Any

from numpy.typing import NDArray

def hill(ascending: NDArray[Any], threads: int) -> NDArray[Any]: ...
