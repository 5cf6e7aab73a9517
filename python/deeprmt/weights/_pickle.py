"""Pickles as data: a stack machine that builds containers, numbers and texts, and stand-ins for everything else.

Python's own unpickler calls what a file names. Even with its table of names cut down, a few bytes can make it set aside
gigabytes (an index into its memo, a length). Here nothing is looked up and nothing is called but a table of functions
of our own; lengths are held against what the file still has; what all objects together take has a bound.
"""

from __future__ import annotations

import os
import pickle
import struct
from collections.abc import Callable, Mapping
from typing import IO, Any

_LONGEST_LINE = 2**16
_LEAST, _MOST, _A_BYTE = 2**24, 2**29, 32
"""What the objects of a pickle may take in memory: 32 bytes for each byte that the file has on disk (a tensor with its
name takes 8), and never more than 512 MiB: some 290 000 tensors."""


class Stand:
    """In place of an object whose class or function the file names, with what the file would hand to it.

    `fault` says why it is none of the things that are known, where its name is.
    """

    __slots__ = ("args", "entries", "fault", "items", "name", "state")

    def __init__(self, name: str, args: Any, fault: str = "") -> None:
        self.name, self.args, self.fault, self.state = name, args, fault, None
        self.items: list[Any] = []
        self.entries: dict[Any, Any] = {}


