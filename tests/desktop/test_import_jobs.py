"""Imports as an operator runs them: `tebiki import`, killed, stopped and resumed; its jobs, and watched folders."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import ROOT, Tebiki

posix = pytest.mark.skipif(sys.platform == "win32", reason="stops by signal")


@pytest.fixture
def library(tmp_path: Path) -> Path:
    return tmp_path / "library"


@pytest.fixture
def manual(tmp_path: Path) -> Path:
    """So many pages that an import of them takes some seconds."""
    folder = tmp_path / "manual"
    folder.mkdir()
    for n in range(400):
        rows = "".join(f"| {n}{row:03}/tcp | service{n} |\n" for row in range(40))
        text = f"# Ports of host{n}\n\nHost{n} has these.\n\n| Port | Service |\n| --- | --- |\n{rows}"
        (folder / f"page{n:03}.md").write_text(text, encoding="utf-8")
    return folder


@contextmanager
def started(*arguments: str | Path) -> Iterator[subprocess.Popen[str]]:
    """The command line as a child in a session of its own, killed with its children in the end."""
    child = subprocess.Popen(
        [sys.executable, "-m", "desktop", *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        start_new_session=True,
    )
    try:
        yield child
    finally:
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGKILL)
        child.communicate()


def until_done(child: subprocess.Popen[str], count: int) -> None:
    """Wait until the child reports so many files done."""
    assert child.stderr is not None
    for line in child.stderr:
        if line.startswith("{") and json.loads(line)["done"] >= count:
            return
    raise AssertionError("the import ended before")


@posix
def test_an_import_killed_in_the_middle_is_resumed(tebiki: Tebiki, manual: Path, library: Path) -> None:
    with started("import", manual, "--library", library, "--progress-json") as child:
        until_done(child, 20)
        os.killpg(child.pid, signal.SIGKILL)
    (job,) = tebiki("library", "jobs", "--library", library, "--json").json
    assert (job["state"], job["paths"]) == ("paused", [str(manual)])
    assert 20 <= job["stored"] < 400
    report = tebiki("import", "--resume", "--library", library, "--json").json
    assert (report["unchanged"], report["skipped"], report["job"]) == (job["stored"], [], job["id"])
    (job,) = tebiki("library", "jobs", "--library", library, "--json").json
    assert (job["state"], job["stored"], job["waiting"]) == ("done", 400, 0)
    assert tebiki("library", "verify", "--library", library, "--json").json == {"whole": True, "damage": []}
    assert tebiki("search", "Ports of host399", "--library", library, "--json").json[0]["source"] == "page399.md"
    again = tebiki("import", "--resume", "--library", library)
    assert again.status == 1
    assert "unfinished" in again.reason


@posix
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_pauses_the_import(number: int, tebiki: Tebiki, manual: Path, library: Path) -> None:
    with started("import", manual, "--library", library, "--json", "--progress-json") as child:
        until_done(child, 5)
        child.send_signal(number)
        out, _ = child.communicate(timeout=120)
        assert child.returncode == 0
    report = json.loads(out)
    assert report["cancelled"]
    (job,) = tebiki("library", "jobs", "--library", library, "--json").json
    assert (job["id"], job["state"]) == (report["job"], "paused")
    assert job["stored"] < 400


@posix
def test_a_running_import_is_listed_and_cancelled_from_elsewhere(
    tebiki: Tebiki, manual: Path, library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEBIKI_HOSTILE_READER", "hang")  # at the file of that name, which is the last
    (manual / "last").mkdir()
    (manual / "last" / "hostile.md").write_text("# It takes long\n", encoding="utf-8")
    with started("import", manual, "--library", library, "--json", "--progress-json") as child:
        until_done(child, 5)
        (job,) = tebiki("library", "jobs", "--library", library, "--json").json
        assert job["state"] == "running"
        refused = tebiki("import", "--resume", "--library", library)
        assert (refused.status, str(child.pid) in refused.reason) == (1, True)
        cancelled = tebiki("library", "jobs", "cancel", str(job["id"]), "--library", library, "--json").json
        assert cancelled["state"] == "cancelled"
        out, _ = child.communicate(timeout=120)
    assert json.loads(out)["cancelled"]
    (job,) = tebiki("library", "jobs", "--library", library, "--json").json
    assert (job["state"], job["stored"], job["waiting"]) == ("cancelled", 400, 1)
    assert tebiki("import", "--resume", "--library", library).status == 1


@posix
def test_an_import_ends_with_the_window_that_steers_it(tebiki: Tebiki, manual: Path, library: Path) -> None:
    with started("import", manual, "--library", library, "--json", "--progress-json", "--steered") as child:
        until_done(child, 5)
        assert child.stdin is not None
        child.stdin.close()
        child.stdin = None
        out, _ = child.communicate(timeout=120)
    assert json.loads(out)["cancelled"]


def test_what_was_skipped_is_told_by_reason_and_kept_in_full(tebiki: Tebiki, library: Path, tmp_path: Path) -> None:
    folder = tmp_path / "manual"
    folder.mkdir()
    (folder / "hold.md").write_text("# Holding\n\nA held job waits for relq.\n", encoding="utf-8")
    for n in range(5):
        (folder / f"empty{n}.html").write_text("", encoding="utf-8")
    (folder / "old.doc").write_bytes(b"not read")
    ended = tebiki("import", folder, "--library", library)
    assert ended.status == 0
    skipped = [line for line in ended.err.splitlines() if line.startswith("Skipped")]
    assert len(skipped) == 2
    assert any("empty0.html is empty" in line and line.endswith("(4 more like it)") for line in skipped)
    files = tebiki("library", "jobs", "--files", "1", "--library", library, "--json").json
    reasons = {Path(file["path"]).name: file["reason"] for file in files if file["state"] == "skipped"}
    assert set(reasons) == {"old.doc", *(f"empty{n}.html" for n in range(5))}
    assert all(reasons.values())
    shown = tebiki("library", "jobs", "--files", "1", "--library", library).out
    assert "old.doc" in shown
    assert "stored" in shown


def test_a_watched_folder_is_imported_again_and_again_until_it_is_stopped(
    tebiki: Tebiki, library: Path, tmp_path: Path
) -> None:
    share = tmp_path / "share"
    share.mkdir()
    assert tebiki("library", "watch", "add", share, "--library", library).status == 0
    assert tebiki("library", "watch", "list", "--library", library, "--json").json[0]["path"] == str(share)
    (share / "hold.md").write_text("# Holding\n\nA held job waits for relq.\n", encoding="utf-8")
    arguments = ("import", "--watched", "--every", "0.2", "--library", library, "--json", "--steered")
    with started(*arguments) as child:
        deadline = time.monotonic() + 120
        while not tebiki("library", "list", "--library", library, "--json").json:
            assert time.monotonic() < deadline
        (share / "hold.md").write_text("# Holding\n\nA held job waits for relq or cancq.\n", encoding="utf-8")
        while not tebiki("search", "cancq", "--library", library, "--json").json:
            assert time.monotonic() < deadline
        assert child.stdin is not None
        print("stop", file=child.stdin, flush=True)
        out, _ = child.communicate(timeout=60)
    assert json.loads(out)["passages"] == 2
    once = tebiki("import", "--watched", "--library", library, "--json").json
    assert (once["manuals"], once["unchanged"]) == (0, 0)
    assert tebiki("library", "watch", "remove", share, "--library", library).status == 0
    assert tebiki("library", "list", "--library", library, "--json").json, "its manuals stay"


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--resume", "x.md"),
        ("--resume", "--watched"),
        ("--every", "3", "x.md"),
        ("--job", "1", "x.md"),
        ("--watched", "--wait-embeddings"),
    ],
)
def test_what_does_not_go_together_is_wrong_usage(arguments: tuple[str, ...], tebiki: Tebiki, library: Path) -> None:
    assert tebiki("import", *arguments, "--library", library).status == 2


def test_jobs_of_no_library_and_a_job_that_is_not_there_are_told_in_a_line(tebiki: Tebiki, tmp_path: Path) -> None:
    assert "library" in tebiki("library", "jobs", "--library", tmp_path / "none").reason
    (tmp_path / "page.md").write_text("# Holding\n\nA held job waits for relq.\n", encoding="utf-8")
    tebiki("import", tmp_path / "page.md", "--library", tmp_path / "library")
    assert "No import job 7" in tebiki("library", "jobs", "cancel", "7", "--library", tmp_path / "library").reason
