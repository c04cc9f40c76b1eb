"""One question with its answer: what was found first, word for word; below it, visibly different, the model's words.

Text is appended in ticks while it is being written, and what stands is not laid out again until the answer is complete.
"""

from __future__ import annotations

import html

from PySide6.QtCore import Qt, QTimer, QUrl, Signal
from PySide6.QtWidgets import QApplication, QFrame, QHBoxLayout, QLabel, QProgressBar, QVBoxLayout, QWidget

from agent.records import Citation, Unsupported
from desktop.look import Look
from desktop.view_models.turns import TurnState, citation_of, reference, with_marks
from desktop.widgets.controls import IconButton, Picture, Words, panel
from desktop.widgets.evidence_list import EvidenceList
from desktop.widgets.model_words import ModelWords
from desktop.widgets.reading_text import FlowText
from desktop.widgets.steps_view import StepsView

TICK_MS = 80
NEAREST = 4


class TurnView(QFrame):
    """Shows a TurnState; call `refresh` after the state took something in, `append` for text that was written."""

    opened = Signal(object, int)  # tuple[Citation, ...], index
    ask_again = Signal(str)

    def __init__(self, look: Look, state: TurnState) -> None:
        super().__init__()
        self._look, self.state = look, state
        self._offered: tuple[Citation, ...] = ()
        self._pending: list[tuple[str, tuple[Unsupported, ...]]] = []
        self._complete = False
        self._tick = QTimer(self, interval=TICK_MS, singleShot=True)
        self._tick.timeout.connect(self._flush)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(10)
        layout.addLayout(self._question())
        self._evidence = EvidenceList(look)
        self._evidence.opened.connect(lambda place: self.opened.emit(self._evidence.citations, place))
        self._evidence_caption = Words(look, "ask.from_manuals", "evidence")
        layout.addWidget(self._evidence_caption)
        layout.addWidget(self._evidence)
        self.words = ModelWords(look)
        self.words.followed.connect(self._follow)
        layout.addWidget(self.words)
        layout.addWidget(self._refusal())
        layout.addWidget(self._failure())
        self._problem = QLabel()
        self._problem.setWordWrap(True)
        self._problem.setProperty("role", "small")
        self._problem.hide()
        layout.addWidget(self._problem)
        # Below everything that comes in, so that nothing which is being read moves when it appears or goes.
        layout.addLayout(self._status())
        layout.addWidget(self._actions())
        self.steps = StepsView(look)
        self.steps.hide()
        layout.addWidget(self.steps)
        look.texts.changed.connect(self._retranslate)
        look.theme.changed.connect(self._recolour)
        if state.text:
            self._pending.append((state.text, state.unsupported))
        self.refresh()
        self._flush()

    @property
    def text(self) -> FlowText:
        """Where the model's words stand."""
        return self.words.text

    def append(self, text: str, unsupported: tuple[Unsupported, ...] = ()) -> None:
        """Show text that the model wrote, at the next tick."""
        self._pending.append((text, unsupported))
        if not self._tick.isActive():
            self._tick.start()

    def refresh(self) -> None:
        """Show what the state says now."""
        state = self.state
        self._phase.say(state.status()[0], **state.status()[1])
        busy = state.running
        self._phase_row.setVisible(busy or state.phase in ("stopped", "lost"))
        self._bar.setVisible(state.phase == "reading")
        if state.phase == "reading":
            self._bar.setRange(0, max(state.total, 1))
            self._bar.setValue(state.done)
        if state.citations != self._evidence.citations:
            self._evidence.show_citations(state.citations)
        if not busy and not self._complete:
            self._finish()
        self._evidence_caption.setVisible(bool(self._evidence.citations) and state.phase != "refused")
        written = self._complete or bool(self.text.toPlainText())
        self.words.setVisible(written and bool(state.wording) and state.phase != "refused")

    def copy(self, references: bool) -> None:
        """Put the answer on the clipboard, with its references if wanted."""
        worded = with_marks(self.state.wording, self.state.unsupported)
        lines = [worded or "\n\n".join(one.quote for one in self.state.citations) or self.state.text]
        if references:
            lines += ["", *(f"[{n}] {self._reference(one)}" for n, one in enumerate(self.state.citations, 1))]
        QApplication.clipboard().setText("\n".join(lines))

    # What it is made of

    def _question(self) -> QHBoxLayout:
        bubble, inside = panel("question", margin=0)
        inside.setContentsMargins(14, 9, 14, 9)
        words = QuestionLabel(self.state.question)
        inside.addWidget(words)
        row = QHBoxLayout()
        row.addStretch(1)
        row.addWidget(bubble, 5 if len(self.state.question) > 60 else 0)
        return row

    def _status(self) -> QVBoxLayout:
        self._phase = Words(self._look, "", "quiet")
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setMaximumWidth(260)
        self._phase_row = QWidget()
        column = QVBoxLayout(self._phase_row)
        column.setContentsMargins(2, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(self._phase)
        column.addWidget(self._bar)
        outer = QVBoxLayout()
        outer.addWidget(self._phase_row)
        return outer

    def _refusal(self) -> QFrame:
        self._refusal_frame, inside = panel("refusal", margin=14)
        top = QHBoxLayout()
        top.addWidget(Picture(self._look, "info", "refusal", 20))
        self._refusal_title = Words(self._look, "ask.no_evidence", "refusal")
        top.addWidget(self._refusal_title, 1)
        inside.addLayout(top)
        self.suggestion = QLabel()
        self.suggestion.setWordWrap(True)
        self.suggestion.setTextFormat(Qt.TextFormat.RichText)
        self.suggestion.setTextInteractionFlags(Qt.TextInteractionFlag.TextBrowserInteraction)
        self.suggestion.linkActivated.connect(lambda _: self.ask_again.emit(self._suggested()))
        self.suggestion.hide()
        inside.addWidget(self.suggestion)
        self._nearest_caption = Words(self._look, "ask.nearest", "quiet")
        inside.addWidget(self._nearest_caption)
        self._nearest = QLabel()
        self._nearest.setWordWrap(True)
        self._nearest.setTextFormat(Qt.TextFormat.RichText)
        self._nearest.setTextInteractionFlags(Qt.TextInteractionFlag.TextBrowserInteraction)
        self._nearest.linkActivated.connect(lambda link: self._follow(QUrl(link)))
        inside.addWidget(self._nearest)
        self._refusal_frame.hide()
        return self._refusal_frame

    def _failure(self) -> QFrame:
        self._failure_frame, inside = panel("failure", margin=14)
        self._failure_text = QLabel()
        self._failure_text.setWordWrap(True)
        inside.addWidget(self._failure_text)
        self._failure_frame.hide()
        return self._failure_frame

    def _actions(self) -> QWidget:
        self._action_row = QWidget()
        row = QHBoxLayout(self._action_row)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(2)
        self.copy_button = IconButton(self._look, "ask.copy", "copy", lambda: self.copy(False))
        self.copy_references_button = IconButton(self._look, "ask.copy_references", "quote", lambda: self.copy(True))
        self.again_button = IconButton(
            self._look, "ask.again", "again", lambda: self.ask_again.emit(self.state.question)
        )
        self.steps_button = IconButton(self._look, "ask.show_steps", "steps", self._toggle_steps)
        for button in (self.copy_button, self.copy_references_button, self.again_button, self.steps_button):
            row.addWidget(button)
        row.addStretch(1)
        self._facts = QLabel()
        self._facts.setProperty("role", "small")
        row.addWidget(self._facts)
        self._action_row.hide()
        return self._action_row

    # What it does

    def _flush(self) -> None:
        for text, unsupported in () if self._complete else self._pending:
            self.words.append(text, unsupported)
            self.words.show()
        self._pending = []

    def _finish(self) -> None:
        self._complete = True
        self._tick.stop()
        self._pending = []
        self._show_wording()
        if self.state.phase == "refused":
            self._show_refusal()
        if self.state.phase == "failed":
            self._failure_text.setText(self.state.error)
            self._failure_frame.show()
        self.copy_references_button.setVisible(bool(self.state.citations))
        self.steps_button.setVisible(bool(self.state.steps))
        self.steps.show_steps(self.state.steps, refused=self.state.phase == "refused")
        self._action_row.show()
        self._retranslate()

    def _toggle_steps(self) -> None:
        """Show how the answer came about, or put it away again."""
        shown = self.steps.isHidden()
        self.steps.setVisible(shown)
        self.steps_button.show_as("ask.hide_steps" if shown else "ask.show_steps", "steps")

    def _recolour(self) -> None:
        self._show_wording()
        if self.state.phase == "refused":
            self._show_refusal()

    def _show_wording(self) -> None:
        if self._complete:
            self.words.show_whole(self.state.wording, self.state.unsupported, len(self.state.citations))

    def _show_refusal(self) -> None:
        assert self.state.answer is not None
        self._offered = tuple(citation_of(hit) for hit in self.state.answer.nearest[:NEAREST])
        self._nearest_caption.say("ask.nearest" if self._offered else "ask.nothing_near")
        colours = self._look.theme.colours
        links = [
            f'<p style="margin: 6px 0 0 0"><a href="near:{place}" style="color:{colours["accent"]}">'
            f"{html.escape(' › '.join(one.heading[-2:]) or one.source)}</a><br>"
            f'<span style="color:{colours["quiet"]}">{html.escape(one.manual)}</span></p>'
            for place, one in enumerate(self._offered)
        ]
        suggested = html.escape(self._suggested())
        words = self._look.texts("ask.did_you_mean", words=suggested)
        self.suggestion.setText(f'<a href="suggested" style="color:{colours["accent"]}">{words}</a>')
        self.suggestion.setVisible(bool(suggested))
        self._nearest.setText("".join(links))
        self._nearest.setVisible(bool(links))
        self._refusal_frame.show()

    def _suggested(self) -> str:
        return self.state.answer.suggestion if self.state.answer is not None else ""

    def _follow(self, link: QUrl) -> None:
        if link.scheme() == "cite":
            self.opened.emit(self._evidence.citations, int(link.path()))
        elif link.scheme() == "near":
            self.opened.emit(self._offered, int(link.path()))

    def _reference(self, citation: Citation) -> str:
        return reference(citation, self._look.texts("source.page", page=citation.page or 0))

    def _retranslate(self) -> None:
        answer = self.state.answer
        if answer is not None:
            evidence, total = f"{answer.seconds.first_evidence:.1f}", f"{answer.seconds.total:.1f}"
            key = "ask.facts" if answer.citations else "ask.facts_total"
            values = {"evidence": evidence, "total": total} if answer.citations else {"total": total}
            self._facts.setText(self._look.texts(key, **values))
            self._problem.setText(self._look.texts("ask.not_worded", reason=answer.problem))
            self._problem.setVisible(bool(answer.problem))


class QuestionLabel(QLabel):
    """A question as it was typed: plain text, selectable, wrapped."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setWordWrap(len(text) > 60 or "\n" in text)
        self.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
