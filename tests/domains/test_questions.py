"""The JP1 pack's questions as operators type them: enough of them, answered by the page they name, or not at all."""

from __future__ import annotations

import json
import re
from collections import Counter

import pytest

from agent.bank import load_bank
from benchmarks.bank_tricks import pieces
from index.analyzer import fold
from index.asked import load_asked
from index.glossary import load_glossary
from index.packs import load_pack
from tests.conftest import ROOT

JP1 = ROOT / "domains" / "jp1"
LANGUAGES = ("en", "ja")


def plain(text: str) -> str:
    return re.sub(r"\s+", " ", fold(text))


def test_there_are_at_least_120_that_can_be_answered_and_40_that_can_not() -> None:
    asked = [one for file in load_pack(JP1).questions for one in load_asked(file)]
    assert sum(bool(one.answers) for one in asked) >= 120
    assert sum(not one.answers for one in asked) >= 40
    for language in LANGUAGES:
        assert sum(one.language == language for one in asked) >= 0.4 * len(asked)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_that_a_question_names_holds_the_short_answer(language: str) -> None:
    for one in load_asked(JP1 / "questions" / f"{language}.jsonl"):
        assert one.language == language
        if one.answers:
            page = JP1 / "primer" / language / f"{one.section}.md"
            assert plain(one.answers[0]) in plain(page.read_text(encoding="utf-8")), one.id


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_page_is_asked_about_more_than_twice_and_no_exam_question_is_asked_again(language: str) -> None:
    asked = load_asked(JP1 / "questions" / f"{language}.jsonl")
    assert max(Counter(one.section for one in asked if one.answers).values()) <= 2
    exam = [pieces(question.question) for question in load_bank(JP1 / "bank" / f"{language}.jsonl")]
    for one in asked:
        said = pieces(one.question)
        assert all(len(said & other) < 0.7 * len(said | other) for other in exam), one.id


def test_a_question_names_the_facts_that_its_page_carries() -> None:
    for language in LANGUAGES:
        for line in (JP1 / "questions" / f"{language}.jsonl").read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            if row["answers"]:
                page = (JP1 / "primer" / language / f"{row['section']}.md").read_text(encoding="utf-8")
                front = re.search(r"^facts:(.*)$", page, re.MULTILINE)
                assert front is not None
                assert set(row["facts"]) <= set(re.findall(r"[A-Z]+\d+", front[1])), row["id"]


def test_the_glossary_pairs_at_least_250_terms_of_both_languages() -> None:
    glossary = load_glossary(JP1 / "glossary.tsv")
    paired = [entry for entry in glossary.entries if {"en", "ja"} <= {tag for tag, _ in entry.names}]
    assert len(paired) >= 250
    assert any(tag == "abbr" for entry in glossary.entries for tag, _ in entry.names)
