"""The engine: prompts in, text or scores out, computed by llama.cpp in a child process.

The child (`agent.engine_worker`) may run out of memory, meet a bad file or an old processor: that ends the child, not
the application. The running request then raises EngineStopped, and the next one starts the child again. One request
runs at a time; others wait. It knows nothing of questions, searches or libraries.
"""

from __future__ import annotations

import itertools
import logging
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from agent import protocol
from agent.engine_process import EngineProcess
from agent.engine_records import (
    Callbacks,
    Generation,
    IsCancelled,
    ModelInfo,
    OnReading,
    OnText,
    Prompt,
    Score,
    parts_of,
)
from agent.errors import EngineStopped, ModelTooLarge, ModelUnreadable, PromptTooLong
from agent.models import card, check_memory, read_gguf_header
from agent.threads import Speed, ThreadChoice, candidates, choose, engine_threads, remember, remembered

__all__ = ["Engine", "Generation", "ModelInfo", "Prompt", "Score"]

log = logging.getLogger(__name__)

_Answer = TypeVar("_Answer", bound=protocol.Message)

POLL = 0.02
"""Seconds between looks at `cancelled` while the worker has nothing to say."""

LOAD_PATIENCE = 120.0
"""Seconds that starting the child and loading may go without a word, at the least: disks and virus scanners."""

CANCEL_PATIENCE = 10.0
"""Seconds that a cancelled request may take to end before the child is killed."""

MEASURING = 2.0
"""Seconds after which no further number of threads is tried."""

_Stamp = tuple[int, int, int]


class _Waived(Exception):
    """The request was cancelled before the worker had it: while another ran, or while the model was being loaded."""


