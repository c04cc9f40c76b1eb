"""What the engine and its worker process say to each other: typed messages, one JSON object a line.

Comes in: a line of UTF-8 JSON. Goes out: a frozen dataclass, or ProtocolError. Parsing is strict both ways: an unknown
kind, a missing or extra field or a value of another type is refused. It knows nothing of processes or models.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated, Literal, TypeVar

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

_T = TypeVar("_T")
_STRICT = ConfigDict(strict=True, extra="forbid")

FailureKind = Literal["model", "memory", "too_long", "value", "internal"]
Finish = Literal["end", "stop", "length", "cancelled"]


class ProtocolError(Exception):
    """A line is not one of the messages; the message says which rule it breaks."""


@dataclass(frozen=True, config=_STRICT)
class Part:
    """A stretch of a prompt. `special`: the template's own text, in which special tokens are recognised."""

    text: str
    special: bool


# Requests


@dataclass(frozen=True, config=_STRICT)
class Load:
    """Load the GGUF at `path` with room for `context` tokens, reading prompts on `reading_threads` threads and writing
    on `threads`. Warmed beginnings of prompts are kept in the folder `keep` ("": in memory only)."""

    id: int
    path: str
    context: int
    threads: int
    reading_threads: int
    keep: str = ""
    kind: Literal["load"] = "load"


@dataclass(frozen=True, config=_STRICT)
class Chat:
    """Render `messages`, pairs of role and text, with the model's template."""

    id: int
    messages: tuple[tuple[str, str], ...]
    open_assistant: bool
    kind: Literal["chat"] = "chat"


@dataclass(frozen=True, config=_STRICT)
class Count:
    """Count the tokens of a prompt."""

    id: int
    prompt: tuple[Part, ...]
    kind: Literal["count"] = "count"


@dataclass(frozen=True, config=_STRICT)
class Tokenise:
    """Tell the tokens of a prompt."""

    id: int
    prompt: tuple[Part, ...]
    kind: Literal["tokenise"] = "tokenise"


@dataclass(frozen=True, config=_STRICT)
class WriteLogits:
    """Read `tokens` from the first one on and write the logits after those at `positions` (ascending) to the file
    `path`, row by row as 32-bit floats: a vocabulary is too wide for a line of JSON."""

    id: int
    tokens: tuple[int, ...]
    positions: tuple[int, ...]
    path: str
    kind: Literal["logits"] = "logits"


@dataclass(frozen=True, config=_STRICT)
class Warm:
    """Read a prompt into the KV cache, and keep it for all prompts that begin with it, whatever comes between."""

    id: int
    prompt: tuple[Part, ...]
    kind: Literal["warm"] = "warm"


@dataclass(frozen=True, config=_STRICT)
class Generate:
    """Continue a prompt. `temperature` 0 is greedy; `seed` counts only above that."""

    id: int
    prompt: tuple[Part, ...]
    max_tokens: int
    stop: tuple[str, ...] = ()
    grammar: str | None = None
    temperature: float = 0.0
    seed: int = 0
    kind: Literal["generate"] = "generate"


@dataclass(frozen=True, config=_STRICT)
class ScoreContinuations:
    """Log-probability of each continuation after the prompt."""

    id: int
    prompt: tuple[Part, ...]
    continuations: tuple[str, ...]
    kind: Literal["score"] = "score"


@dataclass(frozen=True, config=_STRICT)
class Measure:
    """Read and write on each of these numbers of threads, for `seconds` in all, and go on with the best."""

    id: int
    threads: tuple[int, ...]
    seconds: float
    kind: Literal["measure"] = "measure"


@dataclass(frozen=True, config=_STRICT)
class Cancel:
    """Stop request `target`, whether it runs or waits; it is answered as far as it went. Has no answer of its own."""

    id: int
    target: int
    kind: Literal["cancel"] = "cancel"


Request = Load | Chat | Count | Tokenise | WriteLogits | Warm | Generate | ScoreContinuations | Measure | Cancel


# Events on the way to an answer, and answers


