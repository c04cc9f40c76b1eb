"""The engine: prompts in, text or scores out, computed by llama.cpp in a child process.

The child (`agent.engine_worker`) may run out of memory, meet a bad file or an old processor: that ends the child, not
the application. The running request then raises EngineStopped, and the next one starts the child again. One request
runs at a time; others wait. It knows nothing of questions, searches or libraries.
"""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self, TypeVar

from agent import protocol
from agent.engine_process import EngineProcess, engine_threads
from agent.errors import EngineStopped, ModelUnreadable, PromptTooLong
from agent.models import card, check_memory, read_gguf_header
from agent.protocol import Part
from index.records import Language

log = logging.getLogger(__name__)

_Answer = TypeVar("_Answer", bound=protocol.Message)
OnReading = Callable[[int, int], None]
OnText = Callable[[str], None]
IsCancelled = Callable[[], bool]

POLL = 0.02
"""Seconds between looks at `cancelled` while the worker has nothing to say."""

LOAD_PATIENCE = 120.0
"""Seconds that starting the child and loading may go without a word, at the least: disks and virus scanners."""

CANCEL_PATIENCE = 10.0
"""Seconds that a cancelled request may take to end before the child is killed."""


class Prompt(str):
    """A prompt that remembers which parts the chat template wrote: only there are special tokens recognised.

    It is its text, to look at and to compare. `prompt + text` adds text of the caller's (the opening of the
    assistant's turn, say); any other str operation gives a plain str, in which `<|im_end|>` is eight characters.
    """

    __slots__ = ("parts",)
    parts: tuple[Part, ...]

    def __new__(cls, parts: Sequence[Part]) -> Self:
        prompt = super().__new__(cls, "".join(part.text for part in parts))
        prompt.parts = tuple(parts)
        return prompt

    def __add__(self, text: str) -> Prompt:
        return Prompt((*self.parts, *_parts(text)))


def _parts(prompt: str) -> tuple[Part, ...]:
    if isinstance(prompt, Prompt):
        return prompt.parts
    return (Part(prompt, special=False),) if prompt else ()


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """The loaded model. `context` is its room in tokens, `languages` what it can write, `prompt_format` the one
    that it was tuned on ("" for none), `description` llama.cpp's words for it."""

    name: str
    path: Path
    parameters: int
    context: int
    languages: tuple[Language, ...]
    prompt_format: str
    licence: str
    threads: int
    chat_template: bool
    description: str


@dataclass(frozen=True, slots=True)
class Generation:
    """What the model wrote. `reused_tokens` of the `prompt_tokens` were found in the KV cache. `finish` says why it
    ended: "end" (the model's own end), "stop" (a stop string, which is not in `text`), "length" or "cancelled".
    Seconds count from the request; `first_token_seconds` is None where there was none."""

    text: str
    prompt_tokens: int
    reused_tokens: int
    generated_tokens: int
    cancelled: bool
    first_token_seconds: float | None
    seconds: float
    finish: protocol.Finish


@dataclass(frozen=True, slots=True)
class Score:
    """How likely a continuation is: the sum of its tokens' natural log-probabilities, and how many there are."""

    logprob: float
    tokens: int


@dataclass(frozen=True, slots=True)
class Callbacks:
    """What a caller wants to hear while a request runs, and how it takes it back."""

    on_reading: OnReading | None = None
    on_text: OnText | None = None
    cancelled: IsCancelled | None = None


class Engine:
    """A model in a child process, started by the first request (or `start`) and ended by `close`.

    `context` is capped by what the model was trained for; `threads` defaults to the physical cores, at most 8.
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
        allow_large: bool = False,
        patience: float = 120.0,
    ) -> None:
        self._path = model
        self._context = context
        self._threads = threads or engine_threads()
        self._allow_large = allow_large
        self._patience = patience
        self._lock = threading.RLock()
        self._process: EngineProcess | None = None
        self._info: ModelInfo | None = None
        self._ids = itertools.count(1)
        self._running: int | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # The child's life

    def start(self) -> None:
        """Start the child and load the model, unless that is done."""
        with self._lock:
            if self._process is not None and self._process.alive:
                return
            self._drop()
            header = read_gguf_header(self._path)
            about = card(header)
            context = min(self._context, about.trained_context or self._context)
            if not self._allow_large:
                check_memory(header, context)
            self._process = EngineProcess(self._threads)
            request = protocol.Load(self._next_id(), str(self._path), context, self._threads)
            try:
                loaded = self._converse(self._process, request, protocol.Loaded, Callbacks())
            except BaseException:
                self._drop()
                raise
            self._info = ModelInfo(
                name=about.name,
                path=self._path,
                parameters=loaded.parameters,
                context=loaded.context,
                languages=about.languages,
                prompt_format=about.prompt_format,
                licence=about.licence,
                threads=loaded.threads,
                chat_template=loaded.chat_template,
                description=loaded.description,
            )
            log.info("%s loaded: context %d tokens, %d threads", about.name, loaded.context, loaded.threads)

    def close(self) -> None:
        """End the child. A request running in another thread is cancelled first. Closing twice does nothing."""
        self.cancel()
        with self._lock:
            self._drop()

    def _drop(self) -> None:
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
        return self._ask(protocol.Count(self._next_id(), _parts(text)), protocol.Counted).tokens

    def warm(self, prefix: str, *, cancelled: IsCancelled | None = None) -> None:
        """Read `prefix` into the KV cache, so that a prompt which begins with it is read from there on."""
        self._ask(protocol.Warm(self._next_id(), _parts(prefix)), protocol.Done, Callbacks(cancelled=cancelled))

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
            self._next_id(), _parts(prompt), max_tokens, tuple(stop), grammar, float(temperature), seed
        )
        done = self._ask(request, protocol.Done, Callbacks(on_reading, on_text, cancelled))
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
        request = protocol.ScoreContinuations(self._next_id(), _parts(prompt), tuple(continuations))
        scored = self._ask(request, protocol.Scored, Callbacks(cancelled=cancelled))
        log.info(
            "scored %d continuations in %.2f s; %d of %d prompt tokens reused",
            len(scored.logprobs), scored.seconds, scored.reused_tokens, scored.prompt_tokens,
        )  # fmt: skip
        return [Score(logprob, tokens) for logprob, tokens in zip(scored.logprobs, scored.tokens, strict=True)]

    def cancel(self) -> None:
        """Cancel the request that is running, if any; from any thread."""
        running, process = self._running, self._process
        if running is not None and process is not None:
            process.send(protocol.Cancel(self._next_id(), running))

    # The conversation

    def _next_id(self) -> int:
        return next(self._ids)

    def _ask(self, request: protocol.Request, answer: type[_Answer], callbacks: Callbacks | None = None) -> _Answer:
        with self._lock:
            self.start()
            assert self._process is not None
            self._running = request.id
            try:
                return self._converse(self._process, request, answer, callbacks or Callbacks())
            finally:
                self._running = None

    def _converse(
        self, process: EngineProcess, request: protocol.Request, answer: type[_Answer], callbacks: Callbacks
    ) -> _Answer:
        """Send a request and hear the worker out until its answer."""
        process.send(request)
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
                    process.send(protocol.Cancel(self._next_id(), request.id))
                    cancel_sent = now
                self._check_pulse(process, request, now - heard, now - cancel_sent if cancel_sent else 0.0)
        except EOFError:
            raise EngineStopped(
                f"The engine stopped at work ({process.cause_of_death()}); it starts again with the next question."
            ) from None
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
                return ModelUnreadable(f"{failed.message}{detail}: choose another model file.")
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
