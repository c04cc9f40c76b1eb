"""A follow-up is made whole from what was said, and a question that is whole is left alone."""

from __future__ import annotations

import pytest

from agent.follow_up import made_whole
from agent.records import Turn

START = Turn("How do I start the agent on Windows?", "qagent starts the agent. [1]")
INTERVAL = Turn("Which option of qstat sets the wait?", "The option -t of qstat sets the wait in seconds. [1]")
KILL = Turn("Which command forcibly ends a job?", "qkill forcibly ends a job. [1]")
ERROR = Turn("What does QJM4202-E mean?", "QJM4202-E means that the user may not operate the queue. [1]")
KILL_JA = Turn("ジョブを強制終了するコマンドは？", "qkillは、ジョブを強制終了します。 [1]")
START_JA = Turn("Windowsでエージェントを起動するには？", "サービスから起動します。 [1]")


@pytest.mark.parametrize(
    ("before", "question", "whole"),
    [
        (START, "And on Linux?", "How do I start the agent on Linux?"),
        (START, "what about UNIX", "How do I start the agent on UNIX?"),
        (START, "On AIX?", "How do I start the agent on AIX?"),
        (START, "sorry, on Linux", "How do I start the agent on Linux?"),
        (START, "And how do I stop it?", "How do I stop the agent on Windows?"),
        (ERROR, "QJM4310-I?", "What does QJM4310-I mean?"),
        (ERROR, "and QJM4310-I", "What does QJM4310-I mean?"),
        (Turn("What does qstart -f do?", ""), "-w?", "What does qstart -w do?"),
        (Turn("What does qstart -s all do?", ""), "and -s none?", "What does qstart -s none do?"),
        (Turn("What is port 20243 for?", ""), "20246?", "What is port 20246 for?"),
        (Turn("What is new in version 11?", ""), "and in version 12?", "What is new in version 12?"),
        (Turn("What happens in a warm start?", ""), "And in a hot start?", "What happens in a hot start?"),
        (Turn("Which ports do batch jobs use?", ""), "no, I meant event jobs", "Which ports do event jobs use?"),
        (Turn("Which port does Viewer use?", ""), "No, the Web Console", "Which port does the Web Console use?"),
        (START_JA, "Linuxでは？", "Linuxでエージェントを起動するには?"),
        (START_JA, "UNIXでも同じ？", "UNIXでエージェントを起動するには?"),
        (START_JA, "ごめん、UNIXのほう", "UNIXでエージェントを起動するには?"),
        (START_JA, "それを停止するには？", "Windowsでエージェントを停止するには?"),
        (Turn("QJM4202-Eの意味は？", ""), "QJM4310-Iは？", "QJM4310-Iの意味は?"),
        (Turn("キューレスジョブのポートは？", ""), "いや、イベントジョブです", "イベントジョブのポートは?"),
    ],
)
def test_a_contrast_takes_the_place_of_its_like(before: Turn, question: str, whole: str) -> None:
    assert made_whole(question, [before]) == whole


@pytest.mark.parametrize(
    ("before", "question", "held"),
    [
        (KILL, "Which permission does it need?", ["permission", "qkill"]),
        (KILL, "Who may run that?", ["run", "qkill"]),
        (INTERVAL, "What is the default?", ["default", "qstat", "wait"]),
        (INTERVAL, "what's its default?", ["default", "qstat"]),
        (ERROR, "Why?", ["cause", "QJM4202-E"]),
        (KILL_JA, "それに必要な権限は？", ["権限", "qkill"]),
        (KILL_JA, "このコマンドの権限は？", ["権限", "qkill"]),
        (
            Turn("監視間隔はどのオプションで指定しますか", "-tで指定します。"),
            "デフォルトは？",
            ["デフォルト", "監視間隔"],
        ),
        (Turn("QJM4202-Eとは", ""), "なぜ？", ["QJM4202-E", "原因"]),
    ],
)
def test_pronouns_and_missing_topics_are_named(before: Turn, question: str, held: list[str]) -> None:
    whole = made_whole(question, [before])
    assert all(word in whole for word in held)
    assert "それ" not in whole


@pytest.mark.parametrize("before", [START, KILL, ERROR, KILL_JA])
@pytest.mark.parametrize(
    "question",
    [
        "Where do the archive files of qbackup lie?",
        "Is it possible to start a job twice?",
        "Is there a limit for the size of a log file?",
        "So which port does the archive database use?",
        "How do I confirm that all processes ended?",
        "queue log size limit",
        "What does QJM9999-E mean?",
        "その他のフィルターを含めてフィルターはいくつありますか",
        "認証サーバのポート番号を変更する手順を教えてください",
        "pg_dumpで1テーブルだけ取るには",
        "?",
        "",
    ],
)
def test_a_question_that_is_whole_stays_as_it_is(before: Turn, question: str) -> None:
    assert made_whole(question, [before]) == question


def test_without_history_nothing_is_completed() -> None:
    assert made_whole("And on Linux?", []) == "And on Linux?"


def test_follow_ups_of_follow_ups_are_made_whole_in_turn() -> None:
    history = [START, Turn("And on Linux?", "systemctl starts it. [1]")]
    assert made_whole("And how do I stop it?", history) == "How do I stop the agent on Linux?"


def test_twenty_turns_do_not_add_up() -> None:
    history = [Turn(f"What does QJM42{at:02}-E mean?", f"QJM42{at:02}-E means something. [1]") for at in range(20)]
    assert made_whole("QJM4310-I?", history) == "What does QJM4310-I mean?"
    assert made_whole("Where do the archive files of qbackup lie?", history).startswith("Where do the archive")
