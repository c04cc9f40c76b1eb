"""Disks that are full, read-only, pulled out or failing: one clear sentence, status 1, and nothing lost.

The disks are real: tmpfs and bind mounts in a mount namespace of the test's own, which takes root on Linux, and system
calls made to fail by strace. Where a machine has neither, the tests skip with a message.
"""

from __future__ import annotations

import os
import re
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from index.backups import backups, damage
from index.library import Library
from tests.conftest import ROOT, Ended
from tests.index.small_manuals import bring_in, many_pages, write_manual

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="mounts and strace are Linux's")

TEBIKI = [sys.executable, "-m", "desktop"]


class Stick:
    """A small disk at `folder` that only processes started here see."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self._keeper = subprocess.Popen(
            ["unshare", "-m", "--propagation", "private", "sh", "-c", "echo there; read end"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self._keeper.stdout is not None
        if self._keeper.stdout.readline() != "there\n":
            pytest.skip("needs a mount namespace of its own: run as root on Linux")

    def close(self) -> None:
        self._keeper.communicate("\n")

    def call(self, *command: str | Path) -> list[str]:
        return ["nsenter", "-t", str(self._keeper.pid), "-m", f"--wd={ROOT}", *map(str, command)]

    def mount(self, *options: str) -> None:
        done = subprocess.run(self.call("mount", *options, self.folder), capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"needs to mount: {done.stderr.strip()}")

    def run(self, *command: str | Path) -> Ended:
        done = subprocess.run(self.call(*command), capture_output=True, text=True, check=False)
        return Ended(done.returncode, done.stdout, done.stderr)

    def tebiki(self, *arguments: str | Path) -> Ended:
        return self.run(*TEBIKI, *arguments)


@pytest.fixture
def stick(tmp_path: Path) -> Iterator[Stick]:
    if shutil.which("unshare") is None or shutil.which("nsenter") is None:
        pytest.skip("needs unshare and nsenter (util-linux)")
    stick = Stick(tmp_path / "stick")
    yield stick
    stick.close()


@pytest.fixture
def manual(tmp_path: Path) -> Path:
    return write_manual(tmp_path / "guide", many_pages(30, words=300))


def fill(stick: Stick, left: int) -> None:
    """Have no more than `left` KB free."""
    free = stick.run("df", "--output=avail", "-k", stick.folder).out.split()[-1]
    stick.run("dd", "if=/dev/zero", f"of={stick.folder / 'ballast'}", "bs=1k", f"count={int(free) - left}")


def is_whole(stick: Stick, library: Path) -> bool:
    return bool(stick.tebiki("library", "verify", "--library", library, "--json").json["whole"])


# -- full --------------------------------------------------------------------------------------------------------------


def test_a_disk_that_fills_during_an_import_keeps_what_was_stored(stick: Stick, manual: Path) -> None:
    stick.mount("-t", "tmpfs", "-o", "size=400k", "tmpfs")
    library = stick.folder / "library"
    ended = stick.tebiki("import", manual, "--library", library)
    assert ended.status == 1
    assert "full" in ended.err.splitlines()[-1]
    stick.run("mount", "-o", "remount,size=20m", stick.folder)
    assert is_whole(stick, library)
    again = stick.tebiki("import", manual, "--library", library)
    assert again.status == 0, again.err
    assert stick.tebiki("library", "list", "--library", library, "--json").json[0]["files"] == 30
    assert is_whole(stick, library)


@pytest.mark.slow
@pytest.mark.parametrize("left", [0, 8, 60])
def test_on_a_full_disk_each_call_does_its_work_or_says_why_and_the_library_stays_whole(
    stick: Stick, manual: Path, tmp_path: Path, left: int
) -> None:
    stick.mount("-t", "tmpfs", "-o", "size=20m", "tmpfs")
    library = stick.folder / "library"
    assert stick.tebiki("import", manual, "--library", library).status == 0
    assert stick.tebiki("library", "backup", "--library", library).status == 0
    fill(stick, left)
    assert stick.tebiki("search", "topic00007", "--library", library, "--json").json[0]["source"] == "page007.html"
    more = write_manual(tmp_path / "more", many_pages(20, words=300))
    for call in (
        ["import", more, "--library", library],
        ["library", "rebuild", "--library", library],
        ["library", "backup", "--library", library],
        ["library", "restore", "--library", library],
    ):
        ended = stick.tebiki(*call)
        assert ended.status == 0 or "full: free some space" in ended.err.splitlines()[-1], ended.err
    assert stick.tebiki("search", "topic00007", "--library", library, "--json").json[0]["source"] == "page007.html"
    stick.run("rm", stick.folder / "ballast")
    assert is_whole(stick, library)
    assert stick.tebiki("import", more, "--library", library).status == 0


@pytest.mark.slow
def test_a_limit_on_file_size_is_met_like_a_full_disk(tmp_path: Path, manual: Path) -> None:
    library = tmp_path / "library"
    bring_in(library, write_manual(tmp_path / "small", many_pages(3)))
    size = (library / "library.sqlite").stat().st_size
    limited = subprocess.run(
        [*TEBIKI, "import", str(manual), "--library", str(library)],
        cwd=ROOT, capture_output=True, text=True, check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size + 50_000, size + 50_000)),
    )  # fmt: skip
    assert limited.returncode == 1
    assert Ended(1, limited.stdout, limited.stderr).reason.startswith("tebiki: ")
    with Library.open(library) as opened:
        assert opened.verify() == []
        assert opened.search("topic00002", 1)[0].passage.source == "page002.html"


# -- read-only ---------------------------------------------------------------------------------------------------------


def write_protect(stick: Stick, library: Path) -> None:
    """Put the library's folder on the stick, which is read-only."""
    stick.mount("--bind", str(library))
    stick.mount("-o", "remount,ro,bind")


