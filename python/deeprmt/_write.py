"""Files appear whole or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path


def file_beside(target: Path) -> Path:
    """A new, empty file in the folder of `target`, which no other thread or process has, to be moved into its place."""
    while True:
        # A name has at most 255 bytes, and a character at most four: 40 of them leave room for the rest.
        beside = target.with_name(f".{target.name[:40]}.{secrets.token_hex(8)}.part")
        with contextlib.suppress(FileExistsError):
            beside.touch(exist_ok=False)
            return beside


def write(path: str | os.PathLike[str], text: str) -> None:
    """Write UTF-8 text beside the target and move it into place; an old file stays whole until then."""
    target = Path(os.path.realpath(path))
    if target.exists() and not target.is_file():  # a device or a pipe cannot be replaced
        target.write_text(text, encoding="utf-8", errors="backslashreplace")
        return
    beside = None
    try:
        beside = file_beside(target)
        beside.write_text(text, encoding="utf-8", errors="backslashreplace")
        os.replace(beside, target)
    except BaseException as error:
        if beside is not None:
            with contextlib.suppress(OSError):
                beside.unlink()
        if isinstance(error, OSError) and error.errno is not None:
            error.filename = os.fspath(path)  # the name that was given, not the one beside it
        raise
