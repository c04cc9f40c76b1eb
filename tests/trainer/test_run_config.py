"""What a run's file names lies beside the file, wherever the command is called from."""

from __future__ import annotations

from pathlib import Path

import pytest

from trainer.run_config import RunInvalid, load_run

RUN = """
name = "night-watch"
base = "models/small.gguf"
out = "made"
library = "../library"
banks = ["bank/en.jsonl"]

[questions.teacher]
kind = "local"
model = "models/large.gguf"

[trajectories]
tasks = ["/srv/tasks.jsonl"]
teacher = { kind = "endpoint", address = "http://127.0.0.1:1/v1", model = "models" }

[[study.variants]]
name = "base"
base = "models/small.gguf"

[[study.variants]]
name = "starter"
base = "starter"
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    made = tmp_path / "runs"
    (made / "models").mkdir(parents=True)
    for name in ("small", "large"):
        (made / "models" / f"{name}.gguf").touch()
    (made / "run.toml").write_text(RUN, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return made


def test_paths_and_models_are_looked_for_beside_the_file(folder: Path) -> None:
    run = load_run(folder / "run.toml")
    small = str(folder / "models" / "small.gguf")
    assert (run.base, run.out, run.library) == (small, folder / "made", folder.parent / "library")
    assert (run.banks, run.trajectories.tasks) == ((folder / "bank" / "en.jsonl",), (Path("/srv/tasks.jsonl"),))
    assert [variant.base for variant in run.study.variants] == [small, "starter"]
    assert run.questions.teacher is not None
    assert run.questions.teacher.model == str(folder / "models" / "large.gguf")


def test_an_endpoint_s_model_is_a_name_and_no_file(folder: Path) -> None:
    assert load_run(folder / "run.toml").trajectories.teacher.model == "models"


def test_a_key_nobody_knows_is_named_with_its_table(folder: Path) -> None:
    run = folder / "run.toml"
    run.write_text(RUN.replace('tasks = ["/srv', 'task = ["/srv'), encoding="utf-8")
    with pytest.raises(RunInvalid, match=r"run\.toml: 'trajectories\.task' can't be used"):
        load_run(run)
