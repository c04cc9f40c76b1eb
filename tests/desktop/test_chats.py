"""Conversations on disk: safe turn by turn, returned as they were, deleted only for good when purged."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.records import Answer, Citation, Seconds, Step, Tokens, Unsupported
from desktop.chats import Chats
from desktop.database import MIGRATIONS, Database, DataDamaged, DataNewer
from index.records import Hit, Passage

WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
HEADING = st.lists(WORDS, max_size=3).map(tuple)
PAGE = st.none() | st.integers(1, 9999)
CITATIONS = st.builds(
    Citation, WORDS, WORDS, HEADING, PAGE, WORDS, st.integers(0, 10**6), st.integers(0, 10**6), st.integers(1, 10**6)
)
PASSAGES = st.builds(
    Passage,
    *(st.integers(1, 10**6),) * 3,
    WORDS,
    WORDS,
    HEADING,
    st.none() | WORDS,
    PAGE,
    st.integers(0, 99),
    st.integers(0, 99),
    WORDS,
    WORDS,
    st.sampled_from(["en", "ja"]),
)
UNIT = st.floats(0, 1)
ANSWERS = st.builds(
    Answer,
    question=WORDS,
    text=WORDS,
    abstained=st.booleans(),
    language=st.sampled_from(["en", "ja"]),
    citations=st.lists(CITATIONS, max_size=3).map(tuple),
    steps=st.lists(st.builds(Step, WORDS, WORDS, WORDS), max_size=2).map(tuple),
    nearest=st.lists(st.builds(Hit, PASSAGES, UNIT, UNIT, st.none() | UNIT), max_size=2).map(tuple),
    seconds=st.builds(Seconds, UNIT, UNIT, UNIT, UNIT, UNIT),
    tokens=st.builds(Tokens, *(st.integers(0, 10**6),) * 3),
    model=WORDS,
    phrased=st.booleans(),
    cancelled=st.booleans(),
    unsupported=st.lists(st.builds(Unsupported, st.integers(0, 99), st.integers(0, 99)), max_size=3).map(tuple),
    problem=WORDS,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "chats.sqlite"


@pytest.fixture
def chats(path: Path):  # type: ignore[no-untyped-def]
    database = Database(path)
    yield Chats(database)
    database.close()


@settings(max_examples=60, deadline=None)
@given(answer=ANSWERS)
def test_an_answer_comes_back_exactly_as_it_was_given(answer: Answer, tmp_path_factory: pytest.TempPathFactory) -> None:
    database = Database(tmp_path_factory.mktemp("answers") / "chats.sqlite")
    chats = Chats(database)
    turn = chats.ask("Why?")
    chats.answered(turn.id, answer)
    assert chats.turns(turn.conversation_id)[0].answer == answer
    database.close()


def test_an_answer_saved_before_there_were_marks_is_read(chats: Chats, path: Path) -> None:
    turn = chats.ask("Why?")
    answer = Answer("Why?", "Because. [1]", False, "en", (), (), (), Seconds(), Tokens(), "m", phrased=True)
    chats.answered(turn.id, answer)
    with sqlite3.connect(path) as connection:
        (text,) = connection.execute("SELECT answer FROM turn").fetchone()
        older = {key: value for key, value in json.loads(text).items() if key not in ("unsupported", "problem")}
        connection.execute("UPDATE turn SET answer = ?", (json.dumps(older),))
    assert chats.turns(turn.conversation_id)[0].answer == answer


def test_a_question_is_on_disk_before_its_answer(chats: Chats, path: Path) -> None:
    chats.ask("What does relq do?")
    assert [turn.question for turn in Chats(Database(path)).turns(1)] == ["What does relq do?"]


def test_a_killed_program_loses_no_question(path: Path) -> None:
    code = (
        "import os, sys, pathlib; from desktop.database import Database; from desktop.chats import Chats\n"
        "Chats(Database(pathlib.Path(sys.argv[1]))).ask('Asked before the power went'); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", code, str(path)], check=False, cwd=Path(__file__).resolve().parents[2])
    assert [one.title for one in Chats(Database(path)).conversations()] == ["Asked before the power went"]


def test_the_newest_conversation_stands_first_and_a_title_is_one_line(chats: Chats) -> None:
    chats.ask("First")
    chats.ask("Second\nwith a line break" + "x" * 200)
    titles = [one.title for one in chats.conversations()]
    assert titles[1] == "First"
    assert titles[0].startswith("Second with a line break")
    assert len(titles[0]) == 80


def test_deleting_can_be_undone_until_it_is_purged(chats: Chats) -> None:
    turn = chats.ask("Keep me")
    chats.delete(turn.conversation_id)
    assert chats.conversations() == []
    chats.restore(turn.conversation_id)
    assert len(chats.conversations()) == 1
    chats.delete(turn.conversation_id)
    chats.purge()
    chats.restore(turn.conversation_id)
    assert chats.conversations() == []
    assert chats.turns(turn.conversation_id) == []


def test_a_file_of_a_newer_version_is_left_alone(path: Path) -> None:
    Database(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    with pytest.raises(DataNewer, match="newer version"):
        Database(path)


def test_a_file_that_is_no_database_is_named_with_the_mend(path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.write_bytes(b"not a database at all, but long enough to be looked at" * 20)
    with pytest.raises(DataDamaged, match="move the file away"):
        Database(path)
