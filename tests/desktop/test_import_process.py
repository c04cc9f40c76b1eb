"""The window's child process: an import paused and resumed, or cancelled; embeddings that wait while they are held."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from desktop.import_process import ImportProcess
from index.jobs import ImportJob, Jobs
from index.library import Library
from index.records import ImportReport
from index.store import Store
from index.watching import Watcher

LONG = 120_000


@pytest.fixture
def library(tmp_path: Path) -> Path:
    return tmp_path / "library"


@pytest.fixture
def manual(tmp_path: Path) -> Path:
    """Pages enough that an import of them can be stopped in the middle; the last one takes minutes."""
    folder = tmp_path / "manual"
    folder.mkdir()
    for n in range(60):
        (folder / f"page{n:03}.md").write_text(f"# Page {n}\n\nIt tells of topic{n:05}.\n", encoding="utf-8")
    (folder / "last").mkdir()
    (folder / "last" / "hostile.md").write_text("# Last\n\nIt tells of the end.\n", encoding="utf-8")
    return folder


@pytest.fixture
def process(library: Path, qapp: object) -> Iterator[ImportProcess]:
    process = ImportProcess(library)
    yield process
    process.close()


def only_job(library: Path) -> ImportJob:
    with closing(Store.open(library)) as store:
        (job,) = Jobs(store).history()
    return job


def reported(process: ImportProcess, qtbot: QtBot, then: object = None) -> ImportReport | None:
    with qtbot.waitSignal(process.finished, timeout=LONG) as blocker:
        if callable(then):
            then()
    assert blocker.args is not None
    report: ImportReport | None = blocker.args[0]
    return report


def import_until_last(process: ImportProcess, manual: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the import come to the page that takes minutes."""
    with monkeypatch.context() as patch:
        patch.setenv("TEBIKI_HOSTILE_READER", "hang")
        process.start_import([manual])
    qtbot.waitUntil(
        lambda: process.run.progress is not None and process.run.progress.current.endswith("hostile.md"), timeout=LONG
    )


def test_a_paused_import_is_resumed(
    process: ImportProcess, manual: Path, library: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    import_until_last(process, manual, qtbot, monkeypatch)
    report = reported(process, qtbot, process.pause)
    assert report is not None
    assert report.cancelled
    assert (only_job(library).state, only_job(library).waiting) == ("paused", 1)
    report = reported(process, qtbot, lambda: process.resume(only_job(library).id))
    assert report is not None
    assert (report.cancelled, report.unchanged, report.passages) == (False, 60, 1)
    assert only_job(library).state == "done"


def test_a_cancelled_import_is_not_offered_again(
    process: ImportProcess, manual: Path, library: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    import_until_last(process, manual, qtbot, monkeypatch)
    report = reported(process, qtbot, process.cancel)
    assert report is not None
    assert report.cancelled
    assert (only_job(library).state, only_job(library).stored) == ("cancelled", 60)
    assert not process.running


def test_a_window_that_closes_leaves_the_import_paused(
    process: ImportProcess, manual: Path, library: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    import_until_last(process, manual, qtbot, monkeypatch)
    process.close()
    assert only_job(library).state == "paused"


def test_watched_folders_are_imported(process: ImportProcess, library: Path, tmp_path: Path, qtbot: QtBot) -> None:
    share = tmp_path / "share"
    share.mkdir()
    (share / "page.md").write_text("# Holding\n\nA held job waits for relq.\n", encoding="utf-8")
    Watcher(library).add(share)
    qtbot.waitUntil(lambda: Watcher(library).due() == [share], timeout=LONG)
    report = reported(process, qtbot, process.start_watched)
    assert report is not None
    assert report.manuals == 1


def test_embeddings_wait_while_they_are_held_and_while_another_process_imports(
    process: ImportProcess, manual: Path, library: Path, tmp_path: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = ImportProcess(library)
    try:
        reported(other, qtbot, lambda: other.start_import([manual]))
        process.hold()
        process.start_embedding()
        again = tmp_path / "again"
        again.mkdir()
        (again / "last.md").write_text("# Again\n\nIt tells of topic99999.\n", encoding="utf-8")
        reported(other, qtbot, lambda: other.start_import([again]))
        assert process.running
        with Library.open(library) as opened:
            assert opened.counts.embedded == 0
        assert reported(process, qtbot, process.go_on) is None
        with Library.open(library) as opened:
            assert opened.counts.embedded == opened.counts.passages == 62
    finally:
        other.close()
