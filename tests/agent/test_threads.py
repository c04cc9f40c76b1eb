"""How many threads: chosen from speeds, kept for one machine, model and build, and supposed where nothing is kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.threads import Speed, ThreadChoice, candidates, choose, engine_threads, remember, remembered

SLOW_PAIR = [Speed(2, 280.0, 60.0), Speed(1, 150.0, 59.0), Speed(4, 285.0, 30.0)]


def test_the_fewest_threads_that_are_not_clearly_slower_are_chosen_for_reading_and_for_writing() -> None:
    choice = choose(SLOW_PAIR)
    assert (choice.reading, choice.writing) == (2, 1)
    assert [one.threads for one in choice.speeds] == [1, 2, 4]
    with pytest.raises(ValueError, match="measured"):
        choose([])


def test_what_is_supposed_is_measured_first_and_one_thread_is_never_left_out() -> None:
    wanted = candidates()
    assert wanted[0] == engine_threads()
    assert len(set(wanted)) == len(wanted)
    assert 1 in wanted
    assert all(number >= 1 for number in wanted)


def test_a_choice_is_kept_until_the_model_changes(tmp_path: Path) -> None:
    model = tmp_path / "model.gguf"
    model.write_bytes(b"weights")
    assert remembered(tmp_path / "engine", model) is None
    remember(tmp_path / "engine", model, choose(SLOW_PAIR))
    assert remembered(tmp_path / "engine", model) == choose(SLOW_PAIR)
    model.write_bytes(b"other weights")
    assert remembered(tmp_path / "engine", model) is None


def test_another_build_or_fewer_cores_are_measured_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = tmp_path / "model.gguf"
    model.write_bytes(b"weights")
    remember(tmp_path, model, choose(SLOW_PAIR))
    with monkeypatch.context() as patch:
        patch.setattr("importlib.metadata.version", lambda _: "0.0.1")
        assert remembered(tmp_path, model) is None
    with monkeypatch.context() as patch:
        patch.setattr("agent.threads._logical", lambda: 3000)
        assert remembered(tmp_path, model) is None
    assert remembered(tmp_path, model) is not None


@pytest.mark.parametrize("content", ["", "[]", "{", '{"KEY": [{"threads": "many"}]}', '{"KEY": 7}', '{"KEY": []}'])
def test_a_file_that_is_none_of_ours_counts_as_nothing_kept(tmp_path: Path, content: str) -> None:
    from agent.threads import _key

    model = tmp_path / "model.gguf"
    model.write_bytes(b"weights")
    (tmp_path / "threads.json").write_text(content.replace("KEY", _key(model)))
    assert remembered(tmp_path, model) is None
    remember(tmp_path, model, ThreadChoice(1, 1, (Speed(1, 2.0, 3.0),)))
    assert remembered(tmp_path, model) == ThreadChoice(1, 1, (Speed(1, 2.0, 3.0),))
