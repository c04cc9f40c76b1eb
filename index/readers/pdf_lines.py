"""Takes the lines off a PDF's pages, with their place and type, and drops running headers and footers.

Comes in: an open PDF. Goes out: for each page its `Line`s in reading order, and the tables that stand between them.
Knows nothing of headings or paragraphs.
"""

from __future__ import annotations

import ctypes
import math
import re
from collections import Counter
from dataclasses import dataclass
from functools import partial
from itertools import takewhile
from typing import Any

from index.readers.pdf_tables import Table, read_tables

_FIXED_PITCH = 1  # PDF font descriptor flag
_MONOSPACE = re.compile(r"(mono|courier|consol|typewriter|gothic-?m$|cmtt|ectt|sftt|letter ?gothic)", re.IGNORECASE)
_BOLD = re.compile(r"(bold|black|heavy|semib|demi|sfbx|cmbx|ecbx|[-,]b$|-w[6-9]$)", re.IGNORECASE)
_PAGE_NUMBER = re.compile(
    r"^[-–— ]*(page |p\. ?)?(\d{1,4}|[ivxlc]{1,7}|[A-Z]-\d{1,3})([ /]+(of )?\d{1,4})?[-–— ]*$", re.IGNORECASE
)
_EDGE_LINES = 3  # lines at the top and at the bottom of a page that may be running ones
_EDGE = 0.14  # of the page's height
_RUNNING = 3  # pages on which a line must repeat


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a page. `size` is the type size in points; `left` and `right` are where its first and its last
    character begin, `baseline` what it stands on, in points from the page's lower left corner; `hyphenated` says that
    its last word goes on in the next line."""

    text: str
    size: float
    bold: bool
    fixed: bool
    left: float
    right: float
    baseline: float
    hyphenated: bool


@dataclass(frozen=True, slots=True)
class PlacedTable:
    """A table and where it stands: after so many of its page's lines."""

    after: int
    table: Table


@dataclass(frozen=True, slots=True)
class Page:
    """A page's lines, without those that its tables hold; `number` is 1-based, `height` in points."""

    number: int
    height: float
    lines: tuple[Line, ...]
    tables: tuple[PlacedTable, ...] = ()


def read_page(page: Any, number: int) -> Page:
    """The lines and tables of an open pypdfium2 page. Its own objects are closed again; the page is not."""
    height = float(page.get_height())
    textpage = page.get_textpage()
    try:
        count = textpage.count_chars()
        text = textpage.get_text_range(0, count) if count > 0 else ""
        raws: list[tuple[int, str]] = []
        at = 0
        for raw in re.split(r"(\r\n|\n|\r)", text):
            if raw.strip("\r\n \x00"):
                raws.append((at, raw))
            at += len(raw)
        tables = [table for table in read_tables(page, textpage, text) if _takes_whole_lines(table, raws)]
        lines: list[Line] = []
        placed: dict[int, PlacedTable] = {}
        for at, raw in raws:
            owner = next((table for table in tables if _held(table, at, raw)), None)
            if owner is not None:
                placed.setdefault(id(owner), PlacedTable(len(lines), owner))
            elif (line := _line(textpage, raw, at, count)).text:
                lines.append(line)
        return Page(number, height, tuple(lines), tuple(placed.values()))
    finally:
        textpage.close()


def _held(table: Table, at: int, raw: str) -> int:
    """How many of a line's characters a table holds."""
    return sum(1 for index in range(at, at + len(raw)) if index in table.characters)


def _takes_whole_lines(table: Table, raws: list[tuple[int, str]]) -> bool:
    """Whether no line stands half in a table and half beside it: that is no table, or one of two columns of a page
    whose lines are mixed up."""
    for at, raw in raws:
        held = _held(table, at, raw)
        if held and held < 0.9 * sum(1 for char in raw if not char.isspace() and char > "\x1f"):
            return False
    return True


