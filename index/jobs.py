"""Import jobs: what each import was asked for, and how far every one of its files has come.

Comes in: the files that an import listed, and their states as they change. Goes out: records. A file's state is written
in the transaction that stores the file, so that what is reported done is done. It knows nothing of reading or storing
(see importing.py), and counts in files.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from index import errors, writer_lock
from index.database import Database
from index.listing import Candidate
from index.records import Skipped

JobState = Literal["running", "paused", "cancelled", "done", "failed"]
FileState = Literal["waiting", "stored", "unchanged", "skipped"]

KEPT = 20
"""Ended jobs that are kept; of all but the newest only the files that could not be read are."""

_JOBS = (
    "SELECT id, paths, state, created_at, changed_at, waiting, stored, unchanged, skipped, reason, process FROM jobs"
)


@dataclass(frozen=True, slots=True)
class ImportJob:
    """An import: the absolute `paths` it was given, its state, and how many of its files are in which state.

    "running" is said only while its process lives; one that was killed, or failed for a reason that is not a file's
    (`reason` says which), is left with files waiting and can be resumed. Times are UTC, ISO 8601.
    """

    id: int
    paths: tuple[str, ...]
    state: JobState
    created_at: str
    changed_at: str
    waiting: int
    stored: int
    unchanged: int
    skipped: int
    reason: str = ""

    @property
    def files(self) -> int:
        """All files of the job."""
        return self.waiting + self.stored + self.unchanged + self.skipped

    @property
    def unfinished(self) -> bool:
        """Whether it can be gone on with."""
        return self.state in ("paused", "failed")


@dataclass(frozen=True, slots=True)
class JobFile:
    """A file of a job: `source` as hits name it, `path` where it lies (`archive.zip!/entry` in a ZIP), and the `reason`
    why it was skipped or still waits."""

    source: str
    path: str
    state: FileState
    reason: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """A file that is still to be read, and its place in the job."""

    ordinal: int
    candidate: Candidate


class Jobs:
    """The jobs of one library. Reading and `cancel` need no lock; the other writing calls are the importer's, who
    holds the writer's lock."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._db = database.connection

    # -- what anybody may ask ---------------------------------------------------------------------------------------

    def history(self) -> list[ImportJob]:
        """All jobs that are kept, the newest first."""
        writing = writer_lock.writing_process(self._database.path.parent)
        return [_job(row, writing) for row in self._db.execute(f"{_JOBS} ORDER BY id DESC")]

    def job(self, id_: int) -> ImportJob:
        """One job. Raises JobMissing."""
        row = self._db.execute(f"{_JOBS} WHERE id = ?", (id_,)).fetchone()
        if row is None:
            raise errors.JobMissing(f"No import job {id_} is kept; see: tebiki library jobs")
        return _job(row, writer_lock.writing_process(self._database.path.parent))

    def unfinished(self) -> list[ImportJob]:
        """The jobs that can be resumed, the oldest first."""
        return [job for job in reversed(self.history()) if job.unfinished]

    def files(self, id_: int) -> list[JobFile]:
        """The files of a job in the order in which they are read, those last that were not even listed as readable.

        Of an older job that has ended only the files that were skipped. Raises JobMissing.
        """
        self.job(id_)
        rows = self._db.execute(
            "SELECT source, path, entry, state, reason FROM job_files WHERE job_id = ? ORDER BY ordinal", (id_,)
        )
        return [
            JobFile(unbound(source), _shown(path, entry), state, reason) for source, path, entry, state, reason in rows
        ]

    def skipped(self, id_: int) -> list[Skipped]:
        """The files of a job that could not be read, and why."""
        return [Skipped(file.path, file.reason) for file in self.files(id_) if file.state == "skipped"]

    def cancel(self, id_: int) -> ImportJob:
        """Drop what is left of a job; what it stored stays. A process that is at work on it ends by itself.

        A job that has ended is left as it is. Raises JobMissing, LibraryUnwritable, DiskFull.
        """
        self.job(id_)
        with self._database.transaction():
            self._db.execute(
                "UPDATE jobs SET state = 'cancelled', reason = '', changed_at = ?"
                " WHERE id = ? AND state NOT IN ('done', 'cancelled')",
                (_now(), id_),
            )
        return self.job(id_)

    # -- what the importer does ---------------------------------------------------------------------------------------

    def settle(self) -> None:
        """Jobs whose process was killed are paused: who holds the writer's lock knows that no other is at work."""
        with self._database.transaction():
            self._db.execute("UPDATE jobs SET state = 'paused' WHERE state = 'running'")

    def begin(self, paths: Sequence[Path], candidates: Sequence[Candidate], skipped: Sequence[Skipped]) -> int:
        """Write down a job and all its files; returns its id.

        An unfinished job of the same paths is taken up instead, with the files that are there now: those it has stored
        are recognised by their content.
        """
        given = json.dumps(sorted(os.path.abspath(path) for path in paths))  # noqa: PTH100 - see listing.py
        with self._database.transaction():
            self.settle()
            row = self._db.execute(
                "SELECT id FROM jobs WHERE paths = ? AND state IN ('paused', 'failed') ORDER BY id", (given,)
            ).fetchone()
            id_ = row[0] if row else self._add(given)
            self._db.execute("DELETE FROM job_files WHERE job_id = ?", (id_,))
            self._db.executemany(
                "INSERT INTO job_files (job_id, ordinal, path, entry, source, root, group_key, bytes, state, reason)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    *((id_, ordinal, *_row(each), "waiting", "") for ordinal, each in enumerate(candidates)),
                    *(
                        (id_, ordinal, bound(each.path), None, bound(each.path), "", "", 0, "skipped", each.reason)
                        for ordinal, each in enumerate(skipped, len(candidates))
                    ),
                ],
            )
            self._db.execute(
                "UPDATE jobs SET waiting = ?, stored = 0, unchanged = 0, skipped = ? WHERE id = ?",
                (len(candidates), len(skipped), id_),
            )
            self.set_state(id_, "running")
        return int(id_)

    def take_up(self, id_: int) -> None:
        """Go on with a job. Raises JobMissing where it is not there or has ended."""
        with self._database.transaction():
            self.settle()
            if not self.job(id_).unfinished:
                raise errors.JobMissing(f"Import job {id_} has ended; import its files again: tebiki import PATH")
            self._db.execute("UPDATE job_files SET reason = '' WHERE job_id = ? AND state = 'waiting'", (id_,))
            self.set_state(id_, "running")

    def waiting(self, id_: int) -> list[Waiting]:
        """The files that are still to be read, in order."""
        rows = self._db.execute(
            "SELECT ordinal, path, entry, source, root, group_key, bytes FROM job_files"
            " WHERE job_id = ? AND state = 'waiting' ORDER BY ordinal",
            (id_,),
        )
        return [
            Waiting(
                ordinal,
                Candidate(
                    path=Path(unbound(path)),
                    entry=None if entry is None else unbound(entry),
                    source=unbound(source),
                    root=unbound(root),
                    group=unbound(group),
                    size=size,
                ),
            )
            for ordinal, path, entry, source, root, group, size in rows
        ]

    def sizes(self, id_: int) -> list[tuple[str, int, bool]]:
        """Name, bytes, and whether it is done, of every file that was listed as readable."""
        rows = self._db.execute(
            "SELECT coalesce(entry, path), bytes, state <> 'waiting' FROM job_files"
            " WHERE job_id = ? AND group_key <> ''",
            (id_,),
        )
        return [(unbound(name), size, bool(done)) for name, size, done in rows]

    def groups(self, id_: int) -> list[tuple[str, str]]:
        """Group and root of every manual of which a file is done: its facts may not have been written yet."""
        rows = self._db.execute(
            "SELECT group_key, min(root) FROM job_files"
            " WHERE job_id = ? AND state IN ('stored', 'unchanged') GROUP BY group_key ORDER BY min(ordinal)",
            (id_,),
        )
        return [(unbound(group), unbound(root)) for group, root in rows]

    def note(self, id_: int, ordinal: int, state: FileState, reason: str = "") -> None:
        """A file has come to `state`; part of the transaction that makes it so."""
        cursor = self._db.execute(
            "UPDATE job_files SET state = ?, reason = ? WHERE job_id = ? AND ordinal = ? AND state = 'waiting'",
            (state, reason, id_, ordinal),
        )
        if cursor.rowcount and state != "waiting":
            self._db.execute(
                f"UPDATE jobs SET waiting = waiting - 1, {state} = {state} + 1, changed_at = ? WHERE id = ?",
                (_now(), id_),
            )

    def goes_on(self, id_: int) -> bool:
        """Whether nobody cancelled the job meanwhile."""
        row = self._db.execute("SELECT state FROM jobs WHERE id = ?", (id_,)).fetchone()
        return row is not None and row[0] == "running"

    def set_state(self, id_: int, state: JobState, reason: str = "") -> None:
        """The job has come to `state`, and this process is at work on it or was the last to be."""
        with self._database.transaction():
            self._db.execute(
                "UPDATE jobs SET state = ?, reason = ?, process = ?, changed_at = ? WHERE id = ?",
                (state, reason, os.getpid(), _now(), id_),
            )

    def end(self, id_: int, reason: str = "") -> ImportJob:
        """The process is through: "done" where no file waits, else "paused", or "failed" with the reason; a job that
        was cancelled meanwhile stays so."""
        with self._database.transaction():
            if self.goes_on(id_):
                left = self._db.execute("SELECT waiting FROM jobs WHERE id = ?", (id_,)).fetchone()[0]
                self.set_state(id_, "failed" if reason else "paused" if left else "done", reason)
            self._prune()
        return self.job(id_)

    def opened(self, id_: int, group: str) -> tuple[int, int]:
        """The manual that the job made for a group, and the one that takes the pages which name no version; 0: none."""
        row = self._db.execute(
            "SELECT opened, leading FROM job_groups WHERE job_id = ? AND group_key = ?", (id_, bound(group))
        ).fetchone()
        return (row[0], row[1]) if row else (0, 0)

    def set_opened(self, id_: int, group: str, opened: int, leading: int) -> None:
        """Keep what `opened` will say; part of the transaction that stores the first page."""
        with self._database.transaction():
            self._db.execute(
                "INSERT OR REPLACE INTO job_groups (job_id, group_key, opened, leading) VALUES (?, ?, ?, ?)",
                (id_, bound(group), opened, leading),
            )

    # -- inside -------------------------------------------------------------------------------------------------------

    def _add(self, paths: str) -> int:
        now = _now()
        cursor = self._db.execute(
            "INSERT INTO jobs (paths, state, process, created_at, changed_at) VALUES (?, 'running', ?, ?, ?)",
            (paths, os.getpid(), now, now),
        )
        return int(cursor.lastrowid or 0)

    def _prune(self) -> None:
        ended = "SELECT id FROM jobs WHERE state IN ('done', 'cancelled') ORDER BY id DESC"
        self._db.execute(f"DELETE FROM jobs WHERE id IN ({ended} LIMIT -1 OFFSET ?)", (KEPT,))
        self._db.execute(f"DELETE FROM job_files WHERE state <> 'skipped' AND job_id IN ({ended} LIMIT -1 OFFSET 1)")


def _job(row: tuple[int, str, JobState, str, str, int, int, int, int, str, int], writing: int | None) -> ImportJob:
    id_, paths, state, created, changed, waiting, stored, unchanged, skipped, reason, process = row
    if state == "running" and process != writing:
        state = "paused"
    return ImportJob(
        id_, tuple(json.loads(paths)), state, created, changed, waiting, stored, unchanged, skipped, reason
    )


def _row(each: Candidate) -> tuple[object, ...]:
    entry = None if each.entry is None else bound(each.entry)
    return bound(str(each.path)), entry, bound(each.source), bound(each.root), bound(each.group), each.size


def bound(text: str) -> str | bytes:
    """A path as SQLite can keep it: where its name is not UTF-8, as the bytes that the disk has."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return os.fsencode(text)
    return text


def unbound(value: str | bytes) -> str:
    """The path that `bound` was given."""
    return os.fsdecode(value) if isinstance(value, bytes) else value


def _shown(path: str | bytes, entry: str | bytes | None) -> str:
    return unbound(path) if entry is None else f"{unbound(path)}!/{unbound(entry)}"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
