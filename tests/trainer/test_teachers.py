"""Recorded turns, and teachers that are a model on this machine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent import prompts
from agent.engine import Engine
from agent.models import resolve_model
from agent.records import Step
from tests.trainer.tiny_models import Tiny
from trainer.faults import TeacherFailed
from trainer.run_config import TeacherSettings
from trainer.teachers import Local, Recorded, RecordedStep, Task, load_tasks, teacher_of, writer_of

PORT = "Which port does the viewer use?"
TASK = Task(
    id="t-1",
    lang="en",
    question=PORT,
    steps=(
        RecordedStep(thought="First the viewer.", search="viewer"),
        RecordedStep(thought="Then the table.", search="table of ports"),
    ),
    thought="The table tells it.",
    answer="It uses 20244/tcp.",
    holds=("20244/tcp",),
)


def searched(query: str) -> Step:
    return Step("", prompts.action("search", query), "[1] Ports: some words")


def test_recorded_turns_are_given_in_order_and_then_the_answer() -> None:
    teacher = Recorded()
    first = [searched(PORT)]
    assert teacher.turn(TASK, first, 0) == "Thought: First the viewer.\nAction: search[viewer]"
    second = [*first, searched("viewer")]
    assert teacher.turn(TASK, second, 0) == "Thought: Then the table.\nAction: search[table of ports]"
    third = [*second, searched("table of ports")]
    assert teacher.turn(TASK, third, 0) == "Thought: The table tells it.\nAction: answer[It uses 20244/tcp.]"


def test_a_recorded_search_that_the_loop_has_made_is_passed_over() -> None:
    assert "table of ports" in Recorded().turn(TASK, [searched("the viewer?")], 0)


def test_a_task_without_an_answer_needs_another_teacher() -> None:
    with pytest.raises(TeacherFailed, match="t-1"):
        Recorded().turn(TASK.model_copy(update={"answer": "", "steps": ()}), (), 0)


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ('{"id": "a"}', "lang"),
        ('{"id": "a", "lang": "en", "question": "Q", "searches": []}', "searches"),
        ('{"id": "a", "lang": "de", "question": "Q"}', "lang"),
        ("[]", "line 2"),
        ("{", "line 2"),
        (json.dumps({"id": "t-0", "lang": "en", "question": "again"}), "twice"),
    ],
)
def test_a_file_of_tasks_that_is_not_valid_is_named_by_line_and_key(tmp_path: Path, line: str, named: str) -> None:
    path = tmp_path / "tasks.jsonl"
    path.write_text(json.dumps({"id": "t-0", "lang": "en", "question": "Q"}) + f"\n{line}\n", encoding="utf-8")
    with pytest.raises(TeacherFailed, match=named) as raised:
        load_tasks(path)
    assert "line 2" in str(raised.value)


def test_a_file_of_tasks_that_is_missing_is_said(tmp_path: Path) -> None:
    with pytest.raises(TeacherFailed, match=r"none\.jsonl"):
        load_tasks(tmp_path / "none.jsonl")


def test_recorded_turns_write_no_questions() -> None:
    with pytest.raises(TeacherFailed, match="endpoint"), writer_of(TeacherSettings(), "starter", 1):
        pass


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with Engine(resolve_model("starter")) as engine:
        yield engine


@pytest.mark.model
def test_a_local_model_stays_in_form_and_answers_within_the_brackets(engine: Engine) -> None:
    teacher = Local(engine)
    turn = teacher.turn(TASK, (), 0)
    assert prompts.parse_turn(turn) is not None
    step = Step("", prompts.action("search", PORT), "[1] Ports: The viewer reaches the manager at port 20244/tcp.")
    answer = teacher.answer(TASK, prompts.transcript(PORT, [step], examples=False), 0)
    assert "20244/tcp" in answer
    assert "\n" not in answer


@pytest.mark.model
def test_the_students_first_try_is_greedy_and_later_ones_differ_by_seed(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trainer.teachers.LONGEST_TURN", 16)
    student = Local(engine, tries=3, temperature=1.5, seed=5)
    tries = [student.turn(TASK, (), attempt) for attempt in (0, 1, 2, 1)]
    assert tries[0] == Local(engine).turn(TASK, (), 0)
    assert len(set(tries[:3])) > 1
    assert tries[3] == tries[1]


@pytest.mark.model
def test_the_runs_file_names_the_model_of_this_machine() -> None:
    with teacher_of(TeacherSettings(kind="student", tries=2), "starter", 1) as teacher:
        assert teacher.tries == 2
        assert teacher.name.startswith("local ")


def test_a_student_that_is_a_hugging_face_folder_writes_too(tiny_llama: Tiny) -> None:
    with teacher_of(TeacherSettings(kind="student"), str(tiny_llama.base), 1) as teacher:
        assert teacher.name.startswith("local ")
        assert teacher.turn(TASK, (), 0).startswith("Thought: "), "the grammar holds even a model that knows nothing"
