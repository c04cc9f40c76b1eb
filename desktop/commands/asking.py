"""`tebiki ask QUESTION`: the evidence first, then the answer with its citations."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from agent.records import Answer, Event, EvidenceFound, Reading, Searching, Wrote
from desktop.contract import answer_json
from desktop.first_start import default_library_ready
from desktop.folders import Folders
from desktop.opening import open_library
from desktop.scoping import LanguageOption, ManualsOption, ProductOption, VersionOption, scope_of
from desktop.terminal import (
    DataOption,
    JsonOption,
    LibraryOption,
    ModelOption,
    print_json,
    settings_and_folders,
    stoppable,
)
from index.records import Scope

if TYPE_CHECKING:
    from agent.engine import Engine
    from desktop.settings import Settings
    from index.library import Library


def command(
    question: Annotated[str, typer.Argument(help="A question in English or Japanese.")],
    library: LibraryOption = None,
    model: ModelOption = None,
    data: DataOption = None,
    manual: ManualsOption = None,
    product: ProductOption = "",
    version: VersionOption = "",
    language: LanguageOption = None,
    as_json: JsonOption = False,
) -> None:
    """Answer a question from the manuals, with citations; says so when they do not hold the answer."""
    settings, folders = settings_and_folders(library, data)
    if library is None:
        default_library_ready(folders)
    answer = ask(
        question,
        settings,
        folders,
        model=model,
        scope=lambda opened: scope_of(opened, manual, product, version, language),
        on_event=None if as_json else show_event,
    )
    if as_json:
        print_json(answer_json(answer))
    else:
        show_end(answer)


def ask(
    question: str,
    settings: Settings,
    folders: Folders,
    *,
    model: str | None = None,
    scope: Callable[[Library], Scope] = lambda _: Scope(),
    on_event: Callable[[Event], None] | None = None,
) -> Answer:
    """Open library and engine, ask, close. The question is looked at before the model is loaded."""
    from agent.assistant import Assistant, check

    check(question)
    with open_library(folders) as library, engine_for(settings, folders, model) as engine, stoppable() as stop:
        assistant = Assistant(library, engine)
        return assistant.ask(
            question, scope=scope(library), on_event=on_event or (lambda _: None), cancelled=stop.is_set
        )


def engine_for(settings: Settings, folders: Folders, model: str | None) -> Engine:
    """The engine for a model's name or file, not started yet. Raises ModelUnreadable or ModelTooLarge."""
    from agent.engine import Engine
    from agent.models import resolve_model

    path = resolve_model(model or settings.model, folders.data / "models")
    return Engine(path, threads=settings.threads or None)


def show_event(event: Event) -> None:
    """Follow a question on the terminal: progress on standard error, the answer itself on standard output."""
    if isinstance(event, Searching):
        print(f"Searching: {event.query}", file=sys.stderr)
    elif isinstance(event, EvidenceFound):
        for number, citation in enumerate(event.citations, 1):
            print(f"[{number}] {' > '.join(citation.heading) or citation.source}", file=sys.stderr)
            print(f"    {' '.join(citation.quote.split())}", file=sys.stderr)
    elif isinstance(event, Reading) and sys.stderr.isatty():
        end = "\n" if event.done >= event.total else "\r"
        print(f"Reading {event.done} / {event.total} tokens", end=end, file=sys.stderr)
    elif isinstance(event, Wrote):
        print(event.text, end="", flush=True)


def show_end(answer: Answer) -> None:
    """What follows the streamed text: sources, or the nearest passages of a refusal."""
    print()
    if answer.citations:
        print()
        for number, one in enumerate(answer.citations, 1):
            page = f", page {one.page}" if one.page else ""
            print(f"[{number}] {one.manual}: {one.source}{page}: {' > '.join(one.heading)}")
    for hit in answer.nearest if answer.abstained else ():
        print(f"  nearest: {' > '.join(hit.passage.heading)} ({hit.passage.manual}: {hit.passage.source})")
    took = f"first evidence {answer.seconds.first_evidence:.1f} s, in all {answer.seconds.total:.1f} s"
    print(f"({took}; model {answer.model}; nothing left this machine)", file=sys.stderr)