def test_read_only_media_are_searched_verified_and_backed_up_elsewhere_and_writing_says_why(
    stick: Stick, manual: Path, tmp_path: Path
) -> None:
    bring_in(tmp_path / "library", manual)
    write_protect(stick, tmp_path / "library")
    at = ("--library", stick.folder)
    assert stick.tebiki("search", "topic00007", *at, "--json").json[0]["source"] == "page007.html"
    assert is_whole(stick, stick.folder)
    for call in (["import", manual], ["library", "remove", "1"], ["library", "rebuild"], ["library", "backup"],
                 ["library", "restore"], ["library", "embed"]):  # fmt: skip
        ended = stick.tebiki(*call, *at)
        assert ended.status == 1, call
        assert re.search("can't be (written|made|opened for writing)", ended.reason), ended.err
    copy = stick.tebiki("library", "backup", tmp_path / "copy.sqlite", *at)
    assert copy.status == 0, copy.err
    assert damage(tmp_path / "copy.sqlite") == []


@pytest.mark.slow
def test_of_a_library_on_read_only_media_that_was_not_closed_the_log_counts_too(
    stick: Stick, manual: Path, tmp_path: Path
) -> None:
    library = tmp_path / "library"
    bring_in(library, manual)
    script = (
        "import os, signal, sys; from pathlib import Path; from tests.index.small_manuals import bring_in\n"
        "from index import importing\n"
        "importing.after_import = lambda folder: os.kill(os.getpid(), signal.SIGKILL)\n"
        "bring_in(Path(sys.argv[1]), Path(sys.argv[2]))"
    )
    more = write_manual(tmp_path / "more", {"late.html": "<title>Late</title><h1>Late</h1><p>Came latestword.</p>"})
    subprocess.run([sys.executable, "-c", script, library, more], cwd=ROOT, check=False)
    assert (library / "library.sqlite-wal").stat().st_size > 0
    write_protect(stick, library)
    hits = stick.tebiki("search", "latestword", "--library", stick.folder, "--json").json
    assert [hit["source"] for hit in hits] == ["late.html"]
    assert is_whole(stick, stick.folder)


# -- pulled out --------------------------------------------------------------------------------------------------------


def reported(child: subprocess.Popen[str], files: int) -> None:
    """Wait until the import has reported so many files done."""
    assert child.stderr is not None
    for line in child.stderr:
        if '"reading"' in line and int(line.split('"done": ')[1].split(",")[0]) >= files:
            return


