"""Fine-tuning as a stage: what is learnt, what is held out, what stops it; and the configurations that ship."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.agent.manuals import library_in
from tests.conftest import ROOT
from tests.trainer.test_corpus import train
from tests.trainer.test_reading import PASSAGE
from tests.trainer.tiny_models import Tiny
from trainer.run_config import load_run
from trainer.samples import Row, Text
from trainer.sft import Lesson, split

ANSWER = "Action: answer[It is 20244/tcp.]"
TALKS = [
    {
        "id": f"t-{number}/answer", "lang": "en", "kind": kind, "source": f"s-{number // 2}", "teacher": "recorded",
        "messages": [["system", "You answer."], ["user", f"Question: which port, {number}?"], ["assistant", ANSWER]],
        "searches": 1, "evidence": [],
    }
    for number, kind in enumerate(["react"] * 10 + ["one-step"] * 4)
]  # fmt: skip
ASKED = [
    {
        "id": f"p-{number}", "lang": "en", "level": "engineer", "product": "Queue", "facts": [f"F{number}"],
        "question": question, "options": options, "answer": answer, "explanation": "",
        "source": {"manual": "Queue", "section": "ports"}, "evidence": [evidence],
    }
    for number, (question, options, answer, evidence) in enumerate([
        ("Which port does the viewer use to reach the manager?", ["20241/tcp", "20244/tcp", "20098/tcp", "22/tcp"], 1,
         "20244/tcp | qmonitor | The viewer reaches the manager."),
        ("How often is a job that ends abnormally retried at most?", ["twice", "12 times", "99 times", "never"], 1,
         "A job that ends abnormally is retried at most 12 times."),
        ("Which command is in no manual?", ["qnone", "qnil", "qvoid", "qnull"], 0, "The command qnone does nothing."),
    ])
]  # fmt: skip
CONFIG = """
name = "tiny"
base = "{base}"
out = "out"
library = "{library}"
banks = {banks}

[sft]
kinds = {kinds}
held = 0.2
{more}

[sft.lora]
rank = 4

[sft.training]
rate = 1e-2
epochs = 2
group = 4
micro_tokens = 512
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("manuals")
    library_in(folder).close()
    return folder / "library"


@pytest.fixture
def new_run(tmp_path: Path, tiny_llama: Tiny, library: Path) -> Callable[..., Path]:
    """A run's file, with what the stages before make."""

    def new(
        *, kinds: tuple[str, ...] = ("react", "one-step", "choice"), banks: tuple[str, ...] = (), more: str = ""
    ) -> Path:
        for stage, name, rows in (("trajectories", "trajectories", TALKS), ("questions", "questions", ASKED)):
            (tmp_path / "out" / stage).mkdir(parents=True)
            text = "".join(json.dumps(row) + "\n" for row in rows)
            (tmp_path / "out" / stage / f"{name}.jsonl").write_text(text, encoding="utf-8")
        path = tmp_path / "run.toml"
        path.write_text(
            CONFIG.format(
                base=tiny_llama.base,
                library=library,
                kinds=json.dumps(list(kinds)),
                banks=json.dumps(list(banks)),
                more=more,
            ),
            encoding="utf-8",
        )
        return path

    return new


def manifest(run: Path) -> Any:
    return json.loads((run.parent / "out" / "sft" / "manifest.json").read_text(encoding="utf-8"))


def test_conversations_and_questions_are_learnt_together(new_run: Callable[..., Path]) -> None:
    run = new_run()
    ended = train("sft", run)
    assert ended.status == 0, ended.err
    assert "1 questions are left out, for which the library brings nothing that decides" in ended.err
    figures = manifest(run)["figures"]
    assert figures["kinds"] == {"one-step": 4, "react": 10, "choice": 3}
    # Both questions that the library decides come once more, with two options exchanged
    assert figures["units"] + figures["held"] == 14 + 2 + 2
    assert figures["loss_best"] < figures["loss_before"]
    assert (run.parent / "out" / "sft" / "adapter" / "adapter_model.safetensors").is_file()


def test_only_the_kinds_that_are_wanted_are_learnt(new_run: Callable[..., Path]) -> None:
    run = new_run(kinds=("one-step",))
    assert train("sft", run).status == 0
    assert manifest(run)["figures"]["kinds"] == {"one-step": 4}


