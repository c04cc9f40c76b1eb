"""Cuts a section into passages, the units of search.

Comes in: a `DocumentSection` with its blocks. Goes out: `PassageSpan`s, offsets within the section's text, in order,
without overlap, covering every character that is not blank. Size is counted in columns: a Latin character is one
column, a Japanese one two, so that one measure fits both and mixed text. Knows nothing of files, tokens or indexes.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate, pairwise

from index.records import Block, DocumentSection, Language, PassageSpan

TARGET: dict[Language, int] = {"en": 800, "ja": 800}
"""Columns a passage aims for: about 130 English words or 400 Japanese characters. 60-word windows found less."""
MAXIMUM = 1600
"""Columns a passage never exceeds."""
_TINY = 4  # a passage under a quarter of the target is joined to its neighbour
_LONGEST_CONTEXT = 400  # characters

_WIDE = re.compile(r"[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]")
_SENTENCE_END = re.compile(
    r"(?<!\be\.g)(?<!\bi\.e)(?<!\bcf)(?<!\bvs)(?<!\betc)(?<!\bNo)(?<!\bFig)[.!?][\"')\]”’]*\s+(?=[^\sa-z])"
    r"|[。！？][」』）)]*\s*|\n+"
)
_CLAUSE_END = re.compile(r"[;:,]\s+|[、，；]|\s+")
_LINE_END = re.compile(r"\n+")
_PARAGRAPH_END = re.compile(r"\n[ \t]*\n")
_CAPTION = re.compile(r"^\W*(table|figure|example|listing|表|図|例|リスト)\s*[\dA-Z]", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Piece:
    """A stretch that is not cut further. `leads`: it introduces what follows (a caption, "as follows:")."""

    start: int
    end: int
    context: str = ""
    leads: bool = False


def split(section: DocumentSection, language: Language) -> list[PassageSpan]:
    """The section's passages. Tables are cut by rows, long paragraphs at sentence ends; code and definitions stay whole
    up to `MAXIMUM`; neighbours are packed together up to the target. A section without text gives none."""
    ruler = _Ruler(section.text)
    target = TARGET[language]
    pieces = list(_pieces(section, ruler, target))
    packed = _join_tiny(_pack(pieces, ruler, target), ruler, target)
    return [PassageSpan(group[0].start, group[-1].end, group[0].context) for group in packed]


class _Ruler:
    """Measures stretches of one text in columns, in constant time."""

    def __init__(self, text: str) -> None:
        self.text = text
        wide = bytearray(len(text) + 1)
        for found in _WIDE.finditer(text):
            wide[found.start() + 1] = 1
        self._columns = list(accumulate(each + 1 for each in wide))

    def width(self, start: int, end: int) -> int:
        """Columns from `start` to `end`."""
        return self._columns[end] - self._columns[start]

    def reach(self, start: int, columns: int) -> int:
        """The furthest end whose stretch from `start` has at most so many columns; at least one character."""
        return max(start + 1, bisect_right(self._columns, self._columns[start] + columns) - 1)

    def trimmed(self, start: int, end: int) -> tuple[int, int]:
        """The stretch without blanks at its ends."""
        while start < end and self.text[start].isspace():
            start += 1
        while end > start and self.text[end - 1].isspace():
            end -= 1
        return start, end


def _pieces(section: DocumentSection, ruler: _Ruler, target: int) -> Iterator[_Piece]:
    """The section's blocks, cut where they are too long. What stands between the blocks is read as a paragraph."""
    at = 0
    before = ""
    for block in (*section.blocks, Block(len(section.text), len(section.text), "paragraph")):
        for stray in (Block(at, block.start, "paragraph"), block):
            start, end = ruler.trimmed(stray.start, stray.end)
            if start == end:
                continue
            trimmed = Block(start, end, stray.kind, max(0, stray.header - (start - stray.start)))
            yield from _cut_block(trimmed, ruler, target, before)
            before = section.text[start:end] if stray.kind == "paragraph" else ""
        at = max(at, block.end)


