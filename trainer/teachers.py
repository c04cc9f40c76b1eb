"""Who shows how it is done: teachers that write an assistant's turns for a task, behind one interface.

    recorded    turns written beforehand (`domains/*/trajectories`), for which only the observations are made anew
    endpoint    any server that speaks OpenAI's chat completions, at an address that the user configured (endpoint.py)
    local       a GGUF on this machine, kept in form by the grammar
    student     the base itself, several tries at a temperature, of which those that end right are kept

Comes in: a task and the very messages that the student will see. Goes out: what the assistant says next. A teacher does
not judge: `trainer.trajectories` and `trainer.questions` keep what is right.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agent import prompts
from agent.records import Step
from agent.terms import terms
from index.records import Language
from trainer.endpoint import Endpoint
from trainer.faults import TeacherFailed

if TYPE_CHECKING:
    from agent.engine import Engine
    from trainer.run_config import TeacherSettings

LONGEST_TURN = 220
"""Tokens of a turn that a model writes."""


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
    """Writes an assistant's turns. `tries` is how often a task is put to it before it counts as rejected; attempt 0 is
    the likeliest answer, later ones differ."""

    name: str
    tries: int

    def turn(self, task: Task, steps: Sequence[Step], attempt: int) -> str:
        """The whole turn after these steps: a thought, and a search or an answer. Raises TeacherFailed."""
        ...

    def answer(self, task: Task, messages: Sequence[prompts.Message], attempt: int) -> str:
        """The answer's text alone, after messages that end with the evidence; "" for none. Raises TeacherFailed."""
        ...


class Writer(Protocol):
    """A teacher that is a model: it replies to anything."""

    name: str
    tries: int

    def reply(self, messages: Sequence[prompts.Message], *, longest: int, attempt: int) -> str:
        """What it says next, of at most `longest` tokens. Raises TeacherFailed."""
        ...


def load_tasks(path: Path) -> list[Task]:
    """The tasks of a JSON-lines file. Raises TeacherFailed, naming the line."""
    tasks: dict[str, Task] = {}
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise TeacherFailed(f"{path} can't be read ({error}); give a file of trajectories.") from error
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            task = Task.model_validate_json(line)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(map(str, first["loc"])) or "line"
            raise TeacherFailed(f"{path}, line {number}: '{where}' {first['msg']}; correct it there.") from error
        if task.id in tasks:
            raise TeacherFailed(f"{path}, line {number}: the id {task.id} stands there twice; give it another.")
        tasks[task.id] = task
    return list(tasks.values())


class Recorded:
    """Turns as they were written down."""

    name = "recorded"
    tries = 1

    def turn(self, task: Task, steps: Sequence[Step], attempt: int) -> str:
        """The first recorded search that was not made yet, by the loop or by the teacher; after these, the answer."""
        searched = {terms(content) for kind, content in map(_content, steps) if kind == "search"}
        for step in task.steps:
            if terms(step.search) not in searched:
                return prompts.turn(step.thought, prompts.action("search", step.search))
        return prompts.turn(task.thought, prompts.action("answer", self.answer(task, (), attempt)))

    def answer(self, task: Task, messages: Sequence[prompts.Message], attempt: int) -> str:
        """The recorded answer."""
        if not task.answer:
            raise TeacherFailed(f"Task {task.id} has no recorded answer; take another teacher for it.")
        return task.answer


def _content(step: Step) -> tuple[str, str]:
    kind, _, content = step.action.partition("[")
    return kind, content[:-1]


class Local:
    """A GGUF on this machine; with a temperature it is the student that tries several times (rejection sampling).

    A model that was not tuned on the prompt format is shown worked examples, as in use.
    """

    def __init__(self, engine: Engine, *, tries: int = 1, temperature: float = 0.0, seed: int = 1) -> None:
        self.name = f"local {engine.info.name}"
        self.tries = tries
        self._engine, self._temperature, self._seed = engine, temperature, seed
        self._examples = engine.info.prompt_format != prompts.FORMAT

    def turn(self, task: Task, steps: Sequence[Step], attempt: int) -> str:
        """A turn in the grammar's form; the first try is greedy."""
        messages = prompts.transcript(task.question, steps, examples=self._examples)
        return self._said(messages, "", LONGEST_TURN, attempt, grammar=prompts.GRAMMAR_TURN)

    def answer(self, task: Task, messages: Sequence[prompts.Message], attempt: int) -> str:
        """What the model writes within the brackets of `answer[`."""
        fixed = prompts.fixed_part(examples=self._examples, language=task.lang)
        thought = "" if self._examples else prompts.THOUGHTS[task.lang]["answer"]
        written = self._said([*fixed, *messages[1:]], prompts.opening("answer", thought), LONGEST_TURN, attempt)
        return prompts.after_opening(written)

    def reply(self, messages: Sequence[prompts.Message], *, longest: int, attempt: int) -> str:
        """What the model says next."""
        return self._said(messages, "", longest, attempt)

    def _said(
        self, messages: Sequence[prompts.Message], opening: str, longest: int, attempt: int, grammar: str | None = None
    ) -> str:
        from agent.errors import NOT_WORDED
        from agent.rendering import render

        try:
            written = self._engine.generate(
                render(self._engine, messages) + opening,
                max_tokens=longest,
                stop=prompts.STOP if opening else (),
                grammar=grammar,
                temperature=self._temperature if attempt else 0.0,
                seed=self._seed + attempt,
            )
        except NOT_WORDED as error:
            raise TeacherFailed(f"The teacher {self.name} wrote nothing: {error}") from error
        return written.text


@contextmanager
def teacher_of(settings: TeacherSettings, base: str, seed: int) -> Iterator[Teacher]:
    """The teacher that a run's file names, for as long as it is needed. Raises TeacherFailed and what starting a model
    raises."""
    if settings.kind == "recorded":
        yield Recorded()
    else:
        with writer_of(settings, base, seed) as writer:
            yield writer


@contextmanager
def writer_of(settings: TeacherSettings, base: str, seed: int) -> Iterator[Local | Endpoint]:
    """The same for work that only a model can do. Raises TeacherFailed for recorded turns, which answer nothing new."""
    if settings.kind == "recorded":
        raise TeacherFailed("Recorded turns can't write questions: name an endpoint or a local model as the teacher.")
    if settings.kind == "endpoint":
        key = os.environ.get(settings.key_from, "") if settings.key_from else ""
        if settings.key_from and not key:
            raise TeacherFailed(f"The environment variable {settings.key_from} is empty: put the endpoint's key there.")
        yield Endpoint(settings, key)
        return
    from agent.engine import Engine

    with _as_gguf(base if settings.kind == "student" else settings.model) as model, Engine(model) as engine:
        yield Local(engine, tries=settings.tries, temperature=settings.temperature, seed=seed)


@contextmanager
def _as_gguf(model: str) -> Iterator[Path]:
    """A model as a GGUF; of a Hugging Face folder one is written in 8 bits, for this while."""
    from trainer.base_files import model_path

    found = model_path(model)
    if not found.is_dir():
        yield found
        return
    from trainer.merge import merge_into

    with tempfile.TemporaryDirectory(prefix="tebiki-teacher-") as beside:
        path = Path(beside) / f"{found.name}.gguf"
        merge_into(path, found, None, "q8_0", {})
        yield path
