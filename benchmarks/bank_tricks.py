"""How far one gets in an exam bank without knowing the subject: by tricks alone.

    python -m benchmarks.bank_tricks domains/jp1/bank/en.jsonl ...        a table, a row a bank
    python -m benchmarks.bank_tricks --check FILE ...                     also what looks wrong, question by question

A bank whose right options are the longest, or repeat the question's words, measures reading habits. Goes out: the share
of questions solved by each trick, guessing among equals; chance is 0.25.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations
from pathlib import Path

from agent.bank import load_bank
from agent.records import Question

Trick = Callable[[Question, int], float]
"""The score of option number `int`; the highest is chosen."""

NEARLY_THE_SAME = 0.7
"""Share of pieces that two questions have in common from which on they are the same question in other words."""


def pieces(text: str) -> frozenset[str]:
    """English words; of Japanese text, pairs of neighbouring characters."""
    text = text.lower()
    if not re.search("[ぁ-ヺ一-鿿]", text):
        return frozenset(re.findall(r"[a-z0-9]+", text))
    text = re.sub(r"\s", "", text)
    return frozenset(text[at : at + 2] for at in range(len(text) - 1))


def _shared(question: Question, option: int) -> float:
    return len(pieces(question.question) & pieces(question.options[option]))


def _like_the_others(question: Question, option: int) -> float:
    """The option in the middle of the others: writers vary the right one to make the wrong ones."""
    mine = pieces(question.options[option])
    others = [pieces(other) for number, other in enumerate(question.options) if number != option]
    return sum(len(mine & other) / max(1, len(mine | other)) for other in others)


TRICKS: dict[str, Trick] = {
    "longest option": lambda question, option: len(question.options[option]),
    "shortest option": lambda question, option: -len(question.options[option]),
    "most words of the question": _shared,
    "most like the other options": _like_the_others,
    "always A": lambda _, option: -option,
}


def solved(questions: Sequence[Question], trick: Trick) -> float:
    """The share of questions that a trick solves, guessing among equals."""
    total = 0.0
    for question in questions:
        scores = [trick(question, option) for option in range(4)]
        if scores[question.answer] == max(scores):
            total += 1 / scores.count(max(scores))
    return total / len(questions)


def near_duplicates(questions: Sequence[Question]) -> Iterator[tuple[Question, Question, float]]:
    """Pairs of questions, with the right answers, that say nearly the same: Jaccard over `pieces`."""
    said = [pieces(f"{one.question} {one.options[one.answer]}") for one in questions]
    for (first, one), (second, other) in combinations(enumerate(questions), 2):
        alike = len(said[first] & said[second]) / max(1, len(said[first] | said[second]))
        if one.lang == other.lang and alike >= NEARLY_THE_SAME:
            yield one, other, alike


def oddities(question: Question) -> Iterator[str]:
    """What makes one question look unfair."""
    right = question.options[question.answer]
    others = [option for option in question.options if option != right]
    if len(right) > 1.4 * max(map(len, others)) and len(right) - max(map(len, others)) > 8:
        yield "the right option stands out by its length"
    if len(right) < 0.6 * min(map(len, others)) and min(map(len, others)) - len(right) > 8:
        yield "the right option stands out by its shortness"
    if re.search(
        r"all of the above|none of the above|上記すべて|いずれでもない", " ".join(question.options), re.IGNORECASE
    ):
        yield "an option is about the other options"
    numbers = [bool(re.search(r"\d", option)) for option in question.options]
    if numbers[question.answer] != (sum(numbers) >= 2) and sum(numbers) in (1, 3):
        yield "only the right option has, or has not, a number"


def main() -> int:
    """Print the table, and with --check what looks wrong; 1 where a near-duplicate is found."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("banks", nargs="+", type=Path)
    parser.add_argument("--check", action="store_true", help="name what looks wrong")
    asked = parser.parse_args()
    banks = {path: load_bank(path) for path in asked.banks}
    print("| bank | n | " + " | ".join(TRICKS) + " |\n| --- | --- |" + " --- |" * len(TRICKS))
    for path, questions in banks.items():
        shares = " | ".join(f"{solved(questions, trick):.3f}" for trick in TRICKS.values())
        print(f"| {path.stem} | {len(questions)} | {shares} |")
    status = 0
    everything = [question for questions in banks.values() for question in questions]
    for one, other, alike in near_duplicates(everything):
        print(f"{one.id} and {other.id} are nearly the same ({alike:.2f})")
        status = 1
    if asked.check:
        print("positions:", Counter(question.answer for question in everything))
        print("levels:", Counter(question.level for question in everything))
        for question in everything:
            for oddity in oddities(question):
                print(f"{question.id}: {oddity}")
    return status


if __name__ == "__main__":
    sys.exit(main())
