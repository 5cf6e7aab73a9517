"""From a path to tensors: which reader a file takes, what a folder holds, which shards an index names."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from . import _keras, _numpy, _onnx, _safetensors, _tflite, _torch
from ._layer import Faulty, ReadError, Skipped
from ._tensor import Heads, Tensor

Found = tuple[list[Tensor], list[Skipped]]

_READERS: dict[str, Callable[[Path], Sequence[Tensor | Skipped]]] = {
    ".safetensors": _safetensors.tensors,
    ".npz": _numpy.npz,
    ".npy": _numpy.single,
    **dict.fromkeys((".pt", ".pth", ".bin", ".ckpt"), _torch.tensors),
    ".onnx": _onnx.tensors,
    **dict.fromkeys((".h5", ".hdf5"), _keras.hdf5),
    ".keras": _keras.archive,
    ".tflite": _tflite.tensors,
}
_INDEX = ".index.json"
_TRAINER = ("optimizer", "scheduler", "scaler", "rng_state", "training_args")
"""What training scripts leave beside the weights, in the same kind of file."""


def find(path: Path, strict: bool) -> Found:
    """All tensors under `path`, and what is passed over.

    `strict` raises on the first file that cannot be read; otherwise it is listed and the others go on. A folder is
    never strict, but one without a single readable checkpoint is an error.
    """
    if not stat.S_ISDIR(_mode(path)):
        return _file(path, strict) if strict else _tolerant(path)
    files, refused = _walk(path)
    beside = [each for each in files if each.name.startswith(_TRAINER)]
    files = [each for each in files if each not in beside]
    shards = {shard for each in files if each.name.endswith(_INDEX) for shard in _shards_of(each)}
    found = [_tolerant(each) for each in files if each not in shards]
    tensors, skipped = _joined(found)
    skipped = refused + skipped
    if not tensors and not any(record.name for record in skipped):
        if not skipped:
            raise ReadError(f"{path}: no checkpoint in this folder: {_wanted()}")
        raise ReadError(f"{path}: no file in this folder could be read; the first: {skipped[0].reason}")
    reason = "the state of a trainer, no weights"
    skipped += [Skipped("", (), "", f"{each}: {reason}", str(each), expected=True) for each in beside]
    return tensors, skipped


def is_checkpoint_name(path: Path) -> bool:
    """Whether the name is one that `find` reads."""
    return path.suffix.lower() in _READERS or path.name.endswith(_INDEX)


def _walk(folder: Path) -> tuple[list[Path], list[Skipped]]:
    """The checkpoints in a folder by their names, and the folders in it that may not be listed."""
    refused: list[Skipped] = []

    def refuse(error: OSError) -> None:
        where = os.fspath(error.filename or folder)
        refused.append(Skipped("", (), "", f"{where}: {error.strerror or error}", where))

    files: list[Path] = []
    for place, folders, names in os.walk(folder, onerror=refuse):
        folders[:] = [each for each in folders if not each.startswith(".")]
        files += [Path(place, each) for each in names if not each.startswith(".") and is_checkpoint_name(Path(each))]
    return sorted(files), refused


def _mode(path: Path) -> int:
    """What kind of thing the path is, as `os.stat` says."""
    try:
        return path.stat().st_mode
    except FileNotFoundError:
        raise ReadError(f"{path}: no such file or folder") from None
    except (OSError, ValueError) as error:
        raise ReadError(f"{path}: {getattr(error, 'strerror', None) or error}") from None


def _require_regular(path: Path) -> None:
    if not stat.S_ISREG(_mode(path)):  # a pipe without a writer would never answer
        raise ReadError(f"{path}: not a regular file")


def _wanted() -> str:
    return f"{', '.join(_READERS)} and *{_INDEX} are read"


def _joined(found: Sequence[Found]) -> Found:
    return [t for tensors, _ in found for t in tensors], [s for _, skipped in found for s in skipped]


def _tolerant(path: Path) -> Found:
    try:
        return _file(path, strict=False)
    except ReadError as error:
        return [], [Skipped("", (), "", str(error), str(path))]


def _file(path: Path, strict: bool) -> Found:
    _require_regular(path)
    if path.name.endswith(_INDEX):
        return _index(path, strict)
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise ReadError(f"{path}: unknown kind of file: {_wanted()}")
    content = _sound(path, reader(path))
    told = _heads(path.parent / "config.json")
    tensors = [each if told is None else replace(each, heads=told) for each in content if isinstance(each, Tensor)]
    return tensors, [each for each in content if isinstance(each, Skipped)]


def _sound(path: Path, content: Sequence[Tensor | Skipped]) -> list[Tensor | Skipped]:
    """Faulty tensors are listed beside the others; a file in which no tensor is sound is an error."""
    faults = [each for each in content if isinstance(each, Faulty)]
    if faults and not any(isinstance(each, Tensor) for each in content):
        more = f", and {len(faults) - 1} more that cannot be read" if len(faults) > 1 else ""
        raise ReadError(faults[0].reason + more)
    # As what callers know: the difference matters in here alone.
    return [Skipped(**vars(each)) if isinstance(each, Faulty) else each for each in content]


_LONGEST_CONFIG = 2**20
_INTERLEAVED = ("gpt_neox", "bloom")
"""Models whose packed attention holds one head after the other."""


def _heads(path: Path) -> Heads | None:
    """The numbers of attention heads, where a configuration of the transformers library lies beside the file."""
    try:
        if not stat.S_ISREG(path.stat().st_mode) or path.stat().st_size > _LONGEST_CONFIG:
            return None
        content: Any = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(content, dict):
        return None
    words = ("num_attention_heads", "n_head", "n_heads", "num_heads")
    counts = [content[word] for word in words if type(content.get(word)) is int and content[word] > 0]
    if not counts:
        return None
    shared, size = content.get("num_key_value_heads"), content.get("head_dim")
    keys = shared if type(shared) is int and 0 < shared <= counts[0] else counts[0]
    interleaved = content.get("model_type") in _INTERLEAVED
    return Heads(counts[0], keys, size if type(size) is int and size > 0 else None, interleaved)


def _weight_map(path: Path) -> dict[str, str]:
    _require_regular(path)
    try:
        content: Any = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ReadError(f"{path}: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise ReadError(f"{path}: not JSON: {error}") from None
    entries = content.get("weight_map") if isinstance(content, dict) else None
    if not isinstance(entries, dict):
        raise ReadError(f"{path}: not an index of shards: it has no object 'weight_map'")
    folders = {path.parent.resolve(), path.resolve().parent}  # a cache keeps files elsewhere, all in one place
    for name, shard in entries.items():
        # An index may come from anywhere: it must not lead out of its own folder.
        if not isinstance(shard, str) or Path(shard).name != shard or Path(shard).suffix.lower() not in _READERS:
            raise ReadError(f"{path}: tensor {name!r}: the shard must be a file beside the index, got {shard!r:.200}")
        try:
            target = (path.parent / shard).resolve()
            os.fsencode(target)
        except (OSError, ValueError, RuntimeError) as error:  # a byte 0, half of a character, links in a circle
            why = getattr(error, "strerror", None) or str(error).partition(":")[0]
            raise ReadError(f"{path}: tensor {name!r}: shard {shard!r:.200} is no file: {why}") from None
        if target.parent not in folders:
            raise ReadError(f"{path}: tensor {name!r}: shard {shard!r} is a link out of the folder, to {target}")
    return entries


def _shards_of(path: Path) -> list[Path]:
    try:
        return [path.parent / shard for shard in _weight_map(path).values()]
    except ReadError:
        return []  # reported when the index itself is read


def _index(path: Path, strict: bool) -> Found:
    entries = _weight_map(path)
    missing = sorted({shard for shard in entries.values() if not os.path.lexists(path.parent / shard)})
    if missing and strict:
        raise ReadError(f"{path}: missing shard{'s' if len(missing) > 1 else ''}: {', '.join(missing)}")
    shards = [path.parent / shard for shard in sorted(set(entries.values())) if shard not in missing]
    tensors, skipped = _joined([_file(shard, strict) if strict else _tolerant(shard) for shard in shards])
    tensors = [replace(each, checkpoint=str(path)) for each in tensors]
    skipped += [Skipped("", (), "", f"{path}: missing shard: {shard}", str(path.parent / shard)) for shard in missing]
    unreadable = {record.source for record in skipped if not record.name}
    present = {(each.name, each.source) for each in tensors} | {(each.name, each.source) for each in skipped}
    for name, shard in entries.items():
        source = str(path.parent / shard)
        if source not in unreadable and (name, source) not in present:
            skipped.append(Skipped(name, (), "", f"{path.name} places it in {shard}, which does not hold it", source))
    return tensors, skipped
