"""Files of questions, one JSON object a line, read strictly: all of the file or nothing.

Comes in: a path and how one object becomes a record. Goes out: the records in the file's order; or the first fault,
with the number of its line, as a sentence. Empty lines are passed over. It knows nothing of what a question is made of.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, TypeVar

from index.errors import TebikiError


class Fault(Exception):
    """Why a line is not a question; the message goes on from "is not valid: "."""


class Named(Protocol):
    """A record with an id of its own in its file."""

    @property
    def id(self) -> str:
        """The id."""
        ...


Record = TypeVar("Record", bound=Named)


def load(
    path: Path, record: Callable[[dict[str, Any]], Record], refused: type[TebikiError], *, called: str = ""
) -> list[Record]:
    """Read every line with `record`, which raises Fault for an object that is none.

    Raises `refused`: the file can't be read, is not UTF-8, holds nothing, has a line that is not valid, or an id twice.
    `called` is what the sentence calls the file ("the exam bank"); its path alone if empty.
    """
    name = f"{called} {path}".strip()
    subject = f"{called[:1].upper()}{called[1:]} {path}".strip()
    found: dict[str, tuple[int, Record]] = {}
    for number, line in enumerate(_lines(path, subject, refused), start=1):
        if not line.strip():
            continue
        try:
            one = record(_object(line))
            if one.id in found:
                raise Fault(f'the id "{one.id}" stands in line {found[one.id][0]} already')
        except Fault as fault:
            raise refused(f"Line {number} of {name} is not valid: {fault}.") from fault
        found[one.id] = number, one
    if not found:
        raise refused(f"{subject} holds no question.")
    return [one for _, one in found.values()]


def present(data: dict[str, Any], key: str) -> Any:
    """What stands under `key`. Raises Fault if it is missing."""
    if key not in data:
        raise Fault(f'"{key}" is missing')
    return data[key]


def text(data: dict[str, Any], key: str) -> str:
    """The text under `key`. Raises Fault if it is missing, empty or no text."""
    value = present(data, key)
    if not isinstance(value, str) or not value.strip():
        raise Fault(f'"{key}" is not a text, or is empty')
    return value


def one_of(data: dict[str, Any], key: str, allowed: tuple[str, ...]) -> str:
    """The text under `key`, which is one of `allowed`. Raises Fault if it is missing or another."""
    value = present(data, key)
    if value not in allowed:
        choices = ", ".join(f'"{one}"' for one in allowed)
        raise Fault(f'"{key}" is {json.dumps(value, ensure_ascii=False)} and not one of {choices}')
    return str(value)


def _lines(path: Path, subject: str, refused: type[TebikiError]) -> list[str]:
    try:
        # Not splitlines: within a text JSON allows the line separators of Unicode as they are.
        return path.read_text(encoding="utf-8-sig").split("\n")
    except OSError as error:
        raise refused(f"{subject} can't be read: {error.strerror or error}.") from error
    except UnicodeDecodeError as error:
        raise refused(f"{subject} is not UTF-8 text; save it as UTF-8.") from error


def _object(line: str) -> dict[str, Any]:
    try:
        data = json.loads(line)
    except ValueError as error:
        raise Fault(f"it is not JSON ({error})") from error
    if not isinstance(data, dict):
        raise Fault("it is not a JSON object")
    return data
