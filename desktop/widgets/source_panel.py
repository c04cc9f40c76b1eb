"""The cited page beside the answer: where it stands, the whole section, the quote marked and in view.

It shows what it is given; fetching the section is the page's work (`wanted` says which citation).
"""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QResizeEvent, QTextCursor
from PySide6.QtWidgets import QApplication, QFrame, QHBoxLayout, QLabel, QTextBrowser, QVBoxLayout

from agent.records import Citation
from desktop.look import Look
from desktop.looking import Page
from desktop.view_models.section_text import quote_span
from desktop.view_models.turns import reference
from desktop.widgets.controls import IconButton, Words
from desktop.widgets.reading_text import QUOTE_ANCHOR, lay_out


class SectionText(QTextBrowser):
    """A section to read. While the marked quote is in view, it stays there when the panel takes another size."""

    _quote_at: int | None = None

    def show_quote(self) -> None:
        """Bring the marked quote of a section that was laid out anew into view."""
        self._quote_at = self._find_quote()
        self._scroll()

    def quote_in_view(self) -> bool:
        """Whether the beginning of the marked quote can be seen."""
        if self._quote_at is None or self._quote_at >= self.document().characterCount():
            return False
        cursor = QTextCursor(self.document())
        cursor.setPosition(self._quote_at)
        return self.viewport().rect().intersects(self.cursorRect(cursor))

    def _find_quote(self) -> int | None:
        block = self.document().begin()
        while block.isValid():
            for run in block.textFormats():
                if QUOTE_ANCHOR in run.format.anchorNames():
                    return block.position() + run.start
            block = block.next()
        return None

    def _scroll(self) -> None:
        self.scrollToAnchor(QUOTE_ANCHOR)
        bar = self.verticalScrollBar()
        if bar.value() < bar.maximum():  # leave some lines above the quote in view
            bar.setValue(max(bar.value() - 60, 0))

    def resizeEvent(self, event: QResizeEvent) -> None:
        in_view = self.quote_in_view()
        super().resizeEvent(event)
        if in_view and not self.quote_in_view():
            self._scroll()


class SourcePanel(QFrame):
    """A list of citations with one of them open. `closed` says that the reader wants the room back."""

    wanted = Signal(object)  # Citation
    closed = Signal()

    def __init__(self, look: Look) -> None:
        super().__init__()
        self.setObjectName("source")
        self._look = look
        self._citations: Sequence[Citation] = ()
        self._place = 0
        self._page: Page | None = None
        self._loaded = False
        self.setMinimumWidth(300)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(18, 10, 8, 8)
        layout.setSpacing(6)
        layout.addLayout(self._bar())
        self.heading = QLabel()
        self.heading.setProperty("role", "heading")
        self.path = QLabel()
        self.path.setProperty("role", "small")
        self.facts = QLabel()
        self.facts.setProperty("role", "small")
        for label in (self.path, self.heading, self.facts):
            label.setWordWrap(True)
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            layout.addWidget(label)
        self.note = Words(look, "", "refusal")
        self.note.hide()
        layout.addWidget(self.note)
        self.body = SectionText()
        self.body.setOpenLinks(False)
        layout.addWidget(self.body, 1)
        look.theme.changed.connect(self._show_page)
        look.texts.changed.connect(self._retranslate)
        self._retranslate()

    def open(self, citations: Sequence[Citation], place: int) -> None:
        """Show one of these citations; the section is asked for with `wanted`."""
        self._citations, self._place = citations, place
        self._page, self._loaded = None, False
        self._retranslate()
        self.note.hide()
        self.wanted.emit(self.citation)

    @property
    def citation(self) -> Citation | None:
        """The citation at hand."""
        return self._citations[self._place] if self._citations else None

    def show_page(self, citation: Citation, page: Page | None) -> None:
        """Show the section of `citation`; None where the library has it no more. A late one for another is ignored."""
        if citation is self.citation:
            self._page = page
            self._loaded = True
            self._show_page()

    def step(self, by: int) -> None:
        """Open the next (1) or previous (-1) citation."""
        if 0 <= self._place + by < len(self._citations):
            self.open(self._citations, self._place + by)

    def _bar(self) -> QHBoxLayout:
        self.previous = IconButton(self._look, "source.previous", "previous", lambda: self.step(-1))
        self.next = IconButton(self._look, "source.next", "next", lambda: self.step(1))
        self.counter = QLabel()
        self.counter.setProperty("role", "small")
        copy = IconButton(self._look, "source.copy", "copy", self._copy)
        close = IconButton(self._look, "source.close", "close", self.closed.emit)
        row = QHBoxLayout()
        row.setSpacing(2)
        row.addWidget(Words(self._look, "source.title", "caption"), 1)
        for widget in (self.previous, self.counter, self.next, copy, close):
            row.addWidget(widget)
        return row

    def _show_page(self) -> None:
        cited = self.citation
        if cited is None or not self._loaded:
            return
        if self._page is None:
            self.note.say("source.gone")
            self.note.show()
            lay_out(self.body.document(), cited.quote, self._look.theme, (0, len(cited.quote)))
            return
        section = self._page.section
        marked = quote_span(section.text, section.start, cited.quote, cited.start, cited.end)
        self.note.setVisible(marked is None)
        if marked is None:
            self.note.say("source.changed")
        lay_out(self.body.document(), section.text, self._look.theme, marked, blocks=self._page.blocks)
        QTimer.singleShot(0, self.body, self.body.show_quote)

    def _copy(self) -> None:
        cited = self.citation
        if cited is not None:
            QApplication.clipboard().setText(reference(cited, self._look.texts("source.page", page=cited.page or 0)))

    def _retranslate(self) -> None:
        cited, texts = self.citation, self._look.texts
        self.body.setAccessibleName(texts("source.title"))
        self.previous.setEnabled(self._place > 0)
        self.next.setEnabled(self._place + 1 < len(self._citations))
        self.counter.setText(texts("source.counter", n=self._place + 1, total=len(self._citations)) if cited else "")
        if cited is None:
            return
        self.path.setText(" › ".join(cited.heading[:-1]))
        self.path.setVisible(len(cited.heading) > 1)
        self.heading.setText(cited.heading[-1] if cited.heading else cited.source)
        facts = [cited.manual, texts("source.page", page=cited.page) if cited.page else "", cited.source]
        self.facts.setText("  ·  ".join(dict.fromkeys(part for part in facts if part)))