def _cut_block(block: Block, ruler: _Ruler, target: int, before: str) -> Iterator[_Piece]:
    width = ruler.width(block.start, block.end)
    whole_up_to = MAXIMUM if block.kind in ("code", "definition", "note") else target * 5 // 4
    if width <= whole_up_to:
        yield _Piece(block.start, block.end, leads=block.kind == "paragraph" and _leads(ruler.text, block))
        return
    context = ""
    if block.kind == "table":
        header = ruler.text[block.start : block.start + block.header]
        context = "\n".join(part for part in (before if _is_caption(before) else "", header) if part)
    elif block.kind == "definition":
        context = ruler.text[block.start : block.start + block.header]
    ends = {
        "table": (_LINE_END, _CLAUSE_END),
        "list": (_LINE_END, _SENTENCE_END, _CLAUSE_END),
        "code": (_PARAGRAPH_END, _LINE_END, _CLAUSE_END),
        "definition": (_LINE_END, _SENTENCE_END, _CLAUSE_END),
    }.get(block.kind, (_SENTENCE_END, _CLAUSE_END))
    aim = -(-width // -(-width // target))
    parts = _cut(block.start, block.end, aim, ruler, ends)
    for number, (start, end) in enumerate(parts):
        yield _Piece(start, end, context[:_LONGEST_CONTEXT] if number else "")


def _cut(start: int, end: int, aim: int, ruler: _Ruler, ends: tuple[re.Pattern[str], ...]) -> Iterator[tuple[int, int]]:
    """Stretches of about `aim` columns and at most `MAXIMUM`, cut at the first of `ends` that lies in reach."""
    marks = [_marks(pattern, ruler.text, start, end) for pattern in ends]
    while start < end:
        rest_fits = ruler.width(start, end) <= aim * 5 // 4
        stop = end if rest_fits else _best_end(start, end, aim, ruler, marks)
        trimmed = ruler.trimmed(start, stop)
        if trimmed[0] < trimmed[1]:
            yield trimmed
        start = stop


def _marks(pattern: re.Pattern[str], text: str, start: int, end: int) -> list[int]:
    return [found.end() for found in pattern.finditer(text, start, end)]


def _best_end(start: int, end: int, aim: int, ruler: _Ruler, marks: list[list[int]]) -> int:
    """Of the strongest kind of mark: the last within `aim`, else the first before `MAXIMUM`."""
    near, far, early = ruler.reach(start, aim), min(end, ruler.reach(start, MAXIMUM)), ruler.reach(start, aim // 3)
    for ends in marks:
        last = bisect_right(ends, near) - 1
        if last >= 0 and ends[last] > early:
            return ends[last]
        if last + 1 < len(ends) and ends[last + 1] <= far:
            return ends[last + 1]
        if last >= 0 and ends[last] > start:
            return ends[last]
    return min(end, near)


def _leads(text: str, block: Block) -> bool:
    line = text[block.start : block.end]
    return len(line) <= 200 and (line.endswith((":", "：")) or _is_caption(line))


def _is_caption(text: str) -> bool:
    return (
        bool(text)
        and len(text) <= 160
        and "\n" not in text
        and bool(_CAPTION.match(text) or text[-1] not in ".。!?！？")
    )


def _pack(pieces: Iterable[_Piece], ruler: _Ruler, target: int) -> list[list[_Piece]]:
    """Neighbours together up to the target; what leads over to the next piece goes with it."""
    groups: list[list[_Piece]] = []
    group: list[_Piece] = []
    for piece in pieces:
        if group and not _fits(group, piece, ruler, target):
            carried: list[_Piece] = []
            while len(group) > 1 and group[-1].leads and ruler.width(group[-1].start, piece.end) <= MAXIMUM:
                carried.insert(0, group.pop())
            groups.append(group)
            group = carried
        group.append(piece)
    return [*groups, group] if group else groups


def _fits(group: list[_Piece], piece: _Piece, ruler: _Ruler, target: int) -> bool:
    together = ruler.width(group[0].start, piece.end)
    if together <= target:
        return True
    only_leads = all(each.leads for each in group)
    return only_leads and together <= MAXIMUM


def _join_tiny(groups: list[list[_Piece]], ruler: _Ruler, target: int) -> list[list[_Piece]]:
    """Passages under a quarter of the target joined to the shorter neighbour, where the two stay under the maximum."""
    joined: list[list[_Piece]] = []
    for group in groups:
        if joined:
            here = ruler.width(group[0].start, group[-1].end)
            there = ruler.width(joined[-1][0].start, joined[-1][-1].end)
            together = ruler.width(joined[-1][0].start, group[-1].end)
            if min(here, there) * _TINY < target and together <= MAXIMUM:
                joined[-1] = joined[-1] + group
                continue
        joined.append(group)
    return joined


def gaps(spans: list[PassageSpan], text: str) -> list[str]:
    """What the spans leave out of a text, blanks aside: empty when they cover it. For `Library.verify`."""
    edges = [PassageSpan(0, 0), *spans, PassageSpan(len(text), len(text))]
    return [left for one, two in pairwise(edges) if (left := text[one.end : two.start].strip())]
