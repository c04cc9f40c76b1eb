"""Sitting an exam: one question at a time, four options, keys 1 to 4, a clock that counts down.

Each choice is stored as it is made, and the clock every few seconds: after a crash the sitting goes on where it was.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QHideEvent, QKeyEvent, QShowEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QMessageBox, QScrollArea, QVBoxLayout, QWidget

from desktop.look import Look
from desktop.sittings import Sitting, Sittings
from desktop.view_models.exam_plan import clock
from desktop.widgets.controls import Button, IconButton, Picture, Words, restyle
from desktop.widgets.option_card import OptionCard
from desktop.widgets.progress_dots import ProgressDots

LATE_SECONDS = 300
STORE_EVERY_SECONDS = 5


class SittingScroll(QScrollArea):
    """A scroll area that leaves the keys to the side to the sitting, which goes from question to question with them."""

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Left, Qt.Key.Key_Right):
            event.ignore()
        else:
            super().keyPressEvent(event)


class SittingView(QWidget):
    """`finished` carries the sitting when it is handed in or its time is up; `left` that it is left for later."""

    finished = Signal(object)
    left = Signal()

    def __init__(self, look: Look, sittings: Sittings, now: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._look, self._sittings, self._now = look, sittings, now
        self.current: Sitting | None = None
        self._since = 0.0
        self._stored = 0.0
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._timer = QTimer(self, interval=500)
        self._timer.timeout.connect(self.tick)
        self.cards = [OptionCard(number) for number in range(1, 5)]
        for place, card in enumerate(self.cards):
            card.picked.connect(lambda place=place: self.choose(place))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(28, 18, 28, 18)
        layout.setSpacing(14)
        layout.addLayout(self._head())
        layout.addWidget(self._middle(), 1)
        layout.addLayout(self._foot())
        look.texts.changed.connect(self._retranslate)

    # What the page asks of the view

    def sit(self, sitting: Sitting) -> None:
        """Show this sitting and start its clock."""
        self.current = sitting
        self._since = self._now()
        self._stored = sitting.used
        self._timer.start()
        self._show()
        self.tick()

    def store(self) -> None:
        """Store the time used and the question at hand."""
        if self.current is not None and self.current.finished_at is None:
            self._sittings.save_clock(self.current)
            self._stored = self.current.used

    def tick(self) -> None:
        """Let the clock go on; hand in when the time is up."""
        sitting = self.current
        if sitting is None:
            return
        now = self._now()
        sitting.used = min(sitting.used + now - self._since, float(sitting.seconds))
        self._since = now
        left = sitting.seconds - sitting.used
        self.clock.setText(clock(left))
        late = left <= LATE_SECONDS
        if bool(self.clock.property("late")) != late:
            self.clock.setProperty("late", late)
            restyle(self.clock)
        if left <= 0:
            self.hand_in()
        elif sitting.used - self._stored >= STORE_EVERY_SECONDS:
            self.store()

    def choose(self, option: int) -> None:
        """Answer the question at hand."""
        if self.current is not None:
            self.current.chosen[self.current.place] = option
            self._sittings.save_choice(self.current, self.current.place)
            self._show()

    def flag(self) -> None:
        """Flag the question at hand to come back to it, or take the flag away."""
        if self.current is not None:
            self.current.flagged ^= {self.current.place}
            self._sittings.save_choice(self.current, self.current.place)
            self._show()

    def go(self, place: int) -> None:
        """Show another question."""
        if self.current is not None and 0 <= place < len(self.current.questions):
            self.current.place = place
            self.store()
            self._show()

    def ask_to_finish(self) -> None:
        """Hand in; asks first where questions are still open."""
        if self.current is None:
            return
        open_questions = len(self.current.questions) - len(self.current.chosen)
        if not open_questions:
            self.hand_in()
            return
        texts = self._look.texts
        box = QMessageBox(self)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.setText(texts("exam.finish_question", n=open_questions))
        finish = box.addButton(texts("exam.finish"), QMessageBox.ButtonRole.AcceptRole)
        box.setDefaultButton(box.addButton(texts("exam.go_on"), QMessageBox.ButtonRole.RejectRole))
        finish.clicked.connect(self.hand_in)
        box.open()

    def hand_in(self) -> None:
        """End the sitting with what was answered."""
        sitting, self.current = self.current, None
        self._timer.stop()
        if sitting is not None:
            self.finished.emit(sitting)

    def pause(self) -> None:
        """Store where the sitting is; the clock stops."""
        self.store()
        self.current = None
        self._timer.stop()

    def leave(self) -> None:
        """Leave the sitting for later."""
        self.pause()
        self.left.emit()

    # Keys and visibility

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = event.key()
        if Qt.Key.Key_1 <= key <= Qt.Key.Key_4:
            self.choose(key - Qt.Key.Key_1)
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Right) and self.current is not None:
            self.go(self.current.place + 1)
        elif key == Qt.Key.Key_Left and self.current is not None:
            self.go(self.current.place - 1)
        elif key == Qt.Key.Key_F:
            self.flag()
        else:
            super().keyPressEvent(event)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if self.current is not None and not self._timer.isActive():
            self._since = self._now()
            self._timer.start()

    def hideEvent(self, event: QHideEvent) -> None:
        """While another page is in view the clock goes on, as in an exam room."""
        super().hideEvent(event)
        self.store()

    # What it is made of

    def _head(self) -> QHBoxLayout:
        self.position = Words(self._look, "", "heading")
        self.clock = QLabel()
        self.clock.setObjectName("clock")
        self.clock.setProperty("late", False)
        self.flag_button = Button(self._look, "exam.flag", "flag", clicked=self.flag)
        row = QHBoxLayout()
        row.setSpacing(10)
        row.addWidget(self.position, 1)
        row.addWidget(self.flag_button)
        row.addSpacing(8)
        row.addWidget(Picture(self._look, "clock", "quiet", 20))
        row.addWidget(self.clock)
        return row

    def _middle(self) -> QScrollArea:
        self.question = QLabel()
        self.question.setProperty("role", "heading")
        self.question.setWordWrap(True)
        self.question.setTextFormat(Qt.TextFormat.PlainText)
        column = QWidget()
        column.setMaximumWidth(860)
        inside = QVBoxLayout(column)
        inside.setContentsMargins(0, 8, 8, 8)
        inside.setSpacing(12)
        inside.addWidget(self.question)
        inside.addSpacing(8)
        for card in self.cards:
            inside.addWidget(card)
        inside.addWidget(Words(self._look, "exam.keys_hint", "small"))
        inside.addStretch(1)
        scroll = SittingScroll()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        holder = QWidget()
        row = QHBoxLayout(holder)
        row.setContentsMargins(0, 0, 0, 0)
        row.addStretch(1)
        row.addWidget(column, 100)
        row.addStretch(1)
        scroll.setWidget(holder)
        return scroll

    def _foot(self) -> QVBoxLayout:
        self.dots = ProgressDots(self._look)
        self.dots.went.connect(self.go)
        dots = QHBoxLayout()
        dots.addStretch(1)
        dots.addWidget(self.dots)
        dots.addStretch(1)
        self.previous = IconButton(self._look, "exam.previous", "previous", lambda: self._step(-1), size=22)
        self.next = Button(self._look, "exam.next", "next", clicked=lambda: self._step(1))
        self.finish = Button(self._look, "exam.finish", role="primary", clicked=self.ask_to_finish)
        row = QHBoxLayout()
        row.setSpacing(10)
        row.addWidget(Button(self._look, "exam.leave", role="link", clicked=self.leave))
        row.addStretch(1)
        row.addWidget(self.previous)
        row.addWidget(self.next)
        row.addWidget(self.finish)
        column = QVBoxLayout()
        column.addLayout(dots)
        column.addLayout(row)
        return column

    def _step(self, by: int) -> None:
        if self.current is not None:
            self.go(self.current.place + by)

    def _show(self) -> None:
        sitting = self.current
        if sitting is None:
            return
        question = sitting.questions[sitting.place]
        self.position.say("exam.position", n=sitting.place + 1, total=len(sitting.questions))
        self.question.setText(question.question)
        for place, card in enumerate(self.cards):
            card.show_text(question.options[place])
            chosen = sitting.chosen.get(sitting.place) == place
            if card.chosen != chosen:
                card.set_chosen(chosen)
        self.flag_button.say("exam.unflag" if sitting.place in sitting.flagged else "exam.flag")
        self.dots.show_state(len(sitting.questions), sitting.place, sitting.chosen.keys(), sitting.flagged)
        self.previous.setEnabled(sitting.place > 0)
        self.next.setEnabled(sitting.place + 1 < len(sitting.questions))

    def _retranslate(self) -> None:
        self._show()
