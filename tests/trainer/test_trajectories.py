"""Tasks worked through with a teacher: what is kept is, to the byte, what a tuned model is shown in use."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from agent import prompts
from agent.assistant import READ_BY_MODEL, Assistant
from agent.engine import Engine, Prompt
from agent.loop import look
from agent.models import resolve_model
from agent.records import Step
from index.library import Library
from tests.agent.manuals import library_in
from trainer.evidence import Finder
from trainer.faults import TeacherFailed
from trainer.run_config import Run, TrajectoriesSettings
from trainer.teachers import Recorded, RecordedStep, Task
from trainer.trajectories import make_trajectories, read
from trainer.working_through import Outcome, Reason, Rejected, Trajectory, worked_through

VAGUE = "where to look after a crash"  # no word of it stands in the manuals
ABSENT = "What does QJM9999-E mean?"


def recorded(question: str, answer: str, *searches: str, holds: tuple[str, ...] = (), name: str = "t-1") -> Task:
    steps = tuple(RecordedStep(thought=f"I look for {search}.", search=search) for search in searches)
    lang = "ja" if question.endswith("？") else "en"
    return Task(
        id=name, lang=lang, question=question, steps=steps, thought="It is told.", answer=answer, holds=holds,
        source="asked-1",
    )  # fmt: skip


PORT = recorded("Which port does the viewer use?", "It uses 20244/tcp.", "viewer", holds=("20244/tcp",))
PORT_JA = recorded("ビューアーのポートは？", "20244/tcpです。", "ポート", holds=("20244/tcp",), name="t-2")
CRASH = recorded(VAGUE, "In /var/opt/queue/log.", "log files folder Linux", holds=("/var/opt/queue/log",), name="t-3")
NOT_TOLD = recorded(ABSENT, "The manuals do not tell what QJM9999-E means.", "QJM9999-E", name="t-4")
BACKUP = Task(
    id="t-5", lang="en", kind="one-step", question="What precedes a backup?", thought="Nobody may write meanwhile.",
    answer="Stop the service before a backup.", holds=("Stop the service",),
)  # fmt: skip
TASKS = (PORT, PORT_JA, CRASH, NOT_TOLD, BACKUP)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("manuals")
    library_in(place).close()
    return place / "library"


@pytest.fixture(scope="module")
def finder(folder: Path) -> Iterator[Finder]:
    with Library.open(folder) as library:
        yield Finder(library)


def words(text: str) -> int:
    return len(text.split())


def through(task: Task, finder: Finder, count: Callable[[str], int] = words) -> Outcome:
    return worked_through(task, Recorded(), finder, count)


def kept(task: Task, finder: Finder, count: Callable[[str], int] = words) -> dict[str, Trajectory]:
    outcome = through(task, finder, count)
    assert not isinstance(outcome, Rejected), outcome
    return {one.id.rpartition("/")[2]: one for one in outcome}


def rejected(task: Task, finder: Finder) -> Reason:
    outcome = through(task, finder)
    assert isinstance(outcome, Rejected), outcome
    return outcome.reason


# To the byte what is seen in use


class Seen(Engine):
    """The real starter, taken for a tuned model; it keeps what it was shown."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.shown: list[tuple[prompts.Message, ...]] = []
        self.opened: list[str] = []

    def chat(self, messages: Sequence[tuple[str, str]], *, open_assistant: bool = True) -> Prompt:
        prompt = super().chat(messages, open_assistant=open_assistant)
        self.shown.append(tuple(messages))
        self.opened.append(str(prompt))
        return prompt


@pytest.fixture(scope="module")
def engine() -> Iterator[Seen]:
    with Seen(resolve_model("starter")) as engine:
        yield engine


@pytest.mark.model
def test_the_answers_conversation_is_what_the_assistant_shows_a_tuned_model(finder: Finder, engine: Seen) -> None:
    (answer,) = kept(PORT, finder, engine.count).values()
    engine.shown.clear()
    asked: list[str] = []
    generate = engine.generate

    def generating(prompt: str, **options: object) -> object:
        asked.append(prompt)
        return generate(prompt, **options)  # type: ignore[arg-type]

    engine.generate = generating  # type: ignore[method-assign, assignment]
    try:
        Assistant(finder.library, engine, tuned=True).ask(PORT.question)
    finally:
        del engine.generate
    assert engine.shown == [answer.messages[:-1]]
    role, said = answer.messages[-1]
    trained = engine.chat(answer.messages, open_assistant=False)
    assert role == "assistant"
    assert str(trained).startswith(asked[-1] + "It uses 20244/tcp.]")
    assert said == prompts.opening("answer", prompts.THOUGHTS["en"]["answer"]) + "It uses 20244/tcp.]"


