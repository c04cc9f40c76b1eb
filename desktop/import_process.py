"""Imports and the filling in of embeddings, as a child process: the window stays smooth, and a stop is sure.

The child is this program's own command line; its progress comes as JSON lines on standard error, its report as one JSON
value on standard output. Stopping asks it to end at the next safe point; what is stored stays.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import psutil
from PySide6.QtCore import QObject, QProcess, QProcessEnvironment, QTimer, Signal

from desktop.view_models.import_run import ImportRun, report_of

PATIENCE_MS = 5000
"""How long a stopped child may take to end by itself."""


class ImportProcess(QObject):
    """One child at a time. `finished` carries the ImportReport (None for embeddings alone), `failed` a sentence."""

    progressed = Signal()
    finished = Signal(object)
    failed = Signal(str)

    def __init__(self, library: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._library = library
        self._process: QProcess | None = None
        self._rest = b""
        self._stopping = False
        self._embedding_only = False
        self.run = ImportRun()

    @property
    def running(self) -> bool:
        """Whether a child is at work."""
        return self._process is not None

    @property
    def embedding_only(self) -> bool:
        """Whether the child only fills in embeddings: it may be stopped for an import."""
        return self.running and self._embedding_only

    def start_import(self, paths: Sequence[Path]) -> None:
        """Import these files and folders. Words can be searched when it ends; embeddings are work of their own."""
        self._embedding_only = False
        named = [str(path) for path in paths]
        self._start(["import", "--library", str(self._library), "--json", "--progress-json", "--", *named])

    def start_embedding(self) -> None:
        """Make the embeddings that are missing."""
        self._embedding_only = True
        self._start(["library", "embed", "--library", str(self._library), "--json", "--progress-json"])

    def stop(self) -> None:
        """Ask the child to end; kill it if it does not within five seconds."""
        if self._process is not None and not self._stopping:
            self._stopping = True
            self._process.terminate()
            QTimer.singleShot(PATIENCE_MS, self._process, self._process.kill)

    def close(self) -> None:
        """End the child now, for the window is closing."""
        process, self._process = self._process, None
        if process is not None:
            process.blockSignals(True)
            process.terminate()
            if not process.waitForFinished(PATIENCE_MS):
                process.kill()
                process.waitForFinished(1000)
            process.deleteLater()

    def _start(self, arguments: list[str]) -> None:
        assert self._process is None, "one child at a time"
        self.run, self._rest, self._stopping = ImportRun(), b"", False
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
        process.start(sys.executable, ["-m", "desktop", *arguments])

    def _stand_back(self) -> None:
        """Work in the background gives way to the answer that somebody waits for."""
        if self._process is not None and self._embedding_only:
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
            report = None if self._embedding_only else report_of(output)
        except ValueError:
            report = None
        if report is not None or (self._embedding_only and code == 0) or self._stopping:
            self.finished.emit(report)
        else:
            self.failed.emit(self.run.complaint)