class Global:
    """A name that the file wants looked up: module and attribute, dotted."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name


class Broken(Exception):
    """Not a pickle, or not one that is read."""


Known = Mapping[str, Callable[..., Any]]
_MARK = object()


def read(file: IO[bytes], known: Known, persistent: Callable[[Any], Any], stored: int | None = None) -> Any:
    """The next pickle in `file`.

    Parameters
    ----------
    file : file
        At the pickle's first byte; left at the first one behind it.
    known : mapping
        What to do when the pickle calls one of these names; every other call gives a `Stand`.
    persistent : callable
        From a persistent identifier to its object.
    stored : int, optional
        The bytes on disk that all of it comes from. Default: the length of `file`.
    """
    machine = _Machine(file, known, persistent)
    machine.room = machine.most = min(_MOST, _LEAST + _A_BYTE * (machine.size if stored is None else stored))
    try:
        return machine.run()
    except Broken:
        raise
    except (
        AttributeError,
        IndexError,
        KeyError,
        TypeError,
        ValueError,
        OverflowError,
        struct.error,
        EOFError,
    ) as error:
        found = " ".join(str(error).split()) or type(error).__name__
        raise Broken(f"{found}, at byte {file.tell()}") from error


class _Machine:
    def __init__(self, file: IO[bytes], known: Known, persistent: Callable[[Any], Any]) -> None:
        self.file, self.known, self.persistent = file, known, persistent
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}
        here = file.tell()
        self.size = file.seek(0, os.SEEK_END)
        file.seek(here)
        self.room = self.most = _MOST

    def run(self) -> Any:
        while True:
            opcode = self.bytes(1)
            if opcode == pickle.STOP:
                return self.stack.pop()
            step = _STEPS.get(opcode)
            if step is None:
                raise Broken(f"opcode {opcode!r} is none that is read, at byte {self.file.tell() - 1}")
            self.room -= _COST.get(opcode, 64)
            if self.room < 0:
                raise Broken(
                    f"its objects would take more than {self.most} bytes of memory, which no checkpoint of this size "
                    f"needs, at byte {self.file.tell() - 1}"
                )
            step(self)

    # ---- bytes ----

    def bytes(self, count: int) -> bytes:
        if count > 64:
            self.room -= count
        if count > 64 and count > self.size - self.file.tell():
            raise EOFError(f"truncated: {count} bytes are wanted, {self.size - self.file.tell()} are left")
        found = self.file.read(count)
        if len(found) < count:
            raise EOFError(f"truncated: {count} bytes are wanted, {len(found)} are left")
        return found

    def number(self, form: str) -> int:
        (value,) = struct.unpack(form, self.bytes(struct.calcsize(form)))
        return int(value)

    def line(self) -> str:
        found = self.file.readline(_LONGEST_LINE)
        if not found.endswith(b"\n"):
            raise EOFError("truncated: a line does not end")
        return found[:-1].decode("utf-8", "replace")

    def text(self, form: str) -> str:
        return self.bytes(self.number(form)).decode("utf-8", "replace")

    # ---- stack ----

    def push(self, value: Any) -> None:
        self.stack.append(value)

    def marked(self) -> list[Any]:
        """All down to the last mark, which goes too."""
        for depth in range(len(self.stack) - 1, -1, -1):
            if self.stack[depth] is _MARK:
                found = self.stack[depth + 1 :]
                del self.stack[depth:]
                return found
        raise Broken("a mark is missing")

    def last(self, count: int) -> tuple[Any, ...]:
        if count > len(self.stack):
            raise Broken("the stack is empty")
        found = tuple(self.stack[len(self.stack) - count :])
        del self.stack[len(self.stack) - count :]
        return found

    # ---- what the opcodes do ----

    def call(self) -> None:
        function, args = self.last(2)
        self.push(call(function, args, self.known))

    def call_with_keywords(self) -> None:
        function, args, _ = self.last(3)
        self.push(call(function, args, self.known))

    def instance(self) -> None:
        name = f"{self.line()}.{self.line()}"
        self.push(call(Global(name), tuple(self.marked()), self.known))

    def object(self) -> None:
        function, *args = self.marked()
        self.push(call(function, tuple(args), self.known))

    def build(self) -> None:
        (state,) = self.last(1)
        if isinstance(self.stack[-1], Stand):
            self.stack[-1].state = state

    def append(self, values: list[Any]) -> None:
        target = self.stack[-1]
        (target.items if isinstance(target, Stand) else target).extend(values)

    def set(self, values: list[Any]) -> None:
        target = self.stack[-1]
        entries = target.entries if isinstance(target, Stand) else target
        self.room -= 50 * len(values)
        for key, value in zip(values[::2], values[1::2], strict=True):
            # No other key is hashed: the hash of a tuple runs as deep as the tuple, and that is the file's choice.
            plain = isinstance(key, str | int | float | bytes) or key is None
            entries[key if plain else f"<{type(key).__name__} {len(entries)}>"] = value

    def dictionary(self) -> None:
        values = self.marked()
        self.push({})
        self.set(values)

    def stack_global(self) -> None:
        module, name = self.last(2)
        self.push(Global(f"{module}.{name}" if isinstance(module, str) and isinstance(name, str) else "?"))

    def old_number(self) -> None:
        text = self.line()
        self.push({"00": False, "01": True}[text] if text in ("00", "01") else int(text))


def call(function: Any, args: Any, known: Known) -> Any:
    """What `known` has for the name, or a stand-in that keeps the arguments.

    Arguments that do not fit are a fault of that one object: the pickle goes on behind it.
    """
    if not isinstance(function, Global):
        return Stand(f"a call of {type(function).__name__}", args)
    action = known.get(function.name)
    if action is None:
        return Stand(function.name, args)
    try:
        return action(*args)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError, OverflowError):
        what = f"{len(args)} arguments" if isinstance(args, tuple | list) else "arguments that are no tuple"
        return Stand(function.name, args, f"{function.name:.200} is called with {what}, which it does not take")


_STEPS: dict[bytes, Callable[[_Machine], None]] = {
    pickle.PROTO: lambda m: void(m.bytes(1)),
    pickle.FRAME: lambda m: void(m.bytes(8)),
    pickle.MARK: lambda m: m.push(_MARK),
    pickle.POP: lambda m: void(m.last(1)),
    pickle.POP_MARK: lambda m: void(m.marked()),
    pickle.DUP: lambda m: m.push(m.stack[-1]),
    pickle.NONE: lambda m: m.push(None),
    pickle.NEWTRUE: lambda m: m.push(True),
    pickle.NEWFALSE: lambda m: m.push(False),
    pickle.INT: _Machine.old_number,
    pickle.LONG: lambda m: m.push(int(m.line().rstrip("L"))),
    pickle.BININT: lambda m: m.push(m.number("<i")),
    pickle.BININT1: lambda m: m.push(m.number("<B")),
    pickle.BININT2: lambda m: m.push(m.number("<H")),
    pickle.LONG1: lambda m: m.push(int.from_bytes(m.bytes(m.number("<B")), "little", signed=True)),
    pickle.LONG4: lambda m: m.push(int.from_bytes(m.bytes(m.number("<I")), "little", signed=True)),
    pickle.FLOAT: lambda m: m.push(float(m.line())),
    pickle.BINFLOAT: lambda m: m.push(struct.unpack(">d", m.bytes(8))[0]),
    pickle.STRING: lambda m: m.push(m.line()[1:-1]),
    pickle.BINSTRING: lambda m: m.push(m.text("<I")),
    pickle.SHORT_BINSTRING: lambda m: m.push(m.text("<B")),
    pickle.BINBYTES: lambda m: m.push(m.bytes(m.number("<I"))),
    pickle.SHORT_BINBYTES: lambda m: m.push(m.bytes(m.number("<B"))),
    pickle.BINBYTES8: lambda m: m.push(m.bytes(m.number("<Q"))),
    pickle.BYTEARRAY8: lambda m: m.push(m.bytes(m.number("<Q"))),
    pickle.UNICODE: lambda m: m.push(m.line()),
    pickle.BINUNICODE: lambda m: m.push(m.text("<I")),
    pickle.SHORT_BINUNICODE: lambda m: m.push(m.text("<B")),
    pickle.BINUNICODE8: lambda m: m.push(m.text("<Q")),
    pickle.EMPTY_LIST: lambda m: m.push([]),
    pickle.EMPTY_SET: lambda m: m.push([]),
    pickle.APPEND: lambda m: m.append(list(m.last(1))),
    pickle.APPENDS: lambda m: m.append(m.marked()),
    pickle.ADDITEMS: lambda m: m.append(m.marked()),
    pickle.LIST: lambda m: m.push(m.marked()),
    pickle.FROZENSET: lambda m: m.push(m.marked()),
    pickle.EMPTY_TUPLE: lambda m: m.push(()),
    pickle.TUPLE: lambda m: m.push(tuple(m.marked())),
    pickle.TUPLE1: lambda m: m.push(m.last(1)),
    pickle.TUPLE2: lambda m: m.push(m.last(2)),
    pickle.TUPLE3: lambda m: m.push(m.last(3)),
    pickle.EMPTY_DICT: lambda m: m.push({}),
    pickle.DICT: _Machine.dictionary,
    pickle.SETITEM: lambda m: m.set(list(m.last(2))),
    pickle.SETITEMS: lambda m: m.set(m.marked()),
    pickle.GET: lambda m: m.push(m.memo[int(m.line())]),
    pickle.BINGET: lambda m: m.push(m.memo[m.number("<B")]),
    pickle.LONG_BINGET: lambda m: m.push(m.memo[m.number("<I")]),
    pickle.PUT: lambda m: m.memo.__setitem__(int(m.line()), m.stack[-1]),
    pickle.BINPUT: lambda m: m.memo.__setitem__(m.number("<B"), m.stack[-1]),
    pickle.LONG_BINPUT: lambda m: m.memo.__setitem__(m.number("<I"), m.stack[-1]),
    pickle.MEMOIZE: lambda m: m.memo.__setitem__(len(m.memo), m.stack[-1]),
    pickle.GLOBAL: lambda m: m.push(Global(f"{m.line()}.{m.line()}")),
    pickle.STACK_GLOBAL: _Machine.stack_global,
    pickle.REDUCE: _Machine.call,
    pickle.NEWOBJ: _Machine.call,
    pickle.NEWOBJ_EX: _Machine.call_with_keywords,
    pickle.INST: _Machine.instance,
    pickle.OBJ: _Machine.object,
    pickle.BUILD: _Machine.build,
    pickle.PERSID: lambda m: m.push(m.persistent(m.line())),
    pickle.BINPERSID: lambda m: m.push(m.persistent(*m.last(1))),
}


def void(_: object) -> None:
    """Drops what an opcode read."""


_COST: dict[bytes, int] = {
    **dict.fromkeys(
        (
            *(pickle.PROTO, pickle.FRAME, pickle.MARK, pickle.POP, pickle.POP_MARK, pickle.DUP, pickle.NONE),
            *(pickle.NEWTRUE, pickle.NEWFALSE, pickle.BININT1, pickle.GET, pickle.BINGET, pickle.LONG_BINGET),
            *(pickle.EMPTY_TUPLE, pickle.APPEND, pickle.APPENDS, pickle.ADDITEMS, pickle.SETITEM, pickle.SETITEMS),
            *(pickle.BUILD, pickle.STOP),
        ),
        10,
    ),
    **dict.fromkeys((pickle.PUT, pickle.BINPUT, pickle.LONG_BINPUT, pickle.MEMOIZE), 100),
    **dict.fromkeys((pickle.REDUCE, pickle.NEWOBJ, pickle.NEWOBJ_EX, pickle.INST, pickle.OBJ), 250),
    **dict.fromkeys((pickle.PERSID, pickle.BINPERSID), 250),
    **dict.fromkeys((pickle.GLOBAL, pickle.STACK_GLOBAL, pickle.STRING, pickle.UNICODE), 150),
}
"""Bytes that an opcode takes for good: a place on the stack or in a list, a stand-in with its containers, an entry of
the memo with its key; 64 for the others."""
