"""What it costs to keep a library whole: backing it up with and without embeddings, checking it, putting one back.

    python -m benchmarks.library_care [PASSAGES]       60,000 if not said; prints a Markdown table

Beside them the plainest peers: copying the file (which is no backup while others write), and SQLite's own check. Every
step is a process of its own, so that its memory is its own. The passages are words drawn by frequency, of the length
that real manuals' have (700 characters), the embeddings random: neither changes what is measured here.
"""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

import numpy as np

from index import backups
from index.library import Library
from index.passages import split
from index.records import Block, Document, DocumentSection
from index.store import ManualFacts, Store

SECTIONS = 100
STEPS = {
    "copy of library.sqlite (peer)": "copy",
    "SQLite's integrity_check alone (peer)": "sqlite",
    "backup with embeddings": "all",
    "backup without embeddings (the automatic one)": "words",
    "restore": "restore",
    "verify, everything": "verify",
}


def build(folder: Path, passages: int) -> None:
    """A library of so many passages, with embeddings and everything derived."""
    folder.mkdir()
    Store.open(folder, create=True).close()
    rng = random.Random(1)
    words = [f"word{number}" for number in range(8000)]
    common = [1 / (number + 3) for number in range(8000)]
    with Library.create(folder) as library:
        store = library.store
        manual = store.add_manual("guide", ManualFacts("Guide", "", "", "guide"))
        for file in range(passages // SECTIONS):
            sections = []
            for number in range(SECTIONS):
                text = " ".join(rng.choices(words, common, k=100))
                sections.append(DocumentSection((f"Section {number}",), text, (Block(0, len(text), "paragraph"),)))
            document = Document(f"page{file}.html", f"Page {file}", "en", tuple(sections))
            spans = [split(section, "en") for section in document.sections]
            store.put_file(manual, document.source, document, f"digest{file}", 1, spans)
        store.set_embedder("random")
        numbers = np.random.default_rng(1)
        ids = [row[0] for row in store.connection.execute("SELECT id FROM passages ORDER BY id")]
        for first in range(0, len(ids), 5000):
            some = ids[first : first + 5000]
            rows = numbers.normal(size=(len(some), 384)).astype(np.float32)
            store.put_vectors("random", some, rows / np.linalg.norm(rows, axis=1, keepdims=True))
        library.catch_up()


def measured(step: str, folder: Path) -> dict[str, float]:
    """One step in this process: seconds on the clock and of the processor, peak memory and bytes written, in MB."""
    copy = folder.parent / "copy.sqlite"
    for old in (copy, Path(f"{copy}.sha256")):
        if step != "restore":
            old.unlink(missing_ok=True)
    began, worked = time.monotonic(), time.process_time()
    match step:
        case "copy":
            shutil.copyfile(folder / "library.sqlite", copy)
        case "sqlite":
            with closing(sqlite3.connect(folder / "library.sqlite")) as db:
                db.execute("PRAGMA integrity_check").fetchall()
        case "all" | "words":
            backups.make(folder, copy, embeddings=step == "all")
        case "restore":
            aside = backups.restore(folder, copy).aside
            if aside is not None:  # for the next step the library is as it was
                aside.replace(folder / "library.sqlite")
        case _:
            with Library.open(folder, mend=False) as library:
                assert library.verify() == []
    spent, processor = time.monotonic() - began, time.process_time() - worked
    # Not getrusage, whose peak goes on over the start of a new program: it would be the parent's.
    peak = int(re.findall(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[0]) / 1024
    return {"s": spent, "cpu": processor, "peak": peak, "size": copy.stat().st_size / 1e6 if copy.exists() else 0.0}


def main() -> None:
    """Print the table, or what one step of it took."""
    if len(sys.argv) == 3:
        print(json.dumps(measured(sys.argv[1], Path(sys.argv[2]))))
        return
    passages = int(sys.argv[1]) if len(sys.argv) > 1 else 60_000
    with tempfile.TemporaryDirectory(prefix="tebiki-care-") as temporary:
        folder = Path(temporary) / "library"
        build(folder, passages)
        size = (folder / "library.sqlite").stat().st_size / 1e6
        print(f"{passages:,} passages with embeddings, library.sqlite {size:.0f} MB\n")
        print("| step | s | CPU s | peak memory, MB | copy, MB |\n| --- | ---: | ---: | ---: | ---: |")
        for name, step in STEPS.items():
            call = [sys.executable, "-m", "benchmarks.library_care", step, str(folder)]
            done = subprocess.run(call, stdout=subprocess.PIPE, text=True, check=True, env=dict(os.environ))
            row = json.loads(done.stdout)
            written = f"{row['size']:.0f}" if step in ("copy", "all", "words") else ""
            print(f"| {name} | {row['s']:.1f} | {row['cpu']:.1f} | {row['peak']:.0f} | {written} |", flush=True)


if __name__ == "__main__":
    main()