@pytest.mark.model
@pytest.mark.parametrize("task", [CRASH, NOT_TOLD], ids=lambda task: task.id)
def test_the_searchs_conversation_is_what_the_loop_shows_a_tuned_model(
    finder: Finder, engine: Seen, task: Task
) -> None:
    search = kept(task, finder, engine.count)["search"]
    engine.shown.clear()
    look(
        finder.library, task.question, engine=engine, tuned=lambda: True,
        on_event=lambda event: None, cancelled=lambda: False, started=time.perf_counter(),
    )  # fmt: skip
    first = engine.shown[0]
    assert search.messages[: len(first)] == first
    assert search.messages[len(first)][0] == "assistant"


def test_the_observation_holds_no_more_than_the_budget_of_tokens(finder: Finder) -> None:
    def half_the_budget(text: str) -> int:
        return READ_BY_MODEL // 2 + 1 if text else 0

    short = kept(PORT, finder, half_the_budget)["answer"].messages[-2][1]
    long = kept(PORT, finder)["answer"].messages[-2][1]
    assert "\n[2] " not in short
    assert long.startswith(short)
    assert "\n[2] " in long


# What is kept


def test_what_the_question_itself_finds_needs_no_search_of_the_teachers(finder: Finder) -> None:
    (answer,) = kept(PORT, finder).values()
    assert (answer.id, answer.kind, answer.source, answer.searches) == ("t-1/answer", "react", "asked-1", 1)
    assert any("20244/tcp" in quote for quote in answer.evidence)


def test_where_the_loop_asks_the_teachers_search_is_trained(finder: Finder) -> None:
    search = kept(CRASH, finder)["search"]
    turns = [text for role, text in search.messages if role == "assistant"]
    assert turns[0] == prompts.turn(prompts.THOUGHTS["en"]["search"], prompts.action("search", VAGUE))
    assert turns[1] == "Thought: I look for log files folder Linux.\nAction: search[log files folder Linux]"


def test_what_the_manuals_do_not_tell_ends_in_saying_so(finder: Finder) -> None:
    (search,) = kept(NOT_TOLD, finder).values()
    assert search.messages[-1] == (
        "assistant", "Thought: It is told.\nAction: answer[The manuals do not tell what QJM9999-E means.]",
    )  # fmt: skip


def test_a_one_step_answer_is_borne_out_by_the_library(finder: Finder) -> None:
    (one,) = kept(BACKUP, finder).values()
    assert [role for role, _ in one.messages] == ["system", "user", "assistant"]
    assert (one.id, one.searches, one.evidence) == ("t-5", 0, ("Stop the service",))


@pytest.mark.parametrize(
    ("task", "reason"),
    [
        (PORT.model_copy(update={"answer": "It uses 20098/tcp."}), "answer not right"),
        (PORT.model_copy(update={"holds": ("55555/tcp",), "answer": "55555/tcp"}), "not in the evidence"),
        (PORT.model_copy(update={"holds": ()}), "answered what is not told"),
        (PORT.model_copy(update={"answer": "20244/tcp " * 50}), "form"),
        (
            recorded(VAGUE, "In /var/opt/queue/log.", "backup", "retry", holds=("/var/opt/queue/log",)),
            "not searched well",
        ),
        (CRASH.model_copy(update={"steps": (RecordedStep(thought="So.", search="backup"),)}), "not in the evidence"),
        (CRASH.model_copy(update={"steps": (RecordedStep(thought="So.", search="log " * 60),)}), "form"),
        (BACKUP.model_copy(update={"answer": "Start it."}), "answer not right"),
        (BACKUP.model_copy(update={"holds": ("Start all",), "answer": "Start all."}), "not in the evidence"),
        (BACKUP.model_copy(update={"thought": ""}), "form"),
        (PORT.model_copy(update={"answer": ""}), "teacher failed"),
    ],
)
def test_what_does_not_end_right_is_rejected_by_reason(finder: Finder, task: Task, reason: Reason) -> None:
    assert rejected(task, finder) == reason


class Stubborn(Recorded):
    """Searches for the question again, whatever it is shown; from its third try on it does as recorded."""

    tries = 3

    def __init__(self) -> None:
        self.attempts: list[int] = []

    def turn(self, task: Task, steps: Sequence[Step], attempt: int) -> str:
        self.attempts.append(attempt)
        if attempt < 2:
            return prompts.turn("Once more.", prompts.action("search", task.question))
        return super().turn(task, steps, attempt)


