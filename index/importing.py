"""Manuals in, passages in the library: lists the files, reads each in a child process, cuts it, and stores it.

Comes in: paths. Goes out: a report, and a library in which every file reported done is searchable. What files hold is
the readers' business, how they are cut that of passages.py, and how they are found the library's.
"""

from __future__ import annotations

import errno
import hashlib
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path, PurePosixPath

from index import errors, passages
from index.archive import readable_name
from index.library import Library
from index.listing import Candidate, list_candidates
from index.manual_facts import facts_of
from index.reader_process import ReaderProcess
from index.records import Document, ImportProgress, ImportReport, Skipped
from index.store import StoredFile
from index.writer_lock import WriterLock

Progress = Callable[[ImportProgress], None]
Cancelled = Callable[[], bool]

REFRESH_SECONDS = 5.0
"""How long a stored file waits until search finds it, while an import runs."""


@dataclass
class _Tally:
    """What the report will say, as it grows."""

    manuals: set[int] = field(default_factory=set)
    sections: int = 0
    passages: int = 0
    unchanged: int = 0
    skipped: list[Skipped] = field(default_factory=list)
    cancelled: bool = False


def import_manuals(
    library_folder: Path,
    paths: Sequence[Path],
    *,
    progress: Progress,
    cancelled: Cancelled,
    wait_embeddings: bool = False,
) -> ImportReport:
    """Bring manuals into the library in `library_folder`, which is made if there is none.

    Each file is stored in one transaction, in place of the version held before; `progress` with stage "reading" and
    `done` = n means that the first n files are stored (or unchanged, or skipped with a reason) whatever happens next.
    A file whose content the library already holds under that name in that manual is left alone, also if the whole
    manual was moved to another folder. Files that vanished from a folder stay in the library: remove the manual, or its
    new version, by hand. When `cancelled()` turns true the import ends after the file at hand and keeps what it stored.

    Without `wait_embeddings` passages are found by their words at once, and `Library.embed` makes the embeddings later.
    Raises NothingToImport, LibraryBusy, LibraryUnwritable, LibraryNewer, LibraryDamaged, DiskFull, and with
    `wait_embeddings` EmbedderMissing and EmbedderMismatch. A report whose every file was skipped is not an error here.
    """
    began = time.monotonic()
    progress(ImportProgress("listing", 0, 0))
    candidates, skipped = list_candidates(paths)
    tally = _Tally(skipped=list(skipped))
    with Library.create(library_folder) as library:
        with WriterLock(library_folder, patience=2.0):
            try:
                _take_in(library, candidates, tally, progress, cancelled)
            except OSError as error:
                raise _plain(error, library_folder) from error
        embedded = library.embed(progress, cancelled) if wait_embeddings and not tally.cancelled else 0
    return ImportReport(
        manuals=len(tally.manuals),
        sections=tally.sections,
        passages=tally.passages,
        unchanged=tally.unchanged,
        seconds=round(time.monotonic() - began, 3),
        embedded=embedded,
        skipped=tuple(tally.skipped),
        cancelled=tally.cancelled or (wait_embeddings and cancelled()),
    )


def _take_in(
    library: Library, candidates: Sequence[Candidate], tally: _Tally, progress: Progress, cancelled: Cancelled
) -> None:
    done, total = 0, len(candidates)
    refreshed = time.monotonic()
    try:
        with ReaderProcess() as reader:
            for group, members in _grouped(candidates):
                manual = _ManualInProgress(library, group, members, tally)
                for candidate in members:
                    if cancelled():
                        tally.cancelled = True
                        manual.finish()
                        return
                    progress(ImportProgress("reading", done, total, candidate.source))
                    manual.take(candidate, reader)
                    done += 1
                    if time.monotonic() - refreshed > REFRESH_SECONDS:
                        library.catch_up()
                        refreshed = time.monotonic()
                manual.finish()
        progress(ImportProgress("reading", done, total))
    finally:
        progress(ImportProgress("indexing", tally.passages, tally.passages))
        library.catch_up()


def _grouped(candidates: Sequence[Candidate]) -> Iterator[tuple[str, list[Candidate]]]:
    """The candidates of each manual together, in the order in which each manual first appears."""
    groups: dict[str, list[Candidate]] = {}
    for candidate in candidates:
        groups.setdefault(candidate.group, []).append(candidate)
    yield from groups.items()


