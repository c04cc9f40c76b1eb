"""The one place for messages: what went wrong or was done, in a sentence, with at most one thing to do about it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton

from desktop.look import Look
from desktop.widgets.controls import IconButton, Picture, restyle

Kind = Literal["error", "good", "plain"]
STAY_MS = 9000


class MessageBar(QFrame):
    """Errors stay until they are closed; other messages go by themselves."""

    def __init__(self, look: Look) -> None:
        super().__init__()
        self.setObjectName("message")
        self._look = look
        self._act: Callable[[], None] | None = None
        self._picture = Picture(look, "info", "accent", 18)
        self.label = QLabel()
        self.label.setWordWrap(True)
        self.action = QPushButton()
        self.action.clicked.connect(self._do)
        self._timer = QTimer(self, singleShot=True)
        self._timer.timeout.connect(self.hide)
        row = QHBoxLayout(self)
        row.setContentsMargins(16, 8, 10, 8)
        row.setSpacing(10)
        row.addWidget(self._picture)
        row.addWidget(self.label, 1)
        row.addWidget(self.action)
        row.addWidget(IconButton(look, "message.close", "close", self.hide))
        self.hide()

    def show_message(
        self, words: str, kind: Kind = "plain", action: str = "", act: Callable[[], None] | None = None
    ) -> None:
        """Show a sentence; `act` is what the button with the words `action` does."""
        self._act = act
        self.label.setText(words)
        self.action.setText(action)
        self.action.setVisible(bool(action))
        icon, colour = {"error": ("warn", "bad"), "good": ("check", "good"), "plain": ("info", "accent")}[kind]
        self._picture.show_as(icon, colour)
        self.setProperty("kind", kind)
        restyle(self)
        self.show()
        if kind == "error":
            self._timer.stop()
        else:
            self._timer.start(STAY_MS)

    def _do(self) -> None:
        act, self._act = self._act, None
        self.hide()
        if act is not None:
            act()
