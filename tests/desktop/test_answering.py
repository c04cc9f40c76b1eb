"""One engine at a time: the language of a question decides which model, and a switch never holds two in memory."""

from __future__ import annotations

import shutil
import struct
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from agent.engine import Engine
from agent.errors import EngineStopped
from agent.models import resolve_model
from agent.records import Answer
from desktop.answering import Answering
from desktop.folders import Folders
from tests.agent.gguf_files import LLAMA, key, write_gguf

ENGLISH, JAPANESE = "What happens to a job whose hold attribute is set?", "保留属性が設定されたジョブはどうなりますか？"

STARTER = "SmolLM2-135M-Instruct.Q4_1"
TUNED = "Smollm2 135M 8k Lc100K Mix1 Ep2"
"""What the starter's file calls itself."""


@pytest.fixture
def answering(folders: Folders) -> Iterator[Answering]:
    made = Answering(folders, "auto")
    yield made
    made.close()
    made.close_engine()


def ask(answering: Answering, question: str) -> Answer:
    return answering.ask(question, (), lambda _: None, lambda: False)


def workers() -> int:
    """Engine processes that this one has."""
    return sum(
        any("engine_worker" in part for part in child.cmdline()) for child in psutil.Process().children(recursive=True)
    )


def default_for(models: Path, language: str) -> Path:
    """The starter as a pack's tuned model that is the default for a language: two keys more, in front of its own."""
    data = resolve_model("starter").read_bytes()
    version, tensors, keys = struct.unpack_from("<IQQ", data, 4)
    added = key("tebiki.adapter", "demo/one") + key("tebiki.default_for", [language])
    added += key("pad", " " * (-(len(added) + len(key("pad", ""))) % 32))  # the weights stay where they are aligned
    models.mkdir(parents=True, exist_ok=True)
    path = models / "demo.one.gguf"
    path.write_bytes(b"GGUF" + struct.pack("<IQQ", version, tensors, keys + 3) + added + data[24:])
    return path


@pytest.mark.model
def test_the_language_of_a_question_decides_and_one_model_is_in_memory(folders: Folders, answering: Answering) -> None:
    default_for(folders.models, "ja")
    assert answering.start_engine().model == STARTER
    models = [ask(answering, question).model for question in (ENGLISH, JAPANESE, ENGLISH)]
    assert models == [STARTER, TUNED, STARTER]
    assert workers() == 1


@pytest.mark.model
def test_a_model_that_is_chosen_answers_in_every_language_from_then_on(
    folders: Folders, answering: Answering, tmp_path: Path
) -> None:
    answering.start_engine()
    own = Path(shutil.copyfile(resolve_model("starter"), tmp_path / "own.gguf"))
    answering.choose(str(own))
    assert answering.model_name() == "own"
    assert [ask(answering, question).model for question in (ENGLISH, JAPANESE)] == ["own", "own"]
    assert workers() == 1


def test_tuned_without_a_tuned_model_leaves_the_starter(folders: Folders) -> None:
    answering = Answering(folders, "tuned")
    assert answering._resolved("en") == resolve_model("starter")
    made = write_gguf(folders.library / "m.gguf", LLAMA | {"tebiki.prompt_format": "react-2"})
    folders.models.mkdir(parents=True)
    made.rename(folders.models / "m.gguf")
    assert answering._resolved("en") == folders.models / "m.gguf"


def test_a_model_that_can_not_be_loaded_costs_the_words_and_the_other_language_keeps_its_own(
    folders: Folders, answering: Answering
) -> None:
    keys = {"tebiki.adapter": "demo/ja", "general.languages": ["ja"], "tebiki.default_for": ["ja"]}
    folders.models.mkdir(parents=True)
    write_gguf(folders.models / "demo.ja.gguf", LLAMA | keys)  # no weights that llama.cpp could use
    answer = ask(answering, JAPANESE)
    assert answer.citations
    assert "demo.ja.gguf" in answer.problem
    english = ask(answering, ENGLISH)
    assert english.problem == ""
    assert english.model.startswith("SmolLM2-135M-Instruct")


def test_an_engine_that_was_put_away_starts_no_child_again() -> None:
    engine = Engine(resolve_model("starter"))
    engine.retire()
    with pytest.raises(EngineStopped, match="put away"):
        engine.count("a thread that still holds it")
    assert engine.pid is None
