"""How a section's plain text is laid out for reading: prose, tables and code, each with its offsets in the text.

The readers say which blocks are tables and code. Where that is not known (a quote by itself), a block whose lines all
have cells separated by " | " is a table, and one that is indented or shows a prompt is code. Nothing is rewritten:
every character shown stands at its offset.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from index.records import Block

Kind = Literal["prose", "table", "code"]
Span = tuple[int, int]

_BLOCK = re.compile(r"[^\n]*\S(?:.|\n(?!\s*\n))*")
_AS_READ: dict[str, Kind] = {"table": "table", "code": "code"}
_SEPARATOR = re.compile(r"(?:^|(?<= ))\|(?= |$)")
_PROMPT = re.compile(r"(?:[$#>%] |C:\\.*>)\S")


@dataclass(frozen=True, slots=True)
class Part:
    """One block of the text, `text[start:end]`; a table has one tuple of cell spans a row."""

    kind: Kind
    start: int
    end: int
    rows: tuple[tuple[Span, ...], ...] = ()


def parts(text: str, blocks: Sequence[Block] = ()) -> Iterator[Part]:
    """The blocks of a section in order, as its reader told them; without that, as they look.

    Blank lines between blocks belong to none.
    """
    if blocks:
        found = [(one.start, one.end, _AS_READ.get(one.kind, "prose")) for one in blocks]
    else:
        found = [(one.start(), one.end(), _looks_like(one[0].split("\n"))) for one in _BLOCK.finditer(text)]
    for start, end, kind in found:
        lines = _lines(text, start, end) if kind == "table" else []
        yield Part(kind, start, end, tuple(tuple(_cells(text, a, b)) for a, b in lines))


def _looks_like(lines: list[str]) -> Kind:
    if all(_SEPARATOR.search(line) for line in lines) and (len(lines) > 1 or len(_SEPARATOR.findall(lines[0])) > 1):
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


def header_of(quote: str, context: str) -> str:
    """The header row for a quote that is rows of a table, out of its context; "" where they do not fit each other."""
    header = context.rsplit("\n", 1)[-1]
    columns = len(_SEPARATOR.findall(header))
    fits = columns and all(len(_SEPARATOR.findall(line)) == columns for line in quote.split("\n"))
    return header if fits else ""


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
