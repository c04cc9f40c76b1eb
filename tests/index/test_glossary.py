"""A glossary adds what a term is called elsewhere, and never takes away what was typed."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index import glossary
from index.errors import PackInvalid
from index.glossary import Entry, Glossary, load_glossary, merged
from index.library import Library
from tests.index.small_manuals import bring_in, write_manual

LINES = """# What it is called

ja: 実行登録\ten: execution registration | register for execution
ja: 登録\ten: register
ja: ジョブネット\ten: jobnet
ja: ユーザー\ten: user
abbr: AJS3\ten: JP1/AJS3 | JP1/Automatic Job Management System 3
"""


@pytest.fixture
def known(tmp_path: Path) -> Glossary:
    (tmp_path / "glossary.tsv").write_text(LINES, encoding="utf-8")
    return load_glossary(tmp_path / "glossary.tsv")


@pytest.mark.parametrize(
    ("query", "more"),
    [
        ("ジョブネットの実行登録", {"jobnet", "execution registration", "register for execution"}),
        ("登録する", {"register"}),
        ("ユーザを登録する", {"user", "register"}),  # the long vowel is a matter of taste
        ("How are jobnets registered?", {"ジョブネット", "登録"}),
        ("the Execution Registration of it", {"実行登録", "register for execution"}),
        ("AJS3", {"JP1/AJS3", "JP1/Automatic Job Management System 3"}),
        ("What is JP1/Automatic Job Management System 3?", {"AJS3", "JP1/AJS3"}),
        ("再起動", set()),
        ("", set()),
    ],
)
def test_a_query_gains_what_its_terms_are_called_elsewhere(known: Glossary, query: str, more: set[str]) -> None:
    assert set(known.expand(query)) == more


def test_synonyms_count_less_than_what_was_typed_and_the_other_language_most_where_it_is_alone(known: Glossary) -> None:
    expanded = known.expand("execution registration")
    assert expanded == {"実行登録": glossary.ELSEWHERE, "register for execution": glossary.BESIDE}
    assert all(0 < weight < 1 for weight in expanded.values())
    assert known.expand("execution registration", alone=True)["実行登録"] == glossary.ALONE > glossary.ELSEWHERE


@given(
    st.dictionaries(st.text(min_size=1, max_size=8), st.floats(0.1, 3.0), max_size=40),
    st.lists(st.sampled_from(["実行登録", "登録", "ジョブネット", "register", "user", "ユーザー", "が", "。", "x"])),
    st.booleans(),
)
def test_expansion_never_loses_the_typed_words(typed: dict[str, float], words: list[str], alone: bool) -> None:
    names = ((("ja", "実行登録"), ("en", "execution registration")), (("ja", "ユーザー"), ("en", "user")))
    known = Glossary(Entry(name) for name in names)
    widened = known.widened(" ".join(words), typed, alone=alone)
    assert {term: widened[term] for term in typed} == typed
    assert len(widened) <= len(typed) + glossary.MOST


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("jobnet", '"jobnet" is not a language and names'),
        ("fr: tâche\ten: job", '"fr" is not one of'),
        ("ja: \ten: job", "is empty"),
        ("ja: ジョブ | \ten: job", "is empty"),
        ("en: job", "two names that differ"),
        ("en: job | jobs", "two names that differ"),
        ("en: ジョブ\tja: ジョブネット", "not in the language"),
        ("ja: 登録\ten: register", "says the same as line 4"),
    ],
)
def test_a_malformed_line_is_refused_by_its_number_and_reason(tmp_path: Path, line: str, reason: str) -> None:
    (tmp_path / "glossary.tsv").write_text(LINES + line + "\n", encoding="utf-8")
    with pytest.raises(PackInvalid, match=r"glossary\.tsv, line 8: .*" + reason):
        load_glossary(tmp_path / "glossary.tsv")


def test_a_glossary_that_can_not_be_read_says_why(tmp_path: Path) -> None:
    with pytest.raises(PackInvalid, match="No such file"):
        load_glossary(tmp_path / "glossary.tsv")
    (tmp_path / "glossary.tsv").write_bytes("ja: 登録\ten: register".encode("cp932"))
    with pytest.raises(PackInvalid, match="UTF-8"):
        load_glossary(tmp_path / "glossary.tsv")


def test_two_packs_glossaries_both_count(known: Glossary) -> None:
    other = Glossary([Entry((("ja", "登録"), ("en", "enrol")))])
    assert set(merged([known, other]).expand("登録")) == {"register", "enrol"}


ENGLISH = {
    "a.html": "<html lang='en'><head><title>Guide</title></head><body><h1>Jobnets</h1><p>Execution registration makes"
    " a jobnet run by its schedule.</p><h2>Backup</h2><p>Copy the folder every week.</p></body></html>"
}


def test_a_question_in_one_language_finds_what_is_written_in_the_other(tmp_path: Path, known: Glossary) -> None:
    bring_in(tmp_path / "library", write_manual(tmp_path / "guide", ENGLISH))
    with Library.open(tmp_path / "library") as library:
        assert library.search("ジョブネットの実行登録") == []
    with Library.open(tmp_path / "library", glossary=known) as library:
        assert "run by its schedule" in library.search("ジョブネットの実行登録")[0].passage.text


def test_the_packaged_glossary_is_whole_and_names_both_languages() -> None:
    file = Path(__file__).parents[2] / "domains" / "jp1" / "glossary.tsv"
    held = load_glossary(file)
    both = [entry for entry in held.entries if {"en", "ja"} <= {tag for tag, _ in entry.names}]
    assert len(both) >= 60
    assert "ジョブネット" in held.expand("jobnet")
    assert "scheduler service" in held.expand("スケジューラサービスを起動する")
