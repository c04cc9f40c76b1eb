"""Search by meaning: a matrix of the passages' embeddings, derived from the store and searched exactly.

Comes in: the store, and a query's vector. Goes out: passage ids with cosines. Most rows lie in a memory-mapped file
that is made beside the old one and swapped in; embeddings newer than the file are held in memory until it is worth
making anew. Passages without an embedding are simply not there.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from index.database import State
from index.derived import Pointer, damage, intact, new_folder, read_pointer, sums_of, sweep, sync, write_pointer
from index.records import Language
from index.store import Store

KIND = "dense"
MAKER = "float32-2"
ROWS, KEYS = "rows.npy", "keys.npy"
_KEY = 3  # numbers a row in the file of keys: passage, manual, whether it is Japanese
_TAIL = 2_000
"""Embeddings beyond the file before it is made anew (or a tenth of the file, if that is more)."""

Vectors = npt.NDArray[np.float32]
Ids = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Part:
    """Embeddings that came in together: those of the file, or some newer ones."""

    passages: Ids
    manuals: Ids
    japanese: npt.NDArray[np.bool_]
    rows: Vectors  # L2-normalised, one a passage
    order: npt.NDArray[np.intp]  # what sorts the passages

    @classmethod
    def of(cls, keys: Ids, rows: Vectors) -> _Part:
        passages = np.ascontiguousarray(keys[:, 0])
        return cls(passages, np.ascontiguousarray(keys[:, 1]), keys[:, 2] > 0, rows, np.argsort(passages))

    @property
    def keys(self) -> Ids:
        return np.stack([self.passages, self.manuals, self.japanese], axis=1).astype(np.int64)

    def places(self, ids: Ids) -> npt.NDArray[np.intp]:
        """Where those of these passages lie that are here."""
        at = self.order[np.minimum(np.searchsorted(self.passages, ids, sorter=self.order), len(self.order) - 1)]
        return np.asarray(at[self.passages[at] == ids])


class Dense:
    """The embeddings that lie in `folder`. Use it from one thread at a time; `follow` before `search`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / f"{KIND}.json"
        self._seen: State | None = None  # the state of the store that what is in memory stands for
        self._pointer: Pointer | None = None
        self._parts: list[_Part] = []
        self._last = 0
        self._gone: Ids = np.empty(0, np.int64)

    def follow(self, store: Store) -> None:
        """Have every embedding that the store has now; reads only. What the file can't give comes from the store."""
        state = store.state()
        if self._seen is not None and self._seen == state:
            return
        if self._pointer is None or not self._fits(self._pointer, store):
            self.close()
            pointer = read_pointer(self._path)
            if pointer is not None and self._fits(pointer, store):
                self._load(pointer)
        new = _read(store.vectors_after(self._last))
        if new is not None:
            self._parts.append(new[0])
            self._last = new[1]
            if len(self._parts) > 16:  # many small parts: one for each batch embedded since
                self._parts[1:] = [_joined(self._parts[1:])]
        since = self._pointer.generation if self._pointer else 0
        self._gone = np.asarray(store.removed_since(since), np.int64)
        self._seen = state

    def is_current(self, store: Store) -> bool:
        """Whether the file, if there is one, can be used."""
        pointer = read_pointer(self._path)
        return self._fits(pointer, store) if pointer is not None else not self._path.exists()

    def bring_up(self, store: Store, *, anew: bool = False) -> None:
        """Make the file anew where it is missing, broken, from elsewhere or far behind; wants the writer's lock."""
        if anew:
            self.close()
        self.follow(store)
        filed = len(self._parts[0].passages) if self._pointer and self._parts else 0
        beyond = sum(len(part.passages) for part in self._parts) - filed
        if not anew and self._pointer is not None and beyond <= max(_TAIL, filed // 10):
            return
        if anew or self._path.exists() or beyond > _TAIL:
            self._build(store)

    def search(
        self,
        query: Vectors,
        top: int,
        *,
        language: Language | None = None,
        manuals: Collection[int] | None = None,
    ) -> list[tuple[int, float]]:
        """The `top` passages nearest to `query` (float32 [dimension], L2-normalised): id and cosine, best first.

        `language` and `manuals` (ids; None: all) keep to passages in that language and of those manuals.
        """
        found: list[tuple[int, float]] = []
        for part in self._parts:
            scores = part.rows @ query
            scores[part.places(self._gone)] = -2.0
            if language is not None:
                scores[part.japanese != (language == "ja")] = -2.0
            if manuals is not None:
                scores[~np.isin(part.manuals, np.fromiter(manuals, np.int64, len(manuals)))] = -2.0
            best = np.argpartition(-scores, top - 1)[:top] if len(scores) > top else np.arange(len(scores))
            found += [(int(part.passages[i]), float(scores[i])) for i in best if scores[i] > -2.0]
        return sorted(found, key=lambda pair: (-pair[1], pair[0]))[:top]

    def cosines(self, query: Vectors, ids: Iterable[int]) -> dict[int, float]:
        """The cosine of each of these passages that has an embedding."""
        wanted = np.asarray(sorted(set(ids)), np.int64)
        found: dict[int, float] = {}
        for part in self._parts:
            places = part.places(wanted)
            scores = part.rows[places] @ query
            found.update(zip(part.passages[places].tolist(), scores.tolist(), strict=True))
        return found

    def passages(self) -> list[int]:
        """The ids of all passages that can be found by meaning, ascending."""
        held = np.concatenate([np.empty(0, np.int64), *(part.passages for part in self._parts)])
        return sorted(set(held.tolist()) - set(self._gone.tolist()))

    def file_damage(self) -> list[str]:
        """What is wrong with the file, a sentence each; [] too while there is none. Reads all of it."""
        return damage(self._path, "embedding matrix")

    def damage(self, store: Store) -> list[str]:
        """What is otherwise than in the store, a sentence each. Reads all, a little at a time."""
        self.follow(store)
        places: dict[int, tuple[Vectors, int]] = {}
        for part in self._parts:
            places.update((id_, (part.rows, at)) for at, id_ in enumerate(part.passages.tolist()))
        held = 0
        for _, passage, *_, vector in store.vectors_after(0):
            if passage not in places or _row(*places[passage]) != vector:
                return [f"The embedding of passage {passage} in the matrix is not the stored one: rebuild the library."]
            held += 1
        if held != len(self.passages()):
            return ["The embedding matrix holds passages that have no embedding: rebuild the library."]
        return []

    def close(self) -> None:
        """Let go of the file; the next `follow` opens it again."""
        self._seen = self._pointer = None
        self._parts = []
        self._last = 0

    # -- inside -------------------------------------------------------------------------------------------------------

    def _fits(self, pointer: Pointer, store: Store) -> bool:
        return pointer.maker == _maker(store) and store.knows(pointer.state) and intact(self._folder, pointer)

    def _load(self, pointer: Pointer) -> None:
        folder = self._folder / pointer.folder
        with contextlib.suppress(OSError, ValueError):
            keys = np.load(folder / KEYS, allow_pickle=False)
            rows = np.load(folder / ROWS, mmap_mode="r", allow_pickle=False)
            if (
                keys.dtype == np.int64
                and keys.shape == (len(rows), _KEY)
                and rows.dtype == np.float32
                and rows.ndim == 2
            ):
                self._parts, self._last, self._pointer = [_Part.of(keys, np.asarray(rows))], pointer.last, pointer

    def _build(self, store: Store) -> None:
        """Write the matrix row by row, so that a large library needs no memory for it."""
        self.close()
        state = store.state()
        folder = new_folder(self._folder, KIND)
        count = store.counts()[3]
        last = 0
        if count:
            first = next(store.vectors_after(0))
            shape = (count, len(first[-1]) // 4)
            rows = np.lib.format.open_memmap(folder / ROWS, mode="w+", dtype=np.float32, shape=shape)
            keys = np.empty((count, _KEY), np.int64)
            for place, (last, passage, manual, language, vector) in enumerate(store.vectors_after(0)):  # noqa: B007
                rows[place] = np.frombuffer(vector, "<f4")
                keys[place] = passage, manual, language == "ja"
            rows.flush()
            del rows
            with (folder / KEYS).open("wb") as file:
                np.save(file, keys)
                file.flush()
                os.fsync(file.fileno())
        sync(folder)
        sums = sums_of(folder)
        write_pointer(self._path, Pointer(folder.name, state.generation, state.mark, last, _maker(store), sums=sums))
        sweep(self._folder, KIND, folder.name)
        self.follow(store)


def _maker(store: Store) -> str:
    return f"{MAKER}|{store.embedder()}|{store.vectors_from()}"


def _read(rows: Iterable[tuple[int, int, int, Language, bytes]]) -> tuple[_Part, int] | None:
    taken = list(rows)
    if not taken:
        return None
    keys = np.array([(passage, manual, language == "ja") for _, passage, manual, language, _ in taken], np.int64)
    return _Part.of(keys, np.stack([np.frombuffer(vector, "<f4") for *_, vector in taken])), taken[-1][0]


def _row(rows: Vectors, at: int) -> bytes:
    return bytes(rows[at].astype("<f4").tobytes())


def _joined(parts: list[_Part]) -> _Part:
    return _Part.of(np.concatenate([part.keys for part in parts]), np.concatenate([part.rows for part in parts]))
