"""The folders that are looked at for new and changed manuals while the window is open."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QDialog, QFileDialog, QHBoxLayout, QListWidget, QListWidgetItem, QVBoxLayout, QWidget

from desktop.look import Look
from desktop.widgets.controls import Button, Words

ROW = 34


class WatchedDialog(QDialog):
    """`added` and `removed` carry a folder; `show_folders` says which there are now."""

    added = Signal(object)
    removed = Signal(object)

    def __init__(self, look: Look, parent: QWidget) -> None:
        super().__init__(parent)
        self._look = look
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(look.texts("watch.title"))
        self.resize(640, 380)
        self.list = QListWidget()
        self.list.setAccessibleName(look.texts("watch.title"))
        self.list.itemSelectionChanged.connect(self._selected)
        self.empty = Words(look, "watch.none", "quiet")
        self.empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.remove = Button(look, "watch.remove", "delete", clicked=self._remove)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(26, 22, 26, 20)
        layout.setSpacing(12)
        layout.addWidget(Words(look, "watch.title", "heading"))
        layout.addWidget(Words(look, "watch.text", "quiet"))
        layout.addWidget(self.list, 1)
        layout.addWidget(self.empty, 1)
        row = QHBoxLayout()
        row.addWidget(self.remove)
        row.addStretch(1)
        row.addWidget(Button(look, "watch.close", clicked=self.accept))
        row.addWidget(Button(look, "watch.add", "folder", "primary", clicked=self._choose))
        layout.addLayout(row)
        self.show_folders(())

    def show_folders(self, folders: Sequence[Path]) -> None:
        """Show these folders; one that is out of reach just now says so."""
        self.list.clear()
        for folder in folders:
            there = folder.is_dir()
            item = QListWidgetItem(str(folder) if there else self._look.texts("watch.away", folder=folder), self.list)
            item.setData(Qt.ItemDataRole.UserRole, folder)
            item.setToolTip(str(folder))
            item.setSizeHint(QSize(0, ROW))
        self.list.setVisible(bool(folders))
        self.empty.setVisible(not folders)
        self._selected()

    def _selected(self) -> None:
        self.remove.setEnabled(bool(self.list.selectedItems()))

    def _choose(self) -> None:
        dialog = QFileDialog(self, self._look.texts("watch.add"), str(Path.home()))
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.setOption(QFileDialog.Option.ShowDirsOnly)
        dialog.fileSelected.connect(lambda name: self.added.emit(Path(name)))
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def _remove(self) -> None:
        for item in self.list.selectedItems():
            self.removed.emit(item.data(Qt.ItemDataRole.UserRole))
