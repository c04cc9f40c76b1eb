"""One task worked through: the loop of `agent` itself, with a teacher in the model's place.

Comes in: a task, a teacher, a library. Goes out: the conversations that teach it, or why there is none. They are to the
byte what a tuned model is shown in use, because the same code makes them:

    search    the question, the first search, what it found, and what the teacher does then, each time the loop asked:
              it asks only where the gate did not find the evidence sufficient (agent.loop, agent.react)
    answer    the question, one search, the best evidence within the budget of tokens, and the answer (agent.assistant)
    one-step  the question, a thought and the answer, without a search: the chain of thought of arXiv 2510.00482

What is kept ends right: the answer holds what it must, and so does the evidence in the very words that are read; what
the manuals do not tell must not pass the gate.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from agent import prompts
from agent.assistant import to_read, to_word
from agent.loop import Found, look
from agent.react import LONGEST_QUERY, ModelTurns
from agent.records import Step
from agent.terms import terms
from trainer.evidence import Finder, plain
from trainer.faults import TeacherFailed
from trainer.teachers import Task, Teacher

LONGEST_THOUGHT, LONGEST_ANSWER = 200, 400
"""Characters that the grammar admits; a one-step thought is longer, since the reasoning is in it."""
LONGEST_REASONING = 600

Reason = Literal[
    "form", "repeated search", "answer not right", "not in the evidence", "answered what is not told",
    "not searched well", "teacher failed",
]  # fmt: skip
Part = Literal["search", "answer", "one-step"]


@dataclass(frozen=True, slots=True)
class Trajectory:
    """A conversation to be trained on. `kind` is "react" or "one-step", or the public set it is from; `id` the task's,
    with what part of it this is. `evidence` are the observations' lines that were read; `searches` their searches."""

    id: str
    lang: str
    kind: str
    source: str
    teacher: str
    messages: tuple[prompts.Message, ...]
    searches: int
    evidence: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rejected:
    """A task that gave no trajectory, and why."""

    id: str
    reason: Reason
    detail: str = ""


Outcome = tuple[Trajectory, ...] | Rejected


def worked_through(task: Task, teacher: Teacher, finder: Finder, count: Callable[[str], int]) -> Outcome:
    """The conversations of the first try that ends right, or why the last one did not. `count` counts tokens as the
    base does in use."""
    outcome: Outcome = Rejected(task.id, "teacher failed")
    for attempt in range(teacher.tries):
        try:
            if task.kind == "one-step":
                outcome = _in_one_step(task, teacher, finder, attempt)
            else:
                outcome = _searched(task, teacher, finder, count, attempt)
        except TeacherFailed as error:
            return Rejected(task.id, "teacher failed", str(error))
        if not isinstance(outcome, Rejected):
            break
    return outcome


class _Taught(ModelTurns):
    """The teacher in the model's place. `last` is what the loop asked it last: the steps so far, and what it wrote."""

    def __init__(self, task: Task, teacher: Teacher, attempt: int) -> None:
        super().__init__(None, task.question, lambda: True, lambda: False)
        self._task, self._teacher, self._attempt = task, teacher, attempt
        self.last: tuple[tuple[Step, ...], str] | None = None

    def turn(self, steps: Sequence[Step]) -> str:
        """What the teacher writes after these steps."""
        written = self._teacher.turn(self._task, steps, self._attempt)
        self.last = tuple(steps), written
        return written


def _searched(task: Task, teacher: Teacher, finder: Finder, count: Callable[[str], int], attempt: int) -> Outcome:
    taught = _Taught(task, teacher, attempt)
    found = look(
        finder.library, task.question, model=taught, on_event=lambda event: None, cancelled=lambda: False, started=0.0
    )
    if not task.holds and found.enough:
        return Rejected(task.id, "answered what is not told", prompts.observation(found.extraction.evidence, task.lang))
    kept: list[Trajectory] = []
    why = Rejected(task.id, "not in the evidence")
    for outcome in (
        _search_part(task, teacher, found, taught),
        _answer_part(task, teacher, found, count, attempt) if found.enough else None,
    ):
        if isinstance(outcome, Trajectory):
            kept.append(outcome)
        elif outcome is not None:
            why = outcome
    return tuple(kept) or why


