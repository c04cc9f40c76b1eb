"""The recorded trajectories of the JP1 pack: in form, over questions that may be studied, borne out by the primer."""

from __future__ import annotations

import json
import unicodedata
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from agent.bank import load_bank
from index.asked import load_asked
from tests.conftest import ROOT
from trainer.contamination import copies, leaks
from trainer.near_duplicates import Asked
from trainer.near_duplicates import folded as compared

JP1 = ROOT / "domains" / "jp1"
FILES = sorted((JP1 / "trajectories").glob("*.jsonl"))
KEYS = {"id", "lang", "kind", "source", "question", "steps", "thought", "answer", "holds"}


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def folded(text: str) -> str:
    return "".join(unicodedata.normalize("NFKC", text).casefold().split())


def pages() -> dict[str, str]:
    """The page of each question that may be trained on: `study` questions of the banks, and the sample questions."""
    page_of: dict[str, str] = {}
    for lang in ("en", "ja"):
        banked = [one for one in load_bank(JP1 / "bank" / f"{lang}.jsonl") if one.split == "study"]
        page_of |= {one.id: f"{lang}/{one.section}.md" for one in banked}
        asked = load_asked(JP1 / "questions" / f"{lang}.jsonl")
        page_of |= {one.id: f"{lang}/{one.section}.md" if one.answers else "" for one in asked}
    return page_of


PAGES = pages()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_each_trajectory_is_in_form_and_its_answer_holds_what_it_must(path: Path) -> None:
    for row in rows(path):
        assert set(row) == KEYS, row["id"]
        assert row["source"] in PAGES, f"{row['id']}: {row['source']} may not be trained on"
        assert row["lang"] == PAGES.get(row["source"], row["lang"])[:2] or not PAGES[row["source"]]
        assert len(row["steps"]) <= 3 if row["kind"] == "react" else not row["steps"], row["id"]
        assert row["kind"] != "react" or row["steps"], row["id"]
        searches = [step["search"].casefold() for step in row["steps"]]
        assert len(set(searches)) == len(searches), row["id"]
        assert not row["holds"] or any(folded(one) in folded(row["answer"]) for one in row["holds"]), row["id"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_what_an_answer_must_hold_stands_in_the_primer(path: Path) -> None:
    primer = {f"{page.parent.name}/{page.name}": folded(page.read_text("utf-8")) for page in JP1.glob("primer/*/*.md")}
    everything = {
        lang: "".join(text for name, text in primer.items() if name.startswith(lang)) for lang in ("en", "ja")
    }
    for row in rows(path):
        if row["holds"]:
            assert any(folded(one) in everything[row["lang"]] for one in row["holds"]), row["id"]


def test_there_are_enough_of_each_kind_and_none_twice() -> None:
    every = [row for path in FILES for row in rows(path)]
    assert len({row["id"] for row in every}) == len(every)
    kinds = Counter(row["kind"] for row in every)
    assert kinds["react"] >= 600
    assert kinds["one-step"] >= 150
    assert len({(row["kind"], folded(row["question"])) for row in every}) == len(every)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_no_exam_question_stands_in_them(path: Path) -> None:
    questions = [
        one for lang in ("en", "ja") for one in load_bank(JP1 / "bank" / f"{lang}.jsonl") if one.split == "exam"
    ]
    texts = (
        (row["id"], " ".join((row["question"], row["answer"], *(step["thought"] for step in row["steps"]))))
        for row in rows(path)
    )
    assert not list(leaks(texts, questions, 13, 30))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_none_asks_nearly_what_an_exam_asks(path: Path) -> None:
    exam = [one for lang in ("en", "ja") for one in load_bank(JP1 / "bank" / f"{lang}.jsonl") if one.split == "exam"]
    put = ((row["id"], Asked(compared(row["question"]), compared(row["answer"]))) for row in rows(path))
    assert list(copies(put, exam)) == []
