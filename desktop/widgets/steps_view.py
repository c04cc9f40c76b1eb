"""How an answer came about: each search with the thought before it and what it brought, for whoever wants to know."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from agent.records import Step
from desktop.look import Look
from desktop.view_models.turns import ShownStep, shown_step
from desktop.widgets.controls import Words, panel


class StepsView(QFrame):
    """Shows the steps of one turn, oldest first; `show_steps` when they are known."""

    def __init__(self, look: Look) -> None:
        super().__init__()
        self._look = look
        self._steps: tuple[ShownStep, ...] = ()
        self._refused = False
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        frame, self._inside = panel("steps", margin=14, spacing=10)
        layout.addWidget(frame)
        self._rows: list[QWidget] = []
        look.texts.changed.connect(self._fill)

    def show_steps(self, steps: Sequence[Step], *, refused: bool) -> None:
        """Show these steps from now on; `refused` says what the last of them came to."""
        self._steps, self._refused = tuple(shown_step(step) for step in steps), refused
        self._fill()

    def _fill(self) -> None:
        for row in self._rows:
            self._inside.removeWidget(row)
            row.deleteLater()
        self._rows = [self._row(number, step) for number, step in enumerate(self._steps, start=1)]
        for row in self._rows:
            self._inside.addWidget(row)

    def _row(self, number: int, step: ShownStep) -> QWidget:
        row = QWidget()
        across = QHBoxLayout(row)
        across.setContentsMargins(0, 0, 0, 0)
        across.setSpacing(10)
        badge = QLabel(str(number))
        badge.setProperty("role", "small")
        badge.setFixedWidth(14)
        across.addWidget(badge, 0, Qt.AlignmentFlag.AlignTop)
        column = QVBoxLayout()
        column.setSpacing(3)
        across.addLayout(column, 1)
        thought = _plain(step.thought)
        thought.setProperty("role", "small")
        column.addWidget(thought)
        if step.query:
            searched = Words(self._look)
            searched.setTextFormat(Qt.TextFormat.PlainText)
            searched.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            searched.say("ask.step_searched", query=step.query)
            column.addWidget(searched)
        else:
            column.addWidget(Words(self._look, "ask.step_refused" if self._refused else "ask.step_answered"))
        for line in step.seen:
            seen = _plain(line)
            seen.setProperty("role", "quiet")
            column.addWidget(seen)
        return row


def _plain(text: str) -> QLabel:
    label = QLabel(text)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(True)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label
