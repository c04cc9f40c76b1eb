"""The primers of every pack: the same pages and facts in each language, in the form that the importer reads."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from index.packs import list_packs
from index.reading import read_file
from tests.conftest import ROOT

JP1 = ROOT / "domains" / "jp1"
FACTS = ROOT.parent / "shared" / "jp1" / "facts.md"
PAGES = sorted((JP1 / "primer").glob("*/*.md"))


def front_matter(page: Path) -> dict[str, str]:
    return dict(read_file(page, page.name).meta)


def facts_of(page: Path) -> set[str]:
    return set(re.findall(r"[A-Z]+\d+", front_matter(page)["facts"]))


def test_the_pack_brings_both_primers() -> None:
    (pack,) = [pack for pack in list_packs(ROOT / "domains") if pack.id == "jp1"]
    assert {primer.name for primer in pack.primers} == {"en", "ja"}


def test_there_are_at_least_60_pages_and_each_stands_in_both_languages() -> None:
    english, japanese = ({page.name for page in (JP1 / "primer" / language).glob("*.md")} for language in ("en", "ja"))
    assert english == japanese
    assert len(english) >= 60


@pytest.mark.parametrize("page", PAGES, ids=lambda page: f"{page.parent.name}/{page.stem}")
def test_a_page_says_what_it_is_and_is_in_its_folder_s_language(page: Path) -> None:
    document = read_file(page, page.name)
    meta = front_matter(page)
    assert {"title", "manual", "product", "version", "language", "facts", "sources"} <= set(meta)
    assert meta["language"] == page.parent.name == document.language
    assert document.title == meta["title"]
    assert document.sections
    assert all(section.heading for section in document.sections)


def test_both_languages_carry_the_same_facts() -> None:
    for page in (JP1 / "primer" / "en").glob("*.md"):
        assert facts_of(page) == facts_of(JP1 / "primer" / "ja" / page.name), page.name


def test_no_fact_is_invented() -> None:
    if not FACTS.is_file():
        pytest.skip(f"{FACTS} is not here")
    known = set(re.findall(r"^- \[([A-Z]+\d+)\]", FACTS.read_text(encoding="utf-8"), re.MULTILINE))
    carried = {fact for page in PAGES for fact in facts_of(page)}
    assert carried <= known
