"""Backups of the truth: made while others read and write, checked before they count, put back without destroying.

Comes in: a library's folder. Goes out: copies of `library.sqlite` in its `backups` folder (or where the user says),
each a plain SQLite file with its SHA-256 beside it. Which one is newer is said by a serial number, not by a clock, and
what is derived is not copied: it follows by itself. It knows nothing of manuals or passages.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import shlex
import shutil
import sqlite3
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from index import errors
from index.connection import connect, plain
from index.database import FILE, Database, damage_of, open_copy
from index.derived import sync_entry
from index.schema import SCHEMA_VERSION
from index.sums import leave_out_embeddings, take_embeddings
from index.writer_lock import WriterLock, disk_trouble

_log = logging.getLogger(__name__)

FOLDER = "backups"
KEPT = 3
"""Automatic backups that are kept; what the user made elsewhere is never touched."""

ROOM = 100 * 1024 * 1024
"""Bytes that an automatic backup leaves free on the disk."""

_NAME = re.compile(r"library-([0-9]{4,})-([0-9]{8})\.sqlite")
_SIDES = ("-wal", "-shm", "-journal")


@dataclass(frozen=True, slots=True)
class Backup:
    """A copy of a library's truth: `serial` grows with each one made in that library, `made_on` is the day (UTC,
    YYYYMMDD) by the clock of then, `bytes` the file's size."""

    file: Path
    serial: int
    made_on: str
    bytes: int


@dataclass(frozen=True, slots=True)
class Restored:
    """What was put back, and where the truth that it took the place of lies now (None where there was none)."""

    file: Path
    aside: Path | None


def backups(library_folder: Path) -> list[Backup]:
    """The backups in the library's own folder, the newest first, good or not."""
    found = []
    with suppress(OSError):
        for file in (library_folder / FOLDER).iterdir():
            if match := _NAME.fullmatch(file.name):
                found.append(Backup(file, int(match[1]), match[2], file.stat().st_size))
    return sorted(found, key=lambda backup: -backup.serial)


def newest_good(library_folder: Path) -> Backup | None:
    """The newest backup whose file is still what was written."""
    return next((backup for backup in backups(library_folder) if _is_as_written(backup.file)), None)


def advice(library_folder: Path) -> str:
    """What to do about a truth that is damaged or gone, as the end of a sentence."""
    good = newest_good(library_folder)
    if good is None:
        return "put back a copy, or move it away and import again"
    day = f"{good.made_on[:4]}-{good.made_on[4:6]}-{good.made_on[6:]}"
    named = shlex.join(["tebiki", "library", "restore", str(good.file), "--library", str(library_folder)])
    return f"put back the backup of {day} with: {named}"


def damage(file: Path) -> list[str]:
    """What is wrong with a backup, a sentence each; reads all of it. Without its sum beside it the contents count."""
    if not file.is_file():
        return [f"There is no backup {file}."]
    if _sum_file(file).exists() and not _is_as_written(file):
        return [f"{file} is not as it was written."]
    try:
        with closing(open_copy(file)) as db:
            version = int(db.execute("PRAGMA user_version").fetchone()[0])
            if version > SCHEMA_VERSION:
                return [f"{file} was written by a newer version (schema {version}): update this program."]
            if version < 1:
                return [f"{file} is not a library."]
            return list(damage_of(db, file))
    except (sqlite3.DatabaseError, errors.TebikiError) as error:
        return [f"{file} can't be read as a library ({error})."]


# -- making ------------------------------------------------------------------------------------------------------------


