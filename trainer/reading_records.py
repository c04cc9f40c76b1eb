"""Passages to practise reading on, and their questions: records and their files.

A line each:

    {"id": "...", "lang": "en", "units": [{"heading": "...", "context": "...", "text": "..."}, ...],
     "questions": [{"question": "...", "options": [four], "answer": 0..3, "deciding": [units that decide]}]}
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from index.records import Language
from trainer.faults import QuestionsUnusable


class Line(BaseModel):
    """What a manual says in one place, as a search would bring it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    heading: str
    context: str = ""
    text: str = Field(min_length=1)


class Asked(BaseModel):
    """A question on a passage; `deciding` are the indices of the lines that decide it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    question: str = Field(min_length=1)
    options: tuple[str, str, str, str]
    answer: Annotated[int, Field(ge=0, le=3)]
    deciding: tuple[int, ...] = Field(min_length=1)


class Passage(BaseModel):
    """A passage and what is asked of it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    lang: Language
    topic: str = ""
    units: tuple[Line, ...] = Field(min_length=1)
    questions: tuple[Asked, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _decided_inside(self) -> Passage:
        if any(not 0 <= at < len(self.units) for one in self.questions for at in one.deciding):
            raise ValueError("a question names a deciding unit that the passage does not have")
        if any(len(set(one.options)) < len(one.options) for one in self.questions):
            raise ValueError("a question has the same option twice")
        return self

    def texts(self) -> Iterator[str]:
        """Everything that is read of it."""
        yield from (unit.text for unit in self.units)
        for one in self.questions:
            yield "\n".join((one.question, *one.options))


def load_passages(path: Path) -> list[Passage]:
    """The passages of a file. Raises QuestionsUnusable, which names the line."""
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise QuestionsUnusable(f"{path} can't be read ({error}); give a file of passages in UTF-8.") from error
    found = []
    for number, line in enumerate(lines, start=1):
        if line.strip():
            try:
                found.append(Passage.model_validate_json(line))
            except ValidationError as error:
                what = error.errors()[0]
                place = ".".join(map(str, what["loc"])) or "the line"
                raise QuestionsUnusable(f"{path}, line {number}: {place}: {what['msg']}; correct it there.") from error
    return found