def _search_part(task: Task, teacher: Teacher, found: Found, taught: _Taught) -> Trajectory | Rejected | None:
    """What the teacher did where the loop asked; None where it did not ask."""
    if taught.last is None:
        return None
    before, written = taught.last
    turn = prompts.parse_turn(written)
    if turn is None:
        return Rejected(task.id, "form", written[:200])
    thought, kind, content = turn
    action = prompts.action("search" if kind == "search" else "answer", content)
    if not _in_form(thought, kind, content):
        return Rejected(task.id, "form", written[:200])
    made = found.steps[len(before)] if len(found.steps) > len(before) else None
    if kind == "search" and (made is None or made.action != action):
        return Rejected(task.id, "repeated search", content)
    seen = [step.observation for step in before]
    if task.holds and kind == "answer":
        if not _holds(task, content):
            return Rejected(task.id, "answer not right", content)
        if not _holds(task, " ".join(seen)):
            return Rejected(task.id, "not in the evidence", content)
    elif task.holds and not (made is not None and _holds(task, made.observation)):
        return Rejected(task.id, "not searched well", content)
    steps = [*before, Step(thought, action, "")]
    messages = prompts.transcript(task.question, steps, examples=False)
    return _trajectory(task, teacher, "search", messages, tuple(seen))


def _answer_part(
    task: Task, teacher: Teacher, found: Found, count: Callable[[str], int], attempt: int
) -> Trajectory | Rejected:
    """The answer after the evidence that the loop ended with, as `Assistant` puts it to a tuned model."""
    read = to_read(found.extraction.evidence, task.lang, count)
    observed = prompts.observation(read, task.lang)
    if not _holds(task, observed):
        return Rejected(task.id, "not in the evidence", observed)
    messages = to_word(found.asked, read, task.lang, examples=False)
    answer = prompts.one_line(teacher.answer(task, messages, attempt))
    if not answer or len(answer) > LONGEST_ANSWER:
        return Rejected(task.id, "form", answer[:200])
    if not _holds(task, answer):
        return Rejected(task.id, "answer not right", answer)
    said = prompts.turn(prompts.THOUGHTS[task.lang]["answer"], prompts.action("answer", answer))
    return _trajectory(task, teacher, "answer", [*messages, ("assistant", said)], tuple(one.quote for one in read))


def _in_one_step(task: Task, teacher: Teacher, finder: Finder, attempt: int) -> Outcome:
    """A thought and an answer from memory. Nothing is cited, so what the answer must hold is looked up."""
    written = teacher.turn(task, (), attempt)
    turn = prompts.parse_turn(written)
    if turn is None or turn[1] != "answer" or not turn[0]:
        return Rejected(task.id, "form", written[:200])
    thought, _, answer = turn
    if len(thought) > LONGEST_REASONING or len(answer) > LONGEST_ANSWER:
        return Rejected(task.id, "form", written[:200])
    held = [one for one in task.holds if plain(one) in plain(answer)]
    if not held:
        return Rejected(task.id, "answer not right", answer)
    borne_out = [found.text for one in held if (found := finder.find(one, language=task.lang)) is not None]
    if not borne_out:
        return Rejected(task.id, "not in the evidence", answer)
    steps = [Step(thought, prompts.action("answer", answer), "")]
    messages = prompts.transcript(task.question, steps, examples=False)
    return (replace(_trajectory(task, teacher, "one-step", messages, tuple(borne_out)), searches=0),)


def _trajectory(
    task: Task, teacher: Teacher, part: Part, messages: Sequence[prompts.Message], evidence: tuple[str, ...]
) -> Trajectory:
    return Trajectory(
        id=task.id if part == "one-step" else f"{task.id}/{part}",
        lang=task.lang,
        kind=task.kind,
        source=task.source,
        teacher=teacher.name,
        messages=tuple(messages),
        searches=sum("\nAction: search[" in text for role, text in messages if role == "assistant"),
        evidence=evidence,
    )


def _in_form(thought: str, kind: str, content: str) -> bool:
    """Whether a turn is one that the grammar admits and the loop takes."""
    if not thought or len(thought) > LONGEST_THOUGHT or not content:
        return False
    if kind == "search":
        return len(content) <= LONGEST_QUERY and bool(terms(content))
    return len(content) <= LONGEST_ANSWER


def _holds(task: Task, text: str) -> bool:
    """Whether a text holds what the answer must hold."""
    said = plain(text)
    return any(plain(one) in said for one in task.holds)
