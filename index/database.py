"""The library's SQLite file as such: opened, migrated, checked, written in transactions, and counted in generations.

Knows how truth is kept, not what it is about (see store.py). Whatever is derived from it remembers a `State` and asks
here whether it can still follow.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from index import errors
from index.schema import SCHEMA_VERSION, migrate

FILE = "library.sqlite"


@dataclass(frozen=True, slots=True)
class State:
    """How far the truth has come. `mark` is random, so that two libraries with the same history differ, and so does one
    that was restored from a backup and went on."""

    generation: int
    mark: str


class Database:
    """One connection to a library's SQLite file; use it from one thread at a time, and close it."""

    def __init__(self, connection: sqlite3.Connection, path: Path, *, read_only: bool) -> None:
        self._db = connection
        self.path = path
        self.read_only = read_only

    @classmethod
    def open(cls, folder: Path, *, create: bool = False, read_only: bool = False) -> Self:
        """Open `folder/library.sqlite`, bringing an older schema up to date.

        Raises LibraryMissing, LibraryNewer, LibraryDamaged, LibraryUnwritable.
        """
        path = folder / FILE
        if create and not path.exists():
            _make_folder(folder)
            _make_file(path)
        elif not path.is_file():
            raise errors.LibraryMissing(f"There is no library in {folder}: import a manual to make one.")
        # On read-only media WAL's shared memory can't be made; a library that was closed needs none.
        mode = "ro&immutable=1" if read_only else "rwc" if create else "rw"
        uri = f"{path.resolve().as_uri()}?mode={mode}"
        try:
            db = sqlite3.connect(
                uri, uri=True, isolation_level=None, check_same_thread=False, timeout=30, factory=_Connection
            )
        except sqlite3.OperationalError as error:
            raise _plain(error, path) from error
        db.path = path
        try:
            _prepare(db, path, read_only=read_only)
        except BaseException:
            db.close()  # else a damaged file could not be moved away where open files are locked
            raise
        return cls(db, path, read_only=read_only)

    @property
    def connection(self) -> sqlite3.Connection:
        """For modules that keep tables of their own in the file; writing goes through `transaction`."""
        return self._db

    def close(self) -> None:
        """Give the file back. Calling it twice does nothing more."""
        self._db.close()

    # -- state --------------------------------------------------------------------------------------------------------

    def state(self) -> State:
        """Where the truth stands now; (0, "") before anything was written."""
        row = self._db.execute("SELECT generation, mark FROM generations ORDER BY generation DESC LIMIT 1").fetchone()
        return State(*row) if row else State(0, "")

    def knows(self, state: State) -> bool:
        """Whether this library once stood at `state`, and still remembers what was removed since."""
        floor = int(self._meta("forgotten") or 0)
        if state == State(0, ""):
            return floor == 0
        row = self._db.execute("SELECT mark FROM generations WHERE generation = ?", (state.generation,)).fetchone()
        return state.generation >= floor and (row is not None and row[0] == state.mark)

    def removed_since(self, generation: int) -> list[int]:
        """Ids of passages that were taken out after `generation`, ascending."""
        rows = self._db.execute(
            "SELECT passage_id FROM removed WHERE generation > ? ORDER BY passage_id", (generation,)
        )
        return [row[0] for row in rows]

    def forget_removed(self) -> None:
        """Drop the list of removed passages; only after every derived file was built anew."""
        with self._writing():
            self._db.execute("DELETE FROM removed")
            self._set_meta("forgotten", str(self.state().generation))

    # -- care -------------------------------------------------------------------------------------------------------

    def damage(self) -> Iterator[str]:
        """What is wrong in the file itself, a sentence each."""
        for (line,) in self._db.execute("PRAGMA integrity_check"):
            if line != "ok":
                yield f"SQLite finds damage in {self.path}: {line}."
        for table, row, parent, _ in self._db.execute("PRAGMA foreign_key_check"):
            yield f"Row {row} of {table} belongs to a row of {parent} that is not there."

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """What is written inside is kept as a whole or, where it fails, not at all; costs one write through to disk."""
        with self._writing():
            yield

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """One transaction, or a part of the one around it; what fails in it leaves the file as it was."""
        if self._db.in_transaction:
            yield
            return
        if self.read_only:
            raise errors.LibraryUnwritable(
                f"{self.path.parent} can't be written: copy the library to a folder of your own."
            )
        try:
            self._db.execute("BEGIN IMMEDIATE")
            yield
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise

    def _advance(self) -> None:
        self._db.execute("INSERT INTO generations (mark) VALUES (?)", (secrets.token_hex(8),))

    def _meta(self, key: str) -> str | None:
        row = self._db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return row[0] if row else None

    def _set_meta(self, key: str, value: str) -> None:
        self._db.execute("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", (key, value))


class _Connection(sqlite3.Connection):
    """Says what SQLite could not do in the words of index/errors.py."""

    path = Path(FILE)

    def execute(self, sql: str, parameters: Any = ()) -> sqlite3.Cursor:
        try:
            return super().execute(sql, parameters)
        except sqlite3.DatabaseError as error:
            raise _plain(error, self.path) from error

    def executemany(self, sql: str, parameters: Any) -> sqlite3.Cursor:
        try:
            return super().executemany(sql, parameters)
        except sqlite3.DatabaseError as error:
            raise _plain(error, self.path) from error


def _plain(error: sqlite3.DatabaseError, path: Path) -> Exception:
    said = str(error)
    if isinstance(error, sqlite3.IntegrityError | sqlite3.ProgrammingError):
        return error  # a fault of this program, not of the file
    if "full" in said:
        return errors.DiskFull(
            f"The disk of {path.parent} is full: free some space and go on; what was stored is whole."
        )
    if "locked" in said or "busy" in said:
        return errors.LibraryBusy(f"Another process keeps {path} locked: wait until it is done.")
    if "unable to open" in said or "readonly" in said:
        return errors.LibraryUnwritable(f"{path} can't be opened for writing: check the folder's permissions.")
    return errors.LibraryDamaged(f"{path} can't be read ({said}): put back a copy, or move it away and import again.")


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise errors.LibraryUnwritable(
            f"The library folder {folder} can't be made ({error.strerror}): name another."
        ) from error


def _make_file(path: Path) -> None:
    """Make an empty library: beside, then linked into place whole, so that nobody who looks meanwhile meets half of it.

    Who comes second of two makers takes the first one's.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    try:
        try:
            db = sqlite3.connect(beside, isolation_level=None, factory=_Connection)
        except sqlite3.OperationalError as error:
            raise _plain(error, path) from error
        db.path = path
        try:
            _prepare(db, path, read_only=False)
        finally:
            db.close()
        try:
            os.link(beside, path)
        except FileExistsError:
            pass
        except OSError:  # a file system without links, such as that of a USB stick
            beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def _prepare(db: sqlite3.Connection, path: Path, *, read_only: bool) -> None:
    version = int(db.execute("PRAGMA user_version").fetchone()[0])
    if version > SCHEMA_VERSION:
        raise errors.LibraryNewer(
            f"{path} was written by a newer version (schema {version}, this one knows {SCHEMA_VERSION}):"
            " update this program."
        )
    db.execute("PRAGMA foreign_keys = ON")
    if not read_only:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        migrate(db, version)
