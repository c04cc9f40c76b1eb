"""BM25F in arrays gives what BM25F by hand gives, over several segments and with documents taken out."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pytest
import whoosh.index
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from whoosh import analysis, fields

from index import ranking
from index.ranking import K1, B, Ranker

TEXTS = ["port of the port", "queue", "queue and port and job", "", "job job job", "the node waits in the queue"]


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    words = analysis.RegexTokenizer(r"\w+")
    schema = fields.Schema(n=fields.ID(stored=True), body=fields.TEXT(words, phrase=False), kind=fields.ID())
    index = whoosh.index.create_in(str(tmp_path_factory.mktemp("ranking")), schema)
    for part in (TEXTS[:3], TEXTS[3:]):  # two segments
        writer = index.writer()
        for text in part:
            writer.add_document(n=str(TEXTS.index(text)), body=text, kind="short" if len(text) < 20 else "long")
        writer.commit(merge=False)
    opened = index.reader()
    yield opened
    opened.close()


def by_hand(terms: dict[str, float]) -> dict[int, float]:
    lengths = [len(text.split()) for text in TEXTS]
    scores: dict[int, float] = {}
    for term, weight in terms.items():
        holding = [n for n, text in enumerate(TEXTS) if term in text.split()]
        idf = math.log(1 + (len(TEXTS) - len(holding) + 0.5) / (len(holding) + 0.5))
        for n in holding:
            count = TEXTS[n].split().count(term)
            norm = K1 * (1 - B + B * lengths[n] / (sum(lengths) / len(TEXTS)))
            scores[n] = scores.get(n, 0) + weight * idf * count * (K1 + 1) / (count + norm)
    return scores


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(
    st.dictionaries(st.sampled_from(["port", "queue", "job", "the", "node", "missing"]), st.sampled_from([1.0, 2.5])),
    st.integers(1, 6),
)
def test_scores_are_those_of_the_formula(reader: Any, terms: dict[str, float], top: int) -> None:
    expected = sorted(by_hand(terms).items(), key=lambda pair: (-pair[1], pair[0]))[:top]
    found = Ranker(reader, {"body": 1.0}).best(terms, top)
    assert [score for _, score in found] == pytest.approx([score for _, score in expected], abs=1e-4)
    assert {int(reader.stored_fields(n)["n"]) for n, _ in found} <= by_hand(terms).keys()


def test_only_documents_of_one_kind(reader: Any) -> None:
    found = Ranker(reader, {"body": 1.0}).best({"queue": 1.0}, 10, ("kind", "short"))
    assert [int(reader.stored_fields(n)["n"]) for n, _ in found] == [1]


def test_the_same_answer_with_no_room_to_remember_terms(reader: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    roomy = Ranker(reader, {"body": 1.0})
    monkeypatch.setattr(ranking, "KEPT", 1)
    tight = Ranker(reader, {"body": 1.0})
    for terms in (["queue", "port"], ["job"], ["queue", "port", "job"]):
        equal = dict.fromkeys(terms, 1.0)
        assert tight.best(equal, 5) == roomy.best(equal, 5)
