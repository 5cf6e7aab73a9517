"""A copy of a checkpoint whose weight matrices are filtered: same names, dtypes and metadata, written whole or not."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy

from .._arguments import as_count, as_path, default_threads
from .._display import Displayed
from .._write import file_beside
from ..errors import ConvergenceError
from ..run import Progress
from ..run import map as run_map
from . import _numpy, _safetensors
from ._files import _require_regular, _weight_map
from ._filter import Filtered, check_method, filter
from ._layer import Faulty, Layer, ReadError, Skipped, by
from ._tensor import Tensor
from ._zip import BROKEN, words

_INDEX = ".index.json"
_STORED = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2"}
_TORCH = "save the state dict by safetensors.torch.save_file first, or give each weight to deeprmt.weights.filter"
_KERAS = "give each array of model.get_weights() to deeprmt.weights.filter, and the list to model.set_weights"
_ONNX = "give each onnx.numpy_helper.to_array(initializer) to deeprmt.weights.filter, and put it back by from_array"
_WAYS_OUT = {
    ".pt": _TORCH, ".pth": _TORCH, ".bin": _TORCH, ".ckpt": _TORCH,
    ".h5": _KERAS, ".hdf5": _KERAS, ".keras": _KERAS, ".onnx": _ONNX,
}  # fmt: skip
"""From what is read but not written to what is: these files hold programs, or are another library's to write."""
Change = Callable[[str, str, np.ndarray[Any, Any]], np.ndarray[Any, Any] | None]
"""From name, dtype and entries to new ones; None leaves them as they are."""


@dataclass(frozen=True)
class FilteredLayer:
    """What became of one weight matrix of a checkpoint.

    Attributes
    ----------
    name, dtype, source : str
        Of the tensor, and the file it is from.
    shape : tuple of int
        As stored.
    filtered : bool
        False where the tensor was left as it is; `note` says why.
    rank, levels : int
        Singular values that are left, and how many there were.
    sigma, threshold, kept : float or None
        As of `Filtered`.
    note : str
        In words.

    Examples
    --------
    >>> FilteredLayer("w", "float32", "a.npz", (30, 20), True, 3, 20, 0.1, 1.2, 0.4).note
    ''
    """

    name: str
    dtype: str
    source: str
    shape: tuple[int, ...]
    filtered: bool
    rank: int | None = None
    levels: int | None = None
    sigma: float | None = None
    threshold: float | None = None
    kept: float | None = None
    note: str = ""


@dataclass(frozen=True, eq=False)
class FilteredCheckpoint(Displayed):
    """What `apply_filter` did.

    Attributes
    ----------
    rows : list of FilteredLayer
        One a weight matrix that was chosen.
    untouched : list of str
        Names of all other tensors, copied as they are.
    files : list of str
        What was written.
    method : str
        As chosen.

    Examples
    --------
    >>> FilteredCheckpoint([], ["bias"], ["out.npz"], "hard")
    FilteredCheckpoint: 0 of 0 matrices filtered by 'hard', 1 tensor copied
    """

    rows: list[FilteredLayer]
    untouched: list[str]
    files: list[str]
    method: str

    @property
    def complete(self) -> bool:
        """Whether every matrix that was chosen could be filtered."""
        return all(row.filtered for row in self.rows)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        rows = [asdict(row) | {"shape": list(row.shape)} for row in self.rows]
        return {"method": self.method, "rows": rows, "untouched": self.untouched, "files": self.files}

    def __repr__(self) -> str:
        from ..report import printable

        done, rest = sum(row.filtered for row in self.rows), len(self.untouched)
        lines = [
            f"FilteredCheckpoint: {done} of {len(self.rows)} matrices filtered by {self.method!r}, "
            f"{rest} tensor{'' if rest == 1 else 's'} copied"
        ]
        for row in self.rows[:20]:
            what = f"rank {row.rank} of {row.levels}" if row.filtered else f"left as it is: {row.note}"
            lines.append(f"  {printable(row.name)} ({by(row.shape)}): {what}")
        if len(self.rows) > 20:
            lines.append(f"  and {len(self.rows) - 20} more")
        return "\n".join(lines)


