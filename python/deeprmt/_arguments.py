"""What users pass in, turned into what the core takes: checked, typed, contiguous."""

from __future__ import annotations

import math
import operator
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, SupportsIndex

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from . import _core
from ._memory import refuse_beyond_memory as refuse_beyond_memory

MOST = 2**31 - 1
"""Rows or columns: what BLAS can address."""
Floats = NDArray[Any]
"""float32 or float64 array."""
RNG = Any
"""Whatever `numpy.random.default_rng` takes."""


LARGEST_COUNT = 2**53
"""Up to it every whole number is a double."""


def shown(value: object) -> str:
    """What was found, in one short line."""
    try:
        text = " ".join(repr(value).split())
    except ValueError:  # of whole numbers that are too long to print
        return f"an object of type {type(value).__name__} that is too long to print"
    return text if len(text) <= 80 else f"{text[:77]}..."


_core_types = (np.dtype(np.float32), np.dtype(np.float64))


def refuse_masked(function: str, argument: str, value: ArrayLike) -> None:
    """A masked entry has no value; the number that lies under the mask is not one."""
    if np.ma.is_masked(value):
        count = int(np.count_nonzero(np.ma.getmaskarray(np.ma.asarray(value))))
        raise ValueError(f"{function}: {argument} must have no masked entries, found {count}")
    if isinstance(value, list | tuple) and (count := _masked_in(value)):
        raise ValueError(f"{function}: {argument} must have no masked entries, found {count}")


def _masked_in(values: Sequence[Any], depth: int = 32) -> int:
    """How many are in lists of lists, which NumPy makes NaN of, or what lies under the mask."""
    count = 0
    for each in values:
        if isinstance(each, np.ma.MaskedArray):
            count += int(np.count_nonzero(np.ma.getmaskarray(each)))
        elif isinstance(each, list | tuple) and depth:
            count += _masked_in(each, depth - 1)
    return count


def as_array(function: str, argument: str, value: ArrayLike) -> NDArray[Any]:
    """`value` as an array of any type, without masks."""
    refuse_masked(function, argument, value)
    try:
        return np.asarray(value)
    except ValueError as error:
        raise ValueError(f"{function}: {argument} must be an array of real numbers, got a ragged sequence") from error


def as_real(function: str, argument: str, value: ArrayLike) -> Floats:
    """`value` as a C-contiguous float32 or float64 array: float16 widens to float32, other reals to float64."""
    if type(value) is np.ndarray and value.dtype in _core_types and value.flags.c_contiguous and value.flags.aligned:
        return value  # nothing to do: said first, for it takes longer to ask all the rest than to solve a small problem
    array = as_array(function, argument, value)
    if array.dtype.kind not in "fiub" or array.dtype.itemsize > 8:
        large = array.dtype == object and any(isinstance(each, int) and abs(each) >= 2**63 for each in array.flat)
        found = "a whole number beyond them" if large else f"dtype {array.dtype}"
        raise TypeError(f"{function}: {argument} must be real numbers of at most 64 bits, got {found}")
    if array.dtype.kind == "f" and array.dtype.itemsize <= 4:  # in any byte order
        dtype: Any = np.float32
    else:
        dtype = np.float64
    if array.dtype != dtype or not array.flags.c_contiguous:
        copy = f"a copy of {argument}, {' x '.join(map(str, array.shape))} entries as {np.dtype(dtype)},"
        refuse_beyond_memory(function, array.size * np.dtype(dtype).itemsize, copy)
    array = np.asarray(array, dtype=dtype, order="C")
    return array if array.flags.aligned else array.copy()


def as_rows(function: str, argument: str, value: ArrayLike) -> tuple[Floats, tuple[int, ...]]:
    """(..., n) as (rows, n), and the shape of the stack."""
    array = as_real(function, argument, value)
    if array.ndim < 1:
        raise ValueError(f"{function}: {argument} must have at least one axis, got a scalar")
    stack = array.shape[:-1]
    return array.reshape(math.prod(stack), array.shape[-1]), stack


def as_stack(function: str, argument: str, value: ArrayLike) -> Floats:
    """(..., m, n) as it is."""
    array = as_real(function, argument, value)
    if array.ndim < 2:
        raise ValueError(f"{function}: {argument} must have at least two axes, got {array.ndim}")
    if max(array.shape[-2:]) >= 2**31:
        raise ValueError(
            f"{function}: {argument} must have fewer than 2**31 rows and columns, which is what BLAS can address, "
            f"got shape {array.shape}"
        )
    return array


def refuse_non_finite(function: str, argument: str, array: Floats) -> None:
    """Names the first entry that is NaN or infinite."""
    flat, piece = array.reshape(-1), 2**22  # in pieces: the answers for all of a large array take memory too
    for begin in range(0, array.size, piece):
        finite = np.isfinite(flat[begin : begin + piece])
        if finite.all():
            continue
        where = tuple(int(i) for i in np.unravel_index(begin + int(np.argmin(finite)), array.shape))
        index = where[0] if len(where) == 1 else where
        raise ValueError(f"{function}: {argument} must be finite, found {array[where]} at index {index}")


def as_count(
    function: str, argument: str, value: SupportsIndex, least: int = 1, most: int | None = LARGEST_COUNT
) -> int:
    """A whole number of at least `least`, and at most `most`; True and False are none."""
    try:
        if isinstance(value, bool | np.bool_):
            raise TypeError
        if isinstance(value, np.ma.MaskedArray):
            refuse_masked(function, argument, value)
        count = operator.index(value)
    except TypeError:
        raise TypeError(f"{function}: {argument} must be a whole number, got {shown(value)}") from None
    if count < least:
        raise ValueError(f"{function}: {argument} must be at least {least}, got {shown(value)}")
    if most is not None and count > most:
        raise ValueError(f"{function}: {argument} must be at most {most}, got {shown(value)}")
    return count


