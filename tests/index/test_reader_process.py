"""A file that hangs, crashes, explodes or lies costs itself and nothing else."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from index.document_json import from_json, line, to_json
from index.errors import ManualUnreadable
from index.listing import list_candidates
from index.reader_process import ReaderProcess
from index.reader_worker import HOSTILE
from index.reading import read_file

posix = pytest.mark.skipif(os.name != "posix", reason="signals and rlimits of POSIX")


@pytest.fixture
def manual(tmp_path: Path) -> Path:
    """Three pages: the one in the middle is hostile where the environment says so."""
    for name, word in (("a.html", "first"), ("hostile.html", "second"), ("z.html", "third")):
        (tmp_path / name).write_text(f"<title>{name}</title><p>The {word} page.</p>")
    return tmp_path


def read_all(folder: Path, reader: ReaderProcess) -> dict[str, str]:
    """What each file gave: its text, or the reason why not."""
    given = {}
    for candidate in list_candidates([folder])[0]:
        try:
            given[candidate.source] = reader.read(candidate).sections[0].text
        except ManualUnreadable as error:
            given[candidate.source] = str(error)
    return given


def test_files_are_read_as_in_this_process(manual: Path) -> None:
    with ReaderProcess() as reader:
        for candidate in list_candidates([manual])[0]:
            assert reader.read(candidate) == read_file(candidate.path, candidate.source)


@posix
@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("hang", "was still being read after 3 seconds and was given up"),
        ("crash", "brought the reader down (it was ended by SIGKILL)"),
        ("memory", "needs more memory to read than is allowed"),
    ],
)
def test_a_hostile_file_costs_only_itself(manual: Path, monkeypatch: pytest.MonkeyPatch, how: str, reason: str) -> None:
    monkeypatch.setenv(HOSTILE, how)
    with ReaderProcess(seconds=3 if how == "hang" else 60, memory=1024**3) as reader:
        given = read_all(manual, reader)
    assert (given["a.html"], given["z.html"]) == ("The first page.", "The third page.")
    assert str(manual / "hostile.html") in given["hostile.html"]
    assert reason in given["hostile.html"]


@posix
def test_what_libraries_print_does_not_disturb_the_answers(manual: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(HOSTILE, "noise")
    with ReaderProcess() as reader:
        assert list(read_all(manual, reader).values()) == ["The first page.", "The second page.", "The third page."]


@posix
def test_a_child_killed_between_two_files_is_started_again(manual: Path) -> None:
    first, _, third = list_candidates([manual])[0]
    with ReaderProcess() as reader:
        reader.read(first)
        assert reader.pid is not None
        os.kill(reader.pid, signal.SIGKILL)
        time.sleep(0.2)
        assert reader.read(third).sections[0].text == "The third page."


def test_closing_ends_the_child(manual: Path) -> None:
    with ReaderProcess() as reader:
        reader.read(list_candidates([manual])[0][0])
        child = psutil.Process(reader.pid)
    assert not child.is_running()


@posix
@pytest.mark.parametrize("how", ["", "hang"])
def test_the_child_ends_with_its_parent(manual: Path, how: str) -> None:
    script = (
        "import sys; from pathlib import Path; from index.listing import list_candidates\n"
        "from index.reader_process import ReaderProcess\n"
        "reader = ReaderProcess(); a, hostile, z = list_candidates([Path(sys.argv[1])])[0]\n"
        "reader.read(a); print(reader.pid, flush=True); reader.read(hostile if sys.argv[2] else z)\n"
        "import time; time.sleep(60)"
    )
    environment = {**os.environ, HOSTILE: how} if how else dict(os.environ)
    parent = subprocess.Popen(
        [sys.executable, "-c", script, str(manual), how], stdout=subprocess.PIPE, env=environment, text=True
    )
    assert parent.stdout is not None
    child = psutil.Process(int(parent.stdout.readline()))
    time.sleep(0.3)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    child.wait(timeout=20)
    assert not child.is_running()


def test_entries_of_archives_are_read(tmp_path: Path) -> None:
    import zipfile

    with zipfile.ZipFile(tmp_path / "m.zip", "w") as archive:
        archive.writestr("m/a.html", "<title>T</title><p>In the archive.</p>")
    (candidate,), _ = list_candidates([tmp_path / "m.zip"])
    with ReaderProcess() as reader:
        document = reader.read(candidate)
    assert (document.source, document.sections[0].text) == ("m/a.html", "In the archive.")


def test_compressed_pages_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.txt.gz").write_bytes(gzip.compress(b"Some text in a compressed file.\n"))
    (tmp_path / "b.txt.gz").write_bytes(gzip.compress(os.urandom(900))[:500])
    with ReaderProcess() as reader:
        given = read_all(tmp_path, reader)
    assert given["a.txt.gz"] == "Some text in a compressed file."
    assert "is not whole as a gzip file" in given["b.txt.gz"]


def test_a_compressed_bomb_is_stopped_at_the_limit(tmp_path: Path) -> None:
    (tmp_path / "a.txt.gz").write_bytes(gzip.compress(bytes(100 * 1024**2)))
    with ReaderProcess() as reader:
        assert "64 MiB is the limit" in read_all(tmp_path, reader)["a.txt.gz"]


def test_a_file_that_is_gone_is_named(manual: Path) -> None:
    candidates = list_candidates([manual])[0]
    candidates[0].path.unlink()
    with ReaderProcess() as reader, pytest.raises(ManualUnreadable, match=r"a\.html is gone; check that the folder"):
        reader.read(candidates[0])


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may read every file")
def test_a_file_without_permission_is_named(manual: Path) -> None:
    candidates = list_candidates([manual])[0]
    candidates[0].path.chmod(0)
    with ReaderProcess() as reader, pytest.raises(ManualUnreadable, match="may not be read by this user"):
        reader.read(candidates[0])


def test_a_document_survives_the_pipe(manual: Path) -> None:
    document = read_file(manual / "a.html", "a.html")
    assert from_json(json.loads(line({"document": to_json(document)}))["document"]) == document


@posix
def test_a_limit_too_small_for_the_reader_itself_is_said(manual: Path) -> None:
    with ReaderProcess(memory=1024**2) as reader, pytest.raises(ManualUnreadable, match="check the memory limit"):
        reader.read(list_candidates([manual])[0][0])


@posix
def test_a_reader_that_ends_again_and_again_is_the_files_reason_not_the_librarys(
    manual: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ending = tmp_path / "ends-at-once"
    ending.write_text("#!/bin/sh\nexec <&-\necho '{\"ready\":true}'\n")
    ending.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(ending))
    candidate = list_candidates([manual])[0][0]
    with ReaderProcess() as reader:
        for _ in range(3):
            with pytest.raises(ManualUnreadable, match=r"a\.html (was not read|brought the reader down)"):
                reader.read(candidate)


@posix
def test_a_reader_that_can_not_be_started_is_said_for_the_file(manual: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", str(manual / "no-such-program"))
    with ReaderProcess() as reader, pytest.raises(ManualUnreadable, match=r"a\.html was not read: the process"):
        reader.read(list_candidates([manual])[0][0])
