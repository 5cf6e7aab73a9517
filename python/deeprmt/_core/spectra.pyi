from typing import Any

from numpy.typing import NDArray

def spacing_ratio(levels: NDArray[Any], threads: int) -> NDArray[Any]: ...