def apply_filter(
    path: str | os.PathLike[str],
    *,
    out: str | os.PathLike[str],
    method: str = "hard",
    k: int | None = None,
    sigma: float | str | None = None,
    layers: str | Sequence[str] = "*",
    skip: str | Sequence[str] = (),
    overwrite: bool = False,
    progress: Progress = None,
    threads: int | None = None,
) -> FilteredCheckpoint:
    """Write a copy of a checkpoint in which the weight matrices are filtered, and all else is as it was.

    Parameters
    ----------
    path : str or path
        A .safetensors, .npz or .npy file, or the ``*.index.json`` of a sharded safetensors checkpoint.
    out : str or path
        The new file, of the same kind. For a sharded checkpoint the folder that takes index and shards, made if there
        is none.
    method, k, sigma
        As of `filter`. A matrix with fewer than k singular values is left as it is.
    layers, skip : str or sequence of str
        Patterns of names, such as ``"*attention*"`` (`fnmatch`): the matrices to filter, and those among them to leave.
        Tensors that are no weight matrices (vectors, integers, ...) are always copied.
    overwrite : bool, default False
        Whether files at `out` may be replaced; those of `path` too, if they are the same.
    progress : None, True or callable
        See `deeprmt.run.map`; counts files.
    threads : int, optional
        Default: every core this process may use. Never changes the result.

    Returns
    -------
    FilteredCheckpoint
        `.rows`, one a matrix; `.untouched`; `.files`. A matrix with NaN, with too few singular values or without a bulk
        of noise is left as it is, and its row says so.

    Raises
    ------
    ReadError, ValueError, TypeError
        If the checkpoint cannot be read, or is of another kind; if no name fits `layers`; if an argument is wrong.
    FileExistsError, OSError
        If something is at `out` and `overwrite` is not set; if writing fails.

    Notes
    -----
    Files are written beside their targets and moved into place when all of them are complete: a failure leaves what
    was there. A safetensors copy differs from its original in the bytes of the filtered tensors alone; names, order,
    metadata, dtypes (bfloat16 too) and offsets stay. Kernels of convolutions (out, in, ...) are filtered as matrices
    out x (in ...).

    One tensor is in memory at a time, with what `filter` takes; disk space for a second copy is needed.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> rng = np.random.default_rng(0)
    >>> signal = 3 * np.outer(rng.normal(size=60), rng.normal(size=40))
    >>> np.savez(folder / "net.npz", weight=signal + rng.normal(size=(60, 40)), bias=np.ones(60))
    >>> apply_filter(folder / "net.npz", out=folder / "clean.npz")
    FilteredCheckpoint: 1 of 1 matrices filtered by 'hard', 1 tensor copied
      weight (60 x 40): rank 1 of 40
    """
    source, target = as_path("apply_filter", "path", path), as_path("apply_filter", "out", out)
    check_method("apply_filter", method, k, sigma)
    chosen, left = _patterns("layers", layers), _patterns("skip", skip)
    if threads is not None:
        as_count("apply_filter", "threads", threads)

    def wanted(name: str) -> bool:
        return any(fnmatchcase(name, each) for each in chosen) and not any(fnmatchcase(name, each) for each in left)

    plan = _plan(source, target)
    _refuse_existing(plan, overwrite)
    tensors = {each: _tensors(each) for each, _ in plan if not each.name.endswith(_INDEX)}
    names = {file: {t.name for t in found if _is_weight(t) and wanted(t.name)} for file, found in tensors.items()}
    if not any(names.values()):
        raise ValueError(f"apply_filter: layers must fit at least one weight matrix of {source}, got {layers!r}")
    rows: list[FilteredLayer] = []

    def change(file: Path, name: str, dtype: str, array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any] | None:
        row, new = _filtered(file, name, dtype, array, method, k, sigma)
        rows.append(row)
        return new

    def write(task: tuple[Path, Path]) -> None:
        file, part = task
        if file in tensors:
            _write_copy(file, part, names[file], partial(change, file))
        else:
            shutil.copyfile(file, part)
        shutil.copymode(file, part)
        with open(part, "rb") as written:
            os.fsync(written.fileno())

    parts: list[tuple[Path, Path, Path]] = []
    try:
        with default_threads(threads):
            for file, to in plan:
                to.parent.mkdir(parents=True, exist_ok=True)
                parts.append((file, file_beside(to), to))
            run_map(write, [(file, part) for file, part, _ in parts], progress=progress)
        for _, part, to in parts:
            os.replace(part, to)
    except BaseException:
        for _, part, _ in parts:
            with contextlib.suppress(OSError):
                part.unlink()
        raise
    untouched = [t.name for file, found in tensors.items() for t in found if t.name not in names[file]]
    return FilteredCheckpoint(rows, untouched, [str(to) for _, _, to in parts], method)


