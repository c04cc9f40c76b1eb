"""The engine worker's desk: one request in, events and one answer out, computed on a loaded model.

It says what generating, scoring and warming mean in terms of tokens and logits, and knows neither pipes nor llama.cpp's
C interface: the model is handed in (`agent.engine_worker.Model`).
"""

from __future__ import annotations

import sys
import time
import traceback
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from agent import protocol
from agent.chat_template import ChatTemplate, TemplateFailed
from agent.protocol import Part, Request
from agent.sampling import Logits, Sampler, log_probability
from agent.streaming import TextStream
from agent.threads import Speed, choose

if TYPE_CHECKING:
    from agent.engine_worker import Model

MEASURED_PROMPT, MEASURED_WRITING = 64, 6
"""Tokens read and written to time a number of threads."""

MEASURED_ROUNDS = 2

LOGITS_BATCH = 64
"""Tokens read at once when logits are written: at a vocabulary of 262,144, 64 MiB of them."""

SIGN_OF_LIFE = 1.0
"""Seconds after which an empty piece of text tells the engine that the worker is at work."""


class Cancelled(Exception):
    """The request was cancelled; the KV cache holds what was read completely."""


class Refused(Exception):
    """A request that can't be answered: the kind of failure, and a sentence."""

    def __init__(self, kind: protocol.FailureKind, sentence: str) -> None:
        super().__init__(sentence)
        self.kind: protocol.FailureKind = kind


@dataclass(frozen=True, slots=True)
class Row:
    """One token of a batch: where it stands, and whether its logits are wanted."""

    token: int
    position: int
    logits: bool


