"""What an interrupted run has found so far: a file of JSON lines that only grows, and that it can go on from."""

from __future__ import annotations

import base64
import fcntl
import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from .._arguments import as_path
from .._info import versions
from ..spectra import PorterThomas
from ._change import LayerChange
from ._estimate import Estimated
from ._layer import Layer, Skipped
from ._metrics import Metrics
from ._row import LayerAnalysis
from ._series_row import SeriesRow
from ._tensor import Tensor

Result = LayerAnalysis | Skipped | SeriesRow

_FORMAT = "deeprmt journal 1"
_KINDS: dict[str, Any] = {
    each.__name__: each for each in (LayerAnalysis, Skipped, Estimated, Metrics, PorterThomas, SeriesRow, LayerChange)
}


class Journal:
    """An open journal: `found` are the results of the earlier run, `add` appends those of a task.

    The first line says what the rest belongs to. Every line carries a checksum of itself, and is on the disk when `add`
    returns. The end that an interrupted write leaves is cut off; a line that was damaged later is as if it were not
    there.

    Parameters
    ----------
    path : str or path
        Made if it is not there.
    belongs : dict
        Of the source and the settings; a journal of anything else is refused, and left as it is.
    function : str, default "analyze"
        Who asks; for messages, and a journal belongs to one function.
    """

    def __init__(self, path: str | os.PathLike[str], belongs: dict[str, Any], function: str = "analyze") -> None:
        self.path = as_path(function, "journal", path)
        self.function = function
        self.found: dict[int, list[Any]] = {}
        self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)
        try:
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise ValueError(f"{function}: journal {self.path} is in use by another run") from None
            self._open(belongs)
        except BaseException:
            self.close()
            raise

    def _open(self, belongs: dict[str, Any]) -> None:
        belongs = belongs if self.function == "analyze" else {"function": self.function} | belongs
        with open(self.path, "rb") as file:
            first = file.readline(2**20)
            whole = len(first)
            header = _content(first)
            if header is None and first and not _begun(first):
                raise ValueError(
                    f"{self.function}: journal {self.path} is none: its first line is another. It is left as it is"
                )
            if header is not None:
                _refuse_other(self.function, self.path, header, belongs)
                for number, line in enumerate(file, 2):
                    if not line.endswith(b"\n"):
                        break
                    whole += len(line)
                    entry = _content(line)
                    if entry is not None:
                        self._keep(entry, number)
        if header is None:  # new, or interrupted while its first line was written
            os.ftruncate(self._file, 0)
            self._append({"format": _FORMAT, **belongs})
        else:
            os.ftruncate(self._file, whole)

    def _keep(self, entry: dict[str, Any], number: int) -> None:
        """A line whose checksum is right was written on purpose: what it does not say is no accident of the disk."""
        try:
            task, results = entry["task"], [_revived(each) for each in entry["results"]]
            if type(task) is not int or task < 0 or not results or not all(map(_is_result, results)):
                raise ValueError
        except (KeyError, TypeError, ValueError, AttributeError, IndexError, RecursionError):
            raise ValueError(
                f"{self.function}: journal {self.path}, line {number}: its checksum is right, but it holds no results "
                "of a task: something else wrote it. It is left as it is"
            ) from None
        self.found[task] = results

    def add(self, task: int, results: Sequence[Result]) -> None:
        """Append what was found, if anything, and wait until it is on the disk."""
        if not results:
            return
        self.found[task] = list(results)
        self._append({"task": task, "results": [_plain(each) for each in results]})

    def _append(self, content: dict[str, Any]) -> None:
        text = json.dumps(content)
        left = memoryview(f"{_sum(text)} {text}\n".encode())
        while left:
            left = left[os.write(self._file, left) :]
        os.fsync(self._file)

    def close(self) -> None:
        """Let others have it."""
        os.close(self._file)

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def fingerprint(work: Sequence[Tensor | Layer], settings: dict[str, Any]) -> dict[str, Any]:
    """What results depend on: the version, the settings, and the source.

    Files count by their place, size and time of change, and a sample of each tensor; arrays in memory by all entries.
    """
    hashed = hashlib.blake2b(digest_size=16)
    for place in sorted({place for each in work for place in _files(each)}):
        state = os.stat(place)
        hashed.update(repr((os.path.realpath(place), state.st_size, state.st_mtime_ns)).encode())
    for each in work:
        hashed.update(repr((each.name, each.shape, each.dtype, each.kind, getattr(each, "parts", ()))).encode())
        hashed.update(_entries(each))
    return {"deeprmt": versions()["deeprmt"], "settings": settings, "source": hashed.hexdigest()}


