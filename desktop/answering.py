"""What answers questions: a library and an engine, for two lanes of work.

The library belongs to the lane that asks. The engine is started and warmed on another, so that a question asked
meanwhile has its evidence at once; only its words wait for the model. Where no model can run, questions are answered
with the evidence itself. It knows nothing of Qt.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agent.records import Answer, Event, Turn
from desktop.folders import Folders
from desktop.opening import open_library
from index.errors import TebikiError
from index.records import Scope

if TYPE_CHECKING:
    from agent.assistant import Assistant
    from agent.engine import Engine
    from index.library import Library

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class EngineReady:
    """The engine as it is after its start: the model's name, or the sentence that says why there is none."""

    model: str
    problem: str = ""


class Answering:
    """Opens what it needs at the first use; `library_changed` makes the next question see new manuals.

    `start_engine`, `warm` and `close_engine` are called on the engine's lane, the rest on the asking one, and
    `expect_engine`, `hold` and `release` on any thread.
    """

    def __init__(self, folders: Folders, model: str, threads: int = 0) -> None:
        self._folders, self._model, self._threads = folders, model, threads
        self._library: Library | None = None
        self._engine: Engine | None = None
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
        from agent.engine import Engine
        from agent.models import resolve_model

        try:
            path = resolve_model(self._model, self._folders.data / "models")
            engine = Engine(path, threads=self._threads or None, keep=self._folders.engine)
            self._engine = engine
            self._engine_made.set()
            engine.start()
        except TebikiError as error:
            log.warning("no model: %s", error)
            self._engine = None
            self._engine_ready.set()
            return EngineReady("", str(error))
        finally:
            self._engine_made.set()
        return EngineReady(engine.info.name)

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
        if not self._may_answer.is_set():
            while not (self._may_answer.wait(0.1) or cancelled()):
                pass
            self.library_changed()
        return self._assistant().ask(question, history=history, on_event=on_event, cancelled=cancelled, scope=scope)

    def warm(self) -> None:
        """Let the model read the fixed part of its prompt, so that the first question need not wait for that; then, at
        the first start, let it find how many threads are fastest here, for which no question waits."""
        from agent.assistant import warm

        try:
            if self._engine is not None:
                warm(self._engine)
        except TebikiError as error:
            log.info("not warmed: %s", error)
        finally:
            self._engine_ready.set()
        self._measure_threads()

    def _measure_threads(self) -> None:
        try:
            if self._engine is not None and not self._engine.threads.speeds:
                self._engine.measure_threads()
        except (TebikiError, ValueError) as error:
            log.info("threads not measured: %s", error)

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
        if self._engine is not None:
            self._engine.close()
            self._engine = None

    def _assistant(self) -> Assistant:
        from agent.assistant import Assistant

        library = self._opened()
        self._engine_made.wait()
        return Assistant(library, self._engine, ready=self._engine_ready.is_set)

    def _opened(self) -> Library:
        if self._library is None:
            self._library = open_library(self._folders)
        return self._library
