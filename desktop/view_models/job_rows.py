"""What is said of an import job and of each of its files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import PurePath

from index.jobs import FileState, ImportJob, JobFile

Texts = Callable[..., str]
SHOWN: tuple[FileState | None, ...] = (None, "skipped", "waiting", "stored", "unchanged")
"""What the list of files can be narrowed to; None is all of them."""


def name_of(job: ImportJob, texts: Texts) -> str:
    """What was imported, in a few words: the first path's last part, and how many more."""
    first = PurePath(job.paths[0]).name or job.paths[0] if job.paths else "–"
    return first if len(job.paths) <= 1 else texts("jobs.and_more", name=first, n=len(job.paths) - 1)


def line_of(job: ImportJob, texts: Texts) -> str:
    """A job in one line: when, what, how it stands."""
    state = texts(f"jobs.state_{job.state}")
    return texts(
        "jobs.line", moment=moment(job.created_at), name=name_of(job, texts), state=state, files=f"{job.files:,}"
    )


def left_of(job: ImportJob, texts: Texts) -> str:
    """How far a job that can be gone on with has come, and why it stopped where it says so."""
    said = texts("jobs.left", waiting=f"{job.waiting:,}", files=f"{job.files:,}", name=name_of(job, texts))
    return f"{said} {job.reason}".strip()


def narrowed(files: Sequence[JobFile], state: FileState | None) -> list[JobFile]:
    """The files in one state; all of them for None."""
    return [file for file in files if state is None or file.state == state]


def moment(text: str) -> str:
    """The local day and minute of an ISO 8601 time; the text itself where it is none."""
    try:
        return f"{datetime.fromisoformat(text).astimezone():%Y-%m-%d %H:%M}"
    except ValueError:
        return text
