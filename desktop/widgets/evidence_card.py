"""A citation as a card: number, where it stands, and the quote, word for word. A click or Enter opens the page."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QVBoxLayout

from agent.records import Citation
from desktop.look import Look
from desktop.view_models.section_text import header_of
from desktop.widgets.reading_text import FlowText, lay_out

LONGEST = 700
"""Characters of a quote shown on the card; the whole of it stands in the source panel."""


class EvidenceCard(QFrame):
    """`opened` says that the reader wants to see the page. A card that is `continued` quotes the section of the card
    above it, and does not say again where that stands."""

    opened = Signal()

    def __init__(self, look: Look, number: int, citation: Citation, *, continued: bool = False) -> None:
        super().__init__()
        self.setObjectName("evidence")
        self._look, self._citation, self._number = look, citation, number
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        badge = QLabel(str(number))
        badge.setObjectName("badge")
        badge.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._heading = QLabel(parent=self)
        self._heading.setHidden(continued)
        self._heading.setText(" › ".join(citation.heading[-2:]) or citation.source)
        self._heading.setWordWrap(True)
        self._heading.setTextFormat(Qt.TextFormat.PlainText)
        self._heading.setProperty("role", "place")
        self._place = QLabel(parent=self)
        self._place.setHidden(continued)
        self._place.setProperty("role", "small")
        self._place.setTextFormat(Qt.TextFormat.PlainText)
        self._place.setWordWrap(True)
        self.quote = FlowText()
        self.quote.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.quote.viewport().setCursor(Qt.CursorShape.PointingHandCursor)
        top = QHBoxLayout()
        top.setSpacing(10)
        top.addWidget(badge, 0, Qt.AlignmentFlag.AlignTop)
        top.addWidget(self.quote if continued else self._heading, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(14, 11, 14, 11)
        layout.setSpacing(6)
        layout.addLayout(top)
        for widget in (self.quote, self._place):
            if not continued:
                layout.addWidget(widget)
        self.quote.clicked.connect(self.opened)
        look.theme.changed.connect(self._show_quote)
        look.texts.changed.connect(self._retranslate)
        self._show_quote()
        self._retranslate()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            self.opened.emit()
        else:
            super().keyPressEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        super().mouseReleaseEvent(event)
        if self.rect().contains(event.position().toPoint()):
            self.opened.emit()

    def _show_quote(self) -> None:
        quote = self._citation.quote
        if "\n" not in quote:  # one item out of a list: its marker means nothing by itself
            quote = quote.removeprefix("- ")
        shown = quote if len(quote) <= LONGEST else quote[:LONGEST].rstrip() + " …"
        header = header_of(quote, self._citation.context)
        if header:
            shown = f"{header}\n{shown}"
        lay_out(self.quote.document(), shown, self._look.theme, header=bool(header))

    def _retranslate(self) -> None:
        texts, cited = self._look.texts, self._citation
        place = [cited.manual, texts("source.page", page=cited.page) if cited.page else "", cited.source]
        self._place.setText("  ·  ".join(dict.fromkeys(part for part in place if part)))
        self.setAccessibleName(texts("ask.evidence_name", number=self._number, heading=" › ".join(cited.heading)))
        self.setAccessibleDescription(cited.quote)
        self.setToolTip(texts("ask.open_source"))
