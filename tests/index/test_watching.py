"""Watched folders: what is new or changed is imported, what is half written waits, what is away is missed once."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from index import errors
from index.importing import import_manuals
from index.library import Library
from index.watching import Round, Watcher, import_watched
from tests.index.small_manuals import MESSAGES, PORTS, write_manual


@pytest.fixture
def library(tmp_path: Path) -> Path:
    return tmp_path / "library"


@pytest.fixture
def share(tmp_path: Path, library: Path) -> Path:
    """A watched folder with one page."""
    folder = write_manual(tmp_path / "share", {"ports.html": PORTS})
    Watcher(library).add(folder)
    return folder


def later() -> float:
    """The time on a clock by which every file here was written long ago."""
    return time.time() + 60


def imported(library: Path, now: Callable[[], float] = later) -> Round:
    return import_watched(library, progress=lambda _: None, cancelled=lambda: False, now=now)


def sources(library: Path) -> list[str]:
    with Library.open(library) as opened:
        return [source for manual in opened.manuals() for source in opened.sources(manual.id)]


def test_what_a_watched_folder_holds_is_imported_once(library: Path, share: Path) -> None:
    watcher = Watcher(library, now=later)
    assert watcher.due() == [share]
    assert [report.manuals for report in imported(library).reports] == [1]
    assert watcher.due() == []
    assert imported(library).reports == ()
    assert sources(library) == ["ports.html"]


def test_a_file_that_is_added_or_changed_makes_its_folder_due(library: Path, share: Path) -> None:
    imported(library)
    write_manual(share, {"messages.html": MESSAGES})
    assert [(report.manuals, report.unchanged) for report in imported(library).reports] == [(1, 1)]
    write_manual(share, {"ports.html": PORTS.replace("20243", "31415")})
    assert [report.manuals for report in imported(library).reports] == [1]
    with Library.open(library) as opened:
        assert "31415/tcp" in opened.source_text(1, "ports.html")


def test_a_file_that_changed_just_now_is_left_until_it_rests(library: Path, share: Path) -> None:
    imported(library)
    write_manual(share, {"messages.html": MESSAGES[: len(MESSAGES) // 2]})
    half = imported(library, time.time)
    assert half.reports == ()
    assert share / "messages.html" in half.look.left
    assert sources(library) == ["ports.html"]
    write_manual(share, {"messages.html": MESSAGES})
    imported(library)
    with Library.open(library) as opened:
        assert "Check the queue" in opened.source_text(1, "messages.html")


def test_the_file_that_is_being_written_does_not_keep_the_others_waiting(library: Path, share: Path) -> None:
    imported(library)
    write_manual(share, {"messages.html": MESSAGES, "start.html": MESSAGES.replace("Messages", "Start")})
    soon = share / "messages.html"
    moment = soon.stat().st_ctime + 3.5  # on that clock "start.html" was touched just now, the other one was not
    os.utime(share / "start.html", (moment, moment))
    reports = imported(library, lambda: moment).reports
    assert [report.manuals for report in reports] == [1]
    assert sources(library) == ["messages.html", "ports.html"]
    imported(library)
    assert sources(library) == ["messages.html", "ports.html", "start.html"]


def test_a_folder_that_is_away_is_named_once_and_nothing_is_removed(library: Path, share: Path) -> None:
    imported(library)
    away = share.with_name("pulled")
    share.rename(away)
    first, second = imported(library), imported(library)
    assert (first.look.missing, second.look.missing) == ((share,), ())
    assert Watcher(library).folders()[0].missing
    assert sources(library) == ["ports.html"]
    write_manual(away, {"messages.html": MESSAGES})
    away.rename(share)
    assert [report.manuals for report in imported(library).reports] == [1]
    assert not Watcher(library).folders()[0].missing


def test_a_file_that_vanishes_stays_in_the_library(library: Path, share: Path) -> None:
    write_manual(share, {"messages.html": MESSAGES})
    imported(library)
    (share / "ports.html").unlink()
    assert imported(library).reports == ()
    assert sources(library) == ["messages.html", "ports.html"]


def test_a_file_that_can_not_be_read_is_not_tried_again_until_it_changes(library: Path, share: Path) -> None:
    (share / "broken.pdf").write_bytes(b"%PDF-1.7 not really")
    assert len(imported(library).reports[0].skipped) == 1
    assert imported(library).reports == ()


def test_an_import_that_was_stopped_leaves_the_folder_due(library: Path, share: Path) -> None:
    import_watched(library, progress=lambda _: None, cancelled=iter([False, True, True, True]).__next__, now=later)
    assert Watcher(library, now=later).due() == [share]
    imported(library)
    assert Watcher(library, now=later).due() == []


def test_a_clock_that_jumped_does_not_hide_a_file(library: Path, share: Path) -> None:
    ahead = time.time() + 86_400
    os.utime(share / "ports.html", (ahead, ahead))
    assert imported(library).reports[0].manuals == 1


def test_folders_are_added_removed_and_listed(library: Path, share: Path, tmp_path: Path) -> None:
    watcher = Watcher(library)
    watcher.add(share)
    assert [folder.path for folder in watcher.folders()] == [str(share)]
    with pytest.raises(errors.NothingToImport, match="not a folder"):
        watcher.add(tmp_path / "nowhere")
    watcher.remove(share)
    assert watcher.folders() == []
    with pytest.raises(errors.NothingToImport, match="not watched"):
        watcher.remove(share)
    assert Watcher(tmp_path / "none").due() == []


def test_a_link_that_leads_back_up_is_followed_once(library: Path, share: Path) -> None:
    try:
        (share / "up").symlink_to(share, target_is_directory=True)
    except OSError:
        pytest.skip("this system makes no links here")
    imported(library)
    assert sources(library) == ["ports.html"]


def test_what_was_imported_by_hand_costs_a_watched_folder_nothing(library: Path, share: Path) -> None:
    import_manuals(library, [share], progress=lambda _: None, cancelled=lambda: False)
    assert [(report.manuals, report.unchanged) for report in imported(library).reports] == [(0, 1)]
