"""Small controls that fetch their own words and colours again when language or theme change."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QComboBox, QFrame, QLabel, QPushButton, QToolButton, QVBoxLayout, QWidget

from desktop.look import Look


class Words(QLabel):
    """A label whose text comes from the catalogue; `role` is what it is to the style sheet."""

    def __init__(self, look: Look, key: str = "", role: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._look = look
        self._key = key
        self._values: dict[str, object] = {}
        self.setProperty("role", role)
        self.setWordWrap(True)
        look.texts.changed.connect(self._retranslate)
        self._retranslate()

    def say(self, key: str, **values: object) -> None:
        """Show another text from now on."""
        self._key, self._values = key, values
        self._retranslate()

    def _retranslate(self) -> None:
        if self._key:
            self.setText(self._look.texts(self._key, **self._values))


class Button(QPushButton):
    """A push button with words from the catalogue and perhaps an icon."""

    def __init__(
        self, look: Look, key: str, icon: str = "", role: str = "", clicked: Callable[[], object] | None = None
    ) -> None:
        super().__init__()
        self._look, self._key, self._icon = look, key, icon
        self._values: dict[str, object] = {}
        self.setProperty("role", role)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setIconSize(QSize(18, 18))
        look.texts.changed.connect(self._retranslate)
        look.theme.changed.connect(self._retint)
        if clicked is not None:
            self.clicked.connect(lambda: clicked())
        self._retranslate()
        self._retint()

    def say(self, key: str, **values: object) -> None:
        """Show another text from now on."""
        self._key, self._values = key, values
        self._retranslate()

    def _retranslate(self) -> None:
        self.setText(self._look.texts(self._key, **self._values))

    def _retint(self) -> None:
        if self._icon:
            role = {"primary": "on_accent", "link": "accent"}.get(str(self.property("role")), "text")
            self.setIcon(self._look.theme.icon(self._icon, role, 18))


class IconButton(QToolButton):
    """A quiet button that is an icon; its words are its tool tip and its accessible name."""

    def __init__(
        self,
        look: Look,
        key: str,
        icon: str,
        clicked: Callable[[], object] | None = None,
        *,
        role: str = "quiet",
        colour: str = "quiet",
        size: int = 18,
    ) -> None:
        super().__init__()
        self._look, self._key, self._icon, self._colour, self._size = look, key, icon, colour, size
        self.setProperty("role", role)
        self.setIconSize(QSize(size, size))
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        look.texts.changed.connect(self._retranslate)
        look.theme.changed.connect(self._retint)
        if clicked is not None:
            self.clicked.connect(lambda: clicked())
        self._retranslate()
        self._retint()

    def show_as(self, key: str, icon: str) -> None:
        """Become another button: other words, other icon."""
        self._key, self._icon = key, icon
        self._retranslate()
        self._retint()

    def _retranslate(self) -> None:
        words = self._look.texts(self._key)
        self.setToolTip(words)
        self.setAccessibleName(words)

    def _retint(self) -> None:
        self.setIcon(self._look.theme.icon(self._icon, self._colour, self._size))


class Picture(QLabel):
    """One of our icons as a picture that follows the theme."""

    def __init__(self, look: Look, icon: str, colour: str = "quiet", size: int = 18) -> None:
        super().__init__()
        self._look, self._icon, self._colour, self._size = look, icon, colour, size
        look.theme.changed.connect(self._retint)
        self.setFixedSize(size, size)
        self._retint()

    def show_as(self, icon: str, colour: str) -> None:
        """Become another picture."""
        self._icon, self._colour = icon, colour
        self._retint()

    def _retint(self) -> None:
        self.setPixmap(self._look.theme.pixmap(self._icon, self._colour, self._size))


class Choice(QComboBox):
    """A drop-down list with our own arrow."""

    def __init__(self, look: Look) -> None:
        super().__init__()
        self._look = look
        look.theme.changed.connect(self.update)

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        painter = QPainter(self)
        painter.drawPixmap(self.width() - 28, (self.height() - 18) // 2, self._look.theme.pixmap("down", "quiet", 18))
        painter.end()


def panel(name: str, margin: int = 16, spacing: int = 8) -> tuple[QFrame, QVBoxLayout]:
    """A frame with a vertical layout; `name` is what it is to the style sheet."""
    frame = QFrame()
    frame.setObjectName(name)
    layout = QVBoxLayout(frame)
    layout.setContentsMargins(margin, margin, margin, margin)
    layout.setSpacing(spacing)
    return frame, layout


def restyle(widget: QWidget) -> None:
    """Apply the style sheet again after a property that it looks at has changed."""
    widget.style().unpolish(widget)
    widget.style().polish(widget)
