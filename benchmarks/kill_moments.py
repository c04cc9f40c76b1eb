"""Kill the importer and the window at random moments, over and over in one history, and look whether anything is lost.

    python -m benchmarks.kill_moments [KILLS] [SEED]       200 kills, a new library every 25; prints a log line each

Each turn starts one operation as a user does (a process of the command line, or the window offscreen), kills it with
SIGKILL at a random moment, and compares the library with what the process had reported done: its progress lines are
the report. Then the library goes on to the next operation, so that faults add up. Comes in: a seed. Goes out: lines of
text, and `Lost` with what was lost and how to repeat it.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from index.backups import backups, damage, restore
from index.library import Library
from index.writer_lock import writing_process

ROOT = Path(__file__).resolve().parent.parent
TURNS = 25
"""Kills in one library's history."""

PAGES = 100
"""In each of the two manuals."""

MANUALS = (1, 2)
ABSENT = -1

OPERATIONS = {
    "import": 5, "change and import": 6, "resume": 2, "remove": 2, "rebuild": 3, "embed": 3, "backup": 2, "window": 2,
}  # fmt: skip
"""What may come next, and how often of 25 times."""

# The window as it is, that begins an import by itself and says on standard error what it shows of it.
WINDOW = """
import json, sys
from pathlib import Path
from desktop import app
from desktop.terminal import settings_and_folders
from desktop.window import Window

library, data, manual = map(Path, sys.argv[1:])
begin = Window.start

def shown(window):
    at = window.process.run.progress
    if at is not None:
        print(json.dumps({"stage": at.stage, "done": at.done}), file=sys.stderr, flush=True)

def start(window):
    begin(window)
    window.process.progressed.connect(lambda: shown(window))
    window.library.import_paths([manual])

Window.start = start
settings, folders = settings_and_folders(library, data)
sys.exit(app.run_window(folders, settings))
"""


class Lost(AssertionError):
    """Something that was reported done is not there, or the library is damaged."""


@dataclass
class Page:
    """A page of a manual as it lies on the disk, and as which revisions the library may hold it (ABSENT: not)."""

    name: str
    manual: int
    number: int
    revision: int = 0
    held: set[int] = field(default_factory=lambda: {ABSENT})

    def word(self, revision: int) -> str:
        """A word that stands on this page in this revision and nowhere else."""
        return f"topic{self.manual}{self.number:03}{revision:03}"

    def write(self, folder: Path) -> None:
        filler = " ".join(f"word{(i * 7 + self.number) % 53}" for i in range(60))
        html = (
            f"<html><head><title>Page {self.number}</title></head><body><h1>Page {self.number}</h1>"
            f"<p>This page tells of {self.word(self.revision)} and nothing else.</p>"
            f"<h2>More</h2><p>{filler} on page {self.number}.</p></body></html>"
        )
        (folder / self.name).write_text(html, encoding="utf-8")


@dataclass
class Killed:
    """One process that was killed: how long it had run, what it had reported, and whether it came to its end first."""

    seconds: float
    files_done: int = 0
    embedded: int = 0
    ended: bool = False
    out: str = ""


