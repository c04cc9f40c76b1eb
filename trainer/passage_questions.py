"""Questions that a teacher writes about a passage: asked for as JSON, read strictly, and answered again blind.

Comes in: a passage and a writer. Goes out: a question whose evidence stands in that passage and whose right option the
teacher chose again from the passage alone, with the options in another order; or why there is none.
"""

from __future__ import annotations

import hashlib
import json
import random
import re
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agent.prompts import Message, one_line
from agent.records import Level, Question
from index.records import Language, Passage
from trainer.evidence import within
from trainer.faults import TeacherFailed
from trainer.question_checks import Dropped, fault
from trainer.question_records import Practice, with_order
from trainer.teachers import Writer

LONGEST_REPLY, LONGEST_CHOICE = 700, 64  # tokens
SHORTEST_PASSAGE = 120  # characters of a passage that is worth a question
LETTERS = "ABCD"

_LANGUAGES: dict[Language, str] = {"en": "English", "ja": "Japanese"}
_ASK = """Here is a passage from a product's manual.

Heading: {heading}
{context}{text}

Write one exam question about it in {language}, for an operator of the product. It must be answered by this passage and
have exactly one right option; the three wrong options are of the same kind as the right one and about as long, and are
wrong according to the passage. Do not mention the passage. Reply with one JSON object and nothing else:
{{"question": "...", "options": ["...", "...", "...", "..."], "answer": 0, "level": "engineer", "explanation": "...",
"evidence": ["..."]}}
"answer" is the index of the right option, from 0; "level" is "engineer" (a fact), "professional" (a situation) or
"consultant" (a comparison or design); "evidence" are the passage's words that decide it, copied letter by letter."""
_READ = """Here is a passage from a product's manual.

Heading: {heading}
{context}{text}

{question}
{options}

Reply with the letter of the one option that is right according to the passage, or with X if none or several are."""


class _Written(BaseModel):
    """What the teacher must reply; further keys are passed over."""

    model_config = ConfigDict(frozen=True, strict=True)

    question: str = Field(min_length=8, max_length=600)
    options: list[str] = Field(min_length=4, max_length=4)
    answer: int = Field(ge=0, le=3)
    level: Literal["engineer", "professional", "consultant"] = "engineer"
    explanation: str = ""
    evidence: list[str] = Field(min_length=1, max_length=4)


def ask_about(passage: Passage, writer: Writer, seed: int) -> Practice | Dropped:
    """The first try that passes, or why the last one did not."""
    name = f"asked-{hashlib.sha256(f'{passage.source}|{passage.start}|{passage.text}'.encode()).hexdigest()[:10]}"
    outcome: Practice | Dropped = Dropped(name, "teacher failed")
    for attempt in range(writer.tries):
        try:
            outcome = _tried(name, passage, writer, seed, attempt)
        except TeacherFailed as error:
            return Dropped(name, "teacher failed", str(error))
        if isinstance(outcome, Practice):
            break
    return outcome


def _tried(name: str, passage: Passage, writer: Writer, seed: int, attempt: int) -> Practice | Dropped:
    told = _ASK.format(**_about(passage), language=_LANGUAGES[passage.language])
    written = _parsed(writer.reply([("user", told)], longest=LONGEST_REPLY, attempt=attempt))
    if isinstance(written, str):
        return Dropped(name, "form", written)
    made = _practice(name, passage, written)
    if isinstance(made, str):
        return Dropped(name, "evidence not found", made)
    wrong = fault(made)
    if wrong is not None:
        return wrong
    drawn = random.Random(f"{seed}|{name}")
    one, two, three, four = drawn.sample(range(4), 4)
    made = with_order(made, (one, two, three, four))  # teachers put the right option first too often
    return _read_blind(made, passage, writer, drawn, attempt)


def _read_blind(
    made: Practice, passage: Passage, writer: Writer, drawn: random.Random, attempt: int
) -> Practice | Dropped:
    """The question, if the teacher chooses its right option again without being told which it is."""
    one, two, three, four = drawn.sample(range(4), 4)
    mixed = with_order(made, (one, two, three, four)).question
    options = "\n".join(f"{letter}. {option}" for letter, option in zip(LETTERS, mixed.options, strict=True))
    messages: list[Message] = [
        ("user", _READ.format(**_about(passage), question=mixed.question, options=options)),
    ]
    said = writer.reply(messages, longest=LONGEST_CHOICE, attempt=attempt)
    chosen = re.match(r"\W*([A-DX])\b", said.strip())
    if chosen is None or chosen[1] != LETTERS[mixed.answer]:
        return Dropped(made.question.id, "read otherwise", f"{mixed.question} {options} -> {said[:80]}")
    return made


def _about(passage: Passage) -> dict[str, str]:
    context = f"{passage.context}\n" if passage.context else ""
    return {"heading": " > ".join(passage.heading), "context": context, "text": passage.text}


def _parsed(reply: str) -> _Written | str:
    """What was written, or the reason why it can't be used."""
    start, end = reply.find("{"), reply.rfind("}")
    try:
        return _Written.model_validate_json(json.dumps(json.loads(reply[start : end + 1])))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    except ValueError as error:
        return f"{error}: {reply[:120]!r}"


def _practice(name: str, passage: Passage, written: _Written) -> Practice | str:
    """The question, or the piece of evidence that the passage does not hold."""
    evidence = []
    for one in written.evidence:
        found = within(passage.text, one)
        if found is None:
            return one
        evidence.append(found)
    one, two, three, four = map(one_line, written.options)
    level: Level = written.level
    question = Question(
        id=name,
        lang=passage.language,
        level=level,
        question=one_line(written.question),
        options=(one, two, three, four),
        answer=written.answer,
        explanation=one_line(written.explanation),
        manual=passage.manual,
        section=passage.heading[-1] if passage.heading else passage.source,
    )
    return Practice(question, tuple(evidence), "teacher")
