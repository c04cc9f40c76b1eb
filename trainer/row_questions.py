"""Questions by rule, from the rows of tables: which name fits this description, and what does this name mean.

Comes in: a library's sections with their tables. Goes out: questions in the table's language, each with its row as the
evidence. The wrong options are the sibling rows' cells, so all four are of one kind and nothing is made up. The same
seed draws the same questions. It knows no product: names and descriptions are what stands in the first column and in
the column that says most.
"""

from __future__ import annotations

import hashlib
import random
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from agent.records import Question
from index.records import Language, Section
from trainer.corpus import SectionBlocks
from trainer.evidence import plain
from trainer.question_checks import kind
from trainer.question_records import Practice

LONGEST_CELL = 160  # characters
LEAST_DESCRIPTION = 8
_EMPTY = re.compile(r"[-–—−―ー－\s]*")

_ASKED: dict[Language, dict[Literal["name", "meaning"], str]] = {
    "en": {
        "name": '{heading}: which "{first}" has the "{second}" "{cell}"?',
        "meaning": '{heading}: what does the manual give as "{second}" of {cell}?',
    },
    "ja": {
        "name": "{heading}について、「{second}」が「{cell}」である「{first}」はどれですか。",
        "meaning": "{heading}について、{cell}の「{second}」はどれですか。",
    },
}
_LEFT_OUT = "…"


@dataclass(frozen=True, slots=True)
class _Row:
    """A row: its name, its description without the name, and the line as it stands."""

    name: str
    meaning: str
    line: str


@dataclass(frozen=True, slots=True)
class _Table:
    """The rows of a table that can be asked for, with the headings of both columns."""

    section: Section
    first: str
    second: str
    rows: tuple[_Row, ...]


def row_questions(sections: Sequence[SectionBlocks], most: int, seed: int) -> list[Practice]:
    """At most `most` questions, drawn from all the tables."""
    made = [question for one in sections for table in _tables(one) for question in _questions(table, seed)]
    random.Random(seed).shuffle(made)
    return made[:most]


def _tables(one: SectionBlocks) -> Iterator[_Table]:
    for block in one.blocks:
        if block.kind != "table" or not block.header:
            continue
        lines = one.section.text[block.start : block.end].splitlines()
        cells = [[cell.strip() for cell in line.split(" | ")] for line in lines]
        header = cells[0]
        if len(header) < 2 or not all(header):
            continue
        whole = [(row, line) for row, line in zip(cells[1:], lines[1:], strict=True) if len(row) == len(header)]
        column = _telling([row for row, _ in whole], len(header))
        if column is None:
            continue
        rows = _told_apart(list(_rows(whole, column)))
        if len(rows) >= 4:
            yield _Table(one.section, header[0], header[column], rows)


def _telling(rows: Sequence[Sequence[str]], columns: int) -> int | None:
    """The column behind the first that says most, if its cells differ from row to row."""
    best, said = None, 0
    for column in range(1, columns):
        cells = [row[column] for row in rows]
        letters = sum(map(len, cells))
        if letters > said and len({plain(cell) for cell in cells}) == len(cells):
            best, said = column, letters
    return best


def _rows(whole: Sequence[tuple[list[str], str]], column: int) -> Iterator[_Row]:
    names = [plain(row[0]) for row, _ in whole]
    for row, line in whole:
        name, meaning = row[0], _without(row[column], row[0])
        told = meaning.replace(_LEFT_OUT, "").strip()
        others = [other for other in names if other != plain(name) and len(other) > 2]
        if (
            names.count(plain(name)) == 1
            and not _EMPTY.fullmatch(name)
            and len(told) >= LEAST_DESCRIPTION
            and max(len(name), len(meaning)) <= LONGEST_CELL
            and not any(other in plain(meaning) for other in others)
        ):
            yield _Row(name, meaning, line)


def _told_apart(rows: Sequence[_Row]) -> tuple[_Row, ...]:
    """The rows whose description, without the name, is no other row's too."""
    meanings = Counter(plain(row.meaning) for row in rows)
    return tuple(row for row in rows if meanings[plain(row.meaning)] == 1)


def _without(meaning: str, name: str) -> str:
    """A description without the name that it is of, which would give the answer away."""
    return re.sub(rf"(?<![A-Za-z0-9]){re.escape(name)}(?![A-Za-z0-9])", _LEFT_OUT, meaning, flags=re.IGNORECASE)


def _questions(table: _Table, seed: int) -> Iterator[Practice]:
    for row in table.rows:
        key = f"{table.section.source}|{'/'.join(table.section.heading)}|{row.line}"
        for way in ("name", "meaning"):
            drawn = random.Random(f"{seed}|{key}|{way}")
            question = _question(table, row, "name" if way == "name" else "meaning", drawn, key)
            if question is not None:
                yield question


def _question(
    table: _Table, row: _Row, way: Literal["name", "meaning"], drawn: random.Random, key: str
) -> Practice | None:
    def cell(one: _Row) -> str:
        return one.name if way == "name" else one.meaning

    right = cell(row)
    like = [one for one in table.rows if one is not row and kind(cell(one)) == kind(right)]
    like = [one for one in like if plain(cell(one)) != plain(right)]
    if len({plain(cell(one)) for one in like}) < len(like) or len(like) < 3:
        return None
    options = [right, *map(cell, drawn.sample(like, 3))]
    drawn.shuffle(options)
    section = table.section
    text = _ASKED[section.language][way].format(
        heading=" > ".join(dict.fromkeys((*section.heading[:1], *section.heading[-1:]))) or section.manual,
        first=table.first,
        second=table.second,
        cell=row.meaning if way == "name" else row.name,
    )
    one, two, three, four = options
    question = Question(
        id=f"rows-{hashlib.sha256(f'{key}|{way}'.encode()).hexdigest()[:10]}",
        lang=section.language,
        level="engineer",
        question=text,
        options=(one, two, three, four),
        answer=options.index(right),
        manual=section.manual,
        section=section.heading[-1] if section.heading else section.source,
    )
    return Practice(question, (row.line,), "rows")
