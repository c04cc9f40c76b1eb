"""Queries to the letter: phrases in quotation marks, names with an asterisk; with Whoosh's index, and without."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.exact import Phrase, Shape, exact
from index.library import Library
from index.records import Scope
from tests.conftest import Tebiki
from tests.index.small_manuals import JAPANESE, bring_in, write_manual

PAGES = {
    "a.html": "<h1>Conditions</h1><p>A start condition waits for an event. The condition to start is another thing.</p>"
    "<h2>KAVS0243-E</h2><p>The calendar is missing.</p><h2>KAVS0261-W</h2><p>See KAVS0243-E first.</p>"
    "<h2>KAVU4202-E</h2><p>The agent is away.</p>",
    "b.html": "<h1>Stopping</h1><p>Stop with jajs_spmd_stop or with jajs_killall.cluster; both Start  Conditions.</p>"
    "<p>What is jajs_spmd_status? Another command.</p>",
}


@pytest.fixture(scope="module", params=["words only", "with Whoosh", "behind"])
def library(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same manuals, with Whoosh's index not made yet, complete, or lacking the second half."""
    work = tmp_path_factory.mktemp("exact")
    first = write_manual(work / "guide", {"a.html": PAGES["a.html"]})
    bring_in(work / "library", first, wait_embeddings=request.param == "behind")
    rest = write_manual(work / "more", {"b.html": PAGES["b.html"]})
    japanese = write_manual(work / "手引", {"起動.html": JAPANESE})
    bring_in(work / "library", rest, japanese, wait_embeddings=request.param == "with Whoosh")
    return work / "library"


def found(folder: Path, query: str, scope: Scope | None = None) -> list[str]:
    with Library.open(folder) as library:
        return [hit.passage.heading[-1] for hit in library.search(query, 10, scope=scope)]


def test_a_phrase_finds_the_passages_in_which_just_that_stands(library: Path) -> None:
    assert found(library, '"start condition"') == ["Conditions", "Stopping"]
    assert found(library, '"condition to start"') == ["Conditions"]
    assert found(library, '"to start a condition"') == []


def test_case_width_and_blanks_do_not_matter(library: Path) -> None:
    assert found(library, "“ＳＴＡＲＴ  Conditions”") == ["Stopping"]


def test_a_japanese_phrase_is_found_in_the_midst_of_a_run(library: Path) -> None:
    assert found(library, '"環境設定パラメーター"') == ["起動と停止"]
    assert found(library, '"設定環境"') == []


def test_an_asterisk_stands_for_any_letters_of_a_name_entries_first(library: Path) -> None:
    assert found(library, "KAVS02*")[:2] in (["KAVS0243-E", "KAVS0261-W"], ["KAVS0261-W", "KAVS0243-E"])
    assert "KAVU4202-E" not in found(library, "KAVS02*")
    assert found(library, "jajs_*_stop") == ["Stopping", "起動と停止"]
    assert found(library, "kavx*") == []


def test_a_scope_holds_for_exact_queries_too(library: Path) -> None:
    assert found(library, "jajs_*_stop", Scope(language="ja")) == ["起動と停止"]
    with Library.open(library) as opened:
        (english,) = [manual.id for manual in opened.manuals() if "more" in manual.root]
    assert found(library, '"start condition"', Scope(manuals=frozenset({english}))) == ["Stopping"]


def test_an_index_that_is_broken_is_no_error(library: Path, tmp_path: Path) -> None:
    broken = shutil.copytree(library, tmp_path / "library")
    for folder in broken.glob("whoosh-*"):
        for file in folder.iterdir():
            file.write_bytes(b"broken")
    assert found(broken, '"start condition"') == ["Conditions", "Stopping"]
    assert found(broken, "jajs_*_stop") == ["Stopping", "起動と停止"]
    with Library.open(broken) as opened:
        opened.rebuild()
        assert opened.verify() == []


def test_a_question_that_quotes_something_is_a_question() -> None:
    assert exact('What does "Being held" mean?') is None
    assert exact("what * means") is None
    assert exact("a*") is None
    assert exact('""') is None
    assert exact('"Being held"') == Phrase("being held")
    assert exact("KAVS02*-E") == Shape("kavs02*-e")


@given(st.text(max_size=40))
def test_no_query_is_an_error_and_a_phrase_stands_in_its_own_text(text: str) -> None:
    asked = exact(f'"{text}"')
    exact(text)
    if isinstance(asked, Phrase):
        assert asked.text
        assert asked.terms is not None


def test_from_the_command_line(tebiki: Tebiki, library: Path) -> None:
    hits = tebiki("search", '"condition to start"', "--library", library, "--json").json
    assert [hit["heading"][-1] for hit in hits] == ["Conditions"]
