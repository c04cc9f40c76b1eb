"""How soon is there something to read: the evidence, and the model's first token?

    python -m benchmarks.first_words [--questions 24] [--en LIBRARY] [--ja LIBRARY] [--threads N]

The pack's questions are put to its primer: in English with the starter, in Japanese with Gemma (where it was fetched).
Each question is asked in four ways, one after the other in the same run, with the same GGUF, threads and context:

    Tebiki           evidence by the extractor, and the fixed part of the prompt warmed once at the start
    second turn      the same way, as a follow-up in a conversation that has just had another question
    cache cleared    that second turn on an engine that has nothing in its cache
    five passages    the five passages that the search finds first, whole, between system message and question

Times count from the question, search included, unless the row says otherwise; one token is written. The two libraries
are made by the program's own import, unless given. Medians, 95th percentiles, and the ratios of medians.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from agent import assistant as answering
from agent import prompts
from agent.assistant import Assistant, warm
from agent.engine import Engine
from agent.records import Answer, Turn
from agent.rendering import render
from benchmarks.models import GemmaMissing, model_file
from benchmarks.question_sets import PACK, Asked, pack_questions
from index.importing import import_manuals
from index.library import Library
from index.records import Language

CONTEXT = 4096
"""Five passages do not fit in the 2,048 tokens that the program uses by default."""

OTHER = "~ " * 40
"""What an engine reads to have nothing of a prompt in its cache."""

Figures = dict[str, list[float]]


@dataclass(frozen=True, slots=True)
class Bench:
    """The engines and the library of one language: one engine for the conversation, one that is always cleared, and one
    for the peer, so that none finds another's prompts in its cache."""

    library: Library
    warmed: Engine
    cleared: Engine
    peer: Engine


def main() -> None:
    """Measure both languages and print a table for each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--questions", type=int, default=24)
    parser.add_argument("--en", type=Path, help="folder of a library of the English primer")
    parser.add_argument("--ja", type=Path, help="folder of a library of the Japanese primer")
    parser.add_argument("--threads", type=int, default=None)
    options = parser.parse_args()
    answering.LONGEST_ANSWER = 1  # the first token is what counts
    pairs: list[tuple[Language, str, Path | None]] = [("en", "starter", options.en), ("ja", "gemma", options.ja)]
    for language, model, folder in pairs:
        try:
            path = model_file(model)
        except GemmaMissing as missing:
            print(missing, file=sys.stderr)
            continue
        with tempfile.TemporaryDirectory() as work, ExitStack() as closing:
            library = closing.enter_context(Library.open(folder or _library(language, Path(work))))
            engines = [closing.enter_context(Engine(path, context=CONTEXT, threads=options.threads)) for _ in range(3)]
            report(language, model, Bench(library, *engines), options.questions)


def _library(language: Language, work: Path) -> Path:
    import_manuals(
        work / "library",
        [PACK / "primer" / language],
        progress=lambda progress: None,
        cancelled=lambda: False,
    )
    return work / "library"


def report(language: Language, model: str, bench: Bench, most: int) -> None:
    """Measure one language and print its table."""
    asked = [one for one in pack_questions(language) if one.answerable]
    step = max(1, len(asked) // most)
    figures, worded = measure(bench, asked[::step][:most])
    threads = bench.warmed.info
    print(
        f"\n{language}: {bench.warmed.info.name}, {threads.reading_threads} threads, {worded} questions of which the "
        f"model read the evidence\n\n{'':52} {'p50':>8} {'p95':>8}"
    )
    for name, values in figures.items():
        print(f"{name:52} {statistics.median(values):8.3f} {_p95(values):8.3f}")
    print("\nratios of medians")
    for name, slow, fast in RATIOS:
        print(f"{name:52} {statistics.median(figures[slow]) / statistics.median(figures[fast]):8.1f}")


FIRST, SECOND = "first token, Tebiki, s", "first token, second turn, s"
CLEARED, PEER = "first token, cache cleared, s", "first token, five passages, s"
READ_FIRST, READ_SECOND = "  from the evidence on, Tebiki, s", "  from the evidence on, second turn, s"
READ_CLEARED, READ_PEER = "  from the evidence on, cache cleared, s", "  from the search on, five passages, s"
RATIOS = (
    ("five passages / Tebiki, first token", PEER, FIRST),
    ("five passages / Tebiki, reading alone", READ_PEER, READ_FIRST),
    ("cache cleared / second turn, first token", CLEARED, SECOND),
    ("cache cleared / second turn, reading alone", READ_CLEARED, READ_SECOND),
)


def measure(bench: Bench, asked: Sequence[Asked]) -> tuple[Figures, int]:
    """Each question in the four ways; those that are refused, or answered without the model, are not counted."""
    figures: Figures = defaultdict(list)
    tuned = False
    warm(bench.warmed, tuned=tuned)
    warmed, cleared = Assistant(bench.library, bench.warmed), Assistant(bench.library, bench.cleared)
    for engine in (bench.cleared, bench.peer):
        engine.generate(OTHER, max_tokens=1)
    warmed.ask(asked[0].question)  # opens files, fills the system's caches
    before = asked[-1].question
    worded = 0
    for one in asked:
        first = warmed.ask(one.question)
        if first.seconds.first_token == 0.0:
            continue
        worded += 1
        note(figures, first, FIRST, READ_FIRST)
        figures["search, s"].append(first.seconds.search)
        figures["evidence, s"].append(first.seconds.first_evidence)
        figures["  from the search on, s"].append(first.seconds.first_evidence - first.seconds.search)
        figures["tokens read, Tebiki"].append(first.tokens.prompt - first.tokens.reused)
        history = [Turn(before, warmed.ask(before).text)]
        note(figures, warmed.ask(one.question, history=history), SECOND, READ_SECOND)
        bench.cleared.generate(OTHER, max_tokens=1)
        anew = cleared.ask(one.question, history=history)
        note(figures, anew, CLEARED, READ_CLEARED)
        figures["tokens read, cache cleared"].append(anew.tokens.prompt - anew.tokens.reused)
        five_passages(bench, one.question, figures)
        before = one.question
    return figures, worded


def note(figures: Figures, answer: Answer, whole: str, reading: str) -> None:
    """The answer's time to the first token, from the question and from the evidence on."""
    if answer.seconds.first_token:
        figures[whole].append(answer.seconds.first_token)
        figures[reading].append(answer.seconds.first_token - answer.seconds.first_evidence)


def five_passages(bench: Bench, question: str, figures: Figures) -> None:
    """The peer: what a plain chat over documents does."""
    started = time.perf_counter()
    hits = bench.library.search(question, 5)
    found = time.perf_counter()
    passages = "\n\n".join(f"[{at}] {hit.passage.text}" for at, hit in enumerate(hits, start=1))
    messages = [("system", prompts.SYSTEM), ("user", f"{passages}\n\nQuestion: {question}")]
    written = bench.peer.generate(render(bench.peer, messages), max_tokens=1)
    ended = time.perf_counter()
    figures[PEER].append(ended - started)
    figures[READ_PEER].append(ended - found)
    figures["tokens read, five passages"].append(written.prompt_tokens - written.reused_tokens)


def _p95(values: Sequence[float]) -> float:
    return statistics.quantiles(values, n=20, method="inclusive")[-1] if len(values) > 1 else values[0]


if __name__ == "__main__":
    main()
