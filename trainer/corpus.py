"""The first stage: text for continual pre-training. Comes in: a library. Goes out: `corpus/documents.jsonl`.

One section a line. Tables become HTML, as in arXiv 2510.00482, so that rows and header cells stay together. Sections
that say the same (white space and width of characters aside) are taken once, and so are near-duplicates
(trainer/near_duplicates.py). Exam questions in the text stop the run.
"""

from __future__ import annotations

import html
import json
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from agent.bank import load_bank
from index.errors import TebikiError
from index.library import Library
from index.records import Block, Section
from trainer.contamination import copies, leaks
from trainer.manifest import file_hash, is_current, text_hash, write_manifest
from trainer.near_duplicates import asked_in, near_duplicates, stands_alone
from trainer.run_config import CorpusSettings, Run


class QuestionsLeaked(TebikiError):
    """Exam questions stand in the text that would be trained on."""


@dataclass(frozen=True, slots=True)
class SectionBlocks:
    """A stored section with its blocks."""

    section: Section
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class CorpusDocument:
    """One section as it is trained on: its heading path, then its text."""

    manual: str
    source: str
    heading: tuple[str, ...]
    language: str
    text: str


@dataclass(frozen=True, slots=True)
class CorpusFigures:
    """What the stage made: documents, characters, and sections left out as too short, said before, or near-duplicates
    of others."""

    documents: int
    characters: int
    short: int
    repeated: int
    alike: int


def make_corpus(run: Run, say: Callable[[str], None]) -> CorpusFigures | None:
    """Run the stage; None when what is there is current. Raises QuestionsLeaked, LibraryMissing, BankInvalid."""
    folder = run.out / "corpus"
    with Library.open(run.library) as library:
        sections = [one for one in all_sections(library) if one.section.language in run.corpus.languages]
    inputs = {
        "library": text_hash(*(one.section.text for one in sections)),
        "banks": [file_hash(bank) for bank in run.banks],
        "settings": run.corpus.model_dump(mode="json"),
    }
    if is_current(folder, inputs):
        say(f"corpus: {folder} is current.")
        return None
    documents, figures = select(sections, run.corpus)
    stop_on_leaks(run, documents)
    folder.mkdir(parents=True, exist_ok=True)
    write_documents(folder / "documents.jsonl", documents)
    write_manifest(folder, "corpus", inputs, asdict(figures))
    say(f"corpus: {figures.documents} documents, {figures.characters} characters in {folder}.")
    return figures


def all_sections(library: Library) -> Iterator[SectionBlocks]:
    """Every section of the library, manual by manual in reading order."""
    for manual in library.manuals():
        for source in library.sources(manual.id):
            for section in library.sections(manual.id, source):
                yield SectionBlocks(section, library.blocks(section.id))


def select(sections: Sequence[SectionBlocks], settings: CorpusSettings) -> tuple[list[CorpusDocument], CorpusFigures]:
    """The sections worth training on, each once, in the library's order."""
    long = [one for one in sections if len(one.section.text) >= settings.shortest]
    once = list(_once(long, settings))
    alike = _alike(once, settings) if settings.alike else set()
    documents = [_document(one) for at, one in enumerate(once) if at not in alike]
    return documents, CorpusFigures(
        documents=len(documents),
        characters=sum(len(document.text) for document in documents),
        short=len(sections) - len(long),
        repeated=len(long) - len(once),
        alike=len(alike),
    )


def _once(sections: Iterable[SectionBlocks], settings: CorpusSettings) -> Iterator[SectionBlocks]:
    """The sections without those whose text stood before. A text that is short is said again under another heading:
    "Default: 5" is another fact there."""
    seen: set[str] = set()
    for one in sections:
        text = one.section.text
        alone = stands_alone(text, settings.alone_words, settings.alone_characters)
        said = "".join(unicodedata.normalize("NFKC", text).split())
        same = text_hash(said) if alone else text_hash(said, *one.section.heading)
        if same not in seen:
            seen.add(same)
            yield one


def _alike(sections: Sequence[SectionBlocks], settings: CorpusSettings) -> set[int]:
    texts = ((one.section.heading, one.section.text) for one in sections)
    return set(near_duplicates(texts, settings.alone_words, settings.alone_characters))


def _document(one: SectionBlocks) -> CorpusDocument:
    section = one.section
    text = " > ".join(section.heading) + "\n\n" + with_tables_as_html(section.text, one.blocks)
    return CorpusDocument(section.manual, section.source, section.heading, section.language, text)


def with_tables_as_html(text: str, blocks: tuple[Block, ...]) -> str:
    """A section's text with each table block as an HTML table; everything else as it stands."""
    parts: list[str] = []
    at = 0
    for block in blocks:
        if block.kind == "table":
            parts += [text[at : block.start], html_table(text[block.start : block.end], block)]
            at = block.end
    return "".join([*parts, text[at:]])


def html_table(text: str, block: Block) -> str:
    rows = []
    for number, line in enumerate(text.splitlines()):
        cell = "th" if number == 0 and block.header else "td"
        cells = "".join(f"<{cell}>{html.escape(part.strip(), quote=False)}</{cell}>" for part in line.split(" | "))
        rows.append(f"<tr>{cells}</tr>")
    return "<table>\n" + "\n".join(rows) + "\n</table>"


def stop_on_leaks(run: Run, documents: Sequence[CorpusDocument]) -> None:
    """Raises QuestionsLeaked where a bank's wording stands in the documents, or where they ask what an exam asks. What
    a manual states is no copy of a question, however near it comes: that is what the exam is about."""
    questions = [question for bank in run.banks for question in load_bank(bank)]
    named = [(f"{one.source}: {' > '.join(one.heading)}", one.text) for one in documents]
    found = list(leaks(named, questions, run.corpus.shared_words, run.corpus.shared_characters))
    exam = [question for question in questions if question.split != "study"]
    found += copies(((name, one) for name, text in named for one in asked_in(text)), exam)
    if found:
        first = found[0]
        raise QuestionsLeaked(
            f"{len(found)} exam questions share wording with the corpus, first {first.question} with {first.text} "
            f"('{first.shared}'): take the question out of the bank or the text out of the library."
        )


def write_documents(path: Path, documents: list[CorpusDocument]) -> None:
    beside = path.with_suffix(".new")
    with beside.open("w", encoding="utf-8") as file:
        for document in documents:
            file.write(json.dumps(asdict(document), ensure_ascii=False) + "\n")
    beside.replace(path)
