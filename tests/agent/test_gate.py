"""The gate lets through what the manuals answer and stops what they don't, with words alone."""

from __future__ import annotations

from collections.abc import Iterator

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


def test_there_is_a_coefficient_for_each_feature_and_case() -> None:
    assert set(COEFFICIENTS) == {(language, cosine) for language in ("en", "ja") for cosine in (False, True)}
    assert {len(numbers) for numbers in COEFFICIENTS.values()} == {1 + len(FEATURES)}
