"""An option is supported by units that hold its words and the question's; the order of the options does not matter."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from agent.option_support import FEATURES, WEIGHTS, claims, support
from agent.records import Question
from index.library import Library
from index.records import Hit
from tests.agent.manuals import library_in

PORT = Question(
    id="port",
    lang="en",
    level="engineer",
    question="Which port does the viewer use to reach the manager?",
    options=("20241/tcp", "20244/tcp", "20098/tcp", "22/tcp"),
    answer=1,
)


@pytest.fixture(scope="module")
def hits(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Hit]]:
    with library_in(tmp_path_factory.mktemp("manuals")) as library:
        yield searched(library, PORT)


def searched(library: Library, question: Question) -> list[Hit]:
    return library.search(f"{question.question} {' '.join(question.options)}")


def test_the_option_that_stands_with_the_question_s_words_has_the_greatest_share(hits: list[Hit]) -> None:
    supported = support(PORT, [hits])
    assert int(supported.options().argmax()) == PORT.answer
    assert np.exp(supported.options()).sum() == pytest.approx(1.0)
    assert "20244/tcp" in supported.evidence(PORT.answer, 1)[0].quote


def test_options_in_another_order_have_the_same_shares(hits: list[Hit]) -> None:
    turned = replace(PORT, options=(*PORT.options[1:], PORT.options[0]), answer=0)
    shares = support(PORT, [hits]).options()
    assert support(turned, [hits]).options() == pytest.approx(np.roll(shares, -1))


def test_the_units_that_the_model_reads_are_the_weightiest_and_share_all_their_weight(hits: list[Hit]) -> None:
    supported = support(PORT, [hits])
    units, parts = supported.weightiest(2)
    assert len(units) == 2
    assert sum(parts) == pytest.approx(1.0)
    assert parts[0] >= parts[1]
    every, _ = supported.weightiest(len(supported.units))
    assert every[:2] == units


def test_a_number_within_a_name_does_not_support_an_option_that_is_this_number(hits: list[Hit]) -> None:
    units, seen = claims(replace(PORT, options=("20244", "2024", "244", "7")), [hits])
    at = next(at for at, unit in enumerate(units) if "20244/tcp" in unit.quote)
    assert seen[at, :, FEATURES.index("whole")].tolist() == [1.0, 0.0, 0.0, 0.0]
    assert seen[at, 1:, FEATURES.index("option")].tolist() == [0.0, 0.0, 0.0]


def test_what_two_searches_found_is_weighed_once(hits: list[Hit]) -> None:
    once, twice = support(PORT, [hits]), support(PORT, [hits, hits])
    assert len(twice.units) == len(once.units)
    assert twice.options() == pytest.approx(once.options())


def test_without_a_hit_all_options_are_alike_and_nothing_is_read() -> None:
    supported = support(PORT, [[]])
    assert supported.options() == pytest.approx(np.full(4, np.log(0.25)))
    assert supported.weightiest(2) == ((), ())
    assert supported.evidence(0, 2) == ()


def test_each_feature_has_its_weight() -> None:
    assert len(WEIGHTS) == len(FEATURES)