def _line(textpage: Any, raw: str, at: int, count: int) -> Line:
    """A line with the type of its first character that can be seen; `at` is its index among the page's characters."""
    inset = len(raw) - len(raw.lstrip())
    first = min(at + inset, count - 1)
    last = max(first, min(at + len(raw.rstrip("\x02\ufffe \r\n")) - 1, count - 1))
    size, bold = _type(textpage, first)
    samples = sorted({first, (3 * first + last) // 4, (first + last) // 2, (first + 3 * last) // 4, last})
    fixed = sum(1 for index in samples if _is_fixed(_font(textpage, index))) * 3 >= len(samples) * 2
    left, baseline = _origin(textpage, first)
    hyphenated = raw.rstrip(" ").endswith(("\x02", "\ufffe", "\u00ad"))
    clean = re.sub("[\x00-\x08\x0e-\x1f\ufffe\uffff\u00ad]", "", raw).replace("\u00a0", " ").strip()
    return Line(clean, size, bold, fixed, left, _origin(textpage, last)[0], baseline, hyphenated)


def _origin(textpage: Any, index: int) -> tuple[float, float]:
    """Where a character stands: its left edge and its baseline."""
    import pypdfium2.raw as raw

    x, y = ctypes.c_double(), ctypes.c_double()
    raw.FPDFText_GetCharOrigin(textpage.raw, index, ctypes.byref(x), ctypes.byref(y))
    return x.value, y.value


def _font(textpage: Any, index: int) -> tuple[str, int]:
    """A character's font name and its flags."""
    import pypdfium2.raw as raw

    flags = ctypes.c_int(0)
    name = ctypes.create_string_buffer(128)
    raw.FPDFText_GetFontInfo(textpage.raw, index, name, 128, ctypes.byref(flags))
    return name.value.decode("utf-8", errors="replace"), flags.value


def _is_fixed(font: tuple[str, int]) -> bool:
    return bool(font[1] & _FIXED_PITCH) or _MONOSPACE.search(font[0]) is not None


def _type(textpage: Any, index: int) -> tuple[float, bool]:
    """The size in points of the character at `index`, as it stands on the page, and whether it is bold."""
    import pypdfium2.raw as raw

    matrix = raw.FS_MATRIX()
    size = float(raw.FPDFText_GetFontSize(textpage.raw, index))
    if raw.FPDFText_GetMatrix(textpage.raw, index, ctypes.byref(matrix)):
        size *= math.hypot(matrix.b, matrix.d)
    bold = _BOLD.search(_font(textpage, index)[0]) is not None or raw.FPDFText_GetFontWeight(textpage.raw, index) >= 600
    return round(size, 1), bold


def without_running_lines(pages: list[Page]) -> list[Page]:
    """The pages without the lines at their edges that repeat, digits aside, or that carry the page's own number."""
    if len(pages) < _RUNNING:
        return pages
    counts: Counter[str] = Counter()
    offsets: Counter[int] = Counter()
    alone: Counter[int] = Counter()  # of numbers that stand by themselves; a chapter may count its own pages
    for page in pages:
        edges = [line for edge in _edges(page) for line in edge]
        counts.update({_key(line.text) for line in edges})
        offsets.update({page.number - number for line in edges for number in _numbers_at_ends(line.text)})
        alone.update({page.number - int(line.text) for line in edges if line.text.isdecimal() and len(line.text) < 5})
    enough = max(_RUNNING, min(len(pages) // 12, 12))
    numbering = {offset for offset, count in offsets.items() if count >= max(_RUNNING, len(pages) // 4)}

    def runs(page: Page, line: Line) -> bool:
        if line.text.isdecimal() and len(line.text) < 5:
            return alone[page.number - int(line.text)] >= _RUNNING
        if _PAGE_NUMBER.match(line.text) or counts[_key(line.text)] >= enough:
            return True
        return any(page.number - number in numbering for number in _numbers_at_ends(line.text))

    cleaned = []
    for page in pages:
        running = partial(runs, page)
        drop = {id(line) for edge in _edges(page) for line in takewhile(running, edge)}
        kept = [id(line) not in drop for line in page.lines]
        lines = tuple(line for line, keep in zip(page.lines, kept, strict=True) if keep)
        tables = tuple(PlacedTable(sum(kept[: each.after]), each.table) for each in page.tables)
        cleaned.append(Page(page.number, page.height, lines, tables))
    return cleaned


def _numbers_at_ends(text: str) -> set[int]:
    """The numbers that a line begins and ends with, by themselves: one of them may be the page's."""
    found = (re.match(r"(\d{1,4})(?=\s)", text), re.search(r"(?<=\s)(\d{1,4})$", text))
    return {int(match.group(1)) for match in found if match}


def _edges(page: Page) -> tuple[list[Line], list[Line]]:
    """The few lines at the top and at the bottom edge of a page, the outermost first: what stands outside of text that
    is not running is a running line, what stands inside of it is text."""
    by_height = sorted(page.lines, key=lambda line: -line.baseline)
    upper = [line for line in by_height[:_EDGE_LINES] if line.baseline > page.height * (1 - _EDGE)]
    lower = [line for line in by_height[-_EDGE_LINES:] if line.baseline < page.height * _EDGE]
    return upper, lower[::-1]


def _key(text: str) -> str:
    text = re.sub(r"\b[ivxlc]+\b", "0", text.lower())
    return re.sub(r"[\d\W_]+", "0", text).strip("0")
