"""Practice questions: the exam bank's form, with the words of the manuals that decide them.

Comes in: files. Goes out: records, and files again. How they are made and checked stands in questions.py.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from agent.bank import load_bank
from agent.records import Question
from trainer.faults import QuestionsUnusable

Made = Literal["recorded", "teacher", "rows"]


@dataclass(frozen=True, slots=True)
class Practice:
    """A question to be trained on. `evidence` are stretches of the library that decide it, verbatim; `made` says by
    whom; `facts` are the ids of the facts that it asks for, where its file names them."""

    question: Question
    evidence: tuple[str, ...]
    made: Made
    facts: tuple[str, ...] = ()

    @property
    def right(self) -> str:
        """The right option's text."""
        return self.question.options[self.question.answer]


def load_practice(path: Path) -> list[Practice]:
    """The questions of a file in the bank's form with "evidence". Raises BankInvalid, QuestionsUnusable."""
    questions = load_bank(path)
    lines = [line for line in path.read_text(encoding="utf-8-sig").split("\n") if line.strip()]
    found = []
    for number, (line, question) in enumerate(zip(lines, questions, strict=True), start=1):
        row = json.loads(line)
        evidence = _texts(row.get("evidence"))
        if not evidence:
            raise QuestionsUnusable(
                f'{path}, question {number} ({question.id}): "evidence" is not a list of texts; '
                "give the manual's words."
            )
        found.append(Practice(question, evidence, row.get("made", "recorded"), _texts(row.get("facts")) or ()))
    return found


def _texts(value: object) -> tuple[str, ...] | None:
    if not isinstance(value, list) or not all(isinstance(one, str) and one.strip() for one in value):
        return None
    return tuple(value)


def with_order(practice: Practice, order: tuple[int, int, int, int]) -> Practice:
    """The same question with its options in another order: option `order[0]` first."""
    question = practice.question
    one, two, three, four = (question.options[at] for at in order)
    mixed = replace(question, options=(one, two, three, four), answer=order.index(question.answer))
    return replace(practice, question=mixed)


def write_practice(path: Path, questions: Iterable[Practice]) -> None:
    """One question a line; whole or not at all."""
    beside = path.with_suffix(".new")
    with beside.open("w", encoding="utf-8") as file:
        for one in questions:
            file.write(json.dumps(as_row(one), ensure_ascii=False) + "\n")
    beside.replace(path)


def as_row(practice: Practice) -> dict[str, object]:
    """A question as its line in a file holds it."""
    question = practice.question
    return {
        "id": question.id,
        "lang": question.lang,
        "level": question.level,
        "product": question.product,
        "question": question.question,
        "options": list(question.options),
        "answer": question.answer,
        "explanation": question.explanation,
        "source": {"manual": question.manual, "section": question.section},
        "facts": list(practice.facts),
        "evidence": list(practice.evidence),
        "made": practice.made,
    }


def of_row(row: dict[str, object]) -> Practice:
    """What `as_row` made."""
    source = row["source"]
    options, evidence, facts = row["options"], row["evidence"], row["facts"]
    assert isinstance(source, dict)
    assert isinstance(options, list)
    assert isinstance(evidence, list)
    assert isinstance(facts, list)
    names = ("id", "lang", "level", "product", "question", "answer", "explanation")
    values: dict[str, object] = {name: row[name] for name in names}
    question = Question(**values, options=tuple(options), manual=source["manual"], section=source["section"])  # type: ignore[arg-type]
    return Practice(question, tuple(evidence), row["made"], tuple(facts))  # type: ignore[arg-type]
