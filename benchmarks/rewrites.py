"""Which other queries rescue a question whose first search finds too little? Each way by itself, beside none.

    python -m benchmarks.rewrites [--work FOLDER] [--half tuning|held|both] [--show WAY]

Comes in: the pack's questions in both languages, slurm_dev as typed and reworded, and the exam banks' stems. Each is
searched for; where the gate finds the evidence too thin, each way of `agent/rewriting.py` searches once more. Printed
for each set and way: how many questions were left, for how many the way had another query that found something else,
how many then passed the gate with the answer in the evidence (rescued) or without it, or with no answer to be had
(harmed), and the time of the second search. A way is worth having if it rescues more than it harms.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from agent.extractor import extract
from agent.loop import SEARCHES
from agent.records import Evidence
from agent.rewriting import USED, WAYS, rewrites
from agent.sufficiency import ENOUGH
from agent.terms import terms
from benchmarks.answer_cases import TOP, Shelf
from benchmarks.question_sets import (
    PACK,
    Asked,
    DataMissing,
    exam_questions,
    half_of,
    pack_questions,
    slurm_questions,
)
from index.library import Library
from index.records import Hit, Language

_MESSAGE = re.compile(r"(?<![A-Za-z0-9_-])[A-Z]{4}\d{3,5}-[A-Z](?![A-Za-z0-9_-])")
LANGUAGES: tuple[Language, ...] = ("en", "ja")
TRIED: dict[str, tuple[str, ...]] = {
    **{way: (way,) for way in WAYS},
    "names, content": ("names", "content"),
    "all that are used": USED,
    "with names, glossary": (*USED, "names", "glossary"),
    "with unseen words dropped": (*USED, "seen"),
}
"""Each way by itself; and in turn, to at most three searches: the two that were used before, the program's own, and
two variants of it."""


@dataclass(slots=True)
class Tally:
    """What one way did to the questions of one set."""

    changed: int = 0
    rescued: list[str] = field(default_factory=list)
    harmed: list[str] = field(default_factory=list)
    seconds: float = 0.0


def right(asked: Asked, evidence: Sequence[Evidence]) -> bool:
    """Whether the evidence holds the answer; of an exam's stem, whose options are put otherwise, whether the best of it
    is from the right page."""
    if asked.set.startswith("bank"):
        return bool(evidence) and evidence[0].source.endswith(asked.source)
    return asked.answerable and asked.answered_by(
        "\n".join(" ".join((*one.heading, one.context, one.quote)) for one in evidence)
    )


def cut_messages(lang: Language) -> list[Asked]:
    """Every message ID of the pack's primer, asked for without the letter at its end."""
    pages = sorted((PACK / "primer" / lang).glob("*.md"))
    ids = sorted({found for page in pages for found in _MESSAGE.findall(page.read_text(encoding="utf-8"))})
    asks = {"en": "What does {} mean?", "ja": "{}の意味は？"}
    return [
        Asked(f"cut-{lang}", f"pack-{lang}", lang, half_of(one), asks[lang].format(one[:-2]), (one,)) for one in ids
    ]


def run(library: Library, questions: Sequence[Asked]) -> tuple[int, dict[str, Tally]]:
    """Put questions to a library: how many were left by the first search, and what each way did to those."""
    tallies = {way: Tally() for way in TRIED}
    left = 0
    for one in questions:
        hits = library.search(one.question, TOP)
        if extract(one.question, hits, language=one.language).sufficiency >= ENOUGH:
            continue
        left += 1
        for way, tally in tallies.items():
            _try(library, one, hits, TRIED[way], tally)
    return left, tallies


def _try(library: Library, one: Asked, hits: Sequence[Hit], ways: Sequence[str], tally: Tally) -> None:
    """Search again in these ways, as the loop does: only where that changes something, and until it suffices."""
    began = time.perf_counter()
    found_before = {tuple(hit.passage.id for hit in hits)}
    searches = 1
    for rewrite in rewrites(library, one.question, hits, ways):
        if searches == SEARCHES:
            break
        if terms(rewrite.query) == terms(one.question) and rewrite.asked == one.question:
            continue
        searches += 1
        again = library.search(rewrite.query, TOP)
        ids = tuple(hit.passage.id for hit in again)
        if ids in found_before and rewrite.asked == one.question:
            continue
        found_before.add(ids)
        tally.changed += 1
        found = extract(rewrite.asked, again, language=one.language)
        if found.evidence and found.sufficiency >= ENOUGH:
            quote = found.evidence[0].quote[:80]
            said = f"{found.sufficiency:.2f} {rewrite.way}: {one.question} -> {rewrite.query} :: {quote!r}"
            (tally.rescued if right(one, found.evidence) else tally.harmed).append(said)
            break
    tally.seconds += time.perf_counter() - began


def main() -> int:
    """Print a table for each set."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, help="keep the libraries here (default: a temporary folder)")
    parser.add_argument("--half", choices=("tuning", "held", "both"), default="both")
    parser.add_argument("--show", choices=list(TRIED), help="print what this way rescued and harmed")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary, Shelf(options.work or Path(temporary)) as shelf:
        sets = [each(lang) for each in (pack_questions, cut_messages, exam_questions) for lang in LANGUAGES]
        try:
            sets += [slurm_questions(), slurm_questions(reworded=True)]
        except DataMissing as missing:
            print(missing, file=sys.stderr)
        print("| set | way | left | other hits | rescued | harmed | ms each |")
        print("| --- " * 7 + "|")
        for some in sets:
            chosen = [one for one in some if options.half in ("both", one.half)]
            if not chosen:
                continue
            left, tallies = run(shelf.library(chosen[0].library), chosen)
            for way, tally in tallies.items():
                each = 1000 * tally.seconds / max(1, tally.changed)
                counts = f"{left} of {len(chosen)} | {tally.changed} | {len(tally.rescued)} | {len(tally.harmed)}"
                print(f"| {chosen[0].set} | {way} | {counts} | {each:.0f} |")
                if way == options.show:
                    print(
                        "\n".join(
                            [*(f"  + {line}" for line in tally.rescued), *(f"  - {line}" for line in tally.harmed)]
                        )
                    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