def _is_weight(tensor: Tensor | Skipped) -> bool:
    return isinstance(tensor, Tensor) and tensor.why_skipped() is None


def _patterns(argument: str, value: str | Sequence[str]) -> tuple[str, ...]:
    several = (value,) if isinstance(value, str) else tuple(value)
    for each in several:
        if not isinstance(each, str):
            raise TypeError(f"apply_filter: {argument} must be a pattern or several, got {type(each).__name__}")
    return several


def _plan(source: Path, target: Path) -> list[tuple[Path, Path]]:
    """Files to copy, and where to; the index of shards comes last, so that it never names what is not there."""
    _require_regular(source)
    if source.name.endswith(_INDEX):
        shards = sorted(set(_weight_map(source).values()))
        folder = target.parent if target.name.endswith(_INDEX) else target
        name = target.name if target.name.endswith(_INDEX) else source.name
        if folder.exists() and not folder.is_dir():
            raise ValueError(f"apply_filter: out must be a folder for a sharded checkpoint, got the file {folder}")
        return [(source.parent / each, _real(folder / each)) for each in shards] + [(source, _real(folder / name))]
    if source.suffix.lower() not in (".safetensors", ".npz", ".npy"):
        way_out = _WAYS_OUT.get(source.suffix.lower(), "save the arrays as .npz or .safetensors first")
        raise ReadError(
            f"{source}: apply_filter writes .safetensors, .npz, .npy and sharded .safetensors checkpoints; {way_out}"
        )
    if target.is_dir() or target.suffix.lower() != source.suffix.lower():
        raise ValueError(f"apply_filter: out must be a file that ends in {source.suffix.lower()}, got {target}")
    return [(source, _real(target))]


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))


def _refuse_existing(plan: list[tuple[Path, Path]], overwrite: bool) -> None:
    for target, times in Counter(target for _, target in plan).items():
        if times > 1:  # links at `out`: one file would replace another
            raise ValueError(
                f"apply_filter: out must give each file a place of its own, got {times} that lead to {target}"
            )
    for source, target in plan:
        if not os.path.lexists(target):
            continue
        if not target.is_file():
            raise FileExistsError(f"apply_filter: out must be a regular file or none, got {target}")
        if not overwrite:
            what = "is the input" if source.exists() and os.path.samefile(source, target) else "exists"
            raise FileExistsError(f"apply_filter: {target} {what}: pass overwrite=True to replace it")


def _tensors(file: Path) -> list[Tensor | Skipped]:
    """What the headers say, checked by the readers."""
    _require_regular(file)
    suffix = file.suffix.lower()
    readers: dict[str, Callable[[Path], Sequence[Tensor | Skipped]]] = {
        ".safetensors": _safetensors.tensors,
        ".npz": _numpy.npz,
        ".npy": _numpy.single,
    }
    if suffix not in readers:
        raise ReadError(f"{file}: apply_filter writes shards that are .safetensors files")
    found = list(readers[suffix](file))
    for each in found:
        if isinstance(each, Faulty):  # a copy would pass its fault on
            raise ReadError(each.reason)
    if suffix == ".safetensors":
        _refuse_overlaps(file)
    return found


def _filtered(
    file: Path,
    name: str,
    dtype: str,
    array: np.ndarray[Any, Any],
    method: str,
    k: int | None,
    sigma: float | str | None,
) -> tuple[FilteredLayer, np.ndarray[Any, Any] | None]:
    """The record, and the new entries in the shape and precision of the old ones; None where they stay."""
    row = partial(FilteredLayer, name, dtype, str(file), array.shape)
    matrix = array.reshape(len(array), -1)
    levels = min(matrix.shape)
    if k is not None and k > levels:
        return row(False, levels=levels, note=f"has {levels} singular values, fewer than k = {k}"), None
    try:
        made: Filtered = filter(Layer(name, "dense", matrix, dtype=dtype), method=method, k=k, sigma=sigma)
    except (ValueError, MemoryError, ConvergenceError) as error:
        return row(False, levels=levels, note=" ".join(str(error).split()) or type(error).__name__), None
    new = made.weight.reshape(array.shape)
    if dtype == "float16" and float(np.abs(new).max()) > float(np.finfo(np.float16).max):
        return row(False, levels=levels, note="the filtered entries leave the range of float16"), None
    return row(True, made.rank, levels, made.sigma, made.threshold, made.kept), new


