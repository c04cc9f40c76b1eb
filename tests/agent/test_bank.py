"""A bank is used whole or not at all, and says which line is at fault."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from agent.bank import SITTINGS, draw, load_bank
from agent.errors import BankInvalid

GOOD: dict[str, Any] = {
    "id": "q1",
    "lang": "en",
    "level": "engineer",
    "question": "Which port does the event service use?",
    "options": ["20098", "20243", "20241", "20300"],
    "answer": 0,
}


def bank(folder: Path, *lines: dict[str, Any] | str) -> Path:
    path = folder / "bank.jsonl"
    texts = [line if isinstance(line, str) else json.dumps(line, ensure_ascii=False) for line in lines]
    path.write_text("\n".join(texts) + "\n", encoding="utf-8")
    return path


def test_a_line_becomes_a_question(tmp_path: Path) -> None:
    full = {
        **GOOD,
        "product": "JP1/Base",
        "explanation": "It is registered so.",
        "source": {"manual": "User's Guide", "section": "Ports"},
    }
    (question,) = load_bank(bank(tmp_path, full))
    assert (question.id, question.answer, question.options[0]) == ("q1", 0, "20098")
    assert (question.product, question.manual, question.section) == ("JP1/Base", "User's Guide", "Ports")


def test_other_keys_and_empty_lines_do_not_matter(tmp_path: Path) -> None:
    path = bank(tmp_path, {**GOOD, "author": "me", "tags": [1]}, "", {**GOOD, "id": "q2", "lang": "ja"})
    assert [question.id for question in load_bank(path)] == ["q1", "q2"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"lang": "de"}, '"lang" is "de"'),
        ({"level": "master"}, '"level" is "master"'),
        ({"answer": 4}, '"answer" is not 0, 1, 2 or 3'),
        ({"answer": True}, '"answer" is not 0, 1, 2 or 3'),
        ({"answer": "1"}, '"answer" is not 0, 1, 2 or 3'),
        ({"options": ["a", "b", "c"]}, "four texts"),
        ({"options": ["a", "b", "c", "a "]}, "two options are the same"),
        ({"options": ["a", "b", "c", ""]}, "an option is not a text, or is empty"),
        ({"question": " "}, '"question" is not a text, or is empty'),
        ({"id": 7}, '"id" is not a text'),
        ({"explanation": 1}, '"explanation" is not a text'),
        ({"source": "p. 3"}, '"source" is not an object'),
    ],
)
def test_a_line_that_is_not_valid_is_named_by_number_and_reason(
    tmp_path: Path, change: dict[str, Any], reason: str
) -> None:
    with pytest.raises(BankInvalid) as caught:
        load_bank(bank(tmp_path, GOOD, {**GOOD, "id": "q2", **change}))
    assert "Line 2" in str(caught.value)
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("key", sorted(GOOD))
def test_a_missing_key_is_named(tmp_path: Path, key: str) -> None:
    with pytest.raises(BankInvalid, match=f'Line 1 .*"{key}" is missing'):
        load_bank(bank(tmp_path, {other: value for other, value in GOOD.items() if other != key}))


def test_the_same_id_twice_is_refused_and_both_lines_are_named(tmp_path: Path) -> None:
    with pytest.raises(BankInvalid, match=r'Line 3 .*"q1" stands in line 1'):
        load_bank(bank(tmp_path, GOOD, {**GOOD, "id": "q2"}, GOOD))


@pytest.mark.parametrize("line", ["{", "[1]", "null", '"text"'])
def test_what_is_not_a_json_object_is_named(tmp_path: Path, line: str) -> None:
    with pytest.raises(BankInvalid, match=r"Line 1 .*not JSON|Line 1 .*not a JSON object"):
        load_bank(bank(tmp_path, line))


def test_a_missing_file_an_empty_one_and_another_encoding_say_so(tmp_path: Path) -> None:
    with pytest.raises(BankInvalid, match=r"can't be read"):
        load_bank(tmp_path / "none.jsonl")
    with pytest.raises(BankInvalid, match="holds no question"):
        load_bank(bank(tmp_path, ""))
    (tmp_path / "sjis.jsonl").write_bytes("質問".encode("cp932"))
    with pytest.raises(BankInvalid, match="not UTF-8"):
        load_bank(tmp_path / "sjis.jsonl")


def test_a_line_separator_of_unicode_within_a_text_does_not_end_the_line(tmp_path: Path) -> None:
    (question,) = load_bank(bank(tmp_path, {**GOOD, "question": "Which port?\u2028Of the event service?"}))
    assert question.question == "Which port?\u2028Of the event service?"


def test_a_draw_is_of_one_level_without_repeats_and_the_same_for_the_same_seed(tmp_path: Path) -> None:
    lines = [{**GOOD, "id": f"q{n}", "level": "engineer" if n % 2 else "consultant"} for n in range(40)]
    questions = load_bank(bank(tmp_path, *lines))
    drawn = draw(questions, "engineer", 10, seed=3)
    assert drawn == draw(questions, "engineer", 10, seed=3)
    assert drawn != draw(questions, "engineer", 10, seed=4)
    assert {question.level for question in drawn} == {"engineer"}
    assert len({question.id for question in drawn}) == 10
    assert len(draw(questions, "engineer", 50, seed=1)) == 20


def test_every_level_has_its_sitting() -> None:
    assert {level: (one.questions, one.minutes, one.passing) for level, one in SITTINGS.items()} == {
        "engineer": (20, 40, 0.7),
        "professional": (30, 60, 0.7),
        "consultant": (30, 60, 0.7),
    }
