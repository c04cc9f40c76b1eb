"""What came of a sitting: score and verdict, by level, and each question with what was right and where to read it."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QScrollArea, QVBoxLayout, QWidget

from agent.records import Question
from desktop.look import Look
from desktop.sittings import Sitting
from desktop.view_models.exam_plan import LEVELS, score
from desktop.view_models.import_run import duration
from desktop.widgets.controls import Button, Picture, Words, panel


class ExamResultView(QWidget):
    """`read` carries the question whose page the reader wants; `again` that they want another exam."""

    read = Signal(object)
    again = Signal()

    def __init__(self, look: Look) -> None:
        super().__init__()
        self._look = look
        self._sitting: Sitting | None = None
        self._scroll = QScrollArea()
        self._scroll.setWidgetResizable(True)
        self._scroll.setFrameShape(QFrame.Shape.NoFrame)
        self.items: list[QFrame] = []
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._scroll)
        look.texts.changed.connect(self._fill)
        look.theme.changed.connect(self._fill)

    def show_sitting(self, sitting: Sitting) -> None:
        """Show the result of a finished sitting."""
        self._sitting = sitting
        self._fill()

    def _fill(self) -> None:
        if self._sitting is None:
            return
        at = self._scroll.verticalScrollBar().value()
        column = QWidget()
        column.setMaximumWidth(820)
        inside = QVBoxLayout(column)
        inside.setContentsMargins(28, 22, 28, 22)
        inside.setSpacing(12)
        inside.addWidget(self._summary(self._sitting))
        self.items = [self._item(self._sitting, place) for place in range(len(self._sitting.questions))]
        for item in self.items:
            inside.addWidget(item)
        inside.addStretch(1)
        holder = QWidget()
        row = QHBoxLayout(holder)
        row.setContentsMargins(0, 0, 0, 0)
        row.addStretch(1)
        row.addWidget(column, 100)
        row.addStretch(1)
        self._scroll.setWidget(holder)
        self._scroll.verticalScrollBar().setValue(at)

    def _summary(self, sitting: Sitting) -> QFrame:
        texts, result = self._look.texts, score(sitting.questions, sitting.chosen)
        frame, inside = panel("card", margin=22)
        figure = QLabel(texts("exam.per_cent", n=round(100 * result.share)))
        figure.setObjectName("scoreGood" if result.passed else "scoreBad")
        words = QVBoxLayout()
        words.setSpacing(4)
        verdict = Words(self._look, "exam.passed" if result.passed else "exam.failed", "title")
        key, values = duration(sitting.used)
        detail = Words(self._look, "", "quiet")
        detail.say(
            "exam.score",
            correct=result.correct,
            n=result.n,
            mark=round(100 * result.passing),
            time=texts(key, **values),
        )
        words.addWidget(verdict)
        words.addWidget(detail)
        for level in LEVELS:
            if level in result.by_level:
                one = result.by_level[level]
                line = Words(self._look, "", "quiet")
                line.say("exam.by_level", level=texts(f"level.{level}"), correct=one.correct, n=one.n)
                words.addWidget(line)
        row = QHBoxLayout()
        row.setSpacing(24)
        row.addWidget(figure)
        row.addLayout(words, 1)
        row.addWidget(
            Button(self._look, "exam.another", "again", clicked=self.again.emit), 0, Qt.AlignmentFlag.AlignTop
        )
        inside.addLayout(row)
        return frame

    def _item(self, sitting: Sitting, place: int) -> QFrame:
        question, chosen = sitting.questions[place], sitting.chosen.get(place)
        right = chosen == question.answer
        frame, inside = panel("card", margin=18, spacing=6)
        top = QHBoxLayout()
        top.setSpacing(10)
        mark = Picture(self._look, "check" if right else "cross", "good" if right else "bad", 20)
        mark.setAccessibleName(self._look.texts("exam.right" if right else "exam.wrong"))
        top.addWidget(mark, 0, Qt.AlignmentFlag.AlignTop)
        top.addWidget(_plain(f"{place + 1}. {question.question}", "heading"), 1)
        inside.addLayout(top)
        if not right:
            yours = question.options[chosen] if chosen is not None else self._look.texts("exam.no_answer")
            inside.addLayout(self._line("exam.your_answer", yours, "bad"))
        inside.addLayout(self._line("exam.right_answer", question.options[question.answer], "good"))
        if question.explanation:
            inside.addWidget(_plain(question.explanation, ""))
        inside.addLayout(self._read_again(question))
        return frame

    def _line(self, key: str, text: str, role: str) -> QHBoxLayout:
        label = Words(self._look, key, "small")
        label.setFixedWidth(110)
        row = QHBoxLayout()
        row.addWidget(label, 0, Qt.AlignmentFlag.AlignTop)
        row.addWidget(_plain(text, role), 1)
        return row

    def _read_again(self, question: Question) -> QHBoxLayout:
        row = QHBoxLayout()
        row.addWidget(Button(self._look, "exam.read_again", "page", "link", lambda: self.read.emit(question)))
        place = " · ".join(part for part in (question.manual, question.section) if part)
        row.addWidget(_plain(place, "small"), 1)
        return row


def _plain(text: str, role: str) -> QLabel:
    label = QLabel(text)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(True)
    label.setProperty("role", role)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label
