"""Cut a passage's text into the units that can be quoted by themselves.

Comes in: the text of one passage (blocks parted by blank lines, tables one row a line, list items one a line) and the
context that came with it. Goes out: `Unit`s in reading order, each verbatim with its offsets in that text, and with
the table header or the defined term that a reader needs beside it. It knows nothing of questions or scores.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

UnitKind = Literal["sentence", "header", "row", "item", "definition", "code"]

CELL = " | "
WHOLE_ENTRY = 320  # a list item or definition up to this many characters is one unit; a longer one is cut by sentence
LONGEST_UNIT = 500  # characters; whatever is longer is cut at the last space or comma before
TERM_LIMIT = 90  # characters: a defined term or an option's synopsis is a short line

_BLANK = re.compile(r"\n[ \t]*\n")
_LINE = re.compile(r"[^\n]+")
_BULLET = re.compile(r"[ \t]*(?:[-*+•‣◦・●○■□※]|\(?(?:\d{1,3}|[a-z]|[ivx]{1,4})[.)]|[①-⑳])[ \t　]*(?=\S)")
_TERM_COLON = re.compile(r"(?P<term>[^\n。:：]{1,90}?)(?::[ \t]|：|\n[ \t　]+)(?=\S)")
_CODE_LINE = re.compile(r"(?: {4}|\t|[$#>] \S|```|\w+>)")
_STOP_EN = re.compile(r"[.!?…]+[\"'”’)\]]*(?=\s|$|[぀-ヿ一-鿿])")
_STOP_JA = re.compile(r"[。！？．｡]+[」』）)\]】”’\"']*")
_ABBREVIATION = re.compile(
    r"(?:^|[\s(\[“\"'])(?:e\.g|i\.e|etc|cf|vs|approx|no|nos|fig|figs|sec|vol|ver|ch|pp?|al|ed|eds|dept|inc|ltd|co|corp|"
    r"mr|mrs|ms|dr|prof|st|jr|sr|jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec|max|min|resp|incl|excl|[a-z])\.$",
    re.IGNORECASE,
)
_ENDS_AT_ONCE = {
    "etc.",
    "inc.",
    "ltd.",
    "co.",
    "corp.",
    "no.",
    "max.",
    "min.",
}  # these do end sentences before a capital
_OPENERS = "「『（【("
_CLOSERS = "」』）】)"


@dataclass(frozen=True, slots=True)
class Unit:
    """A stretch `text[start:end]` that makes sense by itself, in characters. `context` is the table header or term that
    stands elsewhere and is needed to understand it; it is shown beside a quote and never part of it."""

    start: int
    end: int
    kind: UnitKind
    context: str = ""


def units(text: str, context: str = "") -> list[Unit]:
    """Cut `text` into units, in order and without overlap; between them stand only white space and markup.

    `context` is the passage's own (the caption and header row of a table that was cut); it goes to the rows of a table
    with which the passage begins. No errors are raised, whatever the text.
    """
    found: list[Unit] = []
    term = ""
    for start, end in _blocks(text):
        block = list(_block_units(text, start, end, context if start == _first(text) else ""))
        # A term on a line of its own, then its description in the next block: as definition lists come out of HTML.
        if term and block and block[0].kind in {"sentence", "item"}:
            block = [_with_context(unit, term) for unit in block]
        if len(block) == 1 and _is_bare_term(text[block[0].start : block[0].end]):
            term = text[block[0].start : block[0].end]
        elif not (block and block[0].context == term):
            term = ""
        found.extend(block)
    return found


def sentences(text: str, start: int = 0, end: int | None = None) -> list[tuple[int, int]]:
    """The sentences of `text[start:end]` as (start, end) offsets in `text`, without surrounding white space.

    English sentences end at . ! ? before white space, unless the stop belongs to an abbreviation; Japanese ones at
    。！？ wherever they stand, unless inside brackets that close again. A line that was only wrapped is no end.
    """
    end = len(text) if end is None else end
    cuts = sorted({*_english_ends(text, start, end), *_japanese_ends(text, start, end), end})
    spans: list[tuple[int, int]] = []
    at = start
    for cut in cuts:
        spans.extend(_short_enough(text, at, cut))
        at = cut
    return spans


def _first(text: str) -> int:
    return len(text) - len(text.lstrip())


def _blocks(text: str) -> Iterator[tuple[int, int]]:
    at = 0
    for gap in [*_BLANK.finditer(text), None]:
        end = gap.start() if gap else len(text)
        span = _trimmed(text, at, end)
        if span:
            lines = text.rfind("\n", 0, span[0]) + 1
            yield (max(at, lines), span[1])
        at = gap.end() if gap else end


def _block_units(text: str, start: int, end: int, context: str) -> Iterator[Unit]:
    lines = [(start + found.start(), start + found.end()) for found in _LINE.finditer(text[start:end])]
    if all(CELL in text[a:b] for a, b in lines):
        yield from _rows(text, lines, context)
    elif all(_CODE_LINE.match(text[a:b]) for a, b in lines) or text.startswith("```", _first_of(text, start)):
        yield from _code(text, lines)
    else:
        for a, b in _entries(text, lines):
            yield from _entry(text, a, b)


def _first_of(text: str, start: int) -> int:
    while start < len(text) and text[start].isspace():
        start += 1
    return start


def _rows(text: str, lines: list[tuple[int, int]], context: str) -> Iterator[Unit]:
    header = context
    for number, (a, b) in enumerate(lines):
        span = _trimmed(text, a, b)
        if span is None or set(text[a:b]) <= set(" |-:+"):
            continue
        if number == 0 and not context and len(lines) > 1:
            header = text[span[0] : span[1]]
            yield Unit(span[0], span[1], "header")
        else:
            yield Unit(span[0], span[1], "row", header)


def _code(text: str, lines: list[tuple[int, int]]) -> Iterator[Unit]:
    lines = [span for a, b in lines if not text[a:b].strip().startswith("```") and (span := _trimmed(text, a, b))]
    if lines and lines[-1][1] - lines[0][0] <= WHOLE_ENTRY:
        yield Unit(lines[0][0], lines[-1][1], "code")
    else:
        for a, b in lines:
            for start, end in _short_enough(text, a, b):
                yield Unit(start, end, "code")


def _entries(text: str, lines: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Lines gathered into paragraphs, list items with their indented lines, and definitions with theirs."""
    start, end = lines[0]
    for a, b in lines[1:]:
        indented = text[a] in " \t　" and not _BULLET.match(text, a, b)
        if indented or _is_wrapped(text, start, end, a, b):
            end = b
        else:
            yield start, end
            start, end = a, b
    yield start, end


