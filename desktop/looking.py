"""What is looked up beside answering: sections to read, manuals to list, a place to read again. Owned by one lane.

It has its own connection to the library, so that a page opens while an answer is being written. It knows nothing of Qt.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from agent.records import Citation, Question
from desktop.folders import Folders
from desktop.opening import open_library
from desktop.view_models.section_text import quote_span
from desktop.view_models.turns import citation_of
from index.errors import LibraryMissing
from index.records import Block, Manual, Passage, Section

if TYPE_CHECKING:
    from index.library import Library


@dataclass(frozen=True, slots=True)
class Holdings:
    """What the library holds: its manuals and how many passages and embeddings they have together."""

    manuals: tuple[Manual, ...]

    @property
    def passages(self) -> int:
        """All passages."""
        return sum(one.passages for one in self.manuals)

    @property
    def embedded(self) -> int:
        """Passages that have an embedding."""
        return sum(one.embedded for one in self.manuals)


@dataclass(frozen=True, slots=True)
class Page:
    """A section to read, with its blocks (offsets within the section)."""

    section: Section
    blocks: tuple[Block, ...]


class Looking:
    """Opens the library at the first use; `library_changed` makes the next look-up see it as it is then."""

    def __init__(self, folders: Folders) -> None:
        self._folders = folders
        self._library: Library | None = None

    def holdings(self) -> Holdings:
        """What the library holds; nothing where there is no library yet."""
        try:
            return Holdings(tuple(self._open().manuals()))
        except LibraryMissing:
            return Holdings(())

    def page_of(self, citation: Citation) -> Page | None:
        """The section that a citation stands in; None where the library no longer has it.

        A manual that was imported anew has other section numbers: then the section of the same file that holds the
        quote is meant.
        """
        try:
            library = self._open()
        except LibraryMissing:
            return None
        try:
            found = library.section(citation.section_id)
            if found.source == citation.source and _holds(found, citation):
                return Page(found, library.blocks(found.id))
        except KeyError:
            pass
        for manual in library.manuals():
            if manual.title == citation.manual:
                for section in library.sections(manual.id, citation.source):
                    if _holds(section, citation):
                        return Page(section, library.blocks(section.id))
        return None

    def read_again(self, question: Question) -> Citation | None:
        """Where to read about an exam question: the section that it names, else what its answer's words find."""
        right = question.options[question.answer]
        hits = self._open().search(f"{question.question} {right}", top=10, language=question.lang)
        named = [hit for hit in hits if question.section and _stands_in(question.section, hit.passage)]
        if named and not any(right in hit.passage.text for hit in named):
            place = named[0].passage
            for section in self._open().sections(place.manual_id, place.source):
                if right in section.text:
                    return _line_with(right, _whole(section))
        telling = [hit for hit in named or hits if right in hit.passage.text]
        best = (telling or named or hits)[:1]
        return _line_with(right, citation_of(best[0])) if best else None

    def remove(self, manual_id: int) -> Manual:
        """Remove a manual from the library; the files it was made from stay."""
        return self._open().remove(manual_id)

    def library_changed(self) -> None:
        """Close the library; the next look-up opens it as it is then."""
        if self._library is not None:
            self._library.close()
            self._library = None

    close = library_changed

    def _open(self) -> Library:
        if self._library is None:
            self._library = open_library(self._folders)
        return self._library


def _holds(section: Section, citation: Citation) -> bool:
    return quote_span(section.text, section.start, citation.quote, citation.start, citation.end) is not None


def _stands_in(section: str, passage: Passage) -> bool:
    """Whether a bank's `section` (a heading, or a file's name) names the place of a passage."""
    return section in passage.heading or section in (passage.source, PurePosixPath(passage.source).stem)


def _whole(section: Section) -> Citation:
    return Citation(
        manual=section.manual,
        source=section.source,
        heading=section.heading,
        page=section.page,
        quote=section.text,
        start=section.start,
        end=section.start + len(section.text),
        section_id=section.id,
    )


def _line_with(words: str, citation: Citation) -> Citation:
    """The citation narrowed to the line that has these words; as it was where none has."""
    found = citation.quote.find(words)
    if found < 0:
        return citation
    start = citation.quote.rfind("\n", 0, found) + 1
    end = citation.quote.find("\n", found)
    line = citation.quote[start : end if end >= 0 else None]
    return replace(citation, quote=line, start=citation.start + start, end=citation.start + start + len(line))
