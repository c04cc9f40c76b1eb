"""What answers questions: a library and an engine, for two lanes of work.

The library belongs to the lane that asks. The engine is started and warmed on another, so that a question asked
meanwhile has its evidence at once; only its words wait for the model. Where no model can run, questions are answered
with the evidence itself. It knows nothing of Qt.

There is one engine at a time. Where English and Japanese have different models, the language of a question decides, and
the other model is loaded in its place while the question is being searched for: that costs a load (about a second), and
never the memory of two.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from agent.records import Answer, Event, Turn
from desktop.folders import Folders
from desktop.opening import open_library
from index.errors import TebikiError
from index.records import Language, Scope

if TYPE_CHECKING:
    from agent.engine import Engine
    from index.library import Library

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class EngineReady:
    """The engine as it is after its start: the model's name, or the sentence that says why there is none. Both are
    empty where another model took its place meanwhile."""

    model: str
    problem: str = ""


class Answering:
    """Opens what it needs at the first use; `library_changed` makes the next question see new manuals.

    `start_engine`, `warm` and `close_engine` are called on the engine's lane, the rest on the asking one, and
    `expect_engine`, `hold` and `release` on any thread. `language` is the one that the first question is expected in.
    """

    def __init__(self, folders: Folders, model: str, threads: int = 0, language: Language = "en") -> None:
        self._folders, self._model, self._threads = folders, model, threads
        self._language: Language = language
        self._library: Library | None = None
        self._engine: Engine | None = None
        self._path: Path | None = None
        self._exchange = threading.RLock()
        self._may_answer = threading.Event()
        self._may_answer.set()
        self._engine_made = threading.Event()
        self._engine_made.set()
        self._engine_ready = threading.Event()
        self._engine_ready.set()

    def expect_engine(self) -> None:
        """Say that `start_engine` and `warm` will be called: words of questions asked from now on wait for them."""
        self._engine_made.clear()
        self._engine_ready.clear()

    def hold(self) -> None:
        """Let questions wait until `release`: the first manuals are on their way. Both are called on any thread."""
        self._may_answer.clear()

    def release(self) -> None:
        """Let questions be answered."""
        self._may_answer.set()

    def start_engine(self) -> EngineReady:
        """Load the model; where it can't be loaded, questions are answered without it."""
        engine: Engine | None = None
        ready = self._engine_ready
        try:
            self._path = self._resolved(self._language)
            engine = self._engine = self._new_engine(self._path)
            self._engine_made.set()
            engine.start()
        except TebikiError as error:
            with self._exchange:
                if self._engine is not engine:
                    return EngineReady("")
                log.warning("no model: %s", error)
                self._engine = None
            ready.set()
            return EngineReady("", str(error))
        finally:
            self._engine_made.set()
        return EngineReady(engine.info.name if self._engine is engine else "")

    def ask(
        self,
        question: str,
        history: Sequence[Turn],
        on_event: Callable[[Event], None],
        cancelled: Callable[[], bool],
        *,
        scope: Scope | None = None,
    ) -> Answer:
        """Answer one question from what is in `scope`. Raises TebikiError with a sentence for the user."""
        from agent.assistant import Assistant
        from index.analyzer import query_language

        if not self._may_answer.is_set():
            while not (self._may_answer.wait(0.1) or cancelled()):
                pass
            self.library_changed()
        library = self._opened()
        engine, ready = self._engine_for(query_language(question))
        assistant = Assistant(library, engine, ready=ready)
        return assistant.ask(question, history=history, on_event=on_event, cancelled=cancelled, scope=scope)

    def warm(self) -> None:
        """Let the model read the fixed part of its prompt, so that the first question need not wait for that; then, at
        the first start, let it find how many threads are fastest here, for which no question waits."""
        self._bring_up(self._engine, self._engine_ready)

    def choose(self, model: str) -> None:
        """Answer with another model from now on, as the setting names them."""
        self._model = model
        self.models_changed()

    def models_changed(self) -> str:
        """Look again which model is the one for the language of the last question, and load it if it is another one.
        Returns its name, "" where there is none."""
        self._engine_for(self._language)
        return self.model_name()

    def model_name(self) -> str:
        """What the model is called that answers at present; "" where none does."""
        from agent.models import card, read_gguf_header

        path = self._path
        try:
            return card(read_gguf_header(path)).name if self._engine is not None and path is not None else ""
        except TebikiError:  # deleted while it is in use
            return path.stem if path is not None else ""

    def open_library(self) -> None:
        """Open the library, so that the first question need not; does nothing where there is none yet."""
        try:
            self._opened()
        except TebikiError as error:
            log.info("not opened: %s", error)

    def library_changed(self) -> None:
        """Close the library; the next question opens it as it is then."""
        if self._library is not None:
            self._library.close()
            self._library = None

    def close(self) -> None:
        """Close the library."""
        self.library_changed()

    def close_engine(self) -> None:
        """End the engine."""
        with self._exchange:
            engine, self._engine = self._engine, None
        if engine is not None:
            engine.retire()

    def _opened(self) -> Library:
        if self._library is None:
            self._library = open_library(self._folders)
        return self._library

    # The engine

    def _resolved(self, language: Language) -> Path:
        """The file that answers questions in this language. A tuned model that is not there yet, or no more, leaves the
        starter. Raises ModelUnreadable."""
        from agent.errors import ModelUnreadable
        from agent.models import resolve_model

        try:
            return resolve_model(self._model, self._folders.models, language)
        except ModelUnreadable as error:
            if not self._model.startswith("tuned"):
                raise
            log.warning("the starter answers: %s", error)
            return resolve_model("starter")

    def _new_engine(self, path: Path) -> Engine:
        from agent.engine import Engine

        return Engine(path, threads=self._threads or None, keep=self._folders.engine)

    def _engine_for(self, language: Language) -> tuple[Engine | None, Callable[[], bool]]:
        """The engine for a question in this language, begun to be loaded if it is not the one at work, and what says
        whether that is over, well or not."""
        self._engine_made.wait()
        self._language = language
        try:
            path = self._resolved(language)
        except TebikiError as error:
            log.warning("the model stays what it was: %s", error)
            path = self._path or Path()
        with self._exchange:
            if path == (self._path or Path()):
                return self._engine, self._engine_ready.is_set
            before, self._path = self._engine, path
            engine = self._engine = self._new_engine(path)
            ready = self._engine_ready = threading.Event()
        if before is not None:
            before.retire()  # first: there may not be memory for two
        threading.Thread(target=self._bring_up, args=(engine, ready), name="engine start", daemon=True).start()
        return engine, ready.is_set

    def _bring_up(self, engine: Engine | None, ready: threading.Event) -> None:
        """Start and warm an engine, then say that it is ready, then measure; an engine that another took the place of
        is left alone. One that did not start fails again, with the same reason, when it is used."""
        from agent.assistant import warm

        try:
            if engine is not None:
                engine.start()
                if engine is self._engine:
                    warm(engine)
        except TebikiError as error:
            log.info("not warmed: %s", error)
        finally:
            ready.set()
        try:
            if engine is not None and engine is self._engine and not engine.threads.speeds:
                engine.measure_threads()
        except (TebikiError, ValueError) as error:
            log.info("threads not measured: %s", error)
