"""BM25F in arrays gives what BM25F by hand gives, however the passages lie in segments and whatever was taken out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index.ranking import K1, B, Ranker
from index.segments import Counted, Segment, SegmentBroken, count, join, load, save

WORDS = ["port", "queue", "job", "the", "node", "値"]
WORTH = (1.0, 0.5)

texts = st.lists(st.sampled_from(WORDS), max_size=12)
libraries = st.lists(st.tuples(texts, texts), min_size=1, max_size=14)
queries = st.dictionaries(st.sampled_from([*WORDS, "missing"]), st.sampled_from([1.0, 2.5, 0.25]), max_size=4)


def passages(library: Sequence[tuple[list[str], list[str]]]) -> list[Counted]:
    """Passages 1, 2 ...; every third is Japanese, and they are dealt out to two manuals."""
    return [
        Counted(n, 1 + n % 2, "ja" if n % 3 == 0 else "en", (heading + body, heading))
        for n, (heading, body) in enumerate(library, start=1)
    ]


def by_hand(held: Sequence[Counted], terms: dict[str, float]) -> dict[int, float]:
    scores: dict[int, float] = {}
    for field, worth in enumerate(WORTH):
        mean = sum(len(passage.terms[field]) for passage in held) / len(held) or 1
        for term, weight in terms.items():
            having = [passage for passage in held if term in passage.terms[field]]
            idf = math.log(1 + (len(held) - len(having) + 0.5) / (len(having) + 0.5))
            for passage in having:
                often = list(passage.terms[field]).count(term)
                norm = K1 * (1 - B + B * len(passage.terms[field]) / mean)
                worth_here = weight * worth * idf * often * (K1 + 1) / (often + norm)
                scores[passage.passage] = scores.get(passage.passage, 0) + worth_here
    return scores


def segments_of(held: Sequence[Counted], cuts: Sequence[int]) -> list[Segment]:
    edges = sorted({0, len(held), *(cut for cut in cuts if cut < len(held))})
    return [segment for a, b in pairwise(edges) for segment in count(held[a:b], len(WORTH))]


@settings(max_examples=150, deadline=None)
@given(libraries, queries, st.lists(st.integers(1, 13), max_size=3), st.sets(st.integers(1, 14)), st.integers(1, 9))
def test_scores_are_those_of_the_formula_over_what_is_there(
    library: list[tuple[list[str], list[str]]], terms: dict[str, float], cuts: list[int], gone: set[int], top: int
) -> None:
    held = passages(library)
    left = [passage for passage in held if passage.passage not in gone]
    expected = sorted(by_hand(left, terms).items(), key=lambda pair: (-pair[1], pair[0])) if left else []
    segments, away = segments_of(held, cuts), np.array(sorted(gone), np.int64)
    found = Ranker(segments, away, WORTH).best(terms, top)
    assert [score for _, score in found] == pytest.approx([score for _, score in expected[:top]], rel=1e-5)
    assert {id_ for id_, _ in found} <= {id_ for id_, _ in expected}
    assert [id_ for id_, _ in found] == [id_ for id_, _ in sorted(found, key=lambda pair: (-pair[1], pair[0]))]
    joined = Ranker([join(segments, away)], np.empty(0, np.int64), WORTH)
    assert joined.best(terms, top) == found, "joining segments changes nothing, to the last bit"
    assert joined.passages.tolist() == [passage.passage for passage in left]


@settings(max_examples=60, deadline=None)
@given(libraries, queries, st.sampled_from(["en", "ja", None]), st.sampled_from([None, {1}, {2, 9}, set()]))
def test_a_search_within_a_language_and_some_manuals_only_leaves_the_others_out(
    library: list[tuple[list[str], list[str]]], terms: dict[str, float], language: str, manuals: set[int] | None
) -> None:
    held = {passage.passage: passage for passage in passages(library)}
    ranker = Ranker(segments_of(list(held.values()), [5]), np.empty(0, np.int64), WORTH)
    allowed = [
        (id_, score)
        for id_, score in ranker.best(terms, 99)
        if language in (None, held[id_].language) and (manuals is None or held[id_].manual in manuals)
    ]
    assert ranker.best(terms, 99, language=language, manuals=manuals) == allowed  # type: ignore[arg-type]
    assert ranker.best(terms, 99, language=language, manuals=manuals) == allowed, "also when it is remembered"  # type: ignore[arg-type]


def test_equal_scores_stand_in_the_order_of_passages_and_top_cuts_them_there() -> None:
    held = [Counted(n, 1, "en", (["port", "open"], [])) for n in range(1, 40)]
    ranker = Ranker(segments_of(held, [7, 20]), np.empty(0, np.int64), WORTH)
    assert [id_ for id_, _ in ranker.best({"port": 1.0}, 5)] == [1, 2, 3, 4, 5]


def test_a_library_of_nothing_finds_nothing() -> None:
    assert Ranker([], np.empty(0, np.int64), WORTH).best({"port": 1.0}, 5) == []


def test_a_term_that_stands_a_thousand_times_counts_as_one_that_stands_often(tmp_path: Path) -> None:
    held = [Counted(1, 1, "en", (["port"] * 1000, [])), Counted(2, 1, "en", (["port"] + ["x"] * 999, []))]
    save(tmp_path / "a.seg", segments_of(held, [])[0])
    ranker = Ranker([load(tmp_path / "a.seg", 2)], np.empty(0, np.int64), WORTH)
    assert [id_ for id_, _ in ranker.best({"port": 1.0}, 2)] == [1, 2]


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_a_file_that_is_not_a_segment_is_said_to_be_broken_and_never_crashes(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("segment")
    (segment,) = segments_of(passages([(["port"], ["job", "値"])] * 5), [])
    save(folder / "whole", segment)
    whole = (folder / "whole").read_bytes()
    harmed = bytearray(whole[: data.draw(st.integers(0, len(whole)))])
    for place in data.draw(st.lists(st.integers(0, max(0, len(harmed) - 1)), max_size=6)) if harmed else []:
        harmed[place] = data.draw(st.integers(0, 255))
    (folder / "harmed").write_bytes(bytes(harmed))
    try:
        ranker = Ranker([load(folder / "harmed", 2)], np.empty(0, np.int64), WORTH)
        ranker.best(dict.fromkeys(WORDS, 1.0), 3)
    except (SegmentBroken, ValueError, IndexError):
        assert bytes(harmed) != whole
