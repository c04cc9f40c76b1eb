"""Real passages by the hundred thousand, for timings: every manual of benchmarks/corpora.py, read as the program does.

Comes in: how many passages. Goes out: a folder with the store of a library that holds just so many, the next hundred
passages beside it, and questions to ask. Nothing is repeated: a passage whose text was there already is left out, and
so are the sources of pages that some manuals carry along. Files are drawn at random (seeded), so a smaller corpus has
the languages of the larger one. Made once and kept in the cache.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks import corpora
from index import passages
from index.errors import ManualUnreadable
from index.listing import list_candidates
from index.reading import read_file
from index.records import Document, PassageSpan
from index.schema import SCHEMA_VERSION
from index.store import ManualFacts, Store

CACHE = Path(os.environ.get("TEBIKI_BENCH", Path.home() / ".cache" / "tebiki" / "bench"))
DATA = Path(os.environ.get("TEBIKI_DATA", Path(__file__).parents[2] / "shared" / "data"))
OWN = Path(__file__).parent / "questions"
MORE = 100
QUESTIONS = 300  # of each language

Spans = list[list[PassageSpan]]


def made(size: int) -> Path:
    """The folder of a library of `size` passages (`library.sqlite`), and `more.jsonl`: texts of `MORE` others."""
    folder = CACHE / f"speed-{size}-schema{SCHEMA_VERSION}"
    if not (folder / "more.jsonl").is_file():
        shutil.rmtree(folder, ignore_errors=True)
        beside = folder.with_name(f"{folder.name}.{os.getpid()}")
        _make(beside, size)
        beside.rename(folder)
    return folder


def questions() -> dict[str, list[str]]:
    """Real questions by language, in a mixed order that is the same each time: those of reading tests and our own."""
    asked: dict[str, list[str]] = {"en": [], "ja": []}
    for path in (DATA / "xquad_en_dev.jsonl", DATA / "jsquad_ja_dev.jsonl"):
        found = [qa["question"] for record in _records(path) for qa in record["qas"]]
        asked["en" if "_en_" in path.name else "ja"] += random.Random(1).sample(found, min(len(found), QUESTIONS // 2))
    for path in sorted(OWN.glob("*.jsonl")):
        for record in _records(path):
            asked[record["lang"]] += [record["free_question"], record["question"]]
    return {language: random.Random(2).sample(found, min(len(found), QUESTIONS)) for language, found in asked.items()}


def _make(folder: Path, size: int) -> None:
    store = Store.open(folder, create=True)
    seen: set[str] = set()
    more: list[str] = []
    held = 0
    manuals: dict[str, int] = {}
    for package, document, spans in _documents(seen):
        if held < size:
            kept = _first(spans, size - held)
            if package not in manuals:
                manuals[package] = store.add_manual(package, ManualFacts(package, "", "", package))
            name = f"{len(seen)}-{document.source}"
            store.put_file(manuals[package], name, replace(document, source=name), name, 1, kept)
            held += sum(map(len, kept))
        else:
            texts = zip(document.sections, spans, strict=True)
            more += [section.text[cut.start : cut.end] for section, cuts in texts for cut in cuts]
        if len(more) >= MORE:
            break
    store.close()
    if len(more) < MORE:
        raise corpora.CorpusMissing(f"All manuals together hold {held} passages: bring more of them.")
    (folder / "more.jsonl").write_text("\n".join(map(json.dumps, more[:MORE])), encoding="utf-8")


def _documents(seen: set[str]) -> Iterator[tuple[str, Document, Spans]]:
    """Every file of every manual with those of its passages that are new."""
    files = []
    for corpus in (*corpora.CORPORA, *corpora.MORE):
        candidates, _ = list_candidates([corpora.bring(corpus)])
        files += [(corpus.package, candidate) for candidate in candidates if candidate.source.endswith(("html", "htm"))]
    files.sort(key=lambda pair: (pair[0], pair[1].source))
    random.Random(3).shuffle(files)
    for number, (package, candidate) in enumerate(files):
        if "_sources" in candidate.source:
            continue
        if number % 500 == 0:
            print(f"reading file {number} of {len(files)}", file=sys.stderr, flush=True)
        try:
            document = read_file(candidate.path, candidate.source)
        except ManualUnreadable:
            continue
        spans: Spans = []
        for section in document.sections:
            spans.append([])
            for cut in passages.split(section, document.language):
                text = section.text[cut.start : cut.end]
                if text not in seen:
                    seen.add(text)
                    spans[-1].append(cut)
        if any(spans):
            yield package, document, spans


def _first(spans: Spans, most: int) -> Spans:
    kept: Spans = []
    for cuts in spans:
        kept.append(cuts[:most])
        most -= len(kept[-1])
    return kept


def _records(path: Path) -> list[dict[str, Any]]:
    if not path.is_file():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
