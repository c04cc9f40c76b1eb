"""The window: rail, pages, message bar and status line; commands from data; one place where trouble is shown."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QPoint, QSettings, Qt
from PySide6.QtGui import (
    QAction,
    QActionGroup,
    QCloseEvent,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDropEvent,
    QKeySequence,
    QResizeEvent,
)
from PySide6.QtWidgets import QHBoxLayout, QLabel, QMainWindow, QMenu, QStackedWidget, QVBoxLayout, QWidget

from desktop.answering import Answering, EngineReady
from desktop.chats import Chats
from desktop.database import Database
from desktop.folders import Folders
from desktop.import_process import ImportProcess
from desktop.look import Look
from desktop.looking import Holdings, Looking
from desktop.model_choice import ModelChoice, Save
from desktop.pages.ask import AskPage
from desktop.pages.exam import ExamPage
from desktop.pages.library import LibraryPage
from desktop.sittings import Sittings
from desktop.tasks import Lane
from desktop.theme import Mode
from desktop.tuning import Making
from desktop.view_models.commands import COMMANDS
from desktop.widgets.keys_dialog import KeysDialog
from desktop.widgets.message_bar import MessageBar
from desktop.widgets.rail import Rail
from desktop.widgets.status_line import StatusLine
from index.packs import Pack, of_use
from index.records import Language, Manual

log = logging.getLogger(__name__)


def spoken(look: Look) -> Language:
    """The window's language: the one that the first question is expected in."""
    return "ja" if look.texts.language == "ja" else "en"


