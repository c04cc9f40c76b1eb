"""`tebiki pack check`: a good pack is counted, every fault of a bad one is named by file, line and reason."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from index.asked import load_asked
from index.errors import PackInvalid
from tests.conftest import ROOT, Tebiki

MANIFEST = """
id = "demo"
name = { en = "Demo" }
product = "Demo"
primers = ["primer"]
banks = ["bank.jsonl"]
glossary = "glossary.tsv"
questions = ["asked.jsonl"]
"""
QUESTION = {
    "id": "q1",
    "lang": "en",
    "level": "engineer",
    "question": "Which lamp is red?",
    "options": ["one", "two", "three", "four"],
    "answer": 1,
    "split": "study",
}
ASKED = {"id": "a1", "lang": "en", "question": "red lamp?", "answers": ["two"], "section": "lamps"}


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    """A small pack without a fault."""
    (tmp_path / "primer").mkdir()
    (tmp_path / "pack.toml").write_text(MANIFEST, encoding="utf-8")
    (tmp_path / "primer" / "lamps.md").write_text("# Lamps\n\nLamp two is red.\n", encoding="utf-8")
    (tmp_path / "bank.jsonl").write_text(json.dumps(QUESTION) + "\n", encoding="utf-8")
    (tmp_path / "glossary.tsv").write_text("en: lamp\tja: ランプ\n", encoding="utf-8")
    (tmp_path / "asked.jsonl").write_text(
        json.dumps(ASKED) + "\n" + json.dumps({**ASKED, "id": "a2", "answers": []}) + "\n", encoding="utf-8"
    )
    return tmp_path


def test_a_good_pack_is_counted(tebiki: Tebiki, pack: Path) -> None:
    assert tebiki("pack", "check", pack, "--json").json == {
        "id": "demo",
        "pages": 1,
        "questions": 1,
        "study": 1,
        "exam": 0,
        "terms": 1,
        "asked": 1,
        "unanswerable": 1,
        "adapters": 0,
        "faults": [],
    }


def test_the_packs_that_come_with_the_program_have_no_fault(tebiki: Tebiki) -> None:
    for folder in sorted(path.parent for path in (ROOT / "domains").glob("*/pack.toml")):
        assert tebiki("pack", "check", folder, "--json").json["faults"] == []


def test_every_fault_is_named_and_one_does_not_hide_another(tebiki: Tebiki, pack: Path) -> None:
    (pack / "bank.jsonl").write_text(
        json.dumps(QUESTION) + "\n" + json.dumps({**QUESTION, "id": "q2", "answer": 4}) + "\n", encoding="utf-8"
    )
    (pack / "glossary.tsv").write_text("en: lamp\tja: ランプ\nlamp\n", encoding="utf-8")
    (pack / "asked.jsonl").write_text(json.dumps({**ASKED, "section": "nowhere"}) + "\n", encoding="utf-8")
    ended = tebiki("pack", "check", pack, "--json")
    assert ended.status == 1
    bank, glossary, page = ended.json["faults"]
    assert "Line 2" in bank
    assert str(pack / "bank.jsonl") in bank
    assert "line 2" in glossary
    assert "nowhere" in page


def test_a_pack_whose_manifest_can_not_be_used_is_refused(tebiki: Tebiki, pack: Path) -> None:
    (pack / "pack.toml").write_text(MANIFEST.replace("asked.jsonl", "../asked.jsonl"), encoding="utf-8")
    ended = tebiki("pack", "check", pack)
    assert ended.status == 1
    assert "leads out of the pack's folder" in ended.reason


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "not JSON"),
        ("[]", "not a JSON object"),
        (json.dumps({**ASKED, "lang": "fr"}), '"lang" is "fr"'),
        (json.dumps({**ASKED, "answers": "two"}), '"answers" is not a list'),
        (json.dumps({**ASKED, "answers": [" "]}), '"answers" is not a list'),
        (json.dumps({**ASKED, "question": ""}), '"question" is not a text, or is empty'),
        (json.dumps(ASKED), "stands in line 1 already"),
    ],
)
def test_a_sample_question_that_is_not_valid_is_named_by_line_and_reason(
    tmp_path: Path, line: str, reason: str
) -> None:
    file = tmp_path / "asked.jsonl"
    file.write_text(json.dumps(ASKED) + "\n\n" + line + "\n", encoding="utf-8")
    with pytest.raises(PackInvalid, match="Line 3") as told:
        load_asked(file)
    assert reason in str(told.value)
