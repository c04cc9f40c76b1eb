"""The one file of the user's own data, chats.sqlite: opened, brought up to date step by step, and written at once.

Conversations (chats.py) and exam sittings (sittings.py) keep their tables in it. Every change is a transaction that is
on disk when it returns.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from index.errors import TebikiError

MIGRATIONS = (
    """
    CREATE TABLE conversation (
        id INTEGER PRIMARY KEY, title TEXT NOT NULL, created_at TEXT NOT NULL, updated_at TEXT NOT NULL,
        deleted_at TEXT
    );
    CREATE TABLE turn (
        id INTEGER PRIMARY KEY, conversation_id INTEGER NOT NULL REFERENCES conversation(id) ON DELETE CASCADE,
        question TEXT NOT NULL, asked_at TEXT NOT NULL, answer TEXT, error TEXT NOT NULL DEFAULT ''
    );
    CREATE INDEX turn_conversation ON turn(conversation_id, id);
    CREATE TABLE sitting (
        id INTEGER PRIMARY KEY, bank TEXT NOT NULL, language TEXT NOT NULL, level TEXT NOT NULL,
        questions TEXT NOT NULL, seconds INTEGER NOT NULL, used REAL NOT NULL DEFAULT 0,
        place INTEGER NOT NULL DEFAULT 0, started_at TEXT NOT NULL, finished_at TEXT
    );
    CREATE TABLE choice (
        sitting_id INTEGER NOT NULL REFERENCES sitting(id) ON DELETE CASCADE, place INTEGER NOT NULL,
        chosen INTEGER, flagged INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (sitting_id, place)
    );
    """,
)
"""Each entry brings the file one version up; entries are added, never changed."""


class DataNewer(TebikiError):
    """chats.sqlite was written by a newer version."""


class DataDamaged(TebikiError):
    """chats.sqlite can't be read."""


def now() -> str:
    """The present moment, UTC, ISO 8601 to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


class Database:
    """An open chats.sqlite. Used from the window's thread only: its writes are single rows and take milliseconds."""

    def __init__(self, path: Path) -> None:
        """Open or make the file. Raises DataNewer or DataDamaged, naming it and the mend."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        try:
            self._connection = sqlite3.connect(path, isolation_level=None)
            self._connection.row_factory = sqlite3.Row
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = FULL")
            self._connection.execute("PRAGMA foreign_keys = ON")
            self._migrate()
        except sqlite3.DatabaseError as error:
            raise DataDamaged(
                f"{path} can't be read ({error}): move the file away to start with empty conversations."
            ) from error

    def _migrate(self) -> None:
        version = self._connection.execute("PRAGMA user_version").fetchone()[0]
        if version > len(MIGRATIONS):
            raise DataNewer(f"{self.path} was written by a newer version of Tebiki: install that version to use it.")
        for number, script in enumerate(MIGRATIONS[version:], version + 1):
            self._connection.executescript(f"BEGIN; {script}; PRAGMA user_version = {number}; COMMIT;")

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction: all of it or nothing."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield self._connection
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    def rows(self, query: str, *values: object) -> list[sqlite3.Row]:
        """What a SELECT finds."""
        return self._connection.execute(query, values).fetchall()

    def close(self) -> None:
        """Close the file."""
        self._connection.close()
