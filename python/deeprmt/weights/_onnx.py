"""ONNX models: initializers, which axis of them is the input (the nodes that use them say it), and external data.

Read without the package of that name: it parses a whole model into memory before anything can be asked of it.
"""

from __future__ import annotations

import math
import os
from collections import defaultdict
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any

from . import _protobuf as pb
from ._layer import ReadError, Skipped, as_shape, faulty
from ._raw import STORED, in_range, unreadable
from ._tensor import Part, Tensor
from ._zip import BROKEN, words

_DTYPES = {
    1: "float32", 2: "uint8", 3: "int8", 4: "uint16", 5: "int16", 6: "int32", 7: "int64", 8: "string", 9: "bool",
    10: "float16", 11: "float64", 12: "uint32", 13: "uint64", 14: "complex64", 15: "complex128", 16: "bfloat16",
    17: "float8e4m3fn", 18: "float8e4m3fnuz", 19: "float8e5m2", 20: "float8e5m2fnuz", 21: "uint4", 22: "int4",
}  # fmt: skip
_SIZE = {"float64": 8, "float32": 4, "float16": 2, "bfloat16": 2}
_DEEPEST = 16
_PASSING = ("Identity", "Cast", "DequantizeLinear", "Dropout")
_GATES = {"LSTM": "iofc", "GRU": "zrh", "RNN": "i"}


@dataclass
class _Node:
    kind: str = ""
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    numbers: dict[str, list[int]] = field(default_factory=dict)


@dataclass
class _Graph:
    nodes: list[_Node] = field(default_factory=list)
    tensors: list[Tensor | Skipped] = field(default_factory=list)


def tensors(path: Path) -> list[Tensor | Skipped]:
    """Every initializer and constant, subgraphs' too, with its role; no entries are read yet."""
    try:
        with open(path, "rb") as file:
            graph = _Graph()
            whole = pb.Span(0, os.fstat(file.fileno()).st_size)
            found = [each.span for each in pb.fields(file, whole) if each.number == 7 and each.span is not None]
            for span in found:
                _read_graph(path, file, span, graph, 0)
    except ReadError:
        raise
    except BROKEN as error:
        raise ReadError(f"{path}: not a readable ONNX model, or truncated: {words(error)}") from error
    if not found:
        raise ReadError(f"{path}: not an ONNX model: it holds no graph")
    uses: dict[str, list[tuple[_Node, int]]] = defaultdict(list)
    for node in graph.nodes:
        for index, name in enumerate(node.inputs):
            uses[name].append((node, index))
    return [_role(each, uses) if isinstance(each, Tensor) else each for each in graph.tensors]


# ---- the file ----


def _read_graph(path: Path, file: IO[bytes], span: pb.Span, graph: _Graph, depth: int) -> None:
    if depth > _DEEPEST:
        raise ValueError(f"graphs are nested more than {_DEEPEST} deep")
    for each in pb.fields(file, span):
        if each.span is None:
            continue
        if each.number == 1:
            graph.nodes.append(_node(path, file, each.span, graph, depth))
        elif each.number == 5:
            graph.tensors.append(_tensor(path, file, each.span))
        elif each.number == 15:
            graph.tensors.append(Skipped("", (), "", f"{path}: a sparse initializer, which is not read", str(path)))


def _node(path: Path, file: IO[bytes], span: pb.Span, graph: _Graph, depth: int) -> _Node:
    node = _Node()
    constant = None
    for each in pb.fields(file, span):
        if each.number == 1:
            node.inputs.append(pb.text(file, each))
        elif each.number == 2:
            node.outputs.append(pb.text(file, each))
        elif each.number == 4:
            node.kind = pb.text(file, each)
        elif each.number == 5 and each.span is not None:
            constant = _attribute(path, file, each.span, node, graph, depth) or constant
    if node.kind == "Constant" and constant is not None and node.outputs:
        graph.tensors.append(_tensor(path, file, constant, node.outputs[0]))
    return node


