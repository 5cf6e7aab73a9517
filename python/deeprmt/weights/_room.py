"""How much memory the analysis of a tensor takes, and which method fits into what there is."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from .._arguments import shown
from .._memory import available_memory
from ..linalg._room import entries_for_values, entries_for_vectors
from ._layer import Layer
from ._tensor import Tensor

SHARE = 0.75
"""Of the memory that is free when the run starts: what it takes unless told otherwise."""

PROBES, STEPS = 16, 100
"""Of Lanczos' method."""

_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12, "ki": 2**10, "mi": 2**20, "gi": 2**30, "ti": 2**40}
_SMALL = 2**23
"""What a task takes besides its arrays: pieces of files, the results, tables of laws."""
_SIMULATION = 2**25
"""What simulated spectra take, which are made some at a time."""


def as_bytes(function: str, value: int | str | None) -> int | None:
    """A number of bytes: given, in words as "2GiB" or "800 MB", or a share of what is free; None where nobody knows."""
    if value is None:
        free = min((room for room, _ in available_memory()), default=None)
        return None if free is None else int(SHARE * free)
    if isinstance(value, str):
        match = re.fullmatch(r"\s*(\d+(?:\.\d*)?(?:e\+?\d{1,2})?)\s*([kmgt]?i?)b?\s*", value.lower())
        if match is None or match[2] not in _UNITS:
            raise ValueError(
                f"{function}: max_memory must be bytes, or a size such as '2GiB' or '800MB', got {value!r}"
            )
        size = float(match[1]) * _UNITS[match[2]]
    else:
        try:
            if isinstance(value, bool | np.bool_ | bytes | bytearray):
                raise TypeError
            size = float(value)
        except OverflowError:  # an integer
            size = math.inf
        except (TypeError, ValueError):
            raise TypeError(
                f"{function}: max_memory must be bytes or text such as '2GiB', got {shown(value)}"
            ) from None
    if not 1 <= size < 2**62:
        raise ValueError(f"{function}: max_memory must be at least one byte and finite, got {shown(value)}")
    return int(size)


def chosen(
    task: Tensor | Layer,
    room: int | None,
    conv: str,
    *,
    samples: int = 0,
    permutations: int = 0,
    vectors: bool = False,
    spacing_trials: int = 0,
    key: int = 0,
) -> tuple[str, int]:
    """How the task is done, "dense", "lanczos" or, where neither fits, "none"; and the bytes that takes."""
    dense, lanczos = needs(task, conv, permutations > 0, vectors)
    dense += _SIMULATION if samples or spacing_trials else 0
    if room is None or dense <= room:
        return "dense", dense
    return ("lanczos", lanczos) if lanczos <= room else ("none", lanczos)


def chosen_series(
    tensors: Sequence[Tensor | Layer], room: int | None, conv: str, *, samples: int = 0
) -> tuple[str, int]:
    """As `chosen`, of one tensor that is followed over checkpoints: the first, the last and a difference stay."""
    sizes = [needs(each, conv, vectors=True) for each in tensors]
    entries = max(math.prod(each.weight.shape if isinstance(each, Layer) else each.shape) for each in tensors)
    dense = max(size for size, _ in sizes) + 3 * 8 * entries + (_SIMULATION if samples else 0)
    lanczos = max(size for _, size in sizes)
    if room is None or dense <= room:
        return "dense", dense
    return ("lanczos", lanczos) if lanczos <= room else ("none", lanczos)


def block_of(shape: tuple[int, int], itemsize: int) -> int:
    """How many probes run at once: those whose vectors take no more than the matrix itself."""
    each = _vectors(shape, itemsize)
    return int(max(1, min(PROBES, math.prod(shape) * itemsize // max(each, 1))))


def _vectors(shape: tuple[int, int], itemsize: int) -> int:
    """Bytes of one probe, with the blocks that go in and out of products."""
    return (min(STEPS, *shape) + 10) * sum(shape) * itemsize


def needs(task: Tensor | Layer, conv: str, permuted: bool = False, vectors: bool = False) -> tuple[int, int]:
    """Bytes of a dense analysis and of one by Lanczos' method, the entries that are read included."""
    item = 8 if task.dtype == "float64" else 4
    shapes = _matrices(task, conv)
    held = 0 if isinstance(task, Layer) else item * math.prod(task.shape)
    copied = held and any(len(part.rows) > 1 for part in getattr(task, "parts", ()))
    part = max(math.prod(shape) for shape in shapes)
    held += item * part if copied else 0
    more = (0 if item == 8 else 8) + ((8 + item) if permuted else 0)
    dense = max(more * math.prod(shape) + 8 * entries_for_values(*shape) for shape in shapes)
    if vectors:  # and what they are themselves
        with_them = (entries_for_vectors(*shape) + min(shape) * (sum(shape) + 1) for shape in shapes)
        dense = max(dense, max(with_them) * 8 + more * max(math.prod(shape) for shape in shapes))
    lanczos = max(block_of(shape, item) * _vectors(shape, item) for shape in shapes)
    return held + dense + _SMALL, held + lanczos + _SMALL


def _matrices(task: Tensor | Layer, conv: str) -> list[tuple[int, int]]:
    """The shapes of the matrices, without reading anything."""
    if isinstance(task, Layer):
        return [task.weight.shape]
    rows, columns = task.matrix_shape
    if conv != "flatten" and task.is_conv():
        order = task.order or tuple(range(len(task.shape)))
        outer, inner = task.shape[order[0]], task.shape[order[1]]
        return [(outer, inner) if conv == "slices" else (rows * columns // max(inner, 1), inner)]
    if not task.parts:
        return [(rows, columns)]
    return [(sum(_length(each, rows) for each in part.rows), columns) for part in task.parts]


def _length(rows: slice, count: int) -> int:
    return len(range(*rows.indices(count)))


def too_large(needs: int, room: int | None) -> str:
    """Why a matrix is left out, in words."""
    shown: Any = [
        f"{size / 2**30:.3g} GiB" if size >= 2**28 else f"{size / 2**20:.3g} MiB" for size in (needs, room or 0)
    ]
    return f"even Lanczos' method would take {shown[0]} of memory, more than max_memory = {shown[1]}"
