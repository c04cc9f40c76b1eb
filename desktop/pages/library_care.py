"""What is done for the library beside importing: earlier imports looked at, folders watched, backups, checks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtWidgets import QWidget

from desktop.folders import Folders
from desktop.look import Look
from desktop.tasks import Lane
from desktop.widgets.jobs_dialog import JobsDialog
from desktop.widgets.watched_dialog import WatchedDialog
from index import backups
from index.errors import LibraryMissing
from index.jobs import ImportJob, JobFile, Jobs
from index.library import Library
from index.watching import Watcher

LOOK_MS = 60_000
"""How often watched folders are looked at: names, sizes and times only, a second for a hundred thousand files."""


class LibraryCare(QObject):
    """Each task runs on the lane, with a library opened for it alone.

    `unfinished` carries the ImportJob to go on with, or None; `resume` one that is to be gone on with now; `due` says
    that watched folders hold something new; `damaged` carries what is wrong, which `mend` mends.
    """

    problem = Signal(str)
    working = Signal(str)
    done = Signal(str)
    unfinished = Signal(object)
    resume = Signal(object)
    due = Signal()
    damaged = Signal(str)

    def __init__(self, look: Look, folders: Folders, lane: Lane, page: QWidget) -> None:
        super().__init__(page)
        self._look, self._folder, self._lane, self._page = look, folders.library, lane, page
        self._timer = QTimer(self, interval=LOOK_MS)
        self._timer.timeout.connect(self.look_at_watched)
        self._timer.start()

    # Imports

    def look_for_unfinished(self) -> None:
        """Find out whether an import is to be gone on with."""
        self._run(lambda: next(iter(_jobs_of(self._folder, unfinished=True)), None), self.unfinished.emit)

    def show_jobs(self) -> None:
        """Show the imports there were, file by file."""
        self._run(lambda: _jobs_of(self._folder), self._open_jobs)

    def discard(self, job: ImportJob) -> None:
        """Leave out what an import has not read yet."""

        def discarded(_: object) -> None:
            self.done.emit(self._look.texts("jobs.discarded"))
            self.look_for_unfinished()

        self._run(lambda: _cancel(self._folder, job.id), discarded)

    def _open_jobs(self, jobs: list[ImportJob]) -> None:
        dialog = JobsDialog(self._look, self._page, jobs)
        dialog.wanted.connect(lambda id_: self._run(lambda: _files_of(self._folder, id_), dialog.show_files))
        dialog.resume.connect(self.resume)
        dialog.discard.connect(self.discard)
        dialog.show_first()
        dialog.open()

    # Watched folders

    def look_at_watched(self) -> None:
        """See whether a watched folder holds something new."""
        folder = self._folder
        self._run(lambda: Watcher(folder).due(), lambda found: self.due.emit() if found else None)

    def show_watched(self) -> None:
        """Show the watched folders, to add and remove some."""
        dialog, watcher = WatchedDialog(self._look, self._page), Watcher(self._folder)

        def refresh(_: object = None) -> None:
            self._run(lambda: _watched(watcher), dialog.show_folders)

        def added(_: object) -> None:
            refresh()
            self.look_at_watched()

        dialog.added.connect(lambda folder: self._run(lambda: watcher.add(folder), added))
        dialog.removed.connect(lambda folder: self._run(lambda: watcher.remove(folder), refresh))
        refresh()
        dialog.open()

    # Backups and checks

    def back_up(self) -> None:
        """Copy the library's truth into its folder of backups."""
        folder = self._folder
        self._run(
            lambda: backups.make(folder),
            lambda made: self.done.emit(self._look.texts("care.backup_done", path=made.file)),
        )

    def verify(self) -> None:
        """Compare everything that is stored and derived."""
        self.working.emit(self._look.texts("care.verifying"))
        self._run(lambda: _damage(self._folder), self._verified)

    def mend(self) -> None:
        """Build what is derived anew, and look again."""
        self.working.emit(self._look.texts("care.verifying"))
        self._run(lambda: _rebuild(self._folder), lambda damage: self._verified(damage, mended=True))

    def _verified(self, damage: list[str], *, mended: bool = False) -> None:
        if not damage:
            self.done.emit(self._look.texts("care.mended" if mended else "care.whole"))
        elif mended:
            self.problem.emit(damage[0])
        else:
            self.damaged.emit(self._look.texts("care.damaged", first=damage[0], n=len(damage)))

    def _run(self, work: Callable[[], Any], done: Callable[[Any], object]) -> None:
        """Do `work` on the lane and hand what comes of it to `done`; where there is no library yet, nothing happens."""

        def failed(error: BaseException) -> None:
            if not isinstance(error, LibraryMissing):
                self.problem.emit(self._look.sentence(error))

        def landed(result: object) -> None:
            done(result)

        self._lane.run(lambda _: work(), done=landed, failed=failed)


def _jobs_of(folder: Path, *, unfinished: bool = False) -> list[ImportJob]:
    with Library.open(folder, mend=False) as library:
        jobs = Jobs(library.store)
        return jobs.unfinished() if unfinished else jobs.history()


def _files_of(folder: Path, job: int) -> list[JobFile]:
    with Library.open(folder, mend=False) as library:
        return Jobs(library.store).files(job)


def _cancel(folder: Path, job: int) -> ImportJob:
    with Library.open(folder, mend=False) as library:
        return Jobs(library.store).cancel(job)


def _watched(watcher: Watcher) -> list[Path]:
    return [Path(folder.path) for folder in watcher.folders()]


def _damage(folder: Path) -> list[str]:
    with Library.open(folder) as library:
        return library.verify()


def _rebuild(folder: Path) -> list[str]:
    with Library.open(folder) as library:
        library.rebuild()
        return library.verify()
