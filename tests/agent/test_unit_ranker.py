"""What is seen of units, the ranker over it, and the kind of answer a question wants."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent import unit_ranker
from agent.answer_kinds import wanted
from agent.terms import terms
from agent.unit_features import FEATURES, PASSAGES, matrix, rarity, read_units
from agent.unit_ranker import Ranker, probabilities, shipped
from index.library import Library
from index.records import Hit, Passage
from tests.agent.manuals import library_in

SCORES = st.lists(st.floats(-50, 50), min_size=1, max_size=30).map(np.array)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    with library_in(tmp_path_factory.mktemp("manuals")) as opened:
        yield opened


def hit(text: str, context: str = "") -> Hit:
    passage = Passage(1, 1, 1, "Manual", "page.md", ("Title",), None, None, 0, len(text), text, context, "en")
    return Hit(passage, 1.0, 1.0, None)


def test_units_are_read_from_the_first_hits_alone_and_in_order(library: Library) -> None:
    hits = library.search("Which port does the viewer use to reach the manager?", 10)
    read = read_units(hits)
    assert [one.rank for one in read] == sorted(one.rank for one in read)
    assert {one.hit.passage.id for one in read} == {one.passage.id for one in hits[:PASSAGES]}
    assert all(one.quote == one.hit.passage.text[one.unit.start : one.unit.end] for one in read)


@given(question=st.text(min_size=1, max_size=60), text=st.text(min_size=1, max_size=300), context=st.text(max_size=40))
def test_every_text_gives_a_finite_row_for_each_unit(question: str, text: str, context: str) -> None:
    asked, read = terms(question), read_units([hit(text, context)])
    if not asked or not read:
        return
    seen = matrix(question, read, rarity(asked, read), "en")
    assert seen.shape == (len(read), len(FEATURES))
    assert np.isfinite(seen).all()
    assert np.isfinite(shipped().scores(seen)).all()


@given(SCORES)
def test_probabilities_are_those_of_rivals_and_leave_something_for_none(scores: np.ndarray) -> None:
    found = probabilities(scores)
    assert ((found >= 0) & (found <= 1)).all()
    assert found.sum() <= 1 + 1e-9
    assert (np.diff(found[np.argsort(scores)]) >= 0).all()


def test_a_higher_bar_for_an_answer_leaves_less_for_every_unit() -> None:
    held = shipped()
    seen = np.random.default_rng(0).normal(size=(5, len(FEATURES)))
    wary = Ranker(held.hidden, held.bias, held.out, held.direct, held.none + 1)
    assert (wary.probabilities(seen) < held.probabilities(seen)).all()


def test_numbers_that_were_fitted_on_other_features_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = json.loads(unit_ranker.DATA.read_text(encoding="utf-8"))
    other = tmp_path / "ranker.json"
    other.write_text(json.dumps(held | {"features": held["features"][1:]}), encoding="utf-8")
    monkeypatch.setattr(unit_ranker, "DATA", other)
    with pytest.raises(ValueError, match="fitted on other features"):
        shipped.__wrapped__()


@pytest.mark.parametrize(
    ("question", "holds", "lacks"),
    [
        ("When was it released?", "It was released in 1998.", "It was released by the vendor."),
        ("How many jobs run at once?", "Up to 50 jobs run.", "Jobs run at once if they can."),
        ("Which port is used?", "It listens on 20243.", "It listens on a port."),
        ("Why is it refused?", "It is refused because the user is unknown.", "It is refused."),
        ("Who may release a job?", "The Operator may release it.", "nobody may release it."),
        ("いつ発売されましたか", "1998年に発売されました。", "発売されました。"),
        ("何人が住んでいますか", "約3000人が住んでいます。", "多くの人が住んでいます。"),
        ("なぜ拒否されますか", "権限がないためです。", "拒否されます。"),
        ("どこにありますか", "東京都にあります。", "すぐ近くにあります。"),
    ],
)
def test_an_answer_of_the_kind_asked_for_is_told_from_none(question: str, holds: str, lacks: str) -> None:
    assert wanted(question).found_in(holds) == 1.0
    assert wanted(question).found_in(lacks) == -1.0


def test_what_the_question_says_itself_is_no_answer() -> None:
    assert wanted("Which command goes with -h?").named_in("Give it -h.") == -1.0
    assert wanted("Which command goes with -h?").named_in("Give ajs_stop -h.") == 1.0


def test_a_question_of_no_kind_tells_nothing() -> None:
    assert wanted("job status").found_in("The status is 5.") == 0.0
    assert wanted("job status").named_in("KAVS0243-E") == 0.0


def test_the_counter_that_is_asked_for_counts() -> None:
    asked = wanted("何人が住んでいますか")
    assert asked.counted_in("3000人") == 1.0
    assert asked.counted_in("3000年") == -1.0
