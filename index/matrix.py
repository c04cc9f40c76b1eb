"""The score matrix: every passage's counted terms in a few memory-mapped files, derived from the store.

Comes in: the store, and a way to read passages as counted terms. Goes out: a `Ranker` over all of them. What is new
becomes a small segment; small segments are joined as they gather, large ones are left alone, so that a hundred more
passages cost the same in any library. Each state is a folder of its own, which shares the files that stay with the one
before (as hard links), and is swapped in by the pointer: who reads meets one state or the other. It knows nothing of
analysis, queries or weights.
"""

from __future__ import annotations

import logging
import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from index.database import State
from index.derived import (
    Pointer,
    as_written,
    damage,
    intact,
    new_folder,
    read_pointer,
    sums_of,
    sweep,
    sync_entry,
    write_pointer,
)
from index.ranking import Ranker
from index.segments import Array, Counted, Segment, SegmentBroken, count, join, load, save
from index.store import Store

_log = logging.getLogger(__name__)

KIND = "lexical"
GONE = "gone.npy"
_SUFFIX = ".seg"
_STEP = 4  # segments of about one size are joined when there are so many of them
_LARGE = 4096  # passages; a segment of so many is joined no more, which would take too long

Read = Callable[[int], Iterator[Counted]]
"""The passages with an id greater than the one given, ascending."""


class Matrix:
    """The matrix that lies in `folder`. `maker` is whatever must be equal for its files to be of use (the analyzer's
    version); `worth` says what a term counts in each field. `bring_up` writes and wants the writer's lock."""

    def __init__(self, folder: Path, maker: str, worth: Sequence[float]) -> None:
        self._folder = folder
        self._path = folder / f"{KIND}.json"
        self._maker = f"segments-1/{maker}"
        self._worth = worth
        self._pointer: Pointer | None = None
        self._ranker: Ranker | None = None

    def is_current(self, store: Store) -> bool:
        """Whether the files on disk hold just the passages that the store holds now."""
        pointer = self._usable(store)
        return pointer is not None and self._has_all(pointer, store)

    def bring_up(self, store: Store, read: Read, *, anew: bool = False) -> None:
        """Take in what the store gained and drop what it lost since; make all anew where that can't be done."""
        pointer = None if anew else self._usable(store)
        if pointer is not None:
            if self._has_all(pointer, store):
                return
            try:
                self._follow(pointer, store, read)
                return
            except (OSError, ValueError, IndexError, SegmentBroken) as error:
                _log.warning("The score matrix in %s is made anew: %s: %s", self._folder, type(error).__name__, error)
        self._build(store, read)

    def open(self) -> Ranker | None:
        """What ranks the passages as the pointer names them now; None where there is no matrix of this maker.

        Raises OSError, ValueError or SegmentBroken for files that are not as they should be.
        """
        for attempt in range(3):
            pointer = read_pointer(self._path)
            if pointer is not None and pointer.maker != self._maker:
                pointer = None
            if pointer == self._pointer:
                break
            self.close()
            if pointer is None:
                break
            try:
                self._ranker = Ranker(*_load(self._folder / pointer.folder, pointer, len(self._worth)), self._worth)
                self._pointer = pointer
                break
            except FileNotFoundError:  # another process has just swapped in the next state and swept this one
                if attempt == 2:
                    raise
        return self._ranker

    def damage(self) -> list[str]:
        """What is wrong with the files, a sentence each; reads all of them."""
        return damage(self._path, "word index")

    def close(self) -> None:
        """Give the files back; `open` opens them again."""
        self._pointer = self._ranker = None

    # -- inside -------------------------------------------------------------------------------------------------------

    def _usable(self, store: Store) -> Pointer | None:
        pointer = read_pointer(self._path)
        if pointer is None or pointer.maker != self._maker or not pointer.settled or not store.knows(pointer.state):
            return None
        return pointer if intact(self._folder, pointer) else None

    def _has_all(self, pointer: Pointer, store: Store) -> bool:
        return store.last_passage() <= pointer.last and not store.removed_since(pointer.generation)

    def _follow(self, pointer: Pointer, store: Store, read: Read) -> None:
        state = store.state()
        before = self._folder / pointer.folder
        old = {name: load(before / name, len(self._worth)) for name in _segments(pointer)}
        new = list(count(read(pointer.last), len(self._worth)))
        last = max((int(segment.passages[-1]) for segment in new), default=pointer.last)
        removed = np.array(store.removed_since(pointer.generation), np.int64)
        gone = np.union1d(np.load(before / GONE, allow_pickle=False), removed)
        joined, kept = _joined(old, new, gone)
        for name in old.keys() - kept:  # what is damaged must not come into a file that looks whole
            if not as_written(before / name, pointer.sums[name]):
                raise SegmentBroken(f"{before / name} is damaged.")
        held = np.concatenate(
            [old[name].passages for name in kept] + [segment.passages for segment in joined] or [gone]
        )
        gone = np.intersect1d(gone, held).astype(np.int64)
        if len(held) - len(gone) != store.passage_count():
            raise SegmentBroken("The matrix held other passages than its pointer said.")
        folder = new_folder(self._folder, KIND)
        for name in kept:
            _link(before / name, folder / name)
        self._settle(folder, joined, gone, state, last, {name: pointer.sums[name] for name in kept})

    def _build(self, store: Store, read: Read) -> None:
        state = store.state()
        self._settle(new_folder(self._folder, KIND), count(read(0), len(self._worth)), np.empty(0, np.int64), state, 0)

    def _settle(
        self,
        folder: Path,
        segments: Iterator[Segment] | Sequence[Segment],
        gone: Array,
        state: State,
        last: int,
        known: dict[str, tuple[int, str]] | None = None,
    ) -> None:
        """Write the files of `folder` and have the pointer name it."""
        self.close()
        for segment in segments:
            if len(segment):
                save(folder / f"{secrets.token_hex(6)}{_SUFFIX}", segment)
                last = max(last, int(segment.passages[-1]))
        with (folder / GONE).open("wb") as file:
            np.save(file, gone)
            file.flush()
            os.fsync(file.fileno())
        sync_entry(folder)
        sums = sums_of(folder, known)
        write_pointer(self._path, Pointer(folder.name, state.generation, state.mark, last, self._maker, sums=sums))
        sweep(self._folder, KIND, folder.name)


