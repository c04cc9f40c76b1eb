"""Questions with known answers, and libraries that hold them (or do not), for the benchmarks of answering.

Comes in: the data files in `../shared/data` (or `$TEBIKI_DATA`) and cached corpora. Goes out: question records and
opened libraries, built with the program's own importer in a folder that is kept between runs.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from index.importing import import_manuals
from index.library import Library
from index.records import Language

ROOT = Path(__file__).resolve().parent.parent


class DataMissing(Exception):
    """A data file is not there; the message says where it was looked for."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question with its accepted answers (none: no library holds one) and the text in which they stand, if known."""

    question: str
    answers: tuple[str, ...]
    language: Language
    context: str = ""


def data_file(name: str) -> Path:
    """A data file by name. Raises DataMissing."""
    path = Path(os.environ.get("TEBIKI_DATA", ROOT.parent / "shared" / "data")) / name
    if not path.is_file():
        raise DataMissing(f"{path} is missing; set TEBIKI_DATA to the folder that holds it.")
    return path


def paragraphs(name: str, language: Language) -> tuple[list[Asked], dict[str, list[str]]]:
    """The questions of a file of paragraphs (SQuAD's form, a paragraph a line), and the paragraphs by title."""
    questions: list[Asked] = []
    titles: dict[str, list[str]] = {}
    for line in data_file(name).read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        titles.setdefault(row["title"], []).append(row["context"])
        questions += [
            Asked(one["question"], tuple(one["answers"]), language, " ".join(row["context"].split()))
            for one in row["qas"]
        ]
    return questions, titles


def slurm_questions() -> list[Asked]:
    """Free questions on the Slurm manual; those without an answer are not answered by it."""
    rows = [json.loads(line) for line in data_file("slurm_dev.jsonl").read_text(encoding="utf-8").splitlines()]
    return [
        Asked(row["free_question"], (row["free_answer"], *row["aliases"]) if row["answer"] is not None else (), "en",
              row["evidence"] or "")
        for row in rows
    ]  # fmt: skip


def network_questions() -> list[Asked]:
    """Exam questions on networks, which no manual used here answers."""
    rows = [json.loads(line) for line in data_file("opseval_network_en.jsonl").read_text(encoding="utf-8").splitlines()]
    return [Asked(row["question"], (), "en") for row in rows]


def paragraph_library(titles: dict[str, list[str]], folder: Path) -> Library:
    """A library with one page a title and one section a paragraph, made in `folder` unless it is there."""
    pages = folder / "pages"
    pages.mkdir(parents=True, exist_ok=True)
    for number, (title, texts) in enumerate(titles.items()):
        sections = [f"## {title} {at}\n\n{text.strip()}\n" for at, text in enumerate(texts, start=1)]
        (pages / f"{number:03}.md").write_text(f"# {title}\n\n" + "\n".join(sections), encoding="utf-8")
    return library([pages], folder / "library")


def library(paths: Sequence[Path], folder: Path) -> Library:
    """A library of these manuals, made in `folder` unless it is there."""
    import_manuals(folder, paths, progress=lambda progress: None, cancelled=lambda: False)
    return Library.open(folder)


def kept_in(answers: Sequence[str], text: str) -> bool:
    """Whether one of the answers stands in `text`, white space folded."""
    folded = " ".join(text.split())
    return any(" ".join(answer.split()) in folded for answer in answers)