def _files(task: Tensor | Layer) -> list[str]:
    place = task.place[0] if isinstance(task, Tensor) and isinstance(task.place, tuple) and task.place else None
    return [each for each in (task.source, place) if isinstance(each, str) and os.path.isfile(each)]


def _entries(task: Tensor | Layer) -> bytes:
    if isinstance(task, Layer):
        return hashlib.blake2b(np.ascontiguousarray(task.weight).data).digest()
    try:
        if task.sample is not None:
            return task.sample()
        return hashlib.blake2b(task.read(None).data).digest()
    except Exception:  # said where the tensor is read
        return b"unreadable"


def _is_result(value: Any) -> bool:
    if isinstance(value, SeriesRow):
        return isinstance(value.name, str) and type(value.at) is int and _is_result(value.analysis)
    if isinstance(value, LayerAnalysis):
        return isinstance(value.name, str) and isinstance(value.singular_values, np.ndarray) and len(value.shape) == 2
    return isinstance(value, Skipped) and isinstance(value.reason, str)


def _refuse_other(function: str, path: Path, header: dict[str, Any], belongs: dict[str, Any]) -> None:
    found = {key: header.get(key) for key in belongs}
    if header.get("format") == _FORMAT and found == belongs and ("function" in belongs or "function" not in header):
        return
    if header.get("format") != _FORMAT:
        what = f"has the format {header.get('format')!r}, not {_FORMAT!r}"
    elif found.get("function") != belongs.get("function") or ("function" in header) > ("function" in belongs):
        what = f"is one of {header.get('function', 'analyze')}"
    elif found["deeprmt"] != belongs["deeprmt"]:
        what = f"was written by deeprmt {found['deeprmt']}, this is {belongs['deeprmt']}"
    elif found["settings"] != belongs["settings"]:
        old, new = found["settings"], belongs["settings"]
        old = old if isinstance(old, dict) else {}
        other = [f"{key} = {old.get(key)!r}, now {new[key]!r}" for key in new if old.get(key) != new[key]]
        what = f"belongs to other settings: {', '.join(other)}"
    else:
        what = "belongs to another source, or to one that has changed since"
    raise ValueError(f"{function}: journal {path} {what}. Give another path, or remove it")


# ---- lines ----


def _sum(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def _content(line: bytes) -> dict[str, Any] | None:
    """What a line says; None where it is torn or damaged."""
    try:
        check, _, text = line.decode().partition(" ")
        if not text.endswith("\n") or check != _sum(text[:-1]):
            return None
        content = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def _begun(first: bytes) -> bool:
    """Whether this is the beginning of the first line of a journal, and no more than that."""
    head = first[17:]
    start = f'{{"format": "{_FORMAT}"'.encode()
    return not first.endswith(b"\n") and (head.startswith(start) or start.startswith(head)) and _is_hex(first[:16])


def _is_hex(text: bytes) -> bool:
    return all(each in b"0123456789abcdef" for each in text)


# ---- values ----


def _plain(value: Any) -> Any:
    """As JSON has it, losing nothing: Python writes floats so that they come back as they were."""
    if isinstance(value, np.ndarray):
        little = np.ascontiguousarray(value, value.dtype.newbyteorder("<"))
        return {"array": base64.b64encode(little.tobytes()).decode(), "of": little.dtype.str, "shape": value.shape}
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, tuple):
        return {"tuple": [_plain(each) for each in value]}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, Mapping):
        return {"dict": [[key, _plain(each)] for key, each in value.items()]}
    if type(value).__name__ in _KINDS:
        return {"is": type(value).__name__} | {"has": {f.name: _plain(getattr(value, f.name)) for f in fields(value)}}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"a journal cannot hold {type(value).__name__}")


def _revived(value: Any) -> Any:
    if isinstance(value, list):
        return [_revived(each) for each in value]
    if not isinstance(value, dict):
        return value
    if "array" in value:
        flat = np.frombuffer(base64.b64decode(value["array"]), value["of"])
        return flat.astype(flat.dtype.newbyteorder("=")).reshape(value["shape"])
    if "tuple" in value:
        return tuple(_revived(each) for each in value["tuple"])
    if "dict" in value:
        return {key: _revived(each) for key, each in value["dict"]}
    return _KINDS[value["is"]](**{name: _revived(each) for name, each in value["has"].items()})
