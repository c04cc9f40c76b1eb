"""Exam banks: one JSON object a line in, `Question`s out.

A line that is not valid is named by number and reason, and then nothing of the file is used. Keys beyond the known ones
are kept in the file and ignored here. It knows nothing of models, libraries or how an exam is taken.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast, get_args

from agent.errors import BankInvalid
from agent.records import Level, Question, Split
from index import json_lines
from index.json_lines import Fault
from index.records import Language


@dataclass(frozen=True, slots=True)
class Sitting:
    """What an exam of one level asks for: how many questions, how many minutes, and the share that passes."""

    questions: int
    minutes: int
    passing: float


SITTINGS: dict[Level, Sitting] = {
    "engineer": Sitting(20, 40, 0.7),
    "professional": Sitting(30, 60, 0.7),
    "consultant": Sitting(30, 60, 0.7),
}


def split_of(key: str) -> Split:
    """The split that everything hanging on `key` (the id of a fact, or of a section) belongs to, for good.

    "study" may be trained on, "exam" never. It is decided by the key's SHA-256, so neither the order of a bank nor who
    writes the next question moves anything from one to the other.
    """
    return "exam" if hashlib.sha256(key.encode("utf-8")).digest()[0] & 1 else "study"


def load_bank(path: Path) -> list[Question]:
    """Read a bank, all of it or nothing; empty lines are passed over.

    Raises BankInvalid, naming the first line that is not valid and why, or saying that the file can't be read or holds
    no question.
    """
    return json_lines.load(path, _question, BankInvalid, called="the exam bank")


def draw(questions: Sequence[Question], level: Level, n: int, seed: int) -> list[Question]:
    """`n` questions of a level (all of them, if there are fewer) in random order, the same for the same seed."""
    of_level = [question for question in questions if question.level == level]
    return random.Random(seed).sample(of_level, min(n, len(of_level)))


def _question(data: dict[str, Any]) -> Question:
    source = data.get("source")
    if source is not None and not isinstance(source, dict):
        raise Fault('"source" is not an object with "manual" and "section"')
    return Question(
        id=json_lines.text(data, "id"),
        lang=cast(Language, json_lines.one_of(data, "lang", get_args(Language))),
        level=cast(Level, json_lines.one_of(data, "level", get_args(Level))),
        question=json_lines.text(data, "question"),
        options=_options(data),
        answer=_answer(data),
        product=_optional(data, "product"),
        explanation=_optional(data, "explanation"),
        manual=_optional(source or {}, "manual"),
        section=_optional(source or {}, "section"),
        split=cast(Split | None, json_lines.one_of(data, "split", get_args(Split)) if "split" in data else None),
    )


def _optional(data: dict[str, Any], key: str) -> str:
    value = data.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise Fault(f'"{key}" is not a text')
    return value


def _options(data: dict[str, Any]) -> tuple[str, str, str, str]:
    value = json_lines.present(data, "options")
    if not isinstance(value, list) or len(value) != 4:
        raise Fault('"options" is not a list of four texts')
    if not all(isinstance(option, str) and option.strip() for option in value):
        raise Fault("an option is not a text, or is empty")
    if len({option.strip() for option in value}) != 4:
        raise Fault("two options are the same")
    return cast(tuple[str, str, str, str], tuple(value))


def _answer(data: dict[str, Any]) -> int:
    value = json_lines.present(data, "answer")
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 3:
        raise Fault('"answer" is not 0, 1, 2 or 3')
    return value
