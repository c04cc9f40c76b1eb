"""Reads the tables of a PDF page: the characters that stand in the cells of a grid, as rows of text.

Comes in: an open page with its text. Goes out: `Table`s with the characters they take. In doubt there is no table, and
the lines stay what they are: a table read wrongly hides more than one read as lines.
"""

from __future__ import annotations

import ctypes
import re
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from index.readers.inline import fold_to_line
from index.readers.pdf_grids import Grid, Rule, drawn_lines, find_grids

SEPARATOR = " | "
_HYPHENS = "\x02\ufffe\u00ad"
_UNSEEN = re.compile("[\x00-\x08\x0e-\x1f\ufffe\uffff\u00ad]")
_MOST_CROSSING = 0.25  # of a table's words may be too long for their cells and lie over a line
_LEAST_FILLED = 0.3  # of the cells; fewer is a form or a drawing
_LONGEST_HEADER_CELL = 80
_NEXT_LINE = 4.0  # points from baseline to baseline; a raised or lowered sign is nearer
_GUTTER = 7.0  # points of white between columns that no line parts


@dataclass(frozen=True, slots=True)
class Table:
    """A table's rows, each with as many cells as there are columns; merged cells repeat their text.

    `header` says that the first row names the columns; `columns` are the columns' edges in points; `characters` the
    indices of the page's characters that it took.
    """

    rows: tuple[tuple[str, ...], ...]
    header: bool
    columns: tuple[float, ...]
    characters: frozenset[int] = field(repr=False)

    @property
    def text(self) -> str:
        """One row a line, cells parted by " | "."""
        return "\n".join(SEPARATOR.join(row) for row in self.rows)


@dataclass(frozen=True, slots=True)
class _Char:
    """A character that can be seen: its index and where it stands, in points, its advance included. `breaks` says that
    white space comes before it, `hyphen` that a hyphen does which only parts a word at a line's end."""

    index: int
    text: str
    left: float
    right: float
    middle: float
    baseline: float
    breaks: bool
    hyphen: bool


def read_tables(page: Any, textpage: Any, text: str) -> list[Table]:
    """The tables of a page, from top to bottom. `text` holds all the page's characters."""
    horizontal, vertical = drawn_lines(page)
    grids = find_grids(horizontal, vertical)
    stacks = _stacks(horizontal, vertical)
    if not grids and not stacks:
        return []
    chars = _characters(textpage, text)
    tables = [_ruled(grid, chars) for grid in grids] + [_aligned(stack, chars) for stack in stacks]
    return [table for table in tables if table is not None]


def _characters(textpage: Any, text: str) -> list[_Char]:
    import pypdfium2.raw as raw

    box = raw.FS_RECTF()
    x, y = ctypes.c_double(), ctypes.c_double()
    chars: list[_Char] = []
    breaks = hyphen = False
    for index, char in enumerate(text):
        if char in _HYPHENS:
            hyphen = True
        if char.isspace() or _UNSEEN.match(char):
            breaks = True
            continue
        raw.FPDFText_GetLooseCharBox(textpage.raw, index, box)
        raw.FPDFText_GetCharOrigin(textpage.raw, index, x, y)
        chars.append(_Char(index, char, box.left, box.right, (box.bottom + box.top) / 2, y.value, breaks, hyphen))
        breaks = hyphen = False
    return chars


def _ruled(grid: Grid, chars: list[_Char]) -> Table | None:
    """The table in a drawn grid, or None where the text does not keep to its cells."""
    rows, columns = len(grid.ys) - 1, len(grid.xs) - 1
    cells: dict[tuple[int, int], list[_Char]] = {}
    crossing = total = 0
    downwards = [-y for y in grid.ys]
    owner = _merged(grid)
    for word in _words(chars):
        row = bisect_right(downwards, -word[0].middle) - 1
        column = bisect_right(grid.xs, (word[0].left + word[0].right) / 2) - 1
        if not (0 <= row < rows and 0 <= column < columns):
            continue
        total += 1
        crossing += any(
            word[0].left + 1.5 < x < word[-1].right - 1.5 and not merged
            for x, merged in zip(grid.xs[1:-1], grid.open_right[row], strict=False)
        )
        cells.setdefault(owner[row][column], []).extend(word)
    distinct = {each for row_ in owner for each in row_}
    if not total or crossing > _MOST_CROSSING * total or len(cells) < max(4, _LEAST_FILLED * len(distinct)):
        return None
    if len({column for _, column in cells}) < 2:
        return None
    bands = _bands(grid, owner, cells)
    texts = [[_cell_text(band.get(owner[row][column], [])) for column in range(columns)] for row, band in bands]
    return _table(texts, grid.xs, cells.values())


def _words(chars: list[_Char]) -> list[list[_Char]]:
    """Characters that stand close together on one line: a word too long for its cell stays in it."""
    words: list[list[_Char]] = []
    for char in chars:
        before = words[-1][-1] if words else None
        if (
            before is None
            or char.breaks
            or abs(char.baseline - before.baseline) >= 1
            or not -2 < char.left - before.right < 1.5
        ):
            words.append([])
        words[-1].append(char)
    return words


def _merged(grid: Grid) -> list[list[tuple[int, int]]]:
    """For each cell the upper left one of those it is merged with."""
    owner = [[(row, column) for column in range(len(grid.xs) - 1)] for row in range(len(grid.ys) - 1)]
    for row, cells in enumerate(owner):
        for column in range(len(cells)):
            if column and grid.open_right[row][column - 1]:
                cells[column] = cells[column - 1]
            elif row and grid.open_below[row - 1][column]:
                cells[column] = owner[row - 1][column]
    return owner


