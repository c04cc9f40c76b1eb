"""A GGUF file in, what its header says out, in pure Python; the weights are not read.

What is not a GGUF, is cut short, or is of a version that nobody knows is refused here, in one sentence, before
llama.cpp sees it. Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

import math
import mmap
import struct
from dataclasses import dataclass, field
from pathlib import Path

from agent.errors import ModelUnreadable

Value = int | float | bool | str | tuple[int | float | bool | str, ...]

_MAGIC = b"GGUF"
_VERSIONS = (2, 3)
_FORMATS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_STRING, _ARRAY = 8, 9
_LONG_ARRAY = 256
"""Arrays with more elements (the vocabulary and its scores) are only counted."""

# (elements, bytes) of a block of each tensor type, by its number in ggml.h
_BLOCKS = {
    0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34), 9: (32, 36), 10: (256, 84),
    11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210), 15: (256, 292), 16: (256, 66), 17: (256, 74),
    18: (256, 98), 19: (256, 50), 20: (32, 18), 21: (256, 110), 22: (256, 82), 23: (256, 136), 24: (1, 1), 25: (1, 2),
    26: (1, 4), 27: (1, 8), 28: (1, 8), 29: (256, 56), 30: (1, 2), 34: (256, 54), 35: (256, 66), 39: (32, 17),
    40: (64, 36), 41: (128, 18), 42: (64, 18),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class GgufHeader:
    """What a GGUF says of itself. `values` are its keys, but for long arrays, of which `lengths` has the number of
    elements; `parameters` counts the elements of all tensors; `file_size` is in bytes."""

    path: Path
    values: dict[str, Value] = field(repr=False)
    lengths: dict[str, int] = field(repr=False)
    parameters: int
    file_size: int

    @property
    def architecture(self) -> str:
        return str(self.values.get("general.architecture", ""))

    def figure(self, key: str) -> int:
        """The architecture's figure `key` (e.g. "block_count"), the largest of a list, 0 where there is none."""
        value = self.values.get(f"{self.architecture}.{key}", 0)
        figures = value if isinstance(value, tuple) else (value,)
        return max((item for item in figures if isinstance(item, int)), default=0)


def read_gguf_header(path: Path) -> GgufHeader:
    """Read the header of `path` and check that the tensors it announces are all there. Raises ModelUnreadable."""
    try:
        with path.open("rb") as file:
            if file.read(len(_MAGIC)) != _MAGIC:
                raise ModelUnreadable(f"{path} is not a model in GGUF format: choose a file whose name ends in .gguf.")
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                return _Reader(path, data).header()
    except OSError as error:
        reason = error.strerror or str(error)
        raise ModelUnreadable(f"{path} can't be read ({reason}): check that it exists and may be read.") from error
    except (struct.error, IndexError):
        raise _cut_short(path) from None
    except (KeyError, ValueError, OverflowError) as error:
        raise ModelUnreadable(f"{path} has a damaged GGUF header ({error}): download or export it again.") from None


def _cut_short(path: Path) -> ModelUnreadable:
    return ModelUnreadable(f"{path} is cut short: copy, download or export it again.")


class _Reader:
    """Walks over a mapped file from front to back; running out of it raises struct.error or IndexError."""

    def __init__(self, path: Path, data: mmap.mmap) -> None:
        self._path = path
        self._data = data
        self._at = len(_MAGIC)
        self._values: dict[str, Value] = {}
        self._lengths: dict[str, int] = {}

    def header(self) -> GgufHeader:
        version = self._number("I")
        if version not in _VERSIONS:
            raise ModelUnreadable(
                f"{self._path} is of GGUF version {version}, which is not known (2 and 3 are): convert it again with a "
                "current converter."
            )
        tensors, keys = self._number("Q"), self._number("Q")
        for _ in range(keys):
            self._key()
        parameters, end = self._tensors(tensors)
        alignment = int(str(self._values.get("general.alignment", 32))) or 32
        start = math.ceil(self._at / alignment) * alignment
        if start + end > len(self._data):
            raise _cut_short(self._path)
        header = GgufHeader(self._path, self._values, self._lengths, parameters, len(self._data))
        self._check_use(header, tensors)
        return header

    def _check_use(self, header: GgufHeader, tensors: int) -> None:
        if header.values.get("general.type") == "adapter":
            raise ModelUnreadable(f"{self._path} is a LoRA adapter, not a model: merge it with its base model first.")
        if not header.architecture or not tensors:
            raise ModelUnreadable(f"{self._path} holds no model (no architecture or no weights): choose another file.")

    def _key(self) -> None:
        key = self._string()
        kind = self._number("I")
        if kind == _ARRAY:
            self._array(key)
        else:
            self._values[key] = self._value(kind)

    def _array(self, key: str) -> None:
        kind, count = self._number("I"), self._number("Q")
        self._lengths[key] = count
        if count <= _LONG_ARRAY:
            self._values[key] = tuple(self._value(kind) for _ in range(count))
        elif kind == _STRING:
            self._skip_strings(count)
        else:
            self._skip(count * struct.calcsize(_FORMATS[kind]))

    def _skip_strings(self, count: int) -> None:
        data, at, length = self._data, self._at, struct.Struct("<Q").unpack_from
        for _ in range(count):
            at += 8 + length(data, at)[0]
        self._at = at
        self._skip(0)

    def _value(self, kind: int) -> int | float | bool | str:
        return self._string() if kind == _STRING else self._number(_FORMATS[kind])

    def _tensors(self, count: int) -> tuple[int, int]:
        """Elements of all tensors, and where the last one's data ends, from the data's beginning."""
        parameters = end = 0
        for _ in range(count):
            self._string()
            shape = [self._number("Q") for _ in range(self._number("I"))]
            block, size = _BLOCKS.get(self._number("I"), (1, 0))  # a type that is new here is llama.cpp's to know
            elements = math.prod(shape)
            parameters += elements
            end = max(end, self._number("Q") + elements // block * size)
        return parameters, end

    def _string(self) -> str:
        length = self._number("Q")
        start = self._at
        self._skip(length)
        return self._data[start : self._at].decode("utf-8", "replace")

    def _number(self, code: str) -> int:
        form = "<" + code
        (value,) = struct.unpack_from(form, self._data, self._at)
        self._at += struct.calcsize(form)
        return value  # type: ignore[no-any-return]

    def _skip(self, length: int) -> None:
        self._at += length
        if self._at > len(self._data):
            raise IndexError