def test_the_first_try_that_ends_right_is_kept(finder: Finder) -> None:
    teacher = Stubborn()
    assert not isinstance(worked_through(NOT_TOLD, teacher, finder, words), Rejected)
    assert set(teacher.attempts) == {0, 1, 2}
    teacher.tries = 2
    outcome = worked_through(NOT_TOLD, teacher, finder, words)
    assert isinstance(outcome, Rejected)
    assert outcome.reason == "repeated search"


# The stage


@pytest.fixture
def run(folder: Path, tmp_path: Path) -> Run:
    wrong = PORT.model_copy(update={"id": "t-6", "answer": "20098/tcp"})
    lines = [task.model_dump_json() for task in (*TASKS, wrong)]
    (tmp_path / "tasks.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    chat = {"messages": [{"role": "user", "content": "Hello."}, {"role": "assistant", "content": "Hello."}]}
    (tmp_path / "chat.jsonl").write_text(json.dumps(chat) + "\n", encoding="utf-8")
    settings = TrajectoriesSettings(tasks=(tmp_path / "tasks.jsonl",), chat=(tmp_path / "chat.jsonl",))
    return Run(name="night", out=tmp_path / "out", library=folder, trajectories=settings)


def rows(run: Run) -> list[Trajectory]:
    return list(read(run.out / "trajectories" / "trajectories.jsonl"))


@pytest.mark.model
def test_the_stage_writes_what_was_kept_and_counts_what_was_not(run: Run) -> None:
    said: list[str] = []
    figures = make_trajectories(run, said.append)
    assert figures is not None
    assert figures.kept == {"react": 4, "one-step": 1}
    assert figures.rejected == {"answer not right": 1}
    assert figures.conversations["chat"] == 1
    manifest = json.loads((run.out / "trajectories" / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["figures"]["rejected"] == {"answer not right": 1}
    (left,) = (run.out / "trajectories" / "rejected.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(left)["id"] == "t-6"
    assert next(row.id for row in rows(run)) == "t-1/answer"
    assert make_trajectories(run, said.append) is None
    assert "is current" in said[-1]


@pytest.mark.model
def test_a_stage_that_was_cut_off_goes_on_with_the_tasks_that_are_left(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_trajectories(run, lambda text: None)
    whole = rows(run)
    (run.out / "trajectories" / "manifest.json").unlink()
    from trainer import trajectories

    asked: list[str] = []

    def until_third(*arguments: object) -> Outcome:
        task = arguments[0]
        assert isinstance(task, Task)
        asked.append(task.id)
        if len(asked) == 3:
            raise KeyboardInterrupt
        return worked_through(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(trajectories, "worked_through", until_third)
    with pytest.raises(KeyboardInterrupt):
        make_trajectories(run, lambda text: None)
    with (run.out / "trajectories" / "done.jsonl").open("a") as journal:
        journal.write('{"name": "t-3", "resu')  # the power went in the middle of a line
    said: list[str] = []
    make_trajectories(run, said.append)
    assert "2 of 6 tasks were done before" in said[0]
    assert asked == ["t-1", "t-2", "t-3", "t-3", "t-4", "t-5", "t-6"]
    assert rows(run) == whole


@pytest.mark.slow
@pytest.mark.model
def test_over_a_cluster_the_same_is_kept_in_the_same_order(run: Run, tmp_path: Path) -> None:
    pytest.importorskip("ray")
    make_trajectories(run, lambda text: None)
    spread = run.model_copy(update={"out": tmp_path / "spread"})
    assert make_trajectories(spread, lambda text: None, ray="local") is not None
    assert rows(spread) == rows(run)


def test_a_teacher_that_fails_again_and_again_stops_the_stage(run: Run, tmp_path: Path) -> None:
    silent = [
        PORT.model_copy(update={"id": f"s-{number}", "answer": "", "kind": "one-step", "steps": ()})
        for number in range(9)
    ]
    path = tmp_path / "silent.jsonl"
    path.write_text("\n".join(task.model_dump_json() for task in silent), encoding="utf-8")
    run = run.model_copy(update={"trajectories": TrajectoriesSettings(tasks=(path,))})
    with pytest.raises(TeacherFailed, match="5 times in a row"):
        make_trajectories(run, lambda text: None)
    assert not (run.out / "trajectories" / "manifest.json").exists()


def test_a_task_that_stands_in_two_files_is_refused(run: Run, tmp_path: Path) -> None:
    other = tmp_path / "other.jsonl"
    other.write_text(PORT.model_dump_json() + "\n", encoding="utf-8")
    settings = run.trajectories.model_copy(update={"tasks": (*run.trajectories.tasks, other)})
    with pytest.raises(TeacherFailed, match="t-1"):
        make_trajectories(run.model_copy(update={"trajectories": settings}), lambda text: None)
