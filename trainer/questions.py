"""The stage of practice questions: written beforehand, by a teacher from passages, and by rule from table rows.

Comes in: files, a library, a teacher. Goes out: `questions/questions.jsonl` in the exam bank's form with `evidence`,
and `dropped.jsonl`; what was dropped is counted by reason in the manifest. Every question has four different options of
one kind, evidence that stands in the library, and no like among the others or in the exam split of the run's banks. Cut
off, the stage goes on with the passages that are left.
"""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from agent.bank import load_bank
from agent.records import Question
from index.records import Passage
from trainer.base_files import base_hash
from trainer.cluster import mapped
from trainer.corpus import SectionBlocks, all_sections
from trainer.evidence import Finder
from trainer.faults import QuestionsUnusable, TeacherFailed
from trainer.journal import Journal
from trainer.manifest import file_hash, is_current, text_hash, write_manifest
from trainer.opening import opened_library
from trainer.passage_questions import SHORTEST_PASSAGE, ask_about
from trainer.question_checks import Dropped, distinct, fault, with_evidence
from trainer.question_records import Practice, as_row, load_practice, of_row, write_practice
from trainer.row_questions import row_questions
from trainer.run_config import Run
from trainer.teachers import Writer, writer_of

NAME = "questions.jsonl"
SAY_EVERY = 10.0  # seconds
GIVE_UP = 5  # passages in a row for which the teacher failed


@dataclass(frozen=True, slots=True)
class QuestionsFigures:
    """What the stage made: questions by how they were made and by language, and what was dropped by reason."""

    questions: int
    made: dict[str, int]
    languages: dict[str, int]
    dropped: dict[str, int]


def make_questions(run: Run, say: Callable[[str], None], *, ray: str = "") -> QuestionsFigures | None:
    """Run the stage; None when what is there is current. `ray` is a cluster's address (trainer.cluster).

    Raises BankInvalid and QuestionsUnusable for files out of form, TeacherFailed for a teacher that fails again and
    again, LibraryMissing, ClusterMissing.
    """
    folder = run.out / "questions"
    with opened_library(run) as library:
        sections = [one for one in all_sections(library) if one.section.language in run.corpus.languages]
        inputs = _inputs(run, sections)
        if is_current(folder, inputs):
            say(f"questions: {folder} is current.")
            return None
        candidates = _recorded(run)
        dropped: list[Dropped] = []
        candidates += row_questions(sections, run.questions.rows, run.seed)
        passages = _passages(run, [one for section in sections for one in library.passages_of(section.section.id)])
        with Journal(folder / "done.jsonl", inputs) as journal:
            _ask(run, passages, journal, say, ray)
            for outcome in (_outcome(journal.done[_key(one)]) for one in passages if _key(one) in journal.done):
                if isinstance(outcome, Practice):
                    candidates.append(outcome)
                else:
                    dropped.append(outcome)
            say(f"questions: {len(candidates)} candidates are checked.")
            kept, refused = _checked(run, candidates, Finder(library))
            dropped += refused
            figures = _written(folder, kept, dropped)
            write_manifest(folder, "questions", inputs, asdict(figures))
            journal.remove()
    say(f"questions: {figures.questions} questions in {folder}; {len(dropped)} dropped.")
    for reason, number in sorted(figures.dropped.items()):
        say(f"questions: {number} dropped: {reason}.")
    return figures


def _inputs(run: Run, sections: Sequence[SectionBlocks]) -> dict[str, Any]:
    teacher = run.questions.teacher
    student = teacher is not None and teacher.kind == "student"
    return {
        "library": text_hash(*(one.section.text for one in sections)),
        "banks": [file_hash(bank) for bank in run.banks],
        "recorded": [file_hash(path) for path in run.questions.recorded],
        "teacher": teacher and teacher.model_dump(mode="json", exclude={"timeout", "retries"}),
        "base": base_hash(run) if student else "",
        "passages": run.questions.passages,
        "rows": run.questions.rows,
        "shared": [run.corpus.shared_words, run.corpus.shared_characters],
        "seed": run.seed,
    }


def _recorded(run: Run) -> list[Practice]:
    """The questions of the files. Raises QuestionsUnusable for an id that stands in two of them."""
    found: dict[str, Practice] = {}
    for path in run.questions.recorded:
        for one in load_practice(path):
            if one.question.id in found:
                raise QuestionsUnusable(
                    f"{path}: the id {one.question.id} stands in another file too; give it another."
                )
            found[one.question.id] = one
    return list(found.values())


