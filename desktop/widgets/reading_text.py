"""A section or a quote laid out for reading: prose, tables as tables, code in a monospaced font, the quote marked."""

from __future__ import annotations

import math
from collections.abc import Sequence

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QMouseEvent,
    QTextBlockFormat,
    QTextCharFormat,
    QTextCursor,
    QTextDocument,
    QTextFrameFormat,
    QTextLength,
    QTextTableFormat,
    QWheelEvent,
)
from PySide6.QtWidgets import QFrame, QSizePolicy, QTextBrowser, QWidget

from desktop.theme import Theme, code_font
from desktop.view_models.section_text import Part, Span, cut, parts
from index.records import Block

QUOTE_ANCHOR = "quote"


class FlowText(QTextBrowser):
    """Text as high as its content, without scroll bars of its own; the wheel scrolls what it stands in.

    `clicked` is a plain click that neither selected anything nor hit a link.
    """

    clicked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setOpenLinks(False)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.document().setDocumentMargin(0)
        self.document().documentLayout().documentSizeChanged.connect(self._fit)
        self._fit()

    def append_text(self, text: str) -> None:
        """Add plain text to the end, whatever form the text before it has; what stands there is not laid out again."""
        cursor = QTextCursor(self.document())
        cursor.movePosition(QTextCursor.MoveOperation.End)
        cursor.insertText(text, QTextCharFormat())

    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        super().mouseReleaseEvent(event)
        if not self.textCursor().hasSelection() and not self.anchorAt(event.position().toPoint()):
            self.clicked.emit()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self._fit()

    def _fit(self) -> None:
        self.setFixedHeight(max(math.ceil(self.document().size().height()), self.fontMetrics().height()) + 2)


def lay_out(
    document: QTextDocument,
    text: str,
    theme: Theme,
    marked: Span | None = None,
    *,
    blocks: Sequence[Block] | None = None,
    header: bool | None = None,
) -> None:
    """Fill `document` with `text`; the marked span is highlighted and carries the anchor QUOTE_ANCHOR.

    `blocks` are those of a whole section; a quote has none (None). `header` says whether tables begin with a header
    row: in a section they do, in a quote they do not, if nothing else is said.
    """
    header = blocks is not None if header is None else header
    document.clear()
    document.setUndoRedoEnabled(False)
    cursor = QTextCursor(document)
    cursor.beginEditBlock()
    last = None
    for number, part in enumerate(parts(text, blocks or ())):
        if number:
            cursor.movePosition(QTextCursor.MoveOperation.End)
            cursor.insertBlock(_paragraph(theme))
        else:
            cursor.setBlockFormat(_paragraph(theme))
        if part.kind == "table":
            below = theme.points if blocks is not None else 0
            _table(cursor, text, part, theme, marked, header=header, below=below)
        else:
            _block(cursor, text, part, theme, marked)
        last = part
    if blocks is None and last is not None and last.kind != "table":  # a quote ends with its last line
        tight = QTextBlockFormat()
        tight.setBottomMargin(0)
        cursor.mergeBlockFormat(tight)
    cursor.endEditBlock()


def _paragraph(theme: Theme) -> QTextBlockFormat:
    made = QTextBlockFormat()
    made.setBottomMargin(theme.points * 0.8)
    made.setLineHeight(135, QTextBlockFormat.LineHeightTypes.ProportionalHeight.value)
    return made


def _block(cursor: QTextCursor, text: str, part: Part, theme: Theme, marked: Span | None) -> None:
    plain = QTextCharFormat()
    plain.setForeground(QColor(theme.colours["text"]))
    if part.kind == "code":
        plain.setFont(code_font(theme.points * 0.95))
        made = _paragraph(theme)
        made.setBackground(QColor(theme.colours["hover"]))
        made.setNonBreakableLines(False)
        made.setLeftMargin(8)
        cursor.setBlockFormat(made)
    _insert(cursor, text, part.start, part.end, plain, theme, marked)


def _table(
    cursor: QTextCursor, text: str, part: Part, theme: Theme, marked: Span | None, *, header: bool, below: float
) -> None:
    columns = max(len(row) for row in part.rows)
    form = QTextTableFormat()
    form.setCellPadding(6)
    form.setCellSpacing(0)
    form.setBorder(1)
    form.setBorderCollapse(True)
    form.setBorderBrush(QColor(theme.colours["line"]))
    form.setBorderStyle(QTextFrameFormat.BorderStyle.BorderStyle_Solid)
    form.setHeaderRowCount(1 if header else 0)
    form.setWidth(QTextLength(QTextLength.Type.PercentageLength, 100))
    form.setBottomMargin(below)
    table = cursor.insertTable(len(part.rows), columns, form)
    for row, cells in enumerate(part.rows):
        for column in range(columns):
            place = table.cellAt(row, column)
            plain = QTextCharFormat()
            plain.setForeground(QColor(theme.colours["text"]))
            if row == 0 and header:
                shade = place.format()
                shade.setBackground(QColor(theme.colours["raised"]))
                place.setFormat(shade)
                plain.setFontWeight(600)
            if column < len(cells):
                _insert(place.firstCursorPosition(), text, *cells[column], plain, theme, marked)


def _insert(
    cursor: QTextCursor, text: str, start: int, end: int, plain: QTextCharFormat, theme: Theme, marked: Span | None
) -> None:
    for a, b, inside in cut(start, end, marked):
        form = QTextCharFormat(plain)
        if inside:
            form.setBackground(QColor(theme.colours["mark"]))
            if marked is not None and a == _first(text, marked):
                form.setAnchor(True)  # without it Qt does not scroll to the name
                form.setAnchorNames([QUOTE_ANCHOR])
        cursor.insertText(text[a:b].replace("\n", "\u2028"), form)


def _first(text: str, marked: Span) -> int:
    """Where the first character of the marked span stands; white space and cell bars before it are not shown."""
    at = marked[0]
    while at < marked[1] and text[at] in " |\n\t":
        at += 1
    return at if at < marked[1] else marked[0]
