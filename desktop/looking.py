"""What is looked up beside answering: sections to read, manuals to list, a place to read again. Owned by one lane.

It has its own connection to the library, so that a page opens while an answer is being written. It knows nothing of Qt.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from agent.records import Citation, Question
from desktop.folders import Folders
from desktop.view_models.section_text import quote_span
from desktop.view_models.turns import citation_of
from index.errors import LibraryMissing
from index.records import Block, Manual, Section

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
        for query in (f"{question.section} {question.question}", f"{question.question} {right}"):
            hits = self._open().search(query.strip(), top=8, language=question.lang)
            named = [hit for hit in hits if question.section and question.section in hit.passage.heading]
            if named or (hits and query.startswith(question.question)) or (hits and not question.section):
                return citation_of((named or hits)[0])
        return None

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
        from index.library import Library

        if self._library is None:
            self._library = Library.open(self._folders.library)
        return self._library


def _holds(section: Section, citation: Citation) -> bool:
    return quote_span(section.text, section.start, citation.quote, citation.start, citation.end) is not None
