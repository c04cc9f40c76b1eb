"""Terms: what a manual writes and what an operator types meet."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.analyzer import is_identifier, normalise, query_language, tokens
from index.whoosh_index import TermTokenizer

ASCII_WORD = st.text("abcdefghijkABCDEFGHIJK0123456789", min_size=2, max_size=8)
IDENTIFIER = st.lists(ASCII_WORD, min_size=1, max_size=4).flatmap(
    lambda parts: st.sampled_from("-_./:").map(lambda joint: joint.join(parts))
)


@pytest.mark.parametrize(
    ("written", "typed"),
    [
        ("KAVS0243-E", "kavs0243-e"),
        ("Message KAVS0243‐E is shown", "KAVS0243-E"),  # a typesetter's hyphen
        ("ＫＡＶＳ０２４３－Ｅ", "KAVS0243-E"),
        ("KAVS0243-E", "KAVS0243"),
        ("use −h or --time-min", "-h"),
        ("use -h or --time-min", "--time-min"),
        ("in /etc/opt/jp1base/conf.", "/etc/opt/jp1base/conf"),
        ("in /etc/opt/jp1base/conf.", "jp1base"),
        ("opens 20243/tcp※1", "20243/tcp"),
        ("opens 20243/tcp①", "20243"),
        ("each job#1 runs", "job"),
        ("RJ45 plug, v2.1", "v2.1"),
        ("set SLURM_CPUS_PER_TASK first", "SLURM_CPUS_PER_TASK"),
        ("JobAcctGatherType", "jobacctgathertype"),
        ("ajsentryコマンドで登録します", "ajsentry"),
        ("ajsentryで-nを使う", "-n"),  # no blank before an option in Japanese
        ("設定は/etc/hostsにあります", "/etc/hosts"),
        ("the jobs are queued", "queue job"),
        ("しきい値を設定する", "値"),
        ("サーバの設定", "ｻｰﾊﾞ"),
        ("waits 1,024 seconds", "1024"),
        ("the job’s state", "job"),
    ],
)
def test_what_is_typed_is_found_in_what_is_written(written: str, typed: str) -> None:
    asked = tokens(typed, query=True)
    assert asked
    assert set(asked) <= set(tokens(written))


def test_an_identifier_is_kept_whole_and_in_parts() -> None:
    assert {"kavs0243-e", "kavs0243", "0243"} <= set(tokens("KAVS0243-E"))
    assert {"slurm_cpus_per_task", "slurm", "task"} <= set(tokens("SLURM_CPUS_PER_TASK"))
    assert {"jobacctgathertyp", "acct", "gather"} <= set(tokens("JobAcctGatherType"))


def test_japanese_is_queried_by_pairs_but_not_of_hiragana_alone() -> None:
    assert tokens("異常終了したとき", query=True) == ["異常", "常終", "終了", "了し"]


def test_a_query_of_stop_words_or_hiragana_alone_still_asks_for_something() -> None:
    assert tokens("to be or not", query=True) == ["to", "be", "or", "not"]
    assert tokens("は", query=True) == ["は"]


def test_stop_words_are_indexed_but_not_asked_for() -> None:
    assert "how" in tokens("how to stop")
    assert tokens("how to stop the service?", query=True) == ["stop", "servic"]


@pytest.mark.parametrize(
    "text", ["KAVS0243-E", "-h", "--time-min", "/etc/hosts", "SLURM_CPUS_PER_TASK", "RJ45", "20243/tcp"]
)
def test_a_name_by_itself_is_an_identifier(text: str) -> None:
    assert is_identifier(text)
    assert is_identifier(f" {text} ")


@pytest.mark.parametrize("text", ["what is -h", "port", "終了コード", "stop the service", ""])
def test_a_question_or_a_plain_word_is_not_an_identifier(text: str) -> None:
    assert not is_identifier(text)


def test_the_query_language_is_japanese_as_soon_as_it_holds_japanese() -> None:
    assert query_language("ajsentry の終了コード") == "ja"
    assert query_language("ｻｰﾊﾞ") == "ja"
    assert query_language("exit code of ajsentry") == "en"


@given(st.text(max_size=200))
def test_normalising_again_changes_nothing(text: str) -> None:
    once = normalise(text)
    assert normalise(once) == once


@given(st.text(max_size=200))
def test_a_query_never_asks_for_what_the_index_of_the_same_text_lacks(text: str) -> None:
    assert set(tokens(text, query=True)) <= set(tokens(text))


@given(st.text("ABab01 -_./:あア値①、。", max_size=60))
def test_terms_are_the_same_however_often_the_text_was_normalised(text: str) -> None:
    assert tokens(normalise(text)) == tokens(text)


@given(
    IDENTIFIER, st.sampled_from([" ", "、", "(", "を", '"', "\n"]), st.sampled_from([" ", "、", ")", "の", '"', "."])
)
def test_an_identifier_is_found_wherever_it_stands(name: str, before: str, after: str) -> None:
    assert set(tokens(name, query=True)) <= set(tokens(f"see{before}{name}{after}\nand more"))


@given(st.lists(ASCII_WORD, min_size=1, max_size=4), st.sampled_from("-_./"))
def test_every_part_of_an_identifier_finds_it(parts: list[str], joint: str) -> None:
    for part in parts:
        assert set(tokens(part, query=True)) <= set(tokens(joint.join(parts)))


def test_whoosh_sees_the_same_terms() -> None:
    text = "ajsentry -h の 値"
    assert [token.text for token in TermTokenizer()(text)] == tokens(text)
