"""Search by words: a Whoosh index of the passages, derived from the store and ranked by BM25F (ranking.py).

Comes in: the store, and a query's text. Goes out: passage ids with scores. The index is made beside the old one
and swapped in; new and removed passages are caught up with; an index that is missing, broken or from elsewhere is made
anew. It is never the only copy of anything, so whatever is wrong with it is mended, not reported.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import whoosh.index
from whoosh import fields

from index import analyzer
from index.database import State
from index.derived import (
    Pointer,
    Sums,
    damage,
    intact,
    new_folder,
    read_pointer,
    spoiled,
    sums_of,
    sweep,
    sync,
    write_pointer,
)
from index.ranking import Ranker
from index.records import Language, Passage
from index.store import Store
from index.whoosh_pickles import open_index

_log = logging.getLogger(__name__)

KIND = "lexical"
MAKER = f"whoosh-2/terms-{analyzer.VERSION}"

MOST_TERMS = 32
"""A longer query is cut to its rarest terms: the others cost time and hardly change ranks."""

HEADING_BOOST = 0.5
"""What a term is worth in the heading path, on top of its worth in the text, of which the path is counted as a part.
Measured on 60 questions to the Slurm manual, MRR@10: text alone 0.412, path in the text 0.465, and by itself as well
with 0.5 0.491, with 1.0 0.467."""

LATIN_WORTH = 2.0
"""What a command, an option or another word in Latin letters counts for in a Japanese question. It is one term there,
where a Japanese word is several pairs: "オプション" alone would outweigh the option that is asked about.
Measured by words alone, hit@1: JSQuAD, 1,781 questions, 0.902 with 1, 0.905 with 1.5, 0.906 with 2, 0.906 with 3;
60 exam questions to a primer of 169 pages 0.817, 0.850, 0.850, 0.800."""


class Lexical:
    """The word index that lies in `folder`; the store is handed to each call that needs the truth.

    Use it from one thread at a time. `bring_up` writes and wants the writer's lock; `search` only reads, and sees what
    another process wrote as soon as its pointer was swapped.
    """

    def __init__(self, folder: Path, *, heading_boost: float = HEADING_BOOST) -> None:
        self._folder = folder
        self._path = folder / f"{KIND}.json"
        self._pointer: Pointer | None = None
        self._reader: Any = None
        self._ranker: Ranker | None = None
        self._heading_boost = heading_boost
        self._sound = ""  # the folder whose files were compared with their sums, or made, here

    def is_current(self, store: Store) -> bool:
        """Whether the index on disk holds just the passages that the store holds now."""
        pointer = read_pointer(self._path)
        return (
            pointer is not None
            and self._can_follow(pointer, store)
            and self._has_all(pointer, store)
            and intact(self._folder, pointer)
        )

    def bring_up(self, store: Store, *, anew: bool = False) -> None:
        """Take in what the store gained and drop what it lost since; make the index anew where that can't be done."""
        pointer = read_pointer(self._path)
        if not anew and pointer is not None and self._can_follow(pointer, store) and intact(self._folder, pointer):
            if self._has_all(pointer, store):
                return
            try:
                self._follow(pointer, store)
                return
            except Exception as error:  # whatever Whoosh finds broken in its files, the cure is the same
                _log.warning("The word index in %s is made anew: %s: %s", self._folder, type(error).__name__, error)
                self.close()
        self._build(store)

    def search(self, text: str, top: int, *, language: Language | None = None) -> list[tuple[int, float]]:
        """The `top` passages by BM25F, best first: passage id and score above 0. [] where no term is known.

        A broken index raises whatever Whoosh raises; the caller brings it up anew.
        """
        ranker = self._open()
        if ranker is None:
            return []
        terms = _rarest(ranker, analyzer.tokens(text, query=True))
        best = ranker.best(_weights(terms), top, ("language", language) if language else None)
        return [(int(self._reader.stored_fields(document)["id"]), score) for document, score in best]

    def damage(self) -> list[str]:
        """The files that are not as they were written, a sentence each; reads all of them."""
        return damage(self._path, "word index")

    def ids(self) -> set[int]:
        """The ids of all passages in the index."""
        if self._open() is None:
            return set()
        return {int(stored["id"]) for _, stored in self._reader.iter_docs()}

    def close(self) -> None:
        """Give the files back; the next search opens them again."""
        if self._reader is not None:
            self._reader.close()
        self._reader = self._ranker = self._pointer = None

    # -- reading ------------------------------------------------------------------------------------------------------

    def _open(self) -> Ranker | None:
        pointer = read_pointer(self._path)
        if pointer is not None and pointer.maker != MAKER:
            pointer = None
        if pointer != self._pointer:
            self.close()
            if pointer is not None:
                self._reader = open_index(str(self._folder / pointer.folder), _schema(), readonly=True).reader()
                self._ranker = Ranker(self._reader, {"body": 1.0, "heading": self._heading_boost})
                self._pointer = pointer
        return self._ranker

    # -- writing ------------------------------------------------------------------------------------------------------

    def _can_follow(self, pointer: Pointer, store: Store) -> bool:
        return pointer.maker == MAKER and store.knows(pointer.state)

    def _has_all(self, pointer: Pointer, store: Store) -> bool:
        return pointer.settled and store.last_passage() <= pointer.last and not store.removed_since(pointer.generation)

    def _follow(self, pointer: Pointer, store: Store) -> None:
        if pointer.folder != self._sound:  # once is enough: Whoosh would merge damage into segments that look whole
            if spoiled(self._folder, pointer, whatever_is_there=True):
                raise _NotFollowed
            self._sound = pointer.folder
        state = store.state()
        # A catch-up that was cut short may have put passages in already: those are dropped first.
        repair = [] if pointer.settled else [id_ for id_ in self.ids() if id_ > pointer.last]
        gone = store.removed_since(pointer.generation)
        new = store.passages_after(pointer.last)
        write_pointer(self._path, replace(pointer, settled=False))
        found = open_index(str(self._folder / pointer.folder), _schema())
        last = _write(found, [*repair, *gone], new) or pointer.last
        with found.reader() as reader:
            if reader.doc_count() != store.passage_count():
                raise _NotFollowed
        self._settle(pointer.folder, state, last, pointer.sums)

    def _build(self, store: Store) -> None:
        self.close()
        folder = new_folder(self._folder, KIND)
        state = store.state()
        last = _write(whoosh.index.create_in(str(folder), _schema()), [], store.passages_after(0))
        self._settle(folder.name, state, last)
        self._sound = folder.name
        sweep(self._folder, KIND, folder.name)

    def _settle(self, folder: str, state: State, last: int, known: Sums | None = None) -> None:
        sync(self._folder / folder)  # Whoosh itself never has its files on the disk before it goes on
        sums = sums_of(self._folder / folder, known)
        write_pointer(self._path, Pointer(folder, state.generation, state.mark, last, MAKER, sums=sums))


