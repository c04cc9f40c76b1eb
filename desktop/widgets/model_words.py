"""The model's words below the evidence: text that comes in pieces, what the evidence does not hold in it marked.

A marked stretch has a wavy line in the warning colour, a tool tip, and a line below that names it, which a screen
reader says too.
"""

from __future__ import annotations

from PySide6.QtCore import QUrl, Signal
from PySide6.QtGui import QColor, QTextCharFormat, QTextCursor
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QVBoxLayout

from agent.records import Unsupported
from desktop.look import Look
from desktop.view_models.turns import answer_html, stretches
from desktop.widgets.controls import Picture, Words
from desktop.widgets.reading_text import FlowText

_WAVE = QTextCharFormat.UnderlineStyle.WaveUnderline


class ModelWords(QFrame):
    """`append` while it is being written, `show_whole` at the end; `followed` carries a link that was clicked."""

    followed = Signal(QUrl)

    def __init__(self, look: Look) -> None:
        super().__init__()
        self.setObjectName("wording")
        self._look = look
        self._said = ""
        self._marks: tuple[Unsupported, ...] = ()
        self._caption = Words(look, "ask.in_model_words", "caption")
        self.text = FlowText()
        self.text.anchorClicked.connect(self.followed)
        self._legend_row = QFrame()
        row = QHBoxLayout(self._legend_row)
        row.setContentsMargins(0, 2, 0, 0)
        row.setSpacing(6)
        row.addWidget(Picture(look, "warn", "refusal", 16))
        self.legend = QLabel()
        self.legend.setWordWrap(True)
        self.legend.setProperty("role", "warning")
        row.addWidget(self.legend, 1)
        self._legend_row.hide()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(14, 4, 2, 4)
        layout.setSpacing(4)
        layout.addWidget(self._caption)
        layout.addWidget(self.text)
        layout.addWidget(self._legend_row)
        look.texts.changed.connect(self._describe)
        look.theme.changed.connect(self._mark)

    def append(self, text: str, unsupported: tuple[Unsupported, ...] = ()) -> None:
        """Add a piece to the end; what stands there already is not laid out again."""
        ahead = len(self._said)
        self._said += text
        self._marks += tuple(Unsupported(ahead + one.start, ahead + one.end) for one in unsupported)
        self.text.append_text(text)
        if unsupported:
            self._mark()

    def show_whole(self, text: str, unsupported: tuple[Unsupported, ...], citations: int) -> None:
        """Show the complete text, its numbers as links to the citations."""
        self._said, self._marks = text, unsupported
        accent = self._look.theme.colours["accent"]
        self.text.document().setDefaultStyleSheet(f"a {{ color: {accent}; font-weight: 600; }}")
        self.text.setHtml(answer_html(text, citations))
        self._mark()

    def _mark(self) -> None:
        form = QTextCharFormat()
        form.setUnderlineStyle(_WAVE)
        form.setUnderlineColor(QColor(self._look.theme.colours["refusal"]))
        form.setBackground(QColor(self._look.theme.colours["refusal_soft"]))
        form.setToolTip(self._look.texts("ask.unsupported_tip"))
        cursor = QTextCursor(self.text.document())
        for one in self._marks:
            cursor.setPosition(_place(self._said, one.start))
            cursor.setPosition(_place(self._said, one.end), QTextCursor.MoveMode.KeepAnchor)
            cursor.mergeCharFormat(form)
        self._describe()

    def _describe(self) -> None:
        names = ", ".join(stretches(self._said, self._marks))
        words = self._look.texts("ask.unsupported", names=names) if names else ""
        self.legend.setText(words)
        self._legend_row.setVisible(bool(words))
        self.text.setAccessibleName(self._look.texts("ask.in_model_words"))
        self.text.setAccessibleDescription(words)


def _place(text: str, at: int) -> int:
    """Where character `at` stands in a Qt document: it counts UTF-16 units, and no white space before the text."""
    before = len(text) - len(text.lstrip())
    return len(text[before : max(at, before)].encode("utf-16-le")) // 2
