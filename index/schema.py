"""The shape of `library.sqlite`, as numbered migrations: each brings the file from its number to the next.

The number stands in SQLite's `user_version`. A migration that has been released is never edited; a change is a new one.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from index.sums import add_sums

# Passage and embedding ids are never used twice (AUTOINCREMENT): derived files find what is new by the greatest id they
# hold. `name` is a file's name within its manual; `source` its path as shown, which depends on the folder imported.
_FIRST = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE generations (generation INTEGER PRIMARY KEY AUTOINCREMENT, mark TEXT NOT NULL);
CREATE TABLE manuals (
    id INTEGER PRIMARY KEY AUTOINCREMENT, group_key TEXT NOT NULL UNIQUE, title TEXT NOT NULL, language TEXT NOT NULL,
    product TEXT NOT NULL, version TEXT NOT NULL, root TEXT NOT NULL, added_at TEXT NOT NULL
);
CREATE TABLE files (
    id INTEGER PRIMARY KEY, manual_id INTEGER NOT NULL REFERENCES manuals(id) ON DELETE CASCADE, name TEXT NOT NULL,
    source TEXT NOT NULL, digest TEXT NOT NULL, bytes INTEGER NOT NULL, title TEXT NOT NULL, language TEXT NOT NULL,
    meta TEXT NOT NULL, added_at TEXT NOT NULL, UNIQUE (manual_id, name), UNIQUE (manual_id, source)
);
CREATE INDEX files_by_content ON files(digest);
CREATE TABLE sections (
    id INTEGER PRIMARY KEY AUTOINCREMENT, file_id INTEGER NOT NULL REFERENCES files(id) ON DELETE CASCADE,
    ordinal INTEGER NOT NULL, heading TEXT NOT NULL, anchor TEXT, page INTEGER, start INTEGER NOT NULL,
    text TEXT NOT NULL, blocks TEXT NOT NULL, UNIQUE (file_id, ordinal)
);
CREATE TABLE passages (
    id INTEGER PRIMARY KEY AUTOINCREMENT, section_id INTEGER NOT NULL REFERENCES sections(id) ON DELETE CASCADE,
    ordinal INTEGER NOT NULL, start INTEGER NOT NULL, "end" INTEGER NOT NULL, context TEXT NOT NULL,
    UNIQUE (section_id, ordinal)
);
CREATE TABLE embeddings (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    passage_id INTEGER NOT NULL UNIQUE REFERENCES passages(id) ON DELETE CASCADE, vector BLOB NOT NULL
);
CREATE TABLE removed (passage_id INTEGER PRIMARY KEY, generation INTEGER NOT NULL);
CREATE TABLE imports (
    id INTEGER PRIMARY KEY, ended_at TEXT NOT NULL, paths TEXT NOT NULL, outcome TEXT NOT NULL, report TEXT NOT NULL
);
"""

