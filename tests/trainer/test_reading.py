"""Practice in reading: files of passages, and what stands before the model."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from agent import exam
from agent.records import Evidence
from tests.trainer.tiny_models import Tiny
from trainer.bases import load_base
from trainer.faults import QuestionsUnusable
from trainer.reading import reading_units
from trainer.reading_records import Passage, load_passages

PASSAGE = {
    "id": "rd-1",
    "lang": "en",
    "units": [
        {"heading": "Retention", "context": "Vault 4", "text": "A full copy is kept for 35 days."},
        {"heading": "Retention", "context": "Vault 4", "text": "A partial copy is kept for 7 days."},
        {"heading": "Retention", "context": "Vault 3", "text": "A full copy is kept for 14 days."},
        {"heading": "Locks", "context": "", "text": "A locked copy is never removed."},
        {"heading": "Log", "context": "", "text": "What was removed stands in purge.log."},
    ],
    "questions": [
        {
            "question": "How long does Vault 4 keep a full copy?",
            "options": ["7 days", "14 days", "35 days", "for ever"],
            "answer": 2,
            "deciding": [0],
        },
        {
            "question": "Which copy is never removed by Vault?",
            "options": ["the oldest", "one that is locked", "a partial one", "none"],
            "answer": 1,
            "deciding": [3],
        },
    ],
}


def file_of(folder: Path, *rows: dict[str, object]) -> Path:
    path = folder / "reading.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_passages_are_read(tmp_path: Path) -> None:
    (passage,) = load_passages(file_of(tmp_path, PASSAGE))
    assert passage.units[2].context == "Vault 3"
    assert passage.questions[0].options[passage.questions[0].answer] == "35 days"
    assert any("purge.log" in text for text in passage.texts())


@pytest.mark.parametrize(
    ("key", "value", "named"),
    [
        ("answer", 4, "questions.0.answer"),
        ("deciding", [5], "deciding unit"),
        ("options", ["a", "a", "b", "c"], "same option twice"),
        ("options", ["a", "b", "c"], "questions.0.options"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(tmp_path: Path, key: str, value: object, named: str) -> None:
    row = json.loads(json.dumps(PASSAGE))
    row["questions"][0][key] = value
    with pytest.raises(QuestionsUnusable, match="line 2") as raised:
        load_passages(file_of(tmp_path, PASSAGE, row))
    assert named in str(raised.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(QuestionsUnusable, match=r"none\.jsonl"):
        load_passages(tmp_path / "none.jsonl")


def test_the_deciding_line_stands_among_as_many_as_an_exam_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    from trainer import reading

    passage = Passage.model_validate(PASSAGE)
    units = tuple(reading.as_evidence(number, line) for number, line in enumerate(passage.units))
    question = reading.as_question(passage, 0, passage.questions[0])
    firsts, answers, counts = set(), set(), set()
    for seed in range(60):
        asked, seen = reading.shown(units, question, (0,), random.Random(seed))
        deciding = [unit for unit in seen if unit.start == 0]
        assert len(deciding) == 1
        # Whichever option is right now, the deciding line says it, and no other line of the same version does
        assert asked.options[asked.answer] in deciding[0].quote
        firsts.add(seen[0].start == 0)
        answers.add(asked.answer)
        counts.add(len(seen))
    assert firsts == {True, False}
    assert answers >= {0, 1, 2}
    assert counts == {exam.JUDGED - 1, exam.JUDGED, exam.JUDGED + 1}
    assert all(isinstance(unit, Evidence) for unit in units)


def test_units_are_the_same_for_the_same_seed(tiny_llama: Tiny) -> None:
    base = load_base(tiny_llama.base)
    passage = Passage.model_validate(PASSAGE)
    first, again = (reading_units(base, [passage], 3) for _ in range(2))
    assert first == again
    assert [one.passage for one in first] == ["rd-1", "rd-1"]
    assert first != reading_units(base, [passage], 4)
    told = base.tokenizer.decode(list(first[0].unit.row.ids[: first[0].unit.row.shared]))
    assert told.startswith("Manual:\nRetention (Vault 4): ") or "Vault" in told
    assert told.rstrip().endswith("Answer:")
