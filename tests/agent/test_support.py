"""What may be shown of a model's sentence: real outputs of the starter and of Gemma-3-270M, judged by hand."""

# ruff: noqa: E501 - an output a line
from __future__ import annotations

from dataclasses import replace

import pytest

from agent.records import Evidence
from agent.support import adds_nothing, fault, repeats, strays, unheld
from agent.wording import without_lead, without_mark
from tests.agent.test_prompts import evidence

PORT = evidence(
    "- In AJS3 v12, the manager sends job execution requests to the agent through port 20242/tcp (jp1ajs2qagt)."
)
QUEUE = evidence(
    "A queued job goes from Waiting to execute to Now queuing and then to Now running or Failed to start (AJS3 v12).",
    ("Jobs stay in Now queuing",),
)
COMMENT = evidence("- In a unit definition file, a comment stands between /* and */ (AJS3 v9 to v12).", ("Comments",))
DASHBOARD = evidence(
    '- In the Job Portal dashboard of AJS3 v13, "Killed" and "Failed to start" count as "Ended abnormally".',
    ("Statuses that are easy to misplace",),
)
UNEXECUTED = evidence(
    "Not executed + Ended | unexec | The unit never ran because the unit before it ended abnormally.",
    ("Statuses",),
    "Status | Short name | Meaning",
)
START_DAY = evidence("- In AJS3 v12, Registered day is the default start-day type of a schedule rule.", ("Start day",))
HOST = evidence("KAVT8511-E means that user mapping on the agent host failed (AJS3 v13).", ("KAVT8511-E",))
OWNER = evidence(
    "- If Executed by of a unit is User who owns, only JP1_AJS_Admin or the owner of the unit may modify the unit.",
    ("Units",),
)
RELEASE = evidence(
    "- The release that failed with KAVV2120-E has to be cancelled before the release entry is done again."
)
LOGS = evidence("This port can be changed with the StoragePort parameter. slurmdbd listens on port 6819.", ("Ports",))
SERVICES = evidence("KAVA4003-E is a message about services in the start sequence of JP1/Base on Windows.")
LOST = evidence("- KAVU4538-W says that a job lost on the agent was set to a recovery status (AJS3 v12).")
BEFORE = evidence("- In AJS3 v10, cancel the registration of jobnets before changing the base day or base time.")
ITEMS = evidence("- AJS3 v12では、起動条件に置けるイベントジョブのアイコンは32個までです。", ("制限",))
OVERWRITE = evidence("- ajsdefine -fは、同じ名前のユニットを確認なしで上書きします（AJS3 v9～v12）。", ("上書き",))
SCHEDULE = evidence("- ajsscheduleコマンドは、ルートジョブネットの指定した期間の実行予定を算出します（AJS3 v12）。")
REPORT = evidence(
    "20245/tcp | jp1ajs2report | マネージャーや連携プログラムの間でジョブの状態通知を送ります。",
    ("ポート",),
    "ポート | サービス名 | 用途",
)
LEAVE = evidence("ajsleaveコマンドは、ジョブネットの実行登録を解除します。", ("ajsleave",))
ATTRIBUTE = evidence("- 起動条件には、保留属性とリカバリー属性を設定できません。", ("制限",))

SHOWN = [
    (PORT, "which port for job execution requests", "The manager sends job execution requests to the agent through port 20242/tcp (jp1ajs2qagt)"),
    (PORT, "which port for job execution requests", "In AJS3 v12, the manager sends job execution requests to the agent through port 20242/tcp."),
    (DASHBOARD, "killed - which group on the job portal dashboard", 'In the Job Portal dashboard of AJS3 v13, "Killed" and "Failed to start" count as "Ended abnormally".'),
    (UNEXECUTED, 'job shows "Not executed + Ended", why did it never run', "The unit never ran because the unit before it ended abnormally."),
    (START_DAY, "default start-day type of a schedule rule", "In AJS3 v12, Registered day is the default start-day type of a schedule rule."),
    (RELEASE, "KAVV2120-E, what must I do first", "The release that failed with KAVV2120-E must be cancelled before the release entry is done again."),
    (BEFORE, "do i have to unregister before i change the base day", "Before changing the base day or base time, cancel the registration of jobnets."),
    (ITEMS, "起動条件にイベントジョブ何個置けますか", "起動条件にイベントジョブのアイコンは32個まで置けます。"),
    (ITEMS, "起動条件にイベントジョブ何個置けますか", "起動条件にイベントジョブのアイコンは三十二個まで置けます。"),
    (LEAVE, "実行登録の解除 コマンド", "ajsleaveコマンドで、ジョブネットの実行登録を解除できます。"),
]  # fmt: skip

