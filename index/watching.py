"""Watched folders: which of them hold something new, and the import of what they hold.

Comes in: the folders that a library is told to watch. Goes out: those in which a file is new or has changed since they
were imported. Names, sizes and times of change decide, no file is opened; a file that changed moments ago may be half
written and is left for the next look. A folder that is away is asked after again; nothing is ever removed. It knows no
timers and no windows: whoever has one asks now and then.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from index import errors
from index.importing import Cancelled, Progress, import_manuals
from index.jobs import bound, unbound
from index.reading import READABLE, kind_of
from index.recognise import Recogniser
from index.records import ImportReport
from index.store import Store

SETTLED_SECONDS = 3.0
"""A file that changed within this time may still be being written."""

_MARK = 8  # bytes of a file's mark: of 100,000 files two share one in one case of four thousand million


@dataclass(frozen=True, slots=True)
class WatchedFolder:
    """A folder that is watched; `missing` is true while it was not there at the last look."""

    path: str
    added_at: str
    missing: bool


@dataclass(frozen=True, slots=True)
class Look:
    """What one look found: folders to import, those that went away since the look before, and files left for later."""

    due: tuple[Path, ...]
    missing: tuple[Path, ...]
    left: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class Round:
    """What one round of imports did: a report for every folder that was due, and what the look before it found."""

    reports: tuple[ImportReport, ...]
    look: Look


@dataclass
class _Scan:
    """A folder as it is now: the marks of its manual files, and those that are too young to be taken."""

    marks: set[bytes] = field(default_factory=set)
    young: list[Path] = field(default_factory=list)


class Watcher:
    """The watched folders of one library; every call opens the library's file for itself, briefly, from any thread.

    `add`, `remove` and `look` raise LibraryMissing (except `add`), LibraryNewer, LibraryDamaged, LibraryUnwritable.
    """

    def __init__(self, library_folder: Path, *, now: Callable[[], float] = time.time) -> None:
        """`now` is the clock that files are dated by."""
        self._folder = library_folder
        self._now = now

    def folders(self) -> list[WatchedFolder]:
        """The folders that are watched, in the order in which they were added."""
        with closing(self._store()) as store:
            rows = store.connection.execute("SELECT path, added_at, missing FROM watched ORDER BY rowid").fetchall()
        return [WatchedFolder(unbound(path), added, bool(missing)) for path, added, missing in rows]

    def add(self, folder: Path) -> None:
        """Watch a folder from now on; the library is made if there is none. Raises NothingToImport for no folder."""
        path = _absolute(folder)
        if not path.is_dir():
            raise errors.NothingToImport(f"{folder} is not a folder that is there; check the path.")
        with closing(Store.open(self._folder, create=True)) as store, store.transaction():
            store.connection.execute(
                "INSERT OR IGNORE INTO watched (path, added_at) VALUES (?, ?)",
                (bound(str(path)), datetime.now(UTC).isoformat(timespec="seconds")),
            )

    def remove(self, folder: Path) -> None:
        """Watch a folder no longer; its manuals stay. Raises NothingToImport for one that is not watched."""
        with closing(self._store()) as store, store.transaction():
            cursor = store.connection.execute("DELETE FROM watched WHERE path = ?", (bound(str(_absolute(folder))),))
        if not cursor.rowcount:
            raise errors.NothingToImport(f"{folder} is not watched; see: tebiki library watch list")

    def due(self) -> list[Path]:
        """The folders that hold something new or changed. Changes nothing; [] where there is no library."""
        try:
            with closing(self._store()) as store:
                rows = self._rows(store)
        except errors.LibraryMissing:
            return []
        return [path for path, known, _ in rows if self._news(path, known)]

    def look(self) -> Look:
        """What is due, and which folders went away; each of those is named once until it comes back."""
        due, missing, left = [], [], []
        with closing(self._store()) as store:
            for path, known, was_missing in self._rows(store):
                away = not path.is_dir()
                if away != was_missing:
                    with store.transaction():
                        store.connection.execute(
                            "UPDATE watched SET missing = ? WHERE path = ?", (int(away), bound(str(path)))
                        )
                    missing += [path] if away else []
                scan = self._scan(path)
                left += scan.young
                due += [path] if scan.marks - known else []
        return Look(tuple(due), tuple(missing), tuple(left))

    def marks(self, folder: Path) -> tuple[set[bytes], set[Path]]:
        """What `imported` is to be told after an import of the folder, and the files that it must leave."""
        scan = self._scan(folder)
        return scan.marks, set(scan.young)

    def imported(self, folder: Path, marks: set[bytes]) -> None:
        """These files of the folder have been imported, or could not be read."""
        with closing(self._store()) as store, store.transaction():
            store.connection.execute(
                "UPDATE watched SET signature = ? WHERE path = ?", (b"".join(sorted(marks)), bound(str(folder)))
            )

    # -- inside -------------------------------------------------------------------------------------------------------

    def _store(self) -> Store:
        return Store.open(self._folder, read_only=self._folder.is_dir() and not os.access(self._folder, os.W_OK))

    def _rows(self, store: Store) -> list[tuple[Path, set[bytes], bool]]:
        rows = store.connection.execute("SELECT path, signature, missing FROM watched ORDER BY rowid").fetchall()
        return [(Path(unbound(path)), _cut(signature or b""), bool(missing)) for path, signature, missing in rows]

    def _news(self, folder: Path, known: set[bytes]) -> bool:
        return bool(self._scan(folder).marks - known)

    def _scan(self, folder: Path) -> _Scan:
        scan, now = _Scan(), self._now()
        for entry in _files(folder):
            try:
                status = entry.stat()
            except OSError:  # gone meanwhile
                continue
            # A date in the future is that of a clock that jumped, or of another machine, not of a file being written.
            if any(abs(now - changed) < SETTLED_SECONDS for changed in (status.st_mtime, status.st_ctime)):
                scan.young.append(Path(entry.path))
            else:
                named = f"{status.st_size} {status.st_mtime_ns} ".encode() + os.fsencode(entry.path)
                scan.marks.add(hashlib.blake2b(named, digest_size=_MARK).digest())
        return scan


def import_watched(
    library_folder: Path,
    *,
    progress: Progress,
    cancelled: Cancelled,
    recognisers: Sequence[Recogniser] = (),
    now: Callable[[], float] = time.time,
) -> Round:
    """Import what is new or changed in the watched folders, each as a job of its own. Raises what `import_manuals`
    raises, except NothingToImport."""
    watcher = Watcher(library_folder, now=now)
    look, reports = watcher.look(), []
    for folder in look.due:
        if cancelled():
            break
        marks, young = watcher.marks(folder)
        try:
            report = import_manuals(
                library_folder,
                [folder],
                progress=progress,
                cancelled=cancelled,
                recognisers=recognisers,
                leave=young.__contains__,
            )
        except errors.NothingToImport:  # it was emptied, or went away, between the look and the import
            continue
        reports.append(report)
        if not report.cancelled and not report.reason:
            watcher.imported(folder, marks)
    return Round(tuple(reports), look)


def _files(root: Path) -> Iterator[os.DirEntry[str]]:
    """The manual files and ZIP archives of a tree; into each folder once, as a link may lead back up."""
    seen: set[tuple[int, int]] = set()
    waiting = [str(root)]
    while waiting:
        folder = Path(waiting.pop())
        try:
            status = folder.stat()
            with os.scandir(folder) as found:
                entries = list(found)
        except OSError:  # gone, or not ours to read: the import will say so
            continue
        if (status.st_dev, status.st_ino) in seen:
            continue
        seen.add((status.st_dev, status.st_ino))
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_dir():
                waiting.append(entry.path)
            elif kind_of(entry.name) in READABLE or entry.name.lower().endswith(".zip"):
                yield entry


def _cut(signature: bytes) -> set[bytes]:
    return {signature[at : at + _MARK] for at in range(0, len(signature), _MARK)}


def _absolute(folder: Path) -> Path:
    return Path(os.path.abspath(folder))  # noqa: PTH100 - resolve() would replace the user's links by their targets