def _attribute(path: Path, file: IO[bytes], span: pb.Span, node: _Node, graph: _Graph, depth: int) -> pb.Span | None:
    """Whole numbers into the node, graphs into the graph; a tensor is returned."""
    name, values, tensor = "", [], None
    for each in pb.fields(file, span):
        if each.number == 1:
            name = pb.text(file, each)
        elif each.number in (3, 8):
            values += pb.numbers(file, each)
        elif each.number == 5:
            tensor = each.span
        elif each.number in (6, 11) and each.span is not None:
            _read_graph(path, file, each.span, graph, depth + 1)
    node.numbers[name] = values
    return tensor


def _tensor(path: Path, file: IO[bytes], span: pb.Span, name: str = "") -> Tensor | Skipped:
    lengths: list[int] = []
    code, external = 0, False
    places: dict[int, list[pb.Span]] = defaultdict(list)
    elsewhere: dict[str, str] = {}
    for each in pb.fields(file, span):
        if each.number == 1:
            lengths += pb.numbers(file, each)
        elif each.number == 2:
            code = each.value
        elif each.number == 8:
            name = name or pb.text(file, each)
        elif each.number == 14:
            external = each.value == 1
        elif each.number == 13 and each.span is not None:
            pair = {part.number: pb.text(file, part) for part in pb.fields(file, each.span)}
            elsewhere[pair.get(1, "")] = pair.get(2, "")
        elif each.span is not None:
            places[each.number].append(each.span)
    try:
        return _placed(path, name, as_shape(lengths), code, places, elsewhere if external else None)
    except (OSError, RuntimeError, ValueError) as error:  # the first two from paths of external data
        return faulty(name, f"{path}: tensor {name!r}", words(error), str(path))


def _placed(
    path: Path,
    name: str,
    shape: tuple[int, ...],
    code: int,
    places: dict[int, list[pb.Span]],
    elsewhere: dict[str, str] | None,
) -> Tensor | Skipped:
    """The tensor with its entries, in the model or, if `elsewhere` is given, in another file."""
    dtype, count = _DTYPES.get(code, f"type {code}"), math.prod(shape)
    if dtype not in STORED or not count:
        return Tensor(name, shape, dtype, str(path), unreadable)
    if elsewhere is not None:
        about = _external(path, elsewhere, count * _SIZE[dtype], dtype, shape)
        return Tensor(name, shape, dtype, **about)
    found = places[9] or places[{"float32": 4, "float64": 10}.get(dtype, 9)]
    if len(found) != 1:
        reason = (
            "its entries are in a place of the format that is not read" if found or places[5] else "without entries"
        )
        return Skipped(name, shape, dtype, reason, str(path))
    (place,) = found
    if place.end - place.begin != count * _SIZE[dtype]:
        have = place.end - place.begin
        raise ValueError(f"shape {shape} of {dtype} takes {count * _SIZE[dtype]} bytes, {have} are there")
    return Tensor(name, shape, dtype, str(path), **in_range(path, place.begin, "<" + STORED[dtype], shape))


def _external(path: Path, told: dict[str, str], need: int, dtype: str, shape: tuple[int, ...]) -> dict[str, Any]:
    """Entries in a file beside the model, which may not lead out of its folder."""
    location = told.get("location", "")
    target = path.parent / location
    homes = (path.parent.resolve(), path.resolve().parent)  # a cache keeps files elsewhere, all in one place
    inside = location and "\0" not in location and any(target.resolve().is_relative_to(home) for home in homes)
    if not inside or Path(location).is_absolute() or ".." in Path(location).parts:
        raise ValueError(f"external data must lie in the folder of the model, got {location!r:.200}")
    if not target.is_file():
        raise ValueError(f"external data {location!r:.200} is missing, or no regular file")
    begin, length = (_whole(told.get(key, ""), other) for key, other in (("offset", 0), ("length", need)))
    if length != need or begin + need > target.stat().st_size:
        raise ValueError(
            f"shape {shape} of {dtype} takes {need} bytes from byte {begin} of {location!r:.200}, "
            f"which has {target.stat().st_size}; the model says {length}"
        )
    return {"source": str(path)} | in_range(target, begin, "<" + STORED[dtype], shape)


