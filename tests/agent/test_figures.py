"""Figures compare by what they say, however a manual or a model writes them."""

from __future__ import annotations

import pytest

from agent.figures import figures, held, narrow, units_named


def supported(claim: str, basis: str) -> bool:
    stated = figures(basis)
    return all(held(one, stated, units_named(basis)) for one in figures(claim))


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("up to 1,024 files", ["1024"]),
        ("ports 1,2,3", ["1", "2", "3"]),
        ("最大１，０２４個", ["1024"]),
        ("twenty-four hours", ["24"]),
        ("one hundred and five jobs", ["105"]),
        ("二千五百人", ["2500"]),
        ("1万件", ["10000"]),
        ("三つの方法", ["3"]),
        ("version 12.1 on 192.168.0.1", ["12.1", "192.168.0.1"]),
        ("at 09:30", ["9:30"]),
        ("return code -1", ["-1"]),
        ("5-10 jobs on 2022/12/31", ["5", "10", "2022", "12", "31"]),
        ("20242/tcp", ["20242"]),
    ],
)
def test_a_figure_has_one_value_however_it_is_written(text: str, values: list[str]) -> None:
    assert [one.value for one in figures(text)] == values


@pytest.mark.parametrize(
    "text", ["AJS3 v12", "KAVS0272-E", "十分な一覧を統一する", "一般の万一", "sha256sum", "the tension"]
)
def test_a_sign_within_a_name_or_word_is_no_figure(text: str) -> None:
    assert figures(text) == []


@pytest.mark.parametrize(
    ("claim", "basis"),
    [
        ("30 days", "thirty days"),
        ("thirty days", "30 days"),
        ("30分", "1,800 seconds"),
        ("waits 10 s", "waits ten seconds"),
        ("60 minutes", "1 hour"),
        ("5MB", "5 megabytes"),
        ("30 seconds", "Timeout (seconds) | 30"),
        ("３０秒", "三十秒"),
        ("三十日", "30日"),
        ("100 %", "100 percent"),
    ],
)
def test_the_same_quantity_is_held(claim: str, basis: str) -> None:
    assert supported(claim, basis)


@pytest.mark.parametrize(
    ("claim", "basis"),
    [
        ("30 minutes", "30 seconds"),
        ("30 minutes", "30"),
        ("5 GB", "5 MB"),
        ("1025", "1,024"),
        ("12.10", "12.1"),
        ("1", "return code -1"),
        ("two days", "30 days"),
        ("40個", "三十個"),
    ],
)
def test_another_quantity_is_not(claim: str, basis: str) -> None:
    assert not supported(claim, basis)


def test_offsets_are_those_of_the_text_as_it_was_given() -> None:
    text = "最大１，０２４個、二千五百人"
    assert [text[one.start : one.end] for one in figures(text)] == ["１，０２４", "二千五百"]
    assert len(narrow(text)) == len(text)
