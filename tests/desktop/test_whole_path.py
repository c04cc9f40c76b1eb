"""The whole path through the real window, as on a new user's machine: first start, import, ask, click, sit an exam."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent
from PySide6.QtWidgets import QLabel, QWidget
from pytestqt.qtbot import QtBot

from desktop.app import open_window
from desktop.folders import Folders, packaged_domains
from desktop.look import Look
from desktop.settings import Settings
from desktop.widgets.evidence_card import EvidenceCard
from desktop.window import Window

LONG = 240_000


@pytest.fixture
def first_start(qtbot: QtBot, look: Look, tmp_path: Path) -> Window:
    """The window on a machine that never saw Tebiki: no library, no data, the packs that came with the program."""
    folders = Folders(tmp_path / "library", tmp_path / "data", packaged_domains())
    folders.data.mkdir()
    window = open_window(look, folders, Settings())
    qtbot.addWidget(window)
    window.show()
    qtbot.waitExposed(window)
    window.start()
    return window


def archive_of(folder: Path, pages: list[str]) -> Path:
    """A few pages of a real manual, zipped as a vendor would."""
    archive = folder / "slurm.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for page in pages:
            file.write(page, f"slurm/{Path(page).name}")
    return archive


def drop(window: Window, path: Path) -> None:
    """Let a file fall on the window."""
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path))])
    buttons, keys = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    window.dropEvent(QDropEvent(QPointF(200, 200), Qt.DropAction.CopyAction, data, buttons, keys))


def ask(window: Window, qtbot: QtBot, question: str) -> None:
    window.show_ask()
    turns = len(window.ask.turns)
    qtbot.keyClicks(window.ask.composer.edit, question)
    qtbot.keyClick(window.ask.composer.edit, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: len(window.ask.turns) > turns and not window.ask.turns[-1].state.running, timeout=LONG)


@pytest.mark.model
@pytest.mark.corpora
@pytest.mark.timeout(900)
def test_from_the_first_start_to_an_exam(first_start: Window, slurm_manual: Path, tmp_path: Path, qtbot: QtBot) -> None:
    window = first_start

    # The primer is imported by itself, and a sample question is answered from it.
    qtbot.waitUntil(lambda: len(window.library.model.manuals) == 2, timeout=LONG)
    ask(window, qtbot, "How many levels deep can units be nested?")
    assert window.ask.turns[0].state.phase == "answered"
    assert "30" in window.ask.turns[0].findChildren(EvidenceCard)[0].quote.toPlainText()

    # The model had read its fixed part by then, although there was no library when it started.
    answer = window.ask.turns[0].state.answer
    assert answer is not None
    assert answer.tokens.prompt == 0 or answer.tokens.reused > 0

    # A manual dropped on the window is found as soon as its import is done.
    pages = [str(slurm_manual / name) for name in ("sbatch.html", "scancel.html", "squeue.html")]
    drop(window, archive_of(tmp_path, pages))
    qtbot.waitUntil(lambda: len(window.library.model.manuals) == 3, timeout=LONG)
    ask(window, qtbot, "Which sbatch option signals only the batch shell?")
    turn = window.ask.turns[-1]
    assert turn.state.phase == "answered"
    assert turn.state.citations[0].source.endswith("sbatch.html")

    # A click on the evidence opens the cited section with the quote marked.
    card = turn.findChildren(EvidenceCard)[0]
    qtbot.mouseClick(card, Qt.MouseButton.LeftButton, pos=QPoint(8, 8))
    source = window.ask.source
    qtbot.waitUntil(lambda: source.citation is not None and bool(source.body.toPlainText()), timeout=LONG)
    assert source.isVisible()
    assert source.citation is not None
    assert source.citation.quote in source.body.toPlainText().replace("\u2029", "\n")

    # An exam of the pack, answered by keys, scored, with the passages to read again.
    window.show_exam()
    window.exam.choice.choose("en", "engineer")
    window.exam.choice.begin_button.click()
    view = window.exam.sitting
    assert view.current is not None
    questions = view.current.questions
    assert len(questions) == 20
    for question in questions:
        qtbot.keyClick(view, (Qt.Key.Key_1, Qt.Key.Key_2, Qt.Key.Key_3, Qt.Key.Key_4)[question.answer])
        qtbot.keyClick(view, Qt.Key.Key_Return)
    view.finish.click()
    result = window.exam.result
    assert window.exam.stack.currentWidget() is result
    assert len(result.items) == 20
    assert any("100" in label for label in texts(result))
    result.read.emit(questions[0])
    shown = window.exam.source
    qtbot.waitUntil(lambda: shown.citation is not None and bool(shown.body.toPlainText()), timeout=LONG)
    assert shown.citation is not None
    assert Path(shown.citation.source).stem == questions[0].section


def texts(widget: QWidget) -> list[str]:
    return [label.text() for label in widget.findChildren(QLabel)]
