"""Questions with known answers, for the benchmarks of answering, each with the name of the library that answers it.

Comes in: the data files in `../shared/data` (or `$TEBIKI_DATA`), our own questions (own_questions.py), and the domain
pack's questions and exam bank. Goes out: `Asked`s. Half of each set is for fitting; the other only tells what came of
it: by a hash of the paragraph's title, of the question's id, or, in the exam bank, by its own split. The questions of
slurm_dev are never fitted on.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from benchmarks import own_questions
from index.asked import load_asked
from index.records import Language

ROOT = Path(__file__).resolve().parent.parent
PACK = ROOT / "domains" / "jp1"

Half = Literal["tuning", "held"]


class DataMissing(Exception):
    """A data file is not there; the message says where it was looked for."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question to one library, and how to know its answer.

    `answers` are short strings of which one must stand in a right reply (none: the library does not tell); `context` is
    the paragraph or sentence in which the answer stands, white space folded; `source` the page, where that is known.
    """

    set: str
    library: str
    language: Language
    half: Half
    question: str
    answers: tuple[str, ...] = ()
    context: str = ""
    source: str = ""

    @property
    def answerable(self) -> bool:
        """Whether its library tells the answer, by the set's own label."""
        return bool(self.answers or self.context)

    def answered_by(self, text: str) -> bool:
        """Whether `text` holds one of the answers, in any case; without short answers, the deciding sentence or most
        of it."""
        if self.answers:
            return kept_in(self.answers, text)
        return bool(self.context) and any(part in folded(text) for part in _parts(folded(self.context)))


def data_file(name: str) -> Path:
    """A data file by name. Raises DataMissing."""
    path = Path(os.environ.get("TEBIKI_DATA", ROOT.parent / "shared" / "data")) / name
    if not path.is_file():
        raise DataMissing(f"{path} is missing; set TEBIKI_DATA to the folder that holds it.")
    return path


def paragraphs(name: str) -> dict[str, list[str]]:
    """The paragraphs of a file in SQuAD's form (a paragraph a line), by title. Raises DataMissing."""
    titles: dict[str, list[str]] = {}
    for row in _rows(data_file(name)):
        titles.setdefault(str(row["title"]), []).append(str(row["context"]))
    return titles


def paragraph_questions(set_: str, name: str, language: Language) -> list[Asked]:
    """The questions of such a file; all of one title are in the same half. Raises DataMissing."""
    return [
        Asked(set_, set_, language, half_of(row["title"]), one["question"], tuple(one["answers"]),
              " ".join(row["context"].split()))
        for row in _rows(data_file(name)) for one in row["qas"]
    ]  # fmt: skip


def own(set_: str) -> list[Asked]:
    """Our own questions to one manual, each in its three wordings."""
    language = own_questions.OWN[set_].language
    return [
        Asked(f"{set_} {wording}", set_, language, one.half, getattr(one, wording), (), folded(one.evidence),
              sorted(one.sources)[0])
        for one in own_questions.questions(set_) for wording in own_questions.WORDINGS
    ]  # fmt: skip


def slurm_questions(*, reworded: bool = False) -> list[Asked]:
    """Operators' questions to the Slurm manual, terse or as in an exam; those without an answer are not answered by it.

    Raises DataMissing.
    """
    return [
        Asked("slurm-dev" + (" question" if reworded else ""), "own-slurm", "en", "held",
              row["question" if reworded else "free_question"],
              (row["free_answer"], *row["aliases"], row["evidence"]) if row["answer"] is not None else (),
              folded(row["evidence"] or ""), row["source"] or "")
        for row in _rows(data_file("slurm_dev.jsonl"))
    ]  # fmt: skip


def pack_questions(language: Language) -> list[Asked]:
    """The pack's questions as operators type them, to its primer in their language; a third is not answered by it."""
    return [
        Asked(f"pack-{language}", f"pack-{language}", language, half_of(one.id), one.question, one.answers,
              source=f"{one.section}.md" if one.section else "")
        for one in load_asked(PACK / "questions" / f"{language}.jsonl")
    ]  # fmt: skip


def exam_questions(language: Language, *, options: bool = False) -> list[Asked]:
    """The bank's questions to the primer, alone or with their options, as an exam searches. The answer is known by its
    page; `answers` is the right option, which the page may put in other words."""
    return [
        Asked(f"bank-{language}" + (" options" if options else ""), f"pack-{language}", language,
              "tuning" if row["split"] == "study" else "held",
              " ".join((row["question"], *(row["options"] if options else ()))), (row["options"][row["answer"]],),
              source=f"{row['source']['section']}.md")
        for row in _rows(PACK / "bank" / f"{language}.jsonl")
    ]  # fmt: skip


def network_questions() -> list[Asked]:
    """Exam questions on networks, which no manual used here answers. Raises DataMissing."""
    rows = _rows(data_file("opseval_network_en.jsonl"))
    return [Asked("networks", "", "en", half_of(row["id"]), row["question"]) for row in rows]


def half_of(key: str) -> Half:
    """The half to which an id or a title belongs, the same in every run."""
    return "tuning" if hashlib.sha256(key.encode()).digest()[0] % 2 else "held"


def kept_in(answers: Sequence[str], text: str) -> bool:
    """Whether one of the answers stands in `text`, white space folded, in any case."""
    within = folded(text).lower()
    return any(folded(answer).lower() in within for answer in answers)


def folded(text: str) -> str:
    """With each run of white space as one blank."""
    return " ".join(text.split())


def _parts(sentence: str) -> list[str]:
    """The sentence, its first and its last two thirds: a unit may end elsewhere than who labelled it thought."""
    two = 2 * len(sentence) // 3
    return [sentence, sentence[:two], sentence[-two:]]


def _rows(path: Path) -> list[dict]:  # type: ignore[type-arg]
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
