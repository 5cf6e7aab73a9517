"""Protocol buffers as they lie in a file: fields of a message one after the other, contents skipped until asked for.

A generated parser holds the whole model in memory before it says a word; here a field is a place, and the entries of a
tensor stay where they are until they are read.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO, NamedTuple

_LONGEST_TEXT = 2**16


class Span(NamedTuple):
    """A part of the file: a text, packed numbers, or a message."""

    begin: int
    end: int


class Field(NamedTuple):
    """A number of the schema, with a number or a place."""

    number: int
    value: int
    span: Span | None


def fields(file: IO[bytes], message: Span) -> Iterator[Field]:
    """The fields of a message in order. Raises ValueError where bytes and lengths do not fit."""
    at = message.begin
    while at < message.end:
        file.seek(at)
        key = _varint(file)
        value, span = 0, None
        if key & 7 == 0:
            value = _varint(file)
            at = file.tell()
        elif key & 7 == 2:
            length = _varint(file)
            span = Span(file.tell(), file.tell() + length)
            at = span.end
        elif key & 7 in (1, 5):
            span = Span(file.tell(), file.tell() + (8 if key & 7 == 1 else 4))
            at = span.end
        else:
            raise ValueError(f"byte {at}: wire type {key & 7} is none of this format")
        if at > message.end or key >> 3 == 0:
            raise ValueError(f"byte {at}: field {key >> 3} goes beyond its message, which ends at byte {message.end}")
        yield Field(key >> 3, value, span)


def text(file: IO[bytes], field: Field) -> str:
    """The field as a text."""
    if field.span is None or field.span.end - field.span.begin > _LONGEST_TEXT:
        raise ValueError("a text is too long, or none")
    file.seek(field.span.begin)
    return file.read(field.span.end - field.span.begin).decode("utf-8", "replace")


def numbers(file: IO[bytes], field: Field) -> list[int]:
    """The field as whole numbers, packed or single; negative ones come out beyond 2^63."""
    if field.span is None:
        return [field.value]
    if field.span.end - field.span.begin > _LONGEST_TEXT:
        raise ValueError("too many numbers")
    file.seek(field.span.begin)
    found = []
    while file.tell() < field.span.end:
        found.append(_varint(file))
    return found


def _varint(file: IO[bytes]) -> int:
    value = 0
    for shift in range(0, 70, 7):
        byte = file.read(1)
        if not byte:
            raise ValueError("truncated within a number")
        value |= (byte[0] & 127) << shift
        if byte[0] < 128:
            return value
    raise ValueError(f"byte {file.tell()}: a number has more than ten bytes")
