"""The library page: importing as a child process, its report, stopping it, removing a manual."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent
from PySide6.QtWidgets import QMessageBox
from pytestqt.qtbot import QtBot

from desktop.folders import Folders
from desktop.looking import Holdings
from desktop.window import Window

LONG = 120_000


@pytest.fixture
def more(tmp_path: Path) -> Path:
    """A second manual, with a file that no reader can read."""
    folder = tmp_path / "day-watch"
    folder.mkdir()
    (folder / "start.md").write_text("# Starting\n\nThe day begins with startd.\n", encoding="utf-8")
    (folder / "broken.pdf").write_bytes(b"%PDF-1.7 but nothing else")
    return folder


def rows(window: Window) -> list[str]:
    return sorted(manual.title for manual in window.library.model.manuals)


def loaded(window: Window, qtbot: QtBot) -> None:
    window._embedding_tried = True  # no background work in these tests
    window.library.refresh()
    qtbot.waitUntil(lambda: bool(window.library.model.manuals), timeout=LONG)


def test_manuals_are_listed_with_what_they_hold(window: Window, qtbot: QtBot) -> None:
    loaded(window, qtbot)
    window.show_library()
    model = window.library.model
    assert model.rowCount() == 1
    assert model.index(0, 4).data() == "3"
    assert "Manuals: 1" in window.status.library.text()


def test_an_import_reports_what_it_did_and_what_it_skipped(window: Window, more: Path, qtbot: QtBot) -> None:
    loaded(window, qtbot)
    before = len(rows(window))
    window.show_library()
    window.library.import_paths([more])
    assert window.library.panel.importing
    qtbot.waitUntil(lambda: window.library.panel.report is not None, timeout=LONG)
    report = window.library.panel.report
    assert report is not None
    assert [Path(one.path).name for one in report.skipped] == ["broken.pdf"]
    assert "broken.pdf" in window.library.panel.skipped.item(0).text()
    qtbot.waitUntil(lambda: len(rows(window)) == before + 1, timeout=LONG)
    window.ask.ask("What does the day begin with?")
    qtbot.waitUntil(lambda: not window.ask.turns[0].state.running, timeout=LONG)
    assert window.ask.turns[0].state.citations[0].quote == "The day begins with startd."


def test_a_path_that_is_not_there_is_named_in_the_message_bar(window: Window, tmp_path: Path, qtbot: QtBot) -> None:
    window.library.import_paths([tmp_path / "nowhere"])
    qtbot.waitUntil(window.message.isVisible, timeout=LONG)
    assert "nowhere" in window.message.label.text()
    assert not window.library.panel.importing


def test_dropping_a_folder_on_the_window_imports_it(window: Window, more: Path, qtbot: QtBot) -> None:
    started: list[list[Path]] = []
    window.library.import_paths = started.append  # type: ignore[method-assign, assignment]
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(more))])
    window.dropEvent(
        QDropEvent(
            QPointF(10, 10),
            Qt.DropAction.CopyAction,
            data,
            Qt.MouseButton.LeftButton,
            Qt.KeyboardModifier.NoModifier,
        )
    )
    assert started == [[more]]
    assert window.pages.currentWidget() is window.library


def test_a_stopped_import_keeps_the_window_and_the_library_whole(
    window: Window, tmp_path: Path, folders: Folders, qtbot: QtBot
) -> None:
    many = tmp_path / "many"
    many.mkdir()
    for number in range(400):
        (many / f"{number}.md").write_text(f"# Page {number}\n\nThis is page {number}.\n", encoding="utf-8")
    window.library.import_paths([many])
    qtbot.waitUntil(lambda: window.process.run.progress is not None, timeout=LONG)
    window.library.panel._cancel.click()
    qtbot.waitUntil(lambda: not window.process.running, timeout=LONG)
    assert not window.library.panel.importing
    from index.library import Library

    with Library.open(folders.library) as library:
        assert library.verify() == []


def test_a_manual_is_removed_only_after_a_yes(window: Window, qtbot: QtBot) -> None:
    loaded(window, qtbot)
    window.show_library()
    window.library.table.selectRow(0)
    answer(window, "Keep")
    assert len(rows(window)) == 1
    answer(window, "Remove")
    qtbot.waitUntil(lambda: not window.library.model.manuals, timeout=LONG)
    assert window.library._empty.isVisible()


def test_the_selection_stays_with_its_manual_and_goes_with_it(window: Window, qtbot: QtBot) -> None:
    loaded(window, qtbot)
    page, (manual,) = window.library, window.library.model.manuals
    other = replace(manual, id=manual.id + 1, title="Another")
    page._show(Holdings((manual, other)))
    page.table.selectRow(1)
    page._show(Holdings((other,)))
    assert page._selected_manual() == other
    window._look.texts.set_language("ja")
    assert page._selected_manual() == other
    page._show(Holdings((manual,)))
    assert page._selected_manual() is None
    assert not page.remove_button.isEnabled()


def answer(window: Window, words: str) -> None:
    """Press Remove, and a button of the box that asks."""
    window.library.remove_button.click()
    box = window.library.findChildren(QMessageBox)[-1]
    next(button for button in box.buttons() if button.text() == words).click()


def test_without_a_library_the_page_invites_to_drop(
    open_window: Callable[[], Window], folders: Folders, qtbot: QtBot
) -> None:
    import shutil

    shutil.rmtree(folders.library)
    window = open_window()
    window.show_library()
    window.library.refresh()
    qtbot.waitUntil(lambda: "empty" in window.status.library.text())
    assert window.library._empty.isVisible()
