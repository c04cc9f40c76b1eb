"""`tebiki search` and `tebiki ask` with a scope, an identifier, and a word misspelt: as other programs call them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import Tebiki
from tests.index.small_manuals import bring_in, write_manual

PAGE = """---
title: {title}
manual: {manual}
product: {product}
version: {version}
language: {language}
---
# {title}
{text}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two versions of an English guide and a Japanese one."""
    work = tmp_path_factory.mktemp("scoped")
    texts = {
        "9": "The manager listens on port 20009 for its agents.",
        "12": "The manager listens on port 20012 for its agents.",
    }
    for version, text in texts.items():
        page = PAGE.format(
            title="Ports",
            manual="Scheduler Guide",
            product="Suite/Scheduler",
            version=version,
            language="en",
            text=text,
        )
        message = PAGE.format(
            title=f"KAVS0243-E in {version}",
            manual="Scheduler Guide",
            product="Suite/Scheduler",
            version=version,
            language="en",
            text=f"KAVS0243-E The calendar is missing in {version}.",
        )
        bring_in(work / "library", write_manual(work / f"v{version}", {"ports.md": page, "messages.md": message}))
    page = PAGE.format(
        title="ポート",
        manual="監視ガイド",
        product="Suite/Monitor",
        version="12",
        language="ja",
        text="マネージャーはポート 20099 で待ちます。",
    )
    other = PAGE.format(
        title="開始", manual="監視ガイド", product="Suite/Monitor", version="12", language="ja", text="開始。"
    )
    bring_in(work / "library", write_manual(work / "ja", {"ポート.md": page, "開始.md": other}))
    return work / "library"


@pytest.mark.parametrize(
    ("options", "holds", "lacks"),
    [
        (["--version", "12", "--language", "en"], "20012", "20009"),
        (["--product", "Suite/Monitor"], "20099", "20012"),
        (["--manual", "scheduler guide", "--version", "9"], "20009", "20012"),
        (["--manual", "監視"], "20099", "20012"),
        (["--product", "suite", "--language", "en"], "20012", "20099"),
    ],
)
def test_search_keeps_to_what_its_options_name(
    tebiki: Tebiki, folder: Path, options: list[str], holds: str, lacks: str
) -> None:
    hits = tebiki("search", "manager port マネージャー ポート", "--library", folder, "--json", *options).json
    texts = " ".join(hit["text"] for hit in hits)
    assert holds in hits[0]["text"]
    assert lacks not in texts


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--manual", "Handbook"], ['no manual called "Handbook"', "Scheduler Guide (en, version 9)", "監視ガイド"]),
        (["--manual", "77"], ['no manual called "77"']),
        (["--version", "77"], ['of version "77"', "12; 9"]),
        (["--product", "Nothing"], ['of product "Nothing"', "Suite/Monitor; Suite/Scheduler"]),
        (
            ["--manual", "監視ガイド", "--version", "9"],
            ["No manual is all of that at once", "監視ガイド (ja, version 12)"],
        ),
    ],
)
def test_what_names_nothing_is_an_error_that_says_what_there_is(
    tebiki: Tebiki, folder: Path, options: list[str], said: list[str]
) -> None:
    done = tebiki("search", "manager port", "--library", folder, *options)
    assert done.status == 1
    assert all(each in done.reason for each in said)


def test_ask_refuses_a_scope_that_names_nothing_before_it_loads_a_model(tebiki: Tebiki, folder: Path) -> None:
    done = tebiki("ask", "manager port", "--library", folder, "--version", "77", "--json")
    assert (done.status, done.out) == (1, "")
    assert '"77"' in done.reason


def test_a_language_that_is_none_is_wrong_usage(tebiki: Tebiki, folder: Path) -> None:
    assert tebiki("search", "port", "--library", folder, "--language", "fr").status == 2


def test_what_was_meant_is_said_on_standard_error_and_nothing_is_searched_instead(tebiki: Tebiki, folder: Path) -> None:
    done = tebiki("search", "KAVS0234-E", "--library", folder, "--json")
    assert done.json == []
    assert done.err.strip() == "Did you mean: KAVS0243-E"
    assert "Did you mean" not in tebiki("search", "KAVS0243-E", "--library", folder, "--json").err


def test_the_list_says_which_manual_is_older(tebiki: Tebiki, folder: Path) -> None:
    listed = tebiki("library", "list", "--library", folder, "--json").json
    assert {(one["version"], one["language"]): one["older"] for one in listed} == {
        ("9", "en"): True,
        ("12", "en"): False,
        ("12", "ja"): False,
    }


@pytest.mark.model
def test_a_question_is_answered_from_the_scope_alone(tebiki: Tebiki, folder: Path) -> None:
    question = "Which port does the manager listen on?"
    older = tebiki("ask", question, "--library", folder, "--version", "9", "--json").json
    assert {"20009" in one["quote"] for one in older["citations"]} == {True}


def test_an_exact_name_comes_first_whatever_else_mentions_it(tebiki: Tebiki, folder: Path) -> None:
    hits = tebiki("search", "KAVS0243-E", "--library", folder, "--json").json
    assert "calendar is missing in 12" in hits[0]["text"]


def test_a_question_in_japanese_finds_english_pages_through_the_packs_glossary(tebiki: Tebiki, tmp_path: Path) -> None:
    page = "# Registration\nExecution registration makes a jobnet run by its schedule.\n"
    bring_in(tmp_path / "library", write_manual(tmp_path / "guide", {"a.md": page, "b.md": "# Else\nNothing.\n"}))
    hits = tebiki("search", "ジョブネットの実行登録", "--library", tmp_path / "library", "--json").json
    assert hits[0]["source"].endswith("a.md")
