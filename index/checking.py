"""Says what is damaged in a library, a sentence each; changes nothing.

Every row must belong to something, every passage must lie within its section's text, and the derived files must hold
what the store holds: nothing less, nothing more.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from index.dense import Dense
from index.errors import LibraryDamaged
from index.lexical import Lexical
from index.store import SEPARATOR, Store


def damage(store: Store, lexical: Lexical, dense: Dense) -> Iterator[str]:
    """What is wrong, from the truth outwards; nothing for a library that is whole."""
    try:
        yield from store.damage()
        yield from _offsets(store)
        yield from _words(store, lexical)
        yield from dense.damage(store)
    except (LibraryDamaged, sqlite3.DatabaseError) as error:
        yield str(error)


def _offsets(store: Store) -> Iterator[str]:
    for manual in store.manuals():
        for file in store.files(manual.id):
            sections = store.sections(manual.id, file.source)
            text = SEPARATOR.join(section.text for section in sections)
            for section in sections:
                if text[section.start : section.start + len(section.text)] != section.text:
                    yield f"A section of {file.source} ({manual.title}) does not stand where it says: import it again."
                for passage in store.passages_of(section.id):
                    if not passage.text or text[passage.start : passage.end] != passage.text:
                        yield f"Passage {passage.id} of {file.source} is not verbatim: import {manual.title} again."


def _words(store: Store, lexical: Lexical) -> Iterator[str]:
    if not lexical.is_current(store):
        yield "The word index is behind the library: rebuild the library."
        return
    try:
        indexed = lexical.ids()
    except Exception as error:  # a broken Whoosh file fails in many ways
        yield f"The word index can't be read ({type(error).__name__}): rebuild the library."
        return
    held = {passage.id for passage in store.passages_after(0)}
    if indexed != held:
        lacks, extra = len(held - indexed), len(indexed - held)
        yield f"The word index lacks {lacks} passages and has {extra} too many: rebuild the library."