class _ManualInProgress:
    """One manual of the library, new or known, while its files are taken in."""

    def __init__(self, library: Library, group: str, members: Sequence[Candidate], tally: _Tally) -> None:
        self._store = library.store
        self._group = group
        self._root = members[0].root
        self._tally = tally
        self._hashes = {candidate: digest for candidate in members if (digest := _digest(candidate))}
        self._id = self._store.manual_of_group(group) or self._moved_here()
        self._held = {file.name: file for file in self._store.files(self._id)} if self._id else {}

    def take(self, candidate: Candidate, reader: ReaderProcess) -> None:
        """Store one file, leave it alone if it is held as it is, or note why it can't be read."""
        name, digest = _name(candidate), self._hashes.get(candidate, "")
        if name in self._held and digest and self._held[name].digest == digest:
            self._tally.unchanged += 1
            return
        try:
            document = reader.read(candidate)
        except errors.ManualUnreadable as error:
            self._tally.skipped.append(Skipped(_shown(candidate), str(error)))
            return
        self._put(name, candidate, document, digest)

    def finish(self) -> None:
        """Write what all the files together say of the manual; also where none is new, as an import before may have
        been cut short."""
        if self._id:
            self._store.describe_manual(self._id, facts_of(self._store.files(self._id), self._group, self._root))

    def _put(self, name: str, candidate: Candidate, document: Document, digest: str) -> None:
        spans = [passages.split(section, document.language) for section in document.sections]
        if not any(spans):
            self._tally.skipped.append(Skipped(_shown(candidate), f"{_shown(candidate)} holds no text."))
            return
        if not self._id:
            alone = StoredFile(0, name, document.source, digest, document.title, dict(document.meta))
            self._id = self._store.add_manual(self._group, facts_of([alone], self._group, self._root))
        self._store.put_file(self._id, name, document, digest, candidate.size, spans)
        self._tally.manuals.add(self._id)
        self._tally.sections += len(document.sections)
        self._tally.passages += sum(len(cuts) for cuts in spans)

    def _moved_here(self) -> int | None:
        """The manual that these files were imported as from another place, if they are the same.

        The same means: no file of a shared name differs, and more than half of either side's files are shared. The
        next edition of a manual in a folder beside it shares a few pages at most, and stays a manual of its own.
        """
        mine = {_name(candidate): digest for candidate, digest in self._hashes.items()}
        for id_ in sorted({file.manual_id for file in self._store.files_with(mine.values())}):
            theirs = {file.name: file.digest for file in self._store.files(id_)}
            shared = mine.keys() & theirs.keys()
            same = all(mine[name] == theirs[name] for name in shared)
            if same and len(shared) * 2 > max(len(mine), len(theirs)):
                self._store.move_manual(id_, self._group, self._root)
                return id_
        return None


def _name(candidate: Candidate) -> str:
    """A file's name within its manual, the same whichever folder above it was given to import, and packed or not."""
    name = PurePosixPath(candidate.entry).name if candidate.entry else candidate.path.name
    return name[:-3] if name.lower().endswith(".gz") else name


def _shown(candidate: Candidate) -> str:
    return f"{candidate.path}!/{candidate.entry}" if candidate.entry else str(candidate.path)


def _digest(candidate: Candidate) -> str:
    """What the content is recognised by; "" where it can't be had, and the reader will say why.

    For a file its SHA-256. An entry of a ZIP is not unpacked here, which is left to the child process and its limits:
    the archive's directory says its checksum and size.
    """
    try:
        if candidate.entry:
            return _directory(candidate.path, candidate.path.stat().st_mtime_ns).get(candidate.entry, "")
        with candidate.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, zipfile.BadZipFile):
        return ""


@lru_cache(maxsize=4)
def _directory(path: Path, modified_ns: int) -> dict[str, str]:
    with zipfile.ZipFile(path) as archive:
        return {readable_name(info): f"crc32:{info.CRC:08x}:{info.file_size}" for info in archive.infolist()}


def _plain(error: OSError, folder: Path) -> Exception:
    if error.errno == errno.ENOSPC:
        return errors.DiskFull(f"The disk of {folder} is full: free some space and go on; what was stored is whole.")
    why = error.strerror or str(error)
    return errors.LibraryUnwritable(f"The library in {folder} can't be written ({why}): check the disk.")
