"""The library's Whoosh index: the terms of the score matrix over again, kept behind it and ranked by Whoosh itself.

Comes in: the store. Goes out: passage ids with scores. A plain search never opens it: the matrix (matrix.py) ranks
a hundred times faster and holds a passage as soon as its file is stored, while Whoosh works two milliseconds on each.
So it is brought up in steps while nobody waits, and answers what the matrix can't, which knows terms by their hash
only: which names have a shape, and every passage that holds a phrase (exact.py). It is never the only copy of
anything: whatever is wrong with it is mended, not reported.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import whoosh.index
import whoosh.searching
from whoosh import fields, query
from whoosh.analysis import Token, Tokenizer
from whoosh.reading import SegmentReader

from index import analyzer
from index.derived import (
    Pointer,
    damage,
    intact,
    is_broken,
    new_folder,
    read_pointer,
    spoiled,
    sums_of,
    sweep,
    sync,
    write_pointer,
)
from index.records import Language, Passage
from index.store import Store
from index.whoosh_pickles import open_index

_log = logging.getLogger(__name__)

KIND = "whoosh"
MAKER = f"whoosh-2/terms-{analyzer.VERSION}"
STEP = 500
"""Passages taken in at a time: about a second, after which others may write."""
_SMALL, _MANY = 1_000, 8  # segments under so many passages are merged when there are so many of them


class WhooshIndex:
    """The Whoosh index that lies in `folder`; the store is handed to each call that needs the truth.

    Use it from one thread at a time. `bring_up` writes and wants the writer's lock; `search` only reads.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / f"{KIND}.json"
        self._pointer: Pointer | None = None
        self._reader: Any = None
        self._sound = ""  # the folder whose files were compared with their sums, or made, here

    def is_current(self, store: Store) -> bool:
        """Whether the index on disk holds just the passages that the store holds now."""
        pointer = self._usable(store)
        return pointer is not None and self._has_all(pointer, store)

    def bring_up(self, store: Store, *, anew: bool = False) -> bool:
        """Drop what the store lost since, take in at most `STEP` of what it gained, and say whether that was all.

        The index is made anew, in such steps, where it is missing, broken or from elsewhere.
        """
        pointer = (None if anew else self._usable(store)) or self._empty(store)
        try:
            return self._has_all(pointer, store) or self._follow(pointer, store)
        except Exception as error:  # whatever Whoosh finds broken in its files, the cure is the same
            _log.warning("The Whoosh index in %s is made anew: %s: %s", self._folder, type(error).__name__, error)
            self.close()
            return self._follow(self._empty(store), store)

    def search(
        self,
        weights: Mapping[str, float],
        top: int,
        *,
        language: Language | None = None,
        manuals: Collection[int] | None = None,
    ) -> list[tuple[int, float]]:
        """The `top` passages for weighted terms, best first: passage id and score, by Whoosh's own BM25F.

        A broken index raises whatever Whoosh raises.
        """
        reader = self._open()
        if reader is None:
            return []
        asked = query.Or([query.Term("body", term, boost=weight) for term, weight in weights.items()])
        found = whoosh.searching.Searcher(reader).search(asked, limit=top, filter=_kept_to(language, manuals))
        return [(int(hit["id"]), float(hit.score)) for hit in found]

    def holding(
        self, terms: Sequence[str], *, language: Language | None = None, manuals: Collection[int] | None = None
    ) -> list[int]:
        """The ids of all passages that hold every one of these terms, ascending. Raises as `search`."""
        reader = self._open()
        if reader is None or not terms:
            return []
        asked = query.And([query.Term("body", term) for term in terms])
        found = whoosh.searching.Searcher(reader).search(asked, limit=None, filter=_kept_to(language, manuals))
        return sorted(int(hit["id"]) for hit in found)

    def names(self, prefix: str) -> Iterator[str]:
        """Every term of the library that begins with `prefix`, in order. Raises as `search`."""
        reader = self._open()
        if reader is not None:
            yield from (term.decode("utf-8") for term in reader.expand_prefix("body", prefix))

    def forget_if_broken(self) -> None:
        """Drop an index that is seen at the first look to be broken; `bring_up` makes it anew, behind."""
        if is_broken(self._path):
            self.close()
            self._path.unlink(missing_ok=True)

    def damage(self) -> list[str]:
        """The files that are not as they were written, a sentence each; reads all of them."""
        return damage(self._path, "Whoosh index")

    def ids(self) -> set[int]:
        """The ids of all passages in the index."""
        reader = self._open()
        return set() if reader is None else {int(stored["id"]) for _, stored in reader.iter_docs()}

    def close(self) -> None:
        """Give the files back; the next search opens them again."""
        if self._reader is not None:
            self._reader.close()
        self._reader = self._pointer = None

    # -- inside -------------------------------------------------------------------------------------------------------

    def _open(self) -> Any:
        pointer = read_pointer(self._path)
        if pointer is not None and pointer.maker != MAKER:
            pointer = None
        if pointer != self._pointer:
            self.close()
            if pointer is not None:
                self._reader = open_index(str(self._folder / pointer.folder), _schema(), readonly=True).reader()
                self._pointer = pointer
        return self._reader

    def _usable(self, store: Store) -> Pointer | None:
        pointer = read_pointer(self._path)
        if pointer is None or pointer.maker != MAKER or not store.knows(pointer.state):
            return None
        return pointer if intact(self._folder, pointer) else None

    def _has_all(self, pointer: Pointer, store: Store) -> bool:
        return pointer.settled and store.last_passage() <= pointer.last and not store.removed_since(pointer.generation)

    def _follow(self, pointer: Pointer, store: Store) -> bool:
        if pointer.folder != self._sound:  # once is enough: Whoosh would merge damage into segments that look whole
            if spoiled(self._folder, pointer, whatever_is_there=True):
                raise _NotFollowed
            self._sound = pointer.folder
        state = store.state()
        # A step that was cut short may have put passages in already: those are dropped first.
        repair = [] if pointer.settled else [id_ for id_ in self.ids() if id_ > pointer.last]
        gone = store.removed_since(pointer.generation)
        write_pointer(self._path, replace(pointer, settled=False))
        found = open_index(str(self._folder / pointer.folder), _schema())
        last = _write(found, [*repair, *gone], islice(store.passages_after(pointer.last), STEP)) or pointer.last
        settled = replace(pointer, generation=state.generation, mark=state.mark, last=last, settled=True)
        complete = self._has_all(settled, store)
        with found.reader() as reader:
            if complete and reader.doc_count() != store.passage_count():
                raise _NotFollowed
        sync(self._folder / pointer.folder)  # Whoosh itself never has its files on the disk before it goes on
        write_pointer(self._path, replace(settled, sums=sums_of(self._folder / pointer.folder, pointer.sums)))
        return complete

    def _empty(self, store: Store) -> Pointer:
        self.close()
        state = store.state()
        folder = new_folder(self._folder, KIND)
        whoosh.index.create_in(str(folder), _schema())
        sync(folder)
        pointer = Pointer(folder.name, state.generation, state.mark, 0, MAKER, sums=sums_of(folder))
        write_pointer(self._path, pointer)
        sweep(self._folder, KIND, folder.name)
        return pointer


