"""Units are verbatim stretches of a passage, cut where a reader of English or Japanese would cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.sentences import LONGEST_UNIT, sentences, units

PIECES = [
    "e.g. ",
    "v2.1",
    ". ",
    "。",
    "「",
    "」",
    "\n",
    "\n\n",
    " | ",
    "- ",
    "1. ",
    "    ",
    "```",
    "Port",
    "です",
    "！",
    ": ",
    "\t",
    "（",
    "）",
]
TEXTS = st.one_of(st.text(max_size=300), st.lists(st.sampled_from(PIECES), max_size=60).map("".join))


def quotes(text: str) -> list[str]:
    return [text[start:end] for start, end in sentences(text)]


@given(TEXTS)
def test_units_lie_in_order_within_the_text_without_overlap(text: str) -> None:
    at = 0
    for unit in units(text):
        assert at <= unit.start < unit.end <= len(text)
        at = unit.end


@given(TEXTS)
def test_units_have_no_white_space_around_them_and_are_never_too_long(text: str) -> None:
    for unit in units(text):
        quote = text[unit.start : unit.end]
        assert quote == quote.strip()
        assert unit.kind in {"code", "row", "header"} or len(quote) <= LONGEST_UNIT


@given(TEXTS)
def test_sentences_lose_nothing_but_white_space(text: str) -> None:
    assert "".join("".join(quotes(text)).split()) == "".join(text.split())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Stop it. Start it.", ["Stop it.", "Start it."]),
        ("Use a file, e.g. jp1hosts2, here. Done.", ["Use a file, e.g. jp1hosts2, here.", "Done."]),
        ("That is, i.e. The Manager, all. Done.", ["That is, i.e. The Manager, all.", "Done."]),
        (
            "Since v2.1 the file jp1base.conf holds 3.5 MB. Good.",
            ["Since v2.1 the file jp1base.conf holds 3.5 MB.", "Good."],
        ),
        ("See Fig. 3 and No. 5. Then go on.", ["See Fig. 3 and No. 5.", "Then go on."]),
        ("Stop jobs, queues, etc. Then restart.", ["Stop jobs, queues, etc.", "Then restart."]),
        ('He said "Stop it." Then he left!', ['He said "Stop it."', "Then he left!"]),
        ("起動する。停止する。", ["起動する。", "停止する。"]),
        ("「起動する。」と出たら待つ。次に進む。", ["「起動する。」と出たら待つ。", "次に進む。"]),
        ("終わりましたか？はい！では次です", ["終わりましたか？", "はい！", "では次です"]),
        ("値は3．5です．次です．", ["値は3．5です．", "次です．"]),
        ("JP1/Base v2.1を使う。", ["JP1/Base v2.1を使う。"]),
    ],
)
def test_sentences_end_where_a_reader_would_end_them(text: str, expected: list[str]) -> None:
    assert quotes(text) == expected


def test_a_wrapped_line_does_not_end_a_sentence() -> None:
    text = "The event service accepts connections on\nthe port that is named in the services file. It is TCP."
    assert [text[unit.start : unit.end] for unit in units(text)] == [
        "The event service accepts connections on\nthe port that is named in the services file.",
        "It is TCP.",
    ]


def test_a_table_row_is_a_unit_with_its_header_as_context() -> None:
    text = "Ports of the product:\n\nPort | Use\n20243/tcp | manager\n20098/tcp | events"
    rows = [unit for unit in units(text) if unit.kind == "row"]
    assert [(text[row.start : row.end], row.context) for row in rows] == [
        ("20243/tcp | manager", "Port | Use"),
        ("20098/tcp | events", "Port | Use"),
    ]


def test_rows_of_a_cut_table_take_the_header_from_the_passage() -> None:
    cut = units("20243/tcp | manager\n20098/tcp | events", context="Table 1\nPort | Use")
    assert {unit.context for unit in cut} == {"Table 1\nPort | Use"}


def test_each_list_item_is_a_unit() -> None:
    text = "- Stop the service.\n- Wait. It may\n  take long.\n- Start it."
    assert [text[unit.start : unit.end] for unit in units(text)] == [
        "- Stop the service.",
        "- Wait. It may\n  take long.",
        "- Start it.",
    ]


def test_a_definition_stays_with_its_term() -> None:
    text = "STARTMODE: the start mode that is always used. Set it with jajs_config."
    (unit,) = units(text)
    assert (unit.kind, text[unit.start : unit.end]) == ("definition", text)


def test_a_long_definition_is_cut_by_sentence_and_keeps_its_term_as_context() -> None:
    text = "STARTMODE: the start mode. " + "It is read whenever the service starts on this host. " * 10
    cut = units(text)
    assert len(cut) == 11
    assert {unit.context for unit in cut[1:]} == {"STARTMODE"}


def test_a_term_above_its_description_becomes_its_context() -> None:
    text = "-F service-name\n\nNames the scheduler service. It takes 1 to 30 bytes."
    assert [unit.context for unit in units(text)] == ["", "-F service-name", "-F service-name"]


def test_a_short_code_block_is_one_unit() -> None:
    text = "Run:\n\n    $ jajs_spmd_stop\n    $ jajs_spmd_status"
    code = [unit for unit in units(text) if unit.kind == "code"]
    assert [text[unit.start : unit.end] for unit in code] == ["$ jajs_spmd_stop\n    $ jajs_spmd_status"]