def make(library_folder: Path, file: Path | None = None, *, embeddings: bool = True) -> Backup:
    """Copy the truth as it is at this moment to `file`, or to the next place in the library's own folder.

    Others may read and write meanwhile. The copy is written beside, checked, brought to the disk and then named, so it
    is there whole or not at all. Raises LibraryMissing, LibraryDamaged (a damaged truth gives no backup), DiskFull,
    LibraryUnwritable, LibraryBusy.
    """
    truth = library_folder / FILE
    if not truth.is_file():
        raise errors.LibraryMissing(f"There is no library in {library_folder}.")
    folder = file.parent if file else library_folder / FOLDER
    if file and file.exists():
        raise errors.LibraryUnwritable(f"{file} exists already: name another file for the backup.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if file:
            return _copied(truth, file, embeddings)
        with WriterLock(folder, patience=30.0):
            return _copied(truth, _next_place(library_folder), embeddings)
    except OSError as error:
        raise disk_trouble(error, folder) from error


def after_import(library_folder: Path) -> str:
    """Make the automatic backup, at most one a day, keeping the newest few. Never fails: returns a sentence on why
    there is none, "" if there is one or none is due."""
    made = backups(library_folder)
    if made and made[0].made_on == _today():
        return ""
    return _automatic(library_folder)


def before_removal(library_folder: Path) -> str:
    """As after an import: whoever removes the wrong manual finds it in a backup."""
    return after_import(library_folder)


def before_migration(library_folder: Path) -> str:
    """Make a backup whatever the day: it is the last one that the version before can read."""
    return _automatic(library_folder)


def _automatic(library_folder: Path) -> str:
    try:
        needed = sum(path.stat().st_size for path in _files(library_folder / FILE))
        if shutil.disk_usage(library_folder).free < needed + ROOM:
            note = f"No backup of {library_folder} was made: its disk has less than {(needed + ROOM) >> 20} MB left."
        else:
            make(library_folder, embeddings=False)
            for old in backups(library_folder)[KEPT:]:
                _sum_file(old.file).unlink(missing_ok=True)
                old.file.unlink(missing_ok=True)
            return ""
    except (errors.TebikiError, OSError) as error:
        note = f"No backup of {library_folder} was made: {error}"
    _log.warning("%s", note)
    return note


def _next_place(library_folder: Path) -> Path:
    """Where the next backup goes. What an interrupted one left is swept away: its maker holds the lock no longer."""
    folder = library_folder / FOLDER
    for rubbish in (*folder.glob(".*.new*"), *folder.glob("*.sha256")):
        if rubbish.name.startswith(".") or not rubbish.with_suffix("").exists():
            rubbish.unlink(missing_ok=True)
    made = backups(library_folder)
    return folder / f"library-{(made[0].serial if made else 0) + 1:04}-{_today()}.sqlite"


def _copied(truth: Path, file: Path, embeddings: bool) -> Backup:
    beside = file.with_name(f".{file.name}.{os.getpid()}.new")
    try:
        _copy(truth, beside, embeddings)
        found = damage(beside)
        if found:
            raise errors.LibraryDamaged(f"{truth} is damaged and was not copied: {found[0]}")
        _write_sum(file, beside)
        beside.replace(file)
        sync_entry(file.parent)
    finally:
        for path in _files(beside):
            path.unlink(missing_ok=True)
    match = _NAME.fullmatch(file.name)
    return Backup(file, int(match[1]) if match else 0, _today(), file.stat().st_size)


def _copy(truth: Path, beside: Path, embeddings: bool) -> None:
    """SQLite's own copying: one moment of the truth, whoever writes meanwhile."""
    try:
        with closing(_opened(truth)) as source, closing(connect(beside, "rwc")) as target:
            source.connection.backup(target)
            target.execute("PRAGMA journal_mode = DELETE")  # the copy is one file
            if not embeddings:
                leave_out_embeddings(target)
    except sqlite3.DatabaseError as error:  # `backup` itself, which may fail on either side
        about_truth = getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
        raise plain(error, truth if about_truth else beside) from error
    with beside.open("rb") as done:
        os.fsync(done.fileno())


def _opened(truth: Path) -> Database:
    """The truth to be copied: not migrated, and with whatever its log holds, also where nothing can be written."""
    if os.access(truth.parent, os.W_OK):
        return Database(connect(truth, "ro"), truth, read_only=True)
    return Database.open(truth.parent, read_only=True)


# -- putting back ------------------------------------------------------------------------------------------------------


def restore(library_folder: Path, file: Path | None = None) -> Restored:
    """Put a backup in the truth's place: `file`, or the newest good one of the library's own.

    The truth that was there is kept beside under a name that says when; it is complete there before the backup takes
    its place in one step. Derived files are known not to fit any more, and follow at the next opening. Raises
    LibraryMissing (no backup), LibraryDamaged (the backup is), LibraryBusy, LibraryUnwritable, DiskFull.
    """
    if file is None:
        newest = newest_good(library_folder)
        if newest is None:
            raise errors.LibraryMissing(f"There is no good backup in {library_folder / FOLDER}.")
        file = newest.file
    found = damage(file)
    if found:
        raise errors.LibraryDamaged(f"{found[0]} Nothing was put back; see: tebiki library backups")
    try:
        library_folder.mkdir(parents=True, exist_ok=True)
        with WriterLock(library_folder, patience=2.0):
            return Restored(file, _put_back(library_folder, file))
    except OSError as error:
        raise disk_trouble(error, library_folder) from error


def _put_back(library_folder: Path, file: Path) -> Path | None:
    truth = library_folder / FILE
    beside = truth.with_name(f".{FILE}.{os.getpid()}.new")
    try:
        shutil.copyfile(file, beside)
        with beside.open("rb") as done:
            os.fsync(done.fileno())
        aside = _set_aside(truth)
        if aside is not None:
            _bring_embeddings(beside, aside)
        # A log left from the truth before would be played into the backup, and its index mistaken for the backup's.
        for side in _files(truth)[1:] if truth.exists() else _files(truth):
            side.unlink(missing_ok=True)
        sync_entry(library_folder)
        beside.replace(truth)
        sync_entry(library_folder)
    finally:
        beside.unlink(missing_ok=True)
    return aside


def _bring_embeddings(beside: Path, aside: Path) -> None:
    """Spare the user hours: what the truth set aside still has of the same texts' embeddings comes along."""
    try:
        with closing(connect(beside, "rw")) as db:
            if int(db.execute("PRAGMA user_version").fetchone()[0]) == SCHEMA_VERSION:
                db.execute("PRAGMA journal_mode = DELETE")
                take_embeddings(db, aside)
    except (sqlite3.DatabaseError, errors.TebikiError) as error:
        _log.info("No embeddings come from %s: %s", aside, error)
    with beside.open("rb") as done:
        os.fsync(done.fileno())


def _set_aside(truth: Path) -> Path | None:
    """Have the truth, with what of it lies in its log, under another name as well."""
    files = _files(truth)
    if not files:
        return None
    when = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    aside, number = truth.with_name(f"{FILE}.before-restore-{when}"), 1
    while aside.exists():
        aside, number = truth.with_name(f"{FILE}.before-restore-{when}-{number}"), number + 1
    for path in files:
        if path.name.endswith("-shm"):
            continue  # made anew by whoever opens it
        kept = path.with_name(aside.name + path.name[len(FILE) :])
        try:
            kept.hardlink_to(path)
        except OSError:  # a file system without links
            shutil.copyfile(path, kept)
            sync_entry(kept)
    sync_entry(truth.parent)
    return aside


# -- inside ------------------------------------------------------------------------------------------------------------


def _files(truth: Path) -> list[Path]:
    """The database and what SQLite keeps beside it, as far as they exist."""
    return [path for path in (truth, *(Path(f"{truth}{side}") for side in _SIDES)) if path.exists()]


def _sum_file(file: Path) -> Path:
    return file.with_name(f"{file.name}.sha256")


def _write_sum(file: Path, written: Path) -> None:
    """Beside the backup, in the form that `sha256sum -c` reads; first of the two, so that no backup goes without."""
    with _sum_file(file).open("w", encoding="utf-8") as note:
        note.write(f"{_digest(written)}  {file.name}\n")
        note.flush()
        os.fsync(note.fileno())


def _is_as_written(file: Path) -> bool:
    try:
        return _sum_file(file).read_text(encoding="utf-8").split(" ", 1)[0] == _digest(file)
    except (OSError, UnicodeDecodeError):
        return False


def _digest(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _today() -> str:
    return datetime.now(UTC).strftime("%Y%m%d")
