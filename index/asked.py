"""Questions as operators type them, with what a right reply holds: one JSON object a line in, `Asked`s out.

    {"id": "asked-en-001", "lang": "en", "question": "port of the event service?", "answers": ["24680/tcp", "24680"]}

A question that the pack can't answer has no answers. Other keys are kept in the file and ignored. A line that is not
valid is named by number and reason, and nothing of the file is used.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast, get_args

from index import json_lines
from index.errors import PackInvalid
from index.records import Language


@dataclass(frozen=True, slots=True)
class Asked:
    """A question. A right reply, or its quote, contains one of `answers` (in any case); none: it must be refused.
    `section` names the page that tells, where the file says so."""

    id: str
    language: Language
    question: str
    answers: tuple[str, ...]
    section: str = ""


def load_asked(path: Path) -> list[Asked]:
    """Read a file of questions, all of it or nothing; empty lines are passed over. Raises PackInvalid."""
    return json_lines.load(path, _asked, PackInvalid)


def _asked(data: dict[str, Any]) -> Asked:
    language = json_lines.one_of(data, "lang", get_args(Language))
    answers = data.get("answers")
    if not isinstance(answers, list) or not all(isinstance(answer, str) and answer.strip() for answer in answers):
        raise json_lines.Fault('"answers" is not a list of texts (an empty list: it can\'t be answered)')
    return Asked(
        id=json_lines.text(data, "id"),
        language=cast(Language, language),
        question=json_lines.text(data, "question"),
        answers=tuple(answers),
        section=json_lines.text(data, "section") if "section" in data else "",
    )
