"""The list of keys, made from the commands."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QDialog, QGridLayout, QLabel, QVBoxLayout, QWidget

from desktop.look import Look
from desktop.view_models.commands import COMMANDS
from desktop.widgets.controls import Button, Words


class KeysDialog(QDialog):
    """Each command with its keys, as this platform writes them."""

    def __init__(self, look: Look, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(look.texts("keys.title"))
        grid = QGridLayout()
        grid.setHorizontalSpacing(36)
        grid.setVerticalSpacing(8)
        for row, command in enumerate(COMMANDS):
            keys = QLabel(
                " / ".join(QKeySequence(key).toString(QKeySequence.SequenceFormat.NativeText) for key in command.keys)
            )
            keys.setProperty("role", "quiet")
            grid.addWidget(QLabel(look.texts(command.title)), row, 0)
            grid.addWidget(keys, row, 1, Qt.AlignmentFlag.AlignRight)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(26, 20, 26, 20)
        layout.setSpacing(16)
        layout.addWidget(Words(look, "keys.title", "heading"))
        layout.addLayout(grid)
        layout.addWidget(Button(look, "keys.close", clicked=self.accept), 0, Qt.AlignmentFlag.AlignRight)