def test_a_stick_with_the_library_pulled_out_during_an_import_keeps_what_was_reported(
    stick: Stick, tmp_path: Path
) -> None:
    manual = write_manual(tmp_path / "large", many_pages(150, words=300))
    image = tmp_path / "image"
    image.mkdir()
    stick.mount("--bind", str(image))
    library = stick.folder / "library"
    child = subprocess.Popen(
        stick.call(*TEBIKI, "import", manual, "--library", library, "--progress-json"),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    reported(child, 20)
    stick.run("umount", "-l", stick.folder)
    _, err = child.communicate()
    told = [line for line in err.splitlines() if not line.startswith("{")]
    assert child.returncode == 1
    assert len(told) == 1, err
    assert "moved" in told[0] or "gone" in told[0] or "in place" in told[0], told
    with Library.open(image / "library") as opened:
        assert opened.verify() == []
        assert {f"page{n:03}.html" for n in range(20)} <= set(opened.sources(1))


@pytest.mark.slow
def test_a_stick_with_the_manuals_pulled_out_costs_the_files_not_yet_read_and_can_be_gone_on_with(
    stick: Stick, tmp_path: Path
) -> None:
    write_manual(tmp_path / "image" / "guide", many_pages(150))
    stick.mount("--bind", str(tmp_path / "image"))
    library = tmp_path / "library"
    command = (*TEBIKI, "import", stick.folder / "guide", "--library", library, "--progress-json")
    child = subprocess.Popen(stick.call(*command), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    reported(child, 10)
    stick.run("umount", "-l", stick.folder)
    _, err = child.communicate()
    told = [line for line in err.splitlines() if not line.startswith("{")]
    assert (child.returncode, "tebiki import --resume" in told[-1]) == (1, True), err
    stick.mount("--bind", str(tmp_path / "image"))
    assert stick.tebiki("import", "--resume", "--library", library).status == 0
    with Library.open(library) as opened:
        assert opened.verify() == []
        assert opened.manuals()[0].files == 150


# -- failing -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def strace() -> str:
    found = shutil.which("strace")
    if found is None or subprocess.run([found, "-o", os.devnull, "true"], check=False).returncode:
        pytest.skip("needs strace, and the right to trace")
    return found


def failing(strace: str, calls: str, *arguments: str | Path, files: tuple[Path, ...] = ()) -> Ended:
    """A call of the command line that meets errors in these system calls, on these files alone or on any."""
    inject = [part for each in calls.split() for part in ("-e", f"inject={each}")]
    inject += [part for each in files for part in ("-P", str(each))]
    command = [strace, "-f", "-qq", "-o", os.devnull, *inject, *TEBIKI, *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return Ended(done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize(
    "calls",
    [
        "pwrite64:error=EIO:when=30+",
        pytest.param("pwrite64:error=ENOSPC:when=60+", marks=pytest.mark.slow),
        pytest.param("fdatasync:error=EIO:when=3+", marks=pytest.mark.slow),
        pytest.param("fsync:error=EIO:when=2+", marks=pytest.mark.slow),
        pytest.param("pwrite64:error=EIO:when=45", marks=pytest.mark.slow),
    ],
)
def test_a_disk_that_begins_to_fail_ends_the_import_in_one_sentence_and_the_library_is_whole(
    strace: str, calls: str, tmp_path: Path
) -> None:
    library = tmp_path / "library"
    bring_in(library, write_manual(tmp_path / "small", many_pages(4)))
    ended = failing(strace, calls, "import", write_manual(tmp_path / "guide", many_pages(12)), "--library", library)
    assert ended.status == 0 or ended.err.splitlines()[-1].startswith("tebiki: "), ended.err
    assert "unforeseen" not in ended.err
    with Library.open(library) as opened:
        assert opened.verify() == []
        assert opened.search("topic00002", 1)[0].passage.source == "page002.html"


@pytest.mark.slow
def test_a_disk_that_can_not_be_read_any_more_is_no_damage(strace: str, tmp_path: Path) -> None:
    library = tmp_path / "library"
    bring_in(library, write_manual(tmp_path / "small", many_pages(4)))
    ended = failing(strace, "pread64:error=EIO:when=12+", "library", "verify", "--library", library)
    assert ended.status == 1
    assert "unforeseen" not in ended.err
    with Library.open(library) as opened:
        assert opened.verify() == []


def test_a_file_system_without_locks_is_named_as_such(strace: str, tmp_path: Path) -> None:
    library, page = tmp_path / "library", write_manual(tmp_path / "small", many_pages(2))
    bring_in(library, page)
    for calls, file in (("fcntl:error=ENOLCK", "library.sqlite"), ("flock:error=ENOLCK", "writer.lock")):
        ended = failing(strace, calls, "import", page, "--library", library, files=(library / file,))
        assert ended.status == 1
        assert "lock" in ended.reason, ended.err
    assert backups(library), "and nothing of it is gone"


@pytest.mark.slow
def test_a_file_system_without_links_holds_a_library(strace: str, tmp_path: Path) -> None:
    library, page = tmp_path / "library", write_manual(tmp_path / "small", many_pages(2))
    ended = failing(strace, "link,linkat:error=EPERM", "import", page, "--library", library)
    assert ended.status == 0, ended.err
    ended = failing(strace, "link,linkat:error=EPERM", "library", "restore", "--library", library)
    assert ended.status == 0, ended.err
    with Library.open(library) as opened:
        assert opened.verify() == []
        assert opened.search("topic00001", 1)[0].passage.source == "page001.html"
