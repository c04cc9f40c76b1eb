"""The list of past conversations at the left of the ask page: title and day, newest first."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from PySide6.QtCore import QDate, QLocale, QModelIndex, QPersistentModelIndex, QPoint, QRect, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFontMetrics, QKeyEvent, QPainter
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QListWidget,
    QListWidgetItem,
    QMenu,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
)

from desktop.chats import Conversation
from desktop.look import Look
from desktop.widgets.controls import Button, IconButton, Words

ID = Qt.ItemDataRole.UserRole
DAY = Qt.ItemDataRole.UserRole + 1


class ConversationDelegate(QStyledItemDelegate):
    """Draws a conversation in two lines."""

    def __init__(self, look: Look, parent: QListWidget) -> None:
        super().__init__(parent)
        self._look = look

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        return QSize(120, option.fontMetrics.height() * 2 + 16)

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        colours = self._look.theme.colours
        room: QRect = option.rect.adjusted(4, 2, -4, -2)
        state = option.state
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        if state & QStyle.StateFlag.State_Selected:
            painter.setBrush(QColor(colours["accent_soft"]))
            painter.drawRoundedRect(room, 8, 8)
        elif state & QStyle.StateFlag.State_MouseOver:
            painter.setBrush(QColor(colours["hover"]))
            painter.drawRoundedRect(room, 8, 8)
        inside = room.adjusted(10, 6, -8, -6)
        metrics = QFontMetrics(painter.font())
        title = metrics.elidedText(index.data(Qt.ItemDataRole.DisplayRole), Qt.TextElideMode.ElideRight, inside.width())
        painter.setPen(QColor(colours["text"]))
        painter.drawText(inside, Qt.AlignmentFlag.AlignTop, title)
        font = painter.font()
        font.setPointSizeF(font.pointSizeF() * 0.85)
        painter.setFont(font)
        painter.setPen(QColor(colours["quiet"]))
        painter.drawText(inside, Qt.AlignmentFlag.AlignBottom, index.data(DAY))
        painter.restore()


class ChatList(QFrame):
    """`chosen` and `deleted` carry a conversation's id; `new` asks for an empty one."""

    chosen = Signal(int)
    deleted = Signal(int)
    new = Signal()

    def __init__(self, look: Look) -> None:
        super().__init__()
        self.setObjectName("chats")
        self._look = look
        self._conversations: Sequence[Conversation] = ()
        self.setMinimumWidth(180)
        self.list = QListWidget()
        self.list.setItemDelegate(ConversationDelegate(look, self.list))
        self.list.setMouseTracking(True)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setVerticalScrollMode(QListWidget.ScrollMode.ScrollPerPixel)
        self.list.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.list.customContextMenuRequested.connect(self._menu)
        self.list.itemClicked.connect(self._choose)
        self.list.itemActivated.connect(self._choose)
        self.list.itemSelectionChanged.connect(self._selected)
        self.new_button = Button(look, "chats.new", "new", clicked=self.new.emit)
        self.delete_button = IconButton(look, "chats.delete", "delete", self.delete_current)
        self.delete_button.setEnabled(False)
        self.empty = Words(look, "chats.empty", "small")
        top = QHBoxLayout()
        top.addWidget(Words(look, "chats.title", "caption"), 1)
        top.addWidget(self.delete_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(10, 12, 6, 6)
        layout.setSpacing(8)
        layout.addWidget(self.new_button)
        layout.addLayout(top)
        layout.addWidget(self.empty)
        layout.addWidget(self.list, 1)
        layout.addStretch(0)
        look.texts.changed.connect(self._retranslate)
        self._retranslate()

    def show_conversations(self, conversations: Sequence[Conversation], current: int | None) -> None:
        """Fill the list and select the conversation that is open."""
        self._conversations = conversations
        self.list.blockSignals(True)
        self.list.clear()
        for one in conversations:
            item = QListWidgetItem(one.title)
            item.setData(ID, one.id)
            item.setData(DAY, self._day(one.updated_at))
            item.setToolTip(one.title)
            self.list.addItem(item)
            if one.id == current:
                self.list.setCurrentItem(item)
        self.list.blockSignals(False)
        self.list.setVisible(bool(conversations))
        self.empty.setVisible(not conversations)
        self._selected()

    def delete_current(self) -> None:
        """Ask to delete the selected conversation."""
        if self.list.selectedItems():
            self.deleted.emit(self.list.selectedItems()[0].data(ID))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Delete:
            self.delete_current()
        else:
            super().keyPressEvent(event)

    def _choose(self, item: QListWidgetItem) -> None:
        self.chosen.emit(item.data(ID))

    def _selected(self) -> None:
        self.delete_button.setEnabled(bool(self.list.selectedItems()))

    def _menu(self, at: QPoint) -> None:
        item = self.list.itemAt(at)
        if item is None:
            return
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        action = menu.addAction(self._look.theme.icon("delete"), self._look.texts("chats.delete"))
        conversation = item.data(ID)
        action.triggered.connect(lambda: self.deleted.emit(conversation))
        menu.popup(self.list.viewport().mapToGlobal(at))

    def _day(self, moment: str) -> str:
        when = datetime.fromisoformat(moment).astimezone()
        days = (datetime.now().astimezone().date() - when.date()).days
        if days == 0:
            return self._look.texts("chats.today", time=f"{when:%H:%M}")
        if days == 1:
            return self._look.texts("chats.yesterday", time=f"{when:%H:%M}")
        locale = QLocale(QLocale.Language.Japanese if self._look.texts.language == "ja" else QLocale.Language.English)
        return locale.toString(QDate(when.year, when.month, when.day), QLocale.FormatType.ShortFormat)

    def _retranslate(self) -> None:
        self.list.setAccessibleName(self._look.texts("chats.title"))
        current = self.list.selectedItems()
        self.show_conversations(self._conversations, current[0].data(ID) if current else None)
