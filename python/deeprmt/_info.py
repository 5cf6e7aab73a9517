"""Versions and build facts: what a bug report needs."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Any

import numpy
import scipy

from . import _core
from ._arguments import available_threads


def versions() -> dict[str, Any]:
    """Versions of deeprmt and what it stands on, compiler, instruction set, BLAS and threads.

    Returns
    -------
    dict
        Plain strings, numbers and booleans, ready for JSON.
    """
    core = _core.build_info()
    return {
        "deeprmt": core["version"],
        "python": platform.python_version(),
        "platform": platform.platform(),
        "numpy": numpy.__version__,
        "scipy": scipy.__version__,
        "compiler": core["compiler"],
        "instruction_set": _instruction_set(core["instruction_set"], core["instruction_sets"]),
        "blas": f"{core['blas_library'] or 'unknown'}, 32-bit integers, from {core['blas_provider']}",
        "blas_threads": core["blas_threads"],
        "blas_thread_control": core["blas_thread_control"],
        "openmp": core["openmp"],
        "threads": available_threads(),
    }


def _instruction_set(used: str, available: list[str]) -> str:
    return used if used == available[-1] else f"{used}, forced; this machine has {available[-1]}"


def cmake_prefix() -> str:
    """Where CMake finds the C++ package that this installation carries: a folder for CMAKE_PREFIX_PATH.

    Returns
    -------
    str
        Absolute; headers lie in ``include``, the library in ``lib``, ``deeprmtConfig.cmake`` in ``lib/cmake/deeprmt``.

    Raises
    ------
    FileNotFoundError
        If this installation carries no C++ package.

    Examples
    --------
    >>> from pathlib import Path
    >>> (Path(cmake_prefix()) / "lib/cmake/deeprmt/deeprmtConfig.cmake").is_file()
    True
    """
    prefix = Path(_core.__file__).resolve().parent  # in an editable installation the sources lie elsewhere
    config = prefix / "lib/cmake/deeprmt/deeprmtConfig.cmake"
    if not config.is_file():
        raise FileNotFoundError(f"cmake_prefix: {config} is missing; install deeprmt from a wheel or with pip")
    return str(prefix)


def show_versions() -> None:
    """Print `versions`, one line each."""
    for name, value in versions().items():
        print(f"{name:>20}: {value}")