def as_counts(
    function: str, argument: str, values: Iterable[SupportsIndex], least: int = 1, most: int | None = LARGEST_COUNT
) -> list[int]:
    """Whole numbers, in the order in which they come."""
    wrong = isinstance(values, str | bytes) or (isinstance(values, np.ndarray) and values.ndim != 1)
    if wrong or not isinstance(values, Iterable):
        raise TypeError(f"{function}: {argument} must be a sequence of whole numbers, got {shown(values)}")
    return [as_count(function, f"{argument}[{i}]", each, least, most) for i, each in enumerate(values)]


def as_flag(function: str, argument: str, value: object) -> bool:
    """True or False."""
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{function}: {argument} must be True or False, got {shown(value)}")
    return bool(value)


@contextmanager
def speaking_for(function: str, *inner: str) -> Iterator[None]:
    """Errors in the name of one of `inner` come in the name of `function`, which is what the user called."""
    try:
        yield
    except (ValueError, TypeError, MemoryError, RuntimeError) as error:
        who, colon, what = str(error).partition(":")
        if colon and who in inner:
            error.args = (f"{function}:{what}", *error.args[1:])
        raise


def as_number(
    function: str, argument: str, value: float, *, least: float = -math.inf, above: float | None = None
) -> float:
    """A finite real number, at least `least`, or strictly above `above`."""
    wrong = isinstance(value, str | bytes | bool)
    if isinstance(value, np.ndarray | np.generic):
        refuse_masked(function, argument, value)
        wrong = value.ndim > 0 or value.dtype.kind not in "fiu"
    if wrong:
        raise TypeError(f"{function}: {argument} must be a real number, got {shown(value)}")
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise TypeError(f"{function}: {argument} must be a real number, got {shown(value)}") from None
    except OverflowError:  # of a whole number
        number = math.inf
    if not math.isfinite(number) or number < least or (above is not None and number <= above):
        wish = f"above {above:g}" if above is not None else f"at least {least:g}" if least > -math.inf else "a number"
        raise ValueError(f"{function}: {argument} must be finite and {wish}, got {shown(value)}")
    return number


def as_beta(function: str, value: int, choices: tuple[int, ...]) -> int:
    """The Dyson index: 1, 2, 4, or those of them (and 0, of Poisson levels) that `choices` names."""
    number = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
    if not number or value not in choices:
        wish = f"{', '.join(map(str, choices[:-1]))} or {choices[-1]}"
        raise ValueError(f"{function}: beta must be {wish}, got {shown(value)}")
    return int(value)


def as_choice(function: str, argument: str, value: str, choices: tuple[str, ...]) -> str:
    """One of a few words."""
    if not isinstance(value, str) or value not in choices:
        wish = f"one of {', '.join(map(repr, choices))}" if len(choices) > 1 else repr(choices[0])
        raise ValueError(f"{function}: {argument} must be {wish}, got {shown(value)}")
    return value


def as_path(function: str, argument: str, value: str | os.PathLike[str]) -> Path:
    """A path; an empty one would be the current folder."""
    if not isinstance(value, str | os.PathLike):
        raise TypeError(f"{function}: {argument} must be a path, got {type(value).__name__}")
    if not os.fspath(value):
        raise ValueError(f"{function}: {argument} must be a path, got an empty text")
    return Path(value)


def as_size(function: str, value: int | tuple[int, ...] | None) -> tuple[int, ...]:
    """The shape of a stack: None is a single sample."""
    if value is None:
        return ()
    if isinstance(value, tuple | list):
        return tuple(as_count(function, "size", each, least=0) for each in value)
    return (as_count(function, "size", value, least=0),)


def as_dtype(function: str, value: DTypeLike) -> Any:
    """float32 or float64."""
    try:
        dtype = np.dtype(value)
    except TypeError:
        raise TypeError(f"{function}: dtype must be float32 or float64, got {shown(value)}") from None
    if dtype not in (np.float32, np.float64):
        raise ValueError(f"{function}: dtype must be float32 or float64, got {dtype}")
    return dtype


_default_threads: ContextVar[int | None] = ContextVar("_default_threads", default=None)


@contextmanager
def default_threads(value: int | None) -> Iterator[None]:
    """Inside, `value` threads stand where nothing else is said: for what takes no `threads`, as the methods of laws."""
    token = _default_threads.set(value)
    try:
        yield
    finally:
        _default_threads.reset(token)


def available_threads() -> int:
    """The cores that this process may use, or fewer if OMP_NUM_THREADS or threadpoolctl says so.

    Inside `default_threads`, its number.
    """
    given = _default_threads.get()
    if given is not None:
        return given
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(cores, _core.allowed_threads()))


def as_threads(function: str, value: int | None) -> int:
    """The number of threads to use; None means all that are available."""
    return available_threads() if value is None else min(as_count(function, "threads", value, most=None), 4096)


def as_generator(function: str, rng: RNG) -> np.random.Generator:
    """What `numpy.random.default_rng` makes of it."""
    try:
        return np.random.default_rng(rng)
    except (TypeError, ValueError) as error:
        raise type(error)(f"{function}: rng must be what numpy.random.default_rng takes: {error}") from None


def as_key(function: str, rng: RNG) -> int:
    """A 64-bit key for the counter-based streams, drawn from `rng`: a Generator moves on, a seed gives the same key."""
    return int(as_generator(function, rng).integers(0, 2**64, dtype=np.uint64))
