"""The page of manuals: what the library holds, importing with progress and report, removing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, QPoint, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QHeaderView,
    QMenu,
    QMessageBox,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from desktop.folders import Folders
from desktop.import_process import ImportProcess
from desktop.look import Look
from desktop.looking import Holdings, Looking
from desktop.pages.library_care import LibraryCare
from desktop.pages.library_packs import LibraryPacks
from desktop.tasks import Lane
from desktop.view_models.library_rows import COLUMNS, NUMBERS, cell
from desktop.widgets.controls import Button, Picture, Words
from desktop.widgets.import_panel import ImportPanel
from desktop.widgets.paused_panel import PausedPanel
from index.jobs import ImportJob
from index.library_pack import SUFFIX
from index.reading import READABLE
from index.records import ImportReport, Manual


class ManualsModel(QAbstractTableModel):
    """The manuals as rows; what a cell says is decided in `view_models.library_rows`."""

    def __init__(self, look: Look) -> None:
        super().__init__()
        self._look = look
        self.manuals: tuple[Manual, ...] = ()
        look.texts.changed.connect(self._retranslate)

    def show_manuals(self, manuals: Sequence[Manual]) -> None:
        """Show these manuals."""
        self.beginResetModel()
        self.manuals = tuple(manuals)
        self.endResetModel()

    def rowCount(self, parent: QModelIndex | QPersistentModelIndex | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self.manuals)

    def columnCount(self, parent: QModelIndex | QPersistentModelIndex | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(COLUMNS)

    def data(self, index: QModelIndex | QPersistentModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        manual, column = self.manuals[index.row()], COLUMNS[index.column()]
        if role == Qt.ItemDataRole.DisplayRole:
            return cell(manual, column, self._look.texts)
        if role == Qt.ItemDataRole.ToolTipRole:
            return manual.root
        if role == Qt.ItemDataRole.TextAlignmentRole:
            side = Qt.AlignmentFlag.AlignRight if column in NUMBERS else Qt.AlignmentFlag.AlignLeft
            return side | Qt.AlignmentFlag.AlignVCenter
        return None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return self._look.texts(f"library.column_{COLUMNS[section]}")
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.TextAlignmentRole:
            side = Qt.AlignmentFlag.AlignRight if COLUMNS[section] in NUMBERS else Qt.AlignmentFlag.AlignLeft
            return side | Qt.AlignmentFlag.AlignVCenter
        return None

    def _retranslate(self) -> None:
        last = len(COLUMNS) - 1
        self.headerDataChanged.emit(Qt.Orientation.Horizontal, 0, last)
        if self.manuals:
            self.dataChanged.emit(self.index(0, 0), self.index(len(self.manuals) - 1, last))


class LibraryPage(QWidget):
    """`changed` says that the library holds something else now; `problem` and `done` carry sentences for the bar."""

    changed = Signal()
    problem = Signal(str)
    done = Signal(str)
    holdings_known = Signal(object)

    def __init__(
        self, look: Look, folders: Folders, reading: Lane, packing: Lane, looking: Looking, process: ImportProcess
    ) -> None:
        super().__init__()
        self.setObjectName("page")
        self._look, self._reading, self._looking = look, reading, looking
        self.process = process
        self._queued: list[Path] = []
        self._resume_next: ImportJob | None = None
        self._watched_next = False
        self._last_folder = Path.home()
        self._embeddings_wanted = False
        self.packs = LibraryPacks(look, folders, packing, self)
        self.care = LibraryCare(look, folders, packing, self)
        self.model = ManualsModel(look)
        self.table = self._table()
        self.panel = ImportPanel(look)
        self.panel.paused.connect(process.pause)
        self.panel.cancelled.connect(process.cancel)
        self.panel.files_wanted.connect(self.care.show_jobs)
        self.paused = PausedPanel(look)
        self.paused.resume.connect(self.resume)
        self.paused.discard.connect(self.care.discard)
        self._empty = self._drop_hint()
        self.remove_button = Button(look, "library.remove", "delete", clicked=self.remove_selected)
        self.remove_button.setEnabled(False)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(28, 22, 28, 18)
        layout.setSpacing(14)
        layout.addLayout(self._head())
        layout.addWidget(self.paused)
        layout.addWidget(self.panel)
        layout.addWidget(self.table, 1)
        layout.addWidget(self._empty, 1)
        process.progressed.connect(self._progressed)
        process.finished.connect(self._finished)
        process.failed.connect(self._failed)
        self.packs.changed.connect(self._library_changed)
        self.packs.problem.connect(self.problem)
        self.care.problem.connect(self.problem)
        self.care.unfinished.connect(self._offer)
        self.care.resume.connect(self.resume)
        self.care.due.connect(self._import_watched)
        self._show(Holdings(()))

    # What the window asks of the page

    def refresh(self) -> None:
        """Read again what the library holds."""
        looking = self._looking
        self._reading.run(lambda _: looking.holdings(), done=self._show, failed=self._trouble)
        if not self.process.running or self.process.embedding_only:
            self.care.look_for_unfinished()

    def import_paths(self, paths: Sequence[Path]) -> None:
        """Import files and folders; they wait their turn while another import runs. Packs are asked about, each."""
        for pack in (path for path in paths if path.suffix.lower() == SUFFIX):
            self.packs.look_into(pack)
        paths = [path for path in paths if path.suffix.lower() != SUFFIX]
        if not paths:
            return
        if self.process.running:
            self._queued += paths
            if self.process.embedding_only:
                self.process.pause()
            else:
                self.done.emit(self._look.texts("library.queued", n=len(paths)))
            return
        self.process.start_import(paths)
        self.panel.begin()

    def resume(self, job: ImportJob) -> None:
        """Go on with an import that did not come to its end; embeddings wait."""
        self.paused.show_job(None)
        if self.process.running:
            self._resume_next = job
            if self.process.embedding_only:
                self.process.pause()
            return
        self.process.resume(job.id)
        self.panel.begin()

    def _import_watched(self) -> None:
        if not self.process.running or self.process.embedding_only:
            self._watched_next = True
            if self.process.running:
                self.process.pause()
            else:
                self._next()

    def _offer(self, job: ImportJob | None) -> None:
        busy = self.process.running and not self.process.embedding_only
        self.paused.show_job(None if busy else job)

    def fill_embeddings(self) -> None:
        """Make missing embeddings in the background, unless something runs."""
        if not self.process.running:
            self.process.start_embedding()

    def choose_files(self) -> None:
        """Let the user choose files to import."""
        patterns = " ".join(f"*{suffix}" for suffix in sorted({*READABLE, ".zip", SUFFIX}))
        dialog = QFileDialog(
            self, self._look.texts("library.choose_files"), "", f"{self._look.texts('library.kinds')} ({patterns})"
        )
        dialog.setFileMode(QFileDialog.FileMode.ExistingFiles)
        self._open(dialog)

    def choose_folder(self) -> None:
        """Let the user choose a folder to import."""
        dialog = QFileDialog(self, self._look.texts("library.choose_folder"))
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.setOption(QFileDialog.Option.ShowDirsOnly)
        self._open(dialog)

    def remove_selected(self) -> None:
        """Ask whether to remove the selected manual, and remove it."""
        manual, texts = self._selected_manual(), self._look.texts
        if manual is None:
            return
        box = QMessageBox(self)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.setIcon(QMessageBox.Icon.NoIcon)
        box.setText(texts("library.remove_question", title=manual.title))
        box.setInformativeText(texts("library.remove_consequence", files=manual.files))
        remove = box.addButton(texts("library.remove_yes"), QMessageBox.ButtonRole.DestructiveRole)
        box.setDefaultButton(box.addButton(texts("library.remove_no"), QMessageBox.ButtonRole.RejectRole))
        remove.clicked.connect(lambda: self._remove(manual))
        box.open()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Delete:
            self.remove_selected()
        else:
            super().keyPressEvent(event)

    # What it is made of

    def _head(self) -> QHBoxLayout:
        look = self._look
        self._summary = Words(look, "library.summary_none", "quiet")
        words = QVBoxLayout()
        words.setSpacing(2)
        words.addWidget(Words(look, "library.title", "title"))
        words.addWidget(self._summary)
        row = QHBoxLayout()
        row.addLayout(words, 1)
        row.addWidget(self.remove_button)
        row.addWidget(self._more())
        row.addWidget(Button(look, "library.import_folder", "folder", clicked=self.choose_folder))
        row.addWidget(Button(look, "library.import_files", "import", "primary", clicked=self.choose_files))
        return row

    def _more(self) -> Button:
        button = Button(self._look, "packs.more", "more")
        button.clicked.connect(lambda: self._more_menu().popup(button.mapToGlobal(QPoint(0, button.height() + 4))))
        return button

    def _more_menu(self) -> QMenu:
        texts, menu = self._look.texts, QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addAction(texts("jobs.menu")).triggered.connect(lambda: self.care.show_jobs())
        menu.addAction(texts("watch.menu")).triggered.connect(lambda: self.care.show_watched())
        menu.addSeparator()
        menu.addAction(texts("packs.import")).triggered.connect(lambda: self.packs.choose())
        export = menu.addAction(texts("packs.export"))
        export.setEnabled(bool(self.model.manuals))
        export.triggered.connect(lambda: self.packs.export())
        menu.addSeparator()
        menu.addAction(texts("care.backup")).triggered.connect(lambda: self.care.back_up())
        menu.addAction(texts("care.verify")).triggered.connect(lambda: self.care.verify())
        return menu

    def _table(self) -> QTableView:
        table = QTableView()
        table.setModel(self.model)
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        table.setShowGrid(False)
        table.setWordWrap(False)
        table.setTabKeyNavigation(False)
        table.verticalHeader().hide()
        table.verticalHeader().setDefaultSectionSize(40)
        head = table.horizontalHeader()
        head.setHighlightSections(False)
        head.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        head.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        table.selectionModel().selectionChanged.connect(self._selected)
        return table

    def _drop_hint(self) -> QFrame:
        look = self._look
        frame = QFrame()
        frame.setObjectName("drop")
        layout = QVBoxLayout(frame)
        layout.setSpacing(10)
        centre = Qt.AlignmentFlag.AlignHCenter
        title, hint = Words(look, "library.drop", "heading"), Words(look, "library.drop_hint", "quiet")
        layout.addStretch(1)
        layout.addWidget(Picture(look, "import", "accent", 44), 0, centre)
        for words in (title, hint):
            words.setAlignment(centre)
            layout.addWidget(words)
        layout.addStretch(1)
        return frame

    # What it does

    def _open(self, dialog: QFileDialog) -> None:
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setDirectory(str(self._last_folder))
        dialog.filesSelected.connect(self._chosen)
        dialog.open()

    def _chosen(self, names: list[str]) -> None:
        self._last_folder = Path(names[0]).parent
        self.import_paths([Path(name) for name in names])

    def _show(self, holdings: Holdings) -> None:
        selected = self._selected_manual()
        self.model.show_manuals(holdings.manuals)
        for row, manual in enumerate(holdings.manuals):
            if selected is not None and manual.id == selected.id:
                self.table.selectRow(row)
        have = bool(holdings.manuals)
        self.table.setVisible(have)
        self._empty.setVisible(not have)
        if have:
            self._summary.say("library.summary", manuals=len(holdings.manuals), passages=f"{holdings.passages:,}")
        else:
            self._summary.say("library.summary_none")
        self._selected()
        self.holdings_known.emit(holdings)

    def _selected_manual(self) -> Manual | None:
        rows = self.table.selectionModel().selectedRows()
        return self.model.manuals[rows[0].row()] if rows else None

    def _selected(self) -> None:
        self.remove_button.setEnabled(self.table.selectionModel().hasSelection())

    def _remove(self, manual: Manual) -> None:
        looking, title = self._looking, manual.title

        def removed(_: object) -> None:
            self.done.emit(self._look.texts("library.removed", title=title))
            self._library_changed()

        self._reading.run(lambda _: looking.remove(manual.id), done=removed, failed=self._trouble)

    def _progressed(self) -> None:
        if not self.process.embedding_only:
            self.panel.show_progress(self.process.run)

    def _finished(self, report: ImportReport | None) -> None:
        if report is not None:
            self.panel.show_report(report)
            self._embeddings_wanted = True
        elif self.panel.importing:
            self.panel.show_stopped()
        self._library_changed()
        self._next()

    def _failed(self, sentence: str) -> None:
        self.panel.hide_progress()
        self.problem.emit(sentence or self._look.texts("library.import_failed"))
        self._library_changed()
        self._next()

    def _next(self) -> None:
        if self._resume_next is not None:
            job, self._resume_next = self._resume_next, None
            self.resume(job)
        elif self._watched_next:
            self._watched_next = False
            self._embeddings_wanted = True
            self.process.start_watched()
            self.panel.begin()
        elif self._queued:
            paths, self._queued = self._queued, []
            self.import_paths(paths)
        elif self._embeddings_wanted:
            self._embeddings_wanted = False
            self.fill_embeddings()

    def _library_changed(self) -> None:
        looking = self._looking
        self._reading.run(lambda _: looking.library_changed())
        self.refresh()
        self.changed.emit()

    def _trouble(self, error: BaseException) -> None:
        self.problem.emit(self._look.sentence(error))
