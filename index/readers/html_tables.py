"""Turns an HTML table into text: one row a line, cells separated by " | ", the header row first, spans filled.

Comes in: a <table> node. Goes out: its rows, or None where it only lays out the page and is read as running text.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from selectolax.lexbor import LexborNode

from index.readers.html_text import line_of

SEPARATOR = " | "
_LARGEST_SPAN = {"rowspan": 1000, "colspan": 100}
_LARGEST_TABLE = 200_000  # cells, from which on spans are no longer filled; hostile ones make gigabytes of a small page
_LONGEST_REPEATED = 200  # characters; a longer text stands only in the first of the cells that it spans
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
    caption = next((line_of(child) for child in _children(table) if child.tag == "caption"), "")
    if not caption and len(rows) > 2 and [at for at, (_, cells) in enumerate(rows) if _is_title(cells)] == [0]:
        caption = line_of(rows.pop(0)[1][0])
    grid, headers = _fill(rows)
    lines = [SEPARATOR.join(row) for row in grid]
    header_line = _header_line(grid[:headers]) if headers else ""
    body = [line for line in lines[headers:] if line.replace("|", "").strip()]
    text = "\n".join(([header_line] if headers else []) + body)
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
    """The grid of cell texts with row and column spans filled, and how many of its first rows are header rows.

    A row of one cell is a title for the rows below it, however wide, and is said once. A long text is not repeated
    either; nor is any more, once a table grows beyond all measure."""
    grid: list[list[str]] = []
    hanging: dict[int, tuple[int, str]] = {}  # column -> rows that its cell still covers, text
    headers, cells_so_far = 0, 0
    for in_head, cells in rows:
        row: list[str] = []
        alone = len(cells) == 1 and not hanging
        for cell in cells:
            _fill_from_above(row, hanging)
            text = _stacked(cell) if len(cells) == 1 else line_of(cell)
            again = text if len(text) <= _LONGEST_REPEATED else ""
            full = cells_so_far + len(row) > _LARGEST_TABLE
            across, down = (1, 1) if full else (_span(cell, "colspan"), _span(cell, "rowspan"))
            for number in range(1 if alone else across):
                if down > 1:
                    hanging[len(row)] = (down - 1, again)
                row.append(again if number else text)
        _fill_from_above(row, hanging)
        cells_so_far += len(row)
        if cells_so_far > _LARGEST_TABLE:
            hanging.clear()
        if len(grid) == headers and cells and (in_head or _is_header(cells, first=not grid)):
            headers += 1
        grid.append(row)
    return grid, headers if headers < len(grid) else min(headers, 1)


def _is_title(cells: list[LexborNode]) -> bool:
    """Whether a row is a title, of the table or of the rows below it: one cell across several columns."""
    return len(cells) == 1 and _span(cells[0], "colspan") > 1


def _is_header(cells: list[LexborNode], *, first: bool) -> bool:
    """Whether a row outside <thead> is a header row: header cells only, or a first row all in bold."""
    return all(cell.tag == "th" or (first and len(cells) > 1 and _is_bold(cell)) for cell in cells)


def _is_bold(cell: LexborNode) -> bool:
    text = cell.text().strip()
    return bool(text) and any(bold.text().strip() == text for bold in cell.css("b, strong"))


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
    value = (cell.attributes.get(name) or "").strip()
    return max(1, min(int(value[:9]), _LARGEST_SPAN[name])) if value.isdecimal() else 1


def _header_line(rows: list[list[str]]) -> str:
    """Several header rows as one: the texts of a column, one after the other, each once."""
    width = max(len(row) for row in rows)
    columns = [list(dict.fromkeys(row[at] for row in rows if at < len(row) and row[at])) for at in range(width)]
    return SEPARATOR.join(" ".join(column) for column in columns)
