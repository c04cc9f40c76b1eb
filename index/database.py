"""The library's SQLite file as such: opened, migrated, checked, written in transactions, and counted in generations.

Knows how truth is kept, not what it is about (see store.py). Whatever is derived from it remembers a `State` and asks
here whether it can still follow.
"""

from __future__ import annotations

import os
import secrets
import shutil
import sqlite3
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from index import errors, sums
from index.connection import Connection, connect
from index.schema import SCHEMA_VERSION, migrate
from index.writer_lock import writing_process

FILE = "library.sqlite"
WAS = "was"
"""The key in `meta` for the states, "generation:mark" each, of the library that this one took the place of."""

MOST_BYTES = 500
"""In the path of a library's file: SQLite on Unix takes 512, its log's name included."""


@dataclass(frozen=True, slots=True)
class State:
    """How far the truth has come. `mark` is random, so that two libraries with the same history differ, and so does one
    that was restored from a backup and went on."""

    generation: int
    mark: str


class Database:
    """One connection to a library's SQLite file; use it from one thread at a time, and close it. `refusal` is raised
    where one that is open for reading only is to be written."""

    def __init__(self, connection: Connection, path: Path, *, read_only: bool, temporary: Path | None = None) -> None:
        self._db = connection
        self.path = path
        self.read_only = read_only
        self.refusal: errors.TebikiError = errors.LibraryUnwritable(
            f"{path.parent} can't be written: copy the library to a folder of your own."
        )
        self._temporary = temporary
        self._opened = _identity(path)

    @classmethod
    def open(cls, folder: Path, *, create: bool = False, read_only: bool = False) -> Self:
        """Open `folder/library.sqlite`, bringing an older schema up to date.

        Raises LibraryMissing, LibraryNewer, LibraryDamaged, LibraryUnwritable.
        """
        path = folder / FILE
        if len(os.fsencode(path.absolute())) > MOST_BYTES:
            raise errors.LibraryUnwritable(f"{folder} has too long a path for a library: name a shorter one.")
        if path.exists() and not path.is_file():
            raise errors.LibraryUnwritable(f"{path} is no file: name another folder for the library.")
        if not path.is_file():
            _refuse_remains(path)
            if not create:
                raise errors.LibraryMissing(f"There is no library in {folder}: import a manual to make one.")
            _make_folder(folder)
            _make_file(path)
        _refuse_foreign_log(path)
        if read_only:
            db, temporary = _opened_for_reading(path)
            return cls(db, path, read_only=True, temporary=temporary)
        return cls(_prepared(connect(path, "rw"), back_up=True), path, read_only=False)

    @property
    def connection(self) -> sqlite3.Connection:
        """For modules that keep tables of their own in the file; writing goes through `transaction`."""
        return self._db

    def close(self) -> None:
        """Give the file back. Calling it twice does nothing more."""
        self._db.close()
        if self._temporary:
            shutil.rmtree(self._temporary, ignore_errors=True)

    def is_moved(self) -> bool:
        """Whether the file that was opened is no longer the one in the library's folder."""
        return _identity(self.path) != self._opened

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
        yield from damage_of(self._db, self.path)

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
            raise self.refusal
        if self.is_moved():
            raise errors.LibraryMoved(
                f"The library in {self.path.parent} was replaced or moved while it was open: open it again."
            )
        try:
            self._db.execute("BEGIN IMMEDIATE")
            whole = sums.catalogue_is_whole(self._db)
            yield
            if whole:  # else the damage would be sealed as well
                sums.seal_catalogue(self._db)
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


def open_copy(file: Path) -> Connection:
    """Open a file that nobody writes, as it is: no log beside it counts, and nothing is migrated."""
    return connect(file, "ro&immutable=1")


def damage_of(db: sqlite3.Connection, path: Path) -> Iterator[str]:
    """What is wrong in a library's file, of this schema or one before, a sentence each."""
    for (line,) in db.execute("PRAGMA integrity_check"):
        if line != "ok":
            yield f"SQLite finds damage in {path}: {line}."
    for table, row, parent, _ in db.execute("PRAGMA foreign_key_check"):
        yield f"Row {row} of {table} belongs to a row of {parent} that is not there."
    if any(column[1] == "sum" for column in db.execute("PRAGMA table_info(files)")):
        yield from sums.damage(db, path)


