"""Are follow-up questions made whole? Ways of doing so, side by side, on conversations over the pack's primer.

    python -m benchmarks.follow_ups [--half tuning|held|both] [--library-en DIR] [--library-ja DIR] [--show WAY]

Comes in: `benchmarks/questions/follow-ups-{en,ja}.jsonl`, each a history, a question, the sections that answer it and
strings of which one stands in the answer; the ways are

    alone        the question as it was typed
    put together the question before, then the question: the usual way
    words added  the content words of the question before added to a question that begins or points as follow-ups do
    made whole   the program's own (agent/follow_up.py)
    by hand      the standalone question written into the set: what there is to be gained

Each goes through the whole search loop and its gate. Printed for each: the share whose right section is the first hit
of the first search, is in the first five, whose answer string stands in the evidence, and who are refused; then how
many of the questions that are complete by themselves were changed and answered, and how many of those that no manual
answers were refused.
Without --library-en/-ja the libraries are made in a temporary folder, with embeddings where an embedder is installed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from agent.follow_up import made_whole
from agent.loop import Found, look
from agent.records import Turn
from agent.terms import content_words, terms
from benchmarks.answer_cases import Shelf
from index.analyzer import query_language
from index.library import Library

QUESTIONS = Path(__file__).parent / "questions"
Way = Callable[[str, Sequence[Turn]], str]


@dataclass(frozen=True, slots=True)
class FollowUp:
    """A conversation and what its last question asks. `kind`: "slot", "topic" and "correction" lean on the history,
    "complete" does not, "absent" leans on it and is answered by no manual. `whole` is the rewrite by hand."""

    id: str
    lang: str
    kind: str
    history: tuple[Turn, ...]
    question: str
    whole: str
    answers: tuple[str, ...]
    sections: tuple[str, ...]

    @property
    def half(self) -> str:
        """Whether it may be tuned on; by the id alone."""
        return "tuning" if hashlib.sha256(self.id.encode()).digest()[0] % 2 else "held"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a way made of a follow-up: the question that was searched for, and how it went."""

    asked: str
    first: bool
    five: bool
    held: bool
    refused: bool
    seconds: float


def follow_ups(lang: str) -> list[FollowUp]:
    """The conversations of one language."""
    lines = (QUESTIONS / f"follow-ups-{lang}.jsonl").read_text(encoding="utf-8").splitlines()
    return [
        FollowUp(
            row["id"], row["lang"], row["kind"],
            tuple(Turn(turn["question"], turn["answer"]) for turn in row["history"]),
            row["question"], row["whole"], tuple(row["answers"]), tuple(row["sections"]),
        )
        for row in map(json.loads, lines)
    ]  # fmt: skip


def alone(question: str, history: Sequence[Turn]) -> str:
    """The question as it is."""
    return question


def put_together(question: str, history: Sequence[Turn]) -> str:
    """The question before and the question."""
    return f"{history[-1].question} {question}"


_LEANS_EN = re.compile(
    r"^\W*(?:and|or|but|so|then|also|what about|how about|what if|why|same)\b"
    r"|\b(?:it|its|that|this|they|them|those|these|one|there)\b",
    re.IGNORECASE,
)
_LEANS_JA = re.compile(
    r"^\W*(?:では|じゃあ|それ|その|これ|この|また|あと|ほか|他に|なぜ|じゃ)|(?:の場合|だと|なら)[はも]?[？?]?$|は[？?]$"
)


def words_added(question: str, history: Sequence[Turn]) -> str:
    """A short question that begins or points as a follow-up gets the content words of the one before."""
    if query_language(question) == "ja":
        leans = len(question.strip()) <= 20 and bool(_LEANS_JA.search(question.strip()))
    else:
        leans = len(terms(question)) <= 3 and bool(_LEANS_EN.search(question))
    if not history or not leans:
        return question
    return f"{question} {content_words(words_added(history[-1].question, history[:-1]))}"


WAYS: dict[str, Way] = {
    "alone": alone,
    "put together": put_together,
    "words added": words_added,
    "made whole": made_whole,
}


