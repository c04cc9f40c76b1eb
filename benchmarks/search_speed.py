"""How fast search is at 100,000 real passages, beside stock Whoosh, SQLite FTS5, tantivy and bm25s.

    python -m benchmarks.search_speed                       100,000 passages: about half an hour on two cores
    python -m benchmarks.search_speed --quick               10,000 passages: some minutes
    python -m benchmarks.search_speed words whoosh          only these engines

Comes in: manuals (benchmarks/corpora.py, brought if need be) and real questions in English and Japanese. Goes out: one
Markdown table. Every engine builds its index of the same passages in a process of its own and is then started afresh
to be asked the same questions, one engine after the other. tantivy and bm25s come with the extra `bench`; the table
goes without those that are not installed. Times of a machine that does other things as well are only good beside
each other: CPU time is given too.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

for name, value in (("OMP_WAIT_POLICY", "PASSIVE"), ("HF_HUB_OFFLINE", "1")):
    os.environ.setdefault(name, value)

NEEDS = {"tantivy": "tantivy", "bm25s": "bm25s"}
ORDER = ("words", "hybrid", "whoosh", "fts5", "tantivy", "bm25s")
COLUMNS = (
    *("Engine", "Build, s", "On disk, MB", "English p50 / p95, ms", "Japanese p50 / p95, ms", "CPU p95, ms (en / ja)"),
    *("Start to first hit, s", "Memory, MB (own)", "100 more, s"),
)


def main() -> int:
    """Print the table; 0, or 1 if an engine failed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("engines", nargs="*", help=f"of {', '.join(ORDER)}; default: all")
    parser.add_argument("--quick", action="store_true", help="10,000 passages")
    parser.add_argument("--passages", type=int, help="so many passages instead")
    parser.add_argument("--stage", choices=["build", "ask", "add"], help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--corpus", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.stage:
        print(json.dumps(_STAGES[chosen.stage](chosen.engines[0], chosen.folder, chosen.corpus)))
        return 0
    size = chosen.passages or (10_000 if chosen.quick else 100_000)
    return _table(chosen.engines or ORDER, size)


def _table(engines: Sequence[str], size: int) -> int:
    from benchmarks import speed_corpus
    from benchmarks.speed_engines import texts

    corpus = speed_corpus.made(size)
    japanese = sum(language == "ja" for _, language, _ in texts(corpus))
    asked = {language: len(questions) for language, questions in speed_corpus.questions().items()}
    print(
        f"{size:,} passages of real manuals, {japanese:,} of them Japanese; {asked['en']} English and {asked['ja']} "
        "Japanese questions. Build: from passages stored to all searchable. Memory: largest resident set, and in "
        "brackets what of it is the process's own rather than a mapped file's. Random unit vectors stand in for the "
        "passages' embeddings (the question's is real), so their making is not in the build time.\n"
    )
    print(f"| {' | '.join(COLUMNS)} |\n|{' --- |' * len(COLUMNS)}", flush=True)
    status = 0
    for engine in engines:
        if engine in NEEDS and importlib.util.find_spec(NEEDS[engine]) is None:
            print(f"{engine} is left out: it is not installed (extra 'bench').", file=sys.stderr)
            continue
        with tempfile.TemporaryDirectory(prefix="speed-") as work:
            try:
                found: dict[str, Any] = {}
                for stage in _STAGES:
                    found |= _apart(stage, engine, Path(work), corpus)
            except subprocess.CalledProcessError as error:
                print(f"{engine} failed: {error.stderr[-2000:]}", file=sys.stderr)
                status = 1
                continue
            print(_line(found), flush=True)
    return status


def _apart(stage: str, engine: str, folder: Path, corpus: Path) -> dict[str, Any]:
    """Run one stage in a process of its own."""
    module = [sys.executable, "-m", "benchmarks.search_speed", engine, "--stage", stage]
    where = ["--folder", str(folder), "--corpus", str(corpus)]
    began = time.time()
    environment = os.environ | {"SPEED_BEGAN": repr(began)}
    done = subprocess.run([*module, *where], capture_output=True, text=True, check=True, env=environment)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def _line(found: dict[str, Any]) -> str:
    cells = [
        str(found["title"]),
        f"{found['build']:.1f}",
        f"{found['disk']:.0f}",
        *(f"{found[language]['p50']:.1f} / {found[language]['p95']:.1f}" for language in ("en", "ja")),
        f"{found['en']['cpu95']:.1f} / {found['ja']['cpu95']:.1f}",
        f"{found['first']:.2f}",
        f"{found['memory']:.0f} ({found['own']:.0f})",
        f"{found['more']:.2f}",
    ]
    return f"| {' | '.join(cells)} |"


# -- what runs in a process of its own ---------------------------------------------------------------------------------


def _build(name: str, folder: Path, corpus: Path) -> dict[str, Any]:
    from benchmarks.speed_engines import ENGINES

    engine = ENGINES[name](folder, corpus)
    began = time.perf_counter()
    engine.build()
    seconds = time.perf_counter() - began
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    copied = (corpus / "library.sqlite").stat().st_size if (folder / "library.sqlite").exists() else 0
    return {"title": engine.title, "build": seconds, "disk": (size - copied) / 1e6}


def _ask(name: str, folder: Path, corpus: Path) -> dict[str, Any]:
    from benchmarks import speed_corpus
    from benchmarks.speed_engines import ENGINES

    asked = speed_corpus.questions()
    engine = ENGINES[name](folder, corpus)
    engine.open()
    engine.search(asked["en"][0], "en")
    found: dict[str, Any] = {"first": time.time() - float(os.environ["SPEED_BEGAN"])}
    for language, questions in asked.items():
        walls, cpus = [], []
        for question in questions:
            wall, cpu = time.perf_counter(), time.process_time()
            engine.search(question, language)
            walls.append((time.perf_counter() - wall) * 1e3)
            cpus.append((time.process_time() - cpu) * 1e3)
        p50, p95 = np.percentile(walls, [50, 95])
        found[language] = {"p50": p50, "p95": p95, "cpu95": np.percentile(cpus, 95)}
    largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return found | {"memory": largest, "own": _own() / 1e6}


def _add(name: str, folder: Path, corpus: Path) -> dict[str, Any]:
    from benchmarks.speed_engines import ENGINES

    more = [json.loads(line) for line in (corpus / "more.jsonl").read_text(encoding="utf-8").splitlines()]
    engine = ENGINES[name](folder, corpus)
    engine.open()
    engine.search("how is it started", "en")
    began = time.perf_counter()
    engine.add(more)
    engine.search(more[0][:80], "en")
    return {"more": time.perf_counter() - began}


def _own() -> int:
    """Bytes of memory that no file backs, where the system tells."""
    try:
        lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
        return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Anonymous:"))
    except OSError:
        return 0


_STAGES = {"build": _build, "ask": _ask, "add": _add}

if __name__ == "__main__":
    sys.exit(main())
