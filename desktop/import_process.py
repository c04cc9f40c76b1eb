"""Imports and the filling in of embeddings, as a child process: the window stays smooth, and a stop is sure.

The child is this program's own command line; its progress comes as JSON lines on standard error, its report as one JSON
value on standard output, and it is steered by lines on its standard input (see steering.py). It ends at the next safe
point, and by itself when this process dies; what is stored stays, and what is left of an import can be resumed.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Literal

import psutil
from PySide6.QtCore import QObject, QProcess, QProcessEnvironment, QTimer, Signal

from desktop.view_models.import_run import ImportRun, report_of
from index.records import ImportReport

PATIENCE_MS = 5000
"""How long a stopped child may take to end by itself."""

_Work = Literal["import", "embedding", "cancelling"]


class ImportProcess(QObject):
    """One child at a time. `finished` carries the ImportReport (None for embeddings alone, or for an import that had to
    be killed), `failed` a sentence.

    Embeddings may be filled in by one of these while another one imports: the embedding child waits for the import.
    """

    progressed = Signal()
    finished = Signal(object)
    failed = Signal(str)

    def __init__(self, library: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._library = library
        self._process: QProcess | None = None
        self._work: _Work = "import"
        self._rest = b""
        self._stopping = self._cancelling = self._held = False
        self._report: ImportReport | None = None
        self.run = ImportRun()

    @property
    def running(self) -> bool:
        """Whether a child is at work."""
        return self._process is not None

    @property
    def embedding_only(self) -> bool:
        """Whether the child only fills in embeddings: it may be stopped for an import."""
        return self.running and self._work == "embedding"

    def start_import(self, paths: Sequence[Path]) -> None:
        """Import these files and folders. Words can be searched when it ends; embeddings are work of their own."""
        self._import("--", *(str(path) for path in paths))

    def resume(self, job: int | None = None) -> None:
        """Go on with this unfinished import, or with all of them."""
        self._import("--resume", *([] if job is None else ["--job", str(job)]))

    def start_watched(self) -> None:
        """Import what is new or changed in the watched folders (see index/watching.py)."""
        self._import("--watched")

    def start_embedding(self) -> None:
        """Make the embeddings that are missing."""
        self._start("embedding", ["library", "embed", "--progress-json", "--steered"])
        self._say("hold" if self._held else "go on")

    def hold(self) -> None:
        """Have embeddings wait from the next batch on, now or when they are begun: somebody waits for an answer."""
        self._held = True
        self._say("hold")

    def go_on(self) -> None:
        """Have embeddings go on."""
        self._held = False
        self._say("go on")

    def pause(self) -> None:
        """Ask the child to end, and kill it if it does not within five seconds; an import can then be resumed."""
        if self._process is not None and not self._stopping:
            self._stopping = True
            self._say("stop")
            QTimer.singleShot(PATIENCE_MS, self._process, self._process.kill)

    def cancel(self) -> None:
        """End the import and drop what is left of it; what it stored stays."""
        self._cancelling = self.running and self._work == "import"
        self.pause()

    def close(self) -> None:
        """End the child now, for the window is closing; an import can be resumed."""
        process, self._process = self._process, None
        if process is not None:
            process.blockSignals(True)
            process.closeWriteChannel()
            if not process.waitForFinished(PATIENCE_MS):
                process.kill()
                process.waitForFinished(1000)
            process.deleteLater()

    def _import(self, *what: str) -> None:
        self._start("import", ["import", "--progress-json", "--steered"], what)

    def _start(self, work: _Work, verb: Sequence[str], what: Sequence[str] = ()) -> None:
        assert self._process is None, "one child at a time"
        if work != "cancelling":  # which ends an import that is still being told of
            self.run, self._stopping, self._cancelling = ImportRun(), False, False
        self._work, self._rest = work, b""
        process = QProcess(self)
        environment = QProcessEnvironment.systemEnvironment()
        environment.insert("PYTHONIOENCODING", "utf-8")
        environment.insert("PYTHONPATH", str(Path(__file__).resolve().parent.parent))
        process.setProcessEnvironment(environment)
        process.started.connect(self._stand_back)
        process.readyReadStandardError.connect(self._read)
        process.finished.connect(self._ended)
        process.errorOccurred.connect(self._trouble)
        self._process = process
        process.start(sys.executable, ["-m", "desktop", *verb, "--library", str(self._library), "--json", *what])

    def _say(self, line: str) -> None:
        """A line to the child; one that is not steered, or that has ended, does not hear it."""
        if self._process is not None:
            self._process.write(f"{line}\n".encode())

    def _stand_back(self) -> None:
        """Work in the background gives way to the answer that somebody waits for."""
        if self._process is not None and self._work == "embedding":
            with suppress(psutil.Error, OSError):
                child = psutil.Process(self._process.processId())
                child.nice(psutil.BELOW_NORMAL_PRIORITY_CLASS if sys.platform == "win32" else 10)

    def _read(self) -> None:
        if self._process is None:
            return
        lines = (self._rest + bytes(self._process.readAllStandardError().data())).split(b"\n")
        self._rest = lines.pop()
        for line in lines:
            self.run.take(line.decode("utf-8", "replace"))
        if lines:
            self.progressed.emit()

    def _trouble(self, error: QProcess.ProcessError) -> None:
        if error == QProcess.ProcessError.FailedToStart and self._process is not None:
            process, self._process = self._process, None
            self.failed.emit(process.errorString())
            process.deleteLater()

    def _ended(self, code: int, status: QProcess.ExitStatus) -> None:
        if self._process is None:
            return
        self._read()
        process, self._process = self._process, None
        output = bytes(process.readAllStandardOutput().data()).decode("utf-8", "replace")
        process.deleteLater()
        try:
            report = report_of(output) if self._work == "import" else None
        except ValueError:
            report = None
        job = self.run.job or (report.job if report else 0)
        if self._cancelling and self._work == "import" and job:
            self._report = report
            self._start("cancelling", ["library", "jobs", "cancel", str(job)])
        elif self._work == "cancelling":
            self.finished.emit(self._report)
        elif report is not None or (self._work == "embedding" and code == 0) or self._stopping:
            self.finished.emit(report)
        else:
            self.failed.emit(self.run.complaint)
