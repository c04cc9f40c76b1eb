"""Finds grids among the lines drawn on a PDF page: where a table's rows and columns are.

Comes in: an open pypdfium2 page. Goes out: `Grid`s, in points from the page's lower left corner. Knows nothing of
text. What does not look like a table (boxes, diagrams, single rules) gives no grid.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

_THICK = 3.0  # points; a filled rectangle that is thinner is a line
_ONE_LINE = 1.5  # points between pieces of one line
_TOUCH = 2.5  # points between lines that meet
_SAME = 4.5  # points between edges of rows or columns that are one: double lines
_SHORTEST = 8.0  # points
_MOST_SEGMENTS = 400  # of one path: more is a drawing
_MOST_LINES = 600  # of one direction on a page
_MOST_ROWS, _MOST_COLUMNS = 200, 30
_COVERED = 0.55  # of the inner edges must be drawn; merged cells have fewer
_LINETO, _MOVETO = 0, 2


@dataclass(frozen=True, slots=True)
class Rule:
    """A drawn line: at `at` (y of a horizontal, x of a vertical one), from `start` to `end` along the other axis."""

    at: float
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Grid:
    """A table's edges: `xs` ascending, `ys` descending (top first). `open_right[row][column]` says that no line stands
    between a cell and the next in its row, `open_below` the same for the cell below: such cells are merged."""

    xs: tuple[float, ...]
    ys: tuple[float, ...]
    open_right: tuple[tuple[bool, ...], ...]
    open_below: tuple[tuple[bool, ...], ...]


def drawn_lines(page: Any) -> tuple[list[Rule], list[Rule]]:
    """The horizontal and the vertical lines of a page, pieces of one line joined; none where it holds a drawing of
    too many lines."""
    import pypdfium2.raw as raw

    horizontal: list[Rule] = []
    vertical: list[Rule] = []
    for item in page.get_objects(filter=[raw.FPDF_PAGEOBJ_PATH], max_depth=1):
        for (x1, y1), (x2, y2) in _strokes(item.raw):
            if abs(y1 - y2) <= 1.0 and abs(x1 - x2) >= _SHORTEST:
                horizontal.append(Rule((y1 + y2) / 2, min(x1, x2), max(x1, x2)))
            elif abs(x1 - x2) <= 1.0 and abs(y1 - y2) >= 4.0:
                vertical.append(Rule((x1 + x2) / 2, min(y1, y2), max(y1, y2)))
        if len(horizontal) > 20 * _MOST_LINES or len(vertical) > 20 * _MOST_LINES:
            return [], []
    horizontal, vertical = _joined(horizontal), _joined(vertical)
    return ([], []) if max(len(horizontal), len(vertical)) > _MOST_LINES else (horizontal, vertical)


_Point = tuple[float, float]


def _strokes(path: Any) -> Iterable[tuple[_Point, _Point]]:
    """A path's straight lines, as they stand on the page; for a filled bar its long axis."""
    import pypdfium2.raw as raw

    fill, stroke = ctypes.c_int(0), ctypes.c_int(0)
    raw.FPDFPath_GetDrawMode(path, ctypes.byref(fill), ctypes.byref(stroke))
    count = raw.FPDFPath_CountSegments(path)
    if not (fill.value or stroke.value) or not 2 <= count <= _MOST_SEGMENTS:
        return
    points = _points(path, count)
    if not stroke.value:
        yield from _bars(points)
        return
    start = before = (0.0, 0.0)
    for kind, point, closes in points:
        if kind == _MOVETO:
            start = point
        elif kind == _LINETO:
            yield before, point
        if closes:
            yield point, start
        before = point


def _points(path: Any, count: int) -> list[tuple[int, _Point, bool]]:
    """A path's segments: kind, end point on the page, and whether it closes the figure."""
    import pypdfium2.raw as raw

    matrix = raw.FS_MATRIX()
    if not raw.FPDFPageObj_GetMatrix(path, ctypes.byref(matrix)):
        return []
    found = []
    x, y = ctypes.c_float(), ctypes.c_float()
    for index in range(count):
        segment = raw.FPDFPath_GetPathSegment(path, index)
        raw.FPDFPathSegment_GetPoint(segment, ctypes.byref(x), ctypes.byref(y))
        point = (
            matrix.a * x.value + matrix.c * y.value + matrix.e,
            matrix.b * x.value + matrix.d * y.value + matrix.f,
        )
        kind = raw.FPDFPathSegment_GetType(segment)
        found.append((kind, point, bool(raw.FPDFPathSegment_GetClose(segment))))
    return found