class History:
    """One library through many operations, each of them killed."""

    def __init__(self, folder: Path, seed: int, *, pages: int = PAGES, window: bool = True) -> None:
        """`window`: whether the window is among the operations."""
        self.operations = {name: often for name, often in OPERATIONS.items() if window or name != "window"}
        self.folder, self.library, self.data = folder, folder / "library", folder / "data"
        self.rng = random.Random(seed)
        self.pages = {m: [Page(f"page{n:03}.html", m, n) for n in range(pages)] for m in MANUALS}
        self.embedded = 0
        self.spans: dict[str, float] = {}
        for manual, pages in self.pages.items():
            self.source(manual).mkdir(parents=True)
            for page in pages:
                page.write(self.source(manual))

    def source(self, manual: int) -> Path:
        """The folder of a manual as the user has it."""
        return self.folder / f"manual{manual}"

    # -- one turn -----------------------------------------------------------------------------------------------------

    def turn(self) -> str:
        """Do the next operation, kill it, and look: a line on what happened. Raises Lost."""
        names, weights = list(self.operations), list(self.operations.values())
        held = (self.library / "library.sqlite").exists()
        operation = self.rng.choices(names, weights)[0] if held else "import"
        manual = self.rng.choice(MANUALS)
        if operation == "remove" and self._id(manual) is None:
            operation = "import"
        if operation == "change and import":
            for page in self.rng.sample(self.pages[manual], len(self.pages[manual]) // 3):
                page.revision += 1
                page.write(self.source(manual))
        before = sum(page.held != {ABSENT} for page in self.pages[manual])
        killed = self._kill(operation, manual)
        self._expect(operation, manual, killed)
        how = "ended before" if killed.ended else f"killed after {killed.seconds:5.2f} s"
        done = f"{killed.files_done:3} files" if killed.files_done else f"{killed.embedded:3} embedded"
        line = f"{operation:17} manual {manual}  {how:20}  reported {done:12}"
        try:
            told = self._look(manual, before) if operation == "remove" else self._look()
        except Lost as error:
            raise Lost(f"{line}  {error}") from error
        return f"{line}  {told}"

    def _command(self, operation: str, manual: int) -> list[str]:
        call = [sys.executable, "-m", "desktop"]
        at = ["--library", str(self.library)]
        match operation:
            case "import" | "change and import":
                return [*call, "import", str(self.source(manual)), *at, "--json", "--progress-json"]
            case "resume":
                return [*call, "import", "--resume", *at, "--json", "--progress-json"]
            case "remove":
                return [*call, "library", "remove", str(self._id(manual)), *at, "--json"]
            case "embed":
                return [*call, "library", "embed", *at, "--json", "--progress-json"]
            case "window":
                return [sys.executable, "-c", WINDOW, str(self.library), str(self.data), str(self.source(manual))]
        return [*call, "library", operation, *at, "--json"]

    def _kill(self, operation: str, manual: int) -> Killed:
        """Start the operation and kill it, with all its children or (the window, sometimes) it alone. The moment is
        drawn evenly from the time in which the operation does something, as far as that is known from before."""
        span = self.spans.get(operation, 10.0 if operation == "embed" else 1.5)
        wait = self.rng.uniform(0, span)
        alone = operation == "window" and self.rng.random() < 0.5
        environment = os.environ | {
            "PYTHONPATH": str(ROOT),
            "QT_QPA_PLATFORM": "offscreen",
            "XDG_CONFIG_HOME": str(self.folder / "config"),
            "XDG_DATA_HOME": str(self.folder / "data"),
        }
        child = subprocess.Popen(
            self._command(operation, manual),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=environment,
            start_new_session=True,
        )
        lines: list[str] = []
        began = threading.Event()
        reading = threading.Thread(target=_collect, args=(child.stderr, lines, began), daemon=True)
        reading.start()
        start = time.monotonic()
        if operation in ("remove", "rebuild", "backup"):
            wait += 0.3  # they report nothing; before that Python itself is starting
        else:
            while not began.wait(0.01) and child.poll() is None and time.monotonic() - start < 60:
                pass
        working = time.monotonic()
        while time.monotonic() - working < wait and child.poll() is None:
            time.sleep(0.002)
        ended = child.poll() is not None
        if not ended:
            (os.kill if alone else os.killpg)(child.pid, signal.SIGKILL)
        child.wait()
        self._wait_for_orphans(child.pid)
        reading.join(30)
        out = child.stdout.read() if child.stdout else ""
        seconds = time.monotonic() - start
        self.spans[operation] = max(0.3, (time.monotonic() - working) * 1.05 if ended else max(span, wait) * 1.02)
        if child.returncode == 1 and not _is_fair(lines):
            raise Lost(f"{operation} failed: {lines[-1] if lines else out}")
        return _reported(lines, Killed(seconds, ended=ended and child.returncode == 0, out=out))

    def _wait_for_orphans(self, group: int) -> None:
        """Children of a window that was killed alone end by themselves when they see it gone."""
        deadline = time.monotonic() + 60
        while _alive(group):
            if time.monotonic() > deadline:
                raise Lost("A child of the killed window was still at work after a minute.")
            time.sleep(0.02)
        if self.library.is_dir() and writing_process(self.library) is not None:
            raise Lost("The writer's lock is held though nobody is left.")

    # -- what must be there -------------------------------------------------------------------------------------------

    def _expect(self, operation: str, manual: int, killed: Killed) -> None:
        pages = self.pages[manual]
        match operation:
            case "import" | "change and import":
                for place, page in enumerate(pages):
                    page.held = {page.revision} if place < killed.files_done else page.held | {page.revision}
                self.embedded = 0  # changed pages lose theirs
            case "resume" | "window":  # what was left of other imports may have been taken up as well
                for page in (page for pages in self.pages.values() for page in pages):
                    page.held = page.held | {page.revision}
                for page in pages[: killed.files_done] if operation == "window" else ():
                    page.held = {page.revision}
                self.embedded = 0
            case "remove":
                for page in pages:
                    page.held = {ABSENT} if killed.out.strip() else page.held | {ABSENT}
                self.embedded = 0
            case "embed":
                self.embedded = max(self.embedded, killed.embedded)
            case "backup" if killed.out.strip():
                found = damage(Path(json.loads(killed.out)["file"]))
                if found:
                    raise Lost(f"The backup that was reported is not whole: {found}")

    def _look(self, removed: int = 0, removing: int = 0) -> str:
        """Compare the library with what must be there, and take what is there for what must be there from now on."""
        if not (self.library / "library.sqlite").exists():
            if any(ABSENT not in page.held for pages in self.pages.values() for page in pages):
                raise Lost("The library is gone.")
            return "no library yet"
        with Library.open(self.library) as opened:
            found = opened.verify()
            if found:
                raise Lost(f"verify: {found}")
            for manual, pages in self.pages.items():
                self._look_at(opened, manual, pages, removing if manual == removed else 0)
            counts = opened.counts
        if counts.embedded < self.embedded:
            raise Lost(f"{self.embedded} embeddings were reported, {counts.embedded} are there.")
        for backup in backups(self.library):
            if damage(backup.file):
                raise Lost(f"A backup is damaged: {damage(backup.file)}")
        self.embedded = counts.embedded
        return f"{counts.passages:3} passages, {counts.embedded:3} embedded, verified"

    def _look_at(self, opened: Library, manual: int, pages: list[Page], removing: int) -> None:
        """Of `removing` pages, where that is not 0, all must be there or none."""
        id_ = self._id(manual)
        sources = {Path(source).name: source for source in opened.sources(id_)} if id_ else {}
        for page in pages:
            there = ABSENT
            if id_ and page.name in sources:
                text = opened.source_text(id_, sources[page.name])
                there = next((r for r in range(page.revision, -1, -1) if page.word(r) in text), ABSENT)
            if there not in page.held:
                raise Lost(f"{page.name} of manual {manual} is held as {there}, and should be one of {page.held}.")
            page.held = {there}
        present = [page for page in pages if page.held != {ABSENT}]
        if removing and len(present) not in (0, removing):
            raise Lost(f"Of the {removing} pages of manual {manual} {len(present)} are left by its removal.")
        for page in self.rng.sample(present, min(4, len(present))):
            word = page.word(next(iter(page.held)))
            hits = opened.search(word, 1)
            if not hits or word not in hits[0].passage.text:
                raise Lost(f"Search does not find {word} of {page.name}.")

    def _id(self, manual: int) -> int | None:
        if not (self.library / "library.sqlite").exists():
            return None
        with Library.open(self.library) as opened:
            roots = {one.root: one.id for one in opened.manuals()}
        return next((id_ for root, id_ in roots.items() if root.rstrip("/").endswith(f"manual{manual}")), None)

    def end(self) -> str:
        """Bring everything in to the end, and put the newest backup back."""
        for manual in MANUALS:
            done = subprocess.run(
                self._command("import", manual), capture_output=True, text=True, cwd=ROOT, check=False
            )
            if done.returncode:
                raise Lost(f"The last import failed: {done.stderr}")
            for page in self.pages[manual]:
                page.held = {page.revision}
        self.embedded = 0
        told = self._look()
        restore(self.library)
        with Library.open(self.library) as opened:
            if opened.verify():
                raise Lost(f"After putting back a backup: {opened.verify()}")
        return f"everything brought in: {told}; the newest backup put back: verified"


def run(
    kills: int, seed: int, folder: Path, *, turns: int = TURNS, pages: int = PAGES, window: bool = True
) -> Iterator[str]:
    """Kill so many times, with a new library every `turns`; a line each. Raises Lost, naming history and turn."""
    for number, first in enumerate(range(0, kills, turns)):
        history = History(folder / f"history{number}", seed + number, pages=pages, window=window)
        for turn in range(first, min(first + turns, kills)):
            try:
                yield f"{turn + 1:3} seed {seed + number}: {history.turn()}"
            except Lost as error:
                raise Lost(f"kill {turn + 1}, seed {seed + number}, {history.folder}: {error}") from error
        yield f"    seed {seed + number}: {history.end()}"


def _collect(stream: Iterator[str] | None, lines: list[str], began: threading.Event) -> None:
    for line in stream or ():
        lines.append(line)
        began.set()


def _reported(lines: list[str], killed: Killed) -> Killed:
    for line in lines:
        try:
            at = json.loads(line)
        except ValueError:
            continue
        if at["stage"] == "reading":
            killed.files_done = max(killed.files_done, at["done"])
        elif at["stage"] == "embedding":
            killed.embedded = max(killed.embedded, at["done"])
    return killed


def _is_fair(lines: list[str]) -> bool:
    """Whether a call failed for a reason that a user in its place would be told as well."""
    return any("is unfinished" in line for line in lines)


def _alive(group: int) -> bool:
    import psutil

    for process in psutil.process_iter(["pid", "status"]):
        try:
            if os.getpgid(process.pid) == group and process.info["status"] != psutil.STATUS_ZOMBIE:
                return True
        except (OSError, psutil.Error):
            continue
    return False


def main() -> None:
    """Print a log of as many kills as the command line says."""
    kills = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.SystemRandom().randrange(1_000_000)
    print(f"{kills} kills, seed {seed}, a new library every {TURNS}", flush=True)
    folder = Path(tempfile.mkdtemp(prefix="tebiki-kills-"))
    for line in run(kills, seed, folder):  # what was lost stays there to be looked at
        print(line, flush=True)
    shutil.rmtree(folder)
    print(f"{kills} kills: nothing that was reported done was lost, every verify was clean", flush=True)


if __name__ == "__main__":
    main()
