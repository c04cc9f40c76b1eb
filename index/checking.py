"""Says what is damaged in a library, a sentence each.

The truth must be whole to SQLite and be what was stored, every passage must lie within its section's text, and the
derived files must be what was written and hold what the store holds: nothing less, nothing more. A derived file that is
only behind, since a process ended before it was done, is no damage and is brought up first.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from typing import Protocol

from index.dense import Dense
from index.errors import LibraryDamaged, LibraryUnreachable
from index.store import SEPARATOR, Store, StoredFile


class WordIndex(Protocol):
    """What is asked of the search by words here."""

    def is_current(self, store: Store) -> bool: ...
    def damage(self) -> list[str]: ...
    def ids(self) -> set[int]: ...


def damage(
    store: Store, lexical: WordIndex, dense: Dense, bring_up: Callable[[], None] = lambda: None
) -> Iterator[str]:
    """What is wrong, from the truth outwards; nothing for a library that is whole. Reads everything, a little at a
    time. `bring_up` has the derived files follow the store if nobody is writing it."""
    for part in (store.damage, lambda: _offsets(store), lambda: _derived(store, lexical, dense, bring_up)):
        try:
            yield from part()
        except LibraryDamaged as error:
            yield str(error)
        except LibraryUnreachable as error:
            yield str(error)
            return
        except (sqlite3.DatabaseError, ValueError, TypeError) as error:  # rows that hold what no program wrote
            yield f"{store.path} holds what was never stored ({error}): put back a backup."


def _offsets(store: Store) -> Iterator[str]:
    for manual in store.manuals():
        for file in store.files(manual.id):
            yield from _offsets_of(store, file, manual.title)


def _offsets_of(store: Store, file: StoredFile, title: str) -> Iterator[str]:
    sections = store.sections(file.manual_id, file.source)
    text = SEPARATOR.join(section.text for section in sections)
    for section in sections:
        if text[section.start : section.start + len(section.text)] != section.text:
            yield f"A section of {file.source} ({title}) does not stand where it says: put back a backup."
        for passage in store.passages_of(section.id):
            if not passage.text or text[passage.start : passage.end] != passage.text:
                yield f"Passage {passage.id} of {file.source} ({title}) is not verbatim: put back a backup."


def _derived(store: Store, lexical: WordIndex, dense: Dense, bring_up: Callable[[], None]) -> Iterator[str]:
    found = [*lexical.damage(), *dense.file_damage()]
    if found:
        yield from found
        return
    bring_up()
    if lexical.is_current(store):  # else another process is writing, and its end brings it up
        yield from _words(store, lexical)
        yield from dense.damage(store)


def _words(store: Store, lexical: WordIndex) -> Iterator[str]:
    try:
        indexed = lexical.ids()
    except Exception as error:  # a broken file fails in many ways
        yield f"The word index can't be read ({type(error).__name__}): rebuild the library."
        return
    lacks = 0
    for (id_,) in store.connection.execute("SELECT id FROM passages"):
        if id_ in indexed:
            indexed.remove(id_)
        else:
            lacks += 1
    if lacks or indexed:
        yield f"The word index lacks {lacks} passages and has {len(indexed)} too many: rebuild the library."
