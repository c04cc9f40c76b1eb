"""The shape of `library.sqlite`, as numbered migrations: each brings the file from its number to the next.

The number stands in SQLite's `user_version`. A migration that has been released is never edited; a change is a new one.
"""

from __future__ import annotations

import sqlite3

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

_MIGRATIONS = (_FIRST,)

SCHEMA_VERSION = len(_MIGRATIONS)


def migrate(db: sqlite3.Connection, version: int) -> None:
    """Bring the file from schema `version` (0: empty) to the newest, one transaction a step."""
    for number in range(version, SCHEMA_VERSION):
        db.execute("BEGIN IMMEDIATE")
        if int(db.execute("PRAGMA user_version").fetchone()[0]) == number:  # else another process was first
            for statement in _MIGRATIONS[number].split(";"):
                if statement.strip():
                    db.execute(statement)
            db.execute(f"PRAGMA user_version = {number + 1}")
        db.execute("COMMIT")
