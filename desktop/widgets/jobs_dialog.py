"""Imports, past and unfinished, file by file: what was stored, what was left alone, what could not be read and why."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt, Signal
from PySide6.QtWidgets import (
    QAbstractItemView,
    QApplication,
    QDialog,
    QHBoxLayout,
    QHeaderView,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from desktop.look import Look
from desktop.view_models.job_rows import SHOWN, left_of, line_of, narrowed
from desktop.widgets.controls import Button, Choice, Words
from index.jobs import ImportJob, JobFile

COLUMNS = ("state", "source", "reason")


class FilesModel(QAbstractTableModel):
    """The files of one job as rows."""

    def __init__(self, look: Look) -> None:
        super().__init__()
        self._look = look
        self.files: list[JobFile] = []

    def show_files(self, files: Sequence[JobFile]) -> None:
        """Show these files."""
        self.beginResetModel()
        self.files = list(files)
        self.endResetModel()

    def rowCount(self, parent: QModelIndex | QPersistentModelIndex | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self.files)

    def columnCount(self, parent: QModelIndex | QPersistentModelIndex | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(COLUMNS)

    def data(self, index: QModelIndex | QPersistentModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        file, column = self.files[index.row()], COLUMNS[index.column()]
        if role == Qt.ItemDataRole.DisplayRole:
            return self._look.texts(f"jobs.file_{file.state}") if column == "state" else getattr(file, column)
        if role == Qt.ItemDataRole.ToolTipRole:
            return file.reason if column == "reason" else file.path
        return None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return self._look.texts(f"jobs.column_{COLUMNS[section]}")
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.TextAlignmentRole:
            return Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        return None


class JobsDialog(QDialog):
    """`wanted` asks for the files of a job (`show_files` brings them); `resume` and `discard` carry a job."""

    wanted = Signal(int)
    resume = Signal(object)
    discard = Signal(object)

    def __init__(self, look: Look, parent: QWidget, jobs: Sequence[ImportJob]) -> None:
        super().__init__(parent)
        self._look, self._jobs = look, list(jobs)
        self._files: list[JobFile] = []
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(look.texts("jobs.title"))
        self.resize(860, 560)
        self.model = FilesModel(look)
        self.job, self.shown = Choice(look), Choice(look)
        self.left = Words(look, "jobs.none", "quiet")
        self.resume_button = Button(look, "jobs.resume", "", "primary", clicked=lambda: self._act(self.resume))
        self.discard_button = Button(look, "jobs.discard", clicked=lambda: self._act(self.discard))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(26, 22, 26, 20)
        layout.setSpacing(12)
        layout.addWidget(Words(look, "jobs.title", "heading"))
        layout.addLayout(self._choices())
        layout.addWidget(self.left)
        layout.addWidget(self._table(), 1)
        layout.addLayout(self._buttons())
        self._fill()

    def show_files(self, files: Sequence[JobFile]) -> None:
        """Show the files of the job that is chosen; those that could not be read first, where there are any."""
        self._files = list(files)
        texts = self._look.texts
        self.shown.blockSignals(True)
        self.shown.clear()
        for state in SHOWN:
            count = len(narrowed(files, state))
            if count or state is None:
                self.shown.addItem(texts(f"jobs.shown_{state or 'all'}", n=f"{count:,}"), state)
        if any(file.state == "skipped" for file in files):
            self.shown.setCurrentIndex(self.shown.findData("skipped"))
        self.shown.blockSignals(False)
        self._narrow()

    # What it is made of

    def _choices(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.addWidget(self.job, 1)
        row.addWidget(self.shown)
        self.job.setAccessibleName(self._look.texts("jobs.title"))
        self.shown.setSizeAdjustPolicy(Choice.SizeAdjustPolicy.AdjustToContents)
        self.shown.setMinimumWidth(150)
        self.shown.setAccessibleName(self._look.texts("jobs.column_state"))
        self.job.currentIndexChanged.connect(self._chosen)
        self.shown.currentIndexChanged.connect(self._narrow)
        return row

    def _table(self) -> QTableView:
        table = QTableView()
        table.setModel(self.model)
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setShowGrid(False)
        table.setWordWrap(False)
        table.setTabKeyNavigation(False)
        table.verticalHeader().hide()
        table.verticalHeader().setDefaultSectionSize(34)
        head = table.horizontalHeader()
        head.setHighlightSections(False)
        head.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        head.setStretchLastSection(True)
        table.setColumnWidth(0, 130)
        table.setColumnWidth(1, 260)
        return table

    def _buttons(self) -> QHBoxLayout:
        look, row = self._look, QHBoxLayout()
        row.addWidget(Button(look, "jobs.copy", "copy", clicked=self._copy))
        row.addStretch(1)
        row.addWidget(self.discard_button)
        row.addWidget(self.resume_button)
        row.addWidget(Button(look, "jobs.close", clicked=self.accept))
        return row

    # What it does

    def _fill(self) -> None:
        for job in self._jobs:
            self.job.addItem(line_of(job, self._look.texts))
        if not self._jobs:
            self._show_actions(None)

    def _chosen(self, row: int) -> None:
        job = self._jobs[row]
        self._show_actions(job)
        self.model.show_files(())
        self.wanted.emit(job.id)

    def show_first(self) -> None:
        """Ask for the files of the newest job; once somebody listens."""
        if self._jobs:
            self._chosen(max(self.job.currentIndex(), 0))

    def _show_actions(self, job: ImportJob | None) -> None:
        unfinished = job is not None and job.unfinished
        self.resume_button.setVisible(unfinished)
        self.discard_button.setVisible(unfinished)
        self.left.setVisible(unfinished or job is None)
        if job is not None and unfinished:
            self.left.setText(left_of(job, self._look.texts))

    def _narrow(self) -> None:
        self.model.show_files(narrowed(self._files, self.shown.currentData()))

    def _act(self, signal: object) -> None:
        job = self._jobs[self.job.currentIndex()]
        self.accept()
        (self.resume if signal is self.resume else self.discard).emit(job)

    def _copy(self) -> None:
        lines = ["\t".join((file.state, file.path, file.reason)) for file in self.model.files]
        QApplication.clipboard().setText("\n".join(lines))
