"""One segment of the score matrix: how often each term stands in each of some passages, as arrays in one file.

Comes in: passages as counted terms, or segments to join. Goes out: a file that is written once, memory-mapped, and
never changed. Terms are known by a hash, so that no dictionary is held in memory: 64 bits, of which two of a million
terms are the same once in forty million libraries. It knows nothing of scores, stores or analysis.

A file is a head (magic, passages, terms, postings, fields: five little-endian 64-bit numbers) and `_LAYOUT`'s arrays
one behind the other, each beginning on a multiple of 8 bytes.
"""

from __future__ import annotations

import hashlib
import os
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from index.records import Language

_MAGIC = int.from_bytes(b"tebiki-1", "little")
MOST_PASSAGES = 1 << 15
"""In one segment; their numbers take two bytes."""
_MOST_COUNTED = 255
"""Occurrences of a term in one field of one passage; more make no difference to BM25 that can be seen."""

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Counted:
    """A passage as the matrix takes it in: `terms` has the terms of each field in order, with repeats."""

    passage: int
    manual: int
    language: Language
    terms: Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True)
class Segment:
    """n passages, t terms, p postings, f fields. The postings of `terms[i]` are `starts[i]` to `starts[i + 1]` of
    `places` (which of the passages) and `counts` (how often, in each field)."""

    passages: Array  # int64 [n]
    manuals: Array  # int64 [n]
    terms: Array  # uint64 [t], ascending: hashes
    starts: Array  # uint32 [t + 1]
    lengths: Array  # uint32 [f, n]: terms in each field, with repeats
    places: Array  # uint16 [p]
    counts: Array  # uint8 [f, p]
    japanese: Array  # uint8 [n]

    def __len__(self) -> int:
        return len(self.passages)

    def spans(self, hashes: Array) -> list[tuple[int, int]]:
        """Where the postings of each term begin and end; (0, 0) for a term that is not there."""
        at = np.searchsorted(self.terms, hashes)
        at[at == len(self.terms)] = 0
        there = self.terms[at] == hashes if len(self.terms) else np.zeros(len(hashes), bool)
        return [
            (int(self.starts[i]), int(self.starts[i + 1])) if held else (0, 0)
            for i, held in zip(at.tolist(), there.tolist(), strict=True)
        ]


class SegmentBroken(Exception):
    """A segment's file is not what it should be; the matrix is made anew."""


