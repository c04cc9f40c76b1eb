"""The page of exams: choose one, sit it, see what came of it. Each part is a view; this page leads through them."""

from __future__ import annotations

import random
from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QSplitter, QStackedWidget, QWidget

from agent.records import Citation, Question
from desktop.look import Look
from desktop.looking import Looking
from desktop.pages.exam_choice import ExamChoice
from desktop.pages.exam_result import ExamResultView
from desktop.pages.exam_sitting import SittingView
from desktop.sittings import Sitting, Sittings
from desktop.tasks import Lane
from desktop.view_models.exam_plan import Plan, draw
from desktop.widgets.source_panel import SourcePanel


class ExamPage(QWidget):
    """`problem` carries a sentence for the message bar."""

    problem = Signal(str)

    def __init__(self, look: Look, sittings: Sittings, reading: Lane, looking: Looking) -> None:
        super().__init__()
        self.setObjectName("page")
        self._look, self._sittings = look, sittings
        self._reading, self._looking = reading, looking
        self.choice = ExamChoice(look)
        self.sitting = SittingView(look, sittings)
        self.result = ExamResultView(look)
        self.stack = QStackedWidget()
        for view in (self.choice, self.sitting, self.result):
            self.stack.addWidget(view)
        self.source = SourcePanel(look)
        self.source.hide()
        self.splitter = QSplitter(Qt.Orientation.Horizontal)
        self.splitter.setChildrenCollapsible(False)
        self.splitter.setHandleWidth(1)
        self.splitter.addWidget(self.stack)
        self.splitter.addWidget(self.source)
        self.splitter.setStretchFactor(0, 1)
        self.splitter.setSizes([760, 420])
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.splitter)
        self.choice.begun.connect(self.begin)
        self.choice.resumed.connect(self.resume)
        self.choice.reviewed.connect(self._show_result)
        self.choice.problem.connect(self.problem)
        self.sitting.finished.connect(self._finish)
        self.sitting.left.connect(self.show_choice)
        self.result.again.connect(self.show_choice)
        self.result.read.connect(self.read_again)
        self.source.closed.connect(self.source.hide)
        self.source.wanted.connect(self._fetch)
        self.show_choice()

    def show_choice(self) -> None:
        """Show what can be sat, and a sitting that was cut short."""
        self.source.hide()
        self.choice.show_past(self._sittings.unfinished(), self._sittings.finished())
        self.stack.setCurrentWidget(self.choice)

    def begin(self, bank: str, questions: Sequence[Question], plan: Plan, seed: int | None = None) -> None:
        """Start a sitting; the questions are drawn now and stored with it."""
        drawn = draw(questions, plan, random.randrange(2**31) if seed is None else seed)
        self.resume(self._sittings.begin(bank, plan, drawn))

    def resume(self, sitting: Sitting) -> None:
        """Sit, or go on with, this sitting."""
        self.source.hide()
        self.sitting.sit(sitting)
        self.stack.setCurrentWidget(self.sitting)
        self.sitting.setFocus()

    def read_again(self, question: Question) -> None:
        """Open the page that the question is about."""
        looking = self._looking
        self._reading.run(lambda _: looking.read_again(question), done=self._open_source, failed=self._trouble)

    def pause(self) -> None:
        """Store where the sitting is and stop its clock; the window is closing."""
        self.sitting.pause()

    def _finish(self, sitting: Sitting) -> None:
        self._sittings.finish(sitting)
        self._show_result(sitting)

    def _show_result(self, sitting: Sitting) -> None:
        self.result.show_sitting(sitting)
        self.stack.setCurrentWidget(self.result)

    def _open_source(self, citation: Citation | None) -> None:
        if citation is None:
            self.problem.emit(self._look.texts("exam.no_page"))
            return
        self.source.show()
        self.source.open((citation,), 0)

    def _fetch(self, citation: Citation) -> None:
        looking = self._looking
        self._reading.run(
            lambda _: looking.page_of(citation),
            done=lambda page: self.source.show_page(citation, page),
            failed=self._trouble,
        )

    def _trouble(self, error: BaseException) -> None:
        self.problem.emit(self._look.sentence(error))
