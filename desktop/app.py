"""The application around the window: Qt's set-up, the log, what happens to errors nobody caught, and the event loop."""

from __future__ import annotations

import gc
import logging
import sys
from logging.handlers import RotatingFileHandler
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from PySide6.QtCore import QMessageLogContext, QObject, QTimer, QtMsgType, qInstallMessageHandler
from PySide6.QtWidgets import QApplication

from desktop.folders import Folders
from desktop.look import Look
from desktop.texts import Texts, system_language
from desktop.theme import Theme
from desktop.tuning import base_files
from desktop.window import Window
from index.errors import TebikiError
from index.packs import list_packs

if TYPE_CHECKING:
    from desktop.settings import Settings

log = logging.getLogger("desktop")

LOG_BYTES, LOG_FILES = 1_000_000, 3

_LEVELS = {
    QtMsgType.QtDebugMsg: logging.DEBUG,
    QtMsgType.QtInfoMsg: logging.INFO,
    QtMsgType.QtWarningMsg: logging.WARNING,
    QtMsgType.QtCriticalMsg: logging.ERROR,
    QtMsgType.QtFatalMsg: logging.CRITICAL,
}


def run_window(folders: Folders, settings: Settings) -> int:
    """Open the window and return its exit status when it is closed. Raises TebikiError where it can't open."""
    folders.data.mkdir(parents=True, exist_ok=True)
    log_to(folders.data / "logs" / "tebiki.log")
    application = QApplication(sys.argv[:1])
    application.setApplicationName("Tebiki")
    application.setDesktopFileName("tebiki")
    language = system_language() if settings.language == "system" else settings.language
    look = Look(Texts(language, application), Theme(application, settings.theme, language))
    look.texts.translate_qt(application)
    application.setWindowIcon(look.theme.icon("tebiki", "accent", 64))
    collector = Collector(application)
    window = open_window(look, folders, settings)
    window.show()
    window.start()
    status = application.exec()
    collector.stop()
    return status


def open_window(look: Look, folders: Folders, settings: Settings) -> Window:
    """The window with the domain packs that are there; a pack that breaks its form is named in the message bar."""
    from desktop.settings import save_setting

    try:
        packs, problem = list_packs(folders.domains), ""
    except TebikiError as error:
        packs, problem = [], str(error)
    window = Window(
        look,
        folders,
        model=settings.model,
        threads=settings.threads,
        bases=base_files(settings),
        packs=packs,
        save_setting=save_setting,
    )
    if problem:
        window.show_problem(problem)
    catch_errors(window, look)
    return window


def log_to(path: Path) -> None:
    """Everything worth knowing goes to one rotating file; questions and answers never do."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handler = RotatingFileHandler(path, maxBytes=LOG_BYTES, backupCount=LOG_FILES, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    qInstallMessageHandler(_qt_message)


def catch_errors(window: Window, look: Look) -> None:
    """An error that nobody caught goes to the log and is named in the message bar; the window stays."""

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        log.error("not caught", exc_info=(kind, error, trace))
        if issubclass(kind, KeyboardInterrupt):
            QApplication.quit()
            return
        window.show_problem(look.sentence(error))

    sys.excepthook = hook


def _qt_message(kind: QtMsgType, context: QMessageLogContext, message: str) -> None:
    logging.getLogger("qt").log(_LEVELS.get(kind, logging.WARNING), "%s", message)


class Collector(QObject):
    """Python's garbage collector, kept on the window's thread: a Qt object that dies on another one brings all down."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        gc.disable()
        self._timer = QTimer(self, interval=2000)
        self._timer.timeout.connect(self._collect)
        self._timer.start()

    def stop(self) -> None:
        """Give collecting back to Python."""
        self._timer.stop()
        gc.enable()

    @staticmethod
    def _collect() -> None:
        counts, thresholds = gc.get_count(), gc.get_threshold()
        for generation in (2, 1, 0):
            if counts[generation] > thresholds[generation] > 0:
                gc.collect(generation)
                return
