"""The passages that ship: their form, and that neither place nor length tells the answer."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from agent.bank import load_bank
from tests.conftest import ROOT
from trainer.contamination import leaks
from trainer.reading_records import Asked, load_passages

FILES = sorted((ROOT / "trainer" / "data").glob("reading-*.jsonl"))


def asked_in(path: Path) -> list[Asked]:
    return [one for passage in load_passages(path) for one in passage.questions]


def test_there_are_passages_in_both_languages_each_with_an_id_of_its_own() -> None:
    passages = [one for path in FILES for one in load_passages(path)]
    assert {one.lang for one in passages} == {"en", "ja"}
    assert len({one.id for one in passages}) == len(passages)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_neither_place_nor_length_gives_the_answer_away(path: Path) -> None:
    questions = asked_in(path)
    places = Counter(one.answer for one in questions)
    assert max(places.values()) - min(places.values()) <= max(8, 0.08 * len(questions))
    longest = sum(
        len(one.options[one.answer]) > max(len(text) for at, text in enumerate(one.options) if at != one.answer)
        for one in questions
    )
    assert longest <= 0.32 * len(questions)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_shared_words_do_not_decide(path: Path) -> None:
    """In many questions an option that is wrong shares more words with the deciding lines than the right one."""
    misled = 0
    for passage in load_passages(path):
        for one in passage.questions:
            told = " ".join(passage.units[at].text for at in one.deciding).casefold()
            shares = [_shared(option.casefold(), told, passage.lang) for option in one.options]
            misled += max(share for at, share in enumerate(shares) if at != one.answer) >= shares[one.answer]
    assert misled >= 0.3 * len(asked_in(path))


def _shared(option: str, told: str, lang: str) -> float:
    parts = option.split() if lang == "en" else [option[at : at + 2] for at in range(max(1, len(option) - 1))]
    return sum(part in told for part in parts) / len(parts)


def test_no_wording_of_an_exam_question_is_in_them() -> None:
    exam = [
        one for path in (ROOT / "domains").glob("*/bank/*.jsonl") for one in load_bank(path) if one.split != "study"
    ]
    texts = [(one.id, "\n".join(one.texts())) for path in FILES for one in load_passages(path)]
    assert list(leaks(texts, exam, 13, 30)) == []
