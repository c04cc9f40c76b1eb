"""Exam questions that come back in nearly the same words stop the stages; statements and other questions do not."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from agent import prompts
from agent.records import Question
from trainer import corpus, sft
from trainer.contamination import copies, leaks
from trainer.corpus import CorpusDocument, QuestionsLeaked
from trainer.near_duplicates import Asked, as_asked, folded
from trainer.question_records import Practice, write_practice
from trainer.run_config import Run
from trainer.trajectories import Trajectory

EN = Question(
    "e-en", "en", "engineer", "Which command shows the state of the event service of JP1/Base on a UNIX host?",
    ("jevstat", "jevreload", "jevsend", "jevextreg"), 0, split="exam",
)  # fmt: skip
JA = Question(
    "e-ja", "ja", "engineer", "UNIXホストでイベントサービスの稼働状態を確認するコマンドはどれですか。",
    ("jevstatを実行する", "jevreloadを実行する", "jevsendを実行する", "jevextregを実行する"), 0, split="exam",
)  # fmt: skip
# Two words changed each; the options are shuffled below
NEARLY = {
    "en": "Which command displays the state of the event service of JP1/Base on a UNIX machine?",
    "ja": "UNIXマシンでイベントサービスの稼働状況を確認するコマンドはどれですか。",
}


def copy_of(question: Question) -> Question:
    options = question.options[2], question.options[0], question.options[3], question.options[1]
    return replace(question, id="p-7", question=NEARLY[question.lang], options=options, answer=1, split=None)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A run with a bank of the two questions."""
    bank = tmp_path / "bank.jsonl"
    bank.write_text("".join(json.dumps(asdict(one)) + "\n" for one in (EN, JA)), encoding="utf-8")
    for stage in ("questions", "trajectories"):
        (tmp_path / "out" / stage).mkdir(parents=True)
    return Run(name="night", out=tmp_path / "out", library=tmp_path / "library", banks=(bank,))


def talk(question: str, answer: str) -> Trajectory:
    messages = (
        *prompts.fixed_part(examples=False),
        ("user", f"Question: {question}"),
        ("assistant", prompts.turn("The manual says it.", prompts.action("answer", answer))),
    )
    return Trajectory("t-3/answer", "en", "react", "t-3", "recorded", messages, 0, ())


@pytest.mark.parametrize("exam", [EN, JA], ids=lambda one: one.lang)
def test_a_practice_question_nearly_like_an_exam_s_stops_the_stage(run: Run, exam: Question) -> None:
    path = run.out / "questions" / "questions.jsonl"
    near = copy_of(exam)
    assert not list(leaks([(near.id, near.question)], [exam], 13, 30))
    write_practice(path, [Practice(near, ("Told somewhere.",), "recorded")])
    with pytest.raises(QuestionsLeaked) as stopped:
        sft.make_sft(run, lambda said: None)
    message = str(stopped.value)
    assert f"first {exam.id} with p-7 of {path}" in message
    assert near.question.casefold().rstrip("?。") in message


@pytest.mark.parametrize("exam", [EN, JA], ids=lambda one: one.lang)
def test_the_exam_s_question_before_other_options_stops_the_stage(run: Run, exam: Question) -> None:
    near = replace(exam, id="p-8", options=("a b", "c d", "e f", "g h"), question=f"{exam.question[:-1]}:")
    with pytest.raises(QuestionsLeaked, match="with p-8 of"):
        sft.stop_on_leaks(run, [], [Practice(near, ("Told.",), "recorded")])


@pytest.mark.parametrize("exam", [EN, JA], ids=lambda one: one.lang)
def test_a_conversation_about_an_exam_s_question_stops_the_stage(run: Run, exam: Question) -> None:
    near = exam.question.replace("Which command shows", "Which command displays").replace("どれ", "何")
    with pytest.raises(QuestionsLeaked, match=f"{exam.id} with t-3/answer of .*trajectories.jsonl"):
        sft.stop_on_leaks(run, [talk(near, exam.options[0])], [])


@pytest.mark.parametrize(
    ("near", "right"),
    [
        (EN.question.replace("JP1/Base", "JP1/IM2"), "jevstat"),  # names another thing
        ("Which command reloads the settings of the event service of JP1/Base?", "jevreload"),
    ],
)
def test_other_questions_stop_nothing(run: Run, near: str, right: str) -> None:
    at = EN.options.index(right)
    other = replace(EN, id="p-9", question=near, answer=at)
    sft.stop_on_leaks(run, [talk(near, right)], [Practice(other, ("Told.",), "recorded")])
    assert not list(copies([("p-9", as_asked(other))], [EN, JA]))


@pytest.mark.parametrize(
    "text", ["With {} agents, how long is a log kept?", "エージェントが{}台のとき、ログの保存日数は?"]
)
def test_another_figure_makes_another_question(text: str) -> None:
    exam = replace(EN, question=text.format("1,000"))
    assert list(copies([("p", Asked(folded(text.format("1,000"))))], [exam]))
    assert not list(copies([("p", Asked(folded(text.format("2,000"))))], [exam]))


@pytest.mark.parametrize("exam", [EN, JA], ids=lambda one: one.lang)
def test_a_manual_may_state_what_an_exam_asks_but_not_ask_it(run: Run, exam: Question) -> None:
    stated = NEARLY[exam.lang].replace("Which command", "The command jevstat").replace("はどれですか", "はjevstatです")
    page = CorpusDocument("Base", "exercises.md", ("Exercises",), exam.lang, f"Exercises\n\n{stated.replace('?', '.')}")
    corpus.stop_on_leaks(run, [page])
    asking = exam.question.replace("shows", "displays").replace("確認する", "調べる")
    with pytest.raises(QuestionsLeaked, match=f"{exam.id} with exercises.md: Exercises"):
        corpus.stop_on_leaks(run, [replace(page, text=f"Exercises\n\nTry it. {asking}")])
