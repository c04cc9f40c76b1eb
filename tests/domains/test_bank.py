"""The exam banks of the JP1 pack: whole, evenly laid out, and not to be solved by tricks without knowing JP1."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
JP1 = ROOT / "domains" / "jp1"
FACTS = ROOT.parent / "shared" / "jp1" / "facts.md"
MANUALS = {"en": "JP1 Primer", "ja": "JP1 入門"}
LEVELS = ("engineer", "professional", "consultant")
KEYS = {"id", "lang", "level", "product", "question", "options", "answer", "explanation", "source", "facts"}
MOST_BY_TRICK = 0.32

Question = dict[str, Any]


def bank(language: str) -> list[Question]:
    lines = (JP1 / "bank" / f"{language}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def pieces(text: str, language: str) -> set[str]:
    """English words; in Japanese, pairs of neighbouring characters."""
    if language == "en":
        return set(re.findall(r"[a-z0-9]+", text.lower()))
    text = re.sub(r"\s", "", text.lower())
    return {text[at : at + 2] for at in range(len(text) - 1)}


def share_solved(questions: list[Question], score: Callable[[Question, str], float]) -> float:
    """How many one gets right by always choosing the option with the highest score, guessing among equals."""
    solved = 0.0
    for question in questions:
        scores = [score(question, option) for option in question["options"]]
        if scores[question["answer"]] == max(scores):
            solved += 1 / scores.count(max(scores))
    return solved / len(questions)


@pytest.mark.parametrize("language", MANUALS)
def test_a_bank_holds_60_whole_questions(language: str) -> None:
    questions = bank(language)
    assert [question["id"] for question in questions] == [f"jp1-{language}-{n:03d}" for n in range(1, 61)]
    for question in questions:
        assert set(question) == KEYS, question["id"]
        assert question["lang"] == language, question["id"]
        assert len(question["options"]) == len(set(question["options"])) == 4, question["id"]
        assert question["answer"] in range(4), question["id"]
        texts = [question["question"], question["explanation"], *question["options"]]
        assert all(text and text == text.strip() for text in texts), question["id"]
    assert len({question["question"] for question in questions}) == 60


@pytest.mark.parametrize("language", MANUALS)
def test_levels_and_positions_are_even(language: str) -> None:
    questions = bank(language)
    assert Counter(question["level"] for question in questions) == dict.fromkeys(LEVELS, 20)
    assert Counter(question["answer"] for question in questions) == dict.fromkeys(range(4), 15)


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


@pytest.mark.parametrize("language", MANUALS)
def test_the_longest_option_is_no_guide(language: str) -> None:
    assert share_solved(bank(language), lambda _, option: len(option)) <= MOST_BY_TRICK


@pytest.mark.parametrize("language", MANUALS)
def test_words_shared_with_the_question_are_no_guide(language: str) -> None:
    def shared(question: Question, option: str) -> int:
        return len(pieces(question["question"], language) & pieces(option, language))

    assert share_solved(bank(language), shared) <= MOST_BY_TRICK
