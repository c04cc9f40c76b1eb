"""Where a question is typed: grows to six lines, Enter sends, Shift+Enter breaks the line, send becomes stop.

The Enter that confirms a Japanese conversion belongs to the input method and never sends: neither while a conversion is
open, nor in the same breath in which it was committed (some platforms deliver both).
"""

from __future__ import annotations

import math

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QFocusEvent, QInputMethodEvent, QKeyEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPlainTextEdit, QVBoxLayout

from desktop.look import Look
from desktop.widgets.controls import IconButton, Words, restyle
from desktop.widgets.scope_button import ScopeButton

MOST_LINES = 6


class QuestionEdit(QPlainTextEdit):
    """The text field itself."""

    send = Signal()
    focused = Signal(bool)

    def __init__(self) -> None:
        super().__init__()
        self._preedit = False
        self._just_committed = False
        self.setTabChangesFocus(True)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.document().setDocumentMargin(3)
        self.document().documentLayout().documentSizeChanged.connect(self._fit)
        self._fit()

    def inputMethodEvent(self, event: QInputMethodEvent) -> None:
        self._preedit = bool(event.preeditString())
        if event.commitString():
            self._just_committed = True
            QTimer.singleShot(0, self, self._forget_commit)
        super().inputMethodEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        enter = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        if enter and not event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            event.accept()
            if not self._preedit and not self._just_committed:
                self.send.emit()
            return
        super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.focused.emit(True)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        self._preedit = False
        super().focusOutEvent(event)
        self.focused.emit(False)

    def _forget_commit(self) -> None:
        self._just_committed = False

    def _fit(self) -> None:
        # The document of a plain-text editor measures its height in lines.
        lines = min(max(math.ceil(self.document().size().height()), 1), MOST_LINES)
        self.setFixedHeight(lines * self.fontMetrics().lineSpacing() + 8)


class Composer(QFrame):
    """The question field with its button. `asked` carries the question; `stop` asks to end the running answer."""

    asked = Signal(str)
    stop = Signal()

    def __init__(self, look: Look) -> None:
        super().__init__()
        self.setObjectName("composer")
        self._look = look
        self._running = False
        self.edit = QuestionEdit()
        self.hint = Words(look, "ask.hint", "small")
        self.button = IconButton(look, "ask.send", "send", self._press, role="send", colour="on_accent", size=20)
        self.scope = ScopeButton(look)
        below = QHBoxLayout()
        below.setSpacing(10)
        below.addWidget(self.scope)
        below.addWidget(self.hint, 1)
        below.addWidget(self.button, 0, Qt.AlignmentFlag.AlignBottom)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(14, 10, 10, 8)
        layout.setSpacing(4)
        layout.addWidget(self.edit)
        layout.addLayout(below)
        self.edit.send.connect(self._send)
        self.edit.textChanged.connect(self._enable)
        self.edit.focused.connect(self._show_focus)
        look.texts.changed.connect(self._retranslate)
        self._retranslate()
        self._enable()

    def set_running(self, running: bool) -> None:
        """Send becomes stop while an answer is being written, and back."""
        self._running = running
        if self.button.hasFocus():  # a button that is greyed now would keep the keyboard from the next question
            self.edit.setFocus()
        self.button.show_as("ask.stop" if running else "ask.send", "stop" if running else "send")
        self._enable()

    def _press(self) -> None:
        if self._running:
            self.stop.emit()
        else:
            self._send()

    def _send(self) -> None:
        question = self.edit.toPlainText().strip()
        if question and not self._running:
            self.asked.emit(question)
            self.edit.clear()

    def _enable(self) -> None:
        self.button.setEnabled(self._running or bool(self.edit.toPlainText().strip()))

    def _show_focus(self, focused: bool) -> None:
        self.setProperty("focused", focused)
        restyle(self)

    def _retranslate(self) -> None:
        self.edit.setPlaceholderText(self._look.texts("ask.placeholder"))
        self.edit.setAccessibleName(self._look.texts("ask.placeholder"))
