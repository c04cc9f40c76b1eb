"""The stage of trajectories: tasks worked through with the run's teacher, and public sets mixed in.

Comes in: tasks, a library, a teacher. Goes out: `trajectories/trajectories.jsonl`, a conversation a line, and
`rejected.jsonl`; rejects are counted by reason in the manifest. How a task is worked through, and what is kept, stands
in working_through.py. Cut off, the stage goes on with the tasks that are left; those for which the teacher failed are
put to it again.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from agent.prompts import FORMAT
from trainer.base_files import base_hash
from trainer.cluster import mapped
from trainer.evidence import Finder
from trainer.faults import TeacherFailed
from trainer.journal import Journal
from trainer.manifest import file_hash, is_current, write_manifest
from trainer.opening import library_hash, opened_library, token_counter
from trainer.public_sets import chat, fireact, opseval
from trainer.run_config import Run
from trainer.teachers import Task, Teacher, load_tasks, teacher_of
from trainer.working_through import Outcome, Rejected, Trajectory, worked_through

__all__ = ["Rejected", "TrajectoriesFigures", "Trajectory", "make_trajectories", "read", "write"]

NAME = "trajectories.jsonl"
SAY_EVERY = 10.0  # seconds
GIVE_UP = 5  # tasks in a row for which the teacher failed


@dataclass(frozen=True, slots=True)
class TrajectoriesFigures:
    """What the stage made: tasks kept and conversations by kind, rejects by reason, rows of public sets left out."""

    tasks: int
    kept: dict[str, int]
    conversations: dict[str, int]
    rejected: dict[str, int]
    left_out: dict[str, int]


def make_trajectories(run: Run, say: Callable[[str], None], *, ray: str = "") -> TrajectoriesFigures | None:
    """Run the stage; None when what is there is current. `ray` is a cluster's address (trainer.cluster).

    Raises TeacherFailed for tasks that can't be read and for a teacher that fails again and again, QuestionsUnusable
    for a public set out of form, LibraryMissing, ClusterMissing.
    """
    folder = run.out / "trajectories"
    tasks = _tasks(run)
    inputs = _inputs(run)
    if is_current(folder, inputs):
        say(f"trajectories: {folder} is current.")
        return None
    public, left_out = _public(run)
    with Journal(folder / "done.jsonl", inputs) as journal:
        _work(run, tasks, journal, say, ray)
        outcomes = [_outcome(journal.done[task.id]) for task in tasks if task.id in journal.done]
        rows = [row for outcome in outcomes if not isinstance(outcome, Rejected) for row in outcome]
        rejected = [one for one in outcomes if isinstance(one, Rejected)]
        write(folder / NAME, [*rows, *public])
        write(folder / "rejected.jsonl", rejected)
        kinds = {task.id: task.kind for task in tasks}
        kept = [kinds[task] for task, result in journal.done.items() if "rows" in result]
        figures = TrajectoriesFigures(
            tasks=len(tasks),
            kept=dict(Counter(kept)),
            conversations=dict(Counter(_part(row) for row in [*rows, *public])),
            rejected=dict(Counter(one.reason for one in rejected)),
            left_out=left_out,
        )
        write_manifest(folder, "trajectories", inputs, asdict(figures))
        journal.remove()
    say(f"trajectories: {len(kept)} of {len(tasks)} tasks kept, {len(rows) + len(public)} conversations in {folder}.")
    for reason, number in sorted(figures.rejected.items()):
        say(f"trajectories: {number} rejected: {reason}.")
    return figures


def _tasks(run: Run) -> list[Task]:
    tasks: dict[str, Task] = {}
    for path in run.trajectories.tasks:
        for task in load_tasks(path):
            if task.id in tasks:
                raise TeacherFailed(f"{path}: the task {task.id} stands in another file too; give it another id.")
            tasks[task.id] = task
    return list(tasks.values())


def _inputs(run: Run) -> dict[str, Any]:
    settings = run.trajectories
    with opened_library(run) as library:
        text = library_hash(library)
    return {
        "library": text,
        "glossaries": [file_hash(path) for path in run.glossaries],
        "base": base_hash(run),
        "tasks": [file_hash(path) for path in settings.tasks],
        "public": [file_hash(path) for path in (*settings.fireact, *settings.opseval, *settings.chat)],
        "teacher": settings.teacher.model_dump(mode="json", exclude={"timeout", "retries"}),
        "format": FORMAT,
        "seed": run.seed,
    }


def _work(run: Run, tasks: Sequence[Task], journal: Journal, say: Callable[[str], None], ray: str) -> None:
    """Work through the tasks that the journal does not hold yet. Raises TeacherFailed where going on is no use."""
    left = [task for task in tasks if task.id not in journal.done]
    if len(left) < len(tasks):
        say(f"trajectories: {len(tasks) - len(left)} of {len(tasks)} tasks were done before.")
    said = time.monotonic()
    failed: list[Rejected] = []
    in_a_row = 0
    for number, outcome in enumerate(mapped(_Worker(run), left, ray), start=1):
        if isinstance(outcome, Rejected) and outcome.reason == "teacher failed":
            failed.append(outcome)
            in_a_row += 1
            if in_a_row == GIVE_UP:
                raise TeacherFailed(f"{outcome.detail} It failed {GIVE_UP} times in a row; what is done is kept.")
        else:
            in_a_row = 0
            journal.add(left[number - 1].id, _kept(outcome))
        if time.monotonic() - said >= SAY_EVERY:
            said = time.monotonic()
            good = sum("rows" in result for result in journal.done.values())
            say(f"trajectories: {len(tasks) - len(left) + number} of {len(tasks)} tasks, {good} kept.")
    for one in failed:  # put again if the stage is cut off before this, not for each of them at its place
        journal.add(one.id, _kept(one))


class _Worker:
    """Works through tasks; library, teacher and tokenizer are opened at the first one, in whatever process that is."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._open: tuple[ExitStack, Finder, Teacher, Callable[[str], int]] | None = None

    def __call__(self, task: Task) -> Outcome:
        if self._open is None:
            with ExitStack() as stack:
                library = stack.enter_context(opened_library(self._run))
                teacher = stack.enter_context(
                    teacher_of(self._run.trajectories.teacher, self._run.base, self._run.seed)
                )
                count = stack.enter_context(token_counter(self._run))
                self._open = stack.pop_all(), Finder(library), teacher, count
        _, finder, teacher, count = self._open
        return worked_through(task, teacher, finder, count)

    def close(self) -> None:
        """Give library and models back."""
        if self._open is not None:
            self._open[0].close()


