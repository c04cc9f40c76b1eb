"""Practice in reading: passages of no real product, with questions that they alone decide.

Comes in: passages (reading_records.py). Goes out: choice units as `trainer.choices` makes them of a library's
questions. What is learnt here belongs to no domain, so it serves every pack.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from agent import exam, prompts
from agent.records import Evidence, Question
from trainer.choices import SHUFFLED, SPREAD
from trainer.exchange import exchange
from trainer.reading_records import Asked, Line, Passage
from trainer.rendering import Rendered, choice
from trainer.samples import Choice

EXCHANGED = 0.5
"""How often two options change places in the passage, where they can."""


@dataclass(frozen=True, slots=True)
class Read:
    """A choice unit, and the id of the passage it was made of."""

    passage: str
    unit: Choice


def reading_units(base: Rendered, passages: Sequence[Passage], seed: int) -> list[Read]:
    """A unit of every question; the same for the same seed. Raises NothingTrained where a verdict is not one token."""
    made = []
    for passage in passages:
        units = tuple(as_evidence(number, line) for number, line in enumerate(passage.units))
        for number, asked in enumerate(passage.questions):
            draw = random.Random(f"{seed}:{passage.id}:{number}")
            question, seen = shown(units, as_question(passage, number, asked), asked.deciding, draw)
            prompt = prompts.exam_judgement(seen, question.question)
            made.append(Read(passage.id, choice(base, prompt, question.options, question.answer)))
    return made


def shown(
    units: Sequence[Evidence], question: Question, deciding: Sequence[int], draw: random.Random
) -> tuple[Question, tuple[Evidence, ...]]:
    """The question, perhaps with two options exchanged, and as many lines as an exam shows, the deciding ones among
    their neighbours."""
    beside = [at for at in range(len(units)) if at not in deciding]
    draw.shuffle(beside)
    most = max(len(deciding), exam.JUDGED + draw.choice(SPREAD))
    places = [*deciding, *beside[: most - len(deciding)]]
    # As by weight in an exam: what decides stands mostly in front, seldom behind
    if draw.random() < 2 * SHUFFLED:
        draw.shuffle(places)
    seen = tuple(units[at] for at in places)
    swap = exchange(question, [units[at].quote for at in deciding], draw) if draw.random() < EXCHANGED else None
    return (swap.question, tuple(map(swap.evidence, seen))) if swap else (question, seen)


def as_question(passage: Passage, number: int, asked: Asked) -> Question:
    """A passage's question as a bank would hold it."""
    return Question(
        id=f"{passage.id}.{number}", lang=passage.lang, level="engineer", question=asked.question,
        options=asked.options, answer=asked.answer,
    )  # fmt: skip


def as_evidence(number: int, line: Line) -> Evidence:
    """A line of a passage as a search would bring it."""
    return Evidence(
        passage_id=0, section_id=0, manual="", source="", heading=(line.heading,), anchor=None, page=None,
        quote=line.text, start=number, end=number, score=1.0, context=line.context,
    )  # fmt: skip
