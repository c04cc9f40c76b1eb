"""Turns an HTML table into text: one row a line, cells separated by " | ", the header row first, spans filled.

Comes in: a <table> node. Goes out: its rows, or None where it only lays out the page and is read as running text.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from selectolax.lexbor import LexborNode

from index.readers.html_text import line_of

SEPARATOR = " | "
_LARGEST_SPAN = 100
_LARGEST_TABLE = 200_000  # cells; hostile spans could multiply a small page into gigabytes
_LAYOUT_CONTENT = "h1, h2, h3, h4, h5, table, dl, pre"


@dataclass(frozen=True, slots=True)
class TableText:
    """`text` is the rows, `header` the length of the header line (0: none), `caption` the <caption>, if any."""

    text: str
    header: int
    caption: str


def read_table(table: LexborNode) -> TableText | None:
    """The table as text, or None if it is layout: a presentation role, a single cell, row or column without header
    cells, or headings, lists and code in its cells."""
    if (table.attributes.get("role") or "") in ("presentation", "none"):
        return None
    rows = list(_rows(table))
    widest = max((len(cells) for _, cells in rows), default=0)
    has_header = any(cell.tag == "th" for _, cells in rows for cell in cells)
    if not has_header and (widest < 2 or len(rows) < 2):
        return None
    if len(rows) * widest < 2 or (
        not has_header and any(cell.css_first(_LAYOUT_CONTENT) for _, cells in rows for cell in cells)
    ):
        return None
    grid, headers = _fill(rows)
    lines = [SEPARATOR.join(row) for row in grid]
    header_line = _header_line(grid[:headers]) if headers else ""
    body = [line for line in lines[headers:] if line.replace("|", "").strip()]
    text = "\n".join(([header_line] if headers else []) + body)
    caption = next((line_of(child) for child in _children(table) if child.tag == "caption"), "")
    return TableText(text, len(header_line), caption) if text.strip(" |\n") else None


def _children(node: LexborNode) -> Iterator[LexborNode]:
    child = node.child
    while child is not None:
        if child.is_element_node:
            yield child
        child = child.next


def _rows(table: LexborNode) -> Iterator[tuple[bool, list[LexborNode]]]:
    """Each row's cells, and whether the row stands in <thead>; rows of nested tables are not this table's."""
    for child in _children(table):
        groups = [child] if child.tag in ("thead", "tbody", "tfoot") else []
        if child.tag == "tr":
            yield False, [cell for cell in _children(child) if cell.tag in ("td", "th")]
        for group in groups:
            for row in _children(group):
                if row.tag == "tr":
                    yield group.tag == "thead", [cell for cell in _children(row) if cell.tag in ("td", "th")]


def _fill(rows: list[tuple[bool, list[LexborNode]]]) -> tuple[list[list[str]], int]:
    """The grid of cell texts with row and column spans filled, and how many of its first rows are header rows."""
    grid: list[list[str]] = []
    hanging: dict[int, tuple[int, str]] = {}  # column -> rows that its cell still covers, text
    headers, cells_so_far = 0, 0
    for in_head, cells in rows:
        row: list[str] = []
        for cell in cells:
            _fill_from_above(row, hanging)
            text = line_of(cell) if len(cells) > 1 else _stacked(cell)
            down = _span(cell, "rowspan")
            for _ in range(_span(cell, "colspan")):
                if down > 1:
                    hanging[len(row)] = (down - 1, text)
                row.append(text)
        _fill_from_above(row, hanging)
        cells_so_far += len(row)
        if cells_so_far > _LARGEST_TABLE:
            break
        if len(grid) == headers and cells and (in_head or all(cell.tag == "th" for cell in cells)):
            headers += 1
        grid.append(row)
    return grid, headers if headers < len(grid) else min(headers, 1)


def _stacked(cell: LexborNode) -> str:
    """The text of a row's only cell: its paragraphs are what other tables have columns for."""
    paragraphs = [line_of(child) for child in _children(cell) if child.tag in ("p", "div")]
    return SEPARATOR.join(filter(None, paragraphs)) if len(paragraphs) > 1 else line_of(cell)


def _fill_from_above(row: list[str], hanging: dict[int, tuple[int, str]]) -> None:
    while (above := hanging.pop(len(row), None)) is not None:
        left, text = above
        if left > 1:
            hanging[len(row)] = (left - 1, text)
        row.append(text)


def _span(cell: LexborNode, name: str) -> int:
    value = cell.attributes.get(name) or "1"
    return max(1, min(int(value), _LARGEST_SPAN)) if value.strip().isdecimal() else 1


def _header_line(rows: list[list[str]]) -> str:
    """Several header rows as one: the texts of a column, one after the other, each once."""
    width = max(len(row) for row in rows)
    columns = [list(dict.fromkeys(row[at] for row in rows if at < len(row) and row[at])) for at in range(width)]
    return SEPARATOR.join(" ".join(column) for column in columns)