def _public(run: Run) -> tuple[list[Trajectory], dict[str, int]]:
    """The conversations of the public sets, and how many of their rows could not be used, by set."""
    rows: list[Trajectory] = []
    left_out: dict[str, int] = {}
    for kind, paths, reader in (
        ("fireact", run.trajectories.fireact, fireact),
        ("opseval", run.trajectories.opseval, opseval),
        ("chat", run.trajectories.chat, chat),
    ):
        for path in paths:
            for one in reader(path):
                if one is None:
                    left_out[kind] = left_out.get(kind, 0) + 1
                else:
                    rows.append(Trajectory(one.id, one.lang, kind, path.name, "public", one.messages, one.searches, ()))
    return rows, left_out


def _part(row: Trajectory) -> str:
    """ "react/answer", "one-step", "chat": what the manifest counts."""
    part = row.id.rpartition("/")[2]
    return f"{row.kind}/{part}" if row.kind == "react" else row.kind


def _kept(outcome: Outcome) -> dict[str, Any]:
    if isinstance(outcome, Rejected):
        return {"rejected": asdict(outcome)}
    return {"rows": [asdict(row) for row in outcome]}


def _outcome(result: dict[str, Any]) -> Outcome:
    if "rejected" in result:
        return Rejected(**result["rejected"])
    return tuple(_trajectory(row) for row in result["rows"])


def _trajectory(row: dict[str, Any]) -> Trajectory:
    messages = tuple((role, text) for role, text in row["messages"])
    return Trajectory(**{**row, "messages": messages, "evidence": tuple(row["evidence"])})


def write(path: Path, rows: Iterable[Trajectory | Rejected]) -> None:
    """One a line; whole or not at all."""
    beside = path.with_suffix(".new")
    with beside.open("w", encoding="utf-8") as file:
        for one in rows:
            file.write(json.dumps(asdict(one), ensure_ascii=False) + "\n")
    beside.replace(path)


def read(path: Path) -> Iterator[Trajectory]:
    """The trajectories that `write` wrote."""
    with path.open(encoding="utf-8") as file:
        for line in file:
            yield _trajectory(json.loads(line))
