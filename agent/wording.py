"""The text of an answer: evidence quoted with its numbers, refusals, and the check of what a model made of evidence.

Comes in: evidence, or a stretch of model text with what it may rest on. Goes out: text for the reader, and the reason
why a stretch of model text may not be shown. It knows nothing of engines or searches.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from difflib import SequenceMatcher

from agent.records import Evidence
from agent.sentences import CELL, sentences
from agent.terms import folded, holds, identifiers, wants_figure
from index.analyzer import tokens
from index.records import Hit, Language

SUPPORTED = 0.8  # share of a sentence's words that must come from evidence or question
LEFT_OUT = 0.15  # share of a quote's content words that a close sentence may leave out
IN_ORDER = 0.8  # share of a close sentence's words that come in the quote's order

_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
_NAMED = re.compile(
    r"\b([a-z][a-z0-9]+) (?:command|utility|daemon|option|parameter|process|service|job|script|directive|variable)s?\b"
    r"|\b(?:command|run|execute|type|option|parameter) [`\"']?([a-z][a-z0-9]+)"
)
_MARKER = re.compile(r"\s*\[\d{1,2}\]")
_PROPER = re.compile(r"(?<=[a-z,;] )[A-Z][\w/-]+")
_NEGATION = re.compile(
    r"\b(?:not|never|no|cannot|can't|don't|doesn't|isn't|without|unable|neither|nor)\b", re.IGNORECASE
)

# Words on which a statement turns, though no search is made by them
_QUALIFIERS = frozenset(
    """all always any at both but by can cannot could either except if may might must neither never no nor not only or
    other should than unless until when while without before after more less most least""".split()  # noqa: SIM905 - as in agent.terms
)
_ASIDE = re.compile(r"\([^()]*\)")
_FIGURE = re.compile(r"(?<![A-Za-z])\d")
_NO_FIGURE = re.compile(r"\b(?:when|default)\b", re.IGNORECASE)
_LETTERS = re.compile(r"[a-z]+")


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


def unsupported(sentence: str, evidence: Sequence[Evidence], question: str) -> str | None:
    """Why a sentence of the model's may not stand: the number, name or command that neither evidence nor question
    holds, a denial that neither makes, too few words from either, or a matter that is neither the question's nor the
    best evidence's (as when a manual tells its reader to say something). None if it may."""
    shown = " ".join(" ".join((*one.heading, one.context, one.quote)) for one in evidence)
    basis = folded(f"{shown} {question}")
    for name in (*identifiers(sentence), *_PROPER.findall(sentence)):
        if not holds(basis, name.rstrip(".,;:")):
            return f"the name {name}"
    for found in _NAMED.finditer(sentence):
        name = found[1] or found[2]
        if not set(tokens(name)) <= set(tokens(basis)):
            return f"the name {name}"
    numbers = set(_NUMBER.findall(basis))
    for number in _NUMBER.findall(folded(sentence)):
        if number not in numbers:
            return f"the number {number}"
    if _NEGATION.search(sentence) and not _NEGATION.search(basis):
        return "a denial"
    words = tokens(sentence, query=True)
    known = set(tokens(basis))
    if not words or sum(word in known for word in words) < SUPPORTED * len(words):
        return "its words"
    best = set(tokens(" ".join((*evidence[0].heading, evidence[0].context, evidence[0].quote)))) if evidence else set()
    if not set(words) & set(tokens(question, query=True)) and sum(word in best for word in words) < len(words) / 2:
        return "it bears neither on the question nor on the best evidence"
    return None


