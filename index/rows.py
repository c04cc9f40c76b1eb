"""Reads sections and passages out of the library's tables as records; the SQL that joins them stands here alone."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator

from index.records import Passage, Section

_SECTIONS = """
SELECT s.id, m.id, m.title, f.source, s.heading, s.anchor, s.page, s.start, s.text, f.language
FROM sections s JOIN files f ON f.id = s.file_id JOIN manuals m ON m.id = f.manual_id
"""
_PASSAGES = """
SELECT p.id, s.id, m.id, m.title, f.source, s.heading, s.anchor, s.page, p.start, p."end",
       substr(s.text, p.start - s.start + 1, p."end" - p.start), p.context, f.language
FROM passages p JOIN sections s ON s.id = p.section_id
JOIN files f ON f.id = s.file_id JOIN manuals m ON m.id = f.manual_id
"""


def read_sections(db: sqlite3.Connection, where: str, values: tuple[object, ...]) -> Iterator[Section]:
    """The sections for which `where` holds (s: sections, f: files, m: manuals), file by file in order."""
    for row in db.execute(f"{_SECTIONS} WHERE {where} ORDER BY f.id, s.ordinal", values):
        id_, manual_id, manual, source, heading, anchor, page, start, text, language = row
        path = tuple(json.loads(heading))
        yield Section(id_, manual_id, manual, source, path, anchor, page, start, text, language)


def read_passages(db: sqlite3.Connection, where: str, values: tuple[object, ...]) -> Iterator[Passage]:
    """The passages for which `where` holds (p: passages, and as above), ascending by id."""
    for row in db.execute(f"{_PASSAGES} WHERE {where} ORDER BY p.id", values):
        id_, section_id, manual_id, manual, source, heading, anchor, page, start, end, text, context, language = row
        path = tuple(json.loads(heading))
        yield Passage(
            id_, section_id, manual_id, manual, source, path, anchor, page, start, end, text, context, language
        )