class Window(QMainWindow):
    """Everything the user sees. `save_setting` keeps what is chosen in the settings menu."""

    def __init__(
        self,
        look: Look,
        folders: Folders,
        *,
        model: str = "auto",
        threads: int = 0,
        bases: Sequence[Path] = (),
        packs: Sequence[Pack] = (),
        save_setting: Save = lambda _name, _value: None,
    ) -> None:
        super().__init__()
        self._look, self._folders = look, folders
        self._packs, self._save_setting = packs, save_setting
        self._model_name = ""
        self._embedding_tried = False
        self._database = Database(folders.data / "chats.sqlite")
        self._chats = Chats(self._database)
        self._asking, self._reading = Lane("asking", self), Lane("reading", self)
        self._packing, self._modelling = Lane("packing", self), Lane("model", self)
        self._answering, self._looking = Answering(folders, model, threads, spoken(look)), Looking(folders)
        lanes = (self._reading, self._asking)
        self.models = ModelChoice(look, folders, self._answering, lanes, model, bases, save_setting, self)
        self.process = ImportProcess(folders.library, self)
        self.ask = AskPage(look, self._chats, self._asking, self._answering, self._reading, self._looking)
        self.library = LibraryPage(look, folders, self._reading, self._packing, self._looking, self.process)
        self.exam = ExamPage(look, Sittings(self._database), self._reading, self._looking)
        self._build()
        self._connect()
        self.actions_by_id = {command.id: self._action(command.id, command.keys) for command in COMMANDS}
        look.texts.changed.connect(self._retranslate)
        self._retranslate()
        self._offer_packs(())
        self._restore_geometry()
        self.setAcceptDrops(True)

    def start(self) -> None:
        """Open what takes time in the background: the library, the model, and on a first start the primers."""
        self.ask.composer.edit.setFocus()
        answering = self._answering
        answering.expect_engine()
        self._modelling.run(lambda _: answering.start_engine(), done=self._engine_ready, failed=self._engine_failed)
        self._asking.run(lambda _: answering.open_library())
        self.models.make()
        if (self._folders.library / "library.sqlite").is_file():
            self.library.refresh()
        else:
            primers = [primer for pack in self._packs for primer in pack.primers]
            if primers:
                self._answering.hold()
                self.library.import_paths(primers)
                self.message.show_message(self._look.texts("library.first"))
            self.library.refresh()

    # Commands, named as in view_models.commands

    def new_conversation(self) -> None:
        self.show_page(0)
        self.ask.new_conversation()

    def focus_composer(self) -> None:
        self.show_page(0)
        self.ask.composer.edit.setFocus()

    def stop(self) -> None:
        self.ask.stop()

    def copy_answer(self) -> None:
        self.ask.copy_answer()

    def previous_citation(self) -> None:
        self.ask.source.step(-1)

    def next_citation(self) -> None:
        self.ask.source.step(1)

    def toggle_conversations(self) -> None:
        self.ask.toggle_conversations()

    def show_ask(self) -> None:
        self.show_page(0)

    def show_library(self) -> None:
        self.show_page(1)

    def show_exam(self) -> None:
        self.show_page(2)

    def import_files(self) -> None:
        self.show_page(1)
        self.library.choose_files()

    def import_folder(self) -> None:
        self.show_page(1)
        self.library.choose_folder()

    def settings_menu(self) -> None:
        button = self.rail.settings
        menu = self._settings_menu()
        menu.popup(button.mapToGlobal(QPoint(button.width() + 4, button.height() - menu.sizeHint().height())))

    def keys(self) -> None:
        KeysDialog(self._look, self).open()

    def choose_model(self) -> None:
        self.models.open(self)

    def quit(self) -> None:
        self.close()

    def show_page(self, number: int) -> None:
        """Bring one page into view."""
        self.pages.setCurrentIndex(number)
        self.rail.show_page(number)
        if number == 0:
            self.ask.composer.edit.setFocus()
        elif not self.rail.isAncestorOf(self.focusWidget() or self):
            (self.library.table if number == 1 else self.exam.stack).setFocus()

    # What it is made of

    def _build(self) -> None:
        self.setMinimumSize(960, 640)
        self.resize(1280, 800)
        self.rail, self.message, self.status = Rail(self._look), MessageBar(self._look), StatusLine(self._look)
        self.pages = QStackedWidget()
        for page in (self.ask, self.library, self.exam):
            self.pages.addWidget(page)
        right = QVBoxLayout()
        right.setContentsMargins(0, 0, 0, 0)
        right.setSpacing(0)
        right.addWidget(self.message)
        right.addWidget(self.pages, 1)
        across = QHBoxLayout()
        across.setContentsMargins(0, 0, 0, 0)
        across.setSpacing(0)
        across.addWidget(self.rail)
        across.addLayout(right, 1)
        self._central = central = QWidget()
        layout = QVBoxLayout(central)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(across, 1)
        layout.addWidget(self.status)
        self.setCentralWidget(central)
        self._overlay = QLabel(central)
        self._overlay.setObjectName("overlay")
        self._overlay.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._overlay.hide()

    def _connect(self) -> None:
        self.rail.chosen.connect(self.show_page)
        self.rail.settings.clicked.connect(self.settings_menu)
        self.rail.keys.clicked.connect(self.keys)
        for page in (self.ask, self.library, self.exam):
            page.problem.connect(self.show_problem)
        self.ask.deleted.connect(self._offer_undo)
        self.ask.busy.connect(lambda busy: self.process.hold() if busy else self.process.go_on())
        self.library.done.connect(lambda words: self.message.show_message(words, "good"))
        for part in (self.library.packs, self.library.care):
            part.working.connect(lambda words: self.message.show_message(words))
            part.done.connect(lambda words: self.message.show_message(words, "good"))
        self.library.care.damaged.connect(self._offer_mending)
        self.library.changed.connect(self._library_changed)
        self.library.holdings_known.connect(self._show_holdings)
        self.models.named.connect(self._show_model)
        self.models.progressed.connect(self._show_making)
        self.models.problem.connect(self.show_problem)
        self.ask.answered.connect(self.models.tell_name)
        self.process.progressed.connect(self._show_work)
        self.process.finished.connect(self._show_work)
        self.process.failed.connect(self._show_work)
        self.process.finished.connect(self._answering.release)
        self.process.failed.connect(self._answering.release)

    def _action(self, name: str, keys: tuple[str, ...]) -> QAction:
        action = QAction(self)
        action.setShortcuts([QKeySequence(key) for key in keys])
        action.setShortcutContext(Qt.ShortcutContext.WindowShortcut)
        action.triggered.connect(lambda: getattr(self, name)())
        self.addAction(action)
        return action

    def _settings_menu(self) -> QMenu:
        texts, menu = self._look.texts, QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._choices(menu, "theme", ("system", "light", "dark"), self._look.theme.mode, self._set_theme)
        menu.addSeparator()
        self._choices(menu, "language", ("en", "ja"), texts.language, self._set_language)
        menu.addSeparator()
        menu.addAction(texts("settings.model", name=self._model_name or "–")).triggered.connect(self.choose_model)
        menu.addSeparator()
        menu.addAction(texts("settings.data", folder=self._folders.data)).setEnabled(False)
        return menu

    def _choices(
        self, menu: QMenu, name: str, values: Sequence[str], current: str, choose: Callable[[str], None]
    ) -> None:
        title = menu.addAction(self._look.texts(f"settings.{name}"))
        title.setEnabled(False)
        group = QActionGroup(menu)
        for value in values:
            action = menu.addAction(self._look.texts(f"settings.{name}_{value}"))
            action.setCheckable(True)
            action.setChecked(value == current)
            action.triggered.connect(lambda _=False, value=value: choose(value))
            group.addAction(action)

    # What it does

    def show_problem(self, sentence: str) -> None:
        """Show what went wrong in the message bar."""
        self.message.show_message(sentence, "error")

    def _set_theme(self, value: str) -> None:
        mode: Mode = "light" if value == "light" else "dark" if value == "dark" else "system"
        self._look.theme.set_mode(mode)
        self._save_setting("theme", value)

    def _set_language(self, value: str) -> None:
        self._look.theme.set_language(value)
        self._look.texts.set_language(value)
        self._save_setting("language", value)

    def _engine_ready(self, ready: EngineReady) -> None:
        if not (ready.model or ready.problem):
            return  # another model took its place while it was being loaded
        self._show_model(ready.model)
        self._warm()
        if ready.problem:
            self.show_problem(ready.problem)

    def _show_model(self, name: str) -> None:
        self._model_name = name
        self.status.model.say("status.model" if name else "status.model_none", **({"name": name} if name else {}))

    def _show_making(self, making: Making) -> None:
        percent = 100 * making.done // max(making.total, 1)
        self.status.model.say("status.making", name=making.name, percent=percent)
        if making.done >= making.total:
            self.models.tell_name()

    def _engine_failed(self, error: BaseException) -> None:
        self._engine_ready(EngineReady("", self._look.sentence(error)))

    def _show_holdings(self, holdings: Holdings) -> None:
        self.ask.composer.scope.show_manuals(holdings.manuals)
        self._offer_packs(holdings.manuals)
        if holdings.manuals:
            self.status.library.say("status.library", manuals=len(holdings.manuals), passages=f"{holdings.passages:,}")
        else:
            self.status.library.say("status.library_empty")
        if holdings.embedded < holdings.passages and not self.process.running and not self._embedding_tried:
            self._embedding_tried = True
            self.library.fill_embeddings()

    def _offer_packs(self, manuals: Sequence[Manual]) -> None:
        """Offer samples and banks of the products that can be asked about, and of no other."""
        packs = of_use(self._packs, manuals)
        self.ask.welcome.show_samples([sample for pack in packs for sample in pack.samples])
        self.exam.choice.load(packs)

    def _show_work(self, *_: object) -> None:
        at = self.process.run.progress if self.process.running else None
        if at is None:
            self.status.work.say("")
            self.status.work.setText("")
        else:
            key = "status.improving" if at.stage == "embedding" else "status.importing"
            self.status.work.say(key, done=f"{at.done:,}", total=f"{at.total:,}")

    def _library_changed(self) -> None:
        answering = self._answering
        self._asking.run(lambda _: answering.library_changed())
        self._asking.run(lambda _: answering.open_library())

    def _warm(self) -> None:
        answering = self._answering
        self._modelling.run(lambda _: answering.warm(), failed=lambda error: log.info("not warmed", exc_info=error))

    def _offer_undo(self, conversation_id: int) -> None:
        texts = self._look.texts
        self.message.show_message(
            texts("chats.deleted"), "plain", texts("chats.undo"), lambda: self.ask.restore(conversation_id)
        )

    def _offer_mending(self, words: str) -> None:
        self.message.show_message(words, "error", self._look.texts("care.mend"), self.library.care.mend)

    def _retranslate(self) -> None:
        texts = self._look.texts
        self.setWindowTitle(texts("window.title"))
        self._overlay.setText(texts("window.drop"))
        for command in COMMANDS:
            self.actions_by_id[command.id].setText(texts(command.title))

    # Dropping files, geometry, closing

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()
            self._overlay.setGeometry(self._central.rect().adjusted(16, 16, -16, -16))
            self._overlay.show()
            self._overlay.raise_()

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        self._overlay.hide()

    def dropEvent(self, event: QDropEvent) -> None:
        self._overlay.hide()
        paths = [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]
        event.acceptProposedAction()
        self.show_page(1)
        self.library.import_paths(paths)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._overlay.setGeometry(self._central.rect().adjusted(16, 16, -16, -16))

    def closeEvent(self, event: QCloseEvent) -> None:
        self.ask.stop()
        self.exam.pause()
        state = self._window_state()
        state.setValue("geometry", self.saveGeometry())
        state.sync()
        self.process.close()
        self.models.close()
        self._asking.close(self._answering.close)
        self._modelling.close(self._answering.close_engine)
        self._reading.close(self._looking.close)
        self._packing.close()
        self._chats.purge()
        self._database.close()
        super().closeEvent(event)

    def _window_state(self) -> QSettings:
        return QSettings(str(self._folders.data / "window.ini"), QSettings.Format.IniFormat)

    def _restore_geometry(self) -> None:
        geometry = self._window_state().value("geometry")
        if geometry is not None:
            self.restoreGeometry(geometry)
