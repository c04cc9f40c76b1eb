"""An exam is scored by what the evidence says for each option's text; a sitting can be cut short and adds up."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.assistant import Assistant
from agent.engine import Engine
from agent.errors import ModelMissing
from agent.exam import result, take, wilson
from agent.models import resolve_model
from agent.records import ExamItem, Question
from index.library import Library
from tests.agent.manuals import library_in

PORT = Question(
    id="port",
    lang="en",
    level="engineer",
    question="Which port does the viewer use to reach the manager?",
    options=("20241/tcp", "20244/tcp", "20098/tcp", "22/tcp"),
    answer=1,
)
RETRY = Question(
    id="retry",
    lang="en",
    level="professional",
    question="How often is a job that ends abnormally retried at most?",
    options=("twice", "at most 12 times", "at most 99 times", "without limit"),
    answer=1,
)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    with library_in(tmp_path_factory.mktemp("manuals")) as opened:
        yield opened


@pytest.fixture(scope="module")
def assistant(library: Library) -> Iterator[Assistant]:
    with Engine(resolve_model("starter")) as engine:
        yield Assistant(library, engine)


def item(question: Question, *, right: bool, searches: int = 1) -> ExamItem:
    chosen = question.answer if right else (question.answer + 1) % 4
    return ExamItem(question.id, chosen, question.answer, right, searches, (), 0.1)


def test_an_exam_without_a_model_says_what_is_missing(library: Library) -> None:
    with pytest.raises(ModelMissing, match="needs a model"):
        take([PORT], Assistant(library, None), "rag")


def test_a_sitting_adds_up_overall_and_by_level() -> None:
    items = [item(PORT, right=True), item(RETRY, right=False, searches=4), item(RETRY, right=True)]
    summed = result([PORT, RETRY, RETRY], items, 3.0)
    assert (summed.n, summed.correct, summed.searches_per_question) == (3, 2, 2.0)
    assert summed.accuracy == pytest.approx(2 / 3)
    assert {level: (one.n, one.correct, one.accuracy) for level, one in summed.by_level.items()} == {
        "engineer": (1, 1, 1.0),
        "professional": (2, 1, 0.5),
    }
    assert summed.ci95 == wilson(2, 3)
    assert result([], [], 0.0).accuracy == 0.0


def test_the_interval_is_wilson_s() -> None:
    low, high = wilson(8, 10)
    assert (round(low, 3), round(high, 3)) == (0.490, 0.943)
    assert wilson(0, 0) == (0.0, 1.0)


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_interval_holds_the_share_and_stays_a_share(counts: tuple[int, int]) -> None:
    low, high = wilson(*counts)
    assert 0.0 <= low <= counts[0] / counts[1] + 1e-9
    assert counts[0] / counts[1] - 1e-9 <= high <= 1.0


@pytest.mark.model
@pytest.mark.parametrize("mode", ["rag", "agent"])
def test_with_the_manuals_the_starter_finds_the_option_and_cites_its_evidence(assistant: Assistant, mode: str) -> None:
    heard: list[ExamItem] = []
    summed = take([PORT, RETRY], assistant, mode, on_item=heard.append)  # type: ignore[arg-type]
    assert list(summed.items) == heard
    assert heard[0].right
    assert all(one.citations and one.searches >= 1 for one in heard)
    assert "20244/tcp" in " ".join(one.quote for one in heard[0].citations)


@pytest.mark.model
def test_the_order_of_the_options_does_not_matter(assistant: Assistant) -> None:
    turned = replace(PORT, options=(*PORT.options[1:], PORT.options[0]), answer=0)
    ((first,), (second,)) = (take([one], assistant, "agent").items for one in (PORT, turned))
    assert PORT.options[first.chosen] == turned.options[second.chosen]


@pytest.mark.model
def test_the_agent_searches_on_while_options_are_close_and_only_then(assistant: Assistant) -> None:
    unclear = replace(RETRY, question="Which is right?", options=("It stops.", "It starts.", "It waits.", "It ends."))
    (decided, close) = take([PORT, unclear], assistant, "agent").items
    assert (decided.searches, close.searches) == (1, 3)
    assert take([unclear], assistant, "rag").items[0].searches == 1


@pytest.mark.model
def test_a_library_that_has_nothing_of_it_leaves_the_model_to_its_memory(assistant: Assistant, tmp_path: Path) -> None:
    with Library.create(tmp_path / "empty") as empty:
        (looked,) = take([RETRY], Assistant(empty, assistant.engine), "agent").items
    (remembered,) = take([RETRY], assistant, "closed").items
    assert (looked.chosen, looked.searches, looked.citations) == (remembered.chosen, 1, ())


@pytest.mark.model
def test_a_closed_exam_neither_searches_nor_cites(assistant: Assistant) -> None:
    (one,) = take([RETRY], assistant, "closed").items
    assert (one.searches, one.citations) == (0, ())


@pytest.mark.model
def test_a_cancelled_exam_returns_what_is_done(assistant: Assistant) -> None:
    heard: list[ExamItem] = []
    summed = take([PORT, RETRY], assistant, "closed", on_item=heard.append, cancelled=lambda: len(heard) == 1)
    assert (summed.n, len(summed.items)) == (1, 1)