class Engine:
    """A model in a child process, started by the first request (or `start`) and ended by `close`.

    `context` is capped by what the model was trained for. `threads` is to read and to write on; by default it is what
    `measure_threads` found on this machine before, else the physical cores, at most 8. In the folder `keep` stand these
    measurements and the beginnings of prompts that were warmed, for later starts. A model file that was replaced since
    it was loaded is loaded anew by the next request; one that was deleted goes on being used.
    `patience` is how many seconds a request may go without a word from the child before it counts as hung.
    `allow_large` loads a model that seems not to fit in memory. All methods may be called from any thread.

    Raises, from any request: ModelUnreadable and ModelTooLarge when the model can't be loaded, EngineStopped when the
    child ended or hung, PromptTooLong, and ValueError for a grammar or messages that are not valid.
    """

    def __init__(
        self,
        model: Path,
        *,
        context: int = 2048,
        threads: int | None = None,
        keep: Path | None = None,
        allow_large: bool = False,
        patience: float = 120.0,
    ) -> None:
        self._path = model
        self._context = context
        self._threads = threads
        self._keep = keep
        self._allow_large = allow_large
        self._patience = patience
        self._lock = threading.RLock()
        self._process: EngineProcess | None = None
        self._info: ModelInfo | None = None
        self._ids = itertools.count(1)
        self._running: int | None = None
        self._loading: protocol.Load | None = None
        self._measured: ThreadChoice | None = None
        self._stamp: _Stamp | None = None
        self._retired = False
        self._waiting = 0
        self.tokens_read = 0
        """Tokens of prompts and continuations that were read, not found in the cache, since it was made."""
        self._waiting_lock = threading.Lock()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # The child's life

    def start(self, *, cancelled: IsCancelled | None = None) -> bool:
        """Start the child and load the model, unless that is done. Returns False if `cancelled` said so first; the
        model goes on being loaded then, and the next request finds it."""
        try:
            with self._turn(cancelled):
                self._start(cancelled)
        except _Waived:
            return False
        return True

    def _start(self, cancelled: IsCancelled | None) -> None:
        """With the lock held. Raises _Waived."""
        if self._process is None or not self._process.alive or self._replaced():
            self._drop()
            self._begin_loading()
        if self._loading is None:
            return
        assert self._process is not None
        try:
            loaded = self._converse(self._process, self._loading, protocol.Loaded, Callbacks(cancelled=cancelled))
        except _Waived:
            raise
        except BaseException:
            self._drop()
            raise
        self._loading = None
        about = card(read_gguf_header(self._path))
        self._info = ModelInfo(
            name=about.name,
            path=self._path,
            parameters=loaded.parameters,
            context=loaded.context,
            languages=about.languages,
            prompt_format=about.prompt_format,
            licence=about.licence,
            threads=loaded.threads,
            reading_threads=loaded.reading_threads,
            chat_template=loaded.chat_template,
            description=loaded.description,
        )
        log.info(
            "%s loaded: context %d tokens, reading on %d threads and writing on %d",
            about.name, loaded.context, loaded.reading_threads, loaded.threads,
        )  # fmt: skip

    def _begin_loading(self) -> None:
        if self._retired:
            raise EngineStopped(f"{self._path.name} was put away for another model; ask again.")
        header = read_gguf_header(self._path)
        trained = card(header).trained_context
        context = min(self._context, trained or self._context)
        if not self._allow_large:
            check_memory(header, context)
        choice = self.threads
        self._stamp = _stamp(self._path)
        self._process = EngineProcess(max(choice.reading, choice.writing))
        keep = str(self._keep) if self._keep is not None else ""
        self._loading = protocol.Load(self._next_id(), str(self._path), context, choice.writing, choice.reading, keep)
        self._process.send(self._loading)

    @property
    def threads(self) -> ThreadChoice:
        """The threads that the next start computes on: as given, as measured, or as supposed."""
        if self._threads:
            return ThreadChoice(self._threads, self._threads)
        supposed = engine_threads()
        return self._measured or remembered(self._keep, self._path) or ThreadChoice(supposed, supposed)

    def measure_threads(self) -> ThreadChoice | None:
        """Measure how many threads are fastest, about two seconds, and go on with as many, now and at later starts.

        None where the number was given, or where any other request came meanwhile: it does not wait for this one.
        """
        if self._threads:
            return None
        request = protocol.Measure(self._next_id(), candidates(), MEASURING)
        try:
            with self._turn(self._wanted):
                self._start(self._wanted)
                measured = self._exchange(request, protocol.Measured, Callbacks(cancelled=self._wanted))
        except _Waived:
            return None
        if not measured.threads:
            return None
        found = zip(measured.threads, measured.reading, measured.writing, strict=True)
        self._measured = choice = choose([Speed(*one) for one in found])
        if self._info is not None:
            self._info = replace(self._info, threads=choice.writing, reading_threads=choice.reading)
        log.info("measured: %s; reading on %d threads, writing on %d", choice.speeds, choice.reading, choice.writing)
        try:
            remember(self._keep, self._path, choice)
        except OSError as error:
            log.warning("the threads measured are not kept: %s", error)
        return choice

    def _wanted(self) -> bool:
        """Whether a request waits for its turn."""
        return self._waiting > 0

    def _replaced(self) -> bool:
        """Whether another file stands where the model was loaded from. One that is gone is no other."""
        now = _stamp(self._path)
        return now is not None and now != self._stamp

    def close(self) -> None:
        """End the child. A request running in another thread is cancelled first. Closing twice does nothing."""
        with self._queued():
            self.cancel()
            with self._lock:
                self._drop()

    def retire(self) -> None:
        """Close, and start no child again: who still holds this engine on another thread gets EngineStopped."""
        self._retired = True
        self.close()

    def _drop(self) -> None:
        self._loading = None
        if self._process is not None:
            self._process.close()
            self._process = None

    @property
    def info(self) -> ModelInfo:
        """What is loaded; starts the child for it if need be."""
        if self._info is None:
            self.start()
        assert self._info is not None
        return self._info

    @property
    def pid(self) -> int | None:
        """The child's process id while it runs."""
        process = self._process
        return process.pid if process is not None and process.alive else None

    # Requests

    def chat(self, messages: Sequence[tuple[str, str]], *, open_assistant: bool = True) -> Prompt:
        """The prompt that the model's own template makes of `messages` (role, text), ending where the assistant
        begins to speak if `open_assistant`. Models without a template get roles in words."""
        request = protocol.Chat(self._next_id(), tuple(messages), open_assistant)
        return Prompt(self._ask(request, protocol.Rendered).parts)

    def count(self, text: str) -> int:
        """Tokens of a prompt, the beginning-of-text token included where the model wants one."""
        return self._ask(protocol.Count(self._next_id(), parts_of(text)), protocol.Counted).tokens

    def warm(self, prefix: str, *, cancelled: IsCancelled | None = None) -> None:
        """Read `prefix` and keep it, so that every later prompt which begins with it is read from there on, whatever
        was asked in between. The last four are kept."""
        request = protocol.Warm(self._next_id(), parts_of(prefix))
        try:
            done = self._ask(request, protocol.Done, Callbacks(cancelled=cancelled))
        except _Waived:
            return
        log.info("warmed %d tokens, %d of them kept before", done.prompt_tokens, done.reused_tokens)

    def generate(
        self,
        prompt: str,
        *,
        max_tokens: int,
        stop: Sequence[str] = (),
        grammar: str | None = None,
        temperature: float = 0.0,
        seed: int = 0,
        on_reading: OnReading | None = None,
        on_text: OnText | None = None,
        cancelled: IsCancelled | None = None,
    ) -> Generation:
        """Continue `prompt` by at most `max_tokens`, greedily unless `temperature` is above 0.

        `grammar` is GBNF with the rule `root`. `on_reading(done, total)` counts prompt tokens in the KV cache;
        `on_text` gets pieces of whole characters, which joined are the result's `text`. `cancelled` is polled from
        this thread; a cancelled generation returns what it has. Callbacks run in the calling thread.
        """
        request = protocol.Generate(
            self._next_id(), parts_of(prompt), max_tokens, tuple(stop), grammar, float(temperature), seed
        )
        began = time.monotonic()
        try:
            done = self._ask(request, protocol.Done, Callbacks(on_reading, on_text, cancelled))
        except _Waived:
            return Generation("", 0, 0, 0, True, None, time.monotonic() - began, "cancelled")
        self.tokens_read += done.prompt_tokens - done.reused_tokens
        log.info(
            "generated %d tokens in %.2f s (%s); %d of %d prompt tokens reused",
            done.generated_tokens, done.seconds, done.finish, done.reused_tokens, done.prompt_tokens,
        )  # fmt: skip
        return Generation(
            text=done.text,
            prompt_tokens=done.prompt_tokens,
            reused_tokens=done.reused_tokens,
            generated_tokens=done.generated_tokens,
            cancelled=done.finish == "cancelled",
            first_token_seconds=done.first_token_seconds,
            seconds=done.seconds,
            finish=done.finish,
        )

    def score(self, prompt: str, continuations: Sequence[str], *, cancelled: IsCancelled | None = None) -> list[Score]:
        """How likely each continuation is after `prompt`, which is read once. An empty one scores 0 with 0 tokens.

        Prompt and continuation are tokenised as one text; where a token would span the border, the continuation is
        tokenised by itself (so end the prompt without a space and begin the continuation with it). A cancelled call
        returns an empty list.
        """
        request = protocol.ScoreContinuations(self._next_id(), parts_of(prompt), tuple(continuations))
        try:
            scored = self._ask(request, protocol.Scored, Callbacks(cancelled=cancelled))
        except _Waived:
            return []
        self.tokens_read += scored.prompt_tokens - scored.reused_tokens + sum(scored.tokens)
        log.info(
            "scored %d continuations in %.2f s; %d of %d prompt tokens reused",
            len(scored.logprobs), scored.seconds, scored.reused_tokens, scored.prompt_tokens,
        )  # fmt: skip
        return [Score(logprob, tokens) for logprob, tokens in zip(scored.logprobs, scored.tokens, strict=True)]

    def tokens(self, text: str) -> tuple[int, ...]:
        """The tokens of a prompt, the beginning-of-text token included where the model wants one."""
        return self._ask(protocol.Tokenise(self._next_id(), parts_of(text)), protocol.Tokens).tokens

    def logits(self, tokens: Sequence[int], positions: Sequence[int]) -> NDArray[np.float32]:
        """What the model says after the tokens at `positions` (ascending) of `tokens`, read from the first one on: an
        array (positions, vocabulary). With a vocabulary of 262,144 each row is a mebibyte."""
        with tempfile.TemporaryDirectory(prefix="tebiki-logits-") as folder:
            path = Path(folder) / "logits.f32"
            request = protocol.WriteLogits(self._next_id(), tuple(tokens), tuple(positions), str(path))
            written = self._ask(request, protocol.LogitsWritten)
            return np.fromfile(path, dtype=np.float32).reshape(written.rows, -1)

    def cancel(self) -> None:
        """Cancel the request that is running, if any; from any thread."""
        running, process = self._running, self._process
        if running is not None and process is not None:
            process.send(protocol.Cancel(self._next_id(), running))

    # The conversation

    def _next_id(self) -> int:
        return next(self._ids)

    def _ask(self, request: protocol.Request, answer: type[_Answer], callbacks: Callbacks | None = None) -> _Answer:
        """Raises _Waived when it was cancelled before its turn came."""
        callbacks = callbacks or Callbacks()
        with self._queued(), self._turn(callbacks.cancelled):
            self._start(callbacks.cancelled)
            return self._exchange(request, answer, callbacks)

    @contextmanager
    def _queued(self) -> Iterator[None]:
        """Count as wanted, so that a measurement makes way."""
        with self._waiting_lock:
            self._waiting += 1
        try:
            yield
        finally:
            with self._waiting_lock:
                self._waiting -= 1

    @contextmanager
    def _turn(self, cancelled: IsCancelled | None) -> Iterator[None]:
        """Hold the lock; raises _Waived if `cancelled` says so before it is had."""
        while not self._lock.acquire(timeout=POLL if cancelled else -1):
            if cancelled and cancelled():
                raise _Waived
        try:
            yield
        finally:
            self._lock.release()

    def _exchange(self, request: protocol.Request, answer: type[_Answer], callbacks: Callbacks) -> _Answer:
        assert self._process is not None
        self._running = request.id
        try:
            self._process.send(request)
            return self._converse(self._process, request, answer, callbacks)
        finally:
            self._running = None

    def _converse(
        self, process: EngineProcess, request: protocol.Request, answer: type[_Answer], callbacks: Callbacks
    ) -> _Answer:
        """Hear the worker out until it answers a request that was sent to it. Raises _Waived for a load that is
        cancelled: it goes on for the next request."""
        heard = time.monotonic()
        cancel_sent: float | None = None
        try:
            while True:
                message = process.receive(POLL if callbacks.cancelled else min(self._patience, 1.0))
                now = time.monotonic()
                if message is not None:
                    heard = now
                if isinstance(message, answer) and message.id == request.id:
                    return message
                if message is not None and message.id == request.id:
                    self._hear(message, callbacks)
                if cancel_sent is None and callbacks.cancelled and callbacks.cancelled():
                    if isinstance(request, protocol.Load):
                        raise _Waived
                    process.send(protocol.Cancel(self._next_id(), request.id))
                    cancel_sent = now
                self._check_pulse(process, request, now - heard, now - cancel_sent if cancel_sent else 0.0)
        except EOFError:
            changed = f"{self._path.name} was changed while it was in use; " if self._replaced() else ""
            raise EngineStopped(
                f"The engine stopped at work ({changed}{process.cause_of_death()}); it starts again with the next "
                "question."
            ) from None
        except _Waived:
            raise
        except BaseException:
            # A callback failed, or the worker refused: whatever it still does for this request is for nobody.
            process.send(protocol.Cancel(self._next_id(), request.id))
            raise

    def _hear(self, message: protocol.Message, callbacks: Callbacks) -> None:
        match message:
            case protocol.ReadingPrompt(done=done, total=total):
                if callbacks.on_reading:
                    callbacks.on_reading(done, total)
            case protocol.Text(piece=piece):
                if piece and callbacks.on_text:
                    callbacks.on_text(piece)
            case protocol.Failed():
                raise self._failure(message)

    def _failure(self, failed: protocol.Failed) -> Exception:
        if failed.log:
            log.warning("%s; llama.cpp said: %s", failed.message, " | ".join(failed.log))
        match failed.failure:
            case "model":
                reason = next((line for line in reversed(failed.log) if "error" in line.lower()), "")
                detail = f" ({reason})" if reason else ""
                if "allocate" in reason.lower():
                    return ModelTooLarge(
                        f"{failed.message}{detail}: close other programs, or choose a smaller model or a more strongly "
                        "quantised one."
                    )
                return ModelUnreadable(f"{failed.message}{detail}: choose another model file.")
            case "memory":
                return ModelTooLarge(
                    f"{failed.message}: close other programs, or choose a smaller model or a more strongly quantised "
                    "one."
                )
            case "too_long":
                return PromptTooLong(failed.message[:1].upper() + failed.message[1:] + ".")
            case "value":
                return ValueError(failed.message)
            case "internal":
                self._drop()
                return EngineStopped(f"The engine failed ({failed.message}); it starts again with the next question.")

    def _check_pulse(self, process: EngineProcess, request: protocol.Request, silent: float, cancelling: float) -> None:
        patience = max(self._patience, LOAD_PATIENCE) if isinstance(request, protocol.Load) else self._patience
        if silent > patience or cancelling > CANCEL_PATIENCE:
            process.kill()
            raise EngineStopped(
                f"The engine said nothing for {max(silent, cancelling):.0f} seconds and was ended; it starts again "
                "with the next question."
            )


def _stamp(path: Path) -> _Stamp | None:
    """What tells one state of a file from another; None where there is no file."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns
