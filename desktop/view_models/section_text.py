"""How a section's plain text is laid out for reading: prose, tables and code, each with its offsets in the text.

A table is a block whose lines all have cells separated by " | " (the readers write them so); code is a block whose
lines are all indented or which shows a prompt. Nothing is rewritten: every character shown stands at its offset.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Kind = Literal["prose", "table", "code"]
Span = tuple[int, int]

_BLOCK = re.compile(r"[^\n](?:.|\n(?!\s*\n))*", re.MULTILINE)
_SEPARATOR = re.compile(r"(?:^|(?<= ))\|(?= |$)")
_PROMPT = re.compile(r"(?:[$#>%] |C:\\.*>)\S")


@dataclass(frozen=True, slots=True)
class Part:
    """One block of the text, `text[start:end]`; a table has one tuple of cell spans a row."""

    kind: Kind
    start: int
    end: int
    rows: tuple[tuple[Span, ...], ...] = ()


def parts(text: str) -> Iterator[Part]:
    """The blocks of a section in order; blank lines between them belong to none."""
    for found in _BLOCK.finditer(text):
        start, end = found.span()
        if not found[0].strip():
            continue
        lines = _lines(text, start, end)
        kind = _kind([text[a:b] for a, b in lines])
        rows = tuple(tuple(_cells(text, a, b)) for a, b in lines) if kind == "table" else ()
        yield Part(kind, start, end, rows)


def _kind(lines: list[str]) -> Kind:
    if len(lines) > 1 and all(_SEPARATOR.search(line) for line in lines):
        return "table"
    if all(line.startswith(("    ", "\t")) for line in lines) or _PROMPT.match(lines[0]):
        return "code"
    return "prose"


def _lines(text: str, start: int, end: int) -> list[Span]:
    spans, at = [], start
    for line in text[start:end].split("\n"):
        spans.append((at, at + len(line)))
        at += len(line) + 1
    return spans


def _cells(text: str, start: int, end: int) -> Iterator[Span]:
    at = start
    for pipe in [*(start + found.start() for found in _SEPARATOR.finditer(text[start:end])), end]:
        cell = text[at:pipe]
        left = at + len(cell) - len(cell.lstrip())
        yield left, max(left, at + len(cell.rstrip()))
        at = min(pipe + 1, end)


def cut(start: int, end: int, marked: Span | None) -> Iterator[tuple[int, int, bool]]:
    """`start..end` in pieces that lie wholly inside or outside the marked span, with which of the two."""
    if marked is None or marked[1] <= start or end <= marked[0]:
        yield start, end, False
        return
    inner_start, inner_end = max(start, marked[0]), min(end, marked[1])
    for a, b, inside in ((start, inner_start, False), (inner_start, inner_end, True), (inner_end, end, False)):
        if a < b:
            yield a, b, inside


def quote_span(text: str, section_start: int, quote: str, start: int, end: int) -> Span | None:
    """Where a citation's quote lies in the section's text; None when the library's text has changed since.

    The stored offsets hold if they still give the quote; else the quote is looked for; a wrong place is never marked.
    """
    local = (start - section_start, end - section_start)
    if 0 <= local[0] < local[1] <= len(text) and text[local[0] : local[1]] == quote:
        return local
    found = text.find(quote) if quote else -1
    return (found, found + len(quote)) if found >= 0 else None
