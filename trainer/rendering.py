"""Conversations and documents as rows of tokens, with the loss where it belongs.

Which tokens are trained is found by rendering prefixes with the model's own chat template, not by the template's masks:
stock templates give all-zero ones without an error (marin-community/marin#7237). A row in which nothing is trained
stops the run, and so does one whose prompt would be tokenised otherwise in use than in training.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Protocol

from agent import prompts
from agent.chat_template import ChatTemplate
from agent.prompts import Message
from index.errors import TebikiError
from trainer.samples import Choice, Row

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


class NothingTrained(TebikiError):
    """A conversation leaves no token to learn, or can't be told apart into prompt and reply."""


class Rendered(Protocol):
    """What rendering needs of a base model."""

    @property
    def tokenizer(self) -> PreTrainedTokenizerBase: ...

    @property
    def template(self) -> ChatTemplate: ...


def conversation(base: Rendered, messages: Sequence[Message], *, longest: int) -> Row | None:
    """The row of a conversation, trained on what the assistant says and on the token that ends it.

    None where it has more than `longest` tokens. Raises NothingTrained.
    """
    text = _text(base, messages, open_assistant=False)
    spans = list(_spoken(base, messages, text))
    ids, offsets = _tokens(base, text, [start for start, _ in spans])
    if len(ids) > longest:
        return None
    trained = _marked(offsets, spans)
    if not any(trained):
        raise NothingTrained(f"Nothing in this conversation is the assistant's: {text[:200]!r}.")
    return Row(tuple(ids), tuple(trained))


def _tokens(base: Rendered, text: str, starts: Sequence[int]) -> tuple[list[int], list[tuple[int, int]]]:
    """The text's tokens and where in it each stands. Where a token would span the border of a reply (a prompt that
    ends in a space), prompt and reply are tokenised one by one, as they are in use."""
    adds = not writes_start(base, text)
    encoded = base.tokenizer(text, return_offsets_mapping=True, add_special_tokens=adds)
    if all(any(begin == start for begin, _ in encoded["offset_mapping"]) for start in starts):
        return list(encoded["input_ids"]), list(encoded["offset_mapping"])
    ids: list[int] = []
    offsets: list[tuple[int, int]] = []
    for begin, end in pairwise([0, *starts, len(text)]):
        piece = base.tokenizer(text[begin:end], return_offsets_mapping=True, add_special_tokens=begin == 0 and adds)
        ids += piece["input_ids"]
        offsets += [(begin + first, begin + last) for first, last in piece["offset_mapping"]]
    return ids, offsets


def writes_start(base: Rendered, text: str) -> bool:
    """Whether a rendered text already begins with the beginning-of-text token, which the tokenizer would add again: in
    use there is exactly one."""
    start = base.tokenizer.bos_token
    return bool(start) and text.startswith(str(start))


def _spoken(base: Rendered, messages: Sequence[Message], text: str) -> Iterator[tuple[int, int]]:
    """Where in the rendered text each of the assistant's replies stands."""
    for at, (role, said) in enumerate(messages):
        if role != "assistant":
            continue
        opened = _text(base, messages[:at], open_assistant=True)
        if not text.startswith(opened) or not text.startswith(said.strip(), len(opened)):
            raise NothingTrained(f"The chat template does not let the reply {said[:60]!r} follow its prompt.")
        yield len(opened), len(opened) + len(said.strip())


def _marked(offsets: Sequence[tuple[int, int]], spans: Sequence[tuple[int, int]]) -> list[bool]:
    """Tokens that begin within a span, and the one behind each, by which the model learns to stop."""
    marks = [any(start <= begin < end for start, end in spans) and end_ > begin for begin, end_ in offsets]
    return [mark or (at > 0 and marks[at - 1]) for at, mark in enumerate(marks)]


def _text(base: Rendered, messages: Sequence[Message], *, open_assistant: bool) -> str:
    return "".join(part.text for part in base.template.parts(messages, open_assistant=open_assistant))


def continuations(base: Rendered, prompt: str, texts: Sequence[str]) -> Row:
    """A prompt with several texts that go on from it, each trained on and none seen by another.

    Each is tokenised with the prompt as one text, or by itself where a token would span the border: as the engine does.
    """
    adds = not writes_start(base, prompt)
    before: list[int] = base.tokenizer(prompt, add_special_tokens=adds)["input_ids"]
    ids, segments = list(before), [0] * len(before)
    for number, text in enumerate(texts, start=1):
        together: list[int] = base.tokenizer(prompt + text, add_special_tokens=adds)["input_ids"]
        alone = together[: len(before)] != before
        tokens = base.tokenizer(text, add_special_tokens=False)["input_ids"] if alone else together[len(before) :]
        if not tokens:
            raise NothingTrained(f"{text!r} has no token of its own after {prompt[-40:]!r}.")
        ids += tokens
        segments += [number] * len(tokens)
    return Row(tuple(ids), tuple(segment > 0 for segment in segments), tuple(segments), len(before))


def choice(base: Rendered, prompt: str, options: Sequence[str], answer: int) -> Choice:
    """A choice question; `prompt` is `agent.prompts.exam_judgement`. Raises NothingTrained."""
    judged = [f"{prompts.exam_option(option)}{prompts.JUDGE}" for option in options]
    right, wrong = (_verdict(base, f"{prompt}{judged[0]}", verdict) for verdict in (prompts.RIGHT, prompts.WRONG))
    row = continuations(base, prompt, judged)
    ids, segments = list(row.ids[: row.shared]), list(row.segments[: row.shared])
    trained = [False] * row.shared
    for number in range(1, len(options) + 1):
        own = [token for token, segment in zip(row.ids, row.segments, strict=True) if segment == number]
        ids += [*own, right]
        segments += [number] * (len(own) + 1)
        trained += [False] * len(own) + [True]
    return Choice(Row(tuple(ids), tuple(trained), tuple(segments), row.shared), answer, wrong)


def _verdict(base: Rendered, prompt: str, verdict: str) -> int:
    """The one token of a verdict, as it goes on from the prompt."""
    row = continuations(base, prompt, [verdict])
    if len(row.ids) != row.shared + 1:
        raise NothingTrained(f"{verdict!r} is not one token of this model, by which options are judged.")
    return row.ids[-1]


def packed(documents: Sequence[Sequence[int]], length: int, *, separator: int) -> list[Row]:
    """Documents (token ids) one behind the other in rows of `length` tokens, each ended by `separator`; a document that
    does not fit goes on in the next row. Every token but a row's first is trained; segments keep documents apart."""
    stream: list[tuple[int, int]] = []
    for number, ids in enumerate(documents):
        stream += [(token, number) for token in (*ids, separator)]
    rows = []
    for at in range(0, len(stream), length):
        part = stream[at : at + length]
        segments = tuple(number for _, number in part)
        starts = [at == 0 or segments[at] != segments[at - 1] for at in range(len(part))]
        if len(part) > 1:
            rows.append(Row(tuple(token for token, _ in part), tuple(not start for start in starts), segments))
    return rows


def coloured(base: Rendered, row: Row) -> str:
    """A row for the terminal: what is trained in green, the rest dimmed."""
    pieces = [base.tokenizer.decode([token]) for token in row.ids]
    return "".join(f"\x1b[{'32' if mark else '2'}m{piece}" for piece, mark in zip(pieces, row.trained, strict=True)) + (
        "\x1b[0m"
    )
