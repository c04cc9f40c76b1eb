"""The benchmark of answers judges right and wrong answers as a reader would."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from agent.assistant import Assistant
from benchmarks.answer_cases import Case
from benchmarks.answer_quality import Reply, answered, lost, pasted, row
from benchmarks.question_sets import Asked
from index.library import Library
from tests.agent.manuals import library_in
from tests.agent.test_extractor import QUESTIONS
from tests.agent.test_gate import ABSENT


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    with library_in(tmp_path_factory.mktemp("manuals")) as opened:
        yield opened


def reply(library: Library, question: str, *answers: str, context: str = "", source: str = "") -> Reply:
    asked = Asked("set", "library", "en", "held", question, answers, context, source)
    case = Case(asked, "library", "own", False, tuple(library.search(question, 10)))
    return answered(case, library, Assistant(library, None).ask(question))


def test_an_answer_with_the_short_answer_in_a_quote_is_told_and_cites_the_right_section(library: Library) -> None:
    question, held = QUESTIONS[0]
    judged = reply(library, question, held, context=held)
    assert judged.told
    assert judged.cited[0]
    assert (judged.refused, judged.worded, judged.lost) == (False, False, "")


def test_another_answer_and_another_section_are_not(library: Library) -> None:
    question, _ = QUESTIONS[0]
    judged = reply(library, question, "no manual says this", context="nor this", source="")
    assert not judged.told
    assert not any(judged.cited)
    assert judged.lost == "not found"


def test_a_refusal_is_counted_where_it_belongs(library: Library) -> None:
    question = next(question for question in ABSENT if question.isascii())
    judged = reply(library, question)
    assert judged.refused
    assert judged.lost == ""
    line = row("ours", [judged])
    assert line.endswith("| - | 1.00 (0.21-1.00) |")


def test_the_pasted_passage_is_judged_in_the_same_way(library: Library) -> None:
    question, held = QUESTIONS[0]
    asked = Asked("set", "library", "en", "held", question, (held,), held)
    case = Case(asked, "library", "own", False, tuple(library.search(question, 10)))
    assert pasted(case, library).told
    assert not pasted(Case(asked, "library", "own", False, ()), library).told


def test_where_answers_were_lost_is_counted(library: Library) -> None:
    question, _ = QUESTIONS[0]
    replies = [reply(library, question, "no manual says this") for _ in range(2)]
    assert lost(replies) == "not found 2"
    assert lost([]) == "none"
