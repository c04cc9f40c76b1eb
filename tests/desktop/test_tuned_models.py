"""Tuned models on the command line: a fresh data folder, faults in one sentence, what the lists say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agent.merging import file_sha256
from agent.models import resolve_model
from desktop.commands import doctor
from desktop.folders import Folders
from desktop.settings import Settings
from desktop.tuning import Making, Outcome, adapters, make_in_child, wanted
from index.errors import PackInvalid
from index.packs import load_pack
from tests.agent.adapter_folders import write_base, write_shipped
from tests.conftest import Tebiki

PACK = """
id = "demo"
name = { en = "Demo" }
product = "Demo"
"""
ADAPTER = """
[[adapters]]
path = "adapters/small"
name = "Small for Demo"
base = "starter"
languages = ["en"]
default_for = ["en"]
"""


def write_pack(domains: Path, tables: str) -> Path:
    folder = domains / "demo"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pack.toml").write_text(PACK + tables, encoding="utf-8")
    return folder


@pytest.fixture
def small(folders: Folders, monkeypatch: pytest.MonkeyPatch) -> Folders:
    """Folders with a pack whose adapter is for a small base, which lies in the folder of models."""
    base = write_base(folders.models / "tiny.gguf")
    adapter = ADAPTER.replace('base = "starter"', f'base = "tiny.gguf"\nsha256 = "{file_sha256(base)}"')
    pack = write_pack(folders.domains, adapter)
    write_shipped(pack / "adapters" / "small", file_sha256(base))
    monkeypatch.setenv("TEBIKI_DOMAINS_FOLDER", str(folders.domains))
    return folders


@pytest.fixture
def starter(folders: Folders, monkeypatch: pytest.MonkeyPatch) -> Folders:
    """Folders with a pack whose adapter, of rank 1, is for the starter."""
    pack = write_pack(folders.domains, ADAPTER)
    sha256 = file_sha256(resolve_model("starter"))
    write_shipped(pack / "adapters" / "small", sha256, width=576, outputs=192, layers=30)
    monkeypatch.setenv("TEBIKI_DOMAINS_FOLDER", str(folders.domains))
    return folders


@pytest.mark.model
def test_the_first_question_makes_the_tuned_model_and_is_answered_by_it(tebiki: Tebiki, starter: Folders) -> None:
    asked = ("ask", "What happens to a job whose hold attribute is set?", "--library", starter.library)
    first = tebiki(*asked, "--data", starter.data, "--model", "tuned", "--json")
    assert first.json["model"] == "Small for Demo"
    assert first.json["citations"]
    assert first.json["problem"] == ""
    assert "Making Small for Demo" in first.err
    again = tebiki(*asked, "--data", starter.data, "--json")  # the pack says that it is the default for English
    assert again.json["model"] == "Small for Demo"
    assert "Making" not in again.err
    japanese = tebiki("ask", "保留属性とは何ですか", "--library", starter.library, "--data", starter.data, "--json")
    assert japanese.json["model"].startswith("SmolLM2-135M-Instruct")
    (starter.domains / "demo" / "adapters" / "small" / "adapter_model.safetensors").write_bytes(b"damaged")
    after = tebiki(*asked, "--data", starter.data, "--model", "tuned:demo/small", "--json")
    assert after.json["model"] == "Small for Demo", "a model that was made before stays in use"
    assert "manifest.json" in after.err or "can't be read" in after.err


def test_a_tuned_model_that_can_not_be_made_is_told_in_a_sentence(tebiki: Tebiki, small: Folders) -> None:
    write_base(small.models / "tiny.gguf", seed=8)
    asked = ("ask", "What does the hold attribute do?", "--library", small.library, "--data", small.data)
    ended = tebiki(*asked, "--model", "tuned:demo/small")
    assert ended.status == 1
    assert "was made for another base model than tiny.gguf" in ended.reason


def test_models_are_made_once_and_listed_with_what_a_user_wants_to_know(tebiki: Tebiki, small: Folders) -> None:
    before = tebiki("models", "list", "--data", small.data, "--json").json
    assert [(row["model"], row["bytes"]) for row in before if row["tuned"]] == [("tuned:demo/small", 0)]
    (made,) = tebiki("models", "make", "--data", small.data, "--json").json
    assert made["problem"] == ""
    starter, row, base = tebiki("models", "list", "--data", small.data, "--json").json
    assert (starter["model"], starter["tuned"]) == ("starter", False)
    assert row["path"] == made["path"]
    assert row["bytes"] == Path(made["path"]).stat().st_size
    assert (row["name"], row["languages"], row["licence"]) == ("Small for Demo", ["en"], "apache-2.0")
    assert row["default_for"] == ["en"]
    assert (base["name"], base["tuned"]) == ("tiny", False)


def test_what_waits_for_its_base_is_no_failure_unless_it_was_asked_for(tebiki: Tebiki, small: Folders) -> None:
    (small.models / "tiny.gguf").unlink()
    make = ("models", "make", "--data", small.data)
    waiting = tebiki(*make)
    assert waiting.status == 0
    assert "needs the model tiny.gguf" in waiting.out
    (row,) = tebiki(*make, "--json").json
    assert (row["waits"], row["path"]) == (True, "")
    for more in ((), ("--json",)):
        asked = tebiki(*make, "--only", "demo/small", *more)
        assert asked.status == 1
        assert "needs the model tiny.gguf" in asked.reason


def test_an_adapter_that_no_pack_has_is_named_with_those_there_are(tebiki: Tebiki, small: Folders) -> None:
    ended = tebiki("models", "make", "--data", small.data, "--only", "demo/large")
    assert ended.status == 1
    assert "No pack has an adapter demo/large: give one of demo/small." in ended.reason


def test_a_model_whose_pack_withdrew_it_goes_though_nothing_is_to_be_made(small: Folders) -> None:
    make_in_child(small, (), adapters(small))
    assert list(small.models.glob("demo.small.*.gguf"))
    write_pack(small.domains, "")
    assert make_in_child(small, (), adapters(small)) == Outcome()
    assert not list(small.models.glob("demo.small.*.gguf"))


def test_no_exam_is_sat_by_a_tuned_model_that_does_not_write_its_language(
    tebiki: Tebiki, small: Folders, tmp_path: Path
) -> None:
    row = {
        "id": "q1", "lang": "ja", "level": "engineer", "topic": "hold", "question": "保留属性とは何ですか。",
        "options": ["待機", "終了", "削除", "登録"], "answer": 0, "explanation": "保留中は待機します。",
        "split": "exam",
    }  # fmt: skip
    bank = tmp_path / "ja.jsonl"
    bank.write_text(json.dumps(row, ensure_ascii=False) + "\n", encoding="utf-8")
    ended = tebiki("exam", "take", bank, "--library", small.library, "--data", small.data, "--model", "tuned")
    assert ended.status == 1
    assert "No tuned model on this machine writes Japanese" in ended.err


def test_doctor_says_which_tuned_models_are_there_missing_or_why(small: Folders, tmp_path: Path) -> None:
    (small.models / "tiny.gguf").rename(tmp_path / "tiny.gguf")
    missing = doctor.tuned(Settings(), small)
    assert missing.ok is True
    assert "needs the model tiny.gguf" in missing.detail
    (tmp_path / "tiny.gguf").rename(small.models / "tiny.gguf")
    assert "not made yet" in doctor.tuned(Settings(), small).detail
    make_in_child(small, (), adapters(small))
    (made,) = small.models.glob("demo.small.*.gguf")
    assert made.name in doctor.tuned(Settings(), small).detail
    (small.domains / "demo" / "adapters" / "small" / "manifest.json").unlink()
    assert doctor.tuned(Settings(), small).ok is False


def test_progress_comes_from_the_child_and_a_second_time_there_is_no_child(small: Folders) -> None:
    seen: list[Making] = []
    outcome = make_in_child(small, (), adapters(small), on_progress=seen.append)
    assert outcome == Outcome(("Small for Demo",), ())
    assert [one.done for one in seen] == list(range(1, seen[0].total + 1))
    assert make_in_child(small, (), adapters(small), on_progress=seen.append) == Outcome()
    assert seen[-1].done == seen[-1].total == len(seen)


def test_a_child_that_dies_costs_the_tuned_model_and_says_why(small: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", "/bin/false")
    (problem,) = make_in_child(small, (), adapters(small)).problems
    assert problem.startswith("The tuned model was not made (it ended with status 1)")


def test_a_cancelled_making_ends_at_once_and_leaves_no_model(small: Folders) -> None:
    assert make_in_child(small, (), adapters(small), cancelled=lambda: True) == Outcome()
    assert [path.name for path in small.models.glob("*.gguf")] == ["tiny.gguf"]


def test_which_models_a_question_may_want(small: Folders) -> None:
    shipped = adapters(small)
    assert wanted(shipped, "auto", "en") == wanted(shipped, "tuned", "en") == shipped
    assert wanted(shipped, "tuned:demo/small", "ja") == shipped
    assert wanted(shipped, "auto", "ja") == wanted(shipped, "starter", "en") == []


# The pack's tables


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (('path = "adapters/small"', 'path = "../small"'), "leads out of the pack's folder"),
        (('path = "adapters/small"', 'path = "adapters/none"'), "is not a folder"),
        (('name = "Small for Demo"', ""), '"name" of an adapter is missing'),
        (('base = "starter"', 'base = "gemma"'), 'neither "starter" nor the name of a GGUF file'),
        (('base = "starter"', 'base = "gemma.gguf"'), 'has no "sha256"'),
        (('base = "starter"', f'base = "starter"\nsha256 = "{"0" * 64}"'), 'has no "sha256": the one in'),
        (('languages = ["en"]', "languages = []"), 'names no "languages"'),
        (('default_for = ["en"]', 'default_for = ["ja"]'), "which is not among its languages"),
        (('default_for = ["en"]', 'default_for = ["fr"]'), "is not a list of en, ja"),
        (('default_for = ["en"]', "rank = 8"), 'the key "rank" of an adapter is not known'),
    ],
)
def test_a_table_that_is_not_valid_is_refused_with_the_reason(
    tmp_path: Path, change: tuple[str, str], reason: str
) -> None:
    pack = write_pack(tmp_path, ADAPTER.replace(*change))
    (pack / "adapters" / "small").mkdir(parents=True)
    with pytest.raises(PackInvalid, match=r"pack\.toml") as told:
        load_pack(pack)
    assert reason in str(told.value)


def test_two_adapters_can_not_be_the_default_for_one_language(tmp_path: Path) -> None:
    pack = write_pack(tmp_path, ADAPTER + ADAPTER.replace("small", "other"))
    for name in ("small", "other"):
        (pack / "adapters" / name).mkdir(parents=True)
    with pytest.raises(PackInvalid, match='two adapters are the default for "en"'):
        load_pack(pack)


def test_pack_check_names_the_faults_of_an_adapter(tebiki: Tebiki, small: Folders) -> None:
    folder = small.domains / "demo" / "adapters" / "small"
    assert tebiki("pack", "check", small.domains / "demo", "--json").json["adapters"] == 1
    (folder / "README.md").unlink()
    config = json.loads((folder / "adapter_config.json").read_text(encoding="utf-8"))
    (folder / "adapter_config.json").write_text(json.dumps(config | {"base_sha256": "0" * 64}), encoding="utf-8")
    ended = tebiki("pack", "check", small.domains / "demo", "--json")
    assert ended.status == 1
    card, base = ended.json["faults"]
    assert "no model card" in card
    assert "not for tiny.gguf" in base