def _bars(points: list[tuple[int, _Point, bool]]) -> Iterable[tuple[_Point, _Point]]:
    """The lines that are drawn as thin filled rectangles, each by its middle."""
    figures: list[list[_Point]] = []
    for kind, point, _ in points:
        if kind == _MOVETO:
            figures.append([])
        elif kind != _LINETO:
            return
        if figures:
            figures[-1].append(point)
    for figure in figures:
        left, right = min(x for x, _ in figure), max(x for x, _ in figure)
        bottom, top = min(y for _, y in figure), max(y for _, y in figure)
        if top - bottom <= _THICK < right - left:
            yield (left, (bottom + top) / 2), (right, (bottom + top) / 2)
        elif right - left <= _THICK < top - bottom:
            yield ((left + right) / 2, bottom), ((left + right) / 2, top)


def _joined(rules: list[Rule]) -> list[Rule]:
    """Lines in one place that touch or overlap are one line."""
    rows: list[list[Rule]] = []
    for rule in sorted(rules, key=lambda rule: rule.at):
        if rows and rule.at - rows[-1][0].at <= _ONE_LINE:
            rows[-1].append(rule)
        else:
            rows.append([rule])
    joined: list[Rule] = []
    for row in rows:
        at = row[0].at
        start, end = 0.0, -1.0
        for rule in sorted(row, key=lambda rule: rule.start):
            if start <= end and rule.start <= end + _SAME:
                end = max(end, rule.end)
                continue
            if start <= end:
                joined.append(Rule(at, start, end))
            start, end = rule.start, rule.end
        joined.append(Rule(at, start, end))
    return joined


def find_grids(horizontal: Sequence[Rule], vertical: Sequence[Rule]) -> list[Grid]:
    """The grids of at least two columns and two rows that the lines form, from the top of the page to its bottom."""
    grids = [_grid(*group) for group in _groups(horizontal, vertical)]
    return sorted((grid for grid in grids if grid is not None), key=lambda grid: -grid.ys[0])


def _groups(horizontal: Sequence[Rule], vertical: Sequence[Rule]) -> list[tuple[list[Rule], list[Rule]]]:
    """The lines that touch each other, directly or through others."""
    unseen_h, unseen_v = set(horizontal), set(vertical)
    groups = []
    while unseen_h and unseen_v:
        first = next(iter(unseen_h))
        unseen_h.discard(first)
        group: tuple[list[Rule], list[Rule]] = ([first], [])
        waiting = [(first, True)]
        while waiting:
            rule, lies = waiting.pop()
            others = unseen_v if lies else unseen_h
            met = [other for other in others if _meet(rule, other)]
            others.difference_update(met)
            group[1 if lies else 0].extend(met)
            waiting.extend((other, not lies) for other in met)
        groups.append(group)
    return groups


def _meet(one: Rule, other: Rule) -> bool:
    """Whether two lines of different direction touch."""
    return one.start - _TOUCH <= other.at <= one.end + _TOUCH and other.start - _TOUCH <= one.at <= other.end + _TOUCH


def _grid(horizontal: list[Rule], vertical: list[Rule]) -> Grid | None:
    if len(horizontal) < 2 or not vertical:
        return None
    xs = _edges([v.at for v in vertical], min(h.start for h in horizontal), max(h.end for h in horizontal))
    ys = _edges([h.at for h in horizontal], min(v.start for v in vertical), max(v.end for v in vertical))[::-1]
    columns, rows = len(xs) - 1, len(ys) - 1
    if not (2 <= columns <= _MOST_COLUMNS and 2 <= rows <= _MOST_ROWS):
        return None
    bands, places = list(pairwise(ys)), list(pairwise(xs))
    right = tuple(
        tuple(at < columns - 1 and not _drawn(vertical, xs[at + 1], (top + bottom) / 2) for at in range(columns))
        for top, bottom in bands
    )
    below = tuple(
        tuple(row < rows - 1 and not _drawn(horizontal, ys[row + 1], (left + end) / 2) for left, end in places)
        for row in range(rows)
    )
    missing_right = sum(map(sum, right)) / (rows * (columns - 1))
    missing_below = sum(map(sum, below)) / ((rows - 1) * columns)
    if max(missing_right, missing_below) > 1 - _COVERED:
        return None
    return Grid(tuple(xs), tuple(ys), right, below)


def _edges(at: list[float], least: float, most: float) -> list[float]:
    """The distinct places of edges, ascending, with the outer ones, which many tables do not draw."""
    found: list[float] = []
    for place in sorted([*at, least, most]):
        if not found or place - found[-1] > _SAME:
            found.append(place)
    return found


def _drawn(rules: list[Rule], at: float, middle: float) -> bool:
    return any(abs(rule.at - at) <= _SAME and rule.start <= middle <= rule.end for rule in rules)
