"""Who shows how it is done: teachers that write an assistant's turns for a task, behind one interface.

    recorded    turns written beforehand (`domains/*/trajectories`), for which only the observations are made anew
    endpoint    any server that speaks OpenAI's chat completions, at an address that the user configured
    local       a GGUF on this machine, kept in form by the grammar
    student     the model in training itself, several tries at a temperature, of which those that end right are kept

A teacher sees the very messages that the student will see. What it writes is checked by `trainer.trajectories`.
"""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agent import prompts
from agent.engine import Engine
from index.errors import TebikiError
from index.records import Language

LONGEST_TURN = 220
"""Tokens of a turn that a model writes."""


class TeacherFailed(TebikiError):
    """The teacher gave no turn: it timed out, refused, or its file is not valid. Says which and the mend."""


class RecordedStep(BaseModel):
    """A search as the teacher made it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    thought: str = Field(min_length=1)
    search: str = Field(min_length=1)


class Task(BaseModel):
    """A question to be answered on the way of ReAct, and, where they were recorded, the turns that answer it.

    `holds` are strings of which the answer and the evidence must hold one; none for what the manuals do not tell.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    lang: Language
    kind: Literal["react", "one-step"] = "react"
    source: str = ""
    question: str = Field(min_length=1)
    steps: tuple[RecordedStep, ...] = ()
    thought: str = ""
    answer: str = ""
    holds: tuple[str, ...] = ()


class Teacher(Protocol):
    """Writes the assistant's next turn."""

    name: str
    tries: int  # how often a task is put to it before it counts as rejected

    def turn(self, task: Task, messages: Sequence[prompts.Message], number: int, attempt: int) -> str:
        """Turn `number` (from 0) of a task, after `messages`. Raises TeacherFailed."""
        ...


def load_tasks(path: Path) -> list[Task]:
    """The tasks of a JSON-lines file. Raises TeacherFailed, naming the line."""
    tasks = []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise TeacherFailed(f"{path} can't be read ({error}); give a file of trajectories.") from error
    for number, line in enumerate(lines, start=1):
        if line.strip():
            try:
                tasks.append(Task.model_validate_json(line))
            except ValidationError as error:
                first = error.errors(include_url=False)[0]
                where = ".".join(map(str, first["loc"])) or "line"
                raise TeacherFailed(f"{path}, line {number}: '{where}' {first['msg']}; correct it there.") from error
    return tasks


class Recorded:
    """Turns as they were written down."""

    name = "recorded"
    tries = 1

    def turn(self, task: Task, messages: Sequence[prompts.Message], number: int, attempt: int) -> str:
        """The recorded turn; once its searches are done, the answer."""
        if number < len(task.steps):
            step = task.steps[number]
            return prompts.turn(step.thought, prompts.action("search", step.search))
        if not task.answer:
            raise TeacherFailed(f"Task {task.id} has no recorded answer; take another teacher for it.")
        return prompts.turn(task.thought, prompts.action("answer", task.answer))


class Local:
    """A GGUF on this machine; with a temperature it is the student that tries several times (rejection sampling)."""

    def __init__(self, engine: Engine, *, tries: int = 1, temperature: float = 0.0, seed: int = 1) -> None:
        self.name = f"local {engine.info.name}"
        self.tries = tries
        self._engine, self._temperature, self._seed = engine, temperature, seed

    def turn(self, task: Task, messages: Sequence[prompts.Message], number: int, attempt: int) -> str:
        """A turn in the grammar's form; the first try is greedy."""
        written = self._engine.generate(
            self._engine.chat(messages),
            max_tokens=LONGEST_TURN,
            stop=prompts.STOP,
            grammar=prompts.GRAMMAR_TURN,
            temperature=self._temperature if attempt else 0.0,
            seed=self._seed + attempt,
        )
        return written.text


@dataclass(frozen=True, slots=True)
class EndpointSettings:
    """Where an OpenAI-compatible server is and what to ask it for; `timeout` in seconds for one turn."""

    address: str
    model: str
    key: str = ""
    timeout: float = 60.0
    retries: int = 3
    temperature: float = 0.3


class Endpoint:
    """A server that speaks OpenAI's chat completions: the one place from which anything leaves the machine, and only
    to the address that the run's file names."""

    def __init__(self, settings: EndpointSettings, *, tries: int = 2) -> None:
        self.name = f"endpoint {settings.model}"
        self.tries = tries
        self._settings = settings

    def turn(self, task: Task, messages: Sequence[prompts.Message], number: int, attempt: int) -> str:
        """A turn; what a server fails to give is asked for again, more slowly each time."""
        body = {
            "model": self._settings.model,
            "messages": [{"role": role, "content": text} for role, text in messages],
            "temperature": self._settings.temperature if attempt else 0.0,
            "max_tokens": LONGEST_TURN,
        }
        reason = ""
        for retry in range(self._settings.retries + 1):
            if retry:
                time.sleep(min(30.0, 0.5 * 2**retry))
            try:
                return _text(self._posted(body))
            except urllib.error.HTTPError as error:
                reason = f"status {error.code}"
                if error.code not in {408, 409, 429} and error.code < 500:
                    break
            except (OSError, ValueError, KeyError, IndexError, TypeError) as error:
                reason = str(error) or type(error).__name__
        raise TeacherFailed(
            f"The teacher at {self._settings.address} gave no turn for {task.id} ({reason}): see that it runs, and that "
            "address, model and key in the run's file are right."
        )

    def _posted(self, body: dict[str, Any]) -> Any:
        request = urllib.request.Request(
            self._settings.address.rstrip("/") + "/chat/completions",
            data=json.dumps(body).encode(),
            headers={"Content-Type": "application/json", "Authorization": f"Bearer {self._settings.key}"},
        )
        with urllib.request.urlopen(request, timeout=self._settings.timeout) as reply:
            return json.load(reply)


def _text(reply: Any) -> str:
    text = reply["choices"][0]["message"]["content"]
    if not isinstance(text, str):
        raise ValueError("the reply holds no text")
    return text