def _advice(path: Path) -> str:
    from index.backups import advice  # which stands on this

    return advice(path.parent)


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _refuse_remains(path: Path) -> None:
    """A new library in the place of one that is gone would take its log for its own, and hide what can be put back."""
    from index.backups import advice, backups  # which stand on this

    log = path.with_name(f"{path.name}-wal")
    left = [log.name] if log.is_file() and log.stat().st_size else [found.file.name for found in backups(path.parent)]
    if left:
        raise errors.LibraryDamaged(f"{path} is gone, but {left[0]} is there: {advice(path.parent)}.")


def _refuse_foreign_log(path: Path) -> None:
    """A log that another library left beside this one's file would be played into it: who copies one library over
    another leaves such. Its own log knows the state that the file was in."""
    log = path.with_name(f"{path.name}-wal")
    for _ in range(3):  # while nobody writes, but others may just be closing it
        try:
            if not log.stat().st_size or writing_process(path.parent) is not None:
                return
            with closing(connect(path, "ro&immutable=1")) as alone, closing(connect(path, "ro")) as whole:
                last = alone.execute("SELECT max(generation), mark FROM generations").fetchone()
                known = "SELECT generation, mark FROM generations WHERE generation = ?"
                if last[0] is None or whole.execute(known, last[:1]).fetchone() == last:
                    return
                was = whole.execute("SELECT value FROM meta WHERE key = ?", (WAS,)).fetchone()
                if was is not None and f"{last[0]}:{last[1]}" in was[0].split():
                    return
        except (OSError, sqlite3.DatabaseError, errors.TebikiError):
            return  # nothing can be said about it here; opening it will tell
        time.sleep(0.1)
    raise errors.LibraryDamaged(f"{log} was left by another library: move it away, or {_advice(path)}.")


def _opened_for_reading(path: Path) -> tuple[Connection, Path | None]:
    """On read-only media WAL's shared memory can't be made. A library that was closed needs none; of one that was not,
    or is of an older schema, a temporary copy is opened."""
    log = path.with_name(f"{path.name}-wal")
    db = connect(path, "ro&immutable=1")
    try:
        if not (log.is_file() and log.stat().st_size) and _version(db) == SCHEMA_VERSION:
            return db, None
    except BaseException:
        db.close()
        raise
    db.close()
    folder = Path(tempfile.mkdtemp(prefix="tebiki-"))
    try:
        for file in (path, log):
            if file.is_file():
                shutil.copyfile(file, folder / file.name)
        return _prepared(connect(folder / path.name, "rw", shown=path)), folder
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


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
        _prepared(connect(beside, "rwc", shown=path)).close()
        try:
            os.link(beside, path)
        except FileExistsError:
            pass
        except OSError:  # a file system without links, such as that of a USB stick
            beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def _prepared(db: Connection, *, back_up: bool = False) -> Connection:
    """Have the file at its newest schema and every commit on the disk before it is told; closes `db` where that fails,
    else a damaged file could not be moved away where open files are locked."""
    try:
        version = _version(db)
        db.execute("PRAGMA foreign_keys = ON")
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        if back_up and 0 < version < SCHEMA_VERSION:
            _back_up(db.path.parent)
        migrate(db, version)
    except BaseException:
        db.close()
        raise
    return db


def _version(db: Connection) -> int:
    version = int(db.execute("PRAGMA user_version").fetchone()[0])
    tables = {row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if tables and "generations" not in tables:
        raise errors.LibraryDamaged(f"{db.path} is not a library of this program: name another folder.")
    if version > SCHEMA_VERSION:
        raise errors.LibraryNewer(
            f"{db.path} was written by a newer version (schema {version}, this one knows {SCHEMA_VERSION}):"
            " update this program."
        )
    return version


def _back_up(folder: Path) -> None:
    from index.backups import before_migration  # which stands on this

    before_migration(folder)