# ---- files ----


def _write_copy(file: Path, part: Path, names: set[str], change: Change) -> None:
    if file.suffix.lower() == ".safetensors":
        _write_safetensors(file, part, names, change)
    elif file.suffix.lower() == ".npz":
        try:
            _write_npz(file, part, names, change)
        except (zipfile.BadZipFile, zlib.error, EOFError) as error:
            raise ReadError(f"{file}: {words(error)}") from error
    else:
        with open(file, "rb") as old, open(part, "wb") as new:
            _write_array(file, old, new, file.stem, change)


def _ranges(file: Path) -> Iterator[tuple[str, str, tuple[int, ...], int, int]]:
    """Name, dtype, shape, and first and last byte of each tensor; `_safetensors.tensors` checks all of that."""
    with open(file, "rb") as opened:
        length = int.from_bytes(opened.read(8), "little")
        header = json.loads(opened.read(length).decode())
    for name, entry in header.items():
        if name != "__metadata__":
            begin, end = entry["data_offsets"]
            yield name, entry["dtype"], tuple(entry["shape"]), 8 + length + begin, 8 + length + end


def _refuse_overlaps(file: Path) -> None:
    before, last = "", 0
    for name, _, _, begin, end in sorted(_ranges(file), key=lambda each: (each[3], each[4])):
        if begin < last and end > begin:
            raise ReadError(f"{file}: tensors {before!r} and {name!r} share bytes: one cannot change without the other")
        before, last = name, max(last, end)


def _write_safetensors(file: Path, part: Path, names: set[str], change: Change) -> None:
    """All bytes, and then those of the filtered tensors once more."""
    shutil.copyfile(file, part)
    with open(part, "r+b") as opened:
        for name, code, shape, begin, end in _ranges(file):
            if name not in names:
                continue
            opened.seek(begin)
            stored = np.frombuffer(opened.read(end - begin), _STORED[code]).reshape(shape)
            wide = (stored.astype(np.uint32) << 16).view(np.float32) if code == "BF16" else stored
            new = change(name, {"BF16": "bfloat16"}.get(code, f"float{code[1:]}"), wide)
            if new is not None:
                opened.seek(begin)
                opened.write((_as_bfloat16(new) if code == "BF16" else new.astype(_STORED[code])).tobytes())


def _as_bfloat16(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The upper halves, rounded to nearest, ties to even."""
    bits = np.ascontiguousarray(array, np.float32).view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype("<u2")


def _write_npz(file: Path, part: Path, names: set[str], change: Change) -> None:
    with zipfile.ZipFile(file) as old, zipfile.ZipFile(part, "w", allowZip64=True) as new:
        for member in old.infolist():
            entry = zipfile.ZipInfo(member.filename, member.date_time)
            entry.compress_type, entry.external_attr = member.compress_type, member.external_attr
            name = member.filename.removesuffix(".npy")
            with old.open(member) as source, new.open(entry, "w", force_zip64=member.file_size >= 2**31) as target:
                if name in names and name != member.filename:
                    _write_array(file, source, target, name, change)
                else:
                    shutil.copyfileobj(source, target, 2**20)


def _write_array(file: Path, old: IO[bytes], new: IO[bytes], name: str, change: Change) -> None:
    try:
        array = npy.read_array(old, allow_pickle=False)
    except BROKEN as error:
        raise ReadError(f"{file}: array {name!r}: {words(error)}") from error
    made = change(name, array.dtype.name, array)
    if made is not None:
        order = "F" if array.flags.f_contiguous and not array.flags.c_contiguous else "C"
        array = made.astype(array.dtype, order=order)  # type: ignore[call-overload]
    npy.write_array(new, array, allow_pickle=False)
