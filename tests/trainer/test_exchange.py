"""Two options exchanged: the other one becomes right, everywhere and nowhere else."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.records import Question
from trainer.exchange import Exchange, exchange

ASKED = Question(
    id="port",
    lang="en",
    level="engineer",
    question="Which port does the viewer use to reach the manager?",
    options=("20241/tcp", "20244/tcp", "20098/tcp", "22/tcp"),
    answer=1,
)
DECIDES = "The viewer reaches the manager by 20244/tcp; agents use 20241/tcp."


def exchanged(question: Question, *deciding: str, seed: int = 1) -> Exchange | None:
    return exchange(question, deciding, random.Random(seed))


def test_the_other_option_is_right_afterwards() -> None:
    swap = exchanged(ASKED, DECIDES)
    assert swap is not None
    assert swap.question.answer != ASKED.answer
    right = swap.question.options[swap.question.answer]
    assert swap.text(DECIDES).startswith(f"The viewer reaches the manager by {right};")
    assert swap.question.options == ASKED.options


def test_both_names_change_places_at_once() -> None:
    swap = Exchange(ASKED, "Now running", "Ended normally")
    assert swap.text("Now running comes before ended normally.") == "Ended normally comes before Now running."
    assert swap.text(swap.text("Ended normally, Now running")) == "Ended normally, Now running"


@pytest.mark.parametrize(
    ("options", "question", "why"),
    [
        (("20244/tcp", "20244/tcp and 22/tcp", "a", "b"), "Which?", "stands in another option"),
        (("20244/tcp", "20241/tcp", "20098/tcp", "22/tcp"), "Who uses 20244/tcp?", "stands in the question"),
        (("by the reserved port", "20241/tcp", "20098/tcp", "22/tcp"), "Which?", "does not stand in the text"),
        (("by", "20244/tcp by", "by 22/tcp", "by none"), "Which?", "all others hold the right one"),
    ],
)
def test_where_it_is_not_certain_nothing_is_exchanged(
    options: tuple[str, str, str, str], question: str, why: str
) -> None:
    asked = replace(ASKED, options=options, question=question, answer=0)
    assert exchanged(asked, DECIDES) is None, why


def test_a_part_of_a_longer_word_stays() -> None:
    swap = Exchange(ASKED, "ajsrun", "stop")
    assert swap.text("ajsrunner nonstop ajsrun. stop") == "ajsrunner nonstop stop. ajsrun"
    japanese = Exchange(ASKED, "ジョブ", "保留")
    assert japanese.text("ジョブネットのジョブは保留にする。") == "ジョブネットの保留はジョブにする。"


def test_japanese_options_are_exchanged() -> None:
    asked = Question(
        id="ja",
        lang="ja",
        level="engineer",
        question="未登録のジョブネットの状態はどれか。",
        options=("繰り越し未実行", "未計画", "閉塞", "保留中"),
        answer=1,
    )
    swap = exchanged(asked, "「未計画」は実行予定がないことを示す。")
    assert swap is not None
    assert swap.question.options[swap.question.answer] in swap.text("「未計画」は実行予定がないことを示す。")


names = st.text("abcdef019-_", min_size=2, max_size=8).filter(lambda text: text[0].isalnum() and text[-1].isalnum())


@given(st.lists(names, min_size=4, max_size=4, unique=True), st.integers(0, 3), st.integers(0, 9))
def test_a_second_exchange_brings_the_first_back(options: list[str], answer: int, seed: int) -> None:
    one, two, three, four = options
    asked = replace(ASKED, question="Which?", options=(one, two, three, four), answer=answer)
    text = f"It is {options[answer]}, not {options[answer - 1]}, nor {options[answer - 2]}."
    swap = exchange(asked, [text], random.Random(seed))
    if swap is not None:
        assert swap.question.answer != answer
        assert options[swap.question.answer] in swap.text(text)
        assert swap.text(swap.text(text)) == text
