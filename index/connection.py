"""A connection to SQLite that says what went wrong in the words of index/errors.py.

Comes in: SQL. Goes out: rows, or an error whose one sentence names the file and the mend. It knows nothing of what is
stored.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

from index import errors

_NO_LOCKS = {
    sqlite3.SQLITE_PROTOCOL,
    sqlite3.SQLITE_NOLFS,
    sqlite3.SQLITE_IOERR_LOCK,
    sqlite3.SQLITE_IOERR_RDLOCK,
    sqlite3.SQLITE_IOERR_UNLOCK,
    sqlite3.SQLITE_IOERR_CHECKRESERVEDLOCK,
    sqlite3.SQLITE_IOERR_SHMLOCK,
    sqlite3.SQLITE_IOERR_SHMMAP,
    sqlite3.SQLITE_IOERR_SHMOPEN,
}


class Cursor(sqlite3.Cursor):
    """Its rows may come from a page that can't be read: that too is told."""

    @property
    def _path(self) -> Path:
        return self.connection.path if isinstance(self.connection, Connection) else Path()

    def __next__(self) -> Any:
        try:
            return super().__next__()
        except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
            raise plain(error, self._path) from error

    def fetchone(self) -> Any:
        try:
            return super().fetchone()
        except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
            raise plain(error, self._path) from error

    def fetchall(self) -> list[Any]:
        try:
            return super().fetchall()
        except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
            raise plain(error, self._path) from error


class Connection(sqlite3.Connection):
    """`path` is the file that its messages name."""

    path = Path()

    def execute(self, sql: str, parameters: Any = ()) -> sqlite3.Cursor:
        try:
            return self.cursor(Cursor).execute(sql, parameters)
        except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
            raise plain(error, self.path) from error

    def executemany(self, sql: str, parameters: Any) -> sqlite3.Cursor:
        try:
            return self.cursor(Cursor).executemany(sql, parameters)
        except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
            raise plain(error, self.path) from error


def connect(file: Path, mode: str, *, shown: Path | None = None) -> Connection:
    """Open `file`; `mode` is SQLite's ("ro", "rw", "rwc", with more of the URI's query behind it)."""
    uri = f"{file.resolve().as_uri()}?mode={mode}"
    try:
        db = sqlite3.connect(
            uri, uri=True, isolation_level=None, check_same_thread=False, timeout=30, factory=Connection
        )
    except sqlite3.OperationalError as error:
        raise plain(error, shown or file) from error
    db.path = shown or file
    return db


def plain(error: sqlite3.DatabaseError | UnicodeDecodeError, path: Path) -> Exception:
    """What `error` means for the user whose library lies in `path`; `error` itself where it is this program's fault.

    Where SQLite's own message quotes what is damaged, it may be no text: then Python can't even say the message.
    """
    if isinstance(error, sqlite3.IntegrityError | sqlite3.ProgrammingError):
        return error
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT)
    if code in _NO_LOCKS:
        return errors.LibraryUnwritable(
            f"The disk of {path.parent} can't lock files: keep the library on a disk of this machine."
        )
    if code == sqlite3.SQLITE_IOERR_SHMSIZE:  # the memory that readers share is a file, and has no room
        code = sqlite3.SQLITE_FULL
    match code & 0xFF:
        case sqlite3.SQLITE_FULL:
            return errors.DiskFull(
                f"The disk of {path.parent} is full: free some space and go on; what was stored is whole."
            )
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return errors.LibraryBusy(f"Another process keeps {path} locked: wait until it is done.")
        case sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM if path.parent.is_dir():
            return errors.LibraryUnwritable(
                f"{path} can't be opened for writing: check the folder's permissions, or that nobody replaced it."
            )
        case sqlite3.SQLITE_IOERR | sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_READONLY:
            return errors.LibraryUnreachable(
                f"{path} can't be reached ({error}): see that its disk or stick is in place; what was stored is kept."
            )
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB | sqlite3.SQLITE_FORMAT:
            return errors.LibraryDamaged(f"{path} can't be read ({error}): {_advice(path)}.")
    return error


def _advice(path: Path) -> str:
    from index.backups import advice  # which stands on this

    return advice(path.parent)
