"""Practice questions as they are judged in an exam: with what the search and the words of the library bring, not with
the deciding sentence handed over.

Comes in: practice questions, the library they are asked of. Goes out: choice units. Each question is looked up as
`agent.exam` looks it up, and the units that speak most for its options are what the model reads before it judges. So it
learns to find the deciding line among its neighbours (RAFT, arXiv 2403.10131, hands it the deciding document and
drawn ones; here the distractors are those that search really brings).
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from agent import exam, prompts
from agent.option_support import Support, support
from agent.records import Evidence, Question
from index.library import Library
from trainer.evidence import plain
from trainer.exchange import exchange
from trainer.question_records import Practice
from trainer.rendering import Rendered, choice
from trainer.samples import Choice

SPREAD = (-1, 0, 0, 1)
"""Units more or fewer than an exam shows, drawn for each question: a library may hold little on a matter."""

PUT_IN = 0.85
"""How often deciding evidence that was found, but not among the best, takes the place of one of these; such a question
is left out else, for nothing before the model decides it."""

SHUFFLED = 0.3
"""How often the units stand in another order than by weight, so that the model reads what stands behind too."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """A choice unit and the id of its question."""

    question: str
    unit: Choice


def choice_units(
    base: Rendered, library: Library, questions: Sequence[Practice], seed: int, *, exchanged: bool = False
) -> list[Chosen]:
    """The units of the questions whose evidence the library brings, in their order; the same for the same seed. With
    `exchanged` a question comes once more with two options in each other's places, where that is possible.

    Raises NothingTrained where a verdict is not one token of the model.
    """
    made = []
    for practice in questions:
        found = looked_up(practice.question, library)
        asked = [put(practice, found, random.Random(f"{seed}:{practice.question.id}"))]
        if exchanged:
            asked.append(put_exchanged(practice, found, random.Random(f"{seed}:{practice.question.id}:exchanged")))
        for one in asked:
            if one is not None:
                question, evidence = one
                prompt = prompts.exam_judgement(evidence, question.question)
                made.append(Chosen(practice.question.id, choice(base, prompt, question.options, question.answer)))
    return made


Put = tuple[Question, tuple[Evidence, ...]]
"""A question, and the units that stand before it."""


def put(practice: Practice, found: Support, draw: random.Random) -> Put | None:
    """The question with what stands before the model; None where that would not decide it."""
    evidence = shown(practice, found, draw)
    return (practice.question, evidence) if evidence else None


def put_exchanged(practice: Practice, found: Support, draw: random.Random) -> Put | None:
    """The same with two options exchanged in every unit; None where that can't be done."""
    evidence = shown(practice, found, draw)
    swap = exchange(practice.question, [unit.quote for unit in evidence if decides(unit, practice)], draw)
    return (swap.question, tuple(map(swap.evidence, evidence))) if swap else None


def shown(practice: Practice, found: Support, draw: random.Random) -> tuple[Evidence, ...]:
    """What stands before the model for a practice question; nothing where it would not decide."""
    most = exam.JUDGED + draw.choice(SPREAD)
    units = list(found.weightiest(most)[0])
    if not any(decides(one, practice) for one in units):
        deciding = next((one for one in found.units if decides(one, practice)), None)
        if deciding is None or draw.random() >= PUT_IN:
            return ()
        units[draw.randrange(len(units))] = deciding
    if draw.random() < SHUFFLED:
        draw.shuffle(units)
    return tuple(units)


def looked_up(question: Question, library: Library) -> Support:
    """What one search with question and options brings, as in an exam."""
    return support(question, [library.search(f"{question.question} {' '.join(question.options)}", exam.TOP)])


LEAST = 8
"""Letters of a unit that may stand in deciding evidence by chance."""


def decides(unit: Evidence, practice: Practice) -> bool:
    """Whether a unit is the deciding evidence or part of it, marks, spaces and width of letters apart."""
    quote = _letters(unit.quote)
    return len(quote) > LEAST and any(quote in one or one in quote for one in map(_letters, practice.evidence))


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, plain(text)))
