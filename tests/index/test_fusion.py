"""Two rankings into one: bounds, fairness and order."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from index.fusion import reciprocal_rank, weighted

BM25 = st.dictionaries(st.integers(1, 30), st.floats(0.01, 50), max_size=20)
COSINES = st.dictionaries(st.integers(1, 30), st.floats(-1, 1), max_size=20)
WEIGHT = st.floats(0, 1)


@given(BM25, COSINES, WEIGHT)
def test_every_candidate_is_ranked_once_with_a_score_from_0_to_1(
    lexical: dict[int, float], cosine: dict[int, float], weight: float
) -> None:
    ranked = weighted(lexical, cosine, weight)
    assert {id_ for id_, _ in ranked} == lexical.keys() | cosine.keys()
    assert len(ranked) == len(lexical.keys() | cosine.keys())
    assert all(-1e-9 <= score <= 1 + 1e-9 for _, score in ranked)
    assert [score for _, score in ranked] == sorted((score for _, score in ranked), reverse=True)


@given(BM25, WEIGHT)
def test_without_embeddings_the_words_order_stands(lexical: dict[int, float], weight: float) -> None:
    assert [id_ for id_, _ in weighted(lexical, {}, weight)] == sorted(lexical, key=lambda id_: (-lexical[id_], id_))


@given(COSINES, WEIGHT)
def test_without_known_words_the_meanings_order_stands(cosine: dict[int, float], weight: float) -> None:
    ranked = [cosine[id_] for id_, _ in weighted({}, cosine, weight)]
    assert all(first >= second - 1e-6 for first, second in pairwise(ranked))


def test_a_passage_not_embedded_yet_is_neither_punished_nor_favoured() -> None:
    lexical = {1: 10.0, 2: 9.0, 3: 5.0}
    assert [id_ for id_, _ in weighted(lexical, {2: 0.9, 3: 0.8}, 0.5)] == [1, 2, 3]
    assert [id_ for id_, _ in weighted(lexical, {1: 0.9, 3: 0.8}, 0.5)] == [1, 2, 3]


def test_among_equals_the_smaller_id_comes_first() -> None:
    assert [id_ for id_, _ in weighted({9: 1.0, 3: 1.0, 5: 1.0}, {}, 0.5)] == [3, 5, 9]
    assert [id_ for id_, _ in reciprocal_rank([[7, 2], [2, 7]])] == [2, 7]


def test_reciprocal_rank_favours_what_both_rankings_put_forward() -> None:
    assert reciprocal_rank([[1, 2, 3], [3, 2, 4]])[0][0] in {2, 3}
    assert reciprocal_rank([[1], [2]], k=60) == [(1, 1 / 61), (2, 1 / 61)]
