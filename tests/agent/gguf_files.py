"""Small GGUF files made by hand, for what no real file should be."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from pathlib import Path

Value = str | int | bool | Sequence[str]

LLAMA: dict[str, Value] = {
    "general.architecture": "llama",
    "general.name": "Test",
    "llama.block_count": 30,
    "llama.context_length": 8192,
    "llama.embedding_length": 576,
    "llama.feed_forward_length": 1536,
    "llama.attention.head_count": 9,
    "llama.attention.head_count_kv": 3,
}


def write_gguf(
    path: Path, values: Mapping[str, Value] = LLAMA, *, elements: int = 64, version: int = 3, weights: bool = True
) -> Path:
    """Write a GGUF with one tensor of `elements` 32-bit floats, which are a hole in the file, or missing."""
    data = b"GGUF" + struct.pack("<IQQ", version, 1, len(values))
    for name, value in values.items():
        data += key(name, value)
    data += _string("token_embd.weight") + struct.pack("<IQIQ", 1, elements, 0, 0)
    path.write_bytes(data)
    if weights:
        with path.open("r+b") as file:
            file.truncate((len(data) + 31) // 32 * 32 + 4 * elements)
    return path


def key(name: str, value: Value) -> bytes:
    """A key with its value, as a GGUF's header has them."""
    return _string(name) + _value(value)


def _string(text: str) -> bytes:
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def _value(value: Value) -> bytes:
    if isinstance(value, str):
        return struct.pack("<I", 8) + _string(value)
    if isinstance(value, bool):
        return struct.pack("<I?", 7, value)
    if isinstance(value, int):
        return struct.pack("<II", 4, value)
    return struct.pack("<IIQ", 9, 8, len(value)) + b"".join(_string(item) for item in value)