def outcome(library: Library, one: FollowUp, way: str) -> Outcome:
    """Put a follow-up to the loop in one way. The program's own hears the history; the others get their rewrite."""
    started = time.perf_counter()
    if way == "made whole":
        question, history = one.question, one.history
        asked = made_whole(question, history)
    else:
        asked = question = one.whole if way == "by hand" else WAYS[way](one.question, one.history)
        history = ()
    found = look(
        library, question, history=history, on_event=lambda event: None, cancelled=lambda: False, started=started
    )
    sections = [Path(hit.passage.source).stem for hit in found.hits]
    return Outcome(
        asked, sections[:1] != [] and sections[0] in one.sections, bool(set(sections[:5]) & set(one.sections)),
        _held(one, found), not found.enough, time.perf_counter() - started,
    )  # fmt: skip


def _held(one: FollowUp, found: Found) -> bool:
    text = " ".join(" ".join((*each.heading, each.context, each.quote)) for each in found.extraction.evidence).lower()
    return any(" ".join(answer.lower().split()) in " ".join(text.split()) for answer in one.answers)


def report(some: Sequence[tuple[FollowUp, dict[str, Outcome]]]) -> Iterator[str]:
    """A table of the ways."""
    leaning = [pair for pair in some if pair[0].kind in {"slot", "topic", "correction"}]
    complete = [pair for pair in some if pair[0].kind == "complete"]
    absent = [pair for pair in some if not pair[0].answers]
    yield (
        f"| way | first ({len(leaning)}) | in five | answer in evidence | answered with it | refused |"
        f" complete changed ({len(complete)}) | complete answered | absent refused ({len(absent)}) | ms |"
    )
    yield "| --- " * 10 + "|"
    for way in [*WAYS, "by hand"]:
        outcomes = [found[way] for _, found in leaning]
        n = max(1, len(outcomes))
        changed = sum(found[way].asked != one.question for one, found in complete)
        answered = sum(found[way].held and not found[way].refused for _, found in complete)
        refused = sum(found[way].refused for _, found in absent)
        shares = [
            sum(each.first for each in outcomes) / n, sum(each.five for each in outcomes) / n,
            sum(each.held for each in outcomes) / n, sum(each.held and not each.refused for each in outcomes) / n,
            sum(each.refused for each in outcomes) / n,
        ]  # fmt: skip
        milliseconds = 1000 * sum(each.seconds for each in outcomes) / n
        yield (
            f"| {way} | "
            + " | ".join(f"{share:.3f}" for share in shares)
            + (f" | {changed} | {answered} | {refused} | {milliseconds:.0f} |")
        )


def main() -> int:
    """Print a table for each language."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--half", choices=("tuning", "held", "both"), default="both")
    parser.add_argument("--library-en", type=Path, help="the primer's library in English (default: made anew)")
    parser.add_argument("--library-ja", type=Path, help="the primer's library in Japanese (default: made anew)")
    parser.add_argument("--show", choices=[*WAYS, "by hand"], help="print each question as this way makes it")
    options = parser.parse_args()
    with ExitStack() as exits:
        shelf: Shelf | None = None
        for lang in ("en", "ja"):
            folder: Path | None = getattr(options, f"library_{lang}")
            if folder is not None:
                library = exits.enter_context(Library.open(folder))
            else:
                shelf = shelf or exits.enter_context(Shelf(Path(exits.enter_context(tempfile.TemporaryDirectory()))))
                library = shelf.library(f"pack-{lang}")
            chosen = [one for one in follow_ups(lang) if options.half in ("both", one.half)]
            ran = [(one, {way: outcome(library, one, way) for way in [*WAYS, "by hand"]}) for one in chosen]
            print(f"\n{lang}, {options.half}: {len(chosen)} conversations\n")
            print("\n".join(report(ran)))
            if options.show:
                for one, found in ran:
                    each = found[options.show]
                    marks = f"{'1' if each.first else '5' if each.five else '-'}{'e' if each.held else '-'}"
                    said = f"{one.history[-1].question} / {one.question} -> {each.asked}"
                    print(f"{one.id} {one.kind:10} {marks}{'R' if each.refused else ' '} {said}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
