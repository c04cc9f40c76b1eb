"""A dot for each question of a sitting: open, answered, flagged, at hand. A click goes there."""

from __future__ import annotations

from collections.abc import Collection

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QHelpEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QToolTip, QWidget

from desktop.look import Look

STEP = 22
RADIUS = 6.5


class ProgressDots(QWidget):
    """`went` carries the position that was clicked; the previous and next buttons do the same from the keyboard."""

    went = Signal(int)

    def __init__(self, look: Look) -> None:
        super().__init__()
        self._look = look
        self._count, self._place = 0, 0
        self._answered: Collection[int] = ()
        self._flagged: Collection[int] = ()
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        look.theme.changed.connect(self.update)

    def show_state(self, count: int, place: int, answered: Collection[int], flagged: Collection[int]) -> None:
        """Show where the sitting is."""
        self._count, self._place, self._answered, self._flagged = count, place, answered, flagged
        self.setAccessibleName(
            self._look.texts("exam.dots_name", n=place + 1, total=count, answered=len(answered), flagged=len(flagged))
        )
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(self._count * STEP, 26)

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def paintEvent(self, event: QPaintEvent) -> None:
        colours = self._look.theme.colours
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for place in range(self._count):
            centre = QPointF(place * STEP + STEP / 2, 13)
            answered = place in self._answered
            painter.setPen(QPen(QColor(colours["accent" if answered else "control"]), 1.4))
            painter.setBrush(QColor(colours["accent"]) if answered else Qt.BrushStyle.NoBrush)
            painter.drawEllipse(centre, RADIUS, RADIUS)
            if place == self._place:
                painter.setPen(QPen(QColor(colours["text"]), 1.6))
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.drawEllipse(centre, RADIUS + 3, RADIUS + 3)
            if place in self._flagged:
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(QColor(colours["refusal"]))
                painter.drawEllipse(QRectF(centre.x() + 2, 2, 8, 8))
        painter.end()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        place = int(event.position().x() // STEP)
        if 0 <= place < self._count:
            self.went.emit(place)

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent):
            place = int(event.pos().x() // STEP)
            if 0 <= place < self._count:
                QToolTip.showText(event.globalPos(), self._look.texts("exam.dot", n=place + 1), self)
            return True
        return super().event(event)
