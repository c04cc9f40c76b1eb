"""The gate lets through what the manuals answer and stops what they don't, with words alone."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import pytest

from agent.extractor import extract
from agent.sufficiency import COEFFICIENTS, ENOUGH, FEATURES
from index.analyzer import query_language
from index.library import Library
from tests.agent.manuals import library_in
from tests.agent.test_extractor import QUESTIONS

ABSENT = [
    "How do I configure a Kubernetes ingress?",
    "What is the capital of Japan?",
    "What does QJM9999-E mean?",
    "Which value has MaxRestartBackoff by default?",
    "クラウド連携の料金はいくらですか？",
    "日本の首都はどこですか？",
    "とは",
]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    with library_in(tmp_path_factory.mktemp("manuals")) as opened:
        yield opened


def figure(library: Library, question: str) -> float:
    return extract(question, library.search(question, 10), language=query_language(question)).sufficiency


@pytest.mark.parametrize("question", [question for question, _ in QUESTIONS])
def test_a_question_that_the_manuals_answer_passes(library: Library, question: str) -> None:
    assert figure(library, question) >= ENOUGH


@pytest.mark.parametrize("question", ABSENT)
def test_a_question_that_they_do_not_answer_is_stopped(library: Library, question: str) -> None:
    assert figure(library, question) < ENOUGH


def test_an_identifier_that_no_manual_holds_lowers_the_figure(library: Library) -> None:
    assert figure(library, "What does QJM9999-E mean?") < figure(library, "What does QJM4202-E mean?")


@pytest.mark.parametrize("name", ["QJM4202-E", "qrelease", "20244/tcp", "qbackup"])
def test_a_name_and_nothing_else_passes_where_a_manual_holds_it(library: Library, name: str) -> None:
    found = extract(name, library.search(name, 10), language=query_language(name))
    assert found.sufficiency >= ENOUGH
    assert name in found.evidence[0].quote


@pytest.mark.parametrize("name", ["QJM9999-E", "20999/tcp", "/var/opt/other/log", "--no-such-option"])
def test_a_name_and_nothing_else_is_stopped_where_none_does(library: Library, name: str) -> None:
    assert figure(library, name) == 0.0


@pytest.mark.parametrize("name", ["qrelease", "20244/tcp"])
def test_a_name_has_no_language(library: Library, name: str) -> None:
    hits = [hit for hit in library.search(name, 10) if hit.passage.language == "ja"]
    assert extract(name, hits, language="en").sufficiency >= ENOUGH


def test_a_long_story_does_not_hide_what_is_asked(library: Library) -> None:
    story = "It is the third night shift this week and the batch of the accounting department is late again. "
    asked = "A job in the status Being held is in the queue. Which command releases it, so that it is started?"
    assert figure(library, story + asked) >= ENOUGH


def test_there_is_a_coefficient_for_each_feature_and_case() -> None:
    both = (False, True)
    assert set(COEFFICIENTS) == {(language, *kind) for language in ("en", "ja") for kind in product(both, both)}
    assert {len(numbers) for numbers in COEFFICIENTS.values()} == {1 + len(FEATURES)}
