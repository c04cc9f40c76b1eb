"""The exam banks of the JP1 pack: whole, evenly laid out, and not to be solved by tricks without knowing JP1."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from agent.bank import load_bank, split_of
from benchmarks.bank_tricks import TRICKS, near_duplicates, solved
from trainer.contamination import leaks

ROOT = Path(__file__).resolve().parents[2]
JP1 = ROOT / "domains" / "jp1"
FACTS = ROOT.parent / "shared" / "jp1" / "facts.md"
MANUALS = {"en": "JP1 Primer", "ja": "JP1 入門"}
AT_LEAST = {"en": 240, "ja": 120}
KEYS = {"id", "lang", "level", "product", "split", "question", "options", "answer", "explanation", "source", "facts"}
MOST_BY_TRICK = 0.32

Question = dict[str, Any]


def bank(language: str) -> list[Question]:
    lines = (JP1 / "bank" / f"{language}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


@pytest.mark.parametrize("language", MANUALS)
def test_a_bank_holds_enough_whole_questions(language: str) -> None:
    questions = bank(language)
    assert len(questions) >= AT_LEAST[language]
    assert [question["id"] for question in questions] == [
        f"jp1-{language}-{n:03d}" for n in range(1, len(questions) + 1)
    ]
    for question in questions:
        assert set(question) == KEYS, question["id"]
        assert question["lang"] == language, question["id"]
        assert len(question["options"]) == len(set(question["options"])) == 4, question["id"]
        assert question["answer"] in range(4), question["id"]
        texts = [question["question"], question["explanation"], *question["options"]]
        assert all(text and text == text.strip() for text in texts), question["id"]
    assert len({question["question"] for question in questions}) == len(questions)


@pytest.mark.parametrize("language", MANUALS)
def test_levels_and_positions_are_even(language: str) -> None:
    questions = bank(language)
    for counted in (
        Counter(question["level"] for question in questions),
        Counter(question["answer"] for question in questions),
    ):
        even = len(questions) / len(counted)
        assert all(0.9 * even <= count <= 1.1 * even for count in counted.values()), counted


@pytest.mark.parametrize("language", MANUALS)
def test_what_may_be_trained_on_shares_no_fact_with_the_exam(language: str) -> None:
    questions = bank(language)
    for question in questions:
        assert {split_of(fact) for fact in question["facts"]} == {question["split"]}, question["id"]
    shares = Counter(question["split"] for question in questions)
    assert min(shares.values()) >= 0.4 * len(questions)


def test_no_two_questions_say_nearly_the_same() -> None:
    questions = [*load_bank(JP1 / "bank" / "en.jsonl"), *load_bank(JP1 / "bank" / "ja.jsonl")]
    assert [(one.id, other.id) for one, other, _ in near_duplicates(questions)] == []


@pytest.mark.parametrize("language", MANUALS)
@pytest.mark.parametrize("trick", TRICKS)
def test_no_trick_solves_the_bank(language: str, trick: str) -> None:
    assert solved(load_bank(JP1 / "bank" / f"{language}.jsonl"), TRICKS[trick]) <= MOST_BY_TRICK


@pytest.mark.parametrize("language", MANUALS)
def test_each_source_is_a_primer_page_with_the_fact_asked_for(language: str) -> None:
    for question in bank(language):
        assert question["source"]["manual"] == MANUALS[language], question["id"]
        page = JP1 / "primer" / language / f"{question['source']['section']}.md"
        assert page.is_file(), question["id"]
        front = re.search(r"^facts:(.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
        assert front is not None, page.name
        assert question["facts"][0] in re.findall(r"[A-Z]+\d+", front[1]), question["id"]


def test_every_fact_named_is_known() -> None:
    if not FACTS.is_file():
        pytest.skip(f"{FACTS} is not here")
    known = set(re.findall(r"^- \[([A-Z]+\d+)\]", FACTS.read_text(encoding="utf-8"), re.MULTILINE))
    for question in bank("en") + bank("ja"):
        assert question["facts"], question["id"]
        assert set(question["facts"]) <= known, question["id"]


@pytest.mark.parametrize("language", ["en", "ja"])
def test_no_exam_question_stands_in_the_primer_word_for_word(language: str) -> None:
    """The primer is trained on: what `tebiki train corpus` would stop at."""
    exam = [one for one in load_bank(JP1 / "bank" / f"{language}.jsonl") if one.split == "exam"]
    pages = [(page.name, page.read_text(encoding="utf-8")) for page in (JP1 / "primer" / language).glob("*.md")]
    assert list(leaks(pages, exam, 13, 30)) == []