def strays(sentence: str, evidence: Evidence, question: str) -> str | None:
    """Why a sentence is not close enough to the one quote that the model was given; None if it is.

    Close is what says a sentence or row of the quote again: with no words of its own, leaving out hardly any and no
    name, number or condition, in the quote's order, and about what was asked. Words in brackets and whole cells of a
    row may go. An untuned model's answer has to be: of 14 that the starter gave to operators' questions and that
    `unsupported` let pass, 3 said what their quote says.
    """
    if CELL.strip() in sentence or ": - " in sentence:
        return "a copy of the layout"
    # In a manual's question "when" asks for a condition rather than for a date, and a default may be a name.
    if wants_figure(_NO_FIGURE.sub("", question)) and not _FIGURE.search(_ASIDE.sub(" ", sentence)):
        return "no figure where one was asked for"
    said, asked = tokens(sentence, query=True), set(tokens(question, query=True))
    pieces = [evidence.quote[start:end] for start, end in sentences(evidence.quote)] or [evidence.quote]
    piece = max(pieces, key=lambda one: len(set(said) & set(tokens(one, query=True))))
    there = tokens(piece, query=True)
    if not asked & set(there):
        return "not what was asked"
    if own := set(said) - set(there) - set(tokens(evidence.context, query=True)) - asked:
        return f"words of its own: {' '.join(sorted(own))}"
    cells = _ASIDE.sub(" ", piece).split(CELL)
    core = " ".join(cell for cell in cells if len(cells) == 1 or set(said) & set(tokens(cell, query=True)))
    whole = set(tokens(core, query=True))
    if not set(said) & whole - asked:
        return "nothing but the question"
    lost = whole - set(said) - asked
    if len(lost) > LEFT_OUT * len(whole) or any(map(_is_name_or_number, lost)):
        return f"what it leaves out: {' '.join(sorted(lost))}"
    if _qualifiers(core) != _qualifiers(_ASIDE.sub(" ", sentence)):
        return "a condition"
    from_quote = [word for word in said if word in there]
    blocks = SequenceMatcher(None, there, from_quote, autojunk=False).get_matching_blocks()
    return None if sum(block.size for block in blocks) >= IN_ORDER * len(from_quote) else "its order"


def _is_name_or_number(word: str) -> bool:
    return bool(_NUMBER.search(word) or identifiers(word))


def _qualifiers(text: str) -> frozenset[str]:
    return _QUALIFIERS & set(_LETTERS.findall(text.lower()))


def adds_nothing(text: str, question: str) -> bool:
    """Whether the text only says the question again."""
    return set(tokens(text, query=True)) <= set(tokens(question, query=True))


def repeats(sentence: str, before: str) -> bool:
    """Whether a sentence goes round in circles: three words twice in it, or hardly a word that was not there before."""
    words = tokens(sentence)
    triples = list(zip(words, words[1:], words[2:], strict=False))
    known = set(tokens(before))
    return len(set(triples)) < len(triples) or sum(word in known for word in words) >= 0.9 * len(words) > 0


class Vetting:
    """Lets a model's text through sentence by sentence, as long as each is supported; what was let through stays.

    The model writes inside `answer[...]`: the bracket that closes it ends the text. `show` gets the pieces, which
    joined are `text`. `reason` says why a sentence was refused. `close` also refuses what `strays` from the first
    piece of evidence.
    """

    def __init__(
        self, evidence: Sequence[Evidence], question: str, show: Callable[[str], None], *, close: bool = False
    ) -> None:
        self._evidence = evidence
        self._close_to = evidence[0] if close else None
        self._question = question
        self._show = show
        self._pending = ""
        self._depth = 0
        self._closed = False
        self.text = ""
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
        sentence = " ".join(_MARKER.sub("", sentence).split())
        if not sentence:
            return
        self.reason = unsupported(sentence, self._evidence, self._question)
        if self.reason is None and self._close_to is not None:
            self.reason = strays(sentence, self._close_to, self._question)
        if self.reason is None and repeats(sentence, self.text):
            self.reason = "what was said already"
        if self.reason is None and not self.text and adds_nothing(sentence, self._question):
            self.reason = "nothing but the question"
        if self.reason is None:
            piece = f" {sentence}" if self.text else sentence
            self.text += piece
            self._show(piece)


def _place(hit: Hit) -> str:
    return " > ".join(hit.passage.heading[-2:]) or hit.passage.source