# Import jobs with a row per file; folders that are watched; manuals of several versions out of one folder: `group_key`
# is unique no more, for which SQLite wants the table made anew. `job_groups` says which manual a job made for a folder
# (`opened`) and which one takes the pages that name no version (`leading`); both may be gone by now.
_JOBS = """
CREATE TABLE manuals_2 (
    id INTEGER PRIMARY KEY AUTOINCREMENT, group_key TEXT NOT NULL, title TEXT NOT NULL, language TEXT NOT NULL,
    product TEXT NOT NULL, version TEXT NOT NULL, root TEXT NOT NULL, added_at TEXT NOT NULL
);
INSERT INTO manuals_2 SELECT id, group_key, title, language, product, version, root, added_at FROM manuals;
DELETE FROM sqlite_sequence WHERE name = 'manuals_2';
INSERT INTO sqlite_sequence (name, seq) SELECT 'manuals_2', seq FROM sqlite_sequence WHERE name = 'manuals';
DROP TABLE manuals;
ALTER TABLE manuals_2 RENAME TO manuals;
CREATE INDEX manuals_by_group ON manuals(group_key);
DROP TABLE imports;
CREATE TABLE jobs (
    id INTEGER PRIMARY KEY AUTOINCREMENT, paths TEXT NOT NULL, state TEXT NOT NULL, reason TEXT NOT NULL DEFAULT '',
    process INTEGER NOT NULL, created_at TEXT NOT NULL, changed_at TEXT NOT NULL, waiting INTEGER NOT NULL DEFAULT 0,
    stored INTEGER NOT NULL DEFAULT 0, unchanged INTEGER NOT NULL DEFAULT 0, skipped INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE job_files (
    job_id INTEGER NOT NULL REFERENCES jobs(id) ON DELETE CASCADE, ordinal INTEGER NOT NULL, path TEXT NOT NULL,
    entry TEXT, source TEXT NOT NULL, root TEXT NOT NULL, group_key TEXT NOT NULL, bytes INTEGER NOT NULL,
    state TEXT NOT NULL, reason TEXT NOT NULL, PRIMARY KEY (job_id, ordinal)
) WITHOUT ROWID;
CREATE TABLE job_groups (
    job_id INTEGER NOT NULL REFERENCES jobs(id) ON DELETE CASCADE, group_key TEXT NOT NULL,
    opened INTEGER NOT NULL, leading INTEGER NOT NULL, PRIMARY KEY (job_id, group_key)
) WITHOUT ROWID;
CREATE TABLE watched (
    path TEXT PRIMARY KEY, added_at TEXT NOT NULL, signature TEXT NOT NULL DEFAULT '',
    missing INTEGER NOT NULL DEFAULT 0
);
"""

# A key leads to every passage that defines, heads or lists the name (index/entries.py); `words` are those of the texts
# as they are written, by their folded form, from which a misspelt one is mended (index/spelling.py).
_ENTRIES = """
CREATE TABLE entries (
    key TEXT NOT NULL, passage_id INTEGER NOT NULL REFERENCES passages(id) ON DELETE CASCADE, rank INTEGER NOT NULL,
    PRIMARY KEY (key, passage_id)
) WITHOUT ROWID;
CREATE INDEX entries_of_passage ON entries(passage_id);
CREATE TABLE words (folded TEXT PRIMARY KEY, word TEXT NOT NULL) WITHOUT ROWID;
"""


def _add_entries(db: sqlite3.Connection) -> None:
    from index.entries import fill  # what it stands on knows nothing of the schema

    _run(db, _ENTRIES)
    fill(db)


_MIGRATIONS: tuple[str | Callable[[sqlite3.Connection], None], ...] = (_FIRST, _JOBS, _add_entries, add_sums)
"""Statements, or a function that is given the connection inside the step's transaction."""

SCHEMA_VERSION = len(_MIGRATIONS)


def migrate(db: sqlite3.Connection, version: int) -> None:
    """Bring the file from schema `version` (0: empty) to the newest, one transaction a step."""
    if version == SCHEMA_VERSION:
        return
    db.execute("PRAGMA foreign_keys = OFF")  # dropping a table to make it anew would take with it all that refers to it
    try:
        for number in range(version, SCHEMA_VERSION):
            _step(db, number)
    finally:
        db.execute("PRAGMA foreign_keys = ON")


def _step(db: sqlite3.Connection, number: int) -> None:
    db.execute("BEGIN IMMEDIATE")
    try:
        if int(db.execute("PRAGMA user_version").fetchone()[0]) == number:  # else another process was first
            step = _MIGRATIONS[number]
            if callable(step):
                step(db)
            else:
                _run(db, step)
            db.execute(f"PRAGMA user_version = {number + 1}")
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")  # inside a transaction foreign keys can not be turned on again
        raise


def _run(db: sqlite3.Connection, statements: str) -> None:
    for statement in statements.split(";"):
        if statement.strip():
            db.execute(statement)