def term_hash(term: str) -> int:
    """What a term is known by; the same on every machine."""
    return int.from_bytes(hashlib.blake2b(term.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


def _layout(n: int, t: int, p: int, f: int) -> Mapping[str, tuple[str, tuple[int, ...]]]:
    return {
        "passages": ("<i8", (n,)),
        "manuals": ("<i8", (n,)),
        "terms": ("<u8", (t,)),
        "starts": ("<u4", (t + 1,)),
        "lengths": ("<u4", (f, n)),
        "places": ("<u2", (p,)),
        "counts": ("|u1", (f, p)),
        "japanese": ("|u1", (n,)),
    }


def _places(n: int, t: int, p: int, f: int) -> Iterator[tuple[str, str, tuple[int, ...], int, int]]:
    """Each array's name, type, shape, offset and size in bytes."""
    offset = 40
    for name, (kind, shape) in _layout(n, t, p, f).items():
        size = int(np.prod(shape)) * np.dtype(kind).itemsize
        yield name, kind, shape, offset, size
        offset += -(-size // 8) * 8


def save(path: Path, segment: Segment) -> None:
    """Write a segment to a new file and have it on the disk."""
    numbers = (len(segment), len(segment.terms), len(segment.places), len(segment.counts))
    with path.open("wb") as file:
        file.write(np.array([_MAGIC, *numbers], "<i8").tobytes())
        for name, kind, _, offset, size in _places(*numbers):
            file.seek(offset)
            file.write(np.ascontiguousarray(getattr(segment, name), kind).tobytes())
            file.write(b"\0" * (-size % 8))
        file.flush()
        os.fsync(file.fileno())


def load(path: Path, fields: int) -> Segment:
    """A segment as it lies on the disk; pages of it are read when they are used.

    Raises SegmentBroken, or OSError where there is no such file.
    """
    size = path.stat().st_size
    if size < 40:
        raise SegmentBroken(f"{path} ends within its head.")
    data = np.memmap(path, np.uint8, "r")
    magic, n, t, p, f = data[:40].view("<i8").tolist()
    places = list(_places(n, t, p, f)) if min(n, t, p) >= 0 and max(n, t, p) <= size and f == fields else []
    if magic != _MAGIC or not places or size != places[-1][3] + -(-places[-1][4] // 8) * 8:
        raise SegmentBroken(f"{path} is not a segment of this kind.")
    # A plain array over the map: memmap's own class makes every slice ten times slower.
    plain = np.asarray(data)
    arrays = {name: plain[o : o + s].view(kind).reshape(shape) for name, kind, shape, o, s in places}
    return Segment(**arrays)


def count(passages: Iterable[Counted], fields: int) -> Iterator[Segment]:
    """The segments of passages, as many in each as it takes; memory is bounded by one segment's postings."""
    batch = _Batch(fields)
    for passage in passages:
        batch.add(passage)
        if len(batch.passages) == MOST_PASSAGES:
            yield batch.segment()
            batch = _Batch(fields)
    if batch.passages:
        yield batch.segment()


def join(segments: Sequence[Segment], gone: Array) -> Segment:
    """One segment that holds what these hold, in order of passages, less the passages in `gone`."""
    passages = np.concatenate([segment.passages for segment in segments])
    kept = np.flatnonzero(~np.isin(passages, gone))
    order = kept[np.argsort(passages[kept], kind="stable")]
    new_place = np.full(len(passages), -1, np.int64)
    new_place[order] = np.arange(len(order))
    bases = np.cumsum([0, *map(len, segments)])
    places = new_place[np.concatenate([s.places + base for s, base in zip(segments, bases, strict=False)])]
    hashes = np.concatenate([np.repeat(s.terms, s.starts[1:] - s.starts[:-1]) for s in segments])
    counts = np.concatenate([segment.counts for segment in segments], axis=1)
    held = places >= 0
    return _arranged(
        passages[order],
        np.concatenate([segment.manuals for segment in segments])[order],
        np.concatenate([segment.japanese for segment in segments])[order],
        np.concatenate([segment.lengths for segment in segments], axis=1)[:, order],
        hashes[held],
        places[held],
        counts[:, held],
    )


class _Batch:
    """Passages on their way into a segment."""

    def __init__(self, fields: int) -> None:
        self._fields = range(fields)
        self._known: dict[str, int] = {}
        self.passages, self._manuals, self._japanese = array("q"), array("q"), array("B")
        self._lengths = [array("I") for _ in self._fields]
        self._hashes, self._places = array("Q"), array("H")
        self._counts = [array("B") for _ in self._fields]

    def add(self, passage: Counted) -> None:
        place = len(self.passages)
        self.passages.append(passage.passage)
        self._manuals.append(passage.manual)
        self._japanese.append(passage.language == "ja")
        counted = [Counter(terms) for terms in passage.terms]
        for lengths, terms in zip(self._lengths, passage.terms, strict=True):
            lengths.append(len(terms))
        held = list(dict.fromkeys(term for terms in counted for term in terms))
        self._hashes.extend([self._hash(term) for term in held])
        self._places.extend([place] * len(held))
        for counts, terms_counted in zip(self._counts, counted, strict=True):
            counts.extend([min(_MOST_COUNTED, terms_counted[term]) for term in held])

    def _hash(self, term: str) -> int:
        found = self._known.get(term)
        if found is None:
            found = self._known[term] = term_hash(term)
        return found

    def segment(self) -> Segment:
        return _arranged(
            np.frombuffer(self.passages, np.int64),
            np.frombuffer(self._manuals, np.int64),
            np.frombuffer(self._japanese, np.uint8),
            np.array([np.frombuffer(lengths, np.uint32) for lengths in self._lengths]),
            np.frombuffer(self._hashes, np.uint64),
            np.frombuffer(self._places, np.uint16),
            np.array([np.frombuffer(counts, np.uint8) for counts in self._counts]),
        )


def _arranged(
    passages: Array, manuals: Array, japanese: Array, lengths: Array, hashes: Array, places: Array, counts: Array
) -> Segment:
    """The segment of postings that come in any order."""
    order = np.lexsort((places, hashes))
    hashes = hashes[order]
    first = np.flatnonzero(np.append(True, hashes[1:] != hashes[:-1])) if len(hashes) else np.empty(0, np.int64)
    starts = np.append(first, len(hashes)).astype(np.uint32)
    return Segment(
        passages, manuals, hashes[first], starts, lengths, places[order].astype(np.uint16), counts[:, order], japanese
    )
