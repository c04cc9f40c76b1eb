"""The page where questions are asked: conversations at the left, the conversation, the cited page at the right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QScrollArea, QSplitter, QVBoxLayout, QWidget

from agent.records import Answer, Citation, Event, EvidenceFound, Turn, Wrote
from desktop.answering import Answering
from desktop.chats import Chats, SavedTurn
from desktop.look import Look
from desktop.looking import Looking
from desktop.tasks import Lane, Task
from desktop.view_models.turns import TurnState
from desktop.widgets.chat_list import ChatList
from desktop.widgets.composer import Composer
from desktop.widgets.controls import Button, IconButton
from desktop.widgets.source_panel import SourcePanel
from desktop.widgets.turn_view import TurnView
from desktop.widgets.welcome import Welcome
from index.errors import TebikiError

COLUMN = 780
"""Width in pixels that a line of text is read well at."""


MARGIN = 20
"""Pixels above and below the conversation."""

NEAR = 40
"""Pixels within which a reader counts as being at a place."""

ROOMY = 1100
"""Width in pixels from which list, conversation and source stand side by side."""


class AskPage(QWidget):
    """`problem` carries a sentence for the message bar; `deleted` a conversation that can be restored; `busy` says
    whether somebody waits for an answer, so that work in the background can give way."""

    problem = Signal(str)
    deleted = Signal(int)
    busy = Signal(bool)
    answered = Signal()

    def __init__(
        self,
        look: Look,
        chats: Chats,
        asking: Lane,
        answering: Answering,
        reading: Lane,
        looking: Looking,
    ) -> None:
        super().__init__()
        self.setObjectName("page")
        self._look, self._chats = look, chats
        self._asking, self._answering = asking, answering
        self._reading, self._looking = reading, looking
        self._conversation: int | None = None
        self._running: tuple[TurnState, Task] | None = None
        self._follow: Literal["turn", "end", ""] = "end"
        self._placing = False
        self._list_gave_way = False
        self.turns: list[TurnView] = []
        self.chat_list = ChatList(look)
        self.source = SourcePanel(look)
        self.welcome = Welcome(look)
        self.composer = Composer(look)
        self.splitter = QSplitter(Qt.Orientation.Horizontal)
        self.splitter.setChildrenCollapsible(False)
        self.splitter.setHandleWidth(1)
        self.splitter.addWidget(self.chat_list)
        self.splitter.addWidget(self._middle())
        self.splitter.addWidget(self.source)
        self.splitter.setStretchFactor(1, 1)
        self.splitter.setSizes([232, 700, 420])
        self.source.hide()
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.splitter)
        self._connect()
        self.show_list()

    # What the window asks of the page

    def new_conversation(self) -> None:
        """Show an empty conversation; an answer that is being written goes on and is saved."""
        self._open_conversation(None)
        self.composer.edit.setFocus()

    def ask(self, question: str) -> None:
        """Ask in the conversation that is open. One question at a time."""
        if self._running is not None:
            return
        history = [Turn(view.state.question, view.state.text) for view in self.turns if view.state.phase == "answered"]
        try:
            saved = self._chats.ask(question, self._conversation)
        except TebikiError as error:
            self.problem.emit(str(error))
            return
        self._conversation = saved.conversation_id
        state = TurnState(saved.id, saved.conversation_id, question)
        self._add_view(state)
        self._follow = "turn"
        answering, scope = self._answering, self.composer.scope.scope
        task = self._asking.run(
            lambda task: answering.ask(question, history, task.tell, task.stopped, scope=scope),
            done=lambda answer: self._finished(state, answer),
            failed=lambda error: self._failed(state, error),
            event=lambda event: self._event(state, event),
        )
        self._running = (state, task)
        self.composer.set_running(True)
        self.busy.emit(True)
        self.show_list()

    def stop(self) -> None:
        """Stop the answer that is being written; what there is of it is kept."""
        if self._running is not None:
            self._running[1].stop()

    def copy_answer(self) -> None:
        """Put the last answer on the clipboard, with its references."""
        if self.turns:
            self.turns[-1].copy(references=True)

    def toggle_conversations(self) -> None:
        """Show or hide the list of conversations."""
        self._list_gave_way = False
        self.chat_list.setVisible(self.chat_list.isHidden())

    def restore(self, conversation_id: int) -> None:
        """Undo the deletion of a conversation and open it."""
        self._chats.restore(conversation_id)
        self._open_conversation(conversation_id)

    def show_list(self) -> None:
        """Read the list of conversations again."""
        self.chat_list.show_conversations(self._chats.conversations(), self._conversation)

    def open_source(self, citations: Sequence[Citation], place: int) -> None:
        """Show a cited page beside the conversation."""
        if not citations:
            return
        self.source.show()
        self._make_room()
        if self.splitter.sizes()[2] < 320:
            left, middle, right = self.splitter.sizes()
            self.splitter.setSizes([left, max(middle + right - 420, 300), 420])
        self.source.open(citations, place)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._make_room()

    # What it is made of

    def _make_room(self) -> None:
        """In a narrow window the conversation and its source need the room of the list; it comes back afterwards."""
        crowded = not self.source.isHidden() and self.width() < ROOMY
        if crowded and not self.chat_list.isHidden():
            self._list_gave_way = True
            self.chat_list.hide()
        elif not crowded and self._list_gave_way:
            self._list_gave_way = False
            self.chat_list.show()

    def close_source(self) -> None:
        """Give the room of the cited page back to the conversation."""
        self.source.hide()
        self._make_room()

    def _middle(self) -> QWidget:
        self._column = QWidget()
        self._column.setMaximumWidth(COLUMN)
        self._turns_layout = QVBoxLayout(self._column)
        self._turns_layout.setContentsMargins(24, MARGIN, 24, MARGIN)
        self._turns_layout.setSpacing(28)
        self._turns_layout.addStretch(1)
        holder = QWidget()
        row = QHBoxLayout(holder)
        row.setContentsMargins(0, 0, 0, 0)
        row.addStretch(1)
        row.addWidget(self._column, 100)
        row.addStretch(1)
        self.scroller = QScrollArea()
        self.scroller.setWidgetResizable(True)
        self.scroller.setFrameShape(QFrame.Shape.NoFrame)
        self.scroller.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.scroller.setWidget(holder)
        self.scroller.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._latest = Button(self._look, "ask.latest", "down", "chip", self._to_latest)
        self._latest.hide()
        below = QWidget()
        below.setMaximumWidth(COLUMN)
        inside = QVBoxLayout(below)
        inside.setContentsMargins(24, 4, 24, 16)
        inside.addWidget(self._latest, 0, Qt.AlignmentFlag.AlignHCenter)
        inside.addWidget(self.composer)
        centred = QHBoxLayout()
        centred.addStretch(1)
        centred.addWidget(below, 100)
        centred.addStretch(1)
        self._show_chats = IconButton(self._look, "chats.show", "side", self.toggle_conversations)
        top = QHBoxLayout()
        top.setContentsMargins(8, 6, 8, 0)
        top.addWidget(self._show_chats)
        top.addStretch(1)
        middle = QWidget()
        middle.setMinimumWidth(360)
        layout = QVBoxLayout(middle)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(top)
        layout.addWidget(self.welcome, 1)
        layout.addWidget(self.scroller, 1)
        layout.addLayout(centred)
        self.scroller.hide()
        return middle

    def _connect(self) -> None:
        self.composer.asked.connect(self.ask)
        self.composer.stop.connect(self.stop)
        self.welcome.chosen.connect(self.ask)
        self.chat_list.new.connect(self.new_conversation)
        self.chat_list.chosen.connect(self._open_conversation)
        self.chat_list.deleted.connect(self._delete)
        self.source.closed.connect(self.close_source)
        self.source.wanted.connect(self._fetch)
        bar = self.scroller.verticalScrollBar()
        bar.rangeChanged.connect(self._grown)
        bar.valueChanged.connect(self._scrolled)

    # Conversations

    def _open_conversation(self, conversation_id: int | None) -> None:
        if conversation_id is not None and conversation_id == self._conversation and self.turns:
            return
        for view in self.turns:
            self._turns_layout.removeWidget(view)
            view.hide()
            view.deleteLater()
        self.turns = []
        self._conversation = conversation_id
        self.close_source()
        self._follow = "end"
        for saved in self._chats.turns(conversation_id) if conversation_id is not None else ():
            self._add_view(self._state_of(saved))
        self._show_welcome()
        self.show_list()

    def _state_of(self, saved: SavedTurn) -> TurnState:
        if self._running is not None and self._running[0].turn_id == saved.id:
            return self._running[0]
        state = TurnState(saved.id, saved.conversation_id, saved.question, phase="lost")
        if saved.answer is not None:
            state.finish(saved.answer)
        elif saved.error:
            state.fail(saved.error)
        return state

    def _delete(self, conversation_id: int) -> None:
        if self._running is not None and self._running[0].conversation_id == conversation_id:
            self.stop()
        self._chats.delete(conversation_id)
        if conversation_id == self._conversation:
            self._open_conversation(None)
        self.show_list()
        self.deleted.emit(conversation_id)

    def _add_view(self, state: TurnState) -> None:
        view = TurnView(self._look, state)
        view.opened.connect(self.open_source)
        view.ask_again.connect(self.ask)
        self._turns_layout.insertWidget(self._turns_layout.count() - 1, view)
        self.turns.append(view)
        self._show_welcome()

    def _show_welcome(self) -> None:
        self.welcome.setVisible(not self.turns)
        self.scroller.setVisible(bool(self.turns))
        self._latest.hide()

    def _view_of(self, state: TurnState) -> TurnView | None:
        return next((view for view in self.turns if view.state is state), None)

    # An answer on its way

    def _event(self, state: TurnState, event: Event) -> None:
        state.apply(event)
        view = self._view_of(state)
        if view is None:
            return
        if isinstance(event, Wrote) and event.phrased:
            view.append(event.text, event.unsupported)
        view.refresh()
        if isinstance(event, EvidenceFound) and event.citations and not self.source.isHidden():
            self.source.open(event.citations, 0)

    def _finished(self, state: TurnState, answer: Answer) -> None:
        state.finish(answer)
        self._chats.answered(state.turn_id, answer)
        self._end(state)
        self.answered.emit()

    def _failed(self, state: TurnState, error: BaseException) -> None:
        state.fail(self._look.sentence(error))
        self._chats.failed(state.turn_id, state.error)
        self._end(state)

    def _end(self, state: TurnState) -> None:
        self._running = None
        self.composer.set_running(False)
        self.busy.emit(False)
        view = self._view_of(state)
        if view is not None:
            view.refresh()

    # Reading

    def _fetch(self, citation: Citation) -> None:
        looking = self._looking
        self._reading.run(
            lambda _: looking.page_of(citation),
            done=lambda page: self.source.show_page(citation, page),
            failed=lambda error: self.problem.emit(self._look.sentence(error)),
        )

    # Scrolling: a new turn is brought into view and its evidence stays there; the end of the text is followed only for
    # a reader who is at it, and nobody is scrolled away from what they read.

    def _scrolled(self, value: int) -> None:
        bar = self.scroller.verticalScrollBar()
        if not self._placing:
            at_end, at_turn = value >= bar.maximum() - NEAR, abs(value - self._top_of_last()) <= NEAR
            self._follow = "end" if at_end else "turn" if at_turn else ""
        self._latest.setVisible(value < bar.maximum() - NEAR and bool(self.turns))

    def _grown(self, _low: int, high: int) -> None:
        if self._follow:
            self._place(high if self._follow == "end" else min(high, self._top_of_last()))
        elif self.turns:
            self._latest.show()

    def _to_latest(self) -> None:
        self._follow = "end"
        QTimer.singleShot(0, self, lambda: self._place(self.scroller.verticalScrollBar().maximum()))

    def _place(self, value: int) -> None:
        self._placing = True
        self.scroller.verticalScrollBar().setValue(value)
        self._placing = False

    def _top_of_last(self) -> int:
        """The place of the scroll bar at which the last question stands at the top."""
        return max(self.turns[-1].y() - MARGIN, 0) if self.turns else 0