MARKED = [
    (HOST, "KAVT8511-E when a job starts on the agent", "AKR13: user mapping on the agent host failed (AJS3 v13)", ["AKR13"]),
    (PORT, "which port for job execution requests", "The manager sends job execution requests to the agent through port 20252/tcp.", ["20252/tcp"]),
    (PORT, "which port for job execution requests", "The manager sends job execution requests to the agent through port ２０２５２.", ["２０２５２"]),
    (ITEMS, "起動条件にイベントジョブ何個置けますか", "起動条件にイベントジョブのアイコンは64個まで置けます。", ["64"]),
    (LEAVE, "実行登録の解除 コマンド", "ajskillコマンドで、ジョブネットの実行登録を解除できます。", ["ajskill"]),
]  # fmt: skip

NOT_SHOWN = [
    (QUEUE, "jobs hang in now queuing", "A queued job goes from Waiting to execute to Now running or Failed to start."),
    (COMMENT, "comment syntax in unit definition file", "In a unit definition file, a comment stands between * and *."),
    (COMMENT, "comment syntax in unit definition file", "AJS3 v9 to v12 to v15"),
    (DASHBOARD, "killed - which group on the dashboard", 'In the Job Portal dashboard of AJS3 v13, "Killed and failed to start" count as "Ended abnormally".'),
    (START_DAY, "default start-day type of a schedule rule", "In AJS3 v12, the default start-day type of a schedule rule is -"),
    (START_DAY, "default start-day type of a schedule rule", "In AJS3 v12, the default start-day type of a schedule rule is a day."),
    (OWNER, "who may change a unit", "AJS3 v12 allows only the owner of the unit to modify the unit (AJS3 v12)."),
    (OWNER, "who may change a unit", "JP1_AJS_Admin or the owner of the unit may modify the unit."),
    (RELEASE, "KAVV2120-E, what must I do first", "I cancelled the release that failed with KAVV2120-E before the release entry is done again."),
    (LOGS, "which port does slurmdbd use", "This port can be changed with the StoragePort parameter."),
    (START_DAY, "default start-day type on z/OS", "In AJS3 v12, Registered day is the default start-day type of a schedule rule."),
    (SERVICES, "KAVA4003-E after i started a service manually", "Service in the start sequence of JP1/Base on Windows."),
    (PORT, "which port for job execution requests", "The agent sends job execution requests to the manager through port 20242/tcp (jp1ajs2qagt)"),
    (LOST, "KAVU4538-W - was the job lost?", "KAVU4538-W - was the job lost on the agent was set to a recovery status"),
    (LEAVE, "実行登録の解除 コマンド", "ajsleaveコマンドは、ジョブネットの実行登録を解除します（AJS3 v13。"),
    (OVERWRITE, "同名ユニットを確認なしで上書きしたい", "ajsdefine -fで、同じ名前のユニットを確認します。"),
    (SCHEDULE, "先の予定を期間指定で出すコマンドは", "AJS3 v12で、ルートジョブネットの指定した期間の実行予定を算出できます。"),
    (REPORT, "20245/tcpは何に使ってますか", "20245/tcpで、JP1ajs2reportにジョブの状態通知を送ります。"),
    (REPORT, "20245/tcpは何に使ってますか", "20245/tcp | jp1ajs2report"),
    (ATTRIBUTE, "起動条件に保留属性は付けられますか", "起動条件には、保留属性とリカバリー属性を設定できます。"),
    (ATTRIBUTE, "起動条件に保留属性は付けられますか", "リカバリー属性は、起動条件に保留属性とリカバリー属性を付けられます。"),
    (LEAVE, "実行登録の解除 コマンド", "A paused job keeps its place in the queue but is not started."),
    (ITEMS, "起動条件にイベントジョブ何個置けますか", "AJS3 v12"),
    (ITEMS, "起動条件にイベントジョブ何個置けますか", "起動条件にイベントジョブ"),
]  # fmt: skip


