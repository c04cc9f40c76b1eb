"""Puts headings and blocks, as a reader meets them, together into a document's sections.

Comes in: headings with their level, blocks of text in reading order. Goes out: `DocumentSection`s that hold text of
their own; a heading without text lives on in the paths of the headings below it. Knows no file format.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from index.records import Block, BlockKind, DocumentSection

_SEPARATOR = "\n\n"


@dataclass(slots=True)
class _Heading:
    level: int
    text: str
    anchor: str | None
    page: int | None
    used: bool = False


@dataclass(slots=True)
class _Part:
    kind: BlockKind
    text: str
    header: int


@dataclass(slots=True)
class _Open:
    """A section that still takes blocks."""

    path: tuple[str, ...]
    anchor: str | None
    page: int | None
    parts: list[_Part] = field(default_factory=list)


class Assembly:
    """Collects one document. Call `heading` and `add` in reading order, then `sections` once."""

    def __init__(self) -> None:
        self._stack: list[_Heading] = []
        self._done: list[_Open] = []
        self._open: _Open | None = None

    def heading(self, level: int, text: str, anchor: str | None = None, page: int | None = None) -> None:
        """Begin a heading; it ends all headings of its level or deeper. An empty text is no heading."""
        if not text:
            return
        self.close(level)
        self._stack.append(_Heading(level, text, anchor, page))

    def close(self, level: int) -> None:
        """End the headings of `level` or deeper: what follows belongs to the heading around them."""
        self.pause()
        while self._stack and self._stack[-1].level >= level:
            self._stack.pop()

    def pause(self) -> None:
        """End the section at hand but not its heading: the next block begins a section of the same path."""
        if self._open is not None:
            self._done.append(self._open)
            self._open = None

    def add(
        self, kind: BlockKind, text: str, header: int = 0, *, anchor: str | None = None, page: int | None = None
    ) -> None:
        """Append a block. `anchor` and `page` count where the block begins a section whose heading gives none."""
        text = text.strip("\n").rstrip()
        if not text.strip():
            return
        if self._open is None:
            self._open = self._begin(anchor, page)
        # A header row whose last cell is empty ends in blanks, which are gone if it is the block's only row.
        self._open.parts.append(_Part(kind, text, min(header, len(text))))

    def last(self) -> str:
        """The text of the block added last to the section at hand; empty where there is none."""
        return self._open.parts[-1].text if self._open is not None and self._open.parts else ""

    def drop_last(self) -> None:
        """Take the last block back (a table of contents' title, once its list turned out to be one)."""
        if self._open is not None and self._open.parts:
            self._open.parts.pop()

    def _begin(self, anchor: str | None, page: int | None) -> _Open:
        path = tuple(heading.text for heading in self._stack)
        if not self._stack:
            return _Open(path, anchor, page)
        top = self._stack[-1]
        around = next((heading.anchor for heading in reversed(self._stack) if heading.anchor), None)
        first = not top.used
        top.used = True
        if first:
            return _Open(path, top.anchor or anchor or around, top.page or page)
        return _Open(path, anchor or around, page or top.page)

    def sections(self) -> tuple[DocumentSection, ...]:
        """The sections that hold text, in reading order."""
        self.pause()
        return tuple(_section(done) for done in self._done if done.parts)


def _section(done: _Open) -> DocumentSection:
    blocks: list[Block] = []
    at = 0
    for part in done.parts:
        blocks.append(Block(at, at + len(part.text), part.kind, part.header))
        at += len(part.text) + len(_SEPARATOR)
    return DocumentSection(
        heading=done.path,
        text=_SEPARATOR.join(part.text for part in done.parts),
        blocks=tuple(blocks),
        anchor=done.anchor,
        page=done.page,
    )


def rooted(sections: tuple[DocumentSection, ...], title: str) -> tuple[DocumentSection, ...]:
    """Put `title` before the paths of sections that don't hang under one common heading, or under none at all."""
    if not title:
        return sections
    outermost = {section.heading[:1] for section in sections}
    if len(outermost) == 1 and outermost != {()}:
        return sections
    key = plain(title)
    return tuple(
        section
        if section.heading and plain(section.heading[0]) == key
        else replace(section, heading=(title, *section.heading))
        for section in sections
    )


def plain(text: str) -> str:
    """A heading reduced to its letters and digits, for comparing one with another."""
    return re.sub(r"[\W_]+", "", text).casefold()