def _passages(run: Run, passages: Sequence[Passage]) -> list[Passage]:
    """The passages that the teacher is asked about, drawn by the seed."""
    if run.questions.teacher is None:
        return []
    long = [one for one in passages if len(one.text) >= SHORTEST_PASSAGE]
    return random.Random(run.seed).sample(long, min(run.questions.passages, len(long)))


def _ask(run: Run, passages: Sequence[Passage], journal: Journal, say: Callable[[str], None], ray: str) -> None:
    """Put the passages that the journal does not hold to the teacher. Raises TeacherFailed where it fails on and on."""
    left = [one for one in passages if _key(one) not in journal.done]
    if len(left) < len(passages):
        say(f"questions: {len(passages) - len(left)} of {len(passages)} passages were done before.")
    said = time.monotonic()
    failed: list[tuple[str, Dropped]] = []
    in_a_row = 0
    for number, outcome in enumerate(mapped(_Asker(run), left, ray), start=1):
        if isinstance(outcome, Dropped) and outcome.reason == "teacher failed":
            failed.append((_key(left[number - 1]), outcome))
            in_a_row += 1
            if in_a_row == GIVE_UP:
                raise TeacherFailed(f"{outcome.detail} It failed {GIVE_UP} times in a row; what is done is kept.")
        else:
            in_a_row = 0
            journal.add(_key(left[number - 1]), _result(outcome))
        if time.monotonic() - said >= SAY_EVERY:
            said = time.monotonic()
            say(f"questions: {len(passages) - len(left) + number} of {len(passages)} passages.")
    for key, dropped in failed:  # asked again if the stage is cut off before this
        journal.add(key, _result(dropped))


class _Asker:
    """Asks about passages; the teacher is opened at the first one, in whatever process that is."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._open: tuple[ExitStack, Writer] | None = None

    def __call__(self, passage: Passage) -> Practice | Dropped:
        if self._open is None:
            settings = self._run.questions.teacher
            assert settings is not None
            with ExitStack() as stack:
                writer = stack.enter_context(writer_of(settings, self._run.base, self._run.seed))
                self._open = stack.pop_all(), writer
        return ask_about(passage, self._open[1], self._run.seed)

    def close(self) -> None:
        """Give the model back."""
        if self._open is not None:
            self._open[0].close()


def _checked(run: Run, candidates: Sequence[Practice], finder: Finder) -> tuple[list[Practice], list[Dropped]]:
    sound: list[Practice] = []
    dropped: list[Dropped] = []
    for one in candidates:
        wrong = fault(one)
        checked = wrong or with_evidence(one, finder)
        if isinstance(checked, Dropped):
            dropped.append(checked)
        else:
            sound.append(checked)
    kept, like = distinct(sound, _exam(run), run.corpus.shared_words, run.corpus.shared_characters)
    return kept, [*dropped, *like]


def _exam(run: Run) -> list[Question]:
    """The questions that nobody may train on: the exam split; all of a bank that has no splits."""
    return [question for bank in run.banks for question in load_bank(bank) if question.split != "study"]


def _written(folder: Path, kept: Sequence[Practice], dropped: Sequence[Dropped]) -> QuestionsFigures:
    write_practice(folder / NAME, kept)
    beside = folder / "dropped.new"
    lines = (json.dumps(asdict(one), ensure_ascii=False) + "\n" for one in dropped)
    beside.write_text("".join(lines), encoding="utf-8")
    beside.replace(folder / "dropped.jsonl")
    return QuestionsFigures(
        questions=len(kept),
        made=dict(Counter(one.made for one in kept)),
        languages=dict(Counter(one.question.lang for one in kept)),
        dropped=dict(Counter(one.reason for one in dropped)),
    )


def _key(passage: Passage) -> str:
    return f"{passage.manual}|{passage.source}|{passage.start}-{passage.end}"


def _result(outcome: Practice | Dropped) -> dict[str, Any]:
    return {"dropped": asdict(outcome)} if isinstance(outcome, Dropped) else {"made": as_row(outcome)}


def _outcome(result: dict[str, Any]) -> Practice | Dropped:
    return Dropped(**result["dropped"]) if "dropped" in result else of_row(result["made"])