_Cells = dict[tuple[int, int], list[_Char]]


def _bands(grid: Grid, owner: list[list[tuple[int, int]]], cells: _Cells) -> Iterable[tuple[int, _Cells]]:
    """The rows of a grid with the characters of their cells. Many tables draw no line between their rows: a band where
    each line of the first column has a neighbour on its baseline is parted there."""
    for row in range(len(owner)):
        own = {key: cells[key] for key in dict.fromkeys(owner[row]) if key in cells}
        starts = _row_starts(row, own) if len(owner) <= 3 else []
        if len(starts) < 3:
            yield row, own
            continue
        for upper, lower in zip(starts, [*starts[1:], float("-inf")], strict=True):
            yield (
                row,
                {key: [char for char in chars if lower + 2 < char.baseline <= upper + 2] for key, chars in own.items()},
            )


def _row_starts(row: int, cells: _Cells) -> list[float]:
    """The baselines of the first column's lines, top first, if in each a second column has a line too."""
    if any(key[0] != row for key in cells) or len(cells) < 2:
        return []
    by_column = sorted(cells.items(), key=lambda each: each[0][1])
    first = _baselines(by_column[0][1])
    others = [_baselines(chars) for _, chars in by_column[1:]]
    beside = all(any(abs(y - other) < 2 for other in lines) for lines in others[:1] for y in first)
    above = all(not lines or lines[0] < first[0] + 2 for lines in others)
    return first if beside and above else []


def _baselines(chars: list[_Char]) -> list[float]:
    found: list[float] = []
    for baseline in sorted({char.baseline for char in chars}, reverse=True):
        if not found or found[-1] - baseline > 3:
            found.append(baseline)
    return found


def _cell_text(chars: list[_Char]) -> str:
    """A cell's characters as running text on one line; words cut at a line's end are whole again."""
    pieces: list[str] = []
    before: _Char | None = None
    for char in chars:
        if before is not None and abs(char.baseline - before.baseline) > _NEXT_LINE:
            pieces.append("" if char.hyphen else "\n")
        elif before is not None and char.breaks:
            pieces.append(" ")
        pieces.append(char.text)
        before = char
    return fold_to_line("".join(pieces))


def _table(texts: list[list[str]], xs: Iterable[float], taken: Iterable[list[_Char]]) -> Table | None:
    rows = tuple(tuple(row) for row in texts if any(row))
    if len(rows) < 2:
        return None
    header = all(rows[0][1:]) and max(map(len, rows[0])) <= _LONGEST_HEADER_CELL
    return Table(rows, header, tuple(xs), frozenset(char.index for chars in taken for char in chars))


# Tables with lines only above and below their header and at their end


def _stacks(horizontal: list[Rule], vertical: list[Rule]) -> list[tuple[Rule, Rule, Rule]]:
    """Three lines of one width, one below the other, with no upright line between: top, header's end, end."""
    stacks = []
    by_place: dict[tuple[int, int], list[Rule]] = {}
    for rule in sorted(horizontal, key=lambda rule: -rule.at):
        if rule.end - rule.start >= 60:
            by_place.setdefault((round(rule.start / 3), round(rule.end / 3)), []).append(rule)
    for rules in by_place.values():
        at = 0
        while at + 2 < len(rules):
            top, middle, end = rules[at : at + 3]
            high = top.at - middle.at <= 60 and middle.at - end.at >= 1.5 * (top.at - middle.at)
            if high and not any(end.at < v.end and v.start < top.at for v in vertical):
                stacks.append((top, middle, end))
                at += 3
            else:
                at += 1
    return stacks


def _aligned(stack: tuple[Rule, Rule, Rule], chars: list[_Char]) -> Table | None:
    """The table between three lines, if white gutters part its columns from top to end and its rows fill them."""
    top, middle, end = stack
    inside = [char for char in chars if end.at < char.middle < top.at and top.start - 5 < char.left < top.end + 5]
    xs = _gutters(inside)
    if len(xs) < 3:
        return None
    head = [char for char in inside if char.middle > middle.at]
    body = [char for char in inside if char.middle <= middle.at]
    first = _baselines([char for char in body if char.left < xs[1]])
    if not head or len(first) < 2 or not body or max(char.baseline for char in body) > first[0] + 2:
        return None
    rows = [head]
    rows += [
        [char for char in body if lower + 2 < char.baseline <= upper + 2]
        for upper, lower in zip(first, [*first[1:], float("-inf")], strict=True)
    ]
    texts = [
        [_cell_text([char for char in row if left <= char.left < right]) for left, right in pairwise(xs)]
        for row in rows
    ]
    filled = sum(1 for row in texts if sum(map(bool, row)) >= 2)
    return _table(texts, xs, [inside]) if all(texts[0]) and filled >= 0.8 * len(texts) else None


def _gutters(chars: list[_Char]) -> list[float]:
    """The edges of columns: where no character stands from top to end, for at least a gutter's width."""
    if not chars:
        return []
    ordered = sorted(chars, key=lambda char: char.left)
    edges, reach = [ordered[0].left], ordered[0].right
    for char in ordered[1:]:
        if char.left - reach >= _GUTTER:
            edges.append(char.left)
        reach = max(reach, char.right)
    return [*edges, reach + 1]
