"""Where in a library a stretch of text stands, white space and the width of characters aside.

Comes in: a library, and text that is claimed to stand in it. Goes out: the passage, with the words as they stand there.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import cached_property

from index.library import Library
from index.records import Language, Passage


@dataclass(frozen=True, slots=True)
class Stands:
    """A passage that holds the text; `text` is the stretch as it stands there."""

    passage: Passage
    text: str


def plain(text: str) -> str:
    """Text as it is compared: NFKC, lower case, without white space and Markdown's marks of code."""
    return "".join(unicodedata.normalize("NFKC", text).casefold().replace("`", "").split())


def within(text: str, wanted: str) -> str | None:
    """The stretch of `text` that is `wanted` but for white space, width and case; None where it does not hold it."""
    sought = plain(_bare(wanted))
    if not sought:
        return None
    folded: list[str] = []
    origin: list[int] = []
    for at, character in enumerate(text):
        for one in plain(character):
            folded.append(one)
            origin.append(at)
    at = "".join(folded).find(sought)
    if at < 0:
        return None
    return text[origin[at] : origin[at + len(sought) - 1] + 1]


def _bare(text: str) -> str:
    """Text without the marks that a line of Markdown begins and ends with: readers drop those of rows and items."""
    return re.sub(r"^\s*(?:[-*] |\|)|\|\s*$", "", text)


class Finder:
    """Finds stretches in one library; what it reads of it is kept folded."""

    def __init__(self, library: Library) -> None:
        self.library = library

    def find(self, wanted: str, *, language: Language | None = None) -> Stands | None:
        """The first passage that holds `wanted`, in the library's order; None where none does."""
        sought = plain(_bare(wanted))
        for section, text, written in self._sections:
            if sought and sought in text and language in {None, written}:
                for passage in self.library.passages_of(section):
                    found = within(passage.text, wanted)
                    if found is not None:
                        return Stands(passage, found)
        return None

    @cached_property
    def _sections(self) -> list[tuple[int, str, Language]]:
        """Id, folded text and language of every section."""
        return [
            (section.id, plain(section.text), section.language)
            for manual in self.library.manuals()
            for source in self.library.sources(manual.id)
            for section in self.library.sections(manual.id, source)
        ]
