"""Evidence is verbatim, short, and holds the answer."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from agent.extractor import MOST, QUOTE_LIMIT, extract, ranked_units
from agent.records import Evidence
from index.analyzer import query_language
from index.library import Library
from tests.agent.manuals import library_in

QUESTIONS = [
    ("Which port does the viewer use to reach the manager?", "20244/tcp"),
    ("How often is a job retried that ends abnormally?", "at most 12 times"),
    ("What does QJM4202-E mean?", "may not operate the queue"),
    ("What happens to a job that is Being held?", "not started until somebody releases it"),
    ("Which command writes the definitions into an archive?", "qbackup -o"),
    ("保留中のジョブはどうなりますか？", "保留を解除するまで開始されません"),
    ("異常終了したジョブは何回まで再実行されますか？", "最大12回"),
    ("ビューアーが使うポートは何番ですか？", "20244/tcp"),
]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    with library_in(tmp_path_factory.mktemp("manuals")) as opened:
        yield opened


def evidence(library: Library, question: str) -> tuple[Evidence, ...]:
    return extract(question, library.search(question, 10), language=query_language(question)).evidence


@pytest.mark.parametrize(("question", "answer"), QUESTIONS)
def test_the_first_quote_holds_the_answer(library: Library, question: str, answer: str) -> None:
    assert answer in " ".join(evidence(library, question)[0].quote.split())


@pytest.mark.parametrize("question", [question for question, _ in QUESTIONS])
def test_a_quote_stands_in_the_source_text_at_its_offsets(library: Library, question: str) -> None:
    chosen = evidence(library, question)
    assert 1 <= len(chosen) <= MOST
    for one in chosen:
        section = library.section(one.section_id)
        whole = library.source_text(section.manual_id, one.source)
        assert whole[one.start : one.end] == one.quote
        assert len(one.quote) <= QUOTE_LIMIT
        assert 0 <= one.score <= 1


def test_a_table_row_comes_with_its_header_as_context(library: Library) -> None:
    best = evidence(library, "Which port does the viewer use to reach the manager?")[0]
    assert best.context == "Port | Service name | Use"
    assert "Service name" not in best.quote


def test_neighbours_become_one_quote(library: Library) -> None:
    question = "How does somebody release a job in the status Being held, with which command?"
    best = evidence(library, question)[0]
    assert "Being held" in best.quote
    assert "qrelease" in best.quote


def test_the_question_s_own_language_comes_first(library: Library) -> None:
    assert "may operate" not in evidence(library, "保留を解除するコマンドは？")[0].quote
    assert "保留" in evidence(library, "保留を解除するコマンドは？")[0].quote
    assert "release" in evidence(library, "Which command releases a held job?")[0].quote


def test_no_hits_give_no_evidence() -> None:
    assert extract("What is it?", [], language="en").evidence == ()
    assert extract("What is it?", [], language="en").sufficiency == 0.0


def test_nothing_is_said_twice(library: Library) -> None:
    for question, _ in QUESTIONS:
        quotes = [" ".join(one.quote.split()) for one in evidence(library, question)]
        assert not any(a in b for a in quotes for b in quotes if a is not b)


def test_all_units_can_be_had_in_their_order(library: Library) -> None:
    question = "Which port does the viewer use to reach the manager?"
    hits = library.search(question, 10)
    ranked = ranked_units(question, hits, language="en")
    assert ranked[0].quote == evidence(library, question)[0].quote
    assert [one.score for one in ranked] == sorted((one.score for one in ranked), reverse=True)
    assert {one.passage_id for one in ranked} == {hit.passage.id for hit in hits[:5]}
    assert ranked_units(question, [], language="en") == ()


def test_what_stands_in_another_language_alone_is_found_there(library: Library) -> None:
    (best, *_) = evidence(library, "Which port does qevent use?")
    assert "20098/tcp" in best.quote
    hits = [hit for hit in library.search("Which port does qevent use?", 10) if hit.passage.language == "ja"]
    (best, *_) = extract("Which port does qevent use?", hits, language="en").evidence
    assert "20098/tcp" in best.quote


@pytest.mark.parametrize("question", [question for question, _ in QUESTIONS])
def test_no_language_is_mixed_where_the_question_s_own_suffices(library: Library, question: str) -> None:
    hits = library.search(question, 10)
    language = {hit.passage.id: hit.passage.language for hit in hits}
    chosen = extract(question, hits, language=query_language(question)).evidence
    assert {language[one.passage_id] for one in chosen} == {query_language(question)}


@pytest.mark.parametrize(
    ("question", "there", "not_there"),
    [
        ("What does QJM4202-E mean?", "QJM4202-E", "QJM4310-I"),
        ("What is 20244/tcp used for?", "20244/tcp", "20098/tcp"),
        ("How do QJM4202-E and QJM4310-I differ?", "QJM4310-I", "20241/tcp"),
    ],
)
def test_what_tells_of_another_message_or_port_is_not_quoted(
    library: Library, question: str, there: str, not_there: str
) -> None:
    quotes = " ".join(one.quote for one in evidence(library, question))
    assert there in quotes
    assert not_there not in quotes


def test_another_name_is_quoted_where_nothing_tells_of_the_one_asked_for(library: Library) -> None:
    assert evidence(library, "What is 20999/tcp used for, beside 20244?")
