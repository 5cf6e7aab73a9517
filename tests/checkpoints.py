"""Small safetensors files, made by hand, and what reading them left out."""

import json
import struct


def reasons(layers):
    assert isinstance(layers.skipped, list)
    return {each.name: each.reason for each in layers.skipped}


def save(path, tensors):
    """A safetensors file by hand, which can hold what NumPy cannot: (dtype, shape, bytes) by name."""
    header, data = {}, b""
    for name, (dtype, shape, raw) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)
    return path


def save_arrays(path, arrays):
    return save(path, {name: ("F32", array.shape, array.tobytes()) for name, array in arrays.items()})
