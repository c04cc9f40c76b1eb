"""An import that did not come to its end (paused, or cut short by a crash or a reboot), offered to be gone on with."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QVBoxLayout

from desktop.look import Look
from desktop.view_models.job_rows import left_of
from desktop.widgets.controls import Button, Picture, Words
from index.jobs import ImportJob


class PausedPanel(QFrame):
    """Hidden while nothing is unfinished. `resume` and `discard` carry the job."""

    resume = Signal(object)
    discard = Signal(object)

    def __init__(self, look: Look) -> None:
        super().__init__()
        self.setObjectName("card")
        self._look = look
        self.job: ImportJob | None = None
        self._words = QLabel()
        self._words.setWordWrap(True)
        self._words.setProperty("role", "quiet")
        words = QVBoxLayout()
        words.setSpacing(2)
        words.addWidget(Words(look, "jobs.paused", "heading"))
        words.addWidget(self._words)
        row = QHBoxLayout(self)
        row.setContentsMargins(18, 14, 14, 14)
        row.setSpacing(12)
        row.addWidget(Picture(look, "clock", "accent", 22))
        row.addLayout(words, 1)
        row.addWidget(Button(look, "jobs.discard", clicked=lambda: self.discard.emit(self.job)))
        row.addWidget(Button(look, "jobs.resume", "", "primary", clicked=lambda: self.resume.emit(self.job)))
        look.texts.changed.connect(self._say)
        self.hide()

    def show_job(self, job: ImportJob | None) -> None:
        """Offer this job; None hides the panel."""
        self.job = job
        self._say()
        self.setVisible(job is not None)

    def _say(self) -> None:
        if self.job is not None:
            self._words.setText(left_of(self.job, self._look.texts))
