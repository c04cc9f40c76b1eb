"""What a library pack holds and who signed it, shown before it is let in."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from desktop.look import Look
from desktop.theme import code_font
from desktop.view_models.library_rows import day
from desktop.widgets.controls import Button, Words
from index.library_pack import PackContents

MOST_ROWS, ROW = 8, 32


class PackDialog(QDialog):
    """Asks whether to import a pack; `confirmed` says that its signer is trusted too, where that was asked."""

    confirmed = Signal()

    def __init__(self, look: Look, parent: QWidget, contents: PackContents, *, trusted: bool) -> None:
        super().__init__(parent)
        self._look = look
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(look.texts("packs.title"))
        self.setMinimumWidth(620)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(26, 22, 26, 20)
        layout.setSpacing(12)
        title, made = Words(look, "", "heading"), Words(look, "", "quiet")
        title.say("packs.import_question", name=contents.name)
        made.say(
            "packs.made",
            day=day(contents.made_at),
            manuals=len(contents.manuals),
            passages=f"{contents.passages:,}",
            size=f"{contents.bytes / 1e6:,.1f}",
        )
        layout.addWidget(title)
        layout.addWidget(made)
        layout.addWidget(self._manuals(contents))
        layout.addLayout(self._signer(contents, trusted=trusted))
        layout.addLayout(self._buttons(trusted=trusted))

    def _manuals(self, contents: PackContents) -> QTreeWidget:
        texts = self._look.texts
        table = QTreeWidget()
        names = ("title", "language", "version", "passages")
        table.setHeaderLabels([texts(f"library.column_{name}") for name in names])
        table.setRootIsDecorated(False)
        table.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        table.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        for manual in contents.manuals:
            language = texts(f"language.{manual.language}")
            row = QTreeWidgetItem([manual.title, language, manual.version or "–", f"{manual.passages:,}"])
            row.setTextAlignment(3, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            row.setToolTip(0, manual.title)
            table.addTopLevelItem(row)
            row.setSizeHint(0, QSize(0, ROW))
        head = table.header()
        head.setStretchLastSection(False)
        head.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        head.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        table.headerItem().setTextAlignment(3, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        table.setFixedHeight(head.sizeHint().height() + min(len(contents.manuals), MOST_ROWS) * ROW + 6)
        return table

    def _signer(self, contents: PackContents, *, trusted: bool) -> QVBoxLayout:
        look, column = self._look, QVBoxLayout()
        column.setSpacing(4)
        column.addWidget(Words(look, "packs.signer_known" if trusted else "packs.signer_unknown", "caption"))
        self.fingerprint = QLabel(contents.signer.fingerprint)
        self.fingerprint.setFont(code_font(look.theme.points))
        self.fingerprint.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        column.addWidget(self.fingerprint)
        if not trusted:
            column.addWidget(Words(look, "packs.compare", "quiet"))
        return column

    def _buttons(self, *, trusted: bool) -> QHBoxLayout:
        look, row = self._look, QHBoxLayout()
        row.addStretch(1)
        row.addWidget(Button(look, "packs.no", clicked=self.reject))
        self.yes = Button(look, "packs.yes" if trusted else "packs.trust", "", "primary", clicked=self._confirm)
        self.yes.setDefault(trusted)
        row.addWidget(self.yes)
        return row

    def _confirm(self) -> None:
        self.confirmed.emit()
        self.accept()