class TermTokenizer(Tokenizer):  # type: ignore[misc]  # Whoosh carries no types
    """The analyzer as Whoosh wants it: its indexing side. Queries are built from terms and never parsed."""

    def __call__(self, value: str | Iterable[str], **kwargs: Any) -> Iterator[Token]:
        """Yields one token a term; the same `Token` object each time, as Whoosh expects."""
        token = Token(**{key: kwargs[key] for key in ("positions", "chars", "mode") if key in kwargs})
        for position, text in enumerate(analyzer.tokens(value) if isinstance(value, str) else value):
            token.text = text
            token.boost = 1.0
            token.stopped = False
            if token.positions:
                token.pos = position
            yield token


def _kept_to(language: Language | None, manuals: Collection[int] | None) -> Any:
    """What a search is kept to, as a query; None for everything."""
    kept = [query.Term("language", language)] if language else []
    if manuals is not None:
        kept.append(query.Or([query.Term("manual_id", str(manual)) for manual in manuals]))
    return query.And(kept) if kept else None


class _NotFollowed(Exception):
    """The index is not what its pointer said: a file of it is damaged, or it holds other passages than the store."""


def _schema() -> Any:
    terms = TermTokenizer()
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
    writer = found.writer(limitmb=512)  # more than a step needs: nothing is spilt to disk and read again
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
    writer.commit(mergetype=_merged)
    return last


def _merged(writer: Any, segments: list[Any]) -> list[Any]:
    """Whoosh's own policy merges ever larger segments, which takes it minutes; here only small ones are."""
    small = [segment for segment in segments if segment.doc_count_all() < _SMALL]
    if len(small) < _MANY:
        return segments
    for segment in small:
        with SegmentReader(writer.storage, writer.schema, segment) as reader:
            writer.add_reader(reader)
    return [segment for segment in segments if segment not in small]
