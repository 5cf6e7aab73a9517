"""What a tensor is in its network, by its name and shape: which axis is the input, what a packed matrix packs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from ._tensor import PRECISION, Heads, Part, Tensor

SPLITS = ("parts", "heads", "none")

_PACKED = re.compile(
    r"(^|[._/])(in_proj_weight|c_attn|w?qkv|qkv_proj|qkv_lin|to_qkv|query_key_value|kqv)([._/]weight)?$", re.IGNORECASE
)
_CONV1D = re.compile(r"(^|[._/])(c_attn|c_proj|c_fc|q_attn)([._/]weight)$")
_RECURRENT = re.compile(r"(^|_|[._/])(weight|w)_(ih|hh|hr)(_l\d+)?(_reverse)?$", re.IGNORECASE)
_SEPARATE = {  # how the three matrices of attention are named; all three must be there
    each: names
    for names in (
        ("q_proj", "k_proj", "v_proj"), ("query", "key", "value"), ("q", "k", "v"), ("wq", "wk", "wv"),
        ("to_q", "to_k", "to_v"), ("q_lin", "k_lin", "v_lin"), ("query_proj", "key_proj", "value_proj"),
        ("q_proj_weight", "k_proj_weight", "v_proj_weight"), ("query_dense", "key_dense", "value_dense"),
    )
    for each in names
}  # fmt: skip
_BACK = ("out", "attention_output", "output_dense")
_GATES = {4: ("i", "f", "g", "o"), 3: ("r", "z", "n")}
_KERAS_GATES = {4: ("i", "f", "c", "o"), 3: ("z", "r", "h")}
_INTERLEAVED = ("query_key_value",)


def roles(tensors: Sequence[Tensor], split: str, heads: int | None) -> list[Tensor]:
    """Tensors with their order of axes, their kind and their parts; those that a reader told about stay as they are.

    Parameters
    ----------
    tensors : sequence of Tensor
        Of one checkpoint: what a tensor is depends on those beside it.
    split : "parts", "heads" or "none"
        How far packed matrices are taken apart.
    heads : int, optional
        The number of heads where the files do not say it.
    """
    known = {each.name: each for each in tensors}
    conv1d = any(
        _CONV1D.search(name) and "c_attn" in name and len(each.shape) == 2 and each.shape[1] == 3 * each.shape[0]
        for name, each in known.items()
    )
    return [_cut(_oriented(each, known, conv1d), known, split, heads) for each in tensors]


# ---- which axis is the input ----


def _oriented(tensor: Tensor, known: dict[str, Tensor], conv1d: bool) -> Tensor:
    if tensor.order is not None or tensor.dtype not in PRECISION or len(tensor.shape) < 2:
        return tensor
    *_, parent, leaf = ["", "", *_path(tensor.name)]
    if leaf in ("kernel", "recurrent_kernel", "depthwise_kernel", "pointwise_kernel"):
        if re.search(r"transpose(_\d+)?$", parent) and len(tensor.shape) > 2:  # (kernel..., out, in)
            count = len(tensor.shape)
            return replace(tensor, order=(count - 2, count - 1, *range(count - 2)))
        return input_first(tensor, leaf, parent)
    if conv1d and len(tensor.shape) == 2 and _CONV1D.search(tensor.name):
        return replace(tensor, order=(1, 0))
    return tensor


def input_first(tensor: Tensor, leaf: str = "kernel", parent: str = "") -> Tensor:
    """Keras's and Flax's layouts: (in, out), (kernel..., in, out), and attention's (in, heads, size)."""
    count = len(tensor.shape)
    if count == 2:
        return replace(tensor, order=(1, 0))
    if leaf == "depthwise_kernel":  # (kernel..., in, multiplier): each input has filters of its own
        return replace(tensor, order=(count - 2, count - 1, *range(count - 2)), rows=2, kind="conv")
    if count == 3 and parent in _SEPARATE:  # (in, heads, size)
        told = Heads(tensor.shape[1], tensor.shape[1], tensor.shape[2])
        return replace(tensor, order=(1, 2, 0), rows=2, kind="attention", heads=told)
    if count == 3 and parent in _BACK:  # (heads, size, out)
        return replace(tensor, order=(2, 0, 1), kind="attention")
    return replace(tensor, order=(count - 1, count - 2, *range(count - 2)))


def _path(name: str) -> list[str]:
    return [each for each in re.split(r"[./]", name.removesuffix(":0")) if each]


# ---- what a packed matrix packs ----


