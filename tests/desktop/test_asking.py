"""A question on the terminal: the evidence first, then the model's words with their marks, then what is behind them."""

from __future__ import annotations

import io
import sys
from dataclasses import replace

import pytest

from agent.records import (
    Answer,
    Citation,
    EvidenceFound,
    Reading,
    Searching,
    Seconds,
    Tokens,
    Unsupported,
    Wrote,
)
from desktop.commands.asking import Follower
from desktop.contract import answer_json

CITED = Citation("Night Watch", "ports.html", ("Ports",), None, "It listens on 24680/tcp.", 0, 24, 1)
TEXT = "It listens on 24689/tcp. [1]"
MARK = Unsupported(14, 23)
ANSWER = Answer(
    "Which port?", TEXT, False, "en", (CITED,), (), (), Seconds(), Tokens(), "m", phrased=True, unsupported=(MARK,)
)
QUOTED = replace(ANSWER, text="It listens on 24680/tcp. [1]", phrased=False, unsupported=())


class Terminal(io.StringIO):
    """Both streams of a terminal, in the order in which they are written."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def at_terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """From here on both streams are a terminal's. (Not a fixture: pytest sets the streams anew before each test.)"""
    both = Terminal()
    monkeypatch.setattr(sys, "stdout", both)
    monkeypatch.setattr(sys, "stderr", both)
    return both


def test_evidence_comes_before_the_model_reads_and_its_words_are_marked(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = at_terminal(monkeypatch)
    follow = Follower()
    follow(Searching("Which port?"))
    follow(EvidenceFound((CITED,)))
    seen = terminal.getvalue()
    assert "24680/tcp" in seen
    for event in (Reading(10, 20), Reading(20, 20), Wrote(TEXT[:24], (MARK,)), Wrote(TEXT[24:])):
        follow(event)
    follow.end(ANSWER)
    lines = terminal.getvalue().removeprefix(seen).split("\n")
    assert lines[0].endswith("Reading 20 / 20 tokens")
    assert lines[1:4] == [
        "In the model's words:",
        "It listens on 24689/tcp⟨?⟩. [1]",
        "⟨?⟩ not in the evidence: 24689/tcp. Check the passages before you use it.",
    ]


def test_where_the_words_fail_a_terminal_does_not_say_the_quotes_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = at_terminal(monkeypatch)
    follow = Follower()
    follow(EvidenceFound((CITED,)))
    follow(Wrote(QUOTED.text, phrased=False))
    follow.end(replace(QUOTED, problem="m.gguf is damaged: get it again."))
    shown = terminal.getvalue()
    assert shown.count("24680/tcp") == 1
    assert "The passages above are the answer." in shown
    assert "Without the model's words: m.gguf is damaged: get it again." in shown


def test_a_pipe_gets_the_quotes_on_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    follow = Follower()
    follow(EvidenceFound((CITED,)))
    follow(Wrote(QUOTED.text, phrased=False))
    follow.end(QUOTED)
    said = capsys.readouterr()
    assert said.out.startswith(QUOTED.text)
    assert "24680/tcp" in said.err


def test_an_output_that_can_not_print_the_sign_gets_another(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="cp932"))
    follow = Follower()
    follow(Wrote(TEXT[:24], (MARK,)))
    sys.stdout.flush()
    assert raw.getvalue().decode("cp932") == "It listens on 24689/tcp[?]."


def test_the_json_says_what_is_marked_and_where() -> None:
    assert answer_json(ANSWER)["unsupported"] == [{"text": "24689/tcp", "start": 14, "end": 23}]
    assert answer_json(QUOTED)["unsupported"] == []
    assert answer_json(QUOTED)["problem"] == ""
