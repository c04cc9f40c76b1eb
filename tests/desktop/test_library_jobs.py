"""Imports as jobs in the window: paused and gone on with, left, looked at file by file; watched folders; checks."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from desktop.folders import Folders
from desktop.widgets.jobs_dialog import JobsDialog
from desktop.widgets.watched_dialog import WatchedDialog
from desktop.window import Window
from index.importing import import_manuals
from index.jobs import Jobs
from index.library import Library
from index.watching import Watcher

LONG = 120_000

SETTLED_MS = 3_200
"""A file that changed moments ago may still be being written, and waits for the next look, a minute later."""


def pages(folder: Path, count: int) -> Path:
    """A manual of many small pages."""
    folder.mkdir(parents=True)
    for number in range(count):
        text = f"# Page {number}\n\nThis page tells of topic{number:05} and of nothing else.\n"
        (folder / f"page{number:04}.md").write_text(text, encoding="utf-8")
    return folder


def loaded(window: Window, qtbot: QtBot) -> None:
    window._embedding_tried = True  # no background work in these tests
    window.show_library()
    window.library.refresh()
    qtbot.waitUntil(lambda: bool(window.library.model.manuals), timeout=LONG)


@pytest.fixture
def cut_short(folders_library: Path, tmp_path: Path) -> Path:
    """An import of forty pages that was stopped after ten."""
    manual = pages(tmp_path / "manual", 40)
    asked = count()
    import_manuals(folders_library, [manual], progress=lambda _: None, cancelled=lambda: next(asked) >= 10)
    return manual


@pytest.fixture
def folders_library(tmp_path: Path, imported: Path) -> Path:
    """The library that `folders` will hold, made before the window opens."""
    return shutil.copytree(imported, tmp_path / "library", dirs_exist_ok=True)


@pytest.fixture
def folders(folders_library: Path, tmp_path: Path) -> Folders:
    return Folders(folders_library, tmp_path / "data", tmp_path / "domains")


def test_an_unfinished_import_is_offered_and_gone_on_with(
    cut_short: Path, open_window: Callable[[], Window], qtbot: QtBot
) -> None:
    window = open_window()
    loaded(window, qtbot)
    qtbot.waitUntil(window.library.paused.isVisible, timeout=LONG)
    job = window.library.paused.job
    assert job is not None
    assert 0 < job.waiting < 40
    window.library.paused.resume.emit(job)
    qtbot.waitUntil(lambda: window.library.panel.report is not None, timeout=LONG)
    with Library.open(window._folders.library) as library:
        assert Jobs(library.store).unfinished() == []
        assert library.search("topic00039")[0].passage.source.endswith("page0039.md")
    qtbot.waitUntil(lambda: not window.library.paused.isVisible(), timeout=LONG)


def test_the_rest_of_an_import_can_be_left(cut_short: Path, open_window: Callable[[], Window], qtbot: QtBot) -> None:
    window = open_window()
    loaded(window, qtbot)
    qtbot.waitUntil(window.library.paused.isVisible, timeout=LONG)
    window.library.paused.discard.emit(window.library.paused.job)
    qtbot.waitUntil(lambda: not window.library.paused.isVisible(), timeout=LONG)
    assert "left out" in window.message.label.text()
    with Library.open(window._folders.library) as library:
        assert Jobs(library.store).unfinished() == []
        assert library.search("topic00001")


def test_an_import_is_paused_in_the_window_and_waits_to_be_gone_on_with(
    open_window: Callable[[], Window], tmp_path: Path, qtbot: QtBot
) -> None:
    window = open_window()
    loaded(window, qtbot)
    window.library.import_paths([pages(tmp_path / "many", 1500)])
    qtbot.waitUntil(lambda: (at := window.library.process.run.progress) is not None and at.done > 20, timeout=LONG)
    window.library.panel._pause.click()
    qtbot.waitUntil(window.library.paused.isVisible, timeout=LONG)
    job = window.library.paused.job
    assert job is not None
    assert job.state == "paused"
    assert job.waiting > 0
    assert job.stored > 0


def test_the_imports_are_shown_file_by_file_with_what_could_not_be_read_first(
    open_window: Callable[[], Window], tmp_path: Path, qtbot: QtBot
) -> None:
    window = open_window()
    loaded(window, qtbot)
    manual = pages(tmp_path / "some", 3)
    (manual / "broken.pdf").write_bytes(b"%PDF-1.7 but nothing else")
    window.library.import_paths([manual])
    qtbot.waitUntil(lambda: window.library.panel.report is not None, timeout=LONG)
    window.library.care.show_jobs()
    qtbot.waitUntil(lambda: window.library.findChild(JobsDialog) is not None, timeout=LONG)
    dialog = window.library.findChild(JobsDialog)
    assert isinstance(dialog, JobsDialog)
    qtbot.waitUntil(lambda: dialog.model.rowCount() == 1, timeout=LONG)
    assert dialog.model.index(0, 0).data() == "not read"
    assert dialog.model.index(0, 1).data().endswith("broken.pdf")
    assert dialog.model.index(0, 2).data()
    dialog.shown.setCurrentIndex(0)
    assert dialog.model.rowCount() == 4
    assert not dialog.resume_button.isVisible()
    dialog.accept()


def test_a_watched_folder_is_imported_when_it_is_added_and_when_something_comes_to_it(
    open_window: Callable[[], Window], tmp_path: Path, qtbot: QtBot
) -> None:
    window = open_window()
    loaded(window, qtbot)
    watched = pages(tmp_path / "watched", 2)
    _old(watched)
    qtbot.wait(SETTLED_MS)
    window.library.care.show_watched()
    dialog = window.library.findChild(WatchedDialog)
    assert isinstance(dialog, WatchedDialog)
    dialog.added.emit(watched)
    qtbot.waitUntil(lambda: len(window.library.model.manuals) == 2, timeout=LONG)
    assert [folder.path for folder in Watcher(window._folders.library).folders()] == [str(watched)]
    qtbot.waitUntil(lambda: dialog.list.count() == 1, timeout=LONG)
    dialog.accept()
    (watched / "later.md").write_text("# Later\n\nThe word quokka came later.\n", encoding="utf-8")
    _old(watched)
    qtbot.waitUntil(lambda: not window.process.running, timeout=LONG)
    qtbot.wait(SETTLED_MS)
    window.library.care.look_at_watched()

    def found() -> bool:
        with Library.open(window._folders.library, mend=False) as library:
            return bool(library.search("quokka"))

    qtbot.waitUntil(found, timeout=LONG)
    qtbot.waitUntil(lambda: not window.process.running, timeout=LONG)


def test_the_library_is_backed_up_checked_and_mended(open_window: Callable[[], Window], qtbot: QtBot) -> None:
    window = open_window()
    loaded(window, qtbot)
    window.library.care.back_up()
    qtbot.waitUntil(lambda: "backed up" in window.message.label.text(), timeout=LONG)
    assert list((window._folders.library / "backups").glob("*.sqlite"))
    window.library.care.verify()
    qtbot.waitUntil(lambda: "whole" in window.message.label.text(), timeout=LONG)
    for pointer in window._folders.library.glob("lexical-*"):
        for file in pointer.glob("*.seg"):
            content = bytearray(file.read_bytes())
            content[len(content) // 2] ^= 0xFF
            file.write_bytes(content)
    window.library.care.verify()
    qtbot.waitUntil(window.message.action.isVisible, timeout=LONG)
    window.message.action.click()
    qtbot.waitUntil(lambda: "rebuilt" in window.message.label.text(), timeout=LONG)


def _old(folder: Path) -> None:
    """Have the files of a folder look as if they had been written long ago (their time of change can't be set)."""
    for file in folder.iterdir():
        os.utime(file, (1_700_000_000, 1_700_000_000))
