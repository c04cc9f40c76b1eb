"""Writes a neural network as ONNX, the file format that onnxruntime runs: tensors, nodes, one graph.

Comes in: numpy arrays and the names of operators. Goes out: the bytes of a ModelProto. The `onnx` package would do the
same and weigh 30 MB; the few messages of onnx.proto used here are numbered below as that file numbers them.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

MICROSOFT = "com.microsoft"
"""The domain of onnxruntime's own operators."""

_IR_VERSION = 10
_OPSETS = (("", 18), (MICROSOFT, 1))
_TYPES = {np.dtype(np.float32): 1, np.dtype(np.uint8): 2, np.dtype(np.int8): 3, np.dtype(np.int64): 7}


class Graph:
    """A network in the making; a value is known by its name."""

    def __init__(self) -> None:
        self._nodes: list[bytes] = []
        self._tensors: list[bytes] = []

    def tensor(self, name: str, values: npt.NDArray[Any]) -> str:
        """Put a constant in and return its name."""
        plain = np.ascontiguousarray(values)
        dims = b"".join(_number(1, size) for size in plain.shape)
        kind = _number(2, _TYPES[plain.dtype])
        self._tensors.append(dims + kind + _text(8, name) + _bytes(9, plain.tobytes()))
        return name

    def node(
        self,
        operator: str,
        inputs: Sequence[str],
        outputs: str | Sequence[str],
        *,
        domain: str = "",
        **attributes: int | float,
    ) -> str:
        """Put an operator in and return the name of its first output. An int is an int attribute, a float a float."""
        names = [outputs] if isinstance(outputs, str) else list(outputs)
        parts = [_text(1, name) for name in inputs] + [_text(2, name) for name in names]
        parts += [_text(3, names[0]), _text(4, operator)]
        parts += [_bytes(5, _attribute(name, value)) for name, value in attributes.items()]
        self._nodes.append(b"".join(parts) + _text(7, domain))
        return names[0]

    def model(self, takes: tuple[str, Sequence[int | str]], gives: tuple[str, Sequence[int | str]]) -> bytes:
        """The whole as a ModelProto: one float32 input and one output, each with its shape (a word: any size)."""
        graph = b"".join(_bytes(1, node) for node in self._nodes) + _text(2, "graph")
        graph += b"".join(_bytes(5, tensor) for tensor in self._tensors)
        graph += _bytes(11, _value(*takes)) + _bytes(12, _value(*gives))
        opsets = b"".join(_bytes(8, _text(1, domain) + _number(2, version)) for domain, version in _OPSETS)
        return _number(1, _IR_VERSION) + _bytes(7, graph) + opsets


def _attribute(name: str, value: int | float) -> bytes:
    if isinstance(value, float):
        return _text(1, name) + _varint(2 << 3 | 5) + struct.pack("<f", value) + _number(20, 1)
    return _text(1, name) + _number(3, value) + _number(20, 2)


def _value(name: str, shape: Sequence[int | str]) -> bytes:
    dims = [_text(2, size) if isinstance(size, str) else _number(1, size) for size in shape]
    tensor = _number(1, 1) + _bytes(2, b"".join(_bytes(1, dim) for dim in dims))
    return _text(1, name) + _bytes(2, _bytes(1, tensor))


def _varint(number: int) -> bytes:
    number &= (1 << 64) - 1  # a negative number is written as the 64 bits of its two's complement
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _bytes(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value


def _text(field: int, value: str) -> bytes:
    return _bytes(field, value.encode())