def _segments(pointer: Pointer) -> list[str]:
    return [name for name in pointer.sums if name.endswith(_SUFFIX)]


def _load(folder: Path, pointer: Pointer, fields: int) -> tuple[list[Segment], Array]:
    return [load(folder / name, fields) for name in _segments(pointer)], np.load(folder / GONE, allow_pickle=False)


def _joined(old: dict[str, Segment], new: Sequence[Segment], gone: Array) -> tuple[list[Segment], set[str]]:
    """The segments to write, and which of the old ones stay as they are.

    Four of about one size become one, until none has three others like it; a large one only when most of it is gone.
    """
    write, kept = list(new), dict(old)
    for name, segment in old.items():
        if np.isin(segment.passages, gone).sum() * 2 > len(segment):
            del kept[name]
            write.append(join([segment], gone))
    while True:
        alike: dict[int, list[Segment]] = {}
        for segment in (*write, *kept.values()):
            if len(segment) < _LARGE:
                alike.setdefault(max(1, len(segment)).bit_length() // 2, []).append(segment)
        group = next((group for group in alike.values() if len(group) >= _STEP), None)
        if group is None:
            return write, set(kept)
        taken = set(map(id, group))
        write = [*(segment for segment in write if id(segment) not in taken), join(group, gone)]
        kept = {name: segment for name, segment in kept.items() if id(segment) not in taken}


def _link(path: Path, to: Path) -> None:
    """One file under two names where the file system knows that, else a copy."""
    try:
        os.link(path, to)
    except OSError:
        shutil.copyfile(path, to)
