"""The window as a whole: commands, language and theme live, errors in one place, and a start with the real model."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QAbstractButton, QDialog, QPlainTextEdit, QWidget
from pytestqt.qtbot import QtBot

from agent.engine import Engine
from desktop.app import catch_errors, log_to
from desktop.folders import Folders
from desktop.look import Look
from desktop.view_models.commands import COMMANDS
from desktop.widgets.evidence_card import EvidenceCard
from desktop.window import Window
from index.errors import TebikiError


def test_every_command_has_its_method_words_and_keys(window: Window) -> None:
    for command in COMMANDS:
        action = window.actions_by_id[command.id]
        assert callable(getattr(window, command.id))
        assert action.text()
        assert action.shortcuts() == [QKeySequence(key) for key in command.keys]


def test_no_two_commands_share_a_key() -> None:
    keys = [key for command in COMMANDS for key in command.keys]
    assert len(keys) == len(set(keys))


def test_the_keys_lead_to_the_pages(window: Window, qtbot: QtBot) -> None:
    pages = []
    for name in ("show_library", "show_exam", "show_ask"):
        window.actions_by_id[name].trigger()
        pages.append(window.pages.currentWidget())
    assert pages == [window.library, window.exam, window.ask]


def test_the_list_of_keys_names_every_command(window: Window) -> None:
    window.keys()
    dialog = window.findChild(QDialog)
    words = [label.text() for label in dialog.findChildren(QWidget) if hasattr(label, "text")]
    assert all(window._look.texts(command.title) in words for command in COMMANDS)
    dialog.close()


def test_everything_that_takes_focus_has_a_name(window: Window) -> None:
    nameless = [
        widget
        for widget in window.findChildren(QWidget)
        if isinstance(widget, (QAbstractButton, QPlainTextEdit))
        and widget.focusPolicy() != Qt.FocusPolicy.NoFocus
        and not (widget.accessibleName() or (isinstance(widget, QAbstractButton) and widget.text()))
        and not widget.objectName().startswith("qt_")
        and widget is not window.message.action  # has its words when it is shown
        and widget.metaObject().className() != "QTableCornerButton"
    ]
    assert nameless == []


def test_the_language_changes_at_once_and_back(window: Window) -> None:
    window._set_language("ja")
    japanese = [window.rail.button(number).text() for number in range(3)]
    placeholder = window.ask.composer.edit.placeholderText()
    window._set_language("en")
    assert japanese == ["質問", "ライブラリ", "模擬試験"]
    assert placeholder == "マニュアルについて質問してください"
    assert window.rail.button(0).text() == "Ask"


def test_the_settings_menu_shows_what_is_chosen_and_keeps_a_new_choice(
    qtbot: QtBot, look: Look, folders: Folders
) -> None:
    kept: list[tuple[str, str]] = []
    window = Window(look, folders, save_setting=lambda name, value: kept.append((name, value)))
    qtbot.addWidget(window)
    menu = window._settings_menu()
    checked = [action.text() for action in menu.actions() if action.isChecked()]
    next(action for action in menu.actions() if action.text() == "Dark").trigger()
    menu.close()
    menu.deleteLater()
    assert checked == ["Light", "English"]
    assert kept == [("theme", "dark")]
    assert look.theme.dark


def test_the_smallest_window_holds_every_page(window: Window) -> None:
    window.resize(960, 640)
    assert (window.width(), window.height()) == (960, 640)


def test_the_window_comes_back_where_it_was(open_window: Callable[[], Window]) -> None:
    first = open_window()
    first.resize(1100, 700)
    first.close()
    assert open_window().height() == 700  # the width is cut to the test screen, which is narrower than any window


def test_an_error_that_nobody_caught_is_told_and_logged(
    window: Window, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    handlers, level = list(logging.getLogger().handlers), logging.getLogger().level
    log_to(tmp_path / "logs" / "tebiki.log")
    try:
        catch_errors(window, window._look)
        sys.excepthook(TebikiError, TebikiError("The file x is gone: import it again."), None)
        told = window.message.label.text()
        sys.excepthook(ZeroDivisionError, ZeroDivisionError("division by zero"), None)
    finally:
        from PySide6.QtCore import qInstallMessageHandler

        qInstallMessageHandler(None)
        for handler in set(logging.getLogger().handlers) - set(handlers):
            logging.getLogger().removeHandler(handler)
            handler.close()
        logging.getLogger().setLevel(level)
    assert told == "The file x is gone: import it again."
    assert "ZeroDivisionError" in window.message.label.text()
    assert "division by zero" in (tmp_path / "logs" / "tebiki.log").read_text(encoding="utf-8")


@pytest.mark.model
def test_the_window_starts_its_model_and_answers_in_its_words(window: Window, qtbot: QtBot) -> None:
    window._embedding_tried = True
    window.start()
    qtbot.waitUntil(lambda: bool(window._model_name), timeout=120_000)
    assert window._model_name in window.status.model.text()
    window.ask.ask("What happens to a job whose hold attribute is set?")
    qtbot.waitUntil(lambda: not window.ask.turns[0].state.running, timeout=120_000)
    assert window.ask.turns[0].state.citations
    assert window.ask.turns[0].state.phase == "answered"


def test_without_a_model_the_window_says_so_and_answers_with_quotes(
    qtbot: QtBot, look: Look, folders: Folders, tmp_path: Path
) -> None:
    window = Window(look, folders, model=str(tmp_path / "none.gguf"))
    qtbot.addWidget(window)
    window._embedding_tried = True
    window.show()
    window.start()
    qtbot.waitUntil(window.message.isVisible, timeout=30_000)
    assert "none.gguf" in window.message.label.text()
    window.ask.ask("What happens to a job whose hold attribute is set?")
    qtbot.waitUntil(lambda: not window.ask.turns[0].state.running, timeout=30_000)
    assert window.ask.turns[0].state.phase == "answered"


@pytest.mark.model
def test_a_question_asked_while_the_model_is_being_loaded_has_its_evidence_at_once(
    window: Window, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    window._embedding_tried = True
    load, go_on = Engine.start, threading.Event()

    def load_slowly(engine: Engine) -> None:
        go_on.wait(60)
        load(engine)

    monkeypatch.setattr(Engine, "start", load_slowly)
    window.start()
    try:
        window.ask.ask("What happens to a job whose hold attribute is set?")
        turn = window.ask.turns[0]
        qtbot.waitUntil(lambda: bool(turn.findChildren(EvidenceCard)), timeout=30_000)
        qtbot.waitUntil(lambda: turn.state.phase == "preparing")
        assert turn.findChildren(EvidenceCard)[0].isVisible()
        assert "relq" in turn.findChildren(EvidenceCard)[0].quote.toPlainText()
    finally:
        go_on.set()
    qtbot.waitUntil(lambda: turn.state.phase == "answered", timeout=120_000)
    assert turn.state.answer is not None
    assert turn.state.answer.model == window._model_name
