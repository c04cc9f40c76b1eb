"""Throw broken files at every reader and log what became of them.

    python -m benchmarks.fuzz_readers                          100,000 inputs over all readers, about an hour
    python -m benchmarks.fuzz_readers --inputs 2000 --seed 7 --kinds pdf,epub
    python -m benchmarks.fuzz_readers --replay pdf:1:4711      one input again, with its traceback

Comes in: seeds and mutations of `tests/fuzz`. Goes out: a table on standard output (and in `--log FILE`), and each
input that broke a promise under `--keep FOLDER`. Inputs are read in a process with the reader process's limit on
memory and 20 seconds of CPU time for each; one in fifty also goes through the reader process itself. Exit status 1 if
a promise was broken.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import random
import resource
import selectors
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any

SHARES = {"html": 20, "md": 18, "txt": 17, "epub": 14, "pdf": 16, "docx": 4, "gz": 5, "zip": 6}
SECONDS = 20
_SILENCE = 90.0  # seconds without a word from the worker: it hangs where no signal reaches it
_IN_PROCESS = 50  # one input in so many also goes through the reader process


@dataclass
class Tally:
    """What became of the inputs of one kind."""

    inputs: int = 0
    read: int = 0
    through_process: int = 0
    slowest: float = 0.0
    peak: int = 0  # KiB
    faults: Counter[str] = field(default_factory=Counter)


class Hang(Exception):
    """An input took longer than it may."""


def main() -> int:
    """Fuzz, print the table; 1 if a promise was broken."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kinds", default=",".join(SHARES))
    parser.add_argument("--log", type=Path)
    parser.add_argument("--keep", type=Path, default=Path(tempfile.gettempdir()) / "tebiki-fuzz")
    parser.add_argument("--replay", help="KIND:SEED:NUMBER")
    parser.add_argument("--worker", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        kind, seed, start, end = options.worker
        return work(kind, int(seed), int(start), int(end))
    if options.replay:
        kind, seed, number = options.replay.split(":")
        return replay(kind, int(seed), int(number), options.keep)
    began = time.monotonic()
    kinds = options.kinds.split(",")
    whole = sum(SHARES[kind] for kind in kinds)
    tallies: dict[str, Tally] = {}
    for kind in kinds:
        tallies[kind] = fuzz(kind, options.seed, options.inputs * SHARES[kind] // whole, options.keep)
        table = report(tallies, options.seed, time.monotonic() - began)
        if options.log:
            options.log.parent.mkdir(parents=True, exist_ok=True)
            options.log.write_text(table, encoding="utf-8")
        print(table, flush=True)
    return 1 if any(tally.faults for tally in tallies.values()) else 0


def make(kind: str, seed: int, number: int) -> bytes:
    """The input of this number: the same on each run."""
    from tests.fuzz.mutations import mutated
    from tests.fuzz.seeds import WORDS, seeds

    if kind not in _SEEDS:
        _SEEDS[kind] = seeds(kind)
    words = WORDS.get(kind, ()) or (*WORDS["xml"], *WORDS["html"])
    return mutated(kind, _SEEDS[kind], words, random.Random(f"{seed}:{kind}:{number}"))


_SEEDS: dict[str, list[bytes]] = {}


def fuzz(kind: str, seed: int, inputs: int, keep: Path) -> Tally:
    """All inputs of a kind, in worker processes that are started again after one that an input ended."""
    tally = Tally()
    at = 0
    while at < inputs:
        command = [sys.executable, "-m", "benchmarks.fuzz_readers", "--worker", kind, str(seed), str(at), str(inputs)]
        worker = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert worker.stdout is not None
        current = at
        for said in _lines(worker):
            if "begin" in said:
                current = said["begin"]
                continue
            tally.inputs += 1
            tally.read += said["read"]
            tally.through_process += said["process"]
            tally.slowest = max(tally.slowest, said["seconds"])
            tally.peak = max(tally.peak, said["peak"])
            at = current + 1
            if said["fault"]:
                note(tally, kind, seed, current, said["fault"], keep)
        code = worker.wait()
        worker.stdout.close()
        if at < inputs and code != 0:
            tally.inputs += 1
            what = "hang in a library" if code == -signal.SIGKILL else f"the process ended with status {code}"
            note(tally, kind, seed, current, what, keep)
            at = current + 1
    return tally


def _lines(worker: subprocess.Popen[str]) -> Any:
    """What the worker says; it is killed if it falls silent."""
    assert worker.stdout is not None
    with selectors.DefaultSelector() as selector:
        selector.register(worker.stdout, selectors.EVENT_READ)
        while True:
            if not selector.select(timeout=_SILENCE):
                worker.kill()
                return
            text = worker.stdout.readline()
            if not text:
                return
            yield json.loads(text)


def note(tally: Tally, kind: str, seed: int, number: int, fault: str, keep: Path) -> None:
    """Count a broken promise and keep its input."""
    tally.faults[fault] += 1
    if tally.faults[fault] <= 3:
        keep.mkdir(parents=True, exist_ok=True)
        (keep / f"{kind}-{seed}-{number}").write_bytes(make(kind, seed, number))
        print(f"{kind}:{seed}:{number}: {fault}", file=sys.stderr, flush=True)


def work(kind: str, seed: int, start: int, end: int) -> int:
    """The worker: reads inputs start..end and says what became of each, one JSON line before and one after."""
    from index.reader_process import MEMORY, ReaderProcess
    from tests.fuzz.checks import check, watch_files

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    signal.signal(signal.SIGPROF, _hang)
    with contextlib.suppress(Exception):
        for data in (make(kind, seed, start), b"x"):  # loads the libraries, whose files are the program's own
            check(kind, data)
    with ReaderProcess(seconds=SECONDS) as reader, tempfile.TemporaryDirectory() as folder:
        _through(reader, Path(folder), kind, b"x")
        watch_files()
        for number in range(start, end):
            print(json.dumps({"begin": number}), flush=True)
            data = make(kind, seed, number)
            began = time.process_time()
            read, fault = _one(check, kind, data)
            seconds = time.process_time() - began
            process = number % _IN_PROCESS == 0
            if process and not fault:
                fault = _through(reader, Path(folder), kind, data)
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            said = {"read": read, "fault": fault, "seconds": seconds, "peak": peak, "process": process}
            print(json.dumps(said), flush=True)
    return 0


def _hang(number: int, frame: FrameType | None) -> None:
    raise Hang


def _one(check: Any, kind: str, data: bytes) -> tuple[bool, str]:
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        return check(kind, data), ""
    except Hang:
        return False, f"more than {SECONDS} seconds of work"
    except MemoryError:
        return False, "more memory than is allowed"
    except BaseException as error:
        frames = traceback.extract_tb(error.__traceback__)
        own = [frame for frame in frames if "/index/" in frame.filename or "/tests/fuzz/" in frame.filename]
        where = f"{Path(own[-1].filename).name}:{own[-1].lineno}" if own else "?"
        return False, f"{type(error).__name__} at {where}: {str(error)[:100]}"
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def _through(reader: Any, folder: Path, kind: str, data: bytes) -> str:
    """The same input through the reader process, as an import does it; what went wrong, or ""."""
    from index.errors import ManualUnreadable, NothingToImport
    from index.listing import list_candidates
    from tests.fuzz.seeds import path_for

    path = path_for(folder, kind)
    path.write_bytes(data)
    try:
        for candidate in list_candidates([path])[0]:
            reader.read(candidate)
    except ManualUnreadable as error:
        bad = ("brought the reader down", "needs more memory", "was still being read", "can't be read (")
        return next((f"in the reader process: {each}" for each in bad if each in str(error)), "")
    except NothingToImport:
        return ""
    return ""


def replay(kind: str, seed: int, number: int, keep: Path) -> int:
    """Read one input again and let its exception through."""
    from tests.fuzz.checks import check

    data = make(kind, seed, number)
    keep.mkdir(parents=True, exist_ok=True)
    (keep / f"{kind}-{seed}-{number}").write_bytes(data)
    print("read" if check(kind, data) else "refused", len(data), "bytes")
    return 0


def report(tallies: dict[str, Tally], seed: int, seconds: float) -> str:
    """The log: date, machine, seed, and a row for each kind."""
    total = sum(tally.inputs for tally in tallies.values())
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    columns = ("Kind", "Inputs", "Read", "Refused with a reason", "Also through the reader process")
    columns += ("Slowest (CPU s)", "Peak memory (MiB)", "Promises broken")
    rows = [
        f"python -m benchmarks.fuzz_readers, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC, seed {seed}",
        f"{machine}, {seconds / 60:.0f} minutes, {total} inputs",
        "",
        f"| {' | '.join(columns)} |",
        f"|{' --- |' * len(columns)}",
    ]
    for kind, tally in tallies.items():
        broken = sum(tally.faults.values())
        counts = (kind, tally.inputs, tally.read, tally.inputs - tally.read - broken, tally.through_process)
        measures = (f"{tally.slowest:.1f}", tally.peak // 1024, broken)
        rows.append(f"| {' | '.join(map(str, (*counts, *measures)))} |")
    faults = [f"{kind}: {count} x {fault}" for kind, tally in tallies.items() for fault, count in tally.faults.items()]
    return "\n".join([*rows, "", *(faults or ["No promise was broken."])]) + "\n"


if __name__ == "__main__":
    sys.exit(main())
