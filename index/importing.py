"""Manuals in, passages in the library: lists the files, reads each in a child process, cuts it, and stores it.

Comes in: paths, or a job that was left unfinished. Goes out: a report, and a library in which every file reported done
is searchable. What files hold is the readers' business, how they are cut that of passages.py, into which manual they go
that of editions.py, and how they are found the library's.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from pathlib import Path

from index import errors, passages
from index.backups import after_import
from index.editions import Editions, describe
from index.jobs import FileState, Jobs, Waiting
from index.library import Library
from index.listing import Candidate, list_candidates
from index.read_ahead import ReadAhead
from index.reading import PAGES, kind_of
from index.recognise import Recogniser, recognised
from index.records import Document, ImportProgress, ImportReport, PassageSpan, Skipped
from index.twins import Twins
from index.writer_lock import WriterLock, disk_trouble

Progress = Callable[[ImportProgress], None]
Cancelled = Callable[[], bool]

REFRESH_SECONDS = 5.0
"""How long a stored file waits until search finds it, while an import runs."""

PATIENCE = 2.0
"""Seconds to wait for another writer: filling in embeddings writes for moments, an import is not waited for."""

STOP_SECONDS = 2.0
"""How long an import that is to end waits for the file at hand; the file is read anew when the import is resumed."""

GROUP_SECONDS = 0.25
GROUP_FILES = 64
"""Files go into the library a few at a time, as each transaction waits for the disk; at most so late, or so many."""

_PER_FILE = 4_000
_PER_BYTE = {".pdf": 0.8, ".docx": 3.0, ".epub": 4.0}
"""What a file costs to read, cut and store, in bytes of HTML: of itself, and for each of its bytes. Nine PDFs took 0.58
microseconds of reading a byte (from 0.1 to 2.9, by how much of them is pictures), 250 HTML pages 0.37, but gave less
than a third of the passages; DOCX and EPUB are packed. The pace of the recent past mends what this gets wrong.
"""


def import_manuals(
    library_folder: Path,
    paths: Sequence[Path],
    *,
    progress: Progress,
    cancelled: Cancelled,
    wait_embeddings: bool = False,
    recognisers: Sequence[Recogniser] = (),
    leave: Callable[[Path], bool] = lambda _: False,
) -> ImportReport:
    """Bring manuals into the library in `library_folder`, which is made if there is none.

    The import is a job in the library (see jobs.py), which can be resumed whenever and however this process ends; an
    unfinished job of the same paths is taken up again. Files are stored a few in one transaction, each in place of the
    version held before; `progress` with stage "reading" and `done` = n means that the first n files are stored (or
    unchanged, or skipped with a reason) whatever happens next. A file whose content the library already holds under
    that name in that manual is left alone, also if the whole manual was moved to another folder. Files that vanished
    from a folder stay in the library: remove the manual, or its new version, by hand. When `cancelled()` turns true the
    import ends after the file at hand and keeps what it stored; the job is paused. `recognisers` are a domain pack's
    rules for what its product's manuals are called; files for which `leave` is true are not looked at.

    Without `wait_embeddings` passages are found by their words at once, and `Library.embed` makes the embeddings later.
    Raises NothingToImport, LibraryBusy, LibraryUnwritable, LibraryNewer, LibraryDamaged, DiskFull, and with
    `wait_embeddings` EmbedderMissing and EmbedderMismatch. A report whose every file was skipped is not an error here,
    nor one of a drive that went away (`reason`).
    """
    began = time.monotonic()
    progress(ImportProgress("listing", 0, 0))
    candidates, skipped = list_candidates(paths)
    candidates = [each for each in candidates if not leave(each.path)]
    with Library.create(library_folder) as library:
        tally = _Tally()
        with WriterLock(library_folder, patience=PATIENCE):
            jobs = Jobs(library.store)
            job = jobs.begin(paths, candidates, skipped)
            _work(library, jobs, job, tally, progress, cancelled, recognisers)
        return _report(library, tally, began, progress, cancelled, wait_embeddings)


def resume_import(
    library_folder: Path,
    *,
    job: int | None = None,
    progress: Progress,
    cancelled: Cancelled,
    wait_embeddings: bool = False,
    recognisers: Sequence[Recogniser] = (),
) -> ImportReport:
    """Go on with an unfinished job, or with all of them, the oldest first: with the files that still wait, and neither
    listing nor looking into what is done. The report counts as unchanged what the job had done before.

    Raises JobMissing where nothing is left to resume, LibraryMissing, and what `import_manuals` raises.
    """
    began = time.monotonic()
    with Library.open(library_folder) as library:
        tally = _Tally()
        with WriterLock(library_folder, patience=PATIENCE):
            jobs = Jobs(library.store)
            jobs.settle()
            ids = [each.id for each in jobs.unfinished()] if job is None else [job]
            if not ids:
                raise errors.JobMissing(f"No import into {library_folder} is unfinished; begin one: tebiki import PATH")
            for id_ in ids:
                jobs.take_up(id_)
                earlier = jobs.job(id_)
                tally.unchanged += earlier.stored + earlier.unchanged
                for group, root in jobs.groups(id_):
                    describe(library.store, group, root)  # it may have been cut short before it was told
                _work(library, jobs, id_, tally, progress, cancelled, recognisers)
                if tally.cancelled:
                    break
        return _report(library, tally, began, progress, cancelled, wait_embeddings)


@dataclass
class _Tally:
    """What the report will say, as it grows."""

    manuals: set[int] = field(default_factory=set)
    sections: int = 0
    passages: int = 0
    unchanged: int = 0
    skipped: list[Skipped] = field(default_factory=list)
    cancelled: bool = False
    job: int = 0
    reason: str = ""


def _work(
    library: Library,
    jobs: Jobs,
    job: int,
    tally: _Tally,
    progress: Progress,
    cancelled: Cancelled,
    recognisers: Sequence[Recogniser],
) -> None:
    """Do what is left of a job, and say in the job how that ended."""
    tally.job = job
    run = _Run(library, jobs, job, tally, progress, cancelled, recognisers)
    try:
        run.take_in()
    except (errors.TebikiError, OSError) as error:
        plain = disk_trouble(error, library.folder) if isinstance(error, OSError) else error
        with contextlib.suppress(errors.TebikiError, OSError):  # on a full disk; it is then paused like a killed one
            jobs.end(job, str(plain))
        raise plain from error
    ended = jobs.end(job, run.reason)
    tally.reason = tally.reason or ended.reason
    tally.cancelled = tally.cancelled or ended.state in ("paused", "cancelled")
    tally.skipped += jobs.skipped(job)


def _report(
    library: Library, tally: _Tally, began: float, progress: Progress, cancelled: Cancelled, wait_embeddings: bool
) -> ImportReport:
    if tally.manuals:
        after_import(library.folder)
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
        job=tally.job,
        reason=tally.reason,
    )


class _Run:
    """A job at work: its files are read in order and stored a few at a time."""

    def __init__(
        self,
        library: Library,
        jobs: Jobs,
        job: int,
        tally: _Tally,
        progress: Progress,
        cancelled: Cancelled,
        recognisers: Sequence[Recogniser],
    ) -> None:
        self.reason = ""
        self._library, self._jobs, self._job, self._tally = library, jobs, job, tally
        self._progress, self._cancelled, self._recognisers = progress, cancelled, recognisers
        self._gone: dict[str, str] = {}
        self._twins = Twins(library.store)
        self._pending: list[_Result] = []
        self._flushed = self._refreshed = time.monotonic()
        self._stopped, self._stop_at = False, 0.0
        sizes = jobs.sizes(job)
        self._total, self._weight_total = len(sizes), sum(weight(name, size) for name, size, _ in sizes)
        self._done = sum(done for _, _, done in sizes)
        self._weight = sum(weight(name, size) for name, size, done in sizes if done)

    def take_in(self) -> None:
        """Take in the files that wait, as far as nobody stops it."""
        try:
            with ReadAhead() as reader, contextlib.suppress(_Stopped):
                for _, found in groupby(self._in_groups(), key=lambda each: each.candidate.group):
                    members = list(found)
                    candidates = [each.candidate for each in members]
                    read = partial(self._read, reader)
                    editions = Editions(self._library.store, self._jobs, self._job, candidates, read)
                    self._take_group(editions, members, reader)
                self._tell()
        finally:
            self._progress(ImportProgress("indexing", self._tally.passages, self._tally.passages, job=self._job))
            self._library.catch_up()

    def _read(self, reader: ReadAhead, candidate: Candidate) -> Document:
        return recognised(reader.read(candidate, self._while_reading), shown(candidate), self._recognisers)

    def _while_reading(self) -> None:
        """A file that takes long keeps neither what was read before it nor who wants to stop waiting for long."""
        if self._pending:
            self._flush()
        if self._cancelled() or not self._jobs.goes_on(self._job):
            self._stop_at = self._stop_at or time.monotonic() + STOP_SECONDS
        if self._stop_at and time.monotonic() >= self._stop_at:
            raise _Stopped

    def _in_groups(self) -> list[Waiting]:
        """The files of each manual together, in the order in which each manual first appears."""
        groups: dict[str, list[Waiting]] = {}
        for each in self._jobs.waiting(self._job):
            groups.setdefault(each.candidate.group, []).append(each)
        return [each for members in groups.values() for each in members]

    def _take_group(self, editions: Editions, members: Sequence[Waiting], reader: ReadAhead) -> None:
        """Take in the files of one manual. Raises _Stopped, with what was read stored, where the import is to end."""
        try:
            for each, following in zip(members, [*members[1:], None], strict=True):
                if self._stopped or self._cancelled():
                    raise _Stopped
                self._tell(each.candidate.source)
                ahead = partial(self._look_ahead, editions, following, reader)
                self._pending.append(self._result(editions, each, ahead))
                if len(self._pending) >= GROUP_FILES or time.monotonic() - self._flushed >= GROUP_SECONDS:
                    self._flush()
        finally:
            self._flush()
            editions.describe()
        if self._stopped:
            raise _Stopped

    def _look_ahead(self, editions: Editions, following: Waiting | None, reader: ReadAhead) -> None:
        if following and following.candidate.root not in self._gone and editions.wants(following.candidate):
            reader.begin(following.candidate)

    def _result(self, editions: Editions, each: Waiting, look_ahead: Callable[[], None]) -> _Result:
        candidate = each.candidate
        if candidate.root in self._gone:
            return _Result(each, "waiting", self._gone[candidate.root])
        if editions.holds(candidate):
            return _Result(each, "unchanged")
        try:
            document = editions.document(candidate)
        except errors.ManualUnreadable as error:
            if _went_away(candidate):
                self.reason = self._gone[candidate.root] = (
                    f"{candidate.root} is gone: connect the drive or put the folder back, "
                    "then go on with: tebiki import --resume"
                )
                return _Result(each, "waiting", self.reason)
            return _Result(each, "skipped", str(error))
        look_ahead()
        if self._repeats(candidate, document):
            reason = f"{shown(candidate)} has the same text as the HTML pages beside it, which are read instead; "
            return _Result(each, "skipped", reason + "to have it too, import it by itself.")
        spans = [passages.split(section, document.language) for section in document.sections]
        if not any(spans):
            return _Result(each, "skipped", f"{shown(candidate)} holds no text of its own (only links or pictures).")
        return _Result(each, "stored", "", partial(self._put, editions, candidate, document, spans))

    def _repeats(self, candidate: Candidate, document: Document) -> bool:
        """Whether a file gives once more what the pages of its folder say, which must be stored to be compared."""
        if not self._twins.may_be(candidate):
            return False
        if any(not self._twins.may_be(other.file.candidate) for other in self._pending):
            self._flush()
        return self._twins.repeats(candidate, document)

    def _put(
        self, editions: Editions, candidate: Candidate, document: Document, spans: Sequence[Sequence[PassageSpan]]
    ) -> None:
        self._tally.manuals.add(editions.put(candidate, document, spans))
        self._tally.sections += len(document.sections)
        self._tally.passages += sum(len(cuts) for cuts in spans)

    def _flush(self) -> None:
        """Store what was read, and have it reported done only then."""
        pending = self._pending.copy()
        self._pending.clear()  # before: what can't be stored is not tried again on the way out
        if pending:
            with self._library.store.transaction():
                for each in pending:
                    each.store()
                    self._jobs.note(self._job, each.file.ordinal, each.state, each.reason)
                self._stopped = self._stopped or not self._jobs.goes_on(self._job)
            done = [each.file.candidate for each in pending if each.state != "waiting"]
            self._done += len(done)
            self._weight += sum(weight(each.entry or each.path.name, each.size) for each in done)
            self._tally.unchanged += sum(each.state == "unchanged" for each in pending)
        self._flushed = time.monotonic()
        if self._flushed - self._refreshed > REFRESH_SECONDS:
            self._library.catch_up()
            self._refreshed = time.monotonic()

    def _tell(self, current: str = "") -> None:
        at = ImportProgress("reading", self._done, self._total, current, self._weight, self._weight_total, self._job)
        self._progress(at)


class _Stopped(Exception):
    """The import is to end."""


@dataclass(frozen=True, slots=True)
class _Result:
    """A file that was looked at, what came of it, and how it is stored."""

    file: Waiting
    state: FileState
    reason: str = ""
    store: Callable[[], None] = lambda: None


def weight(name: str, size: int) -> float:
    """What a file costs to read, cut and store, in bytes of HTML."""
    kind = kind_of(name)
    return _PER_FILE + size * (1.0 if kind in PAGES else _PER_BYTE.get(kind, 1.0))


def shown(candidate: Candidate) -> str:
    """The file as messages name it."""
    return f"{candidate.path}!/{candidate.entry}" if candidate.entry else str(candidate.path)


def _went_away(candidate: Candidate) -> bool:
    """Whether not just this file but all that the user gave is gone: a drive that was pulled leaves an empty folder."""
    root = Path(candidate.root)
    try:
        return not candidate.path.exists() and (not root.exists() or (root.is_dir() and not any(root.iterdir())))
    except OSError:  # the drive answers no more
        return True
