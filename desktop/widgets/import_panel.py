"""An import while it runs (stage, how far, which file, time left), then what came of it and what was skipped."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal, SignalInstance
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QListWidget, QProgressBar, QVBoxLayout, QWidget

from desktop.look import Look
from desktop.view_models.import_run import ImportRun, duration
from desktop.widgets.controls import Button, IconButton, Picture, Words
from index.records import ImportReport


class ImportPanel(QFrame):
    """Hidden until an import begins; the report stays until it is closed."""

    paused = Signal()
    cancelled = Signal()
    files_wanted = Signal()

    def __init__(self, look: Look) -> None:
        super().__init__()
        self.setObjectName("card")
        self._look = look
        self.importing = False
        self.report: ImportReport | None = None
        layout = QVBoxLayout(self)
        layout.setContentsMargins(18, 14, 14, 14)
        layout.addWidget(self._progress())
        layout.addWidget(self._result())
        look.texts.changed.connect(self._say_figures)
        self.hide()

    def begin(self) -> None:
        """An import has been started."""
        self.importing = True
        self.report = None
        self._stage.say("library.stage_listing")
        self._left.setText("")
        self._current.setText("")
        self._bar.setRange(0, 0)
        self._cancel.setEnabled(True)
        self._pause.setEnabled(True)
        self._result_part.hide()
        self._progress_part.show()
        self.show()

    def show_progress(self, run: ImportRun) -> None:
        """Show where the import is."""
        at = run.progress
        if at is None or not self.importing:
            return
        self._stage.say(f"library.stage_{at.stage}", done=f"{at.done:,}", total=f"{at.total:,}")
        self._current.setText(at.current)
        share, left = run.share(), run.seconds_left()
        self._bar.setRange(0, 0 if share is None else 1000)
        self._bar.setValue(round((share or 0) * 1000))
        if left is None:
            self._left.setText("")
        else:
            key, values = duration(left)
            self._left.setText(self._look.texts("library.left", time=self._look.texts(key, **values)))

    def show_report(self, report: ImportReport) -> None:
        """Show what the import did."""
        self.importing, self.report = False, report
        self._progress_part.hide()
        title = "stopped" if report.cancelled else "done" if report.passages else "nothing_new"
        self._title.say(f"library.report_{title}")
        self._say_figures()
        self._figures.show()
        self._words.setVisible(bool(report.passages))
        self._skipped_title.say("library.report_skipped", n=len(report.skipped))
        self._skipped_title.setVisible(bool(report.skipped))
        self.skipped.clear()
        self.skipped.addItems(
            [one.reason if one.path in one.reason else f"{one.path}\n{one.reason}" for one in report.skipped]
        )
        self.skipped.setVisible(bool(report.skipped))
        self.skipped.setFixedHeight(min(len(report.skipped), 4) * 46 + 8)
        icon = ("warn", "refusal") if report.skipped or report.cancelled else ("check", "good")
        self._picture.show_as(*icon)
        self._result_part.show()
        self.show()

    def show_stopped(self) -> None:
        """The import was stopped and gave no report."""
        self.importing = False
        self._progress_part.hide()
        self._title.say("library.report_stopped")
        self._picture.show_as("warn", "refusal")
        for widget in (self._figures, self._words, self._skipped_title, self.skipped):
            widget.hide()
        self._result_part.show()

    def hide_progress(self) -> None:
        """The import failed; the message bar says why."""
        self.importing = False
        self.hide()

    def _progress(self) -> QWidget:
        look = self._look
        self._stage, self._left = Words(look, "", "heading"), QLabel()
        self._left.setProperty("role", "small")
        self._current = QLabel()
        self._current.setProperty("role", "small")
        self._current.setTextFormat(Qt.TextFormat.PlainText)
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._pause = Button(look, "library.pause", "pause", clicked=lambda: self._end("library.pausing", self.paused))
        self._cancel = Button(
            look, "library.cancel", "stop", clicked=lambda: self._end("library.stopping", self.cancelled)
        )
        self._progress_part = QWidget()
        top = QHBoxLayout()
        top.addWidget(self._stage, 1)
        top.addWidget(self._left)
        top.addWidget(self._pause)
        top.addWidget(self._cancel)
        layout = QVBoxLayout(self._progress_part)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(top)
        layout.addWidget(self._bar)
        layout.addWidget(self._current)
        return self._progress_part

    def _result(self) -> QWidget:
        look = self._look
        self._picture = Picture(look, "check", "good", 20)
        self._title, self._figures = Words(look, "", "heading"), Words(look, "", "quiet")
        self._words = Words(look, "library.words_ready", "good")
        self._skipped_title = Words(look, "", "caption")
        self.skipped = QListWidget()
        self.skipped.setWordWrap(True)
        self._result_part = QWidget()
        top = QHBoxLayout()
        top.addWidget(self._picture)
        top.addWidget(self._title, 1)
        top.addWidget(Button(look, "jobs.show_files", "", "link", clicked=self.files_wanted.emit))
        top.addWidget(IconButton(look, "library.report_close", "close", self.hide))
        layout = QVBoxLayout(self._result_part)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(top)
        layout.addWidget(self._figures)
        layout.addWidget(self._words)
        layout.addWidget(self._skipped_title)
        layout.addWidget(self.skipped)
        self._result_part.hide()
        return self._result_part

    def _say_figures(self) -> None:
        if self.report is not None:
            key, values = duration(self.report.seconds)
            self._figures.say(
                "library.report_figures",
                manuals=self.report.manuals,
                passages=f"{self.report.passages:,}",
                unchanged=self.report.unchanged,
                time=self._look.texts(key, **values),
            )

    def _end(self, key: str, asked: SignalInstance) -> None:
        self._cancel.setEnabled(False)
        self._pause.setEnabled(False)
        self._stage.say(key)
        asked.emit()
