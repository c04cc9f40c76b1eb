"""Finds files that say what the pages of their folder say already, in another format: a PDF or a text beside the HTML.

Comes in: files that were read, and the library's store. Goes out: whether the HTML pages of the same folder hold a
file's text. Only files of an imported folder are looked at; whoever gives a PDF by itself wants it. The pages must be
stored before: `index.listing` puts them first.
"""

from __future__ import annotations

from pathlib import PurePosixPath

from index.listing import Candidate
from index.reading import HTML, OTHER_FORMATS, kind_of
from index.records import Document
from index.same_text import FEWEST, Sentences, is_same, prose_of, sentences_of
from index.store import Store


class Twins:
    """The HTML pages of the folder that an import goes through, by their sentences."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._folder = ""
        self._pages: list[tuple[str, Sentences]] = []  # of the folder at hand: version and sentences of each manual

    def may_be(self, candidate: Candidate) -> bool:
        """Whether a file is of a kind, and in a place, that `repeats` looks at."""
        given_alone = candidate.entry is None and candidate.root == str(candidate.path)
        return kind_of(candidate.entry or candidate.path.name) in OTHER_FORMATS and not given_alone

    def repeats(self, candidate: Candidate, document: Document) -> bool:
        """Whether stored HTML pages of the same folder hold the text of this file; pages of another version than the
        file says of itself don't."""
        own = sentences_of(prose_of(document)) if self.may_be(candidate) else frozenset()
        if len(own) < FEWEST:
            return False
        stated = dict(document.meta).get("version", "").strip()
        return any(
            is_same(own, held) and not (stated and version and stated != version)
            for version, held in self._held_beside(candidate)
        )

    def _held_beside(self, candidate: Candidate) -> list[tuple[str, Sentences]]:
        folder = _folder(candidate)
        if folder != self._folder:
            self._folder = folder
            self._pages = [
                (version, sentences_of(self._texts(id_)))
                for id_, version in self._store.manuals_of_group(folder).items()
            ]
        return self._pages

    def _texts(self, manual: int) -> list[str]:
        pages = [file.source for file in self._store.files(manual) if kind_of(file.source) in HTML]
        return [section.text for source in pages for section in self._store.sections(manual, source)]


def _folder(candidate: Candidate) -> str:
    """The key of the manual that HTML pages in the same folder make up."""
    if candidate.entry is None:
        return str(candidate.path.parent)
    parent = PurePosixPath(candidate.entry).parent
    return f"{candidate.path}!/{'' if parent == PurePosixPath('.') else parent}"
