"""Says where is searched, and opens a list to choose it from; with many manuals one types a few letters."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QObject, QPoint, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QFrame, QLabel, QLineEdit, QListWidget, QListWidgetItem, QToolButton, QVBoxLayout, QWidget

from desktop.look import Look
from desktop.view_models.scopes import EVERYTHING, ScopeChoice, choices
from index.records import Manual, Scope

WIDTH, ROW, MOST_ROWS = 420, 46, 8
FEW = 8
"""Up to so many lines need no filter."""


class ScopeButton(QToolButton):
    """`chosen` says that another scope holds from now on; `scope` is the one that does."""

    chosen = Signal(object)

    def __init__(self, look: Look) -> None:
        super().__init__()
        self._look = look
        self._manuals: tuple[Manual, ...] = ()
        self.scope = EVERYTHING
        self.setProperty("role", "scope")
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.setIconSize(QSize(15, 15))
        self.clicked.connect(self.open_list)
        look.texts.changed.connect(self._show)
        look.theme.changed.connect(self._show)
        self._show()
        self.hide()

    def show_manuals(self, manuals: Sequence[Manual]) -> None:
        """Offer these manuals. A scope whose manual is gone becomes everything; one manual alone is no choice."""
        self._manuals = tuple(manuals)
        if self.scope not in (choice.scope for choice in self._choices()):
            self._choose(EVERYTHING)
        self.setVisible(len(self._manuals) > 1)
        self._show()

    def open_list(self) -> ScopeList:
        """Show the choices above the button."""
        popup = ScopeList(self._look, self._choices(), self.scope, self)
        popup.chosen.connect(self._choose)
        popup.move(self.mapToGlobal(QPoint(0, -popup.height() - 6)))
        popup.show()
        return popup

    def _choices(self) -> list[ScopeChoice]:
        return choices(self._manuals, self._look.texts)

    def _choose(self, scope: Scope) -> None:
        self.scope = scope
        self._show()
        self.chosen.emit(scope)

    def _show(self) -> None:
        label = next((one.label for one in self._choices() if one.scope == self.scope), "")
        everything = self.scope == EVERYTHING
        self.setText(self.fontMetrics().elidedText(label, Qt.TextElideMode.ElideMiddle, 260))
        self.setIcon(self._look.theme.icon("library", "quiet" if everything else "accent", 15))
        self.setToolTip(self._look.texts("scope.tip"))
        self.setAccessibleName(f"{self._look.texts('scope.tip')}: {label}")


class ScopeList(QFrame):
    """The choices as a list that closes itself; arrows move, Enter chooses, Escape leaves all as it was."""

    chosen = Signal(object)

    def __init__(self, look: Look, offered: Sequence[ScopeChoice], now: Scope, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setObjectName("popup")
        self._offered = list(offered)
        self._now = now
        self.filter = QLineEdit()
        self.filter.setPlaceholderText(look.texts("scope.filter"))
        self.filter.setAccessibleName(look.texts("scope.filter"))
        self.filter.setClearButtonEnabled(True)
        self.filter.textChanged.connect(self._fill)
        self.filter.installEventFilter(self)
        self.list = QListWidget()
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setAccessibleName(look.texts("scope.tip"))
        self.list.itemClicked.connect(self._take)
        self.list.itemActivated.connect(self._take)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.addWidget(self.filter)
        layout.addWidget(self.list)
        self.filter.setVisible(len(self._offered) > FEW)
        self.list.setFixedHeight(min(len(self._offered), MOST_ROWS) * ROW + 8)
        self.setFixedWidth(WIDTH)
        self._fill("")
        self.adjustSize()
        (self.filter if self.filter.isVisibleTo(self) else self.list).setFocus()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """The arrows and Enter work in the list while one types into the filter."""
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            if event.key() in (Qt.Key.Key_Down, Qt.Key.Key_Up):
                step = 1 if event.key() == Qt.Key.Key_Down else -1
                self.list.setCurrentRow(max(0, min(self.list.count() - 1, self.list.currentRow() + step)))
                return True
            if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.list.currentItem() is not None:
                self._take(self.list.currentItem())
                return True
        return super().eventFilter(watched, event)

    def _fill(self, words: str) -> None:
        self.list.clear()
        for choice in self._offered:
            if choice.matches(words):
                item = QListWidgetItem(self.list)
                item.setData(Qt.ItemDataRole.UserRole, choice.scope)
                item.setData(Qt.ItemDataRole.AccessibleTextRole, f"{choice.label}, {choice.detail}")
                item.setSizeHint(QSize(0, ROW))
                self.list.setItemWidget(item, _line(choice))
                if choice.scope == self._now:
                    self.list.setCurrentItem(item)
        if self.list.currentRow() < 0:
            self.list.setCurrentRow(0)

    def _take(self, item: QListWidgetItem) -> None:
        scope = item.data(Qt.ItemDataRole.UserRole)
        self.close()
        self.chosen.emit(scope)


def _line(choice: ScopeChoice) -> QWidget:
    line = QWidget()
    column = QVBoxLayout(line)
    column.setContentsMargins(10, 4, 10, 4)
    column.setSpacing(0)
    label, detail = QLabel(choice.label), QLabel(choice.detail)
    for words in (label, detail):
        words.setTextFormat(Qt.TextFormat.PlainText)
        words.setToolTip(choice.label)
    label.setSizePolicy(label.sizePolicy().Policy.Ignored, label.sizePolicy().Policy.Preferred)
    detail.setProperty("role", "small")
    column.addWidget(label)
    column.addWidget(detail)
    return line
