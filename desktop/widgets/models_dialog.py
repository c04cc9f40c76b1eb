"""The models to choose from, as cards: what each is, how large, which languages it writes, under which licence."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent
from PySide6.QtWidgets import (
    QDialog,
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from desktop.look import Look
from desktop.tuning import Making
from desktop.view_models.model_rows import AUTO, ModelRow
from desktop.widgets.controls import Button, Words, restyle
from index.pack_adapters import STARTER
from index.records import Language


class ModelCardView(QFrame):
    """One model; `picked` says that it was clicked, or Space was pressed on it, `find_base` that the file it lacks is
    to be looked for."""

    picked = Signal()
    find_base = Signal()

    def __init__(self, look: Look, row: ModelRow) -> None:
        super().__init__()
        self.row = row
        self.setObjectName("option")
        usable = bool(row.bytes) or row.model == AUTO
        if usable:
            self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
            self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setProperty("usable", usable)
        self._usable = usable
        name = QLabel(row.name)
        name.setProperty("role", "heading" if usable else "quiet")
        name.setTextFormat(Qt.TextFormat.PlainText)
        first = QHBoxLayout()
        first.setSpacing(10)
        first.addWidget(name)
        if row.tuned:
            tag = Words(look, "models.tuned")
            tag.setObjectName("tag")
            tag.setWordWrap(False)
            first.addWidget(tag, 0, Qt.AlignmentFlag.AlignVCenter)
        first.addStretch(1)
        if row.needs_base:
            first.addWidget(Button(look, "models.find", "folder", clicked=self.find_base.emit))
        self.facts = QLabel()
        self.facts.setProperty("role", "quiet")
        self.facts.setWordWrap(True)
        self.facts.setText(facts(look, row))
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.hide()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 11, 14, 11)
        layout.setSpacing(4)
        layout.addLayout(first)
        layout.addWidget(self.facts)
        layout.addWidget(self.bar)
        self.setAccessibleName(f"{row.name}: {self.facts.text()}")
        self._look = look
        self.set_chosen(False)

    def set_chosen(self, chosen: bool) -> None:
        """Show it as the chosen one, or not."""
        self.setProperty("chosen", chosen)
        restyle(self)

    def show_progress(self, making: Making) -> None:
        """Show how far it is made."""
        self.bar.setRange(0, making.total)
        self.bar.setValue(making.done)
        self.bar.show()
        self.facts.setText(self._look.texts("models.making", percent=100 * making.done // max(making.total, 1)))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Space and self._usable:
            self.picked.emit()
        else:
            super().keyPressEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        super().mouseReleaseEvent(event)
        if self._usable and self.rect().contains(event.position().toPoint()):
            self.picked.emit()


def facts(look: Look, row: ModelRow) -> str:
    """What a card says below the name: size, languages, licence, where it is the default; or why it can't be chosen."""
    texts = look.texts
    if row.model == AUTO:
        return f"{texts('models.auto_text')}\n{row.problem}"
    comma = texts("models.comma")
    parts = [texts("models.size", size=f"{row.bytes / 1e6:,.0f}")] if row.bytes else []
    parts += [comma.join(texts(f"language.{one}") for one in row.languages)]
    parts += [row.licence] if row.licence else []
    if row.model == STARTER:
        parts.append(texts("models.comes_along"))
    if row.default_for:
        where = comma.join(texts(f"language.{one}") for one in row.default_for)
        parts.append(texts("models.default_for", languages=where))
    line = " · ".join(parts)
    if row.needs_base:
        return f"{line}\n{texts('models.needs', file=row.needs_base)}"
    if row.problem:
        return f"{line}\n{row.problem}"
    return line if row.bytes else f"{line}\n{texts('models.not_made')}"


class ModelsDialog(QDialog):
    """`chosen` carries a model as the setting names it, `base_found` the file of a base that a tuned model lacks."""

    chosen = Signal(str)
    base_found = Signal(object)

    def __init__(self, look: Look, parent: QWidget) -> None:
        super().__init__(parent)
        self._look = look
        self._model = AUTO
        self.cards: list[ModelCardView] = []
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(look.texts("models.title"))
        self.resize(640, 560)
        inside = QWidget()
        self._column = QVBoxLayout(inside)
        self._column.setContentsMargins(0, 0, 8, 0)
        self._column.setSpacing(10)
        self._column.addStretch(1)
        scroller = QScrollArea()
        scroller.setWidgetResizable(True)
        scroller.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroller.setWidget(inside)
        scroller.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(26, 22, 18, 20)
        layout.setSpacing(12)
        layout.addWidget(Words(look, "models.title", "heading"))
        layout.addWidget(Words(look, "models.text", "quiet"))
        layout.addWidget(scroller, 1)
        below = QHBoxLayout()
        below.setContentsMargins(0, 0, 8, 0)
        below.addWidget(Button(look, "models.other", "folder", clicked=self._choose_other))
        below.addStretch(1)
        below.addWidget(Button(look, "models.close", "", "primary", clicked=self.accept))
        layout.addLayout(below)

    def show_models(self, rows: Sequence[ModelRow], model: str) -> None:
        """Show these models, `model` (as the setting names it) as the chosen one."""
        self._model = model
        for card in self.cards:
            self._column.removeWidget(card)
            card.hide()
            card.deleteLater()
        texts = self._look.texts
        now = texts("models.auto_now", english=self._default(rows, "en"), japanese=self._default(rows, "ja"))
        automatic = ModelRow(AUTO, texts("models.auto"), False, "", 0, (), "", (), now)
        self.cards = [ModelCardView(self._look, row) for row in (automatic, *rows)]
        for number, card in enumerate(self.cards):
            card.picked.connect(partial(self._pick, card.row.model))
            card.find_base.connect(partial(self._find_base, card.row.needs_base))
            card.set_chosen(card.row.model == model)
            self._column.insertWidget(number, card)
            if card.row.model == model:
                card.setFocus()

    def show_progress(self, making: Making) -> None:
        """Show how far a tuned model is made."""
        for card in self.cards:
            if card.row.name == making.name and not card.row.bytes and card.row.model != AUTO:
                card.show_progress(making)

    def _default(self, rows: Sequence[ModelRow], language: Language) -> str:
        """What answers questions in a language where the user leaves it to the program."""
        made = [row for row in rows if row.bytes]
        named = [row for row in made if language in row.default_for] or [row for row in made if row.model == STARTER]
        if not named or language not in named[0].languages:
            return self._look.texts("models.quotes")
        return named[0].name

    def _pick(self, model: str) -> None:
        for card in self.cards:
            card.set_chosen(card.row.model == model)
        if model != self._model:
            self._model = model
            self.chosen.emit(model)

    def _choose_other(self) -> None:
        self._open_file("models.other", "GGUF (*.gguf)", lambda name: self.chosen.emit(str(Path(name))))

    def _find_base(self, file: str) -> None:
        self._open_file("models.find", f"{file} ({file})", lambda name: self.base_found.emit(Path(name)))

    def _open_file(self, title: str, only: str, use: object) -> None:
        dialog = QFileDialog(self, self._look.texts(title), str(Path.home()), only)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.fileSelected.connect(use)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()
