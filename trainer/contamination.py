"""Do exam questions stand in training text? Comes in: texts and questions. Goes out: the leaks, by name.

A leak is a run of words (in Japanese, of characters) that a question shares with a text: 13 words is the length that
the GPT-3 paper and lm-evaluation-harness use. Options count too, since they carry the wording of the right answer.
Where a text is itself a question, it also leaks one that it is nearly the same as (trainer/near_duplicates.py).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from agent.records import Question
from trainer.near_duplicates import Asked, as_asked, copy_of

CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]")
WORD = re.compile(r"[^\W_]+", re.UNICODE)


@dataclass(frozen=True, slots=True)
class Leak:
    """A question whose wording stands in a training text: `shared` is the run of words or characters, or what the text
    asks where it is a copy."""

    question: str
    text: str
    shared: str


def shingles(text: str, words: int, characters: int) -> set[str]:
    """Every run of `words` words, and of `characters` Japanese characters, in a text (NFKC, lower case)."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    found = WORD.findall(folded)
    runs = {" ".join(found[at : at + words]) for at in range(len(found) - words + 1)}
    joined = "".join(found)
    if CJK.search(joined):
        runs |= {joined[at : at + characters] for at in range(len(joined) - characters + 1)}
    return runs


def leaks(
    texts: Iterable[tuple[str, str]], questions: Sequence[Question], words: int, characters: int
) -> Iterator[Leak]:
    """The leaks of `questions` into `texts` (pairs of name and text), at most one for each pair of the two."""
    of_run: dict[str, list[str]] = {}
    for question in questions:
        for asked in (question.question, *question.options):
            for run in shingles(asked, words, characters):
                of_run.setdefault(run, []).append(question.id)
    for name, text in texts:
        seen: set[str] = set()
        for run in shingles(text, words, characters) & of_run.keys():
            for question_id in of_run[run]:
                if question_id not in seen:
                    seen.add(question_id)
                    yield Leak(question_id, name, run)


def copies(texts: Iterable[tuple[str, Asked]], questions: Sequence[Question]) -> Iterator[Leak]:
    """The questions to be learnt (pairs of name and question) that are nearly the same as one of `questions`."""
    others = [as_asked(question) for question in questions]
    for name, text in texts:
        at = copy_of(text, others)
        if at is not None:
            yield Leak(questions[at].id, name, text.text)
