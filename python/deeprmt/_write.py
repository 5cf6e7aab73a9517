"""Files appear whole or not at all."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


def write(path: str | os.PathLike[str], text: str) -> None:
    """Write UTF-8 text beside the target and move it into place; an old file stays whole until then."""
    target = Path(os.path.realpath(path))
    if target.exists() and not target.is_file():  # a device or a pipe cannot be replaced
        target.write_text(text, encoding="utf-8", errors="backslashreplace")
        return
    beside = target.with_name(f".{target.name[:40]}.{os.getpid()}.part")  # a name has at most 255 bytes
    try:
        beside.write_text(text, encoding="utf-8", errors="backslashreplace")
        os.replace(beside, target)
    except BaseException as error:
        with contextlib.suppress(OSError):
            beside.unlink()
        if isinstance(error, OSError) and error.errno is not None:
            error.filename = os.fspath(path)  # the name that was given, not the one beside it
        raise
