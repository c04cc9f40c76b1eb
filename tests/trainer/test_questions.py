"""Practice questions: by whom they are made, what each is checked for, and what is dropped why."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from agent.bank import load_bank
from agent.prompts import Message
from agent.records import Question
from index.library import Library
from index.records import Passage
from tests.agent.manuals import library_in
from tests.trainer.test_corpus import train
from trainer.corpus import all_sections
from trainer.evidence import Finder, within
from trainer.faults import QuestionsUnusable
from trainer.passage_questions import ask_about
from trainer.question_checks import Dropped, distinct, fault, kind, with_evidence
from trainer.question_records import Practice, load_practice, with_order
from trainer.questions import make_questions
from trainer.row_questions import row_questions
from trainer.run_config import QuestionsSettings, Run, TeacherSettings

OPTIONS = ("Sunday", "Monday", "Friday", "Tuesday")
HELD = "A job in the status Being held is not started until somebody releases it."
ROWS = """# Letters of the queue

| Letter | Meaning |
| --- | --- |
| H | H marks a job that is held. |
| R | R marks a job that is running now. |
| W | W marks a job that waits for its turn. |
| Q | Q marks a job that was queued. |
| E | E marks a job that ended with an error. |
| X | X marks a job that ended with an error. |
| - | The letter is not used. |
"""


def practice(question: str = "When is it?", *, name: str = "p-1", **changes: Any) -> Practice:
    options = changes.pop("options", OPTIONS)
    evidence = changes.pop("evidence", (HELD,))
    asked = Question(id=name, lang="en", level="engineer", question=question, options=options, answer=0, **changes)
    return Practice(asked, evidence, "recorded")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("manuals")
    (place / "en").mkdir()
    (place / "en" / "letters.md").write_text(ROWS, encoding="utf-8")
    for number in range(8):
        text = (
            f"# Agent {number}\n\nAgent {number} runs the jobs of rack {number}. "
            + f"It reports to rack {number}. " * 8
        )
        (place / "en" / f"agent{number}.md").write_text(text, encoding="utf-8")
    library_in(place).close()
    return place / "library"


@pytest.fixture(scope="module")
def library(folder: Path) -> Iterator[Library]:
    with Library.open(folder) as opened:
        yield opened


# Evidence


@pytest.mark.parametrize(
    ("text", "wanted", "found"),
    [
        ("The port is 20098/tcp.", "port  IS 20098/tcp", "port is 20098/tcp"),
        ("Ｐｏｒｔ　２００９８／ｔｃｐ です", "port 20098/tcp", "Ｐｏｒｔ　２００９８／ｔｃｐ"),
        ("a | b\nc | d", "| c | d |", "c | d"),
        ("Use qbackup -o now.", "- Use `qbackup -o` now.", "Use qbackup -o now."),
        ("The port is 20098/tcp.", "port 20098/tcp", None),
        ("anything", "  ", None),
    ],
)
def test_evidence_is_found_whatever_its_white_space_width_and_marks(text: str, wanted: str, found: str | None) -> None:
    assert within(text, wanted) == found


def test_evidence_becomes_the_librarys_own_words_and_names_its_place(library: Library) -> None:
    written = practice(evidence=("a job in the status being held\nis not started until somebody releases it.",))
    checked = with_evidence(written, Finder(library))
    assert isinstance(checked, Practice)
    assert checked.evidence == (HELD,)
    assert checked.question.section == "Status of a job"


@pytest.mark.parametrize("evidence", [("A job is never held.",), (HELD, "Nor this.")])
def test_evidence_that_no_manual_holds_drops_the_question(library: Library, evidence: tuple[str, ...]) -> None:
    dropped = with_evidence(practice(evidence=evidence), Finder(library))
    assert isinstance(dropped, Dropped)
    assert (dropped.reason, dropped.detail) == ("evidence not found", evidence[-1])


# Options


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (OPTIONS, None),
        (("Sunday", "Ｓｕｎｄａｙ", "Friday", "Tuesday"), "options not different"),
        (("Operator1", "OPERATOR1", "operator1", "Operator_1"), None),
        (("12", "Monday", "Friday", "Tuesday"), "right option stands out"),
        (("12", "7 days", "Friday", "Tuesday"), None),
        (("12", "30", "60", "90"), None),
        (("x" * 90, "Monday", "Friday", "Tuesday"), "right option stands out"),
    ],
)
def test_options_differ_and_the_right_one_is_not_known_by_its_looks(
    options: tuple[str, str, str, str], reason: str | None
) -> None:
    wrong = fault(practice(options=options))
    assert (wrong.reason if wrong else None) == reason


@pytest.mark.parametrize(
    ("option", "is_a"), [("20098/tcp", "figure"), ("3 days", "figure"), ("12時間", "figure"), ("QJM4202-E", "name"),
                         ("qbackup -o", "words"), ("1日1回", "words"), ("保留中", "words")],
)  # fmt: skip
def test_the_kind_of_an_option(option: str, is_a: str) -> None:
    assert kind(option) == is_a


def test_another_order_of_the_options_keeps_the_right_one() -> None:
    mixed = with_order(practice(), (2, 3, 0, 1))
    assert mixed.question.options == ("Friday", "Tuesday", "Sunday", "Monday")
    assert mixed.right == "Sunday"


# Likes


LONG = "Which weekday does the scheduler take for the weekly cleaning of old records if nothing else was set by anyone?"


def kept_of(candidates: Sequence[Practice], exam: Sequence[Question] = ()) -> tuple[list[str], list[tuple[str, str]]]:
    kept, dropped = distinct(candidates, exam, 13, 30)
    return [one.question.id for one in kept], [(one.id, one.reason) for one in dropped]


def test_of_two_that_say_the_same_the_first_is_kept() -> None:
    again = practice(LONG.replace("nothing else", "nothing"), name="p-2")
    assert kept_of([practice(LONG), again]) == (["p-1"], [("p-2", "like another question")])


def test_what_asks_alike_for_another_thing_is_another_question() -> None:
    other = practice(LONG.replace("weekly", "daily"), name="p-2", options=("Noon", "Dawn", "Night", "Dusk"))
    named = practice("What does QJM4202-E mean here, please?", name="p-3")
    other_name = practice("What does QJM4203-E mean here, please?", name="p-4")
    assert kept_of([practice(LONG), other, named, other_name]) == (["p-1", "p-2", "p-3", "p-4"], [])


def test_exam_questions_are_kept_out_by_wording_and_by_likeness() -> None:
    exam = practice(LONG, name="exam-1").question
    copied = practice(f"Tell me. {LONG}", name="p-1")
    short = practice("On which weekday are old records cleaned by default?", name="exam-2").question
    like = practice("On which weekday are the old records cleaned by default?", name="p-2")
    assert kept_of([copied, like], [exam, short]) == (
        [], [("p-1", "wording of an exam question"), ("p-2", "like an exam question")],
    )  # fmt: skip


# By rule from rows


def by_rule(library: Library, seed: int = 1, most: int = 1000) -> list[Practice]:
    return row_questions(list(all_sections(library)), most, seed)


def test_a_table_gives_questions_in_its_language_with_its_row_as_evidence(library: Library) -> None:
    made = by_rule(library)
    asked = {(one.question.lang, one.question.question): one for one in made}
    letter = asked["en", 'Letters of the queue: which "Letter" has the "Meaning" "… marks a job that is held."?']
    assert letter.right == "H"
    assert letter.evidence == ("H | H marks a job that is held.",)
    meaning = asked["en", 'Letters of the queue: what does the manual give as "Meaning" of R?']
    assert meaning.right == "… marks a job that is running now."
    assert "-" not in {option for one in made for option in one.question.options}


def test_rows_that_say_the_same_are_not_asked_for(library: Library) -> None:
    for one in by_rule(library):
        assert one.right not in {"E", "X"}
        assert "ended with an error" not in one.question.question


def test_questions_by_rule_pass_the_checks_and_the_same_seed_makes_the_same(library: Library) -> None:
    made, finder = by_rule(library), Finder(library)
    assert made
    for one in made:
        assert fault(one) is None
        assert isinstance(with_evidence(one, finder), Practice)
        others = [option for option in one.question.options if option != one.right]
        assert not any(f"{other} |" in one.evidence[0] for other in others)
    assert by_rule(library) == made
    assert by_rule(library, seed=2) != made
    assert by_rule(library, most=2) == made[:2]


# By a teacher


class Scripted:
    """Replies with what it was given, one after the other; keeps what it was told."""

    name = "scripted"

    def __init__(self, *replies: str, tries: int = 1) -> None:
        self.tries, self.replies, self.told = tries, list(replies), [""]

    def reply(self, messages: Sequence[Message], *, longest: int, attempt: int) -> str:
        self.told.append(messages[-1][1])
        reply = self.replies.pop(0)
        if reply != "RIGHT":
            return reply
        (line,) = [line for line in self.told[-1].splitlines() if line.endswith(". qrelease -r")]
        return f"{line[0]}."


WRITTEN = {
    "question": "With which command is a held job released?",
    "options": ["qrelease -r", "qbackup -o", "qbackup -r", "qrelease -o"],
    "answer": 0,
    "level": "engineer",
    "explanation": "qrelease -r releases it.",
    "evidence": ["Release it with the command qrelease -r."],
}


@pytest.fixture(scope="module")
def passage(library: Library) -> Passage:
    return next(hit.passage for hit in library.search("Being held", 3) if HELD in hit.passage.text)


def test_a_teachers_question_is_read_strictly_and_answered_again_blind(passage: Passage) -> None:
    writer = Scripted(f"Here it is:\n```json\n{json.dumps(WRITTEN)}\n```", "RIGHT")
    made = ask_about(passage, writer, 1)
    assert isinstance(made, Practice)
    assert (made.right, made.made, made.evidence) == ("qrelease -r", "teacher", tuple(WRITTEN["evidence"]))
    _, asked, blind = writer.told
    assert "English" in asked
    assert HELD in blind
    assert '"answer"' not in blind


@pytest.mark.parametrize(
    ("reply", "blind", "reason"),
    [
        ("I can't.", "", "form"),
        (json.dumps({**WRITTEN, "options": ["a", "b", "c"]}), "", "form"),
        (json.dumps({**WRITTEN, "answer": "0"}), "", "form"),
        (json.dumps({**WRITTEN, "answer": 4}), "", "form"),
        (json.dumps({**WRITTEN, "evidence": ["It is released at once."]}), "", "evidence not found"),
        (json.dumps({**WRITTEN, "options": ["qrelease -r"] * 4}), "", "options not different"),
        (json.dumps(WRITTEN), "X", "read otherwise"),
        (json.dumps(WRITTEN), "none of them", "read otherwise"),
    ],
)
def test_what_a_teacher_writes_amiss_is_dropped_by_reason(
    passage: Passage, reply: str, blind: str, reason: str
) -> None:
    made = ask_about(passage, Scripted(reply, blind), 1)
    assert isinstance(made, Dropped)
    assert made.reason == reason


def test_a_teacher_may_try_again(passage: Passage) -> None:
    writer = Scripted("no", json.dumps(WRITTEN), "RIGHT", tries=2)
    assert isinstance(ask_about(passage, writer, 1), Practice)


# The stage


@pytest.fixture
def bank(tmp_path: Path) -> Callable[..., Path]:
    def write(name: str, *questions: dict[str, Any]) -> Path:
        path = tmp_path / name
        rows = [{"lang": "en", "level": "engineer", "options": list(OPTIONS), "answer": 0} | one for one in questions]
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        return path

    return write


def test_the_stage_gathers_checks_and_counts(folder: Path, tmp_path: Path, bank: Callable[..., Path]) -> None:
    recorded = bank(
        "practice.jsonl",
        {"id": "p-1", "question": "What is true of a held job?", "evidence": [HELD], "facts": ["F1"]},
        {"id": "p-2", "question": "What is true of a held job? ", "evidence": [HELD]},
        {"id": "p-3", "question": "What of a lost job?", "evidence": ["Lost jobs are found."]},
        {"id": "p-4", "question": "Which day is it that a held job is let go?", "evidence": [HELD]},
    )
    exam = bank(
        "exam.jsonl",
        {"id": "e-1", "question": "Which day is it that a held job is let go", "split": "exam"},
        {"id": "e-2", "question": "What is true of a held job?", "split": "study"},
    )
    settings = QuestionsSettings(recorded=(recorded,), rows=50)
    run = Run(name="night", out=tmp_path / "out", library=folder, banks=(exam,), questions=settings)
    said: list[str] = []
    figures = make_questions(run, said.append)
    assert figures is not None
    assert figures.dropped == {"like another question": 1, "evidence not found": 1, "like an exam question": 1}
    path = tmp_path / "out" / "questions" / "questions.jsonl"
    assert len(load_bank(path)) == figures.questions == figures.made["recorded"] + figures.made["rows"]
    first = load_practice(path)[0]
    assert (first.question.id, first.facts, first.evidence) == ("p-1", ("F1",), (HELD,))
    assert make_questions(run, said.append) is None
    again = run.model_copy(update={"out": tmp_path / "again"})
    make_questions(again, said.append)
    assert (tmp_path / "again" / "questions" / "questions.jsonl").read_bytes() == path.read_bytes()


def test_practice_without_evidence_is_named(bank: Callable[..., Path]) -> None:
    with pytest.raises(QuestionsUnusable, match="p-9"):
        load_practice(bank("practice.jsonl", {"id": "p-9", "question": "Which?"}))


def test_a_stage_that_was_cut_off_asks_only_about_the_passages_that_are_left(folder: Path, tmp_path: Path) -> None:
    """A real server that goes silent after two passages: the stage stops, and goes on with it back again."""
    asked: list[str] = []
    limit = [2]

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["messages"][-1]["content"]
            status = 200 if len(asked) < limit[0] else 503
            if status == 200:
                asked.append(told)
            text = json.dumps({"choices": [{"message": {"content": "not JSON"}}]}).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    address = f"http://127.0.0.1:{server.server_address[1]}/v1"
    teacher = TeacherSettings(kind="endpoint", address=address, model="m", tries=1, retries=0)
    settings = QuestionsSettings(teacher=teacher, passages=50)
    run = Run(name="night", out=tmp_path / "out", library=folder, questions=settings)
    try:
        with pytest.raises(Exception, match="5 times in a row"):
            make_questions(run, lambda text: None)
        limit[0] = 1000
        said: list[str] = []
        figures = make_questions(run, said.append)
    finally:
        server.shutdown()
        server.server_close()
    assert "2 of" in said[0]
    assert figures is not None
    assert len(asked) == len(set(asked)) == figures.dropped["form"]


def test_the_stages_are_commands(folder: Path, tmp_path: Path) -> None:
    config = tmp_path / "run.toml"
    config.write_text(f'name = "n"\nout = "out"\nlibrary = "{folder}"\n[questions]\nrows = 3\n', encoding="utf-8")
    done = train("questions", config)
    assert done.status == 0, done.err
    assert "3 questions" in done.err
    assert "--ray" in train("trajectories", "--help").out