def test_reading_is_learnt_from_passages_of_its_own(new_run: Callable[..., Path], tmp_path: Path) -> None:
    (tmp_path / "reading.jsonl").write_text(json.dumps(PASSAGE) + "\n", encoding="utf-8")
    run = new_run(kinds=("choice", "reading"), more='reading = ["reading.jsonl"]\nexchanged = false')
    ended = train("sft", run)
    assert ended.status == 0, ended.err
    figures = manifest(run)["figures"]
    assert figures["kinds"] == {"choice": 3, "reading": 2}
    assert figures["units"] + figures["held"] == 2 + 2


def test_nothing_to_learn_names_the_stages_that_make_it(new_run: Callable[..., Path]) -> None:
    assert "run the stages questions and trajectories first" in train("sft", new_run(kinds=("chat",))).reason


def test_without_practice_questions_conversations_are_learnt(new_run: Callable[..., Path], tmp_path: Path) -> None:
    """A run that names no questions: the stage before leaves an empty file."""
    run = new_run()
    (tmp_path / "out" / "questions" / "questions.jsonl").write_text("", encoding="utf-8")
    ended = train("sft", run)
    assert ended.status == 0, ended.err
    assert manifest(run)["figures"]["kinds"] == {"one-step": 4, "react": 10}


def test_lessons_that_are_all_too_long_are_not_a_finished_stage(new_run: Callable[..., Path], tmp_path: Path) -> None:
    run = new_run()
    run.write_text(run.read_text(encoding="utf-8") + "longest = 16\n", encoding="utf-8")
    ended = train("sft", run)
    assert ended.status == 1
    assert "longer than sft.training.longest (16 tokens)" in ended.err
    assert not (tmp_path / "out" / "sft" / "manifest.json").exists()


def test_a_kind_that_is_misspelt_is_named(new_run: Callable[..., Path]) -> None:
    run = new_run(more="most = { one_step = 2 }")
    assert "one_step" in train("sft", run).reason


def test_a_run_goes_on_with_less_memory(new_run: Callable[..., Path]) -> None:
    """Who lowers micro_tokens, as the message says, keeps what is trained."""
    run = new_run(kinds=("one-step",))
    assert train("sft", run).status == 0
    text = run.read_text(encoding="utf-8").replace("micro_tokens = 512", "micro_tokens = 256")
    run.write_text(text + "gradient_checkpointing = true\n", encoding="utf-8")
    assert "is current" in train("sft", run).err


@pytest.mark.parametrize(("may_be_studied", "status"), [(False, 1), (True, 0)])
def test_an_exam_question_in_what_is_learnt_stops_the_run(
    new_run: Callable[..., Path], tmp_path: Path, may_be_studied: bool, status: int
) -> None:
    wording = "If the viewer is to reach the manager through a firewall, which one port has to be let through there?"
    row = ASKED[0] | {"id": "e-1", "question": wording, "split": "study" if may_be_studied else "exam"}
    (tmp_path / "bank.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    run = new_run(banks=("bank.jsonl",))
    path = tmp_path / "out" / "questions" / "questions.jsonl"
    path.write_text(json.dumps(ASKED[0] | {"question": f"Think: {wording}"}) + "\n", encoding="utf-8")
    ended = train("sft", run)
    assert ended.status == status, ended.err
    assert ("e-1 with p-0" in ended.err) is not may_be_studied


@given(st.lists(st.integers(0, 30), min_size=1, max_size=60), st.integers(0, 5))
def test_what_is_held_out_is_held_out_in_every_wording(sources: list[int], seed: int) -> None:
    lessons = [Lesson(f"s-{source}", Text(Row((number,), (True,)))) for number, source in enumerate(sources)]
    units, held = split(lessons, 0.3, seed)
    assert len(units) + len(held) == len(lessons)
    origin = {lesson.unit: lesson.source for lesson in lessons}
    assert not {origin[unit] for unit in units} & {origin[unit] for unit in held}
    more, _ = split([*lessons, Lesson("new", Text(Row((99,), (True,))))], 0.3, seed)
    assert set(units) <= set(more)


CONFIGS = [*(ROOT / "trainer" / "configs").glob("*.toml"), *(ROOT / "domains").glob("*/training/*.toml")]


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_the_configurations_that_ship_can_be_used(path: Path) -> None:
    run = load_run(path)
    if path.parent.name == "training":
        files = (*run.banks, *run.glossaries, *run.questions.recorded, *run.trajectories.tasks, *run.trajectories.chat)
        assert [file for file in files if not file.is_file()] == []
