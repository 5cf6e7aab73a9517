"""Weights that stand twice in one checkpoint, as an embedding that is the last layer too: analysed once, and listed."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Hashable, Sequence

from ._layer import Skipped
from ._tensor import PRECISION, Tensor


def untied(tensors: Sequence[Tensor]) -> tuple[list[Tensor], list[Skipped]]:
    """Each set of entries once, and a record for every further name of it.

    Two tensors are one if they lie in one place, or if they have one shape and dtype and the same entries. For the
    second a few kilobytes of each are compared first; only those that agree are read whole, one at a time.
    """
    first: dict[Hashable, Tensor] = {}
    twins: dict[int, Tensor] = {}
    for tensor in tensors:
        if tensor.place is not None:
            one = first.setdefault(tensor.place, tensor)
            if one is not tensor:
                twins[id(tensor)] = one
    alike: dict[Hashable, list[Tensor]] = defaultdict(list)
    for tensor in tensors:
        if id(tensor) not in twins and len(tensor.shape) > 1 and tensor.dtype in PRECISION and 0 not in tensor.shape:
            alike[tensor.shape, tensor.dtype].append(tensor)
    for group in alike.values():
        for candidates in _by(group, _glance) if len(group) > 1 else []:
            for same in _by(candidates, _digest):
                twins |= {id(each): same[0] for each in same[1:]}
    records = [
        each.skip(f"tied: the same entries as {twins[id(each)].name!r}", expected=True)
        for each in tensors
        if id(each) in twins
    ]
    return [each for each in tensors if id(each) not in twins], records


def _by(tensors: Sequence[Tensor], key: object) -> list[list[Tensor]]:
    groups: dict[Hashable, list[Tensor]] = defaultdict(list)
    for each in tensors:
        found = key(each)  # type: ignore[operator]
        if found is not None:
            groups[found].append(each)
    return [group for group in groups.values() if len(group) > 1]


def _glance(tensor: Tensor) -> bytes | None:
    """Some of the entries; None where they cannot be had, or are all alike and so say nothing about a tie."""
    if tensor.sample is None:
        return None
    try:
        found = tensor.sample()
    except Exception:  # said where the tensor is read
        return None
    return None if found == found[:8] * (len(found) // 8) else found  # one number throughout is no sign of a tie


def _digest(tensor: Tensor) -> bytes | None:
    try:
        entries = tensor.read(None)
    except Exception:  # said where the tensor is read
        return None
    return hashlib.blake2b(entries.data, digest_size=16).digest()