def _whole(word: str, default: int) -> int:
    if word and (not word.isdecimal() or len(word) > 18):
        raise ValueError(f"offset and length of external data must be whole numbers, got {word!r:.80}")
    return int(word) if word else default


# ---- roles ----


def _role(tensor: Tensor, uses: dict[str, list[tuple[_Node, int]]]) -> Tensor | Skipped:
    """What the first node that takes the tensor as a matrix does with it, past nodes that hand it on."""
    if len(tensor.shape) < 2 or tensor.dtype not in STORED:
        return tensor
    todo = [(tensor.name, tuple(range(len(tensor.shape))))]
    seen: set[str] = set()
    others: list[str] = []
    while todo:
        name, order = todo.pop()
        if name in seen:
            continue
        seen.add(name)
        for node, index in uses.get(name, ()):
            found = _used(tensor, node, index, order)
            if found is not None:
                return found
            if index == 0 and node.outputs and node.kind in _PASSING:
                todo.append((node.outputs[0], order))
            elif node.kind == "Transpose" and node.outputs:
                turn = node.numbers.get("perm") or list(reversed(range(len(order))))
                if sorted(turn) == list(range(len(order))):
                    todo.append((node.outputs[0], tuple(order[axis] for axis in turn)))
            else:
                others.append(node.kind)
    if sum(length > 1 for length in tensor.shape) < 2:
        return tensor.skip("a vector: a bias, or the scale of a normalisation", expected=True)
    if len(tensor.shape) == 2:
        return replace(tensor, order=(0, 1))
    by = f"used by {', '.join(sorted(set(others)))}" if others else "used by no node"
    return tensor.skip(f"{by}: no weight matrix", expected=True)


def _used(tensor: Tensor, node: _Node, index: int, order: tuple[int, ...]) -> Tensor | None:
    """The tensor as (out, in, kernel...), if this node takes it as a matrix; `order` is how it comes to the node."""
    count, kind = len(order), node.kind
    if kind == "MatMul" and index < 2:
        lead = order[:-2]
        back = order[-2:] if index == 0 else (order[-1], order[-2])
        found = replace(tensor, order=(*lead, *back), rows=count - 1, kind="dense" if lead else "")
        stack, rows = found.matrix_shape[0], tensor.shape[back[0]]
        return replace(found, parts=_rows(stack, [str(i) for i in range(stack // rows)]) if lead else ())
    if kind in ("Gemm", "FusedMatMul") and index < 2 and count == 2:
        turned = node.numbers.get("transB" if index else "transA", [0])[:1] == [1]
        as_stored = turned if index else not turned
        return replace(tensor, order=order if as_stored else order[::-1])
    if kind == "Conv" and index == 1 and count > 2:
        return replace(tensor, order=order, kind="conv")
    if kind == "ConvTranspose" and index == 1 and count > 2:
        return replace(tensor, order=(order[1], order[0], *order[2:]), kind="conv")
    if kind == "Gather" and index == 0 and count == 2:
        return replace(tensor, order=order, kind="embedding")
    if kind in _GATES and index in (1, 2) and count == 3:  # (directions, gates * state, in)
        directions = tensor.shape[order[0]]
        ways = [""] if directions == 1 else [f",{word}" for word in ("forward", "backward")][:directions]
        labels = [gate + way for way in ways for gate in _GATES[kind]]
        found = replace(tensor, order=order, rows=2, kind="recurrent")
        return replace(found, parts=_rows(found.matrix_shape[0], labels))
    if kind == "Attention" and index == 1 and count == 2:
        found = replace(tensor, order=order[::-1], kind="attention")
        return replace(found, parts=_rows(found.matrix_shape[0], list("qkv")))
    return None


def _rows(rows: int, labels: list[str]) -> tuple[Part, ...]:
    if not labels or rows % len(labels):
        return ()
    step = rows // len(labels)
    return tuple(Part(label, (slice(i * step, (i + 1) * step),)) for i, label in enumerate(labels))
