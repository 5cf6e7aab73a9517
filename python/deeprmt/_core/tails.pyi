from typing import Any

from numpy.typing import NDArray

def hill(ascending: NDArray[Any], threads: int) -> tuple[NDArray[Any], NDArray[Any]]: ...
def fit_power_law(ascending: NDArray[Any], two_sided: bool, threads: int) -> tuple[int, float, float]: ...
def fit_power_law_from(ascending: NDArray[Any], xmin: float, two_sided: bool) -> tuple[float, float]: ...
def power_law_bootstrap(
    ascending: NDArray[Any],
    first: int,
    xmin: float,
    alpha: float,
    two_sided: bool,
    fixed: bool,
    key: int,
    samples: int,
    threads: int,
) -> tuple[NDArray[Any], NDArray[Any]]: ...
def power_law_bootstrap_count(
    ascending: NDArray[Any],
    first: int,
    xmin: float,
    alpha: float,
    two_sided: bool,
    key: int,
    samples: int,
    least: float,
    enough: int,
    threads: int,
) -> tuple[int, int]: ...
def fit_bent(u: NDArray[Any], truncated: bool) -> tuple[float, float, float, NDArray[Any]]: ...
def stretched_shape(u: NDArray[Any]) -> float: ...
def bootstrap_criterion(
    depth: NDArray[Any], size: int, resamples: int, key: int, part: int, threads: int
) -> NDArray[Any]: ...
