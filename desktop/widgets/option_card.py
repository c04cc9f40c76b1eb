"""One option of an exam question as a large card: a radio button in all but looks."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QAccessible, QAccessibleStateChangeEvent, QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel

from desktop.widgets.controls import restyle


class OptionCard(QFrame):
    """`picked` says that it was clicked, or Space was pressed on it."""

    picked = Signal()

    def __init__(self, number: int) -> None:
        super().__init__()
        self.setObjectName("option")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self._number = number
        key = QLabel(str(number))
        key.setObjectName("optionKey")
        key.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.label = QLabel()
        self.label.setWordWrap(True)
        self.label.setTextFormat(Qt.TextFormat.PlainText)
        row = QHBoxLayout(self)
        row.setContentsMargins(16, 12, 16, 12)
        row.setSpacing(14)
        row.addWidget(key, 0, Qt.AlignmentFlag.AlignVCenter)
        row.addWidget(self.label, 1)
        self.set_chosen(False)

    def show_text(self, text: str) -> None:
        """Show another option."""
        self.label.setText(text)
        self.setAccessibleName(f"{self._number}: {text}")

    def set_chosen(self, chosen: bool) -> None:
        """Show it as the chosen one, or not."""
        self.setProperty("chosen", chosen)
        for widget in (self, *self.findChildren(QLabel)):
            restyle(widget)
        if QAccessible.isActive():
            state = QAccessible.State()
            state.checked = True
            QAccessible.updateAccessibility(QAccessibleStateChangeEvent(self, state))

    @property
    def chosen(self) -> bool:
        """Whether it is shown as the chosen one."""
        return bool(self.property("chosen"))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Space:
            self.picked.emit()
        else:
            super().keyPressEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        super().mouseReleaseEvent(event)
        if self.rect().contains(event.position().toPoint()):
            self.picked.emit()
