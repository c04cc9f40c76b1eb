"""`tebiki ask QUESTION`: the evidence first, then the answer with its citations."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from agent.errors import ModelUnreadable
from agent.records import Answer, Event, EvidenceFound, Reading, Searching, Unsupported, Wrote
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
    say,
    settings_and_folders,
    stoppable,
)
from desktop.view_models.turns import stretches, with_marks
from index.errors import TebikiError
from index.records import Language, Scope

if TYPE_CHECKING:
    from pathlib import Path

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
    follower = Follower()
    answer = ask(
        question,
        settings,
        folders,
        model=model,
        scope=lambda opened: scope_of(opened, manual, product, version, language),
        on_event=None if as_json else follower,
    )
    if as_json:
        print_json(answer_json(answer))
    else:
        follower.end(answer)
    if answer.problem and as_json:
        say(f"Without the model's words: {answer.problem}")


def ask(
    question: str,
    settings: Settings,
    folders: Folders,
    *,
    model: str | None = None,
    scope: Callable[[Library], Scope] = lambda _: Scope(),
    on_event: Callable[[Event], None] | None = None,
) -> Answer:
    """Open the library, ask, close. The model is loaded while the library is being searched; one that can't be loaded
    costs the answer its words, and the answer says why. Raises ModelUnreadable only for a `model` that is not there."""
    from agent.assistant import Assistant, check
    from index.analyzer import query_language

    check(question)
    with open_library(folders) as library, ExitStack() as closing, stoppable() as stop:
        engine, problem = None, ""
        try:
            engine = engine_for(settings, folders, model, query_language(question))
        except ModelUnreadable as error:
            if model is not None:
                raise
            problem = str(error)
        ready = lambda: True  # noqa: E731
        if engine is not None:
            closing.callback(engine.close)
            ready = _start(engine)
        assistant = Assistant(library, engine, ready=ready)
        answer = assistant.ask(
            question, scope=scope(library), on_event=on_event or (lambda _: None), cancelled=stop.is_set
        )
        return replace(answer, problem=answer.problem or problem)


def engine_for(settings: Settings, folders: Folders, model: str | None, language: Language) -> Engine:
    """The engine for a model's name or file and the language of what is asked, not started yet; a tuned model that is
    to be made first is made. Raises ModelUnreadable or ModelTooLarge."""
    from agent.engine import Engine
    from agent.models import resolve_model

    name = model or settings.model
    problem = _tuned_ready(settings, folders, name, language)
    try:
        path = resolve_model(name, folders.models, language)
    except ModelUnreadable as error:
        if model is not None or not name.startswith("tuned"):
            raise ModelUnreadable(problem or str(error)) from error
        say(f"{problem or error} The starter answers instead.")
        path = resolve_model("starter")
    else:
        if model == "tuned":
            _check_writes(path, language, settings, folders)
        if problem:
            say(problem)
    return Engine(path, threads=settings.threads or None, keep=folders.engine)


def _check_writes(path: Path, language: Language, settings: Settings, folders: Folders) -> None:
    """Nothing is to be measured on a model that can't write the language: raises ModelUnreadable, with what is missing
    for one that can."""
    from agent.models import card, read_gguf_header
    from desktop.tuning import base_files, standing

    if language in card(read_gguf_header(path)).languages:
        return
    waiting = [one.problem for one in standing(folders, base_files(settings)) if language in one.adapter.languages]
    spoken = {"en": "English", "ja": "Japanese"}[language]
    mend = next((problem for problem in waiting if problem), "give a model file, or use starter.")
    raise ModelUnreadable(f"No tuned model on this machine writes {spoken}: {mend}")


def _tuned_ready(settings: Settings, folders: Folders, name: str, language: Language) -> str:
    """Make the tuned models that `name` may mean, with progress; returns why one could not be made, if so."""
    from desktop.commands.models import show_progress
    from desktop.tuning import adapters, base_files, make_in_child, wanted

    which = wanted(adapters(folders), name, language)
    if not which:
        return ""
    with stoppable() as stop:
        outcome = make_in_child(
            folders,
            base_files(settings),
            which,
            on_progress=lambda at: show_progress(at.name, at.done, at.total),
            cancelled=stop.is_set,
        )
    return " ".join(outcome.problems)


def _start(engine: Engine) -> Callable[[], bool]:
    """Start the engine on a thread of its own; what is returned says whether that is over, well or not. An engine that
    did not start fails again, with the same reason, when it is used."""
    over = threading.Event()

    def start() -> None:
        try:
            engine.start()
        except TebikiError:
            pass
        finally:
            over.set()

    threading.Thread(target=start, name="engine start", daemon=True).start()
    return over.is_set


class Follower:
    """Follows a question on the terminal: progress and the evidence on standard error, the answer on standard output.

    Evidence comes first; the model's words follow under a line of their own. Where it words nothing, the evidence is
    the answer, and a terminal that shows it already is spared a second time.
    """

    def __init__(self) -> None:
        self._mark = "⟨?⟩" if _can_print("⟨?⟩") else "[?]"
        self._seen = False
        self._words = False
        self._bare = sys.stdout.isatty() and sys.stderr.isatty()

    def __call__(self, event: Event) -> None:
        match event:
            case Searching(query):
                print(f"Searching: {query}", file=sys.stderr, flush=True)
            case EvidenceFound(citations):
                self._seen = True
                for number, citation in enumerate(citations, 1):
                    print(f"[{number}] {' > '.join(citation.heading) or citation.source}", file=sys.stderr)
                    print(f"    {' '.join(citation.quote.split())}", file=sys.stderr, flush=True)
            case Reading(done, total) if sys.stderr.isatty():
                end = "\n" if done >= total else "\r"
                print(f"Reading {done} / {total} tokens", end=end, file=sys.stderr, flush=True)
            case Wrote(text, unsupported, phrased):
                self._write(text, unsupported, phrased=phrased)

    def _write(self, text: str, unsupported: tuple[Unsupported, ...], *, phrased: bool) -> None:
        if not phrased and self._seen and self._bare:
            return
        if phrased and not self._words:
            self._words = True
            say("In the model's words:")
        print(with_marks(text, unsupported, self._mark), end="", flush=True)

    def end(self, answer: Answer) -> None:
        """What follows the streamed text: what is marked in it, sources, or the nearest passages of a refusal."""
        print()
        if self._seen and self._bare and not answer.phrased and not answer.abstained:
            print("The passages above are the answer.")
        if names := stretches(answer.text, answer.unsupported):
            print(f"{self._mark} not in the evidence: {', '.join(names)}. Check the passages before you use it.")
        if answer.citations:
            print()
            for number, one in enumerate(answer.citations, 1):
                page = f", page {one.page}" if one.page else ""
                print(f"[{number}] {one.manual}: {one.source}{page}: {' > '.join(one.heading)}")
        for hit in answer.nearest if answer.abstained else ():
            print(f"  nearest: {' > '.join(hit.passage.heading)} ({hit.passage.manual}: {hit.passage.source})")
        if answer.problem:
            say(f"Without the model's words: {answer.problem}")
        took = f"first evidence {answer.seconds.first_evidence:.1f} s, in all {answer.seconds.total:.1f} s"
        say(f"({took}; model {answer.model}; nothing left this machine)")


def _can_print(sign: str) -> bool:
    try:
        sign.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return False
    return True