def judged(seen: Evidence, question: str, sentence: str) -> tuple[str | None, list[str]]:
    """Why an untuned model's sentence is refused, and what is marked in it."""
    bare = [replace(seen, quote=without_mark(seen.quote))]
    marked = unheld(sentence, bare, question)
    why = fault(sentence, marked, bare, question) or strays(sentence, bare[0], question, marked)
    if why is None and (repeats(sentence, "", bare) or adds_nothing(sentence, question)):
        why = "nothing new"
    return why, [one.text for one in marked]


@pytest.mark.parametrize(("seen", "question", "sentence"), SHOWN)
def test_what_says_the_quote_again_is_shown(seen: Evidence, question: str, sentence: str) -> None:
    assert judged(seen, question, sentence) == (None, [])


@pytest.mark.parametrize(("seen", "question", "sentence", "marked"), MARKED)
def test_one_name_or_figure_that_is_another_is_marked(
    seen: Evidence, question: str, sentence: str, marked: list[str]
) -> None:
    assert judged(seen, question, sentence) == (None, marked)


@pytest.mark.parametrize(("seen", "question", "sentence"), NOT_SHOWN)
def test_what_says_something_else_is_not_shown(seen: Evidence, question: str, sentence: str) -> None:
    assert judged(seen, question, sentence)[0] is not None


@pytest.mark.parametrize(
    ("claim", "basis"),
    [
        ("version 12", "AJS3 v12"),
        ("v12", "version 12"),
        ("1024 files", "1,024 files"),
        ("port 20242", "20242/tcp"),
        ("20242/tcp", "port 20242"),
        ("C:\\ProgramData\\log\\", "C:\\ProgramData\\log"),
        ("ＡＪＳ3", "AJS3"),
        ("2,879分", "２，８７９分"),
        ("three ways", "3 ways"),
        ("Use ajsplan -h to hold.", "ajsplan -h holds a unit."),
    ],
)
def test_the_same_name_or_figure_in_another_form_is_held(claim: str, basis: str) -> None:
    assert unheld(claim, [evidence(basis)], "") == ()


@pytest.mark.parametrize(
    ("claim", "basis", "text"),
    [
        ("--time", "--time-min", "--time"),
        ("-force", "--force", "-force"),
        ("/var/opt", "/var/opt/log", "/var/opt"),
        ("wait 30 minutes", "wait 30 seconds", "30"),
        ("KAVS0273-E", "KAVS0272-E", "KAVS0273-E"),
        ("Run qdelete -f now.", "Run qrelease -f now.", "qdelete"),
        ("Use qdelete to release it.", "Use qrelease to release it.", "qdelete"),
        ("qdeleteコマンドを使います。", "qreleaseコマンドを使います。", "qdelete"),
        ("KeepHours=30", "KeepDays=30", "KeepHours=30"),
    ],
)
def test_another_name_or_figure_is_not(claim: str, basis: str, text: str) -> None:
    assert text in [one.text for one in unheld(claim, [evidence(basis)], "")]


def test_marks_say_where_they_stand() -> None:
    sentence = "Use ２０２５２/tcp and --force."
    (first, second) = unheld(sentence, [PORT], "")
    assert sentence[first.start : first.end] == "２０２５２/tcp"
    assert sentence[second.start : second.end] == "--force"


@pytest.mark.parametrize(
    "sentence",
    [
        "The statuses that are easy to misplace: - Killed jobs count.",
        "Statuses that are easy to misplace: Killed jobs count.",
        "- Killed jobs count.",
        "Killed jobs count.",
    ],
)
def test_a_heading_that_was_copied_before_a_sentence_is_taken_off(sentence: str) -> None:
    assert without_lead(sentence, [DASHBOARD], "killed") == "Killed jobs count."


def test_a_lead_that_says_something_stays() -> None:
    said = "Never do this at night: - stop the service."
    assert without_lead(said, [DASHBOARD], "killed") == said
