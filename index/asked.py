"""Questions as operators type them, with what a right reply holds: one JSON object a line in, `Asked`s out.

    {"id": "asked-en-001", "lang": "en", "question": "port of the event service?", "answers": ["24680/tcp", "24680"]}

A question that the pack can't answer has no answers. Other keys are kept in the file and ignored. A line that is not
valid is named by number and reason, and nothing of the file is used.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast, get_args

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
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise PackInvalid(f"{path} can't be read: {error.strerror or error}.") from error
    except UnicodeDecodeError as error:
        raise PackInvalid(f"{path} is not UTF-8 text; save it as UTF-8.") from error
    found: dict[str, Asked] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            asked = _asked(line)
            if asked.id in found:
                raise ValueError(f'the id "{asked.id}" stands in a line above already')
        except ValueError as fault:
            raise PackInvalid(f"Line {number} of {path} is not valid: {fault}.") from fault
        found[asked.id] = asked
    if not found:
        raise PackInvalid(f"{path} holds no question.")
    return list(found.values())


def _asked(line: str) -> Asked:
    try:
        data = json.loads(line)
    except ValueError as error:
        raise ValueError(f"it is not JSON ({error})") from error
    if not isinstance(data, dict):
        raise ValueError("it is not a JSON object")
    language = _text(data, "lang")
    if language not in get_args(Language):
        raise ValueError(f'"lang" is "{language}" and not one of {", ".join(get_args(Language))}')
    answers = data.get("answers")
    if not isinstance(answers, list) or not all(isinstance(answer, str) and answer.strip() for answer in answers):
        raise ValueError('"answers" is not a list of texts (an empty list: it can\'t be answered)')
    section = _text(data, "section") if "section" in data else ""
    return Asked(_text(data, "id"), cast(Language, language), _text(data, "question"), tuple(answers), section)


def _text(data: dict[str, Any], key: str) -> str:
    value = data.get(key)
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f'"{key}" is missing, or is not a text')
    return value