def _cut(tensor: Tensor, known: dict[str, Tensor], split: str, heads: int | None) -> Tensor:
    if tensor.parts or tensor.dtype not in PRECISION or 0 in tensor.shape:
        return tensor if split != "none" else replace(tensor, parts=())
    flat = len(tensor.shape) == 2 or tensor.kind == "attention"
    if not flat:
        return tensor
    if recurrent := _RECURRENT.search(tensor.name):
        return _torch_gates(tensor, recurrent, known, split)
    *_, parent, leaf = ["", "", *_path(tensor.name)]
    if leaf in ("kernel", "recurrent_kernel"):
        beside = known.get(re.sub(r"(recurrent_)?kernel((:0)?)$", r"recurrent_kernel\2", tensor.name))
        if beside is not None and len(beside.shape) == 2:
            return gates(tensor, beside.shape[1] // max(beside.shape[0], 1), _KERAS_GATES, split)
    if _PACKED.search(tensor.name):
        return _attention(tensor, split, heads)
    role = leaf if leaf in _SEPARATE else parent
    if role in _SEPARATE and leaf in (role, "weight", "kernel"):
        names = _SEPARATE[role]
        place = tensor.name.rindex(role)
        others = (f"{tensor.name[:place]}{each}{tensor.name[place + len(role) :]}" for each in names)
        if all(each in known for each in others):
            told = _told(tensor, heads)
            count = told and (told.queries if role == names[0] else told.keys)
            if split == "heads" and count is None:
                raise ValueError(_unknown(tensor))
            cut = split == "heads" and count and tensor.matrix_shape[0] % count == 0
            parts = _heads_of("", [slice(0, tensor.matrix_shape[0])], count) if cut and count else ()
            return replace(tensor, kind="attention", parts=parts)
    return tensor


def _torch_gates(tensor: Tensor, match: re.Match[str], known: dict[str, Tensor], split: str) -> Tensor:
    """weight_ih, weight_hh and, where the state is projected, weight_hr; the state's size tells the gates' number."""
    begin, end = match.span(3)

    def named(part: str) -> Tensor | None:
        part = part.upper() if match[3].isupper() else part
        return known.get(tensor.name[:begin] + part + tensor.name[end:])

    if match[3].lower() == "hr":
        return replace(tensor, kind="recurrent")
    projection, state = named("hr"), named("hh")
    hidden = projection.shape[1:2] if projection is not None else state.shape[1:2] if state is not None else ()
    count = tensor.shape[0] // hidden[0] if hidden and hidden[0] and tensor.shape[0] % hidden[0] == 0 else 0
    return gates(tensor, count, _GATES, split) if count in (1, 3, 4) else tensor


def gates(tensor: Tensor, count: int, names: dict[int, tuple[str, ...]], split: str = "parts") -> Tensor:
    """The rows in `count` gates, as the format orders them."""
    rows = tensor.matrix_shape[0]
    labels = names.get(count)
    if split == "none" or labels is None or rows % count:
        return replace(tensor, kind="recurrent")
    step = rows // count
    parts = tuple(Part(label, (slice(i * step, (i + 1) * step),)) for i, label in enumerate(labels))
    return replace(tensor, kind="recurrent", parts=parts)


def _attention(tensor: Tensor, split: str, heads: int | None) -> Tensor:
    """Query, key and value in one matrix: in thirds, in unequal shares of groups, or head by head."""
    rows, columns = tensor.matrix_shape
    told = _told(tensor, heads)
    interleaved = "query_key_value" in tensor.name and (told is None or told.interleaved or told.queries == told.keys)
    whole = replace(tensor, kind="attention")
    if split == "none":
        return whole
    if split == "heads" and told is None:
        raise ValueError(_unknown(tensor))
    if interleaved:
        if told is None or rows % (3 * told.queries):  # which rows are queries depends on the number of heads
            return whole
        size = rows // (3 * told.queries)
        of_head = [[slice((3 * i + j) * size, (3 * i + j + 1) * size) for i in range(told.queries)] for j in range(3)]
        counts = (told.queries,) * 3
    else:
        shares = _shares(rows, columns, told)
        if shares is None:
            return whole
        counts = (told.queries, told.keys, told.keys) if told else (1, 1, 1)
        begins = (0, shares[0], shares[0] + shares[1])
        if any(share % count for share, count in zip(shares, counts, strict=True)):
            return whole
        of_head = [
            [slice(begin + i * (share // n), begin + (i + 1) * (share // n)) for i in range(n)]
            for begin, share, n in zip(begins, shares, counts, strict=True)
        ]
    parts: list[Part] = []
    for label, slices in zip("qkv", of_head, strict=True):
        if split == "heads":
            parts += [Part(f"{label},{i}", (each,)) for i, each in enumerate(slices)]
        elif interleaved:
            parts.append(Part(label, tuple(slices)))
        else:
            parts.append(Part(label, (slice(slices[0].start, slices[-1].stop),)))
    return replace(whole, parts=tuple(parts))


def _shares(rows: int, columns: int, told: Heads | None) -> tuple[int, int, int] | None:
    """Rows of q, k and v. Keys and values that several queries share are shorter; q is square then."""
    if told is not None and rows % (told.queries + 2 * told.keys) == 0:
        size = rows // (told.queries + 2 * told.keys)
        return told.queries * size, told.keys * size, told.keys * size
    if rows % 3 == 0 and (rows == 3 * columns or told is None):
        return (rows // 3,) * 3 if rows >= 3 * columns or (rows - columns) % 2 else _grouped(rows, columns)
    return _grouped(rows, columns)


def _grouped(rows: int, columns: int) -> tuple[int, int, int] | None:
    rest = rows - columns
    return (columns, rest // 2, rest // 2) if rest > 0 and rest % 2 == 0 and rest // 2 < columns else None


def _heads_of(label: str, rows: list[slice], count: int) -> tuple[Part, ...]:
    (all_rows,) = rows
    size = (all_rows.stop - all_rows.start) // count
    begins = [all_rows.start + i * size for i in range(count)]
    return tuple(Part(f"{label}{i}", (slice(begin, begin + size),)) for i, begin in enumerate(begins))


def _told(tensor: Tensor, heads: int | None) -> Heads | None:
    if heads is not None:
        return Heads(heads, heads, interleaved=any(word in tensor.name for word in _INTERLEAVED))
    return tensor.heads


def _unknown(tensor: Tensor) -> str:
    return (
        f"split='heads' needs the number of heads: {tensor.source}: tensor {tensor.name!r} does not tell it, "
        "and no config.json beside it does; give heads="
    )
