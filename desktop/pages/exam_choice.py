"""Choosing an exam: bank, language and level, and what the sitting will be; a sitting to go on with; past results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QFileDialog,
    QFormLayout,
    QFrame,
    QHBoxLayout,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from agent.bank import SITTINGS, load_bank
from agent.records import Level, Question
from desktop.look import Look
from desktop.sittings import Sitting
from desktop.view_models.exam_plan import LEVELS, Plan, plan, score
from desktop.view_models.library_rows import day
from desktop.widgets.controls import Button, Choice, Words, panel
from index.errors import TebikiError
from index.packs import Pack
from index.records import Language


@dataclass(frozen=True, slots=True)
class Bank:
    """Questions to draw from, and what they are called by language (nothing: by the file's name)."""

    names: Mapping[str, str]
    questions: list[Question]


class ExamChoice(QWidget):
    """`begun` carries the bank's name, its questions and the plan; `resumed` and `reviewed` a stored sitting."""

    begun = Signal(object, object, object)
    resumed = Signal(object)
    reviewed = Signal(object)
    problem = Signal(str)

    def __init__(self, look: Look) -> None:
        super().__init__()
        self._look = look
        self._banks: dict[str, Bank] = {}
        self._loaded: set[str] = set()
        self._plan: Plan | None = None
        self._unfinished: Sitting | None = None
        self._past: Sequence[Sitting] = ()
        column = QWidget()
        column.setMaximumWidth(720)
        self._layout = QVBoxLayout(column)
        self._layout.setContentsMargins(28, 22, 28, 22)
        self._layout.setSpacing(14)
        self._layout.addWidget(Words(look, "exam.title", "title"))
        self._layout.addWidget(Words(look, "exam.intro", "quiet"))
        self._layout.addWidget(self._resume_card())
        self._layout.addWidget(self._choice_card())
        self._past_title = Words(look, "exam.past", "caption")
        self._layout.addWidget(self._past_title)
        self._past_rows = QVBoxLayout()
        self._past_rows.setSpacing(0)
        self._layout.addLayout(self._past_rows)
        self._layout.addStretch(1)
        holder = QWidget()
        row = QHBoxLayout(holder)
        row.setContentsMargins(0, 0, 0, 0)
        row.addStretch(1)
        row.addWidget(column, 100)
        row.addStretch(1)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setWidget(holder)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(scroll)
        look.texts.changed.connect(self._retranslate)
        self._retranslate()

    def load(self, packs: Sequence[Pack]) -> None:
        """Offer the banks of the domain packs, one choice a pack. What is chosen already stays; what was loaded too."""
        for pack in packs:
            if pack.id in self._loaded or not pack.banks:
                continue
            self._loaded.add(pack.id)
            bank, language = self.bank.currentIndex(), self.language.currentIndex()
            self._offer(pack.id, pack.name, pack.banks)
            if bank >= 0:
                self.bank.setCurrentIndex(bank)
                self.language.setCurrentIndex(language)

    def add_bank(self, path: Path) -> None:
        """Offer a bank from a file of the user's own."""
        self._offer(path.name, {}, (path,))

    def _offer(self, name: str, names: Mapping[str, str], paths: Sequence[Path]) -> None:
        try:
            questions = [question for path in paths for question in load_bank(path)]
        except TebikiError as error:
            self.problem.emit(str(error))
            return
        if not questions:
            return
        if name not in self._banks:
            self.bank.addItem("", name)
        self._banks[name] = Bank(names, questions)
        self.bank.setCurrentIndex(self.bank.findData(name))
        spoken = {question.lang for question in questions}
        if self.language.currentData() not in spoken:
            self.language.setCurrentIndex(self.language.findData(questions[0].lang))
        self._retranslate()

    def show_past(self, unfinished: Sitting | None, finished: Sequence[Sitting]) -> None:
        """Offer what was cut short, and list results."""
        self._unfinished, self._past = unfinished, finished
        self._resume.setVisible(unfinished is not None)
        if unfinished is not None:
            self._resume_text.say(
                "exam.resume_text",
                bank=self._title(unfinished.bank),
                answered=len(unfinished.chosen),
                total=len(unfinished.questions),
                minutes=max(round((unfinished.seconds - unfinished.used) / 60), 0),
            )
        self._show_results()

    def choose(self, language: Language, level: Level) -> None:
        """Select a language and a level."""
        self.language.setCurrentIndex(self.language.findData(language))
        self.level.setCurrentIndex(self.level.findData(level))

    def open_file(self) -> None:
        """Let the user open a bank of their own."""
        dialog = QFileDialog(self, self._look.texts("exam.open"), "", "JSONL (*.jsonl)")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.fileSelected.connect(lambda name: self.add_bank(Path(name)))
        dialog.open()

    def _resume_card(self) -> QFrame:
        self._resume, inside = panel("card", margin=18)
        inside.addWidget(Words(self._look, "exam.resume_title", "heading"))
        self._resume_text = Words(self._look, "", "quiet")
        inside.addWidget(self._resume_text)
        row = QHBoxLayout()
        self.resume_button = Button(self._look, "exam.resume", role="primary", clicked=self._do_resume)
        row.addWidget(self.resume_button)
        row.addStretch(1)
        inside.addLayout(row)
        self._resume.hide()
        return self._resume

    def _choice_card(self) -> QFrame:
        card, inside = panel("card", margin=20, spacing=14)
        form = QFormLayout()
        form.setHorizontalSpacing(18)
        form.setVerticalSpacing(12)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        self.bank, self.language, self.level = Choice(self._look), Choice(self._look), Choice(self._look)
        for language in ("en", "ja"):
            self.language.addItem("", language)
        for level in LEVELS:
            self.level.addItem("", level)
        self.language.setCurrentIndex(self.language.findData(self._look.texts.language))
        row = QHBoxLayout()
        row.setSpacing(10)
        row.addWidget(self.bank, 1)
        row.addWidget(Button(self._look, "exam.open", "folder", clicked=self.open_file))
        self._labels = [Words(self._look, key) for key in ("exam.bank", "exam.language", "exam.level")]
        form.addRow(self._labels[0], row)
        form.addRow(self._labels[1], self.language)
        form.addRow(self._labels[2], self.level)
        for label, field in zip(self._labels, (self.bank, self.language, self.level), strict=True):
            label.setBuddy(field)
            field.currentIndexChanged.connect(self._plan_changed)
        inside.addLayout(form)
        self.plan_words = Words(self._look, "exam.plan_none", "quiet")
        inside.addWidget(self.plan_words)
        self.begin_button = Button(self._look, "exam.begin", role="primary", clicked=self._begin)
        below = QHBoxLayout()
        below.addWidget(self.begin_button)
        below.addStretch(1)
        inside.addLayout(below)
        return card

    def _plan_changed(self) -> None:
        bank = self._banks.get(self.bank.currentData())
        questions = bank.questions if bank else []
        language, level = cast(Language, self.language.currentData()), cast(Level, self.level.currentData())
        self._plan = plan(questions, language, level) if questions else None
        self.begin_button.setEnabled(self._plan is not None)
        if self._plan is not None:
            self.plan_words.say(
                "exam.plan",
                n=self._plan.questions,
                minutes=self._plan.seconds // 60,
                mark=round(100 * SITTINGS[level].passing),
            )
        else:
            self.plan_words.say("exam.plan_none" if questions else "exam.no_bank")

    def _begin(self) -> None:
        if self._plan is not None:
            name = self.bank.currentData()
            self.begun.emit(name, self._banks[name].questions, self._plan)

    def _do_resume(self) -> None:
        if self._unfinished is not None:
            self.resumed.emit(self._unfinished)

    def _title(self, name: str) -> str:
        bank = self._banks.get(name)
        return bank.names.get(self._look.texts.language, name) if bank else name

    def _show_results(self) -> None:
        while (item := self._past_rows.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        for sitting in self._past:
            self._past_rows.addWidget(self._result_row(sitting))
        self._past_title.setVisible(bool(self._past))

    def _result_row(self, sitting: Sitting) -> QPushButton:
        texts, result = self._look.texts, score(sitting.questions, sitting.chosen)
        row = QPushButton(
            texts(
                "exam.past_row",
                day=day(sitting.finished_at or ""),
                level=texts(f"level.{sitting.level}"),
                language=texts(f"language.{sitting.language}"),
                correct=result.correct,
                n=result.n,
                verdict=texts("exam.passed" if result.passed else "exam.failed"),
            )
        )
        row.setProperty("role", "link")
        row.clicked.connect(lambda: self.reviewed.emit(sitting))
        return row

    def _retranslate(self) -> None:
        texts = self._look.texts
        for place in range(self.bank.count()):
            name = self.bank.itemData(place)
            self.bank.setItemText(
                place, texts("exam.bank_row", name=self._title(name), n=len(self._banks[name].questions))
            )
        for box, table in ((self.language, "language"), (self.level, "level")):
            for place in range(box.count()):
                box.setItemText(place, texts(f"{table}.{box.itemData(place)}"))
        for box, key in ((self.bank, "exam.bank"), (self.language, "exam.language"), (self.level, "exam.level")):
            box.setAccessibleName(texts(key))
        self._plan_changed()
        self._show_results()