class _NotFollowed(Exception):
    """The index is not what its pointer said: a file of it is damaged, or it holds other passages than the store."""


def _rarest(ranker: Ranker, terms: Iterable[str]) -> list[str]:
    """Each term that the index holds, once, rarest first, at most MOST_TERMS of them."""
    counted = [(ranker.frequency(term), order, term) for order, term in enumerate(dict.fromkeys(terms))]
    return [term for count, _, term in sorted(counted) if count][:MOST_TERMS]


def _weights(terms: Sequence[str]) -> dict[str, float]:
    japanese = any(map(analyzer.is_japanese, terms))
    return {term: LATIN_WORTH if japanese and not analyzer.is_japanese(term) else 1.0 for term in terms}


def _schema() -> Any:
    terms = analyzer.TermTokenizer()
    return fields.Schema(
        id=fields.ID(unique=True, stored=True),
        body=fields.TEXT(analyzer=terms, phrase=False),
        heading=fields.TEXT(analyzer=terms, phrase=False),
        language=fields.ID(),
        manual_id=fields.ID(),
    )


def _write(found: Any, gone: Sequence[int], new: Iterable[Passage]) -> int:
    """Take passages out and in, in one commit; returns the greatest id put in, 0 for none."""
    last = 0
    writer = found.writer(limitmb=128)
    try:
        for id_ in gone:
            writer.delete_by_term("id", str(id_))
        for passage in new:
            heading = "\n".join(passage.heading)
            writer.add_document(
                id=str(passage.id),
                body=f"{heading}\n{passage.context}\n{passage.text}",
                heading=heading,
                language=passage.language,
                manual_id=str(passage.manual_id),
            )
            last = passage.id
    except BaseException:
        writer.cancel()
        raise
    writer.commit()
    return last
