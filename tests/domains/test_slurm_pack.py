"""The Slurm pack, which is data alone: its bank is as even and fair as JP1's; its glossary; the pages it rests on."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

from agent.bank import load_bank, split_of
from benchmarks.bank_tricks import TRICKS, near_duplicates, solved
from index.glossary import load_glossary
from index.packs import load_pack
from index.recognise import recognised
from index.records import Document
from tests.conftest import ROOT, manual_of

SLURM = ROOT / "domains" / "slurm"
BANK = SLURM / "bank" / "en.jsonl"
MOST_BY_TRICK = 0.32


def questions() -> list[dict[str, Any]]:
    return [json.loads(line) for line in BANK.read_text(encoding="utf-8").splitlines()]


def test_it_is_a_pack_without_primers() -> None:
    pack = load_pack(SLURM)
    assert (pack.id, pack.product, pack.primers) == ("slurm", "Slurm", ())
    assert {sample.language for sample in pack.samples} == {"en", "ja"}
    assert len(pack.samples) == 6


def test_its_rule_knows_the_manual_by_the_title_of_a_page() -> None:
    page = Document("sbatch.html", "Slurm Workload Manager - sbatch", "en", ())
    meta = dict(recognised(page, "/m/html/sbatch.html", load_pack(SLURM).recognisers).meta)
    assert meta == {"manual": "Slurm Workload Manager", "product": "Slurm"}


def test_levels_and_positions_are_even() -> None:
    bank = questions()
    assert Counter(question["level"] for question in bank) == {"engineer": 12, "professional": 12, "consultant": 12}
    assert Counter(question["answer"] for question in bank) == {0: 9, 1: 9, 2: 9, 3: 9}
    assert [question["id"] for question in bank] == [f"slurm-pack-en-{n:03d}" for n in range(1, len(bank) + 1)]


def test_its_splits_are_those_of_the_deciding_facts() -> None:
    bank = questions()
    for question in bank:
        assert question["split"] == split_of(question["facts"][0]), question["id"]
    assert len({question["facts"][0] for question in bank}) == len(bank)
    assert min(Counter(question["split"] for question in bank).values()) >= 14


@pytest.mark.parametrize("trick", TRICKS)
def test_no_trick_solves_its_bank(trick: str) -> None:
    assert solved(load_bank(BANK), TRICKS[trick]) <= MOST_BY_TRICK


def test_no_two_questions_say_nearly_the_same() -> None:
    assert list(near_duplicates(load_bank(BANK))) == []


def test_its_glossary_crosses_the_languages() -> None:
    glossary = load_glossary(SLURM / "glossary.tsv")
    assert len(glossary.entries) >= 50
    assert "job array" in glossary.expand("配列ジョブの上限")
    assert "trackable resource" in glossary.expand("TRES limits")


def test_every_question_rests_on_a_page_of_the_manual() -> None:
    manual = manual_of("slurm-wlm-doc")
    for question in questions():
        section = question["source"]["section"]
        assert question["source"]["manual"] == "Slurm Workload Manager", question["id"]
        assert question["facts"][0].startswith(f"{section}#"), question["id"]
        assert (manual / section).is_file(), question["id"]
