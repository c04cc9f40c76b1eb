"""What goes into the engine and comes out of it: prompts, what is known of the model, generations, scores.

Frozen records; `agent.engine` makes them and hands them out under these names too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from agent import protocol
from agent.protocol import Part
from index.records import Language

OnReading = Callable[[int, int], None]
OnText = Callable[[str], None]
IsCancelled = Callable[[], bool]


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
        return Prompt((*self.parts, *parts_of(text)))


def parts_of(prompt: str) -> tuple[Part, ...]:
    """The parts of a prompt; a plain str is one in which nothing is special."""
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
    reading_threads: int
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
