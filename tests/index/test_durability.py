"""A kill at any moment of an import loses nothing that was reported done."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from index.errors import TebikiError
from index.library import Library
from tests.conftest import ROOT
from tests.index.small_manuals import bring_in, many_pages, write_manual

PAGES = 30
# Says on its standard output how many files are done, as the import reports it; search may find files at once.
IMPORT = """
import sys
from pathlib import Path
import index.importing as importing
importing.REFRESH_SECONDS = 0.05
importing.GROUP_SECONDS = 0.02
report = importing.import_manuals(Path(sys.argv[1]), [Path(sys.argv[2])], cancelled=lambda: False,
    progress=lambda p: print(p.stage, p.done, flush=True), wait_embeddings=sys.argv[3] == "wait")
print("ended", report.passages, flush=True)
"""


def killed_import(library: Path, manual: Path, after: int, pause: float, *, wait: bool = False, stage: str = "") -> int:
    """Import in a child process, kill it `pause` seconds after it reported `after` lines (of this stage); returns the
    files it had reported done by then."""
    child = subprocess.Popen(
        [sys.executable, "-c", IMPORT, str(library), str(manual), "wait" if wait else "no"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=Path(__file__).parents[2],
        start_new_session=True,
    )
    assert child.stdout is not None
    lines = []
    for line in child.stdout:
        lines.append(line)
        if sum(each.startswith(stage) for each in lines) >= after:
            break
    time.sleep(pause)
    os.killpg(child.pid, signal.SIGKILL)
    lines += child.stdout.readlines()
    child.wait()
    child.stdout.close()
    whole = [line for line in lines if line.endswith("\n")]  # the kill may cut the last one short
    return max((int(line.split()[1]) for line in whole if line.startswith("reading")), default=0)


@pytest.mark.skipif(sys.platform == "win32", reason="kills by signal")
def test_a_kill_during_import_loses_nothing_reported_done(tmp_path: Path) -> None:
    pages = many_pages(PAGES, words=200)
    manual, library = write_manual(tmp_path / "guide", pages), tmp_path / "library"
    rng = random.Random(7)
    reported = 0
    for turn in range(6):
        reported = max(reported, killed_import(library, manual, after=2 + 5 * turn, pause=rng.random() * 0.05))
        if not (library / "library.sqlite").exists():
            continue
        with Library.open(library) as opened:
            assert opened.verify() == []
            held = {source for found in opened.manuals() for source in opened.sources(found.id)}
            assert set(sorted(pages)[:reported]) <= held
            for source in sorted(held)[:reported]:
                assert opened.search(f"topic{int(source[4:7]):05}", 1)[0].passage.source == source
    assert reported > 0
    bring_in(library, manual)
    with Library.open(library) as opened:
        assert opened.manuals()[0].files == PAGES
        assert opened.verify() == []


@pytest.mark.skipif(sys.platform == "win32", reason="kills by signal")
def test_a_kill_while_embedding_keeps_the_batches_that_were_stored(tmp_path: Path) -> None:
    pages = 5 * PAGES
    manual, library = write_manual(tmp_path / "guide", many_pages(pages, words=60)), tmp_path / "library"
    killed_import(library, manual, after=pages + 5, pause=0.02, wait=True)
    with Library.open(library) as opened:
        assert opened.verify() == []
        before = opened.counts
        assert 0 < before.embedded < before.passages
        assert opened.embed(lambda progress: None, lambda: False) == before.passages - before.embedded
        assert opened.verify() == []


def test_whoever_looks_while_a_library_is_made_meets_none_or_a_whole_one(tmp_path: Path) -> None:
    (tmp_path / "page.md").write_text("# Holding\n\nA held job waits for relq.\n", encoding="utf-8")
    met: set[str] = set()
    for number in range(4):
        folder = tmp_path / f"library{number}"
        command = [sys.executable, "-m", "desktop", "import", tmp_path / "page.md", "--library", folder]
        maker = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        while maker.poll() is None:
            try:
                Library.open(folder).close()
            except TebikiError as error:
                met.add(type(error).__name__)
        assert maker.stderr is not None
        assert maker.returncode == 0, maker.stderr.read()
        maker.stderr.close()
    assert met <= {"LibraryMissing"}
