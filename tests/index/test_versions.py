"""Editions of one book: told apart, the newest preferred, and the one that is named searched."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.library import Library
from index.records import Scope
from index.versions import Book, family_key, in_scope, named_in, older, outdated, version_key
from tests.index.small_manuals import bring_in, write_manual


def book(id_: int, title: str, version: str = "", product: str = "", language: str = "en") -> Book:
    return Book(id_, title, language, product, version)  # type: ignore[arg-type]


def test_versions_compare_as_people_number_them() -> None:
    told = ["9", "10", "11-50", "12-00", "12-50", "13"]
    assert sorted(["12-50", "9", "13", "11-50", "12-00", "10"], key=version_key) == told
    assert version_key("１２－００") == version_key("12-00")
    assert version_key("none") == ()


@given(st.lists(st.integers(0, 9999), min_size=1, max_size=4), st.sampled_from(".-"))
def test_a_version_is_its_numbers(numbers: list[int], between: str) -> None:
    assert version_key(between.join(map(str, numbers))) == tuple(numbers)


@pytest.mark.parametrize(
    ("one", "two", "same"),
    [
        (
            book(1, "Scheduler Version 12 Command Reference", "12"),
            book(2, "Scheduler Version 13 Command Reference"),
            True,
        ),
        (book(1, "PostgreSQL 14.2 Documentation", "14.2"), book(2, "PostgreSQL 15.20 Documentation", "15.20"), True),
        (book(1, "Guide", "12", "Suite/Scheduler"), book(2, "Suite/Scheduler Guide", "13", "Suite/Scheduler"), True),
        (book(1, "運用ガイド バージョン12", "12", "", "ja"), book(2, "運用ガイド", "13", "", "ja"), True),
        (book(1, "Guide", "12"), book(2, "Guide", "13", "", "ja"), False),
        (book(1, "Guide", "12"), book(2, "Messages", "13"), False),
        (book(1, "Command Reference 2", "9"), book(2, "Command Reference 1", "10"), False),
    ],
)
def test_editions_of_one_book_are_one_family(one: Book, two: Book, same: bool) -> None:
    assert (family_key(one) == family_key(two)) == same


def test_older_is_what_a_newer_edition_stands_beside() -> None:
    shelf = [book(1, "Guide", "9"), book(2, "Guide", "12-50"), book(3, "Guide", "12-00"), book(4, "Messages", "9")]
    assert older(shelf) == {1, 3}
    assert older([book(1, "Guide"), book(2, "Guide", "12")]) == frozenset(), "no version is no older version"
    assert older([book(1, "Guide", "12"), book(2, "Guide", "12")]) == frozenset()
    assert older([]) == frozenset()


@pytest.mark.parametrize(
    ("question", "named"),
    [
        ("What is new in version 12?", [(12,)]),
        ("V12.1の新機能", [(12, 1)]),
        ("バージョン１２では", [(12,)]),
        ("in 12-50 as before", [(12, 50)]),
        ("ver.9 and v10", [(9,), (10,)]),
        ("port 20243 in 5 minutes", []),
        ("VACUUM 12", []),
        ("2026-11-22", []),
    ],
)
def test_a_version_is_read_from_a_question(question: str, named: list[tuple[int, ...]]) -> None:
    assert named_in(question) == named


def test_the_edition_that_a_question_names_stands_before_its_siblings() -> None:
    shelf = [book(1, "Guide", "12"), book(2, "Guide", "13"), book(3, "Messages", "9")]
    assert outdated(shelf, "How do I start it?") == {1}
    assert outdated(shelf, "How do I start it in version 12?") == {2}
    assert outdated(shelf, "How do I start it in version 7?") == {1}
    assert outdated(shelf, "How do I start it?", wanted={1}) == frozenset(), "the scope names the older one"


def test_a_scope_names_manuals_by_product_and_version() -> None:
    shelf = [book(1, "A", "12-00", "Suite/Scheduler"), book(2, "B", "13", "Suite"), book(3, "C", "8, 9", "Suitecase")]
    assert in_scope(shelf, Scope()) is None
    assert in_scope(shelf, Scope(product="suite")) == {1, 2}
    assert in_scope(shelf, Scope(version="12")) == {1}
    assert in_scope(shelf, Scope(version="9")) == {3}
    assert in_scope(shelf, Scope(version="1")) == frozenset()
    assert in_scope(shelf, Scope(manuals=frozenset({2, 3}), product="Suite")) == {2}


PAGE = """---
title: {title}
manual: Scheduler Guide
product: Suite/Scheduler
version: {version}
---
# {title}
{text}
"""
ALIKE = "The manager listens for agents and passes their notices on to the console, which shows them by colour."


@pytest.fixture(scope="module")
def editions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Version 9 and 12 of a guide: one page the same, one with another limit; and a copy of a page in another book."""
    work = tmp_path_factory.mktemp("editions")
    for version, limit in (("9", "ten"), ("12", "forty")):
        pages = {
            "alike.md": PAGE.format(title="Notices", version=version, text=ALIKE),
            "limit.md": PAGE.format(title="Limit of agents", version=version, text=f"At most {limit} agents connect."),
        }
        bring_in(work / "library", write_manual(work / version, pages))
    copied = "# Notices at large\n\n" + ALIKE
    bring_in(work / "library", write_manual(work / "primer", {"copy.md": copied, "else.md": "# Else\n\nNothing."}))
    return work / "library"


def test_the_list_says_which_manual_is_older(editions: Path) -> None:
    with Library.open(editions) as library:
        assert {(one.version, one.older) for one in library.manuals() if one.title == "Scheduler Guide"} == {
            ("9", True),
            ("12", False),
        }


def test_the_newest_edition_comes_first_and_what_it_repeats_is_not_listed(editions: Path) -> None:
    with Library.open(editions) as library:
        limit = [hit.passage.text for hit in library.search("How many agents connect at most?", 10)]
        alike = [
            hit for hit in library.search("Which notices does the manager pass on?", 10) if ALIKE in hit.passage.text
        ]
    assert "forty" in limit[0]
    assert any("ten agents" in text for text in limit), "what the older one says otherwise can be found"
    assert len(alike) == 1


@pytest.mark.parametrize("question", ["How many agents connect at most in version 9?", "バージョン9 agents at most"])
def test_the_version_that_is_named_comes_first(editions: Path, question: str) -> None:
    with Library.open(editions) as library:
        assert "ten agents" in library.search(question, 5)[0].passage.text


def test_a_scope_keeps_to_a_version_a_manual_and_a_product(editions: Path) -> None:
    question = "How many agents connect at most?"
    with Library.open(editions) as library:
        held = {one.id: one for one in library.manuals()}
        older_ = library.search(question, 10, scope=Scope(version="9"))
        assert "ten agents" in older_[0].passage.text
        assert {held[hit.passage.manual_id].version for hit in older_} == {"9"}
        suite = library.search("notices", 10, scope=Scope(product="Suite"))
        assert {held[hit.passage.manual_id].product for hit in suite} == {"Suite/Scheduler"}
        one = frozenset({next(id_ for id_, manual in held.items() if manual.version == "12")})
        assert {hit.passage.manual_id for hit in library.search(question, 10, scope=Scope(manuals=one))} == one
        assert library.search(question, 10, scope=Scope(version="77")) == []
        assert library.search(question, 10, scope=Scope(language="ja")) == []
