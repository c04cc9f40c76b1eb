"""The evidence of an answer as cards, best first: the first few at once, the rest on demand."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from agent.records import Citation
from desktop.look import Look
from desktop.widgets.controls import Button
from desktop.widgets.evidence_card import EvidenceCard

AT_ONCE = 3
"""Cards that are seen unasked: what decides is among the first three nearly always (docs/benchmarks.md, Answers)."""


class EvidenceList(QWidget):
    """Shows citations; `opened` tells the index of the one whose page is wanted."""

    opened = Signal(int)

    def __init__(self, look: Look) -> None:
        super().__init__()
        self._look = look
        self.citations: tuple[Citation, ...] = ()
        self._cards: list[EvidenceCard] = []
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        self._column = QVBoxLayout()
        self._column.setSpacing(8)
        layout.addLayout(self._column)
        self.more = Button(look, "ask.more_evidence", role="link", clicked=self.show_all)
        self.more.hide()
        layout.addWidget(self.more)

    def show_citations(self, citations: tuple[Citation, ...]) -> None:
        """Show these from now on."""
        for card in self._cards:
            self._column.removeWidget(card)
            card.hide()
            card.deleteLater()
        self.citations = citations
        self._cards = []
        for place, citation in enumerate(citations):
            above = citations[place - 1] if place else None
            same = above is not None and (above.section_id, above.source) == (citation.section_id, citation.source)
            card = EvidenceCard(self._look, place + 1, citation, continued=same)
            card.opened.connect(lambda place=place: self.opened.emit(place))
            self._column.addWidget(card)
            card.setVisible(place < AT_ONCE)
            self._cards.append(card)
        self.more.say("ask.more_evidence", count=len(citations) - AT_ONCE)
        self.more.setVisible(len(citations) > AT_ONCE)

    def show_all(self) -> None:
        """Show the cards that were kept back."""
        for card in self._cards:
            card.show()
        self.more.hide()
        if len(self._cards) > AT_ONCE:
            self._cards[AT_ONCE].setFocus()
