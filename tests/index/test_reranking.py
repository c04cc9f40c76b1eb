"""The second look: where one line says what was asked, its passage comes first; nothing else moves."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index import analyzer, reranking
from index.records import Passage


def passage(id_: int, text: str, heading: tuple[str, ...] = ()) -> Passage:
    return Passage(id_, 1, 1, "Manual", "page.html", heading, None, None, 0, len(text), text, "", "en")


def worth(query: str) -> dict[str, float]:
    return dict.fromkeys(analyzer.tokens(query, query=True), 1.0)


def test_the_passage_whose_one_line_holds_the_question_passes_one_that_scatters_it() -> None:
    scattered = passage(1, "The spool is full.\nEach queue has a name.\nA printer is purged at night.")
    together = passage(2, "Each printer has a name.\nA full queue is purged.\nThe spool stays.")
    ranked = [(1, 0.8), (2, 0.75)]
    found = reranking.lifted(ranked, {1: scattered, 2: together}, worth("full queue purged"))
    assert [id_ for id_, _ in found] == [2, 1]


def test_the_heading_counts_for_each_line() -> None:
    under = passage(1, "Prints the version.\nPrints nothing.", ("psql", "--version"))
    assert reranking.together(under, worth("psql version")) == 1.0
    assert reranking.together(passage(1, "Prints the version."), worth("psql version")) == 0.5


def test_japanese_sentences_are_looked_at_one_by_one() -> None:
    one = passage(1, "監視間隔を変更します。")
    two = passage(2, "監視を始めます。間隔を空けて変更します。")
    asked = worth("監視間隔の変更")
    assert reranking.together(one, asked) > reranking.together(two, asked)


def test_a_query_without_known_terms_leaves_the_ranking_as_it_is() -> None:
    assert reranking.lifted([(2, 0.5), (1, 0.25)], {}, {}) == [(2, 0.5), (1, 0.25)]


def test_a_passage_that_is_gone_is_passed_over() -> None:
    found = reranking.lifted([(7, 0.9), (1, 0.8)], {1: passage(1, "queue")}, worth("queue"))
    assert [id_ for id_, _ in found] == [1, 7]


def test_a_term_tells_more_the_rarer_it_is_and_nothing_where_it_stands_nowhere() -> None:
    told = reranking.rarity({"rare": 1.0, "common": 1.0, "unknown": 1.0, "off": 0.0}, [1, 90, 0, 5], 100)
    assert set(told) == {"rare", "common"}
    assert told["rare"] > told["common"] > 0


@given(
    scores=st.lists(st.floats(0, 1), min_size=1, max_size=40),
    texts=st.lists(st.text("ab \n.キュー", max_size=30), min_size=40, max_size=40),
    query=st.text("ab キュー", min_size=1, max_size=8),
)
def test_nothing_is_lost_and_scores_stay_between_0_and_1(scores: list[float], texts: list[str], query: str) -> None:
    ranked = sorted(enumerate(scores), key=lambda pair: -pair[1])
    held = {id_: passage(id_, texts[id_]) for id_, _ in ranked}
    found = reranking.lifted(ranked, held, worth(query))
    assert sorted(id_ for id_, _ in found) == sorted(id_ for id_, _ in ranked)
    assert all(-1e-9 <= score <= 1 + 1e-9 for _, score in found)
    assert [score for _, score in found] == pytest.approx(sorted((score for _, score in found), reverse=True))
