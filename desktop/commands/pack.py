"""`tebiki pack check FOLDER`: whether a domain pack can be used, and every fault by file, line and reason."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from desktop.terminal import JsonOption, print_json, say
from index.errors import PackInvalid, TebikiError

if TYPE_CHECKING:
    from index.packs import Pack

app = typer.Typer(help="Check a domain pack (see docs/domain-packs.md).", no_args_is_help=True)


@dataclass(frozen=True, slots=True)
class Checked:
    """What a pack holds, and what is wrong with it, a sentence each."""

    id: str
    pages: int
    questions: int
    study: int
    exam: int
    terms: int
    asked: int
    unanswerable: int
    adapters: int
    faults: tuple[str, ...]


@app.callback()
def main() -> None:
    """Keeps `check` a verb of its own while it is the only one."""


@app.command("check")
def check_command(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="The folder that holds pack.toml.")],
    as_json: JsonOption = False,
) -> None:
    """Read everything that a pack names; exit status 1 when something of it can't be used."""
    checked = check(folder)
    if as_json:
        print_json(asdict(checked))
    else:
        for fault in checked.faults:
            say(fault)
        print(
            f"Pack {checked.id}: {checked.pages} primer pages, {checked.questions} exam questions ({checked.study} to "
            f"study, {checked.exam} for exams alone), {checked.terms} glossary entries, {checked.asked} sample "
            f"questions, {checked.unanswerable} that it can't answer, {checked.adapters} adapters."
        )
    if checked.faults:
        raise PackInvalid(f"The pack in {folder} has {len(checked.faults)} faults; the first: {checked.faults[0]}")


def check(folder: Path) -> Checked:
    """Read a pack, each part by itself, so that one fault does not hide another. Raises PackInvalid where its manifest
    can't be used."""
    from agent.bank import load_bank
    from index.asked import load_asked
    from index.glossary import load_glossary
    from index.packs import load_pack

    pack = load_pack(folder)
    faults: list[str] = []

    def read(load: Callable[[Path], Any], paths: tuple[Path, ...]) -> list[Any]:
        found: list[Any] = []
        for path in paths:
            try:
                found += load(path)
            except TebikiError as error:
                faults.append(str(error))
        return found

    questions = read(load_bank, pack.banks)
    asked = read(load_asked, pack.questions)
    terms = read(lambda path: list(load_glossary(path).entries), (pack.glossary,) if pack.glossary else ())
    pages = read(_pages, pack.primers)
    faults += _repeated("exam question", [question.id for question in questions])
    faults += _repeated("sample question", [one.id for one in asked])
    faults += _unknown_pages(pack, asked)
    faults += dict.fromkeys(_adapter_faults(pack))
    return Checked(
        id=pack.id,
        pages=len(pages),
        questions=len(questions),
        study=sum(question.split == "study" for question in questions),
        exam=sum(question.split == "exam" for question in questions),
        terms=len(terms),
        asked=sum(bool(one.answers) for one in asked),
        unanswerable=sum(not one.answers for one in asked),
        adapters=len(pack.adapters),
        faults=tuple(faults),
    )


def _pages(primer: Path) -> list[Path]:
    """The pages of a primer; one that can't be read is a fault of all of it."""
    from index.listing import list_candidates
    from index.reading import read_file

    candidates, skipped = list_candidates([primer])
    if skipped:
        raise PackInvalid(skipped[0].reason)
    for candidate in candidates:
        read_file(candidate.path, candidate.source)
    return [candidate.path for candidate in candidates]


def _adapter_faults(pack: Pack) -> Iterator[str]:
    """Faults of the adapters; those for the starter are held against it too."""
    from agent.adapters import faults
    from agent.errors import ModelUnreadable
    from agent.models import resolve_model
    from index.pack_adapters import STARTER

    for adapter in pack.adapters:
        try:
            base = resolve_model(STARTER) if adapter.base == STARTER else None
        except ModelUnreadable:
            base = None
        yield from faults(adapter, base)


def _repeated(what: str, ids: list[str]) -> Iterator[str]:
    for one in sorted({one for one in ids if ids.count(one) > 1}):
        yield f'The id "{one}" is that of more than one {what}.'


def _unknown_pages(pack: Pack, asked: list[Any]) -> Iterator[str]:
    """Sample questions that name a page of the primer which is not there."""
    stems = {path.stem for primer in pack.primers for path in primer.rglob("*") if path.is_file()}
    for one in asked:
        if pack.primers and one.section and one.section not in stems:
            yield f'The sample question "{one.id}" names the page "{one.section}", which no primer has.'