class Desk:
    """Answers requests one after the other. `load` makes a model, `send` writes a message, `cancelled` is asked
    between tokens (llama.cpp asks it itself within a batch)."""

    def __init__(
        self, load: Callable[..., Model], send: Callable[[protocol.Message], object], cancelled: Callable[[], bool]
    ) -> None:
        self._load = load
        self._send = send
        self._cancelled = cancelled
        self._model: Model | None = None
        self._template: ChatTemplate | None = None
        self._last_sent = 0.0

    def answer(self, request: Request, log: Iterable[str]) -> None:
        """Answer one request; whatever goes wrong is an answer too, with llama.cpp's last lines in `log`."""
        try:
            self._tell(self._answer(request))
        except Refused as refused:
            self._tell(protocol.Failed(request.id, refused.kind, str(refused), tuple(log)))
        except TemplateFailed as failed:
            self._tell(protocol.Failed(request.id, "value", str(failed)))
        except Exception as error:  # the engine must hear of it, whatever it is
            traceback.print_exc(file=sys.stderr)
            self._tell(protocol.Failed(request.id, "internal", f"{type(error).__name__}: {error}", tuple(log)))

    def _answer(self, request: Request) -> protocol.Message:
        match request:
            case protocol.Load():
                return self._loaded(request)
            case protocol.Chat():
                return self._rendered(request)
            case protocol.Count():
                return protocol.Counted(request.id, len(self._ready.tokens(request.prompt)))
            case protocol.Tokenise():
                return protocol.Tokens(request.id, tuple(self._ready.tokens(request.prompt)))
            case protocol.WriteLogits():
                return self._logits_written(request)
            case protocol.Warm():
                return self._warmed(request)
            case protocol.Generate():
                return self._generated(request)
            case protocol.ScoreContinuations():
                return self._scored(request)
            case protocol.Measure():
                return self._measured(request)
            case _:
                raise Refused("value", f"{request.kind} has no answer")

    def _tell(self, message: protocol.Message) -> None:
        self._last_sent = time.monotonic()
        self._send(message)

    def _show_life(self, request: int) -> None:
        if time.monotonic() - self._last_sent > SIGN_OF_LIFE:
            self._tell(protocol.Text(request, ""))

    @property
    def _ready(self) -> Model:
        if self._model is None:
            raise Refused("value", "no model is loaded")
        return self._model

    def _loaded(self, request: protocol.Load) -> protocol.Loaded:
        if self._model is not None:
            raise Refused("value", "a worker loads one model; start another for another")

        def alive() -> None:
            self._show_life(request.id)

        self._model = model = self._load(request, self._cancelled, alive)
        return protocol.Loaded(
            request.id,
            description=model.description,
            parameters=model.parameters,
            context=model.context,
            trained_context=model.trained_context,
            threads=request.threads,
            reading_threads=request.reading_threads,
            chat_template=model.template is not None,
        )

    def _rendered(self, request: protocol.Chat) -> protocol.Rendered:
        model = self._ready
        if self._template is None:
            self._template = ChatTemplate(
                model.template, bos=model.token_text(model.bos), eos=model.token_text(model.eos)
            )
        parts = self._template.parts(request.messages, open_assistant=request.open_assistant)
        return protocol.Rendered(request.id, parts)

    # Reading

    def _prompt(self, prompt: Sequence[Part], room: int) -> list[int]:
        """The prompt's tokens; refused where they leave less than `room` tokens of the context."""
        model = self._ready
        self._refuse_endless(prompt)
        # A model that wants no BOS still needs one token to begin at.
        tokens = model.tokens(prompt) or [model.bos if model.bos >= 0 else model.eos]
        if len(tokens) + room > model.context:
            raise Refused(
                "too_long",
                f"the prompt has {len(tokens)} tokens, and with {room} to follow it the model's context of "
                f"{model.context} tokens can't hold it: shorten the prompt or give the model a larger context",
            )
        return tokens

    def _refuse_endless(self, prompt: Sequence[Part]) -> None:
        model = self._ready
        if (fewest := model.fewest_tokens(prompt)) > model.context:
            raise Refused(
                "too_long",
                f"the prompt has more than {fewest} tokens, and the model's context is {model.context} tokens: shorten "
                "the prompt",
            )

    def _read(self, request: int, tokens: Sequence[int]) -> None:
        model = self._ready
        self._tell(protocol.ReadingPrompt(request, len(model.cached), len(tokens)))
        for done in model.read(tokens):
            self._tell(protocol.ReadingPrompt(request, done, len(tokens)))

    def _warmed(self, request: protocol.Warm) -> protocol.Done:
        started = time.monotonic()
        model = self._ready
        tokens = self._prompt(request.prompt, room=0)
        model.recall(tokens)
        reused = model.reuse(tokens)
        finish: protocol.Finish = "end"
        try:
            self._read(request.id, tokens)
            model.keep()
        except Cancelled:
            finish = "cancelled"
        seconds = time.monotonic() - started
        return protocol.Done(request.id, "", len(tokens), reused, 0, finish, None, seconds)

    # Writing

    def _generated(self, request: protocol.Generate) -> protocol.Done:
        started = time.monotonic()
        model = self._ready
        tokens = self._prompt(request.prompt, room=min(1, request.max_tokens))
        reused = model.reuse(tokens)
        stream = TextStream(request.stop)
        limit = min(request.max_tokens, model.context - len(tokens))
        generated = 0
        first: float | None = None
        finish: protocol.Finish = "length"
        with model.grammar(request.grammar) if request.grammar is not None else nullcontext() as grammar:
            sampler = Sampler(request.temperature, request.seed, grammar.allowed if grammar else None)
            try:
                self._read(request.id, tokens)
                while generated < limit:
                    token = sampler.pick(model.logits())
                    first = first or time.monotonic() - started
                    if token is None or model.ends(token):
                        finish = "end"
                        break
                    generated += 1
                    if grammar:
                        grammar.accept(token)
                    self._show(request.id, stream.feed(model.piece(token)))
                    if stream.stopped:
                        finish = "stop"
                        break
                    if self._cancelled():
                        raise Cancelled
                    if generated < limit:
                        model.append(token)
            except Cancelled:
                finish = "cancelled"
        self._show(request.id, stream.finish())
        seconds = time.monotonic() - started
        return protocol.Done(request.id, stream.text, len(tokens), reused, generated, finish, first, seconds)

    def _show(self, request: int, text: str) -> None:
        if text:
            self._tell(protocol.Text(request, text))
        else:
            self._show_life(request)

    # Scoring

    def _scored(self, request: protocol.ScoreContinuations) -> protocol.Scored:
        started = time.monotonic()
        model = self._ready
        tokens = self._prompt(request.prompt, room=0)
        continuations: list[list[int]] = []
        for text in request.continuations:
            if self._cancelled():
                seconds = time.monotonic() - started
                return protocol.Scored(request.id, (), (), len(tokens), 0, seconds)
            self._refuse_endless([Part(text, special=False)])
            continuations.append(model.continuation(request.prompt, tokens, text))
        longest = max((len(continuation) for continuation in continuations), default=0)
        self._prompt(request.prompt, room=longest)
        reused = model.reuse(tokens)
        sums: list[float] = []
        try:
            self._read(request.id, tokens)
            after_prompt = model.logits().copy()  # each continuation begins from these, and overwrites them
            for continuation in continuations:
                if len(model.cached) < len(tokens):  # a recurrent model's state can't be cut back
                    self._read(request.id, tokens)
                sums.append(self._log_probability(after_prompt, continuation, len(tokens)))
                self._tell(protocol.ReadingPrompt(request.id, len(tokens), len(tokens)))
        except Cancelled:
            sums = []
        counts = tuple(len(continuation) for continuation in continuations) if sums else ()
        seconds = time.monotonic() - started
        return protocol.Scored(request.id, tuple(sums), counts, len(tokens), reused, seconds)

    def _log_probability(self, after_prompt: Logits, continuation: Sequence[int], start: int) -> float:
        """Of a continuation that begins at position `start`, computed after the prompt and then cut off again.

        Continuations computed together, each in a sequence of its own, would lie between one another in the cache,
        and their scores then depend on their order (by 0.2 for fifteen tokens).
        """
        model = self._ready
        total = log_probability(after_prompt, continuation[0]) if continuation else 0.0
        try:
            for begin in range(0, len(continuation) - 1, model.scored_rows):
                end = min(begin + model.scored_rows, len(continuation) - 1)
                model.decode([Row(continuation[at], start + at, True) for at in range(begin, end)])
                for at in range(begin, end):
                    if self._cancelled():
                        raise Cancelled
                    total += log_probability(model.logits(at - begin), continuation[at + 1])
        finally:
            model.cut_back()
        return total

    # Logits

    def _logits_written(self, request: protocol.WriteLogits) -> protocol.LogitsWritten:
        """Logits at the positions asked for, read from an empty cache, which is left empty."""
        model = self._ready
        tokens, wanted = request.tokens, frozenset(request.positions)
        if len(tokens) > model.context:
            raise Refused("too_long", f"{len(tokens)} tokens do not fit the context of {model.context} tokens")
        if not all(0 <= token < model.size for token in tokens) or not wanted <= set(range(len(tokens))):
            raise Refused("value", "a token is not in the vocabulary, or a position not among the tokens")
        model.forget()
        written = 0
        try:
            with Path(request.path).open("wb") as file:
                for start in range(0, len(tokens), LOGITS_BATCH):
                    end = min(start + LOGITS_BATCH, len(tokens))
                    model.decode([Row(tokens[at], at, at in wanted) for at in range(start, end)])
                    model.cached.extend(tokens[start:end])
                    for at in sorted(wanted.intersection(range(start, end))):
                        file.write(model.logits(at - start).tobytes())
                        written += 1
                    self._show_life(request.id)
        except Cancelled:
            pass
        except OSError as error:
            raise Refused("value", f"{request.path} can't be written ({error.strerror})") from error
        finally:
            model.forget()
        return protocol.LogitsWritten(request.id, written)

    # Measuring

    def _measured(self, request: protocol.Measure) -> protocol.Measured:
        """Each number of threads twice, by turns, and the better time counts: another program may have been at work.
        The cache is empty afterwards; kept beginnings are put back by the next prompt."""
        model = self._ready
        if model.context < MEASURED_PROMPT + MEASURED_WRITING:
            raise Refused("value", f"a context of {model.context} tokens is too short to measure in")
        before = model.threads
        until = time.monotonic() + request.seconds
        best: dict[int, tuple[float, float]] = {}
        try:
            self._timed(request.threads[0])  # the first pages of the weights come from the disk
            for round_ in range(MEASURED_ROUNDS):
                for threads in request.threads:
                    if best and (time.monotonic() > until or (round_ and threads not in best)):
                        continue  # the time is up
                    found = self._timed(threads)
                    known = best.get(threads, found)
                    best[threads] = (max(known[0], found[0]), max(known[1], found[1]))
                    self._show_life(request.id)
        except Cancelled:
            best = {}
            model.use_threads(*before)
        else:
            speeds = [Speed(threads, *found) for threads, found in best.items()]
            choice = choose(speeds)
            model.use_threads(choice.writing, choice.reading)
        finally:
            model.forget()
        reading, writing = tuple(found[0] for found in best.values()), tuple(found[1] for found in best.values())
        return protocol.Measured(request.id, tuple(best), reading, writing)

    def _timed(self, threads: int) -> tuple[float, float]:
        """Tokens a second of reading and of writing on that many threads. Raises Cancelled."""
        model = self._ready
        model.use_threads(threads, threads)
        model.forget()
        started = time.monotonic()
        model.decode([Row(at % model.size, at, at == MEASURED_PROMPT - 1) for at in range(MEASURED_PROMPT)])
        read = time.monotonic()
        for at in range(MEASURED_PROMPT, MEASURED_PROMPT + MEASURED_WRITING):
            if self._cancelled():
                raise Cancelled
            model.decode([Row(at % model.size, at, True)])
        written = time.monotonic()
        return MEASURED_PROMPT / (read - started), MEASURED_WRITING / (written - read)
