"""What a practice question must pass: options that differ and are of one kind, evidence that stands in the library,
and no near-twin among the others or in an exam.

Comes in: candidates. Goes out: those that pass, and why each of the others did not. It asks no model.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from agent.records import Question
from agent.terms import is_identifier
from trainer.contamination import leaks
from trainer.evidence import Finder, plain
from trainer.near_duplicates import Asked, as_asked, copy_of, twin
from trainer.question_records import Practice

Reason = Literal[
    "form", "options not different", "right option stands out", "evidence not found", "read otherwise",
    "wording of an exam question", "like an exam question", "like another question", "teacher failed",
]  # fmt: skip

STANDS_OUT = 3.0  # how many times longer than the longest wrong one the right option may be
_FIGURE = re.compile(r"[-+]?\d[\d.,:]*\s?(?:/?[A-Za-z%]{1,7}|[^\W\d_a-zA-Z]{1,4})?")
_LONG = 60  # characters from which length is looked at: short options differ by chance


@dataclass(frozen=True, slots=True)
class Dropped:
    """A candidate that was not kept, and why."""

    id: str
    reason: Reason
    detail: str = ""


def fault(practice: Practice) -> Dropped | None:
    """What is wrong with a question in itself; None where nothing is."""
    question = practice.question
    if len({"".join(unicodedata.normalize("NFKC", option).split()) for option in question.options}) < 4:
        return Dropped(question.id, "options not different", " | ".join(question.options))
    kinds = [kind(option) for option in question.options]
    if practice.made == "recorded":  # people write names in several forms: "JP1/Base" beside "JP1/AJS3 - View"
        kinds = ["figure" if one == "figure" else "words" for one in kinds]
    longest = max(len(option) for at, option in enumerate(question.options) if at != question.answer)
    alone = kinds.count(kinds[question.answer]) == 1
    if alone or (len(practice.right) > _LONG and len(practice.right) > STANDS_OUT * longest):
        return Dropped(question.id, "right option stands out", " | ".join(question.options))
    return None


def kind(option: str) -> str:
    """What an option is: "figure", "name" or "words"; by that alone nobody may tell the right one."""
    text = option.strip()
    if _FIGURE.fullmatch(text):
        return "figure"
    if " " not in text and is_identifier(text):
        return "name"
    return "words"


def with_evidence(practice: Practice, finder: Finder) -> Practice | Dropped:
    """The question with its evidence as it stands in the library, and with the place of the first piece where its file
    names none."""
    found = [finder.find(one) for one in practice.evidence]
    stands = [one for one in found if one is not None]
    if len(stands) < len(found) or not stands:
        missing = next((one for one, place in zip(practice.evidence, found, strict=True) if place is None), "")
        return Dropped(practice.question.id, "evidence not found", missing)
    first = stands[0].passage
    question = practice.question
    if not question.section:
        question = replace(question, manual=first.manual, section=first.heading[-1] if first.heading else first.source)
    return replace(practice, question=question, evidence=tuple(one.text for one in stands))


def distinct(
    candidates: Iterable[Practice], exam: Sequence[Question], shared_words: int, shared_characters: int
) -> tuple[list[Practice], list[Dropped]]:
    """The candidates of which no like stands before them, nor in an exam. Earlier ones win."""
    kept: list[Practice] = []
    dropped: list[Dropped] = []
    exam_texts = [as_asked(question) for question in exam]
    texts: list[Asked] = []
    seen: set[tuple[str, ...]] = set()
    for one in candidates:
        question = one.question
        leaked = next(leaks([(question.id, question.question)], exam, shared_words, shared_characters), None)
        if leaked is not None:
            dropped.append(Dropped(question.id, "wording of an exam question", leaked.question))
            continue
        text = as_asked(question)
        copied = copy_of(text, exam_texts)
        if copied is not None:
            dropped.append(Dropped(question.id, "like an exam question", exam[copied].id))
            continue
        same = plain(question.question), *sorted(map(plain, question.options))
        like = twin(text, texts)
        if same in seen or like is not None:
            dropped.append(
                Dropped(question.id, "like another question", "" if like is None else kept[like].question.id)
            )
            continue
        seen.add(same)
        texts.append(text)
        kept.append(one)
    return kept, dropped