def _is_wrapped(text: str, start: int, end: int, a: int, b: int) -> bool:
    """Whether the line a:b goes on with the one that ends at `end`: no end of a sentence before, no new item here."""
    line_start = max(start, text.rfind("\n", start, end) + 1)
    if _BULLET.match(text, a, b) or end - line_start < (25 if text[a].islower() else 40) or CELL in text[a:b]:
        return False
    last, first = text[end - 1], text[a]
    if last in "。！？．:：;；":
        return False
    return not (last in ".!?" and first.isupper() and b - a < 40)


def _entry(text: str, start: int, end: int) -> Iterator[Unit]:
    span = _trimmed(text, start, end)
    if span is None:
        return
    bullet = _BULLET.match(text, *span)
    body = bullet.end() if bullet else span[0]
    term = _TERM_COLON.match(text, body, span[1])
    named = term is not None and ". " not in term["term"] and not (bullet and "\n" in term[0])
    if (bullet or named) and span[1] - span[0] <= WHOLE_ENTRY:
        yield Unit(span[0], span[1], "definition" if named else "item")
        return
    label = term["term"].strip() if named and term else ""
    for number, (a, b) in enumerate(sentences(text, span[0], span[1])):
        yield Unit(a, b, "sentence", label if number else "")


def _is_bare_term(line: str) -> bool:
    return len(line) <= TERM_LIMIT and "\n" not in line and line[-1] not in ".。！？!?"


def _with_context(unit: Unit, term: str) -> Unit:
    return unit if unit.context else Unit(unit.start, unit.end, unit.kind, term)


def _english_ends(text: str, start: int, end: int) -> Iterator[int]:
    for stop in _STOP_EN.finditer(text, start, end):
        before = text[max(start, stop.start() - 12) : stop.start() + 1]
        after = text[stop.end() : stop.end() + 2].lstrip()
        if stop.end() < end and stop[0][0] == ".":
            if after[:1].islower():
                continue
            word = before.split()[-1].lower() if before.split() else ""
            if _ABBREVIATION.search(before) and not (word in _ENDS_AT_ONCE and after[:1].isupper()):
                continue
            if re.search(r"(?:^|\n)[ \t]*\d{1,3}\.$", text[max(start, stop.start() - 8) : stop.start() + 1]):
                continue  # the number of a list item
        yield stop.end()


def _japanese_ends(text: str, start: int, end: int) -> Iterator[int]:
    for stop in _STOP_JA.finditer(text, start, end):
        if stop[0][0] == "．" and text[stop.end() : stop.end() + 1].isdigit():
            continue
        if not _inside_brackets(text, start, stop.start(), stop.end(), end):
            yield stop.end()


def _inside_brackets(text: str, start: int, stop: int, after: int, end: int) -> bool:
    depth = 0
    for character in text[max(start, stop - 200) : stop]:
        if character in _OPENERS:
            depth += 1
        elif character in _CLOSERS and depth:
            depth -= 1
    if not depth:
        return False
    ahead = text[after : min(end, after + 200)]
    # 「…。」 that closes at once and then goes on with the sentence (と言った) is inside; a lone bracket is not.
    if text[after - 1] in _CLOSERS and depth == 1:
        return bool(ahead) and ahead[0] in "とをがはにのでも、，"
    return any(closer in ahead for closer in _CLOSERS)


def _short_enough(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    span = _trimmed(text, start, end)
    while span and span[1] - span[0] > LONGEST_UNIT:
        window = text[span[0] : span[0] + LONGEST_UNIT]
        cut = max(window.rfind(mark) for mark in ("; ", ", ", "、", "，", " ", "\n"))
        cut = cut + 1 if cut > LONGEST_UNIT // 3 else LONGEST_UNIT
        first = _trimmed(text, span[0], span[0] + cut)
        if first:
            yield first
        span = _trimmed(text, span[0] + cut, span[1])
    if span:
        yield span


def _trimmed(text: str, start: int, end: int) -> tuple[int, int] | None:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return (start, end) if start < end else None
