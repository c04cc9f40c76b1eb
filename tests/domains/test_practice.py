"""Practice questions that ship with packs: their form, that the manual decides them, that no exam leaks into them."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from agent.bank import load_bank, split_of
from tests.conftest import ROOT
from trainer.contamination import copies, leaks
from trainer.evidence import within
from trainer.near_duplicates import as_asked
from trainer.question_records import Practice, load_practice

JP1 = ROOT / "domains" / "jp1"
FILES = sorted((JP1 / "practice").glob("*.jsonl"))


@pytest.fixture(scope="module")
def questions() -> list[Practice]:
    return [one for path in FILES for one in load_practice(path)]


def test_every_question_has_an_id_of_its_own_and_asks_for_studied_facts_alone(questions: list[Practice]) -> None:
    assert len({one.question.id for one in questions}) == len(questions) >= 800
    for one in questions:
        assert one.facts, one.question.id
        assert {split_of(fact) for fact in one.facts} == {"study"}, one.question.id


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_evidence_stands_on_the_page_that_is_named(path: Path) -> None:
    missing = []
    for one in load_practice(path):
        folder = JP1 / "primer" / one.question.lang
        pages = [folder / f"{one.question.section}.md"]
        pages += [page for page in folder.glob("*.md") if any(fact in page.read_text("utf-8") for fact in one.facts)]
        texts = [page.read_text(encoding="utf-8") for page in pages if page.is_file()]
        missing += [one.question.id for said in one.evidence if not any(within(text, said) for text in texts)]
    assert missing == []


def test_no_wording_of_an_exam_question_is_in_them(questions: list[Practice]) -> None:
    exam = [one for path in (JP1 / "bank").glob("*.jsonl") for one in load_bank(path) if one.split == "exam"]
    texts = [(one.question.id, "\n".join((one.question.question, *one.question.options))) for one in questions]
    assert list(leaks(texts, exam, 13, 30)) == []


def test_none_is_nearly_an_exam_question(questions: list[Practice]) -> None:
    exam = [one for path in (JP1 / "bank").glob("*.jsonl") for one in load_bank(path) if one.split == "exam"]
    assert len(exam) >= 150
    assert list(copies(((one.question.id, as_asked(one.question)) for one in questions), exam)) == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_neither_place_nor_length_gives_the_answer_away(path: Path) -> None:
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    places = Counter(row["answer"] for row in rows)
    assert max(places.values()) - min(places.values()) <= max(8, 0.08 * len(rows))
    longest = sum(
        len(row["options"][row["answer"]]) > max(len(o) for at, o in enumerate(row["options"]) if at != row["answer"])
        for row in rows
    )
    assert longest <= 0.32 * len(rows)