@dataclass(frozen=True, config=_STRICT)
class Loaded:
    """The model is ready. `context` is what it got, `trained_context` the most it was trained for, in tokens."""

    id: int
    description: str
    parameters: int
    context: int
    trained_context: int
    threads: int
    reading_threads: int
    chat_template: bool
    kind: Literal["loaded"] = "loaded"


@dataclass(frozen=True, config=_STRICT)
class Rendered:
    """A rendered chat."""

    id: int
    parts: tuple[Part, ...]
    kind: Literal["rendered"] = "rendered"


@dataclass(frozen=True, config=_STRICT)
class Counted:
    """Tokens of a prompt, with its beginning-of-text token."""

    id: int
    tokens: int
    kind: Literal["counted"] = "counted"


@dataclass(frozen=True, config=_STRICT)
class Tokens:
    """Tokens of a prompt, with its beginning-of-text token."""

    id: int
    tokens: tuple[int, ...]
    kind: Literal["tokens"] = "tokens"


@dataclass(frozen=True, config=_STRICT)
class LogitsWritten:
    """So many rows of logits, each as wide as the vocabulary, are in the file; fewer than asked for when cancelled."""

    id: int
    rows: int
    kind: Literal["logits"] = "logits"


@dataclass(frozen=True, config=_STRICT)
class ReadingPrompt:
    """Of the prompt's `total` tokens, `done` are in the KV cache (those found there included)."""

    id: int
    done: int
    total: int
    kind: Literal["reading"] = "reading"


@dataclass(frozen=True, config=_STRICT)
class Text:
    """Whole characters of generated text, to be appended; may be empty, as a sign of life."""

    id: int
    piece: str
    kind: Literal["text"] = "text"


@dataclass(frozen=True, config=_STRICT)
class Done:
    """The end of warm or generate. Seconds count from when the worker took the request up."""

    id: int
    text: str
    prompt_tokens: int
    reused_tokens: int
    generated_tokens: int
    finish: Finish
    first_token_seconds: float | None
    seconds: float
    kind: Literal["done"] = "done"


@dataclass(frozen=True, config=_STRICT)
class Scored:
    """Sums of natural log-probabilities and token counts, in the order of the continuations; empty when cancelled."""

    id: int
    logprobs: tuple[float, ...]
    tokens: tuple[int, ...]
    prompt_tokens: int
    reused_tokens: int
    seconds: float
    kind: Literal["scored"] = "scored"


@dataclass(frozen=True, config=_STRICT)
class Measured:
    """Tokens a second for each number of threads, as far as it came; empty when cancelled, with the threads as they
    were."""

    id: int
    threads: tuple[int, ...]
    reading: tuple[float, ...]
    writing: tuple[float, ...]
    kind: Literal["measured"] = "measured"


@dataclass(frozen=True, config=_STRICT)
class Failed:
    """The request failed; the worker goes on. `message` is a sentence, `log` llama.cpp's last lines."""

    id: int
    failure: FailureKind
    message: str
    log: tuple[str, ...] = ()
    kind: Literal["failed"] = "failed"


Message = (
    Loaded | Rendered | Counted | Tokens | LogitsWritten | ReadingPrompt | Text | Done | Scored | Measured | Failed
)


_requests: TypeAdapter[Request] = TypeAdapter(Annotated[Request, Field(discriminator="kind")])
_messages: TypeAdapter[Message] = TypeAdapter(Annotated[Message, Field(discriminator="kind")])


def encode(message: Request | Message) -> bytes:
    """The message as one line of JSON, line feed included. Half surrogate pairs, which UTF-8 can't hold, become "?"."""
    return json.dumps(asdict(message), ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace") + b"\n"


def decode_request(line: bytes) -> Request:
    """Parse a line for the worker; raises ProtocolError."""
    return _parse(_requests, line)


def decode_message(line: bytes) -> Message:
    """Parse a line from the worker; raises ProtocolError."""
    return _parse(_messages, line)


def _parse(union: TypeAdapter[_T], line: bytes) -> _T:
    try:
        return union.validate_json(line)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(step) for step in first["loc"]) or "line"
        raise ProtocolError(f"{where}: {first['msg']}") from None
