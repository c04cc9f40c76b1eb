"""Trajectories: tasks worked through with a teacher against the real library, and kept only where they end right.

The loop is the one that a tuned model runs in (`agent.loop`): the teacher's searches find what the library finds, the
extractor makes of it what it makes, and the observation is to the byte what the student will see. A trajectory is kept
if its form is right, no search is repeated, the answer holds what it must, and the evidence that was seen holds it too;
for what the manuals do not tell, if nothing seen would have passed the gate. Rejects are counted by reason.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from agent import prompts
from agent.extractor import extract
from agent.records import Evidence, Step
from agent.sufficiency import ENOUGH
from agent.terms import folded, terms
from index.library import Library
from trainer.teachers import Task, Teacher, TeacherFailed

SEARCHES = 3
TOP = 10

Reason = Literal[
    "form", "too many searches", "repeated search", "answer not right", "not in the evidence", "answered what is not told",
    "teacher failed",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Trajectory:
    """A task with the turns that answered it. `messages` is the whole conversation as the student is trained on it;
    `evidence` are the quotes that were seen."""

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


def gather(
    tasks: Sequence[Task], teacher: Teacher, library: Library, on_done: Callable[[Trajectory | Rejected], None]
) -> Counter[str]:
    """Work through the tasks; `on_done` hears of each as it is done. Returns how many were kept and rejected why."""
    counted: Counter[str] = Counter()
    for task in tasks:
        outcome = worked_through(task, teacher, library)
        counted["kept" if isinstance(outcome, Trajectory) else outcome.reason] += 1
        on_done(outcome)
    return counted


def worked_through(task: Task, teacher: Teacher, library: Library) -> Trajectory | Rejected:
    """The first try that ends right, or why the last one did not."""
    outcome: Trajectory | Rejected = Rejected(task.id, "teacher failed")
    for attempt in range(teacher.tries):
        try:
            outcome = _tried(task, teacher, library, attempt)
        except TeacherFailed as error:
            return Rejected(task.id, "teacher failed", str(error))
        if isinstance(outcome, Trajectory):
            break
    return outcome


def _tried(task: Task, teacher: Teacher, library: Library, attempt: int) -> Trajectory | Rejected:
    steps: list[Step] = []
    seen: list[Evidence] = []
    searched: set[frozenset[str]] = set()
    sure = 0.0
    for number in range(SEARCHES + 1):
        written = teacher.turn(task, prompts.transcript(task.question, steps, examples=False), number, attempt)
        turn = prompts.parse_turn(written)
        if turn is None:
            return Rejected(task.id, "form", written[:200])
        thought, action, content = turn
        if action == "answer":
            steps.append(Step(thought, prompts.action("answer", content), ""))
            return _judged(task, teacher, steps, content, seen, sure)
        words = terms(content)
        if words in searched:
            return Rejected(task.id, "repeated search", content)
        searched.add(words)
        found = extract(task.question, library.search(content, TOP), language=task.lang)
        sure = max(sure, found.sufficiency)
        seen += found.evidence
        steps.append(Step(thought, prompts.action("search", content), prompts.observation(found.evidence, task.lang)))
    return Rejected(task.id, "too many searches")


def _judged(
    task: Task, teacher: Teacher, steps: Sequence[Step], answer: str, seen: Sequence[Evidence], sure: float
) -> Trajectory | Rejected:
    shown = _plain(" ".join(" ".join((*one.heading, one.context, one.quote)) for one in seen))
    if task.holds:
        if not any(_plain(one) in _plain(answer) for one in task.holds):
            return Rejected(task.id, "answer not right", answer)
        if task.kind == "react" and not any(_plain(one) in shown for one in task.holds):
            return Rejected(task.id, "not in the evidence", answer)
    elif sure >= ENOUGH:
        return Rejected(task.id, "answered what is not told", answer)
    return Trajectory(
        id=task.id,
        lang=task.lang,
        kind=task.kind,
        source=task.source,
        teacher=teacher.name,
        messages=tuple(prompts.transcript(task.question, steps, examples=False)),
        searches=len(steps) - 1,
        evidence=tuple(one.quote for one in seen),
    )


def _plain(text: str) -> str:
    return "".join(folded(text).split())


def write(path: Path, trajectories: Sequence[Trajectory]) -> None:
    """One trajectory a line; whole or not at all."""
    beside = path.with_suffix(".new")
    with beside.open("w", encoding="utf-8") as file:
        for one in trajectories:
            file.write(json.dumps(asdict(one), ensure_ascii=False) + "\n")
    beside.replace(path)


def read(path: Path) -> Iterator[Trajectory]:
    """What `write` wrote."""
    with path.open(encoding="utf-8") as file:
        for line in file:
            row = json.loads(line)
            row["messages"] = tuple((role, text) for role, text in row["messages"])
            row["evidence"] = tuple(row["evidence"])
            yield Trajectory(**row)
