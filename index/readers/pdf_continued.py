"""Joins tables that run over a page break: pages with their lines and tables in, the same pages out.

A table that closes a page and one that opens the next are one table if they have the same columns; the header row that
is repeated on the next page is dropped, and so are the words that say "continued". What a caption is is known here too.
"""

from __future__ import annotations

import re
from dataclasses import replace

from index.readers.pdf_lines import Line, Page, PlacedTable
from index.readers.pdf_tables import Table

CAPTION = re.compile(
    r"^\W*(table|tab\.|list|表|リスト)\s*([A-Z\d][\d.\-‐‑‒–―]*|[ivx]+)\s*([:：.、]|\s|$)", re.IGNORECASE
)
"""How a table's caption begins: "Table 3-1: ...", "表A.2 ..."."""

_CONTINUED = re.compile(
    r"(continue[sd]\b.{0,30}(page|$)|\(cont(inued|'d)?\.?\)|続き|つづき|（続）|\(続\)|前のページから|次のページに)",
    re.IGNORECASE,
)
_MOST_NOTES = 3  # lines


def with_tables_joined(pages: list[Page]) -> list[Page]:
    """The pages, each table of which stands whole on the page where it begins."""
    joined = list(pages)
    for at in range(len(joined) - 2, -1, -1):  # from the end, so that a table of three pages comes together
        joined[at], joined[at + 1] = _join(joined[at], joined[at + 1])
    return joined


def _join(page: Page, following: Page) -> tuple[Page, Page]:
    if not (page.tables and following.tables):
        return page, following
    last, first = page.tables[-1], following.tables[0]
    closing, opening = page.lines[last.after :], following.lines[: first.after]
    above = {line.text for line in page.lines[max(0, last.after - 2) : last.after]}
    repeated = last.table.rows[0] == first.table.rows[0]
    goes_on = all(_CONTINUED.search(line.text) for line in closing) or (repeated and _only_footnotes(closing))
    opens = all(line.text in above or _CONTINUED.search(line.text) for line in opening)
    if not (goes_on and opens and _same_columns(last.table, first.table)) or len(opening) > _MOST_NOTES:
        return page, following
    closing = tuple(line for line in closing if not _CONTINUED.search(line.text))
    after = following.lines[first.after :]
    if after and CAPTION.match(after[0].text):  # it stands below the table's end
        closing, after = (after[0], *closing), after[1:]
    taken = len(following.lines) - len(after)
    whole = PlacedTable(last.after, _together(last.table, first.table))
    tables = tuple(PlacedTable(max(0, each.after - taken), each.table) for each in following.tables[1:])
    return (
        replace(page, lines=(*page.lines[: last.after], *closing), tables=(*page.tables[:-1], whole)),
        replace(following, lines=after, tables=tables),
    )


def _only_footnotes(lines: tuple[Line, ...]) -> bool:
    """Whether the lines below a table that is broken off may be footnotes: a few, none of them a caption."""
    return len(lines) <= _MOST_NOTES and not any(CAPTION.match(line.text) for line in lines)


def _same_columns(one: Table, other: Table) -> bool:
    """Whether two tables have the same columns; on a facing page they may stand a little aside."""
    if len(one.columns) != len(other.columns):
        return False
    shift = other.columns[0] - one.columns[0]
    return abs(shift) < 60 and all(abs(b - a - shift) < 4 for a, b in zip(one.columns, other.columns, strict=True))


def _together(one: Table, other: Table) -> Table:
    rows = other.rows[1:] if one.rows[0] == other.rows[0] else other.rows
    rows = tuple(row for row in rows if not _is_note(row))
    own = tuple(row for row in one.rows if not _is_note(row))
    return replace(one, rows=(*own, *rows))


def _is_note(row: tuple[str, ...]) -> bool:
    """Whether a row only says that the table goes on; as a merged row it repeats that in each cell."""
    said = {cell for cell in row if cell}
    return len(said) == 1 and len(row) > 1 and _CONTINUED.search(next(iter(said))) is not None
