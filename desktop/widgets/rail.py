"""The slim navigation at the left edge: one button a page, settings and keys below."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QButtonGroup, QFrame, QToolButton, QVBoxLayout

from desktop.look import Look
from desktop.widgets.controls import Picture

PAGES = ("ask", "library", "exam")


class RailButton(QToolButton):
    """An icon over a word; checked means that its page is in view."""

    def __init__(self, look: Look, name: str, key: str, checkable: bool) -> None:
        super().__init__()
        self._look, self._name, self._key = look, name, key
        self.setCheckable(checkable)
        self.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextUnderIcon)
        self.setIconSize(QSize(24, 24))
        self.setFixedWidth(76)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        look.texts.changed.connect(self._retranslate)
        look.theme.changed.connect(self._retint)
        self.toggled.connect(self._retint)
        self._retranslate()
        self._retint()

    def _retranslate(self) -> None:
        self.setText(self._look.texts(self._key))
        self.setAccessibleName(self._look.texts(self._key))

    def _retint(self) -> None:
        self.setIcon(self._look.theme.icon(self._name, "accent" if self.isChecked() else "quiet", 24))


class Rail(QFrame):
    """`chosen` carries the number of the page."""

    chosen = Signal(int)

    def __init__(self, look: Look) -> None:
        super().__init__()
        self.setObjectName("rail")
        self.setFixedWidth(92)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 14, 8, 10)
        layout.setSpacing(6)
        layout.addWidget(Picture(look, "tebiki", "accent", 30), 0, Qt.AlignmentFlag.AlignHCenter)
        layout.addSpacing(14)
        self._group = QButtonGroup(self)
        self._group.setExclusive(True)
        for number, name in enumerate(PAGES):
            button = RailButton(look, name, f"rail.{name}", checkable=True)
            self._group.addButton(button, number)
            layout.addWidget(button)
        self._group.idClicked.connect(self.chosen)
        layout.addStretch(1)
        self.keys = RailButton(look, "keys", "rail.keys", checkable=False)
        self.settings = RailButton(look, "settings", "rail.settings", checkable=False)
        layout.addWidget(self.keys)
        layout.addWidget(self.settings)
        self.show_page(0)

    def show_page(self, number: int) -> None:
        """Mark the page that is in view."""
        self._group.button(number).setChecked(True)

    def button(self, number: int) -> RailButton:
        """The button of one page."""
        button = self._group.button(number)
        assert isinstance(button, RailButton)
        return button
