"""How fast manuals become searchable, beside a plain reader, and whether it stays as fast while a library grows.

    python -m benchmarks.import_speed                     PostgreSQL's 1,100 pages; growth to 100,000 passages
    python -m benchmarks.import_speed --quick             200 pages; growth to 10,000

Comes in: PostgreSQL's manual (benchmarks/corpora.py) and real passages (speed_corpus.py). Goes out: two Markdown
tables. The peer does what a short script would: the text of each page by BeautifulSoup (extra `bench`), else by
Python's own parser, cut every 800 characters into SQLite FTS5; it keeps no headings, tables or places. In the growth
table files go into a library a thousand passages at a time, and each thousand is searchable before the next begins.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import shutil
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from benchmarks import corpora, speed_corpus
from index.importing import import_manuals
from index.lexical import Lexical
from index.records import Document, DocumentSection, PassageSpan
from index.store import ManualFacts, Store

PACKAGE = "postgresql-doc-15"
STEP = 1_000


def main() -> int:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="200 pages, growth to 10,000 passages")
    chosen = parser.parse_args()
    _pages(200 if chosen.quick else 1_000_000)
    print()
    _growth(10_000 if chosen.quick else 100_000)
    return 0


# -- pages a second ----------------------------------------------------------------------------------------------------


def _pages(most: int) -> None:
    source = corpora.bring(next(corpus for corpus in corpora.CORPORA if corpus.package == PACKAGE))
    pages = sorted(path for path in source.rglob("*.html") if path.is_file())[:most]
    print(
        "| Import | Pages | Passages | Seconds | CPU seconds | Pages a second |\n| --- | --- | --- | --- | --- | --- |"
    )
    with tempfile.TemporaryDirectory(prefix="import-") as work:
        manual = Path(work) / "manual"
        manual.mkdir()
        for page in pages:
            shutil.copy(page, manual)
        for name, run in (("Tebiki, words searchable", _ours), (f"{_peer_name()} and SQLite FTS5", _peer)):
            began, cpu = time.perf_counter(), _cpu()
            passages = run(manual, Path(work))
            seconds = time.perf_counter() - began
            cells = [name, f"{len(pages):,}", f"{passages:,}", f"{seconds:.1f}", f"{_cpu() - cpu:.1f}"]
            print(f"| {' | '.join([*cells, f'{len(pages) / seconds:.0f}'])} |", flush=True)


def _ours(manual: Path, work: Path) -> int:
    report = import_manuals(work / "library", [manual], progress=lambda progress: None, cancelled=lambda: False)
    return report.passages


def _peer(manual: Path, work: Path) -> int:
    db = sqlite3.connect(work / "fts.sqlite")
    db.execute("CREATE VIRTUAL TABLE passages USING fts5(source, text)")
    count = 0
    for path in sorted(manual.iterdir()):
        text = _text(path.read_text(encoding="utf-8", errors="replace"))
        cuts = [(path.name, text[start : start + 800]) for start in range(0, len(text), 800)]
        with db:
            db.executemany("INSERT INTO passages VALUES (?, ?)", cuts)
        count += len(cuts)
    db.close()
    return count


def _peer_name() -> str:
    return "BeautifulSoup" if importlib.util.find_spec("bs4") else "html.parser"


def _text(html: str) -> str:
    if importlib.util.find_spec("bs4"):
        from bs4 import BeautifulSoup

        return str(BeautifulSoup(html, "html.parser").get_text(" ", strip=True))
    parts: list[str] = []
    parser = HTMLParser()
    parser.handle_data = parts.append  # type: ignore[method-assign]
    parser.feed(html)
    return " ".join(" ".join(parts).split())


def _cpu() -> float:
    """Seconds of work by this process and its children that have ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


# -- growth ------------------------------------------------------------------------------------------------------------


def _growth(size: int) -> None:
    print("Seconds for a thousand passages more, stored and searchable by words:\n")
    print("| Passages before | Seconds | CPU seconds | of which storing | of which indexing |\n|" + " --- |" * 5)
    with tempfile.TemporaryDirectory(prefix="growth-") as work:
        store, lexical = Store.open(Path(work), create=True), Lexical(Path(work))
        manual = store.add_manual("growth", ManualFacts("Growth", "", "", "growth"))
        held, turns = 0, []
        stored, began = _Clock(), time.perf_counter()
        for number, (document, spans) in enumerate(_files(speed_corpus.made(size))):
            with stored:
                store.put_file(manual, str(number), document, str(number), 1, spans)
            held += sum(map(len, spans))
            if held >= STEP * (len(turns) + 1):
                indexed = _Clock()
                with indexed:
                    lexical.bring_up(store)
                turns.append((held, time.perf_counter() - began, stored.cpu, indexed.cpu))
                stored, began = _Clock(), time.perf_counter()
        store.close()
    for wanted in (1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000):
        near = (
            [turn for turn in turns if wanted * 0.9 - STEP <= turn[0] <= wanted * 1.05 + STEP] if wanted <= size else []
        )
        if near:
            wall, storing, indexing = (sum(turn[i] for turn in near) / len(near) for i in (1, 2, 3))
            figures = [f"{wall:.2f}", f"{storing + indexing:.2f}", f"{storing:.2f}", f"{indexing:.2f}"]
            print(f"| about {wanted:,} | {' | '.join(figures)} |", flush=True)
    whole = sum(turn[2] + turn[3] for turn in turns)
    print(f"\nAll {held:,} passages: {whole:.0f} CPU seconds, {whole / held * 1e3:.2f} for a thousand on average.")


class _Clock:
    """Adds up the processor time spent inside it, seconds."""

    cpu = 0.0

    def __enter__(self) -> None:
        self._began = time.process_time()

    def __exit__(self, *exception: object) -> None:
        self.cpu += time.process_time() - self._began


def _files(corpus: Path) -> Iterator[tuple[Document, list[list[PassageSpan]]]]:
    """The files of a made corpus, as they were read."""
    store = Store.open(corpus, read_only=True)
    for manual in store.manuals():
        for file in store.files(manual.id):
            sections, spans = [], []
            for section in store.sections(manual.id, file.source):
                sections.append(DocumentSection(section.heading, section.text, store.blocks(section.id)))
                at = section.start
                cuts = store.passages_of(section.id)
                spans.append([PassageSpan(cut.start - at, cut.end - at, cut.context) for cut in cuts])
            name = f"{manual.id}-{file.source}"
            yield Document(name, file.title, cuts[0].language if cuts else manual.language, tuple(sections)), spans
    store.close()


if __name__ == "__main__":
    sys.exit(main())
