"""What goes wrong in zip archives, in words."""

from __future__ import annotations

import re
import struct
import tokenize
import zipfile
import zlib
from pathlib import Path

BROKEN = (
    *(OSError, EOFError, ValueError, KeyError, TypeError, NotImplementedError, RuntimeError, MemoryError),
    *(zipfile.BadZipFile, zlib.error, struct.error, tokenize.TokenError, SyntaxError),
)
"""All that zipfile and numpy raise on bytes that are not what they claim to be."""


def truncated(path: Path, kind: str) -> str:
    """What is missing, if the file begins as an archive does but has no directory, which comes last."""
    try:
        with open(path, "rb") as file:
            begins = file.read(4).startswith(b"PK\x03\x04") and not zipfile.is_zipfile(file)
        size = path.stat().st_size
    except OSError:
        return ""
    return (
        f"truncated: of this {kind} archive {size} bytes are there, its directory at the end is not" if begins else ""
    )


def words(error: BaseException) -> str:
    """An error in one line, without the name of the file, which the caller gives."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if isinstance(error, UnicodeDecodeError):
        return f"its directory is damaged: the bytes of a name at {error.start} of {len(error.object)} are no text"
    text = re.sub(r"(?<=^Bad CRC-32) for file .*", "", " ".join(str(error).split()))
    if isinstance(error, zipfile.BadZipFile | zipfile.LargeZipFile) and (
        "irectory" in text or "File is not a zip" in text
    ):
        return f"its directory is damaged: {text}"
    return text or type(error).__name__
