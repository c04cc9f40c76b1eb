"""The text of an answer: evidence quoted with its numbers, refusals, and what is let through of a model's phrasing.

Comes in: evidence, and the pieces of what a model writes. Goes out: text for the reader with the stretches that are to
be marked, and the reason why the rest may not be shown. What a sentence may say is judged in `agent.support`. It knows
nothing of engines or searches.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Protocol

from agent.foreign_turns import without_turns
from agent.records import Evidence, Unsupported
from agent.sentences import sentences
from agent.support import Unheld, adds_nothing, content, fault, repeats, strays, unheld
from index.analyzer import tokens
from index.records import Hit, Language

MOST_MARKS = 3  # stretches that the evidence does not hold, in a whole answer; one for a model that was not tuned

_MARKER = re.compile(r"\s*\[\d{1,2}\]")
_ITEM = re.compile(r"^\s*[-*•・]\s+")
_NO_BLANK_AFTER = "。！？」』）"


class Show(Protocol):
    """Takes a piece of text with its stretches to be marked."""

    def __call__(self, piece: str, unsupported: tuple[Unsupported, ...], /) -> None: ...


def quoted(evidence: Sequence[Evidence]) -> str:
    """The evidence itself as an answer: each quote verbatim with its number, table headers and terms above it."""
    lines = []
    for number, one in enumerate(evidence, start=1):
        if one.context:
            lines.append(one.context)
        lines.append(f"{one.quote} [{number}]")
    return "\n".join(lines)


def refusal(language: Language, nearest: Sequence[Hit]) -> str:
    """That the manuals do not tell, and what comes nearest, by heading."""
    headings = list(dict.fromkeys(_place(hit) for hit in nearest))
    if language == "ja":
        near = "、".join(f"「{heading}」" for heading in headings)
        return f"マニュアルには見当たりません。近い箇所: {near}" if near else "マニュアルには見当たりません。"
    near = "; ".join(headings)
    return f"Not in the manuals. Nearest: {near}." if near else "Not in the manuals."


def markers(text: str, evidence: Sequence[Evidence]) -> str:
    """The numbers of the evidence that `text` rests on, e.g. " [1] [3]": each that holds something the others don't,
    and at least the one that holds most."""
    words = set(tokens(text))
    held = [words & set(tokens(" ".join((*one.heading, one.context, one.quote)))) for one in evidence]
    if not held:
        return ""
    chosen: list[int] = []
    covered: set[str] = set()
    for at in sorted(range(len(held)), key=lambda at: -len(held[at])):
        if not chosen or len(held[at] - covered) >= 2:
            chosen.append(at)
            covered |= held[at]
    return "".join(f" [{at + 1}]" for at in sorted(chosen))


class Vetting:
    """Lets a model's text through sentence by sentence, as long as each is supported; what was let through stays.

    The model writes inside `answer[...]`: the bracket that closes it ends the text. `show` gets the pieces, which
    joined are `text`, and what is to be marked in each; `unsupported` is the same for the whole. `reason` says why a
    sentence was refused. `close` also refuses what `strays` from the first piece of evidence. `beside` is evidence that
    the model was not given and the reader sees: what only that holds is no slip to be marked; it says of one thing what
    is true of another, and the sentence is refused.
    """

    def __init__(
        self,
        evidence: Sequence[Evidence],
        question: str,
        show: Show,
        *,
        close: bool = False,
        beside: Sequence[Evidence] = (),
    ) -> None:
        self._evidence = [without_turns(one) for one in evidence]
        self._beside = [without_turns(one) for one in beside]
        self._close = close
        self._question = question
        self._show = show
        self._pending = ""
        self._depth = 0
        self._closed = False
        self.text = ""
        self.unsupported: tuple[Unsupported, ...] = ()
        self.reason: str | None = None

    @property
    def ended(self) -> bool:
        """Whether nothing more will pass: the action is closed, or a sentence was refused."""
        return self._closed or self.reason is not None

    def feed(self, piece: str) -> None:
        """Take the next piece of what the model writes."""
        for character in piece:
            if self._closed:
                break
            self._depth += {"[": 1, "]": -1}.get(character, 0)
            self._closed = self._depth < 0
            self._pending += "" if self._closed else character
        # The last sentence may go on, also one that seems to end where the text does ("v2." before "1").
        spans = sentences(self._pending)
        if len(spans) > 1:
            for start, end in spans[:-1]:
                self._pass(self._pending[start:end])
            self._pending = self._pending[spans[-1][0] :]

    def finish(self, *, complete: bool) -> None:
        """The model is done. Unless it was `complete` (ended by itself), a last sentence without a stop is dropped."""
        for start, end in sentences(self._pending):
            sentence = self._pending[start:end]
            if complete or self._closed or sentence[-1] in ".!?。！？":
                self._pass(sentence)
        self._pending = ""

    def _pass(self, sentence: str) -> None:
        if self.reason is not None:
            return
        sentence = without_lead(" ".join(_MARKER.sub("", sentence).split()), self._evidence, self._question)
        if not sentence:
            return
        marked = unheld(sentence, self._evidence, self._question)
        self.reason = self._fault(sentence, marked)
        if self.reason is None:
            piece = sentence if not self.text or self.text[-1] in _NO_BLANK_AFTER else f" {sentence}"
            ahead = len(piece) - len(sentence)
            marks = tuple(Unsupported(ahead + one.start, ahead + one.end) for one in marked)
            before = len(self.text)
            self.unsupported += tuple(Unsupported(before + one.start, before + one.end) for one in marks)
            self.text += piece
            self._show(piece, marks)

    def _fault(self, sentence: str, marked: Sequence[Unheld]) -> str | None:
        reason = fault(sentence, marked, self._evidence, self._question)
        if reason is None and self._close and self._evidence:
            reason = strays(sentence, self._evidence[0], self._question, marked)
        if reason is None and repeats(sentence, self.text, self._evidence):
            reason = "what was said already"
        if reason is None and not self.text and adds_nothing(sentence, self._question):
            reason = "nothing but the question"
        if reason is None and marked and len(self.unsupported) + len(marked) > (1 if self._close else MOST_MARKS):
            reason = "too much that the evidence does not hold"
        if reason is None and marked and self._beside:
            nowhere = unheld(sentence, [*self._evidence, *self._beside], self._question)
            reason = None if len(nowhere) == len(marked) else "a name or figure of another passage in its place"
        return reason


def without_lead(sentence: str, evidence: Sequence[Evidence], question: str) -> str:
    """A sentence without the heading that a small model copies from the prompt before it ("Ports: - The manager ...")
    and without the mark of a list item."""
    head, colon, rest = sentence.partition(": - ")
    if colon:
        ours = {word for one in evidence for word in content(" ".join((*one.heading, one.context)))}
        if set(content(head)) <= ours | set(content(question)):
            sentence = rest
    for one in evidence:
        heading = " ".join(one.heading[-1].split()) if one.heading else ""
        if heading and sentence.casefold().startswith(f"{heading.casefold()}: "):
            sentence = sentence[len(heading) + 2 :]
    return without_mark(sentence)


def without_mark(text: str) -> str:
    """A text of one line without the mark of a list item before it; several items keep theirs."""
    return text if "\n" in text.strip() else _ITEM.sub("", text)


def _place(hit: Hit) -> str:
    return " > ".join(hit.passage.heading[-2:]) or hit.passage.source
